//! Commands and queries over NATS, in JSON and in MessagePack.

mod unreadable;

use std::time::Duration;

use base64::Engine as _;
use boarding_commands::values::Time;
use boarding_core::clock::Clock;
use boarding_core::engine::{Engine, LogChoice, Options};
use boarding_core::serving::admission::AdmissionLimits;
use boarding_log::connect::ServerAddress as Address;
use boarding_nats::server::{self, NatsServer};
use futures_util::future::join_all;
use serde_json::{Value, json};

use super::caller::{Caller, HEADER, people};
use super::serve_process::ServeProcess;
use crate::support::nats::Server;
use crate::support::wait::eventually;

/// An engine in this process that serves requests with these limits, and its data folder.
async fn serve_with(server: &Server, limits: AdmissionLimits) -> (tempfile::TempDir, NatsServer) {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let options = Options {
        data,
        transport: None,
        texts: None,
        adopt_runs: false,
        carries_runs: true,
        link_page: None,
        secret: None,
        log: LogChoice::default(),
        clock: Clock::system(),
    };
    let engine = Engine::open(options).unwrap();
    let address = Address { url: server.url(), ..Address::default() };
    let client = address.connect("test").await.unwrap();
    (
        folder,
        NatsServer::open(engine, client, server::Options { limits, ..Default::default() })
            .await
            .unwrap(),
    )
}

fn import(file: &Value) -> Value {
    json!({"dialect": "leapxpert", "files": [file], "add_to_corporate_phones": true})
}

/// Sends a query in both encodings. Asserts that the answers are equal and returns one.
async fn query_in_both_encodings(caller: &Caller, name: &str, params: Value) -> Value {
    let msgpack = caller.with_msgpack();
    let (json, msgpack) =
        tokio::join!(caller.query(name, params.clone()), msgpack.query(name, params));
    assert_eq!(json.header("Content-Type"), Some("application/json"));
    assert_eq!(msgpack.header("Content-Type"), Some("application/msgpack"));
    assert_eq!(json.value, msgpack.value, "{name}");
    assert_ne!(json.bytes, msgpack.bytes);
    json.value
}

/// LX-01, LX-12, LX-17, LX-22, LX-24: A program that uses only the contract imports people and invites them.
#[tokio::test]
async fn people_are_imported_and_invited_over_nats() {
    let server = Server::start();
    let _serving = ServeProcess::start(&server);
    let caller = Caller::connect(&server.url()).await;
    let msgpack = caller.with_msgpack();
    caller.define_company().await;

    let text = people(3) + "zoe,Zoë,Adams,zoe@acme.example,12,Fixed Income Desk,\n";
    let body = import(&json!({"name": "people.csv", "text": text}));
    let first = caller.command("ImportFile", body).await.accepted();
    let import_id = first["result"]["import"].clone();
    let second = HEADER.to_owned() + "ann,Ann,Doe,ann@acme.example,+84912999001,,\n";
    let base64 = base64::engine::general_purpose::STANDARD.encode(second);
    let body = import(&json!({"name": "more.csv", "base64": base64}));
    msgpack.command("ImportFile", body).await.accepted();
    let body = json!({"phone": "+84912999002", "user": "zoe"});
    msgpack.command("AddCorporatePhone", body).await.accepted();

    let source = json!({"source": {"import": import_id}, "channel": "whatsapp"});
    let mut preview = source.clone();
    preview["mode"] = json!("preview");
    let plan = msgpack.command("StartBulkIntegration", preview).await.accepted();
    assert_eq!(plan["result"]["recipient_count"], 4, "{plan}");
    let mut confirmed = source;
    confirmed["mode"] = json!("confirmed");
    confirmed["plan_hash"] = plan["result"]["plan_hash"].clone();
    let started = msgpack.command("StartBulkIntegration", confirmed).await.accepted();
    let run = started["result"]["run"].clone();

    let row = eventually("the run is completed", async || {
        let row = caller.query("run", json!({"run": run})).await.value["row"].clone();
        (row["state"] == "completed").then_some(row)
    })
    .await;
    assert_eq!((&row["total"], &row["passed"]), (&json!(4), &json!(4)), "{row}");

    // A query at the position of a later command shows all outcomes.
    let last = caller.command("SetCompanyConfig", json!({"company_name": "Acme"})).await.accepted();
    check_queries(&caller, &import_id, &run, &last["position"]).await;
}

/// Asserts that the queries after the run answer the same in both encodings, with these numbers of rows.
async fn check_queries(caller: &Caller, import_id: &Value, run: &Value, position: &Value) {
    let at_position = |mut params: Value| {
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
        let answer = query_in_both_encodings(caller, name, at_position(params)).await;
        assert!(answer["position"].as_u64().unwrap() >= position.as_u64().unwrap(), "{answer}");
        if let Some(count) = rows {
            assert_eq!(answer["rows"].as_array().unwrap().len(), count, "{name}: {answer}");
        }
    }

    let mut users = Vec::new();
    let mut cursor = Value::Null;
    loop {
        let page = query_in_both_encodings(
            caller,
            "users",
            at_position(json!({"limit": 2, "cursor": cursor})),
        )
        .await;
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

    let params = at_position(json!({"run": run, "format": "csv"}));
    let csv = caller.with_msgpack().query("integration_log", params).await;
    assert_eq!(csv.header("Content-Type"), Some("text/csv; charset=utf-8"));
    assert_eq!(String::from_utf8(csv.bytes).unwrap().lines().count(), 5);
}

/// P10: A repeat gets the first answer in either encoding, after a restart too. Another body under the same id is a
/// conflict.
#[tokio::test]
async fn repeat_gets_the_first_answer_and_another_body_a_conflict() {
    let server = Server::start();
    let mut serving = ServeProcess::start(&server);
    let caller = Caller::connect(&server.url()).await;
    let envelope = caller.envelope(&json!({"company_name": "Acme"}));
    let first = caller.send_command("SetCompanyConfig", &envelope).await.accepted();
    assert_eq!(first["duplicate"], false);
    serving.restart(&[]);
    for again in [caller.clone(), caller.with_msgpack()] {
        let mut repeat = again.send_command("SetCompanyConfig", &envelope).await.accepted();
        assert_eq!(repeat["duplicate"], true);
        repeat["duplicate"] = json!(false);
        assert_eq!(repeat, first);
    }
    let mut other = envelope.clone();
    other["body"]["company_name"] = json!("Other");
    let answer = caller.with_msgpack().send_command("SetCompanyConfig", &other).await;
    assert_eq!(answer.error("command.duplicate_conflict", 409)["command"], envelope["id"]);
}

/// A client cannot move the time of a company: it would expire invitations and start runs.
#[tokio::test]
async fn tick_of_another_time_is_refused() {
    let server = Server::start();
    let _serving = ServeProcess::start(&server);
    let caller = Caller::connect(&server.url()).await;
    let now = Clock::system().now();
    caller.command("Tick", json!({"now": now})).await.accepted();
    for seconds in [-120, 120] {
        let asked = Time(now.0 + seconds * 1000);
        let refused =
            caller.command("Tick", json!({"now": asked})).await.error("tick.too_far", 400);
        assert_eq!(refused["details"]["asked"], json!(asked));
    }
}

/// Versions have no gaps when 64 clients send commands concurrently.
#[tokio::test]
async fn versions_of_concurrent_commands_have_no_gap() {
    let server = Server::start();
    let _serving = ServeProcess::start(&server);
    let url = server.url();
    let callers = join_all((0..64).map(|_| Caller::connect(&url))).await;
    let send_ten = |(n, caller): (usize, Caller)| async move {
        let caller = if n % 2 == 0 { caller.with_msgpack() } else { caller };
        let mut versions = Vec::new();
        for k in 0..10 {
            let body = json!({"user": format!("u{n}-{k}"), "first_name": "A", "last_name": "B"});
            let answer = caller.command("AddUser", body).await.accepted();
            versions.push(answer["version"].as_u64().unwrap());
        }
        assert!(versions.is_sorted(), "{versions:?}");
        versions
    };
    let tasks = callers.into_iter().enumerate().map(|one| tokio::spawn(send_ten(one)));
    let mut versions: Vec<u64> =
        join_all(tasks).await.into_iter().flat_map(Result::unwrap).collect();
    versions.sort_unstable();
    assert_eq!(versions, (1..=640).collect::<Vec<u64>>());
}

/// LX-02: Over NATS, an actor may do only what the company granted to that actor.
#[tokio::test]
async fn permissions_are_enforced_by_actor() {
    let server = Server::start();
    let _serving = ServeProcess::start(&server);
    let caller = Caller::connect(&server.url()).await;
    let body = json!({"actor": "admin", "permissions": ["administer", "bulk_import_users"]});
    caller.command("GrantPermissions", body).await.accepted();
    let file = import(&json!({"name": "a.csv", "text": people(1)}));
    let envelope =
        |actor: &str, body: &Value| json!({"id": caller.id(), "actor": actor, "body": body});
    let answer = caller.send_command("ImportFile", &envelope("mallory", &file)).await;
    assert_eq!(
        answer.error("auth.permission_denied", 403)["details"]["permission"],
        "bulk_import_users"
    );
    let config = json!({"company_name": "Mine"});
    let envelope_of_config = envelope("mallory", &config);
    let msgpack = caller.with_msgpack();
    let answer = msgpack.send_command("SetCompanyConfig", &envelope_of_config).await;
    answer.error("auth.permission_denied", 403);
    let done = caller.send_command("ImportFile", &envelope("admin", &file)).await.accepted();
    let imported = done["result"]["import"].clone();
    for actor in [json!("mallory"), Value::Null] {
        let params = json!({"import": imported, "actor": actor});
        caller.query("failed_rows", params).await.error("auth.permission_denied", 403);
    }
    // A company cannot import a stored file by its digest: the file may belong to another company.
    let sha256 =
        caller.rows("imports", json!({"actor": "admin"}), &done["position"]).await[0]["sha256"]
            .clone();
    let file = import(&json!({"name": "a.csv", "sha256": sha256}));
    let answer = caller.for_company("globex").command("ImportFile", file).await;
    answer.error("envelope.malformed", 400);
}

/// Requests beyond the limits of the engine get `overloaded` immediately. Queries that wait for a position take no
/// place from others.
#[tokio::test]
async fn waiting_queries_leave_the_places_of_other_requests() {
    let server = Server::start();
    let limits = AdmissionLimits { requests: 8, bytes: 100_000, waiting: 4 };
    let (_folder, service) = serve_with(&server, limits).await;
    let caller = Caller::connect(&server.url()).await;
    let ahead =
        |caller: Caller| async move { caller.query("users", json!({"min_position": 1_000})).await };
    let held = [(); 2].map(|()| tokio::spawn(ahead(caller.clone())));
    let overloaded = eventually("the company may not wait more", async || {
        let answer = ahead(caller.clone()).await;
        (answer.code() == "overloaded").then_some(answer)
    })
    .await;
    assert_eq!(overloaded.value["retry"], true);
    overloaded.error("overloaded", 429);
    caller.command("SetCompanyConfig", json!({"company_name": "Acme"})).await.accepted();
    assert!(caller.query("users", json!({})).await.value["rows"].is_array());
    for one in held {
        one.await.unwrap().error("not_yet_visible", 503);
    }
    let large = caller.envelope(&json!({"company_name": "x".repeat(200_000)}));
    let answer = caller.with_msgpack().send_command("SetCompanyConfig", &large).await;
    answer.error("overloaded", 429);
    let refused = caller.query("users", json!({"min_position": u64::MAX})).await;
    assert_eq!(refused.error("query.position_ahead", 400)["details"]["end"], 1);
    service.close().await;
}

/// Each command of a burst is accepted or `overloaded`. Repeats until acceptance do each once.
#[tokio::test]
async fn commands_of_a_burst_are_answered_and_done_once() {
    let server = Server::start();
    let _serving = ServeProcess::start(&server);
    let caller = Caller::connect(&server.url()).await;
    let mut left: Vec<Value> = (0..3_000)
        .map(|n| caller.envelope(&json!({"role": format!("r{n}"), "permissions": []})))
        .collect();
    while !left.is_empty() {
        let answers =
            join_all(left.iter().map(|envelope| caller.send_command("DefineRole", envelope))).await;
        let mut again = Vec::new();
        for (answer, envelope) in answers.into_iter().zip(left) {
            if answer.value["outcome"] != "accepted" {
                answer.error("overloaded", 429);
                again.push(envelope);
            }
        }
        left = again;
    }
    let last = caller.command("SetCompanyConfig", json!({"company_name": "A"})).await.accepted();
    assert_eq!(last["version"], 3_001);
}

/// The service answers the discovery requests of NATS (ADR-32).
#[tokio::test]
async fn service_answers_discovery_requests() {
    let server = Server::start();
    let _serving = ServeProcess::start(&server);
    let caller = Caller::connect(&server.url()).await;
    caller.command("SetCompanyConfig", json!({"company_name": "A"})).await.accepted();
    caller.command("SetCompanyConfig", json!({"colour": "red"})).await;
    caller.query("users", json!({})).await;
    let request = async |subject: &str| {
        let answer = caller.client.request(subject.to_owned(), "".into()).await.unwrap();
        serde_json::from_slice::<Value>(&answer.payload).unwrap()
    };
    let ping = request("$SRV.PING").await;
    assert_eq!((&ping["name"], &ping["version"]), (&json!("boarding"), &json!("0.1.0")));
    assert_eq!(ping["metadata"]["contract"], "1");
    assert_eq!(ping["type"], "io.nats.micro.v1.ping_response");
    let info = request("$SRV.INFO.boarding").await;
    let endpoints = info["endpoints"].as_array().unwrap();
    let subjects: Vec<_> = endpoints.iter().map(|one| one["subject"].as_str().unwrap()).collect();
    assert_eq!(subjects, ["boarding.v1.*.command.*", "boarding.v1.*.query.*"]);
    assert!(endpoints[0]["metadata"]["content_types"].as_str().unwrap().contains("msgpack"));
    assert_eq!(endpoints[0]["queue_group"], "boarding");
    let id = ping["id"].as_str().unwrap();
    let stats = eventually("three requests are counted", async || {
        let stats = request(&format!("$SRV.STATS.boarding.{id}")).await;
        (stats["endpoints"][1]["num_requests"] == 1).then_some(stats)
    })
    .await;
    let commands = &stats["endpoints"][0];
    assert_eq!((&commands["num_requests"], &commands["num_errors"]), (&json!(2), &json!(1)));
    assert_eq!(commands["last_error"], "400:config.unknown_setting");
    assert_eq!(stats["type"], "io.nats.micro.v1.stats_response");
}

/// An answer larger than a message is refused with a hint to lower the limit.
#[tokio::test]
async fn answer_larger_than_a_message_is_refused() {
    let server = Server::with(
        "max_payload: 32KB\njetstream { store_dir: \"STORE\", sync_interval: always }",
    );
    let _serving = ServeProcess::start(&server);
    let caller = Caller::connect(&server.url()).await;
    caller.define_company().await;
    let body = json!({"bulk_integration_max_records": 500});
    caller.command("SetCompanyConfig", body).await.accepted();
    let more = people(250).replace("user", "more").replace("+84912", "+84913");
    let more = more.replace("morename", "username");
    let mut position = Value::Null;
    for text in [people(250), more] {
        let body = import(&json!({"name": "a.csv", "text": text}));
        let import =
            caller.command("ImportFile", body).await.accepted()["result"]["import"].clone();
        let row = eventually("the import is completed", async || {
            let answer = caller.query("import", json!({"import": import})).await.value;
            (answer["row"]["state"] == "completed").then_some(answer)
        });
        let answer = row.await;
        assert_eq!(answer["row"]["phones_added"], 250, "{answer}");
        position = answer["position"].clone();
    }
    for caller in [caller.clone(), caller.with_msgpack()] {
        let answer = caller.query("users", json!({"limit": 500})).await;
        let refusal = answer.error("query.too_large", 413);
        assert!(refusal["message"].as_str().unwrap().contains("limit"), "{refusal}");
        let csv = json!({"format": "csv", "min_position": position});
        let details =
            caller.query("phone_list", csv).await.error("query.too_large", 413)["details"].clone();
        assert!(details["actual_bytes"].as_u64() > details["limit_bytes"].as_u64());
        let rows = caller.query("users", json!({"limit": 20})).await.value;
        assert_eq!(rows["rows"].as_array().unwrap().len(), 20);
    }
}

/// The engine sends no answer to a subject that clients may not publish to, such as events.
#[tokio::test]
async fn answer_is_not_sent_to_an_event_subject() {
    let server = Server::start();
    let _serving = ServeProcess::start(&server);
    let caller = Caller::connect(&server.url()).await;
    let mut events = caller.client.subscribe("boarding.v1.acme.event.>").await.unwrap();
    caller.client.flush().await.unwrap();
    let (headers, bytes) = caller.encode(&json!({}));
    let subject = caller.subject("query", "users");
    let forged = "boarding.v1.acme.event.RunStarted";
    let sent = caller.client.publish_with_reply_and_headers(subject, forged, headers, bytes.into());
    sent.await.unwrap();
    // The engine receives queries in order: when this one is answered, the other was received.
    caller.query("users", json!({})).await;
    let event = tokio::time::timeout(Duration::from_millis(300), {
        use futures_util::StreamExt as _;
        events.next()
    });
    assert!(event.await.is_err(), "an answer was published as an event");
}

/// The commit of a command contains the `traceparent` of its request.
#[tokio::test]
async fn trace_of_a_request_is_in_the_log() {
    let server = Server::start();
    let serving = ServeProcess::start(&server);
    let caller = Caller::connect(&server.url()).await;
    let (mut headers, bytes) = caller.encode(&caller.envelope(&json!({"company_name": "Acme"})));
    let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    headers.insert("traceparent", trace);
    caller.request(caller.subject("command", "SetCompanyConfig"), headers, bytes).await.accepted();
    let segments = std::fs::read_dir(serving.data().join("log")).unwrap();
    let contains_trace = |path: std::path::PathBuf| {
        let bytes = std::fs::read(path).unwrap_or_default();
        bytes.windows(trace.len()).any(|part| part == trace.as_bytes())
    };
    assert!(segments.into_iter().any(|entry| contains_trace(entry.unwrap().path())));
}
