//! Imports each sample file of `fixtures/<dialect>/` and compares the result with its `.expected.json`.

use std::fs;
use std::path::Path;

use boarding_commands::decide::Authority;
use boarding_commands::envelope::{Answer, Envelope};
use boarding_commands::values::CompanyId;
use boarding_core::clock::Clock;
use boarding_core::engine::{Engine, LogChoice, Options};
use boarding_core::queries::{self, QueryCaller};
use serde_json::{Map, Value, json};

use crate::support::paths::fixtures;

fn read(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

/// An engine with a sample company.
struct Sample {
    engine: Engine,
    company: CompanyId,
    _folder: tempfile::TempDir,
}

impl Sample {
    async fn open(expected: &Value) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let options = Options {
            data: folder.path().join("data"),
            log: LogChoice::Files,
            transport: None,
            texts: None,
            adopt_runs: false,
            carries_runs: true,
            link_page: None,
            secret: None,
            clock: Clock::system(),
        };
        let company = "acme".parse().unwrap();
        let sample = Self { engine: Engine::open(options).unwrap(), company, _folder: folder };
        let commands =
            read(&fixtures().join("company").join(expected["company"].as_str().unwrap()));
        for command in commands.as_array().unwrap() {
            let name = command["command"].as_str().unwrap();
            sample.accepted(name, command["body"].clone()).await;
        }
        if expected["settings"] != json!({}) {
            sample.accepted("SetCompanyConfig", expected["settings"].clone()).await;
        }
        sample
    }

    async fn command(&self, name: &str, body: Value) -> Answer {
        let envelope =
            json!({"id": self.engine.clock().id(), "actor": "admin@acme.example", "body": body});
        let envelope = Envelope::read(envelope).unwrap();
        self.engine.submit(&self.company, name, envelope, Authority::All).await
    }

    async fn accepted(&self, name: &str, body: Value) -> Value {
        match self.command(name, body).await {
            Answer::Accepted { result, .. } => result,
            other => panic!("{name}: {other:?}"),
        }
    }

    /// Imports a file of `fixtures/<dialect>/` and waits until the import is completed.
    async fn import(&self, file: &str, options: &Value) -> Answer {
        let folder = fixtures().join(options["dialect"].as_str().unwrap());
        let content = fs::File::open(folder.join(file)).unwrap();
        let stored = self.engine.keep_file(file, content).unwrap();
        let mut body = options.clone();
        body["files"] = json!([{"name": stored.name, "sha256": stored.sha256}]);
        let answer = self.command("ImportFile", body).await;
        self.engine.settle(&self.company).await;
        self.engine.caught_up().await.unwrap();
        answer
    }

    /// All rows of a query, page by page.
    async fn rows(&self, query: &str, params: Value) -> Vec<Value> {
        let caller =
            QueryCaller { actor: String::new(), authenticated: None, authority: Authority::All };
        let (mut all, mut cursor) = (Vec::new(), Value::Null);
        loop {
            let mut page: Map<String, Value> = params.as_object().unwrap().clone();
            page.insert("limit".to_owned(), json!(500));
            page.insert("cursor".to_owned(), cursor);
            let answer = self.engine.query(&self.company, query, page, &caller).await.unwrap();
            let queries::QueryAnswer::Json(answer) = answer else { panic!("{answer:?}") };
            let answer = answer.value();
            all.extend(answer["rows"].as_array().unwrap().iter().cloned());
            cursor = answer["next"].clone();
            if cursor.is_null() {
                return all;
            }
        }
    }
}

/// The part of a failed or skipped row that the fixture contains.
fn failed_row(row: &Value) -> Value {
    let codes: Vec<_> =
        row["problems"].as_array().unwrap().iter().map(|p| p["code"].clone()).collect();
    let key = row["key"].as_str().unwrap_or_default();
    json!({"row": row["row"], "line": row["line"], "key": key, "outcome": row["outcome"], "codes": codes})
}

/// The part of a row with warnings that the fixture contains.
fn row_with_warnings(row: &Value) -> Option<Value> {
    let warnings = row["warnings"].as_array().unwrap();
    let codes: Vec<_> = warnings.iter().map(|warning| warning["code"].clone()).collect();
    let brief = json!({"row": row["row"], "line": row["line"], "key": row["key"], "codes": codes});
    (!codes.is_empty()).then_some(brief)
}

/// The part of a row with a rejected phone that the fixture contains.
fn rejected_phone(row: &Value) -> Option<Value> {
    let code = row["phone"].as_str()?.strip_prefix("rejected:")?;
    Some(json!({"row": row["row"], "line": row["line"], "key": row["key"], "code": code}))
}

/// Imports a file with the options of one expected import and compares the result.
async fn check_import(file: &str, expected: &Value, import: &Value) {
    let sample = Sample::open(expected).await;
    if let Some(before) = import["after"].as_str().or(expected["after"].as_str()) {
        sample.import(before, &import["options"]).await;
    }
    let Answer::Accepted { result, .. } = sample.import(file, &import["options"]).await else {
        panic!("{file} was not accepted")
    };
    let id = result["import"].clone();
    let imports = sample.rows("imports", json!({})).await;
    let row = imports.iter().find(|row| row["import"] == id).unwrap();
    for (count, value) in import["counts"].as_object().unwrap() {
        assert_eq!(&row[count], value, "{file}: {count}");
    }
    let rows = sample.rows("import_rows", json!({"import": id})).await;
    let listed = ["invalid", "duplicate", "skipped"];
    let failed: Vec<_> = rows
        .iter()
        .filter(|row| listed.contains(&row["outcome"].as_str().unwrap()))
        .map(failed_row)
        .collect();
    assert_eq!(json!(failed), import["rows"], "{file}");
    let phones: Vec<_> = rows.iter().filter_map(rejected_phone).collect();
    assert_eq!(json!(phones), import["phones"], "{file}");
    if import["warned"].is_array() {
        let warned: Vec<_> = rows.iter().filter_map(row_with_warnings).collect();
        assert_eq!(json!(warned), import["warned"], "{file}");
    }
    if let Some(present) = import["already_present"].as_u64() {
        let listed = rows.iter().filter(|row| row["phone"] == "already_present").count();
        assert_eq!(listed as u64, present, "{file}");
        let phones = sample.rows("phone_list", json!({})).await;
        assert_eq!(phones.len() as u64, present, "{file}: a phone is listed twice");
    }

    if let Some(numbers) = import["numbers"].as_u64() {
        let count = rows.iter().filter(|row| row["number"] == json!("assigned")).count();
        assert_eq!(count as u64, numbers, "{file}");
        let assigned = sample.rows("numbers", json!({"state": "assigned"})).await;
        assert_eq!(assigned.len() as u64, numbers, "{file}");
    }
    sample.engine.close().await;
}

/// LX-07, LX-08, LX-09, LX-11, LX-12, N43, N44, N46, N47, N48, N63, N64; OC-01 to OC-16; ML-02, ML-08, ML-16, N39, N70 to N73:
/// each sample file gives its expected counts, and the codes of its invalid rows.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sample_files_give_their_expected_results() {
    let mut files = 0;
    let single_files =
        boarding_commands::dialect::ALL.iter().filter(|one| one.format().parts.is_empty());
    let folders: Vec<_> = single_files.map(|dialect| fixtures().join(dialect.name())).collect();
    for entry in folders.iter().flat_map(|folder| fs::read_dir(folder).unwrap()) {
        let path = entry.unwrap().path();
        let Some(file) = path.to_str().unwrap().strip_suffix(".expected.json") else { continue };
        let file = format!("{}.csv", Path::new(file).file_name().unwrap().to_str().unwrap());
        let expected = read(&path);
        for import in expected["imports"].as_array().into_iter().flatten() {
            check_import(&file, &expected, import).await;
        }
        if let Some(refused) = expected["refused"].as_object() {
            let sample = Sample::open(&expected).await;
            let leapxpert = json!({"dialect": "leapxpert", "add_to_corporate_phones": true});
            let options = expected.get("options").cloned().unwrap_or(leapxpert);
            let Answer::Refused { code, details, .. } = sample.import(&file, &options).await else {
                panic!("{file} was not refused")
            };
            assert_eq!(json!(code), refused["code"], "{file}");
            assert_eq!(details, refused["details"], "{file}");
            assert!(sample.rows("users", json!({})).await.is_empty(), "{file}: a user was created");
        }
        files += 1;
    }
    assert!(files >= 22, "only {files} sample files were found");
}

/// OC-18, OC-02, OC-03: The vendor's samples contain the same unusual bytes as published.
#[test]
fn published_samples_are_unchanged() {
    let text = |file: &str| fs::read_to_string(fixtures().join("officechat").join(file)).unwrap();
    let long = text("published-8.csv");
    let count = |what: &str| long.matches(what).count();
    assert_eq!((count("\u{201c}"), count("\u{201d}"), count("\u{2033}")), (5, 41, 2));
    assert_eq!(
        (count(", \u{201c}TRUE\u{201d}\n"), count("\""), count("(+91)1234123411\u{2033},")),
        (1, 0, 2)
    );
    assert!(long.starts_with("\u{201c}name\u{201d},\u{201d}firstname\u{201d},"));
    let short = "\"name\",\"firstname\",\"lastname\",\"email/login\",\"title\",\"mobile\",\"Enabled\"\n\
        \"Will Smith\",\"Will\",\"Smith\",\"willsmith@gmail.com\",\"\",\"(+91)1234123411\",\"TRUE\"\n";
    assert_eq!(text("published-7.csv"), short);
}
