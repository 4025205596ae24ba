//! Several accounts that request the same number of the pool.

use serde_json::{Value, json};

use super::{EngineHarness, ok};

const HEADER: &str =
    "email address or device,social_messaging,monitor_calls,monitor_sms,multiline_number";
const NUMBER: &str = "+12125550001";

fn upload(rows: &[String]) -> Value {
    let text = format!("{HEADER}\n{}\n", rows.join("\n"));
    json!({
        "dialect": "multiline", "files": [{"name": "accounts.csv", "text": text}],
        "organization": "EMEA", "permission_group": "Traders",
    })
}

/// A row that requests the number.
fn account(key: &str) -> String {
    format!("{key}@meridian.example,No,off,off,{NUMBER}")
}

/// The keys of the created accounts, and the first problem code of the other rows.
async fn outcomes(harness: &EngineHarness, imports: &[Value]) -> (Vec<String>, Vec<String>) {
    let (mut opened, mut refused) = (Vec::new(), Vec::new());
    for import in imports {
        for row in harness.rows("import_rows", json!({"import": import["import"]})).await {
            let key = row["key"].as_str().unwrap().to_owned();
            match row["outcome"].as_str().unwrap() {
                "created" => opened.push(key),
                _ => refused.push(row["problems"][0]["code"].as_str().unwrap().to_owned()),
            }
        }
    }
    (opened, refused)
}

/// N72: the second row is invalid.
#[tokio::test]
async fn number_requested_twice_is_assigned_to_the_first_row() {
    let harness = EngineHarness::meridian().await;
    let result = ok(&harness.submit("ImportFile", upload(&[account("ann"), account("bob")])).await);
    harness.settle().await;
    let (opened, refused) = outcomes(&harness, &[result]).await;
    assert_eq!((opened.len(), opened[0].as_str()), (1, "ann@meridian.example"));
    assert_eq!(refused, ["number.not_available"]);
}

/// N72, P18: one of several concurrent imports gets the number. The rows of the others are invalid and create
/// no account.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn number_requested_by_concurrent_imports_is_assigned_once() {
    let harness = EngineHarness::meridian().await;
    let import = |key: &str| harness.submit("ImportFile", upload(&[account(key)]));
    let (ann, bob, cid) = tokio::join!(import("ann"), import("bob"), import("cid"));
    harness.settle().await;
    let imports = [ann, bob, cid].map(|answer| ok(&answer));
    let (opened, refused) = outcomes(&harness, &imports).await;
    assert_eq!((opened.len(), refused), (1, vec!["number.not_available".to_owned(); 2]));
    let number = &harness.rows("numbers", json!({"search": NUMBER})).await[0];
    assert_eq!((&number["state"], &number["user"]), (&json!("assigned"), &json!(opened[0])));
    assert_eq!(harness.rows("users", json!({})).await.len(), 1);
}

/// P18, N72, ML-15: after its cooling time a number is suggested, counted and assigned before the next tick.
#[tokio::test]
async fn cooled_number_is_available_before_the_next_tick() {
    let harness = EngineHarness::meridian().await;
    ok(&harness.submit("SetCompanyConfig", json!({"number_cooling_seconds": 60})).await);
    ok(&harness.submit("ImportFile", upload(&[account("ann")])).await);
    ok(&harness.submit("ReleaseNumber", json!({"number": NUMBER})).await);
    harness.settle().await;
    let shown = async || {
        let number = harness.rows("numbers", json!({"search": NUMBER})).await.remove(0);
        let suggested = harness.rows("number_suggestions", json!({"org": "EMEA", "n": 1})).await;
        let counted =
            harness.rows("number_utilisation", json!({"org_unit": "EMEA"})).await.remove(0);
        (number["state"].clone(), suggested[0]["number"] == NUMBER, counted["cooling"].clone())
    };
    assert_eq!(shown().await, (json!("cooling"), false, json!(1)));
    harness.advance_clock(60);
    assert_eq!(shown().await, (json!("available"), true, json!(0)));
    let result = ok(&harness.submit("ImportFile", upload(&[account("bob")])).await);
    harness.settle().await;
    assert_eq!(outcomes(&harness, &[result]).await.0, ["bob@meridian.example"]);
    let history = harness.rows("history", json!({"entity": format!("phone:{NUMBER}")})).await;
    let cooled = history.iter().filter(|recorded| recorded["event"] == "NumberCooled").count();
    assert_eq!(cooled, 1);
}
