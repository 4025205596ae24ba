//! P16 at length: ten thousand rows of each dialect come out as their preview showed them, row by row.

use std::collections::BTreeSet;

use boarding_commands::company::Import;
use boarding_commands::values::ImportId;
use serde_json::{Value, json};

use super::generators::{self, FileGenerator};
use super::{EngineHarness, company_id, ok};

/// The rows that a preview answers with.
const SHOWN: usize = 100;

/// The digest of what was shown, made again from what the queries show of an import that is over: of which
/// files, how they were read, each row, and the counts.
fn plan_of(import: &Import, warnings: &Value, rows: &[Value]) -> String {
    let mut digest = blake3::Hasher::new();
    let mut add = |part: String| {
        digest.update(part.as_bytes());
        digest.update(b"\n");
    };
    add("boarding import plan 1".to_owned());
    import.files.iter().for_each(|file| add(json!(file.sha256).to_string()));
    add(serde_json::to_string(&import.options).unwrap());
    let codes: Vec<_> =
        warnings.as_array().unwrap().iter().map(|one| one["code"].clone()).collect();
    add(json!(codes).to_string());
    if let Some(placing) = &import.placing {
        add(json!([placing.organization, placing.permission_group]).to_string());
    }
    rows.iter().for_each(|row| add(row.to_string()));
    add(serde_json::to_string(&import.counts).unwrap());
    digest.finalize().to_hex().to_string()
}

/// What the rows came to: outcomes, phones, and the codes of problems and warnings.
fn note(rows: &[Value], met: &mut BTreeSet<String>) {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    for row in rows {
        met.extend(["outcome", "phone", "number"].iter().filter_map(|name| text(&row[name])));
        for said in [&row["problems"], &row["warnings"]] {
            met.extend(said.as_array().unwrap().iter().filter_map(|one| text(&one["code"])));
        }
    }
}

/// Counts the rows by what they came to, as the counts of an import do.
fn counted(rows: &[Value], file_warnings: u64) -> Value {
    let outcome = |name: &str| rows.iter().filter(|row| row["outcome"] == name).count();
    let phones = |begin: &str| {
        rows.iter()
            .filter(|row| row["phone"].as_str().is_some_and(|it| it.starts_with(begin)))
            .count()
    };
    let warnings: usize = rows.iter().map(|row| row["warnings"].as_array().unwrap().len()).sum();
    let mut counts = json!({
        "total": rows.len(), "warnings": warnings as u64 + file_warnings,
        "phones_added": phones("added"), "phones_failed": phones("rejected"),
    });
    for name in [
        "created",
        "updated",
        "unchanged",
        "activated",
        "deactivated",
        "skipped",
        "duplicate",
        "invalid",
    ] {
        counts[name] = json!(outcome(name));
    }
    counts
}

async fn import_of(harness: &EngineHarness, import: ImportId) -> Import {
    let hot = harness.engine().actor(&company_id("acme")).await;
    hot.inspect(move |company| company.imports[&import].clone()).await.unwrap()
}

async fn version(harness: &EngineHarness) -> u64 {
    let hot = harness.engine().actor(&company_id("acme")).await;
    hot.inspect(|company| company.version).await.unwrap()
}

/// Shows a file, imports it by what was shown, and holds the one against the other.
/// How many rows it had.
async fn agrees(
    generator: &FileGenerator,
    harness: &EngineHarness,
    file: usize,
    lines: usize,
    met: &mut BTreeSet<String>,
) -> usize {
    let what = format!("{}, file {file}", generator.dialect);
    let mut body = generator.body(harness, file, lines).await;
    let end = version(harness).await;
    body["mode"] = json!("preview");
    let shown = ok(&harness.submit("ImportFile", body.clone()).await);
    assert_eq!(version(harness).await, end, "{what}: a preview left a trace");
    body["mode"] = json!("commit");
    body["plan_hash"] = shown["plan_hash"].clone();
    let result = ok(&harness.submit("ImportFile", body).await);
    harness.settle().await;

    let params = json!({"import": result["import"], "limit": 500});
    let came = harness.all_rows("import_rows", params.clone()).await;
    let first = json!(came.iter().take(SHOWN).collect::<Vec<_>>());
    assert_eq!(shown["rows"], first, "{what}");
    let accepted =
        json!({"entity": format!("import:{}", result["import"].as_str().unwrap()), "limit": 1});
    let accepted = &harness.rows("history", accepted).await[0];
    let warnings = &accepted["data"]["warnings"];
    let import = import_of(harness, result["import"].as_str().unwrap().parse().unwrap()).await;
    assert_eq!(
        shown["plan_hash"],
        plan_of(&import, warnings, &came),
        "{what}: a row came out otherwise"
    );

    let row = harness.row("import", json!({"import": result["import"]})).await;
    let counts = counted(&came, warnings.as_array().unwrap().len() as u64);
    for (name, count) in counts.as_object().unwrap() {
        assert_eq!((&shown["counts"][name], &row[name]), (count, count), "{what}: {name}");
    }
    assert_eq!(shown["counts"], json!(import.counts), "{what}");
    note(&came, met);
    for warning in warnings.as_array().unwrap() {
        met.insert(warning["code"].as_str().unwrap().to_owned());
    }
    came.len()
}

/// Shows and imports all the files of a dialect: ten thousand rows, which come to all that rows come to.
async fn agree(dialect: &str) {
    let generator = generators::ALL.iter().find(|generator| generator.dialect == dialect).unwrap();
    let harness = generator.harness().await;
    let mut met = BTreeSet::new();
    let mut rows = 0;
    for (file, lines) in generator.sizes.iter().enumerate() {
        rows += agrees(generator, &harness, file, *lines, &mut met).await;
    }
    assert!(rows >= 10_000, "only {rows} rows");
    let missing: Vec<_> = generator.wanted.iter().filter(|name| !met.contains(**name)).collect();
    assert!(missing.is_empty(), "{dialect}: no row came to {missing:?}, only to {met:?}");
}

/// P16, LX-08 … LX-12.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p16_ten_thousand_rows_of_leapxpert_come_out_as_shown() {
    agree("leapxpert").await;
}

/// P16, OC-05 … OC-16.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p16_ten_thousand_rows_of_officechat_come_out_as_shown() {
    agree("officechat").await;
}

/// P16, ML-02, ML-16: in files of a thousand, which is the most that one may have.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p16_ten_thousand_rows_of_multiline_come_out_as_shown() {
    agree("multiline").await;
}

/// P16, OCM-03 … OCM-15.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p16_ten_thousand_rows_of_ocm_come_out_as_shown() {
    agree("ocm").await;
}

/// P16: with people who are named by an employee ID alone, and some who have left.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p16_ten_thousand_rows_of_mangoapps_come_out_as_shown() {
    agree("mangoapps").await;
}

#[test]
fn every_dialect_is_made() {
    let made: Vec<_> = generators::ALL.iter().map(|generator| generator.dialect).collect();
    let known: Vec<_> = boarding_commands::dialect::ALL.iter().map(|one| one.name()).collect();
    assert_eq!(made, known);
}
