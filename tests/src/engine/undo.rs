//! P23: the undo of an import restores the answers of all queries.

use boarding_commands::company::Undo;
use boarding_commands::envelope::Answer;
use boarding_commands::values::{Code, ImportId};
use serde_json::{Value, json};

use super::{EngineHarness, company_id, import_body, ok, refused};

/// Enough rows for three commits.
const MANY: usize = 1_200;

/// The queries whose answers an undo restores.
const QUERIES: [&str; 7] =
    ["users", "phone_list", "runs", "invitations", "org_units", "roles", "config"];

async fn answers(harness: &EngineHarness) -> Vec<Vec<Value>> {
    let mut answers = Vec::new();
    for name in QUERIES {
        answers.push(match name {
            "config" => vec![harness.row(name, json!({})).await],
            _ => harness.all_rows(name, json!({"limit": 500})).await,
        });
    }
    answers
}

/// An engine with three users who are also in the imported file. One is deactivated.
async fn harness() -> EngineHarness {
    let harness = EngineHarness::acme(None).await;
    ok(&harness.submit("SetCompanyConfig", json!({"bulk_integration_max_records": 10_000})).await);
    for n in [3, 700, 1_100] {
        let body = json!({"user": format!("u{n}"), "first_name": "Old", "email": "old@people.example",
            "attributes": {"desk": "7"}});
        ok(&harness.submit("AddUser", body).await);
    }
    let phone = json!({"user": "u3", "phone": "+84912999999"});
    ok(&harness.submit("AddCorporatePhone", phone).await);
    ok(&harness.submit("DeactivateUser", json!({"user": "u700"})).await);
    harness
}

/// Rows of this many users. The fifth is invalid, and the ninth repeats the fourth.
fn rows(count: usize) -> String {
    let row = |n: usize| {
        let (user, email) = match n {
            5 => (n, "nobody".to_owned()),
            9 => (4, "u4@people.example".to_owned()),
            _ => (n, format!("u{n}@people.example")),
        };
        format!("u{user},New,L,{email},+84912{:06},,\n", 345_000 + n)
    };
    (1..=count).map(row).collect()
}

async fn import(harness: &EngineHarness, rows: &str) -> Value {
    let mut body = import_body("people.csv", rows);
    body["existing"] = json!("update");
    let import = ok(&harness.submit("ImportFile", body).await)["import"].clone();
    harness.settle().await;
    import
}

/// P23, P15: after the undo, the same import has the same counts again.
#[tokio::test]
async fn import_of_several_commits_is_undone() {
    let harness = harness().await;
    let before = answers(&harness).await;
    let first = import(&harness, &rows(MANY)).await;
    let counts = harness.row("import", json!({"import": first})).await;
    assert_eq!((&counts["created"], &counts["updated"]), (&json!(MANY - 5), &json!(3)));
    assert_ne!(answers(&harness).await, before);

    let row = harness.undo_import(&first).await;
    assert_eq!(row["state"], "undone");
    assert_eq!(row["undo"], json!({"reversed": MANY - 2, "kept": 0, "errored": 0}));
    assert_eq!((&row["created"], &row["total"]), (&counts["created"], &counts["total"]));
    assert_eq!(answers(&harness).await, before);
    let undone = harness.all_rows("import_rows", json!({"import": first, "limit": 500})).await;
    let reversed: Vec<_> = undone.iter().filter(|row| row["undo"] == "reversed").collect();
    assert_eq!((undone.len(), reversed.len()), (MANY, MANY - 2));
    assert!(
        undone[4]["undo"].is_null() && undone[8]["undo"].is_null(),
        "a row without effect was undone"
    );
    refused(
        &harness.submit("UndoImport", json!({"import": first})).await,
        Code::ImportAlreadyUndone,
    );

    let again = import(&harness, &rows(MANY)).await;
    let row = harness.row("import", json!({"import": again})).await;
    for name in ["created", "updated", "invalid", "duplicate", "phones_added"] {
        assert_eq!(row[name], counts[name], "{name}");
    }
}

/// P23, P11: an undo keeps all rows of users who changed since, with the reason. Its preview shows the same
/// counts and does not change the log.
#[tokio::test]
async fn undo_keeps_users_who_changed_since() {
    let harness = harness().await;
    let first = import(&harness, &rows(4)).await;
    ok(&harness
        .submit("AssignRoles", json!({"users": ["u1"], "roles": ["Account Manager"]}))
        .await);
    let invite = json!({"source": {"users": ["u2"]}, "channel": "whatsapp", "mode": "confirmed", "expected_recipients": 1});
    ok(&harness.submit("StartBulkIntegration", invite).await);
    harness.settle().await;
    import(&harness, "u4,New,L,u4@people.example,,,\n").await;
    let before = (harness.log_bytes(), answers(&harness).await);
    let body = json!({"import": first, "mode": "preview"});
    let shown = ok(&harness.submit("UndoImport", body).await);
    let expected =
        json!({"import": first, "state": "completed", "reversed": 1, "kept": 3, "errored": 0});
    assert_eq!(shown, expected);
    assert!(
        (harness.log_bytes(), answers(&harness).await) == before,
        "a preview changed the company"
    );

    let row = harness.undo_import(&first).await;
    assert_eq!(row["undo"], json!({"reversed": 1, "kept": 3, "errored": 0}));
    let rows = harness.rows("import_rows", json!({"import": first})).await;
    let outcomes: Vec<_> = rows.iter().map(|row| row["undo"].as_str().unwrap()).collect();
    let expected =
        ["kept:row.changed_since", "kept:row.invited_since", "reversed", "kept:row.named_since"];
    assert_eq!(outcomes, expected);
    let kept = harness.rows("import_rows", json!({"import": first, "undo": "kept"})).await;
    assert_eq!(kept.len(), 3);
    for user in ["u1", "u2", "u4"] {
        assert_eq!(harness.row("user", json!({"user": user})).await["first_name"], "New");
    }
    let restored = harness.row("user", json!({"user": "u3"})).await;
    assert_eq!(
        (&restored["first_name"], &restored["attributes"]),
        (&json!("Old"), &json!({"desk": "7"}))
    );
}

/// P27, N84: after crashes within the undo, each row has one outcome.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn undo_continues_after_crashes() {
    let mut harness = harness().await;
    let before = answers(&harness).await;
    let first = import(&harness, &rows(1_300)).await;
    let import: ImportId = first.as_str().unwrap().parse().unwrap();
    ok(&harness.submit("UndoImport", json!({"import": first})).await);
    let mut seen = 0;
    loop {
        // Each turn crashes the engine after it has undone more rows.
        let actor = harness.engine().actor(&company_id("acme")).await;
        let done = loop {
            let undo = actor.inspect(move |company| company.imports[&import].undo).await.unwrap();
            match undo {
                Undo::Going { rows_done, .. } if rows_done > seen => break Some(rows_done),
                Undo::Going { .. } => tokio::task::yield_now().await,
                Undo::No | Undo::Done => break None,
            }
        };
        drop(actor);
        let Some(done) = done else { break };
        seen = done;
        harness.restart().await;
    }
    assert!(seen > 0, "the undo was never interrupted");
    harness.settle().await;
    let row = harness.row("import", json!({"import": first})).await;
    assert_eq!(row["undo"], json!({"reversed": 1_298, "kept": 0, "errored": 0}));
    assert_eq!(answers(&harness).await, before);
    let history = harness
        .all_rows("history", json!({"entity": format!("import:{import}"), "limit": 500}))
        .await;
    let rows = history.iter().filter(|row| row["event"] == "RowUndone");
    let rows: Vec<_> = rows.map(|row| row["data"]["row"].as_u64().unwrap()).collect();
    assert!(rows.is_sorted_by(|a, b| a < b) && rows.len() == 1_298, "a row was undone twice");
    assert_eq!(history.last().unwrap()["event"], "ImportUndone");
}

/// P10, LX-02: an undo needs the permission to import. A repeat gets the first answer.
#[tokio::test]
async fn undo_needs_permission_and_its_repeat_gets_the_same_answer() {
    let harness = harness().await;
    let first = import(&harness, &rows(3)).await;
    let body = json!({"import": first});
    ok(&harness
        .submit("GrantPermissions", json!({"actor": "root", "permissions": ["administer"]}))
        .await);
    for mode in ["preview", "commit"] {
        let body = json!({"import": first, "mode": mode});
        let answer = harness.submit_as("jane", "UndoImport", body).await;
        refused(&answer, Code::AuthPermissionDenied);
    }
    let command = harness.engine().clock().id();
    let first_answer =
        ok(&harness.submit_with_id("acme", command, "UndoImport", body.clone()).await);
    assert_eq!(first_answer, json!({"import": first, "state": "undoing"}));
    harness.settle().await;
    match harness.submit_with_id("acme", command, "UndoImport", body).await {
        Answer::Accepted { duplicate: true, result, .. } => assert_eq!(result, first_answer),
        other => panic!("{other:?}"),
    }
    let unknown = json!({"import": "01JD0000000000000000000000"});
    refused(&harness.submit("UndoImport", unknown).await, Code::ImportNotFound);
}

/// LX-14: a welcome mail is not a change that keeps a user.
#[tokio::test]
async fn users_with_welcome_mail_are_undone_too() {
    let harness = harness().await;
    let mut body = import_body("people.csv", &rows(2));
    body["send_welcome_email"] = json!(true);
    let first = ok(&harness.submit("ImportFile", body).await)["import"].clone();
    harness.settle().await;
    assert_eq!(harness.outbox().len(), 2);
    assert_eq!(harness.undo_import(&first).await["undo"]["reversed"], json!(2));
    assert_eq!(harness.outbox().len(), 2);
}
