//! Crashes of the engine: runs and imports continue after the restart.

use std::sync::Arc;

use boarding_commands::decide::Authority;
use boarding_commands::values::{Code, ImportId};
use boarding_core::queries::{QueryAnswer, QueryCaller, QueryFailure};
use serde_json::json;

use super::held_outbox::HeldOutbox;
use super::held_transport::HeldTransport;
use super::{EngineHarness, company_id, numbered_rows, object, ok};

async fn counts(harness: &EngineHarness, run: &str) -> [u64; 5] {
    let row = harness.row("run", json!({"run": run})).await;
    ["total", "passed", "skipped", "failed", "remaining"].map(|name| row[name].as_u64().unwrap())
}

/// An engine that crashed with four mails of a run of ten users in flight. The restarted engine has finished the run.
async fn crashed_with_mails_in_flight(
    deduplicates: bool,
) -> (Arc<HeldTransport>, EngineHarness, String) {
    let transport = HeldTransport::new(deduplicates);
    let mut harness = EngineHarness::acme(Some(transport.clone())).await;
    harness.import(&numbered_rows(10)).await;
    let run = harness.start_run().await;
    transport.wait_for_mails(4).await;
    harness.crash().await;
    transport.release_all();
    harness.open().await;
    harness.settle().await;
    (transport, harness, run)
}

/// P27, P7: without deduplication, claims without a report become uncertain.
#[tokio::test]
async fn mails_in_flight_at_a_crash_become_uncertain() {
    let (transport, harness, run) = crashed_with_mails_in_flight(false).await;
    assert_eq!(counts(&harness, &run).await, [10, 6, 0, 4, 0]);
    let failed = harness.rows("integration_log", json!({"run": run, "status": "failed"})).await;
    assert!(failed.iter().all(|row| row["code"] == "delivery.uncertain"), "{failed:?}");
    let mails = transport.mails();
    let ids: std::collections::BTreeSet<_> = mails.iter().map(|mail| &mail.message_id).collect();
    assert_eq!((mails.len(), ids.len()), (10, 10), "a user got a second mail");
}

/// P27: a deduplicating transport gets the claimed mails again, and the result is as without the crash.
#[tokio::test]
async fn crash_with_deduplicating_transport_changes_no_outcome() {
    let (transport, harness, run) = crashed_with_mails_in_flight(true).await;
    assert_eq!(counts(&harness, &run).await, [10, 10, 0, 0, 0]);
    let mails = transport.mails();
    for mail in &mails {
        assert!(
            mails.iter().filter(|one| one.message_id == mail.message_id).all(|one| one == mail)
        );
    }
}

/// P27: each recipient of a long run has one mail, although the engine crashed three times.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn outbox_has_one_mail_per_recipient_after_crashes() {
    let mut harness = EngineHarness::acme(None).await;
    ok(&harness.submit("SetCompanyConfig", json!({"bulk_integration_max_records": 5000})).await);
    harness.import(&numbered_rows(1_000)).await;
    let run = harness.start_run().await;
    for _ in 0..3 {
        harness.restart().await;
    }
    harness.settle().await;
    assert_eq!(counts(&harness, &run).await, [1000, 1000, 0, 0, 0]);
    assert_eq!(harness.outbox().len(), 1000);
}

/// P7: a run keeps its transport. With `adopt_runs` another transport continues the run without second mails.
#[tokio::test]
async fn run_waits_for_the_transport_it_was_started_with() {
    let transport = HeldTransport::new(true);
    let mut harness = EngineHarness::acme(Some(transport.clone())).await;
    harness.import(&numbered_rows(10)).await;
    let run = harness.start_run().await;
    transport.wait_for_mails(4).await;
    harness.crash().await;
    harness.transport = None;
    harness.open().await;
    harness.settle().await;
    assert_eq!(
        counts(&harness, &run).await,
        [10, 0, 0, 0, 10],
        "another transport sent mails of the run"
    );
    let actor = harness.engine().actor(&company_id("acme")).await;
    assert_eq!(actor.pending_work().borrow().other_transport.as_deref(), Some("held"));
    drop(actor);
    harness.crash().await;
    harness.adopt_runs = true;
    harness.open().await;
    harness.settle().await;
    assert_eq!(counts(&harness, &run).await, [10, 6, 0, 4, 0]);
    assert_eq!(harness.outbox().len(), 6, "a recipient claimed before the crash got a second mail");
}

/// P8: a recipient who was archived between claim and crash is not mailed again.
#[tokio::test]
async fn open_claim_is_checked_again_before_its_repeat() {
    let transport = HeldTransport::new(true);
    let mut harness = EngineHarness::acme(Some(transport.clone())).await;
    harness.import(&numbered_rows(2)).await;
    let run = harness.start_run().await;
    transport.wait_for_mails(2).await;
    ok(&harness.submit("ArchiveUser", json!({"user": "user0"})).await);
    harness.crash().await;
    transport.release_all();
    harness.open().await;
    harness.settle().await;
    assert_eq!(counts(&harness, &run).await, [2, 1, 0, 1, 0]);
    let failed = harness.rows("integration_log", json!({"run": run, "status": "failed"})).await;
    assert_eq!(failed[0]["code"], "delivery.uncertain");
    assert_eq!(transport.mails().len(), 3, "not exactly one mail was sent again");
}

/// An engine that crashed during a run of six users. The outbox has the mails of user0, user2 and user4 only. Before
/// the crash user0 and user1 were archived. The deadline of all claims has passed.
async fn crashed_outbox() -> (EngineHarness, String) {
    let mut harness = EngineHarness::acme(None).await;
    harness.crash().await;
    let held = HeldOutbox::open(&harness.data().join("outbox"));
    harness.transport = Some(held.clone());
    harness.open().await;
    harness.import(&numbered_rows(6)).await;
    let run = harness.start_run().await;
    held.wait_for_mails(6).await;
    for user in ["user0", "user1"] {
        ok(&harness.submit("ArchiveUser", json!({"user": user})).await);
    }
    harness.crash().await;
    assert_eq!(harness.outbox().len(), 3);
    harness.advance_clock(30 * 24 * 3600);
    (harness, run)
}

/// P7, P27: after a crash the outbox knows which mails it has. No mail is uncertain, even if its person is archived or
/// the deadline of its claim has passed. No person gets a second mail.
#[tokio::test]
async fn outbox_knows_which_mails_were_sent() {
    let (mut harness, run) = crashed_outbox().await;
    harness.transport = None;
    harness.open().await;
    harness.settle().await;
    assert_eq!(counts(&harness, &run).await, [6, 5, 0, 1, 0]);
    let failed = harness.rows("integration_log", json!({"run": run, "status": "failed"})).await;
    assert_eq!(
        (&failed[0]["username"], &failed[0]["code"]),
        (&json!("user1"), &json!("recipient.user_archived"))
    );
    assert_eq!(harness.outbox().len(), 5);
}

/// P7: a transport that takes over a run reads in the outbox of the data folder which mails were sent.
#[tokio::test]
async fn adopted_run_knows_the_mails_of_its_outbox() {
    let (mut harness, run) = crashed_outbox().await;
    let transport = HeldTransport::new(false);
    transport.release_all();
    harness.transport = Some(transport.clone());
    harness.adopt_runs = true;
    harness.open().await;
    harness.settle().await;
    assert_eq!(counts(&harness, &run).await, [6, 5, 0, 1, 0]);
    let users = transport.mails().into_iter().map(|mail| mail.to).collect::<Vec<_>>();
    assert_eq!(users, ["user3@people.example", "user5@people.example"]);
    assert_eq!(harness.outbox().len(), 3);
}

/// P7: another outbox does not know which mails were sent. All of them become uncertain.
#[tokio::test]
async fn other_outbox_sends_no_mail_again() {
    let (mut harness, run) = crashed_outbox().await;
    // A folder without its id counts as another outbox.
    std::fs::remove_file(harness.data().join("outbox/.id")).unwrap();
    harness.transport = None;
    harness.open().await;
    harness.settle().await;
    assert_eq!(counts(&harness, &run).await, [6, 0, 0, 6, 0]);
    let failed = harness.rows("integration_log", json!({"run": run, "status": "failed"})).await;
    assert!(failed.iter().all(|row| row["code"] == "delivery.uncertain"), "{failed:?}");
    assert_eq!(harness.outbox().len(), 3);
}

/// N84, P14: the totals are exact, and no row is imported twice.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn large_import_continues_after_crashes() {
    let mut harness = EngineHarness::acme(None).await;
    ok(&harness.submit("SetCompanyConfig", json!({"bulk_integration_max_records": 5000})).await);
    let answer =
        harness.submit("ImportFile", super::import_body("people.csv", &numbered_rows(2_000))).await;
    let result = ok(&answer);
    let import: ImportId = result["import"].as_str().unwrap().parse().unwrap();
    assert_eq!(result["state"], "processing");
    let mut seen = 0;
    loop {
        // Each turn crashes the engine after it has applied more rows.
        let actor = harness.engine().actor(&company_id("acme")).await;
        let done = loop {
            let (done, completed) = actor
                .inspect(move |company| {
                    (company.imports[&import].rows_done, company.imports[&import].completed)
                })
                .await
                .unwrap();
            if completed || done > seen {
                break (!completed).then_some(done);
            }
            tokio::task::yield_now().await;
        };
        drop(actor);
        let Some(done) = done else { break };
        seen = done;
        harness.restart().await;
    }
    assert!(seen > 0, "the import was never interrupted");
    harness.settle().await;
    let row = harness.row("import", json!({"import": result["import"]})).await;
    assert_eq!(
        (&row["state"], &row["total"], &row["created"]),
        (&json!("completed"), &json!(2000), &json!(2000)),
        "{row}"
    );
    assert_eq!((&row["phones_added"], &row["invalid"]), (&json!(2000), &json!(0)), "{row}");
    let rows = harness.all_rows("import_rows", json!({"import": result["import"]})).await;
    let numbers: Vec<_> = rows.iter().map(|row| row["row"].as_u64().unwrap()).collect();
    assert_eq!(numbers, (1..=2000).collect::<Vec<_>>());
}

/// After a restart no query shows old rows. A query waits until the rows have reached the end that the log had at the
/// start. If the rows need too long, the query fails and says how far they are.
#[tokio::test]
async fn query_after_a_restart_shows_no_old_rows() {
    const PEOPLE: usize = 3_000;
    let mut harness = EngineHarness::acme(None).await;
    ok(&harness.submit("SetCompanyConfig", json!({"bulk_integration_max_records": PEOPLE})).await);
    let import = harness.import(&numbered_rows(PEOPLE)).await;
    let end = harness.json("users", json!({"limit": 1})).await["position"].as_u64().unwrap();
    harness.close().await;
    std::fs::remove_dir_all(harness.data().join("derived")).unwrap();
    let engine = harness.try_open().await.unwrap();
    let (acme, actor) = (company_id("acme"), "admin".to_owned());
    let caller = QueryCaller { actor, authenticated: None, authority: Authority::All };
    let query = |name, params| engine.query(&acme, name, object(params), &caller);
    let import = json!({"import": import["import"]});
    let last = json!({"user": format!("user{}", PEOPLE - 1)});
    let mut refusals = 0;
    loop {
        let answers = [query("import", import.clone()).await, query("user", last.clone()).await];
        let is_behind = answers.iter().any(Result::is_err);
        for answer in answers {
            match answer {
                Ok(QueryAnswer::Json(answer)) => {
                    let answer = answer.value();
                    assert!(answer["position"].as_u64().unwrap() >= end, "{answer}");
                    assert!(
                        ["completed", "active"].contains(&answer["row"]["state"].as_str().unwrap())
                    );
                }
                Err(QueryFailure::Failed { code: Code::NotYetVisible, why }) => {
                    assert!(why.contains(&format!(" of {end}, ")) && why.contains(" %"), "{why}");
                    refusals += 1;
                }
                other => panic!("{other:?}"),
            }
        }
        if !is_behind {
            break;
        }
    }
    println!("{refusals} answers said how far the rows are");
    engine.close().await;
}
