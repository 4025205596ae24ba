//! What holds for the files of every dialect: they are shown, refused, mended, taken back and imported again.

use boarding_commands::values::Code;
use serde_json::{Value, json};

use super::{EngineHarness, ok, refused};

/// What may be seen of a company apart from its imports and its history.
const VIEWS: [&str; 6] =
    ["users", "phone_list", "invitations", "numbers", "number_utilisation", "org_units"];

/// A file of two people whose second row is bad until it is mended, and how it is imported.
struct Case {
    dialect: &'static str,
    company: &'static str,
    header: &'static str,
    rows: [&'static str; 2],
    bad: &'static str,
    mended: &'static str,
    /// The files that are taken together with this one.
    beside: &'static [(&'static str, &'static str)],
    extra: Value,
}

/// One of each dialect: `case.json` among its files.
fn cases() -> Vec<Case> {
    boarding_commands::dialect::ALL.iter().map(|dialect| Case::of(dialect.name())).collect()
}

fn fixture(path: &str) -> String {
    let fixtures = concat!(env!("CARGO_MANIFEST_DIR"), "/../fixtures/");
    std::fs::read_to_string(format!("{fixtures}{path}"))
        .unwrap_or_else(|why| panic!("{path}: {why}"))
}

fn leaked(text: &str) -> &'static str {
    text.to_owned().leak()
}

fn kept(text: &Value) -> &'static str {
    leaked(text.as_str().unwrap())
}

impl Case {
    fn of(dialect: &'static str) -> Self {
        let case: Value = serde_json::from_str(&fixture(&format!("{dialect}/case.json"))).unwrap();
        let beside = case["beside"].as_object().into_iter().flatten();
        let beside: Vec<_> = beside.map(|(name, text)| (leaked(name), kept(text))).collect();
        Self {
            dialect,
            company: fixture(&format!("company/{}", kept(&case["company"]))).leak(),
            header: kept(&case["header"]),
            rows: [kept(&case["rows"][0]), kept(&case["rows"][1])],
            bad: kept(&case["bad"]),
            mended: kept(&case["mended"]),
            beside: beside.leak(),
            extra: case["options"].clone(),
        }
    }

    async fn harness(&self) -> EngineHarness {
        let harness = EngineHarness::new(None).await;
        for command in serde_json::from_str::<Vec<Value>>(self.company).unwrap() {
            let name = command["command"].as_str().unwrap();
            ok(&harness.submit(name, command["body"].clone()).await);
        }
        harness
    }

    fn text(&self) -> String {
        format!("{}{}\n{}\n", self.header, self.rows[0], self.rows[1])
    }

    fn body(&self, text: &str, extra: &Value) -> Value {
        let beside = self.beside.iter().map(|(name, text)| json!({"name": name, "text": text}));
        let first = json!({"name": "people.csv", "text": text});
        let files: Vec<_> = std::iter::once(first).chain(beside).collect();
        let mut body = json!({"dialect": self.dialect, "files": files});
        for more in [&self.extra, extra] {
            body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        }
        body
    }

    async fn import(&self, harness: &EngineHarness, text: &str, extra: &Value) -> Value {
        let result = ok(&harness.submit("ImportFile", self.body(text, extra)).await);
        harness.settle().await;
        harness.row("import", json!({"import": result["import"]})).await
    }

    /// What came of the two rows.
    #[track_caller]
    fn came_to(&self, import: &Value, created: u64, invalid: u64) {
        let counts = (import["created"].as_u64(), import["invalid"].as_u64());
        assert_eq!(counts, (Some(created), Some(invalid)), "{}: {import}", self.dialect);
    }
}

async fn views(harness: &EngineHarness) -> Vec<Vec<Value>> {
    let mut seen = Vec::new();
    for name in VIEWS {
        let mut rows = harness.all_rows(name, json!({"limit": 500})).await;
        // When a number was last touched is history, too.
        rows.iter_mut()
            .filter_map(Value::as_object_mut)
            .for_each(|row| drop(row.remove("updated_at")));
        seen.push(rows);
    }
    seen
}

async fn undo(harness: &EngineHarness, import: &Value) -> Value {
    ok(&harness.submit("UndoImport", json!({"import": import["import"]})).await);
    harness.settle().await;
    harness.row("import", json!({"import": import["import"]})).await["undo"].clone()
}

/// P16, N43, N44, P23, P15: a file with a bad row is refused where that was asked; otherwise it comes out as it
/// was shown, its bad row comes back and goes in mended; undone, everything stands as before, and the whole
/// file comes in as if it had never been there.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p23_a_file_of_any_dialect_is_shown_mended_taken_back_and_imported_again() {
    for case in cases() {
        let harness = case.harness().await;
        let (before, bytes) = (views(&harness).await, harness.log_bytes());
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
        assert!(harness.log_bytes() == bytes, "{}: a preview left a trace", case.dialect);

        let planned = json!({"plan_hash": shown["plan_hash"]});
        let first = case.import(&harness, &case.text(), &planned).await;
        case.came_to(&first, 1, 1);
        let rows = harness.rows("import_rows", json!({"import": first["import"]})).await;
        assert_eq!(json!(rows), shown["rows"], "{}", case.dialect);

        let failed = harness.csv("failed_rows", json!({"import": first["import"]})).await;
        let second =
            case.import(&harness, &failed.replace(case.bad, case.mended), &json!({})).await;
        case.came_to(&second, 1, 0);

        let one = json!({"reversed": 1, "kept": 0, "errored": 0});
        assert_eq!(undo(&harness, &second).await, one, "{}", case.dialect);
        assert_eq!(undo(&harness, &first).await, one, "{}", case.dialect);
        assert_eq!(views(&harness).await, before, "{}", case.dialect);

        let mended = case.text().replace(case.bad, case.mended);
        let rejecting = json!({"on_error": "reject_file"});
        case.came_to(&case.import(&harness, &mended, &rejecting).await, 2, 0);
    }
}
