//! Overload: too many commands of one company, and more companies than memory holds.

use std::sync::Arc;

use boarding_commands::envelope::Answer;
use boarding_commands::values::Code;
use boarding_core::limits::{INBOX_COMMANDS_MAX, LOADED_COMPANIES_MAX};
use serde_json::json;
use tokio::task::JoinSet;

use super::held_transport::HeldTransport;
use super::{EngineHarness, company_id, ok, people_rows};

/// LX-35: a company with a full inbox gets `overloaded`. Other companies are served meanwhile.
#[tokio::test]
async fn full_inbox_overloads_only_its_company() {
    let harness = Arc::new(EngineHarness::new(None).await);
    let mut tasks = JoinSet::new();
    let count = 3 * INBOX_COMMANDS_MAX;
    for n in 0..count {
        let harness = Arc::clone(&harness);
        tasks.spawn(async move {
            (n, harness.submit("AddUser", json!({"user": format!("user{n}")})).await)
        });
    }
    let other = {
        let harness = Arc::clone(&harness);
        tokio::spawn(async move {
            harness.submit_to("umbrella", "AddUser", json!({"user": "ann"})).await
        })
    };
    ok(&other.await.unwrap());
    let (mut accepted, mut overloaded) = (0, Vec::new());
    while let Some(answer) = tasks.join_next().await {
        match answer.unwrap() {
            (_, Answer::Accepted { .. }) => accepted += 1,
            (n, Answer::Failed { code: Code::Overloaded, retry: true, .. }) => overloaded.push(n),
            (_, other) => panic!("{other:?}"),
        }
    }
    assert!(accepted >= INBOX_COMMANDS_MAX && !overloaded.is_empty(), "{accepted} accepted");
    assert_eq!(accepted + overloaded.len(), count);
    // A failed command appended nothing, and a repeat of it is accepted.
    ok(&harness.submit("AddUser", json!({"user": format!("user{}", overloaded[0])})).await);
    let users = harness.all_rows("users", json!({"limit": 500})).await;
    assert_eq!(users.len(), accepted + 1);
}

/// LX-35, P13: companies that submit at the same time each get versions without gaps.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn busy_companies_do_not_block_each_other() {
    let harness = Arc::new(EngineHarness::new(None).await);
    let mut tasks = JoinSet::new();
    for company in ["acme", "beta", "gamma", "delta"] {
        let harness = Arc::clone(&harness);
        tasks.spawn(async move {
            for n in 0..50 {
                ok(&harness
                    .submit_to(company, "AddUser", json!({"user": format!("user{n}")}))
                    .await);
            }
        });
    }
    while let Some(done) = tasks.join_next().await {
        done.unwrap();
    }
    for company in ["acme", "beta", "gamma", "delta"] {
        let answer = harness.query_in(company, "history", json!({"limit": 500})).await.unwrap();
        let boarding_core::queries::QueryAnswer::Json(answer) = answer else { panic!() };
        let answer = answer.value();
        let versions: Vec<_> = answer["rows"]
            .as_array()
            .unwrap()
            .iter()
            .map(|row| row["version"].as_u64().unwrap())
            .collect();
        assert_eq!(versions, (1..=50).collect::<Vec<_>>(), "the versions of {company} have gaps");
    }
}

fn company(n: usize) -> String {
    format!("company-{n}")
}

/// Answers are right also for companies that were evicted from memory in between.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_companies_than_memory_holds_get_right_answers() {
    let harness = Arc::new(EngineHarness::new(None).await);
    let count = LOADED_COMPANIES_MAX + 40;
    for round in 0..3_u64 {
        let mut tasks = JoinSet::new();
        for n in 0..count {
            let harness = Arc::clone(&harness);
            tasks.spawn(async move {
                let answer = harness
                    .submit_to(&company(n), "AddUser", json!({"user": format!("user{round}")}))
                    .await;
                assert!(
                    matches!(answer, Answer::Accepted { version, .. } if version == round + 1),
                    "{answer:?}"
                );
                let again = harness
                    .submit_to(&company(n), "AddUser", json!({"user": format!("USER{round}")}))
                    .await;
                super::refused(&again, Code::UserExists);
            });
        }
        while let Some(done) = tasks.join_next().await {
            done.unwrap();
        }
    }
    assert_eq!(harness.engine().companies().len(), count);
}

/// The clock starts a scheduled run also if its company was evicted from memory.
#[tokio::test]
async fn scheduled_run_of_an_evicted_company_starts_in_time() {
    let transport = HeldTransport::new(false);
    let harness = EngineHarness::acme(Some(transport.clone())).await;
    harness.import(&people_rows(&["ann"])).await;
    let not_before = harness.now().plus_seconds(1);
    let body = json!({"source": {"import": "latest"}, "channel": "whatsapp", "mode": "confirmed", "expected_recipients": 1, "not_before": not_before});
    ok(&harness.submit("StartBulkIntegration", body).await);
    for n in 0..=LOADED_COMPANIES_MAX {
        ok(&harness.submit_to(&company(n), "AddUser", json!({"user": "ann"})).await);
    }
    harness.advance_clock(2);
    transport.wait_for_mails(1).await;
    transport.release_all();
    harness.settle().await;
    assert_eq!(harness.rows("runs", json!({})).await[0]["state"], "completed");
}

/// A company with a running run is not evicted from memory.
#[tokio::test]
async fn company_with_a_running_run_is_not_evicted() {
    let transport = HeldTransport::new(false);
    let harness = EngineHarness::acme(Some(transport.clone())).await;
    harness.import(&people_rows(&["a", "b", "c", "d", "e", "f"])).await;
    harness.start_run().await;
    transport.wait_for_mails(4).await;
    for n in 0..=LOADED_COMPANIES_MAX {
        ok(&harness.submit_to(&company(n), "AddUser", json!({"user": "ann"})).await);
    }
    transport.release_all();
    transport.wait_for_mails(6).await;
    harness.engine().settle(&company_id("acme")).await;
    assert_eq!(harness.rows("runs", json!({})).await[0]["passed"], 6);
}
