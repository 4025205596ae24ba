//! P23: imports taken back, at the engine: what is seen afterwards is what was seen before.

use boarding_commands::company::Undo;
use boarding_commands::decide::Authority;
use boarding_commands::envelope::Answer;
use boarding_commands::values::{Code, ImportId};
use serde_json::{Value, json};

use super::{EngineHarness, company_id, envelope, import_body, ok, refused};

/// More rows than two commits hold.
const MANY: usize = 1_200;

/// What may be seen of a company apart from its imports and its history.
const VIEWS: [&str; 7] =
    ["users", "phone_list", "runs", "invitations", "org_units", "roles", "config"];

async fn views(harness: &EngineHarness) -> Vec<Vec<Value>> {
    let mut seen = Vec::new();
    for name in VIEWS {
        seen.push(match name {
            "config" => vec![harness.row(name, json!({})).await],
            _ => harness.all_rows(name, json!({"limit": 500})).await,
        });
    }
    seen
}

/// A company with a few people, one of them deactivated, who are all in the file to come.
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

/// So many people, the fifth row invalid and the ninth the fourth again.
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

async fn undo(harness: &EngineHarness, import: &Value) -> Value {
    ok(&harness.submit("UndoImport", json!({"import": import})).await);
    harness.settle().await;
    harness.row("import", json!({"import": import})).await
}

/// P23, P15: a file of several commits goes as it came, and comes in again as it did the first time.
#[tokio::test]
async fn p23_what_an_import_of_several_commits_did_is_taken_back() {
    let harness = harness().await;
    let before = views(&harness).await;
    let first = import(&harness, &rows(MANY)).await;
    let counts = harness.row("import", json!({"import": first})).await;
    assert_eq!((&counts["created"], &counts["updated"]), (&json!(MANY - 5), &json!(3)));
    assert_ne!(views(&harness).await, before);

    let row = undo(&harness, &first).await;
    assert_eq!(row["state"], "undone");
    assert_eq!(row["undo"], json!({"reversed": MANY - 2, "kept": 0, "errored": 0}));
    assert_eq!((&row["created"], &row["total"]), (&counts["created"], &counts["total"]));
    assert_eq!(views(&harness).await, before);
    let told = harness.all_rows("import_rows", json!({"import": first, "limit": 500})).await;
    let reversed: Vec<_> = told.iter().filter(|row| row["undo"] == "reversed").collect();
    assert_eq!((told.len(), reversed.len()), (MANY, MANY - 2));
    assert!(told[4]["undo"].is_null() && told[8]["undo"].is_null(), "they had changed nothing");
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

/// P23: whoever was touched since is kept with the reason, and nothing of them is taken back; a preview tells
/// so before, and leaves no trace (P11).
#[tokio::test]
async fn p23_whoever_was_touched_since_is_kept_and_a_preview_says_so() {
    let harness = harness().await;
    let first = import(&harness, &rows(4)).await;
    ok(&harness
        .submit("AssignRoles", json!({"users": ["u1"], "roles": ["Account Manager"]}))
        .await);
    let invite = json!({"source": {"users": ["u2"]}, "channel": "whatsapp", "mode": "confirmed"});
    ok(&harness.submit("StartBulkIntegration", invite).await);
    harness.settle().await;
    import(&harness, "u4,New,L,u4@people.example,,,\n").await;
    let before = (harness.log_bytes(), views(&harness).await);
    let body = json!({"import": first, "mode": "preview"});
    let shown = ok(&harness.submit("UndoImport", body).await);
    let expected =
        json!({"import": first, "state": "completed", "reversed": 1, "kept": 3, "errored": 0});
    assert_eq!(shown, expected);
    assert!((harness.log_bytes(), views(&harness).await) == before, "a preview left a trace");

    let row = undo(&harness, &first).await;
    assert_eq!(row["undo"], json!({"reversed": 1, "kept": 3, "errored": 0}));
    let told = harness.rows("import_rows", json!({"import": first})).await;
    let told: Vec<_> = told.iter().map(|row| row["undo"].as_str().unwrap()).collect();
    let expected =
        ["kept:row.changed_since", "kept:row.invited_since", "reversed", "kept:row.named_since"];
    assert_eq!(told, expected);
    let kept = harness.rows("import_rows", json!({"import": first, "undo": "kept"})).await;
    assert_eq!(kept.len(), 3);
    for user in ["u1", "u2", "u4"] {
        assert_eq!(harness.row("user", json!({"user": user})).await["first_name"], "New");
    }
    let back = harness.row("user", json!({"user": "u3"})).await;
    assert_eq!((&back["first_name"], &back["attributes"]), (&json!("Old"), &json!({"desk": "7"})));
}

/// P27, N84: an engine that dies in the middle goes on where it was; each row has one outcome.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p27_an_undo_goes_on_after_a_crash() {
    let mut harness = harness().await;
    let before = views(&harness).await;
    let first = import(&harness, &rows(2_000)).await;
    let import: ImportId = first.as_str().unwrap().parse().unwrap();
    ok(&harness.submit("UndoImport", json!({"import": first})).await);
    let mut seen = 0;
    loop {
        // Each time, the engine dies after it has undone some more rows.
        let hot = harness.engine().actor(&company_id("acme")).await;
        let done = loop {
            let undo = hot.inspect(move |company| company.imports[&import].undo).await.unwrap();
            match undo {
                Undo::Going { rows_done, .. } if rows_done > seen => break Some(rows_done),
                Undo::Going { .. } => tokio::task::yield_now().await,
                Undo::No | Undo::Done => break None,
            }
        };
        drop(hot);
        let Some(done) = done else { break };
        seen = done;
        harness.restart().await;
    }
    assert!(seen > 0, "the undo was interrupted at least once");
    harness.settle().await;
    let row = harness.row("import", json!({"import": first})).await;
    assert_eq!(row["undo"], json!({"reversed": 1_998, "kept": 0, "errored": 0}));
    assert_eq!(views(&harness).await, before);
    let told = harness
        .all_rows("history", json!({"entity": format!("import:{import}"), "limit": 500}))
        .await;
    let rows = told.iter().filter(|row| row["event"] == "RowUndone");
    let rows: Vec<_> = rows.map(|row| row["data"]["row"].as_u64().unwrap()).collect();
    assert!(rows.is_sorted_by(|a, b| a < b) && rows.len() == 1_998, "a row was undone twice");
    assert_eq!(told.last().unwrap()["event"], "ImportUndone");
}

/// P10, LX-02: a repeat is answered the same; it takes the permission to import.
#[tokio::test]
async fn p10_lx_02_an_undo_is_asked_by_who_may_import_and_answered_once() {
    let harness = harness().await;
    let first = import(&harness, &rows(3)).await;
    let body = json!({"import": first});
    ok(&harness
        .submit("GrantPermissions", json!({"actor": "jane", "permissions": ["accounts"]}))
        .await);
    for mode in ["preview", "commit"] {
        let body = json!({"import": first, "mode": mode});
        let asked = envelope(harness.engine().clock().id(), "jane", &body);
        let answer = harness
            .engine()
            .submit(&company_id("acme"), "UndoImport", asked, Authority::Granted)
            .await;
        refused(&answer, Code::AuthPermissionDenied);
    }
    let command = harness.engine().clock().id();
    let told = ok(&harness.submit_with_id("acme", command, "UndoImport", body.clone()).await);
    assert_eq!(told, json!({"import": first, "state": "undoing"}));
    harness.settle().await;
    match harness.submit_with_id("acme", command, "UndoImport", body).await {
        Answer::Accepted { duplicate: true, result, .. } => assert_eq!(result, told),
        other => panic!("{other:?}"),
    }
    let unknown = json!({"import": "01JD0000000000000000000000"});
    refused(&harness.submit("UndoImport", unknown).await, Code::ImportNotFound);
}

/// The log-in mail that was out before is no change of the person; one that waits is not sent.
#[tokio::test]
async fn lx_14_people_who_were_welcomed_are_taken_back_too() {
    let harness = harness().await;
    let mut body = import_body("people.csv", &rows(2));
    body["send_welcome_email"] = json!(true);
    let first = ok(&harness.submit("ImportFile", body).await)["import"].clone();
    harness.settle().await;
    assert_eq!(harness.outbox().len(), 2);
    assert_eq!(undo(&harness, &first).await["undo"]["reversed"], json!(2));
    assert_eq!(harness.outbox().len(), 2);
}
