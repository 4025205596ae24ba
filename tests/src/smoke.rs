//! The engine from within: a file in, a run out.
use boarding_commands::decide::Authority;
use boarding_commands::envelope::{Answer, Envelope};
use boarding_engine::clock::Clock;
use boarding_engine::engine::{Engine, Options};
use serde_json::{Map, Value, json};

async fn ask(engine: &Engine, name: &str, body: Value) -> Answer {
    let envelope: Envelope =
        serde_json::from_value(json!({"id": engine.clock().id(), "actor": "t", "body": body}))
            .unwrap();
    engine.submit(&"acme".parse().unwrap(), name, envelope, Authority::All).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn smoke() {
    let dir = tempfile::tempdir().unwrap();
    let engine =
        Engine::open(Options { data: dir.path().join("d"), channel: None, clock: Clock::system() })
            .unwrap();
    let company = "acme".parse().unwrap();
    for command in
        serde_json::from_str::<Vec<Value>>(include_str!("../../fixtures/company/acme.json"))
            .unwrap()
    {
        let answer =
            ask(&engine, command["command"].as_str().unwrap(), command["body"].clone()).await;
        assert!(matches!(answer, Answer::Accepted { .. }), "{answer:?}");
    }
    let text = include_str!("../../fixtures/leapxpert/people-100.csv");
    let answer = ask(&engine, "ImportFile", json!({"dialect": "leapxpert", "files": [{"name": "p.csv", "text": text}], "add_to_corporate_phones": true})).await;
    println!("{answer:?}");
    let answer = ask(
        &engine,
        "StartBulkIntegration",
        json!({"source": {"import": "latest"}, "channel": "whatsapp", "mode": "confirmed"}),
    )
    .await;
    println!("{answer:?}");
    engine.settle(&company).await;
    engine.caught_up().await.unwrap();
    let asker = boarding_engine::queries::Asker { actor: "t".into(), authority: Authority::All };
    for query in ["runs", "imports", "phone_list", "users", "queue"] {
        println!(
            "{query}: {:?}",
            engine
                .query(&company, query, Map::from_iter([("limit".to_owned(), json!(2))]), &asker)
                .await
        );
    }
    engine.close().await;
}
