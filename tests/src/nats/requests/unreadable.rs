//! Requests that the engine cannot read: each gets an error answer.

use async_nats::HeaderMap;
use serde_json::{Value, json};

use super::super::caller::Caller;
use super::super::serve_process::ServeProcess;
use super::import;
use crate::support::nats::Server;

/// P31: Each unreadable request gets an error answer, with the command's id if it can be read.
#[tokio::test]
async fn unreadable_requests_get_an_error_answer() {
    let server = Server::start();
    let mut serving = ServeProcess::start(&server);
    let caller = Caller::connect(&server.url()).await;
    check_malformed_envelopes(&caller).await;
    check_malformed_msgpack(&caller).await;
    check_unknown_names_and_values(&caller).await;

    // A query with an empty payload is a query without parameters.
    let answer = caller.request(caller.subject("query", "users"), HeaderMap::new(), vec![]).await;
    assert_eq!(answer.value["rows"], json!([]));
    assert!(serving.exit_status().is_none(), "{}", serving.log());
    assert!(!serving.log().contains("panicked"), "{}", serving.log());
}

async fn check_malformed_envelopes(caller: &Caller) {
    let id = caller.id();
    let valid = json!({"id": id, "actor": "admin", "body": {}});
    let with = |key: &str, value: Value| {
        let mut changed = valid.clone();
        changed[key] = value;
        changed.to_string().into_bytes()
    };
    let mut without_actor = valid.clone();
    without_actor.as_object_mut().unwrap().remove("actor");
    let cases: Vec<(&str, Vec<u8>, bool)> = vec![
        ("empty", b"".to_vec(), false),
        ("not JSON", b"{\"id\":".to_vec(), false),
        ("not UTF-8", b"{\"id\":\"\xff\"}".to_vec(), false),
        ("deep", "[".repeat(500_000).into_bytes(), false),
        ("deep body", with("body", json!("x")), true),
        ("no object", b"[1]".to_vec(), false),
        ("no id", b"{\"actor\":\"a\",\"body\":{}}".to_vec(), false),
        ("huge id", with("id", json!("A".repeat(900_000))), false),
        ("unknown key", with("compnay", json!("acme")), true),
        ("no actor", without_actor.to_string().into_bytes(), true),
        ("blank actor", with("actor", json!(" ")), true),
        ("actor of another kind", with("actor", json!(7)), true),
        ("negative version", with("expected_version", json!(-1)), true),
        ("unknown setting", with("body", json!({"colour": 1})), true),
    ];
    for (what, bytes, names_id) in cases {
        let subject = caller.subject("command", "AddUser");
        let answer = caller.request(subject, HeaderMap::new(), bytes).await;
        let value = answer.error("envelope.malformed", 400);
        assert_eq!(value["outcome"], "refused", "{what}");
        assert_eq!(!value["command"].is_null(), names_id, "{what}: {value}");
        assert!(value["message"].as_str().unwrap().len() < 1_000, "{what}");
    }
    let actor =
        caller.send_command("AddUser", &without_actor).await.error("envelope.malformed", 400);
    assert!(actor["message"].as_str().unwrap().contains("actor"), "{actor}");
    let mut later = valid.clone();
    later["api_version"] = json!(2);
    caller.send_command("AddUser", &later).await.error("envelope.unsupported_version", 400);
}

async fn check_malformed_msgpack(caller: &Caller) {
    let mut msgpack = HeaderMap::new();
    msgpack.insert("Content-Type", "application/msgpack");
    // Deep nesting, a length without content, a reserved byte, nothing.
    let payloads = [vec![0x91; 900_000], vec![0xdd, 0xff, 0xff, 0xff, 0xff], vec![0xc1], vec![]];
    for bytes in payloads {
        let subject = caller.subject("command", "AddUser");
        let answer = caller.request(subject, msgpack.clone(), bytes).await;
        assert_eq!(answer.header("Content-Type"), Some("application/msgpack"));
        answer.error("envelope.malformed", 400);
    }
}

async fn check_unknown_names_and_values(caller: &Caller) {
    let mut text = HeaderMap::new();
    text.insert("Content-Type", "text/plain");
    for kind in ["command", "query"] {
        let subject = caller.subject(kind, "users");
        let answer = caller.request(subject, text.clone(), b"{}".to_vec()).await;
        answer.error("envelope.unsupported_content_type", 400);
    }
    caller.command("AddUsr", json!({})).await.error("envelope.malformed", 400);
    caller.query("usrs", json!({})).await.error("query.unknown", 400);
    caller.query("users", json!({"colour": 1})).await.error("query.malformed", 400);
    caller.query("users", json!({"limit": 501})).await.error("query.malformed", 400);
    caller.query("users", json!([1])).await.error("query.malformed", 400);
    caller.query("users", json!({"actor": 1})).await.error("query.malformed", 400);
    check_actors(caller).await;
    check_keys_and_numbers(caller).await;
    for name in ["users", "history", "runs"] {
        let first = caller.query(name, json!({"cursor": ""})).await;
        assert!(first.value["rows"].is_array(), "{name}: {}", first.value);
    }
    for company in ["Acme", "-x", &"a".repeat(64)] {
        caller
            .for_company(company)
            .command("AddUser", json!({}))
            .await
            .error("envelope.malformed", 400);
        caller
            .for_company(company)
            .query("users", json!({}))
            .await
            .error("envelope.malformed", 400);
    }

    let large = import(&json!({"name": "a.csv", "text": "x".repeat(600 * 1024)}));
    caller.with_msgpack().command("ImportFile", large).await.error("import.too_large", 413);
}

/// The names of actors are bounded and readable, in commands and in queries.
async fn check_actors(caller: &Caller) {
    for actor in ["a\nb", "a\u{202e}b", " ", &"a".repeat(257)] {
        let envelope = json!({"id": caller.id(), "actor": actor, "body": {"user": "ann"}});
        caller.send_command("AddUser", &envelope).await.error("envelope.malformed", 400);
        let refused = caller.query("users", json!({"actor": actor})).await;
        let refused = refused.error("query.malformed", 400);
        assert_eq!(refused["details"]["parameter"], "actor");
    }
    for reserved in ["engine", " ENGINE", "engine\u{200b}"] {
        let envelope = json!({"id": caller.id(), "actor": reserved, "body": {"user": "ann"}});
        caller.send_command("AddUser", &envelope).await.error("auth.actor_reserved", 400);
        let refused = caller.query("users", json!({"actor": reserved})).await;
        refused.error("auth.actor_reserved", 400);
    }
}

/// A key that is given twice, a number that is not finite, an id of more than 128 bits, a trace of another form.
async fn check_keys_and_numbers(caller: &Caller) {
    let mut msgpack = HeaderMap::new();
    msgpack.insert("Content-Type", "application/msgpack");
    let largest = "7ZZZZZZZZZZZZZZZZZZZZZZZZZ";
    // {"id": largest, "actor": "a", "body": {"user": "b", "user": "c"}}
    let twice = [
        b"\x83\xa2id\xba",
        largest.as_bytes(),
        b"\xa5actor\xa1a\xa4body\x82\xa4user\xa1b\xa4user\xa1c",
    ];
    let nan = [b"\x81\xa4body\xcb".as_slice(), &f64::NAN.to_be_bytes()];
    for (bytes, field) in [(twice.concat(), "body.user"), (nan.concat(), "body")] {
        let subject = caller.subject("command", "AddUser");
        let refused = caller.request(subject, msgpack.clone(), bytes).await;
        assert_eq!(refused.error("envelope.malformed", 400)["details"]["field"], field);
    }
    let twice = br#"{"search": "a", "search": "b"}"#;
    let refused = caller.request(caller.subject("query", "users"), HeaderMap::new(), twice.into());
    assert_eq!(refused.await.error("query.malformed", 400)["details"]["field"], "search");
    let above = "80000000000000000000000000";
    for (key, value) in [("id", above), ("correlation", above), ("traceparent", "00-x")] {
        let mut envelope = caller.envelope(&json!({"user": "ann"}));
        envelope[key] = json!(value);
        let refused = caller.send_command("AddUser", &envelope).await;
        assert_eq!(refused.error("envelope.malformed", 400)["details"]["field"], key);
    }
    caller.command("CancelRun", json!({"run": above})).await.error("envelope.malformed", 400);
    caller.query("run", json!({"run": above})).await.error("query.malformed", 400);
}

/// A key that is given twice is refused by its name, in the envelope and in the body, in both encodings.
#[tokio::test]
async fn key_that_is_given_twice_is_refused_over_nats() {
    let server = Server::start();
    let _serving = ServeProcess::start(&server);
    let caller = Caller::connect(&server.url()).await;
    let id = caller.id().to_string();
    let packed = |keys: u8, id_again: bool, body: &[u8]| {
        let one_id = [b"\xa2id\xba".as_slice(), id.as_bytes()].concat();
        let again = if id_again { one_id.clone() } else { Vec::new() };
        let head = [0x80 | keys];
        [&head, &one_id[..], &again, b"\xa5actor\xa5admin\xa4body", body].concat()
    };
    let twice = b"\x82\xa4role\xa1A\xa4role\xa1B";
    let json = |text: String| ("application/json", text.into_bytes());
    for ((encoding, payload), field) in [
        (("application/msgpack", packed(3, false, twice)), "body.role"),
        (("application/msgpack", packed(4, true, b"\x81\xa4role\xa1A")), "id"),
        (
            json(format!(r#"{{"id":"{id}","actor":"admin","body":{{"role":"A","role":"B"}}}}"#)),
            "body.role",
        ),
        (
            json(format!(r#"{{"id":"{id}","id":"{id}","actor":"admin","body":{{"role":"A"}}}}"#)),
            "id",
        ),
    ] {
        let mut headers = HeaderMap::new();
        headers.insert("Content-Type", encoding);
        let answer =
            caller.request(caller.subject("command", "DefineRole"), headers, payload).await;
        let refused = answer.error("envelope.malformed", 400);
        assert_eq!(refused["details"]["field"], field, "{encoding}: {refused}");
    }
    let once = packed(3, false, b"\x81\xa4role\xa1A");
    let mut headers = HeaderMap::new();
    headers.insert("Content-Type", "application/msgpack");
    caller.request(caller.subject("command", "DefineRole"), headers, once).await.accepted();
}
