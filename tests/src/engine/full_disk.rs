//! A disk that is full for a while: commands work, and the read models go on by themselves.

use std::fs;
use std::path::Path;

use boarding_commands::decide::Authority;
use boarding_commands::envelope::{Answer, Envelope};
use boarding_commands::values::{Code, CompanyId};
use boarding_core::clock::Clock;
use boarding_core::engine::{Engine, LogChoice, Options};
use boarding_core::queries::{QueryAnswer, QueryCaller, QueryFailure};
use serde_json::{Map, json};

use crate::support::disk::{SmallDisk, move_and_link};
use crate::support::wait::eventually;

fn open(data: &Path) -> Engine {
    Engine::open(Options {
        data: data.to_owned(),
        log: LogChoice::Files,
        transport: None,
        texts: None,
        adopt_runs: false,
        carries_runs: true,
        link_page: None,
        secret: None,
        clock: Clock::system(),
    })
    .unwrap()
}

fn acme() -> CompanyId {
    "acme".parse().unwrap()
}

async fn define_role(engine: &Engine, envelope: &Envelope) -> Answer {
    engine.submit(&acme(), "DefineRole", envelope.clone(), Authority::All).await
}

fn role(engine: &Engine, n: usize) -> Envelope {
    let permissions: Vec<_> = (0..400).map(|place| format!("{n}-{place}")).collect();
    let body = json!({"role": format!("role {n}"), "permissions": permissions});
    let envelope = json!({"id": engine.clock().id(), "actor": "una", "body": body});
    Envelope::read(envelope).unwrap()
}

async fn roles(engine: &Engine) -> Result<usize, QueryFailure> {
    let caller =
        QueryCaller { actor: "una".to_owned(), authenticated: None, authority: Authority::All };
    let params = Map::from_iter([("limit".to_owned(), json!(500))]);
    match engine.query(&acme(), "roles", params, &caller).await? {
        QueryAnswer::Json(answer) => Ok(answer.value()["rows"].as_array().unwrap().len()),
        QueryAnswer::Csv(_) => unreachable!("roles are JSON"),
    }
}

/// Fault 6: A full disk stops the read models only while it is full. Commands are accepted in between, also repeated
/// ones, and the failure names the read models, not the log.
#[tokio::test(flavor = "multi_thread")]
async fn full_disk_stops_read_models_only_while_it_is_full() {
    let Some(disk) = SmallDisk::mount(8) else {
        println!("skipped: only root can mount a disk in memory");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let engine = open(&data);
    let first = role(&engine, 0);
    let answer = define_role(&engine, &first).await;
    assert!(matches!(answer, Answer::Accepted { .. }), "{answer:?}");
    engine.close().await;
    move_and_link(&data.join("derived"), &disk.path().join("derived"));
    let engine = open(&data);
    let ballast = disk.fill();
    let mut accepted = 1;
    let why = loop {
        let answer = define_role(&engine, &role(&engine, accepted)).await;
        assert!(matches!(answer, Answer::Accepted { .. }), "{answer:?}");
        accepted += 1;
        assert!(accepted < 5_000, "the disk does not get full");
        if let Err(QueryFailure::Failed { code: Code::Unavailable, why }) = engine.caught_up().await
        {
            break why;
        }
    };
    assert!(why.contains("read models") && why.contains("free space"), "{why}");
    assert!(!why.contains("sled") && !why.contains("the log"), "{why}");
    let repeated = define_role(&engine, &first).await;
    assert!(matches!(repeated, Answer::Accepted { duplicate: true, .. }), "{repeated:?}");

    fs::remove_file(ballast).unwrap();
    eventually("the read models go on", async || {
        roles(&engine).await.ok().filter(|seen| *seen == accepted.min(500))
    })
    .await;
    let repeated = define_role(&engine, &first).await;
    assert!(matches!(repeated, Answer::Accepted { duplicate: true, .. }), "{repeated:?}");
    engine.close().await;
    drop(disk);
}
