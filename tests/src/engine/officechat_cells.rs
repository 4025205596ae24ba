//! Cells of Office Chat files: quotes, empty cells, wrong numbers of cells.

use serde_json::{Value, json};

use super::{EngineHarness, ok};

const HEADER: &str = "name,firstname,lastname,email/login,title,mobile,manager,Enabled";

/// Imports a file and waits for its end. Returns the import and its rows.
async fn import(harness: &EngineHarness, text: &str, existing: &str) -> (Value, Vec<Value>) {
    let files = json!([{"name": "people.csv", "text": text}]);
    let body = json!({"dialect": "officechat", "files": files, "existing": existing});
    let result = ok(&harness.submit("ImportFile", body).await);
    harness.settle().await;
    let import = harness.row("import", json!({"import": result["import"]})).await;
    let rows = harness.rows("import_rows", json!({"import": result["import"], "limit": 500})).await;
    (import, rows)
}

/// The column and code of each problem or warning.
fn codes(list: &Value) -> Vec<(&str, &str)> {
    list.as_array()
        .into_iter()
        .flatten()
        .map(|one| (one["column"].as_str().unwrap_or_default(), one["code"].as_str().unwrap()))
        .collect()
}

/// OC-04: "It is recommended to use quotes": a file without quotes creates the same users.
#[tokio::test]
async fn quotes_are_optional() {
    let harness = EngineHarness::acme(None).await;
    let plain = format!(
        "{HEADER}\nWill Smith,Will,Smith,willsmith@gmail.com,Director,(+91)1234123411,,TRUE\n"
    );
    let quoted = "\"name\",\"firstname\",\"lastname\",\"email/login\",\"title\",\"mobile\",\"manager\",\"Enabled\"\n\
        \"Will Smith\",\"Will\",\"Smith\",\"willsmith@gmail.com\",\"Director\",\"(+91)1234123411\",\"\",\"TRUE\"\n";
    let (first, rows) = import(&harness, &plain, "skip").await;
    assert_eq!((&first["created"], &first["warnings"]), (&json!(1), &json!(0)));
    assert_eq!((&rows[0]["problems"], &rows[0]["warnings"]), (&json!([]), &json!([])));
    let will = harness.row("user", json!({"user": "willsmith@gmail.com"})).await;
    let kept = ["first_name", "last_name", "email", "phone"].map(|name| will[name].clone());
    assert_eq!(kept, ["Will", "Smith", "willsmith@gmail.com", "+911234123411"].map(|v| json!(v)));
    let (again, _) = import(&harness, quoted, "update").await;
    assert_eq!(again["unchanged"], 1, "quotes changed a value");
    // Only a value with a comma needs quotes.
    let mixed = format!("{HEADER}\n\"Lee, Ann\",Ann,\"Lee\",ann@acme.example,,\"\",,TRUE\n");
    let (mixed, _) = import(&harness, &mixed, "skip").await;
    assert_eq!(mixed["created"], 1);
    let ann = harness.row("user", json!({"user": "ann@acme.example"})).await;
    assert_eq!(ann["attributes"]["name"], "Lee, Ann");
}

/// OC-05, A16, N19, N20: "the value should not contain quotes". A stray quote makes the row invalid, a doubled
/// quote is a warning, and a typographic quote is part of the value.
#[tokio::test]
async fn quote_inside_a_value_is_a_problem_or_a_warning() {
    let harness = EngineHarness::acme(None).await;
    let text = format!(
        "{HEADER}\n\
         Will \"Bill\" Smith,Will,Smith,will@acme.example,,,,\n\
         \"Will \"Bill\" Smith\",\"Will\",\"Smith\",\"bill@acme.example\",\"\",\"\",\"\",\"\"\n\
         \"Ann \"\"Annie\"\" Lee\",Ann,Lee,ann@acme.example,,,,\n\
         Zoë “Zo” Adams,Zoë,Adams,zoe@acme.example,,,,\n\
         Bob Ray,Bob,Ray,bob@acme.example,,,,\n"
    );
    let (import, rows) = import(&harness, &text, "skip").await;
    assert_eq!((&import["created"], &import["invalid"]), (&json!(3), &json!(2)));
    for row in &rows[..2] {
        assert_eq!(codes(&row["problems"]), [("name", "csv.stray_quote")], "{row}");
    }
    let names = ["ann@acme.example", "zoe@acme.example"];
    assert_eq!(codes(&rows[2]["warnings"]), [("name", "csv.quote_in_value")]);
    assert_eq!(codes(&rows[3]["warnings"]), []);
    for (key, name) in names.iter().zip(["Ann \"Annie\" Lee", "Zoë “Zo” Adams"]) {
        let user = harness.row("user", json!({"user": key})).await;
        assert_eq!(user["attributes"]["name"], name);
    }
}

/// OC-06, A14: an empty cell, quoted or not, keeps the stored value, or clears it if the company says so.
#[tokio::test]
async fn empty_cell_keeps_or_clears_the_stored_value() {
    let harness = EngineHarness::acme(None).await;
    let full = format!(
        "{HEADER}\n\
         Ann Lee,Ann,Lee,ann@acme.example,Clerk,+84923448071,,TRUE\n\
         Bob Ray,Bob,Ray,bob@acme.example,Clerk,+84923448072,,TRUE\n"
    );
    import(&harness, &full, "skip").await;
    let empty = format!(
        "{HEADER}\n\"\",\"\",\"\",\"ann@acme.example\",\"\",\"\",\"\",\"\"\n,,,bob@acme.example,,,,\n"
    );
    let (kept, _) = import(&harness, &empty, "update").await;
    assert_eq!((&kept["unchanged"], &kept["invalid"]), (&json!(2), &json!(0)));
    ok(&harness.submit("SetCompanyConfig", json!({"blank_means": "clear"})).await);
    let (cleared, _) = import(&harness, &empty, "update").await;
    assert_eq!(cleared["updated"], 2);
    for key in ["ann@acme.example", "bob@acme.example"] {
        let user = harness.row("user", json!({"user": key})).await;
        assert_eq!((&user["first_name"], &user["phone"]), (&json!(null), &json!(null)), "{user}");
        assert_eq!((&user["attributes"], &user["state"]), (&json!({}), &json!("active")));
    }
}

/// OC-07, N15, N16: a row with too few or too many cells is invalid, and the other rows are imported.
#[tokio::test]
async fn row_with_wrong_cell_count_is_invalid() {
    let harness = EngineHarness::acme(None).await;
    let text = format!(
        "{HEADER}\n\
         Ann Lee,Ann,Lee,ann@acme.example,,,,TRUE\n\
         Bob Ray,Bob,Ray,bob@acme.example,,,TRUE\n\
         Cid Oz,Cid,Oz,cid@acme.example,,,,TRUE,\n\
         Dan Poe,Dan,Poe,dan@acme.example,,,,TRUE\n"
    );
    let (import, rows) = import(&harness, &text, "skip").await;
    assert_eq!((&import["created"], &import["invalid"]), (&json!(2), &json!(2)));
    for (row, actual) in [(&rows[1], 7), (&rows[2], 9)] {
        assert_eq!(codes(&row["problems"]), [("", "csv.field_count_mismatch")]);
        let message = row["problems"][0]["message"].as_str().unwrap();
        assert!(message.contains(&format!("{actual} instead of 8")), "{message}");
    }
    let lines: Vec<_> = rows.iter().map(|row| row["line"].as_u64().unwrap()).collect();
    assert_eq!(lines, [2, 3, 4, 5]);
    let users = harness.rows("users", json!({})).await;
    let keys: Vec<_> = users.iter().map(|user| user["user"].as_str().unwrap()).collect();
    assert_eq!(keys, ["ann@acme.example", "dan@acme.example"]);
}
