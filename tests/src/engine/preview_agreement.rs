//! P16: three thousand rows of each dialect are imported as previewed, row by row.

use std::collections::BTreeSet;

use boarding_commands::company::ImportState;
use boarding_commands::values::ImportId;
use serde_json::{Value, json};

use super::generators::{self, FileGenerator};
use super::{EngineHarness, ROW_OUTCOMES, company_id, ok};

/// The number of rows in the answer to a preview.
const PREVIEW_ROWS: usize = 100;

/// The plan hash of a completed import, calculated from its files, options, warnings, rows and counts.
fn plan_hash(import: &ImportState, warnings: &Value, rows: &[Value]) -> String {
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

/// Adds the outcomes, phone and number results, and codes of problems and warnings of these rows.
fn collect_outcomes(rows: &[Value], outcomes: &mut BTreeSet<String>) {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    for row in rows {
        outcomes.extend(["outcome", "phone", "number"].iter().filter_map(|name| text(&row[name])));
        for list in [&row["problems"], &row["warnings"]] {
            outcomes.extend(list.as_array().unwrap().iter().filter_map(|one| text(&one["code"])));
        }
    }
}

/// The counts of an import, calculated from its rows.
fn counts_of(rows: &[Value], file_warnings: u64) -> Value {
    let outcome = |name: &str| rows.iter().filter(|row| row["outcome"] == name).count();
    let phones = |prefix: &str| {
        rows.iter()
            .filter(|row| row["phone"].as_str().is_some_and(|it| it.starts_with(prefix)))
            .count()
    };
    let warnings: usize = rows.iter().map(|row| row["warnings"].as_array().unwrap().len()).sum();
    let mut counts = json!({
        "total": rows.len(), "warnings": warnings as u64 + file_warnings,
        "phones_added": phones("added"), "phones_failed": phones("rejected"),
    });
    for name in ROW_OUTCOMES {
        counts[name] = json!(outcome(name));
    }
    counts
}

async fn import_of(harness: &EngineHarness, import: ImportId) -> ImportState {
    let actor = harness.engine().actor(&company_id("acme")).await;
    actor.inspect(move |company| company.imports[&import].clone()).await.unwrap()
}

async fn version(harness: &EngineHarness) -> u64 {
    let actor = harness.engine().actor(&company_id("acme")).await;
    actor.inspect(|company| company.version).await.unwrap()
}

/// Previews a file, imports it with the plan hash and compares the two. Returns the number of rows.
async fn compare_file(
    generator: &FileGenerator,
    harness: &EngineHarness,
    file: usize,
    lines: usize,
    outcomes: &mut BTreeSet<String>,
) -> usize {
    let what = format!("{}, file {file}", generator.dialect);
    let mut body = generator.import_body(harness, file, lines).await;
    let before = version(harness).await;
    body["mode"] = json!("preview");
    let shown = ok(&harness.submit("ImportFile", body.clone()).await);
    assert_eq!(version(harness).await, before, "{what}: a preview changed the company");
    body["mode"] = json!("commit");
    body["plan_hash"] = shown["plan_hash"].clone();
    let result = ok(&harness.submit("ImportFile", body).await);
    harness.settle().await;

    let params = json!({"import": result["import"], "limit": 500});
    let rows = harness.all_rows("import_rows", params.clone()).await;
    let first = json!(rows.iter().take(PREVIEW_ROWS).collect::<Vec<_>>());
    assert_eq!(shown["rows"], first, "{what}");
    let accepted =
        json!({"entity": format!("import:{}", result["import"].as_str().unwrap()), "limit": 1});
    let accepted = &harness.rows("history", accepted).await[0];
    let warnings = &accepted["data"]["warnings"];
    let import = import_of(harness, result["import"].as_str().unwrap().parse().unwrap()).await;
    assert_eq!(
        shown["plan_hash"],
        plan_hash(&import, warnings, &rows),
        "{what}: a row differs from its preview"
    );

    let row = harness.row("import", json!({"import": result["import"]})).await;
    let counts = counts_of(&rows, warnings.as_array().unwrap().len() as u64);
    for (name, count) in counts.as_object().unwrap() {
        assert_eq!((&shown["counts"][name], &row[name]), (count, count), "{what}: {name}");
    }
    assert_eq!(shown["counts"], json!(import.counts), "{what}");
    collect_outcomes(&rows, outcomes);
    for warning in warnings.as_array().unwrap() {
        outcomes.insert(warning["code"].as_str().unwrap().to_owned());
    }
    rows.len()
}

/// Compares all generated files of a dialect. They have three thousand rows and all required outcomes.
async fn compare_dialect(dialect: &str) {
    let generator = generators::for_dialect(dialect);
    let harness = generator.harness().await;
    let mut outcomes = BTreeSet::new();
    let mut rows = 0;
    for (file, lines) in generator.sizes.iter().enumerate() {
        rows += compare_file(generator, &harness, file, *lines, &mut outcomes).await;
    }
    assert!(rows >= 3_000, "only {rows} rows");
    let missing: Vec<_> =
        generator.required_outcomes.iter().filter(|name| !outcomes.contains(**name)).collect();
    assert!(missing.is_empty(), "{dialect}: no row has {missing:?}, only {outcomes:?}");
}

/// P16, LX-08 … LX-12.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn leapxpert_rows_are_imported_as_previewed() {
    compare_dialect("leapxpert").await;
}

/// P16, OC-05 … OC-16.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn officechat_rows_are_imported_as_previewed() {
    compare_dialect("officechat").await;
}

/// P16, ML-02, ML-16: in files of a thousand rows, the limit of the dialect.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn multiline_rows_are_imported_as_previewed() {
    compare_dialect("multiline").await;
}

/// P16, OCM-03 … OCM-15.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ocm_rows_are_imported_as_previewed() {
    compare_dialect("ocm").await;
}

/// P16: some users have only an employee ID, and some are deleted.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mangoapps_rows_are_imported_as_previewed() {
    compare_dialect("mangoapps").await;
}

#[test]
fn every_dialect_has_a_generator() {
    let generated: Vec<_> = generators::ALL.iter().map(|generator| generator.dialect).collect();
    let known: Vec<_> = boarding_commands::dialect::ALL.iter().map(|one| one.name()).collect();
    assert_eq!(generated, known);
}
