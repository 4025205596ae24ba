//! `on_error: reject_file`: a file with an invalid row changes no user.

use boarding_commands::values::Code;
use serde_json::{Value, json};

use super::{EngineHarness, import_body, ok, refused};

/// Enough rows for several commits.
const MANY: usize = 1_200;

async fn harness() -> EngineHarness {
    let harness = EngineHarness::acme(None).await;
    ok(&harness.submit("SetCompanyConfig", json!({"bulk_integration_max_records": 10_000})).await);
    harness
}

/// Rows of new users `u1`, `u2` and so on. Each has the org unit that `unit_of` returns for its number.
fn rows(count: usize, unit_of: impl Fn(usize) -> &'static str) -> String {
    let row = |n: usize| format!("u{n},F,L,u{n}@people.example,,{},\n", unit_of(n));
    (1..=count).map(row).collect()
}

/// The body of an import of these rows with `on_error: reject_file`.
fn reject_file_body(rows: &str) -> Value {
    let mut body = import_body("people.csv", rows);
    body["on_error"] = json!("reject_file");
    body
}

/// An unknown org unit in the last row makes the file invalid.
#[tokio::test]
async fn long_file_with_one_invalid_row_is_refused() {
    let harness = harness().await;
    let text = rows(MANY, |n| if n == MANY { "Nowhere" } else { "" });
    let before = harness.log_bytes();
    let details = refused(
        &harness.submit("ImportFile", reject_file_body(&text)).await,
        Code::ImportInvalidRows,
    );
    let problem = json!({"row": MANY, "line": MANY + 1, "column": "org_unit",
        "code": "reference.org_unit_not_found"});
    assert_eq!(details, json!({"invalid": 1, "total": MANY, "problems": [problem]}));
    assert!(harness.log_bytes() == before, "a refused file changed the log");

    ok(&harness.submit("DefineOrgUnit", json!({"org_unit": "Nowhere"})).await);
    let import = ok(&harness.submit("ImportFile", reject_file_body(&text)).await)["import"].clone();
    harness.settle().await;
    let row = harness.row("import", json!({"import": import})).await;
    assert_eq!((&row["state"], &row["created"]), (&json!("completed"), &json!(MANY)));
}

/// P11, P16: the import and its preview are refused, also with the plan hash of a preview with `on_error: continue`.
#[tokio::test]
async fn preview_of_an_invalid_file_is_refused() {
    let harness = harness().await;
    let text = rows(3, |n| if n == 2 { "Nowhere" } else { "" });
    let mut body = reject_file_body(&text);
    let code = Code::ImportInvalidRows;
    refused(&harness.submit("ImportFile", body.clone()).await, code);
    body["mode"] = json!("preview");
    refused(&harness.submit("ImportFile", body.clone()).await, code);
    body["on_error"] = json!("continue");
    let shown = ok(&harness.submit("ImportFile", body.clone()).await);
    body["mode"] = json!("commit");
    body["on_error"] = json!("reject_file");
    body["plan_hash"] = shown["plan_hash"].clone();
    refused(&harness.submit("ImportFile", body).await, code);
    assert!(harness.rows("users", json!({})).await.is_empty());
}

/// N34, N35: an unknown column is an error only with `reject_file`.
#[tokio::test]
async fn file_with_unknown_column_is_refused() {
    let harness = harness().await;
    let mut body = reject_file_body("");
    body["files"][0]["text"] = json!("username,shoe size\nann,9\n");
    let details =
        refused(&harness.submit("ImportFile", body.clone()).await, Code::CsvUnknownColumn);
    assert_eq!(details["columns"], json!(["shoe size"]));
    body["on_error"] = json!("continue");
    assert_eq!(ok(&harness.submit("ImportFile", body).await)["created"], 1);
}

/// P10: skipped and duplicate rows do not make the file invalid. A repeated command gets the first answer.
#[tokio::test]
async fn skipped_and_duplicate_rows_do_not_refuse_the_file() {
    let harness = harness().await;
    ok(&harness.submit("AddUser", json!({"user": "u1"})).await);
    let body = reject_file_body(&(rows(2, |_| "") + "u2,,,,,,\n"));
    let command = harness.engine().clock().id();
    let first = ok(&harness.submit_with_id("acme", command, "ImportFile", body.clone()).await);
    let counts = ["created", "skipped", "duplicate"].map(|name| first[name].clone());
    assert_eq!(counts, [json!(1), json!(1), json!(1)]);
    assert_eq!(ok(&harness.submit_with_id("acme", command, "ImportFile", body).await), first);
}
