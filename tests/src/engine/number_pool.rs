//! A number of the pool that several want at once.

use serde_json::{Value, json};

use super::{EngineHarness, ok};

const HEADER: &str =
    "email address or device,social_messaging,monitor_calls,monitor_sms,multiline_number";
const NUMBER: &str = "+12125550001";

async fn meridian() -> EngineHarness {
    let harness = EngineHarness::new(None).await;
    let commands = include_str!("../../../fixtures/company/multiline.json");
    for command in serde_json::from_str::<Vec<Value>>(commands).unwrap() {
        ok(&harness.submit(command["command"].as_str().unwrap(), command["body"].clone()).await);
    }
    harness
}

fn upload(rows: &[String]) -> Value {
    let text = format!("{HEADER}\n{}\n", rows.join("\n"));
    json!({
        "dialect": "multiline", "files": [{"name": "accounts.csv", "text": text}],
        "organization": "EMEA", "permission_group": "Traders",
    })
}

fn account(key: &str) -> String {
    format!("{key}@meridian.example,No,off,off,{NUMBER}")
}

/// Whose number it is, by whose account was opened; of the others, why not.
async fn told(harness: &EngineHarness, imports: &[Value]) -> (Vec<String>, Vec<String>) {
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

/// N72: a number named twice in one file goes to the first row; the second is invalid.
#[tokio::test]
async fn n72_a_number_named_twice_goes_to_the_first_row() {
    let harness = meridian().await;
    let result = ok(&harness.submit("ImportFile", upload(&[account("ann"), account("bob")])).await);
    harness.settle().await;
    let (opened, refused) = told(&harness, &[result]).await;
    assert_eq!((opened.len(), opened[0].as_str()), (1, "ann@meridian.example"));
    assert_eq!(refused, ["number.not_available"]);
}

/// N72, P18: of imports that want one number at the same time one gets it, whichever comes first; the rows
/// of the others are invalid, and nobody is opened an account without the number that was asked for.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn n72_a_number_that_is_taken_meanwhile_is_not_available() {
    let harness = meridian().await;
    let ask = |key: &str| harness.submit("ImportFile", upload(&[account(key)]));
    let (ann, bob, cid) = tokio::join!(ask("ann"), ask("bob"), ask("cid"));
    harness.settle().await;
    let imports = [ann, bob, cid].map(|answer| ok(&answer));
    let (opened, refused) = told(&harness, &imports).await;
    assert_eq!((opened.len(), refused), (1, vec!["number.not_available".to_owned(); 2]));
    let number = &harness.rows("numbers", json!({"search": NUMBER})).await[0];
    assert_eq!((&number["state"], &number["user"]), (&json!("assigned"), &json!(opened[0])));
    assert_eq!(harness.rows("users", json!({})).await.len(), 1);
}

/// P18, N72, ML-15: whose rest is over is suggested, counted and given out, though nobody has ticked since.
#[tokio::test]
async fn p18_a_number_that_has_rested_is_available_at_once() {
    let harness = meridian().await;
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
    assert_eq!(told(&harness, &[result]).await.0, ["bob@meridian.example"]);
    let told = harness.rows("history", json!({"entity": format!("phone:{NUMBER}")})).await;
    let cooled = told.iter().filter(|fact| fact["event"] == "NumberCooled").count();
    assert_eq!(cooled, 1);
}
