//! Files as administrators upload them, imported for real: each comes to what was written down beside it.

use std::fs;
use std::path::{Path, PathBuf};

use boarding_commands::decide::Authority;
use boarding_commands::envelope::{Answer, Envelope};
use boarding_commands::values::CompanyId;
use boarding_core::clock::Clock;
use boarding_core::engine::{Engine, LogChoice, Options};
use boarding_core::read::queries::{self, QueryCaller};
use serde_json::{Map, Value, json};

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("fixtures")
}

fn read(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

/// The sample company in a data folder of its own.
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
            channel: None,
            adopt_runs: false,
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

    async fn ask(&self, name: &str, body: Value) -> Answer {
        let envelope =
            json!({"id": self.engine.clock().id(), "actor": "admin@acme.example", "body": body});
        let envelope = Envelope::read(envelope).unwrap();
        self.engine.submit(&self.company, name, envelope, Authority::All).await
    }

    async fn accepted(&self, name: &str, body: Value) -> Value {
        match self.ask(name, body).await {
            Answer::Accepted { result, .. } => result,
            other => panic!("{name}: {other:?}"),
        }
    }

    /// Imports a file of the folder that is named as the dialect.
    async fn import(&self, file: &str, options: &Value) -> Answer {
        let folder = fixtures().join(options["dialect"].as_str().unwrap());
        let content = fs::File::open(folder.join(file)).unwrap();
        let kept = self.engine.keep_file(file, content).unwrap();
        let mut body = options.clone();
        body["files"] = json!([{"name": kept.name, "sha256": kept.sha256}]);
        let answer = self.ask("ImportFile", body).await;
        self.engine.settle(&self.company).await;
        self.engine.caught_up().await.unwrap();
        answer
    }

    /// Every row that the query answers, page after page.
    async fn rows(&self, query: &str, params: Value) -> Vec<Value> {
        let asker = QueryCaller { actor: String::new(), authority: Authority::All };
        let (mut all, mut cursor) = (Vec::new(), Value::Null);
        loop {
            let mut asked: Map<String, Value> = params.as_object().unwrap().clone();
            asked.insert("limit".to_owned(), json!(500));
            asked.insert("cursor".to_owned(), cursor);
            let answer = self.engine.query(&self.company, query, asked, &asker).await.unwrap();
            let queries::QueryAnswer::Json(answer) = answer else { panic!("{answer:?}") };
            all.extend(answer["rows"].as_array().unwrap().iter().cloned());
            cursor = answer["next"].clone();
            if cursor.is_null() {
                return all;
            }
        }
    }
}

/// A row that was not simply applied, as the fixture writes it down.
fn brief(row: &Value) -> Value {
    let codes: Vec<_> =
        row["problems"].as_array().unwrap().iter().map(|p| p["code"].clone()).collect();
    let key = row["key"].as_str().unwrap_or_default();
    json!({"row": row["row"], "line": row["line"], "key": key, "outcome": row["outcome"], "codes": codes})
}

/// A row that was applied, or not, with a word of warning, as the fixture writes it down.
fn warned(row: &Value) -> Option<Value> {
    let warnings = row["warnings"].as_array().unwrap();
    let codes: Vec<_> = warnings.iter().map(|warning| warning["code"].clone()).collect();
    let brief = json!({"row": row["row"], "line": row["line"], "key": row["key"], "codes": codes});
    (!codes.is_empty()).then_some(brief)
}

fn refused_phone(row: &Value) -> Option<Value> {
    let code = row["phone"].as_str()?.strip_prefix("rejected:")?;
    Some(json!({"row": row["row"], "line": row["line"], "key": row["key"], "code": code}))
}

async fn comes_to_what_is_written(file: &str, expected: &Value, import: &Value) {
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
    let refused: Vec<_> = rows
        .iter()
        .filter(|row| listed.contains(&row["outcome"].as_str().unwrap()))
        .map(brief)
        .collect();
    assert_eq!(json!(refused), import["rows"], "{file}");
    let phones: Vec<_> = rows.iter().filter_map(refused_phone).collect();
    assert_eq!(json!(phones), import["phones"], "{file}");
    if import["warned"].is_array() {
        let warned: Vec<_> = rows.iter().filter_map(warned).collect();
        assert_eq!(json!(warned), import["warned"], "{file}");
    }
    if let Some(present) = import["already_present"].as_u64() {
        let listed = rows.iter().filter(|row| row["phone"] == "already_present").count();
        assert_eq!(listed as u64, present, "{file}");
        let phones = sample.rows("phone_list", json!({})).await;
        assert_eq!(phones.len() as u64, present, "{file}: each is listed once");
    }

    if let Some(numbers) = import["numbers"].as_u64() {
        let got = rows.iter().filter(|row| row["number"] == json!("assigned")).count();
        assert_eq!(got as u64, numbers, "{file}");
        let assigned = sample.rows("numbers", json!({"state": "assigned"})).await;
        assert_eq!(assigned.len() as u64, numbers, "{file}");
    }
    sample.engine.close().await;
}

/// LX-07, LX-08, LX-09, LX-11, LX-12, N43, N44, N46, N47, N48, N63, N64; OC-01 to OC-16; ML-02, ML-08, ML-16, N39, N70 to N73:
/// every sample file, with the codes of every bad row.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_sample_file_comes_to_what_is_written_beside_it() {
    let mut files = 0;
    let alone = boarding_commands::dialect::ALL.iter().filter(|one| one.format().parts.is_empty());
    let folders: Vec<_> = alone.map(|dialect| fixtures().join(dialect.name())).collect();
    for entry in folders.iter().flat_map(|folder| fs::read_dir(folder).unwrap()) {
        let path = entry.unwrap().path();
        let Some(file) = path.to_str().unwrap().strip_suffix(".expected.json") else { continue };
        let file = format!("{}.csv", Path::new(file).file_name().unwrap().to_str().unwrap());
        let expected = read(&path);
        for import in expected["imports"].as_array().into_iter().flatten() {
            comes_to_what_is_written(&file, &expected, import).await;
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
            assert!(sample.rows("users", json!({})).await.is_empty(), "{file}: nobody was created");
        }
        files += 1;
    }
    assert!(files >= 22, "only {files} sample files were found");
}

/// OC-18, OC-02, OC-03: the vendor's samples are here with every odd byte they were published with.
#[test]
fn oc_18_the_published_samples_are_here_to_the_byte() {
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
