//! The service on NATS, asked by another program: commands and queries, in JSON and in MessagePack.

use std::time::Duration;

use async_nats::HeaderMap;
use base64::Engine as _;
use boarding_engine::bus::places::Limits;
use boarding_engine::bus::serve::{self, Door};
use boarding_engine::clock::Clock;
use boarding_engine::engine::{Engine, LogChoice, Options};
use boarding_log::connect::Server as Address;
use futures_util::future::join_all;
use serde_json::{Value, json};

use super::caller::{Caller, HEADER, people};
use super::serve_process::ServeProcess;
use crate::support::nats::Server;
use crate::support::wait::eventually;

/// An engine behind a door in this process, where its limits can be chosen.
async fn door(server: &Server, limits: Limits) -> (tempfile::TempDir, Door) {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let options = Options {
        data,
        channel: None,
        adopt_runs: false,
        secret: None,
        log: LogChoice::default(),
        clock: Clock::system(),
    };
    let engine = Engine::open(options).unwrap();
    let address = Address { url: server.url(), ..Address::default() };
    let client = address.connect("test").await.unwrap();
    (
        folder,
        Door::open(engine, client, serve::Options { limits, ..Default::default() }).await.unwrap(),
    )
}

fn import(file: &Value) -> Value {
    json!({"dialect": "leapxpert", "files": [file], "add_to_corporate_phones": true})
}

/// Asks a query in both encodings; the answers must be equal.
async fn both(caller: &Caller, name: &str, params: Value) -> Value {
    let packed = caller.packed();
    let (json, packed) =
        tokio::join!(caller.query(name, params.clone()), packed.query(name, params));
    assert_eq!(json.header("Content-Type"), Some("application/json"));
    assert_eq!(packed.header("Content-Type"), Some("application/msgpack"));
    assert_eq!(json.value, packed.value, "{name}");
    assert_ne!(json.bytes, packed.bytes);
    json.value
}

/// LX-01, LX-12, LX-17, LX-22, LX-24: the main job from end to end, by a program that knows the contract only.
#[tokio::test]
async fn lx_01_the_main_job_is_done_by_another_program() {
    let server = Server::start();
    let _serving = ServeProcess::start(&server);
    let caller = Caller::on(&server.url()).await;
    let packed = caller.packed();
    caller.define_company().await;

    let text = people(3) + "zoe,Zoë,Adams,zoe@acme.example,12,Fixed Income Desk,\n";
    let body = import(&json!({"name": "people.csv", "text": text}));
    let first = caller.command("ImportFile", body).await.ok();
    let import_id = first["result"]["import"].clone();
    let second = HEADER.to_owned() + "ann,Ann,Doe,ann@acme.example,+84912999001,,\n";
    let base64 = base64::engine::general_purpose::STANDARD.encode(second);
    let body = import(&json!({"name": "more.csv", "base64": base64}));
    packed.command("ImportFile", body).await.ok();
    let body = json!({"phone": "+84912999002", "user": "zoe"});
    packed.command("AddCorporatePhone", body).await.ok();

    let source = json!({"source": {"import": import_id}, "channel": "whatsapp"});
    let mut preview = source.clone();
    preview["mode"] = json!("preview");
    let plan = packed.command("StartBulkIntegration", preview).await.ok();
    assert_eq!(plan["result"]["recipient_count"], 4, "{plan}");
    let mut confirmed = source;
    confirmed["mode"] = json!("confirmed");
    confirmed["plan_hash"] = plan["result"]["plan_hash"].clone();
    let started = packed.command("StartBulkIntegration", confirmed).await.ok();
    let run = started["result"]["run"].clone();

    let row = eventually("the run is completed", async || {
        let row = caller.query("run", json!({"run": run})).await.value["row"].clone();
        (row["state"] == "completed").then_some(row)
    })
    .await;
    assert_eq!((&row["total"], &row["passed"]), (&json!(4), &json!(4)), "{row}");

    // All that was reported can be seen from the position of a later command on.
    let last = caller.command("SetCompanyConfig", json!({"company_name": "Acme"})).await.ok();
    let position = &last["position"];
    let seen = |mut params: Value| {
        params["min_position"] = position.clone();
        params["actor"] = json!("admin");
        params
    };
    for (name, params, rows) in [
        ("integration_log", json!({"run": run}), Some(4)),
        ("queue", json!({}), Some(0)),
        ("runs", json!({}), Some(1)),
        ("imports", json!({}), Some(2)),
        ("import_rows", json!({"import": import_id}), Some(4)),
        ("phone_list", json!({}), Some(5)),
        ("users", json!({}), Some(5)),
        ("history", json!({"entity": format!("run:{}", run.as_str().unwrap())}), None),
        ("config", json!({}), None),
    ] {
        let answer = both(&caller, name, seen(params)).await;
        assert!(answer["position"].as_u64().unwrap() >= position.as_u64().unwrap(), "{answer}");
        if let Some(count) = rows {
            assert_eq!(answer["rows"].as_array().unwrap().len(), count, "{name}: {answer}");
        }
    }

    let mut users = Vec::new();
    let mut cursor = Value::Null;
    loop {
        let page = both(&caller, "users", seen(json!({"limit": 2, "cursor": cursor}))).await;
        let rows = page["rows"].as_array().unwrap();
        assert!(rows.len() <= 2);
        users.extend(rows.iter().map(|row| row["user"].as_str().unwrap().to_owned()));
        cursor = page["next"].clone();
        if cursor.is_null() {
            break;
        }
    }
    users.sort();
    assert_eq!(users, ["ann", "user0", "user1", "user2", "zoe"]);

    let csv = packed.query("integration_log", seen(json!({"run": run, "format": "csv"}))).await;
    assert_eq!(csv.header("Content-Type"), Some("text/csv; charset=utf-8"));
    assert_eq!(String::from_utf8(csv.bytes).unwrap().lines().count(), 5);
}

/// P10: one id is one command, however it is written and however often it is sent.
#[tokio::test]
async fn p10_a_retry_gets_the_first_answer_and_another_body_a_conflict() {
    let server = Server::start();
    let mut serving = ServeProcess::start(&server);
    let caller = Caller::on(&server.url()).await;
    let envelope = caller.envelope(&json!({"company_name": "Acme"}));
    let first = caller.ask("SetCompanyConfig", &envelope).await.ok();
    assert_eq!(first["duplicate"], false);
    serving.restart(&[]);
    for again in [caller.clone(), caller.packed()] {
        let mut repeat = again.ask("SetCompanyConfig", &envelope).await.ok();
        assert_eq!(repeat["duplicate"], true);
        repeat["duplicate"] = json!(false);
        assert_eq!(repeat, first);
    }
    let mut other = envelope.clone();
    other["body"]["company_name"] = json!("Other");
    let no = caller.packed().ask("SetCompanyConfig", &other).await;
    assert_eq!(no.no("command.duplicate_conflict", 409)["command"], envelope["id"]);
}

/// Section 1: versions are gapless, whoever asks at the same time.
#[tokio::test]
async fn sixty_four_clients_at_once_leave_no_gap() {
    let server = Server::start();
    let _serving = ServeProcess::start(&server);
    let url = server.url();
    let callers = join_all((0..64).map(|_| Caller::on(&url))).await;
    let ask = |(n, caller): (usize, Caller)| async move {
        let caller = if n % 2 == 0 { caller.packed() } else { caller };
        let mut versions = Vec::new();
        for k in 0..10 {
            let body = json!({"user": format!("u{n}-{k}"), "first_name": "A", "last_name": "B"});
            let told = caller.command("AddUser", body).await.ok();
            versions.push(told["version"].as_u64().unwrap());
        }
        assert!(versions.is_sorted(), "{versions:?}");
        versions
    };
    let asked = callers.into_iter().enumerate().map(|one| tokio::spawn(ask(one)));
    let mut versions: Vec<u64> =
        join_all(asked).await.into_iter().flat_map(Result::unwrap).collect();
    versions.sort_unstable();
    assert_eq!(versions, (1..=640).collect::<Vec<u64>>());
}

/// P31: what cannot be read is refused with a code, names the command where it can, and does no harm.
#[tokio::test]
async fn p31_whatever_is_sent_there_is_an_answer() {
    let server = Server::start();
    let mut serving = ServeProcess::start(&server);
    let caller = Caller::on(&server.url()).await;
    let id = caller.id();
    let good = json!({"id": id, "actor": "admin", "body": {}});
    let with = |key: &str, value: Value| {
        let mut changed = good.clone();
        changed[key] = value;
        changed.to_string().into_bytes()
    };
    let mut without_actor = good.clone();
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
        let told = caller.send(subject, HeaderMap::new(), bytes).await;
        let value = told.no("envelope.malformed", 400);
        assert_eq!(value["outcome"], "refused", "{what}");
        assert_eq!(!value["command"].is_null(), names_id, "{what}: {value}");
        assert!(value["message"].as_str().unwrap().len() < 1_000, "{what}");
    }
    let actor = caller.ask("AddUser", &without_actor).await.no("envelope.malformed", 400);
    assert!(actor["message"].as_str().unwrap().contains("actor"), "{actor}");

    let mut packed = HeaderMap::new();
    packed.insert("Content-Type", "application/msgpack");
    let bombs = [vec![0x91; 900_000], vec![0xdd, 0xff, 0xff, 0xff, 0xff], vec![0xc1], vec![]];
    for bytes in bombs {
        let told = caller.send(caller.subject("command", "AddUser"), packed.clone(), bytes).await;
        assert_eq!(told.header("Content-Type"), Some("application/msgpack"));
        told.no("envelope.malformed", 400);
    }

    let mut text = HeaderMap::new();
    text.insert("Content-Type", "text/plain");
    for kind in ["command", "query"] {
        let told = caller.send(caller.subject(kind, "users"), text.clone(), b"{}".to_vec()).await;
        told.no("envelope.unsupported_content_type", 400);
    }
    let mut later = good.clone();
    later["api_version"] = json!(2);
    caller.ask("AddUser", &later).await.no("envelope.unsupported_version", 400);
    caller.command("AddUsr", json!({})).await.no("envelope.malformed", 400);
    caller.query("usrs", json!({})).await.no("query.unknown", 400);
    caller.query("users", json!({"colour": 1})).await.no("query.malformed", 400);
    caller.query("users", json!({"limit": 501})).await.no("query.malformed", 400);
    caller.query("users", json!([1])).await.no("query.malformed", 400);
    caller.query("users", json!({"actor": 1})).await.no("query.malformed", 400);
    for company in ["Acme", "-x", &"a".repeat(64)] {
        caller.at(company).command("AddUser", json!({})).await.no("envelope.malformed", 400);
        caller.at(company).query("users", json!({})).await.no("envelope.malformed", 400);
    }

    let large = import(&json!({"name": "a.csv", "text": "x".repeat(600 * 1024)}));
    caller.packed().command("ImportFile", large).await.no("import.too_large", 413);

    // A query asked with nothing is one without parameters.
    let told = caller.send(caller.subject("query", "users"), HeaderMap::new(), vec![]).await;
    assert_eq!(told.value["rows"], json!([]));
    assert!(serving.exit_status().is_none(), "{}", serving.log());
    assert!(!serving.log().contains("panicked"), "{}", serving.log());
}

/// LX-02: on NATS everybody may do what the company granted them.
#[tokio::test]
async fn lx_02_permissions_are_enforced_by_actor() {
    let server = Server::start();
    let _serving = ServeProcess::start(&server);
    let caller = Caller::on(&server.url()).await;
    let body = json!({"actor": "admin", "permissions": ["administer", "bulk_import_users"]});
    caller.command("GrantPermissions", body).await.ok();
    let file = import(&json!({"name": "a.csv", "text": people(1)}));
    let envelope =
        |actor: &str, body: &Value| json!({"id": caller.id(), "actor": actor, "body": body});
    let no = caller.ask("ImportFile", &envelope("mallory", &file)).await;
    assert_eq!(no.no("auth.permission_denied", 403)["details"]["permission"], "bulk_import_users");
    let config = json!({"company_name": "Mine"});
    let no = caller.packed().ask("SetCompanyConfig", &envelope("mallory", &config)).await;
    no.no("auth.permission_denied", 403);
    let done = caller.ask("ImportFile", &envelope("admin", &file)).await.ok();
    let imported = done["result"]["import"].clone();
    for actor in [json!("mallory"), Value::Null] {
        let params = json!({"import": imported, "actor": actor});
        caller.query("failed_rows", params).await.no("auth.permission_denied", 403);
    }
    // The digest alone of a file does not open it: it may be another company's.
    let sha256 =
        caller.rows("imports", json!({"actor": "admin"}), &done["position"]).await[0]["sha256"]
            .clone();
    let file = import(&json!({"name": "a.csv", "sha256": sha256}));
    let no = caller.at("globex").command("ImportFile", file).await;
    no.no("envelope.malformed", 400);
}

/// Beyond its places an engine says so at once, and works on.
#[tokio::test]
async fn more_than_fits_is_told_to_come_again() {
    let server = Server::start();
    let (_folder, door) =
        door(&server, Limits { requests: 3, of_company: 2, bytes: 100_000 }).await;
    let caller = Caller::on(&server.url()).await;
    // Two who wait for what is not there yet take the company's places for five seconds.
    let waiting = |caller: Caller| async move {
        caller.query("users", json!({"min_position": 1_000_000})).await
    };
    let held = [tokio::spawn(waiting(caller.clone())), tokio::spawn(waiting(caller.clone()))];
    let envelope = caller.envelope(&json!({"company_name": "Acme"}));
    let no = eventually("both places are taken", async || {
        let told = caller.packed().ask("SetCompanyConfig", &envelope).await;
        (told.code() == "overloaded").then_some(told)
    })
    .await;
    assert_eq!(no.value["command"], envelope["id"]);
    assert_eq!(no.value["retry"], true);
    no.no("overloaded", 429);
    // There is one for another company, until it is taken as well.
    let globex = caller.at("globex");
    globex.command("SetCompanyConfig", json!({"company_name": "Globex"})).await.ok();
    for one in held {
        one.await.unwrap().no("not_yet_visible", 503);
    }
    caller.ask("SetCompanyConfig", &envelope).await.ok();
    let large = json!({"company_name": "x".repeat(200_000)});
    caller.command("SetCompanyConfig", large).await.no("overloaded", 429);
    door.close().await;
}

/// A burst that fills the company's inbox is answered, each with yes or with overload; asked again
/// it is done once.
#[tokio::test]
async fn a_burst_is_answered_and_done_once() {
    let server = Server::start();
    let _serving = ServeProcess::start(&server);
    let caller = Caller::on(&server.url()).await;
    let asked: Vec<Value> = (0..3_000)
        .map(|n| caller.envelope(&json!({"role": format!("r{n}"), "permissions": []})))
        .collect();
    let mut left = asked.clone();
    while !left.is_empty() {
        let told = join_all(left.iter().map(|envelope| caller.ask("DefineRole", envelope))).await;
        let mut again = Vec::new();
        for (told, envelope) in told.into_iter().zip(left) {
            if told.value["outcome"] != "accepted" {
                told.no("overloaded", 429);
                again.push(envelope);
            }
        }
        left = again;
    }
    let last = caller.command("SetCompanyConfig", json!({"company_name": "A"})).await.ok();
    assert_eq!(last["version"], 3_001);
}

/// What NATS tools ask of every service (ADR-32).
#[tokio::test]
async fn the_service_is_known_by_name() {
    let server = Server::start();
    let _serving = ServeProcess::start(&server);
    let caller = Caller::on(&server.url()).await;
    caller.command("SetCompanyConfig", json!({"company_name": "A"})).await.ok();
    caller.command("SetCompanyConfig", json!({"colour": "red"})).await;
    caller.query("users", json!({})).await;
    let asked = async |subject: &str| {
        let told = caller.client.request(subject.to_owned(), "".into()).await.unwrap();
        serde_json::from_slice::<Value>(&told.payload).unwrap()
    };
    let ping = asked("$SRV.PING").await;
    assert_eq!((&ping["name"], &ping["version"]), (&json!("boarding"), &json!("0.1.0")));
    assert_eq!(ping["metadata"]["contract"], "1");
    assert_eq!(ping["type"], "io.nats.micro.v1.ping_response");
    let info = asked("$SRV.INFO.boarding").await;
    let endpoints = info["endpoints"].as_array().unwrap();
    let subjects: Vec<_> = endpoints.iter().map(|one| one["subject"].as_str().unwrap()).collect();
    assert_eq!(subjects, ["boarding.v1.*.command.*", "boarding.v1.*.query.*"]);
    assert!(endpoints[0]["metadata"]["content_types"].as_str().unwrap().contains("msgpack"));
    assert_eq!(endpoints[0]["queue_group"], "boarding");
    let id = ping["id"].as_str().unwrap();
    let stats = eventually("three requests are counted", async || {
        let stats = asked(&format!("$SRV.STATS.boarding.{id}")).await;
        (stats["endpoints"][1]["num_requests"] == 1).then_some(stats)
    })
    .await;
    let commands = &stats["endpoints"][0];
    assert_eq!((&commands["num_requests"], &commands["num_errors"]), (&json!(2), &json!(1)));
    assert_eq!(commands["last_error"], "400:config.unknown_setting");
    assert_eq!(stats["type"], "io.nats.micro.v1.stats_response");
}

/// Section 3: an answer that does not fit is a refusal that says what to do.
#[tokio::test]
async fn an_answer_larger_than_a_message_says_to_lower_the_limit() {
    let server = Server::with(
        "max_payload: 32KB\njetstream { store_dir: \"STORE\", sync_interval: always }",
    );
    let _serving = ServeProcess::start(&server);
    let caller = Caller::on(&server.url()).await;
    caller.define_company().await;
    let body = json!({"bulk_integration_max_records": 500});
    caller.command("SetCompanyConfig", body).await.ok();
    let more = people(250).replace("user", "more").replace("+84912", "+84913");
    let more = more.replace("morename", "username");
    let mut position = Value::Null;
    for text in [people(250), more] {
        let body = import(&json!({"name": "a.csv", "text": text}));
        let import = caller.command("ImportFile", body).await.ok()["result"]["import"].clone();
        let row = eventually("the import is completed", async || {
            let answer = caller.query("import", json!({"import": import})).await.value;
            (answer["row"]["state"] == "completed").then_some(answer)
        });
        let answer = row.await;
        assert_eq!(answer["row"]["phones_added"], 250, "{answer}");
        position = answer["position"].clone();
    }
    for caller in [caller.clone(), caller.packed()] {
        let no = caller.query("users", json!({"limit": 500})).await.no("query.too_large", 413);
        assert!(no["message"].as_str().unwrap().contains("limit"), "{no}");
        let csv = json!({"format": "csv", "min_position": position});
        let no = caller.query("phone_list", csv).await.no("query.too_large", 413);
        assert!(no["details"]["actual_bytes"].as_u64() > no["details"]["limit_bytes"].as_u64());
        let rows = caller.query("users", json!({"limit": 20})).await.value;
        assert_eq!(rows["rows"].as_array().unwrap().len(), 20);
    }
}

/// An answer goes to no subject where the asker could not publish: the log, the events, the server.
#[tokio::test]
async fn an_answer_does_not_go_where_only_the_engine_may_speak() {
    let server = Server::start();
    let _serving = ServeProcess::start(&server);
    let caller = Caller::on(&server.url()).await;
    let mut events = caller.client.subscribe("boarding.v1.acme.event.>").await.unwrap();
    caller.client.flush().await.unwrap();
    let (headers, bytes) = caller.written(&json!({}));
    let subject = caller.subject("query", "users");
    let forged = "boarding.v1.acme.event.RunStarted";
    let sent = caller.client.publish_with_reply_and_headers(subject, forged, headers, bytes.into());
    sent.await.unwrap();
    // The next question is answered after that one was taken.
    caller.query("users", json!({})).await;
    let quiet = tokio::time::timeout(Duration::from_millis(300), {
        use futures_util::StreamExt as _;
        events.next()
    });
    assert!(quiet.await.is_err(), "an answer was published as an event");
}

/// The trace that a request belongs to is kept with what it led to.
#[tokio::test]
async fn the_trace_of_a_request_is_kept_in_the_log() {
    let server = Server::start();
    let serving = ServeProcess::start(&server);
    let caller = Caller::on(&server.url()).await;
    let (mut headers, bytes) = caller.written(&caller.envelope(&json!({"company_name": "Acme"})));
    let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    headers.insert("traceparent", trace);
    caller.send(caller.subject("command", "SetCompanyConfig"), headers, bytes).await.ok();
    let segments = std::fs::read_dir(serving.data().join("log")).unwrap();
    let holds = |path: std::path::PathBuf| {
        let bytes = std::fs::read(path).unwrap_or_default();
        bytes.windows(trace.len()).any(|part| part == trace.as_bytes())
    };
    assert!(segments.into_iter().any(|entry| holds(entry.unwrap().path())));
}
