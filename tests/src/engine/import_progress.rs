//! The progress of an import: its values over time, and the permissions to read it.

use std::fmt::Write as _;

use boarding_commands::decide::Authority;
use boarding_core::queries::{QueryAnswer, QueryCaller, QueryFailure};
use serde_json::{Value, json};

use super::{EngineHarness, HEADER, company_id, object, ok};

/// Enough rows for several commits.
const ROWS: u64 = 3_000;

/// ML-11: "Progress on the import will be displayed". It never falls, rises with each commit, and ends at the
/// number of rows.
#[tokio::test]
async fn progress_rises_with_each_commit_and_never_falls() {
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
        assert_eq!(row["total"], ROWS, "the total is wrong");
        let processed = row["processed"].as_u64().unwrap();
        assert_eq!(row["percent"], 100 * processed / ROWS);
        seen.push(processed);
        if row["state"] == "completed" {
            assert_eq!((processed, &row["invalid"]), (ROWS, &json!(ROWS / 100)));
            assert!(row["ended_at"].is_string());
            break;
        }
    }
    assert!(seen.is_sorted(), "progress fell: {seen:?}");

    // The number of queries above depends on timing. The progress after each commit does not.
    let entity = format!("import:{}", result["import"].as_str().unwrap());
    let events = harness.all_rows("history", json!({"entity": entity, "limit": 500})).await;
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

/// ML-01, ML-11, LX-02: reading progress and rows needs the permission to import the file. The permission to
/// import users also allows reading the rows of account imports. ML-12: `import_id` is an alias of `import`.
#[tokio::test]
async fn progress_needs_the_permission_to_import_the_file() {
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
        harness.grant(actor, permission).await;
    }
    harness.settle().await;
    let unknown = json!("01JD0000000000000000000000");
    for (actor, import, denied) in [
        ("amy", &accounts, None),
        ("ira", &accounts, Some("accounts")),
        ("amy", &people, Some("bulk_import_users")),
        ("ira", &people, None),
        ("amy", &unknown, Some("bulk_import_users")),
        ("root", &accounts, Some("accounts")),
    ] {
        let caller = QueryCaller {
            actor: actor.to_owned(),
            authenticated: None,
            authority: Authority::Granted,
        };
        let params = object(json!({"import": import}));
        let answer =
            harness.engine().query(&company_id("acme"), "import_progress", params, &caller).await;
        match (answer, denied) {
            (Ok(QueryAnswer::Json(progress)), None) => {
                assert_eq!(progress.value()["row"]["percent"], 100);
            }
            (Err(QueryFailure::Refused(refusal)), Some(permission)) => {
                assert_eq!(refusal.details["permission"], Value::from(permission), "{actor}");
            }
            (answer, _) => panic!("{actor}: {answer:?}"),
        }
        for name in ["import", "import_rows", "failed_rows"] {
            let params = object(json!({"import_id": import}));
            let answer = harness.engine().query(&company_id("acme"), name, params, &caller).await;
            let denied = denied.filter(|_| (actor, import) != ("ira", &accounts));
            match (answer, denied) {
                (Ok(_), None) => {}
                (Err(QueryFailure::Refused(refusal)), Some(permission)) => {
                    assert_eq!(refusal.details["permission"], permission, "{actor} {name}");
                }
                (answer, _) => panic!("{actor} {name}: {answer:?}"),
            }
        }
    }
    let caller =
        QueryCaller { actor: "amy".to_owned(), authenticated: None, authority: Authority::Granted };
    let twice = object(json!({"import": accounts, "import_id": accounts}));
    let answer =
        harness.engine().query(&company_id("acme"), "import_progress", twice, &caller).await;
    let Err(QueryFailure::Refused(refusal)) = answer else { panic!("{answer:?}") };
    assert_eq!(refusal.details, json!({"parameter": "import_id"}));
}
