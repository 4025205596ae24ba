//! How far an import is, while it goes on and to whom it is shown.

use std::fmt::Write as _;

use boarding_commands::decide::Authority;
use boarding_core::read::queries::{Answer, Asker, NoAnswer};
use serde_json::{Value, json};

use super::restart::all;
use super::{EngineHarness, HEADER, company_id, object, ok};

/// More commits than one, so that there is something to see between the first and the last.
const ROWS: u64 = 8_000;

/// ML-11: "Progress on the import will be displayed": it never falls while a larger import is under way, rises with
/// each of its commits, and ends at all rows, of whatever dialect the file is.
#[tokio::test]
async fn ml_11_progress_rises_while_a_larger_import_is_under_way_and_never_falls() {
    let harness = EngineHarness::acme(None).await;
    ok(&harness.submit("SetCompanyConfig", json!({"bulk_integration_max_records": ROWS})).await);
    let mut text = HEADER.to_owned();
    for row in 0..ROWS {
        let email = if row % 100 == 7 { "nobody" } else { "" };
        writeln!(text, "user{row},,,{email},,,").unwrap();
    }
    let body = json!({"dialect": "leapxpert", "files": [{"name": "many.csv", "text": text}]});
    let result = ok(&harness.submit("ImportFile", body).await);
    assert_eq!(result["state"], "processing");
    let mut seen: Vec<u64> = Vec::new();
    loop {
        let row = harness.row("import_progress", json!({"import": result["import"]})).await;
        assert_eq!(row["total"], ROWS, "known from the beginning");
        let processed = row["processed"].as_u64().unwrap();
        assert_eq!(row["percent"], 100 * processed / ROWS);
        seen.push(processed);
        if row["state"] == "completed" {
            assert_eq!((processed, &row["invalid"]), (ROWS, &json!(ROWS / 100)));
            assert!(row["ended_at"].is_string());
            break;
        }
    }
    assert!(seen.is_sorted(), "it fell: {seen:?}");

    // How often somebody looks while it goes on is chance; what there was to see after each commit is not.
    let entity = format!("import:{}", result["import"].as_str().unwrap());
    let events = all(&harness, "history", json!({"entity": entity, "limit": 500})).await;
    let mut shown = Vec::new();
    for commit in events.chunk_by(|one, next| one["command"] == next["command"]) {
        let params =
            json!({"import": result["import"], "as_of": commit.last().unwrap()["position"]});
        shown.push(harness.row("import_progress", params).await["processed"].as_u64().unwrap());
    }
    shown.dedup();
    assert!(shown.len() > 2 && shown.is_sorted() && shown.ends_with(&[ROWS]), "{shown:?}");
    assert!(seen.iter().all(|seen| *seen == 0 || shown.contains(seen)), "{seen:?}, {shown:?}");
}

/// ML-01, ML-11, LX-02: whoever may import a file may see how far it is and what became of it, and nobody
/// else, but that whoever imports people sees what became of accounts too. ML-12: `import_id` is `import`.
#[tokio::test]
async fn ml_11_progress_is_shown_to_whoever_may_import_the_file() {
    let harness = EngineHarness::acme(None).await;
    ok(&harness.submit("DefinePermissionGroup", json!({"permission_group": "Traders"})).await);
    let accounts = json!({
        "dialect": "multiline", "organization": "Europe", "permission_group": "Traders",
        "files": [{"name": "accounts.csv", "text": "device,social_messaging,monitor_calls,monitor_sms\n+84923448071,No,off,off\n"}],
    });
    let accounts = ok(&harness.submit("ImportFile", accounts).await)["import"].clone();
    let people = harness.import("ann,,,,,,\n").await["import"].clone();
    for (actor, permission) in
        [("root", "administer"), ("amy", "accounts"), ("ira", "bulk_import_users")]
    {
        let granted = json!({"actor": actor, "permissions": [permission]});
        ok(&harness.submit("GrantPermissions", granted).await);
    }
    harness.settle().await;
    let nothing = json!("01JD0000000000000000000000");
    for (actor, import, denied) in [
        ("amy", &accounts, None),
        ("ira", &accounts, Some("accounts")),
        ("amy", &people, Some("bulk_import_users")),
        ("ira", &people, None),
        ("amy", &nothing, Some("bulk_import_users")),
        ("root", &accounts, Some("accounts")),
    ] {
        let asker = Asker { actor: actor.to_owned(), authority: Authority::Granted };
        let params = object(json!({"import": import}));
        let told =
            harness.engine().query(&company_id("acme"), "import_progress", params, &asker).await;
        match (told, denied) {
            (Ok(Answer::Json(answer)), None) => assert_eq!(answer["row"]["percent"], 100),
            (Err(NoAnswer::Refused(refusal)), Some(permission)) => {
                assert_eq!(refusal.details["permission"], Value::from(permission), "{actor}");
            }
            (told, _) => panic!("{actor}: {told:?}"),
        }
        for name in ["import", "import_rows", "failed_rows"] {
            let params = object(json!({"import_id": import}));
            let told = harness.engine().query(&company_id("acme"), name, params, &asker).await;
            let denied = denied.filter(|_| (actor, import) != ("ira", &accounts));
            match (told, denied) {
                (Ok(_), None) => {}
                (Err(NoAnswer::Refused(refusal)), Some(permission)) => {
                    assert_eq!(refusal.details["permission"], permission, "{actor} {name}");
                }
                (told, _) => panic!("{actor} {name}: {told:?}"),
            }
        }
    }
    let asker = Asker { actor: "amy".to_owned(), authority: Authority::Granted };
    let twice = object(json!({"import": accounts, "import_id": accounts}));
    let told = harness.engine().query(&company_id("acme"), "import_progress", twice, &asker).await;
    let Err(NoAnswer::Refused(refusal)) = told else { panic!("{told:?}") };
    assert_eq!(refusal.details, json!({"parameter": "import_id"}));
}
