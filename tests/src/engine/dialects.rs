//! Files of every dialect: preview, refusal, correction of failed rows, undo, repeated import.

use boarding_commands::values::Code;
use serde_json::{Value, json};

use super::{EngineHarness, ok, refused};
use crate::support::paths;

/// The queries whose answers an undo restores.
const QUERIES: [&str; 6] =
    ["users", "phone_list", "invitations", "numbers", "number_utilisation", "org_units"];

/// A file of two users whose second row is invalid until its bad value is corrected.
struct Case {
    dialect: &'static str,
    company: &'static str,
    header: &'static str,
    rows: [&'static str; 2],
    bad_value: &'static str,
    good_value: &'static str,
    /// The name and text of the other files of the import.
    companion_files: &'static [(&'static str, &'static str)],
    options: Value,
}

/// The case of each dialect, read from `fixtures/<dialect>/case.json`.
fn cases() -> Vec<Case> {
    boarding_commands::dialect::ALL.iter().map(|dialect| Case::of(dialect.name())).collect()
}

fn fixture(path: &str) -> String {
    std::fs::read_to_string(paths::fixture(path)).unwrap_or_else(|why| panic!("{path}: {why}"))
}

/// A copy that lives as long as the test.
fn leaked(text: &str) -> &'static str {
    text.to_owned().leak()
}

fn leaked_json(text: &Value) -> &'static str {
    leaked(text.as_str().unwrap())
}

impl Case {
    fn of(dialect: &'static str) -> Self {
        let case: Value = serde_json::from_str(&fixture(&format!("{dialect}/case.json"))).unwrap();
        let companions = case["beside"].as_object().into_iter().flatten();
        let companions: Vec<_> =
            companions.map(|(name, text)| (leaked(name), leaked_json(text))).collect();
        Self {
            dialect,
            company: fixture(&format!("company/{}", leaked_json(&case["company"]))).leak(),
            header: leaked_json(&case["header"]),
            rows: [leaked_json(&case["rows"][0]), leaked_json(&case["rows"][1])],
            bad_value: leaked_json(&case["bad"]),
            good_value: leaked_json(&case["mended"]),
            companion_files: companions.leak(),
            options: case["options"].clone(),
        }
    }

    async fn harness(&self) -> EngineHarness {
        let harness = EngineHarness::new(None).await;
        harness.run_commands("acme", self.company).await;
        harness
    }

    fn text(&self) -> String {
        format!("{}{}\n{}\n", self.header, self.rows[0], self.rows[1])
    }

    /// The body of an import of this text with more options.
    fn body(&self, text: &str, more: &Value) -> Value {
        let companions =
            self.companion_files.iter().map(|(name, text)| json!({"name": name, "text": text}));
        let first = json!({"name": "people.csv", "text": text});
        let files: Vec<_> = std::iter::once(first).chain(companions).collect();
        let mut body = json!({"dialect": self.dialect, "files": files});
        for options in [&self.options, more] {
            body.as_object_mut().unwrap().extend(options.as_object().unwrap().clone());
        }
        body
    }

    async fn import(&self, harness: &EngineHarness, text: &str, more: &Value) -> Value {
        let result = ok(&harness.submit("ImportFile", self.body(text, more)).await);
        harness.settle().await;
        harness.row("import", json!({"import": result["import"]})).await
    }

    #[track_caller]
    fn assert_counts(&self, import: &Value, created: u64, invalid: u64) {
        let counts = (import["created"].as_u64(), import["invalid"].as_u64());
        assert_eq!(counts, (Some(created), Some(invalid)), "{}: {import}", self.dialect);
    }
}

async fn answers(harness: &EngineHarness) -> Vec<Vec<Value>> {
    let mut answers = Vec::new();
    for name in QUERIES {
        let mut rows = harness.all_rows(name, json!({"limit": 500})).await;
        // An undo does not restore the time of the last change of a number.
        rows.iter_mut()
            .filter_map(Value::as_object_mut)
            .for_each(|row| drop(row.remove("updated_at")));
        answers.push(rows);
    }
    answers
}

/// P15, P16, P23, N43, N44: `reject_file` refuses the file. Otherwise the import equals its preview, and its
/// corrected failed row can be imported. After both undos the company is as before, and the corrected file
/// creates both users.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn file_of_any_dialect_is_corrected_undone_and_imported_again() {
    for case in cases() {
        let harness = case.harness().await;
        let (before, bytes) = (answers(&harness).await, harness.log_bytes());
        for mode in ["preview", "commit"] {
            let body = case.body(&case.text(), &json!({"on_error": "reject_file", "mode": mode}));
            let why = refused(&harness.submit("ImportFile", body).await, Code::ImportInvalidRows);
            assert_eq!(
                (&why["invalid"], &why["problems"][0]["row"]),
                (&json!(1), &json!(2)),
                "{why}"
            );
        }
        let body = case.body(&case.text(), &json!({"mode": "preview"}));
        let shown = ok(&harness.submit("ImportFile", body).await);
        assert!(harness.log_bytes() == bytes, "{}: a preview changed the log", case.dialect);

        let plan = json!({"plan_hash": shown["plan_hash"]});
        let first = case.import(&harness, &case.text(), &plan).await;
        case.assert_counts(&first, 1, 1);
        let rows = harness.rows("import_rows", json!({"import": first["import"]})).await;
        assert_eq!(json!(rows), shown["rows"], "{}", case.dialect);

        let failed = harness.csv("failed_rows", json!({"import": first["import"]})).await;
        let second = case
            .import(&harness, &failed.replace(case.bad_value, case.good_value), &json!({}))
            .await;
        case.assert_counts(&second, 1, 0);

        let one = json!({"reversed": 1, "kept": 0, "errored": 0});
        for import in [&second, &first] {
            let undone = harness.undo_import(&import["import"]).await;
            assert_eq!(undone["undo"], one, "{}", case.dialect);
        }
        assert_eq!(answers(&harness).await, before, "{}", case.dialect);

        let corrected = case.text().replace(case.bad_value, case.good_value);
        let rejecting = json!({"on_error": "reject_file"});
        case.assert_counts(&case.import(&harness, &corrected, &rejecting).await, 2, 0);
    }
}
