//! More than there is room for: commands of one company, and companies.

use std::sync::Arc;

use boarding_commands::envelope::Answer;
use boarding_commands::values::Code;
use boarding_core::limits::{HOT_COMPANIES_MAX, INBOX_COMMANDS_MAX};
use serde_json::json;
use tokio::task::JoinSet;

use super::held_channel::HeldChannel;
use super::{EngineHarness, company_id, ok, people_rows};

/// LX-35: a company that asks for too much is told so; another is answered meanwhile.
#[tokio::test]
async fn a_full_inbox_is_overload_for_its_company_alone() {
    let harness = Arc::new(EngineHarness::new(None).await);
    let mut asked = JoinSet::new();
    let count = 3 * INBOX_COMMANDS_MAX;
    for n in 0..count {
        let harness = Arc::clone(&harness);
        asked.spawn(async move {
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
    while let Some(answered) = asked.join_next().await {
        match answered.unwrap() {
            (_, Answer::Accepted { .. }) => accepted += 1,
            (n, Answer::Failed { code: Code::Overloaded, retry: true, .. }) => overloaded.push(n),
            (_, other) => panic!("{other:?}"),
        }
    }
    assert!(accepted >= INBOX_COMMANDS_MAX && !overloaded.is_empty(), "{accepted} accepted");
    assert_eq!(accepted + overloaded.len(), count);
    // What failed left nothing behind, and is taken when it is sent again.
    ok(&harness.submit("AddUser", json!({"user": format!("user{}", overloaded[0])})).await);
    let users = super::restart::all(&harness, "users", json!({"limit": 500})).await;
    assert_eq!(users.len(), accepted + 1);
}

/// LX-35: the commands of a company are answered in the order of their coming, and none is left behind.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_busy_company_holds_up_nobody() {
    let harness = Arc::new(EngineHarness::new(None).await);
    let mut asked = JoinSet::new();
    for company in ["acme", "beta", "gamma", "delta"] {
        let harness = Arc::clone(&harness);
        asked.spawn(async move {
            for n in 0..50 {
                ok(&harness
                    .submit_to(company, "AddUser", json!({"user": format!("user{n}")}))
                    .await);
            }
        });
    }
    while let Some(done) = asked.join_next().await {
        done.unwrap();
    }
    for company in ["acme", "beta", "gamma", "delta"] {
        let answer = harness.query_in(company, "history", json!({"limit": 500})).await.unwrap();
        let boarding_core::read::queries::Answer::Json(answer) = answer else { panic!() };
        let versions: Vec<_> = answer["rows"]
            .as_array()
            .unwrap()
            .iter()
            .map(|row| row["version"].as_u64().unwrap())
            .collect();
        assert_eq!(versions, (1..=50).collect::<Vec<_>>(), "gapless, whatever the others do (P13)");
    }
}

fn company(n: usize) -> String {
    format!("company-{n}")
}

/// More companies than stay in memory: every answer is right, whoever was put to sleep in between.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_companies_than_stay_in_memory_all_get_right_answers() {
    let harness = Arc::new(EngineHarness::new(None).await);
    let count = HOT_COMPANIES_MAX + 40;
    for round in 0..3_u64 {
        let mut asked = JoinSet::new();
        for n in 0..count {
            let harness = Arc::clone(&harness);
            asked.spawn(async move {
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
        while let Some(done) = asked.join_next().await {
            done.unwrap();
        }
    }
    assert_eq!(harness.engine().companies().len(), count);
}

/// What time brings to a company reaches it while it sleeps.
#[tokio::test]
async fn a_scheduled_run_of_a_company_that_sleeps_starts_in_time() {
    let channel = HeldChannel::new(false);
    let harness = EngineHarness::acme(Some(channel.clone())).await;
    harness.import(&people_rows(&["ann"])).await;
    let not_before = harness.now().plus_seconds(1);
    let body = json!({"source": {"import": "latest"}, "channel": "whatsapp", "mode": "confirmed", "not_before": not_before});
    ok(&harness.submit("StartBulkIntegration", body).await);
    for n in 0..=HOT_COMPANIES_MAX {
        ok(&harness.submit_to(&company(n), "AddUser", json!({"user": "ann"})).await);
    }
    harness.advance_clock(2);
    channel.wait_for_mails(1).await;
    channel.release_all();
    harness.settle().await;
    assert_eq!(harness.rows("runs", json!({})).await[0]["state"], "completed");
}

/// A company with something going on is not put to sleep for others.
#[tokio::test]
async fn a_company_with_a_run_going_on_stays_awake() {
    let channel = HeldChannel::new(false);
    let harness = EngineHarness::acme(Some(channel.clone())).await;
    harness.import(&people_rows(&["a", "b", "c", "d", "e", "f"])).await;
    harness.start_run().await;
    channel.wait_for_mails(4).await;
    for n in 0..=HOT_COMPANIES_MAX {
        ok(&harness.submit_to(&company(n), "AddUser", json!({"user": "ann"})).await);
    }
    channel.release_all();
    channel.wait_for_mails(6).await;
    harness.engine().settle(&company_id("acme")).await;
    assert_eq!(harness.rows("runs", json!({})).await[0]["passed"], 6);
}
