//! A crash at any moment: what was durable is there, and what was going on goes on.

use std::sync::Arc;

use boarding_commands::values::ImportId;
use serde_json::json;

use super::held_channel::HeldChannel;
use super::{EngineHarness, company_id, numbered_rows, ok};

async fn counts(harness: &EngineHarness, run: &str) -> [u64; 5] {
    let row = harness.row("run", json!({"run": run})).await;
    ["total", "passed", "skipped", "failed", "remaining"].map(|name| row[name].as_u64().unwrap())
}

/// A run of ten people that was killed with mails on their way, and went on to its end.
async fn crashed_with_mails_on_their_way(
    deduplicates: bool,
) -> (Arc<HeldChannel>, EngineHarness, String) {
    let channel = HeldChannel::new(deduplicates);
    let mut harness = EngineHarness::acme(Some(channel.clone())).await;
    harness.import(&numbered_rows(10)).await;
    let run = harness.start_run().await;
    channel.wait_for_mails(4).await;
    harness.crash().await;
    channel.release_all();
    harness.open().await;
    harness.settle().await;
    (channel, harness, run)
}

/// P27, P7: claims without a report are uncertain where a repeat could reach somebody twice.
#[tokio::test]
async fn p27_a_crash_with_mails_on_their_way_leaves_them_in_doubt() {
    let (channel, harness, run) = crashed_with_mails_on_their_way(false).await;
    assert_eq!(counts(&harness, &run).await, [10, 6, 0, 4, 0]);
    let failed = harness.rows("integration_log", json!({"run": run, "status": "failed"})).await;
    assert!(failed.iter().all(|row| row["code"] == "delivery.uncertain"), "{failed:?}");
    let mails = channel.mails();
    let ids: std::collections::BTreeSet<_> = mails.iter().map(|mail| &mail.message_id).collect();
    assert_eq!((mails.len(), ids.len()), (10, 10), "nobody was written to twice");
}

/// P27: a channel that knows its mails again is given them again; the result is as without the crash.
#[tokio::test]
async fn p27_a_crash_with_a_channel_that_deduplicates_changes_nothing() {
    let (channel, harness, run) = crashed_with_mails_on_their_way(true).await;
    assert_eq!(counts(&harness, &run).await, [10, 10, 0, 0, 0]);
    let mails = channel.mails();
    for mail in &mails {
        assert!(
            mails.iter().filter(|one| one.message_id == mail.message_id).all(|one| one == mail)
        );
    }
}

/// P27: the outbox holds one mail for each, however often the engine dies.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p27_the_outbox_holds_one_mail_each_after_crashes_in_a_run() {
    let mut harness = EngineHarness::acme(None).await;
    ok(&harness.submit("SetCompanyConfig", json!({"bulk_integration_max_records": 5000})).await);
    harness.import(&numbered_rows(1_500)).await;
    let run = harness.start_run().await;
    for _ in 0..3 {
        harness.restart().await;
    }
    harness.settle().await;
    assert_eq!(counts(&harness, &run).await, [1500, 1500, 0, 0, 0]);
    assert_eq!(harness.outbox().len(), 1500);
}

/// P7: a run stays with its channel; told to go on another way, nobody gets a second mail.
#[tokio::test]
async fn p7_a_run_waits_for_the_channel_it_was_begun_with() {
    let channel = HeldChannel::new(true);
    let mut harness = EngineHarness::acme(Some(channel.clone())).await;
    harness.import(&numbered_rows(10)).await;
    let run = harness.start_run().await;
    channel.wait_for_mails(4).await;
    harness.crash().await;
    harness.channel = None;
    harness.open().await;
    harness.settle().await;
    assert_eq!(counts(&harness, &run).await, [10, 0, 0, 0, 10], "nobody goes another way unasked");
    let hot = harness.engine().actor(&company_id("acme")).await;
    assert_eq!(hot.pending_work().borrow().other_channel.as_deref(), Some("held"));
    drop(hot);
    harness.crash().await;
    harness.adopt_runs = true;
    harness.open().await;
    harness.settle().await;
    assert_eq!(counts(&harness, &run).await, [10, 6, 0, 4, 0]);
    assert_eq!(harness.outbox().len(), 6, "those claimed before are in doubt, and get no file");
}

/// P8: whoever left between the claim and the crash is not handed to the channel again.
#[tokio::test]
async fn p8_an_open_claim_is_judged_again_before_it_is_repeated() {
    let channel = HeldChannel::new(true);
    let mut harness = EngineHarness::acme(Some(channel.clone())).await;
    harness.import(&numbered_rows(2)).await;
    let run = harness.start_run().await;
    channel.wait_for_mails(2).await;
    ok(&harness.submit("ArchiveUser", json!({"user": "user0"})).await);
    harness.crash().await;
    channel.release_all();
    harness.open().await;
    harness.settle().await;
    assert_eq!(counts(&harness, &run).await, [2, 1, 0, 1, 0]);
    let failed = harness.rows("integration_log", json!({"run": run, "status": "failed"})).await;
    assert_eq!(failed[0]["code"], "delivery.uncertain");
    assert_eq!(channel.mails().len(), 3, "one of the two was handed over again");
}

/// N84, P14: a large import goes on where it was: totals exact, no row twice.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn n84_a_large_import_goes_on_after_a_crash() {
    let mut harness = EngineHarness::acme(None).await;
    ok(&harness.submit("SetCompanyConfig", json!({"bulk_integration_max_records": 5000})).await);
    let answer =
        harness.submit("ImportFile", super::import_body("people.csv", &numbered_rows(3_000))).await;
    let result = ok(&answer);
    let import: ImportId = result["import"].as_str().unwrap().parse().unwrap();
    assert_eq!(result["state"], "processing");
    let mut seen = 0;
    loop {
        // Each time, the engine dies after it has applied some more rows.
        let hot = harness.engine().actor(&company_id("acme")).await;
        let done = loop {
            let (done, over) = hot
                .inspect(move |company| {
                    (company.imports[&import].rows_done, company.imports[&import].completed)
                })
                .await
                .unwrap();
            if over || done > seen {
                break (!over).then_some(done);
            }
            tokio::task::yield_now().await;
        };
        drop(hot);
        let Some(done) = done else { break };
        seen = done;
        harness.restart().await;
    }
    assert!(seen > 0, "the import was interrupted at least once");
    harness.settle().await;
    let row = harness.row("import", json!({"import": result["import"]})).await;
    assert_eq!(
        (&row["state"], &row["total"], &row["created"]),
        (&json!("completed"), &json!(3000), &json!(3000)),
        "{row}"
    );
    assert_eq!((&row["phones_added"], &row["invalid"]), (&json!(3000), &json!(0)), "{row}");
    let rows = harness.all_rows("import_rows", json!({"import": result["import"]})).await;
    let numbers: Vec<_> = rows.iter().map(|row| row["row"].as_u64().unwrap()).collect();
    assert_eq!(numbers, (1..=3000).collect::<Vec<_>>());
}
