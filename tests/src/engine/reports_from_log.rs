//! Counters and reports recalculated from the log equal those shown at the time.

use std::fs;

use boarding_core::queries::QueryAnswer;
use boarding_log::EventLog as _;
use boarding_log::file::{FileLog, Options};
use boarding_projections::csv_export::CsvFormat;
use boarding_projections::query::{AnswerRow, RowsAnswer};
use boarding_projections::rows::MemoryRows;
use serde_json::{Value, json};

use super::generators::{self, FileGenerator};
use super::held_transport::HeldTransport;
use super::{EngineHarness, company_id, ok};

/// The answer of a query at a position.
struct RecordedAnswer {
    query: &'static str,
    params: Value,
    position: u64,
    bytes: Vec<u8>,
}

/// The answers at several positions, in order.
#[derive(Default)]
struct RecordedAnswers(Vec<RecordedAnswer>);

impl RecordedAnswers {
    /// Repeats the query until the position is the same before and after it. Then the answer belongs to this position.
    async fn record(
        &mut self,
        harness: &EngineHarness,
        query: &'static str,
        params: Value,
    ) -> &RecordedAnswer {
        let (position, bytes) = loop {
            let before = position_of(harness).await;
            let bytes = match harness.query(query, params.clone()).await {
                Ok(QueryAnswer::Json(answer)) => bytes_of(&answer.value()),
                Ok(QueryAnswer::Csv(bytes)) => bytes,
                other => panic!("{query}: {other:?}"),
            };
            if position_of(harness).await == before {
                break (before, bytes);
            }
        };
        // `check` compares each recorded answer twice. A second answer of the same position would prove nothing new.
        let same = |old: &RecordedAnswer| {
            old.position == position && old.query == query && old.params == params
        };
        let at = self.0.iter().position(same).unwrap_or(self.0.len());
        if at == self.0.len() {
            self.0.push(RecordedAnswer { query, params, position, bytes });
        }
        &self.0[at]
    }

    /// Records the counters and rows of an import in all formats.
    async fn record_import(&mut self, harness: &EngineHarness, import: &Value) {
        self.record(harness, "imports", json!({"limit": 500})).await;
        self.record(harness, "import", json!({"import": import})).await;
        for outcome in ["created", "updated", "skipped", "duplicate", "invalid"] {
            let params = json!({"import": import, "outcome": outcome, "limit": 500});
            self.record(harness, "import_rows", params).await;
        }
        for format in ["csv", "spreadsheet"] {
            let params = json!({"import": import, "format": format});
            self.record(harness, "import_rows", params).await;
        }
        self.record(harness, "failed_rows", json!({"import": import})).await;
    }

    /// Records the summary and the integration log of a run in all formats.
    async fn record_run(&mut self, harness: &EngineHarness, run: &Value) {
        self.record(harness, "runs", json!({})).await;
        self.record(harness, "run", json!({"run": run})).await;
        self.record(harness, "queue", json!({})).await;
        self.record(harness, "phone_list", json!({"search": "known1"})).await;
        for status in ["queued", "dispatching", "success", "skipped", "failed"] {
            let params = json!({"run": run, "status": status, "limit": 500});
            self.record(harness, "integration_log", params).await;
        }
        for format in ["csv", "spreadsheet"] {
            let params = json!({"run": run, "format": format});
            self.record(harness, "integration_log", params).await;
        }
    }

    /// Compares each answer with a replay of the log, and the longest of each query and format with the same query as
    /// of its position. `failed_rows` is compared before and after a rebuild instead.
    async fn check(self, mut harness: EngineHarness) {
        self.check_as_of(&harness, |recorded| self.is_longest(recorded)).await;
        harness.close().await;
        fs::remove_dir_all(harness.data().join("derived")).unwrap();
        self.check_replay(&harness);
        harness.open().await;
        // The replay has no imported files, so only the engine can answer `failed_rows`.
        self.check_as_of(&harness, |recorded| recorded.query == "failed_rows").await;
    }

    /// Whether no other answer of the same query and format at this position is longer. The others have the same rows,
    /// filtered in another way.
    fn is_longest(&self, recorded: &RecordedAnswer) -> bool {
        let is_other = |other: &&RecordedAnswer| {
            (other.position, other.query) == (recorded.position, recorded.query)
                && other.params["format"] == recorded.params["format"]
        };
        let longest = self.0.iter().filter(is_other).map(|other| other.bytes.len()).max();
        longest == Some(recorded.bytes.len())
    }

    async fn check_as_of(&self, harness: &EngineHarness, filter: impl Fn(&RecordedAnswer) -> bool) {
        for recorded in self.0.iter().filter(|recorded| filter(recorded)) {
            let mut params = recorded.params.clone();
            params["as_of"] = json!(recorded.position);
            let bytes = match harness.query(recorded.query, params).await {
                Ok(QueryAnswer::Json(answer)) => bytes_of(&answer.value()),
                Ok(QueryAnswer::Csv(bytes)) => bytes,
                other => panic!("{}: {other:?}", recorded.query),
            };
            recorded.assert_equals(&bytes, "as of its position");
        }
    }

    fn check_replay(&self, harness: &EngineHarness) {
        let log =
            FileLog::open(&harness.data().join("log"), Options::new(harness.now())).unwrap().log;
        let mut reader = log.read_all(1);
        let mut entries = std::iter::from_fn(|| reader.next().unwrap()).peekable();
        let mut rows = MemoryRows::default();
        for recorded in &self.0 {
            while let Some(entry) =
                entries.next_if(|entry| entry.recorded.position <= recorded.position)
            {
                for recorded in entry.recorded.events() {
                    boarding_projections::apply(&recorded, &mut rows).unwrap();
                }
            }
            if recorded.query != "failed_rows" {
                recorded.assert_equals(&answer_from(&rows, recorded), "replayed");
            }
        }
    }
}

impl RecordedAnswer {
    #[track_caller]
    fn assert_equals(&self, bytes: &[u8], how: &str) {
        let Self { query, params, position, .. } = self;
        assert!(
            bytes == self.bytes,
            "{query} {params} at {position}, {how}:\n{}\ninstead of\n{}",
            String::from_utf8_lossy(bytes),
            String::from_utf8_lossy(&self.bytes)
        );
    }
}

/// The position of the read models, once they have reached the end of the log.
async fn position_of(harness: &EngineHarness) -> u64 {
    harness.engine().caught_up().await.unwrap();
    harness.json("config", json!({})).await["position"].as_u64().unwrap()
}

/// The rows of an answer, without its position.
fn bytes_of(answer: &Value) -> Vec<u8> {
    json!([answer["rows"], answer["row"], answer["next"]]).to_string().into_bytes()
}

/// The answer from these rows, calculated by the projections without the engine.
fn answer_from(rows: &MemoryRows, recorded: &RecordedAnswer) -> Vec<u8> {
    let mut params = recorded.params.clone();
    let format = params.as_object_mut().unwrap().remove("format");
    let query_page = |params: &Value| {
        boarding_projections::answer(recorded.query, &company_id("acme"), params, rows).unwrap()
    };
    let Some(format) = format else {
        return bytes_of(&match query_page(&params) {
            RowsAnswer::Rows { rows, next } => {
                let rows: Vec<Value> = rows.iter().map(AnswerRow::value).collect();
                json!({"rows": rows, "next": next})
            }
            RowsAnswer::Row(row) => json!({"row": row.value()}),
        });
    };
    let format = if format == "csv" { CsvFormat::Csv } else { CsvFormat::Spreadsheet };
    let export =
        boarding_projections::find_query(recorded.query).unwrap().csv_export(format).unwrap();
    let mut out = export.header();
    params["limit"] = json!(500);
    loop {
        let RowsAnswer::Rows { rows, next } = query_page(&params) else {
            panic!("{}", recorded.query)
        };
        let rows: Vec<Value> = rows.iter().map(AnswerRow::value).collect();
        out.extend(export.lines(&rows));
        let Some(next) = next else { return out };
        params["cursor"] = json!(next);
    }
}

/// Runs an import and records its answers as often as possible, and once after its end.
async fn import_and_record(
    answers: &mut RecordedAnswers,
    harness: &EngineHarness,
    body: Value,
) -> Value {
    let import = ok(&harness.submit("ImportFile", body).await)["import"].clone();
    while harness.row("import", json!({"import": import})).await["state"] == "processing" {
        answers.record(harness, "import", json!({"import": import})).await;
        let params = json!({"import": import, "outcome": "invalid", "limit": 500});
        answers.record(harness, "import_rows", params).await;
    }
    harness.settle().await;
    answers.record_import(harness, &import).await;
    import
}

/// Changes users of the import, imports another file, and undoes the first import.
async fn change_afterwards(harness: &EngineHarness, generator: &FileGenerator, import: &Value) {
    let rows = harness.rows("import_rows", json!({"import": import, "outcome": "created"})).await;
    for (row, n) in rows.iter().zip(0..12) {
        let key = &row["key"];
        let (name, body) = match n % 3 {
            0 => ("ArchiveUser", json!({"user": key})),
            1 => ("DeactivateUser", json!({"user": key})),
            _ => ("LinkCompleted", json!({"user": key, "channel": "whatsapp"})),
        };
        ok(&harness.submit(name, body).await);
    }
    let body = generator.import_body(harness, 1, 60).await;
    ok(&harness.submit("ImportFile", body).await);
    harness.settle().await;
    ok(&harness.submit("UndoImport", json!({"import": import})).await);
    harness.settle().await;
}

/// LX-11, LX-21, LX-22: the counts of an import, the summary of a run and its integration log. They are compared while
/// the import and the run are active, and after their ends.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn leapxpert_counters_are_recalculated_from_the_log() {
    let transport = HeldTransport::new(true);
    let generator = generators::for_dialect("leapxpert");
    let harness = generator.harness_with(Some(transport.clone())).await;
    let mut answers = RecordedAnswers::default();
    let body = generator.import_body(&harness, 0, 560).await;
    let import = import_and_record(&mut answers, &harness, body).await;
    let users: Vec<_> = (0..40).map(|n| format!("known{n}")).collect();
    let waiting = json!({"source": {"users": users}, "channel": "whatsapp", "mode": "confirmed", "expected_recipients": 40});
    let users: Vec<_> = (10..130).map(|n| format!("known{n}")).collect();
    let body = json!({"source": {"users": users}, "channel": "whatsapp", "mode": "confirmed", "expected_recipients": 120});
    let run = ok(&harness.submit("StartBulkIntegration", body).await)["run"].clone();
    let second = ok(&harness.submit("StartBulkIntegration", waiting).await)["run"].clone();
    for turn in 0..2 {
        // A batch has two recipients. It has fewer mails if a recipient cannot be invited.
        transport.wait_for_mails(4 * turn + 1).await;
        answers.record_run(&harness, &run).await;
        transport.release(4);
    }
    transport.release_all();
    harness.settle().await;
    answers.record_run(&harness, &run).await;
    answers.record_run(&harness, &second).await;
    let row = harness.row("run", json!({"run": run})).await;
    assert!(["passed", "failed"].iter().all(|name| row[name].as_u64() > Some(0)), "{row}");
    change_afterwards(&harness, generator, &import).await;
    answers.record_import(&harness, &import).await;
    answers.record_run(&harness, &run).await;
    answers.check(harness).await;
}

/// OC-08, OC-12, OC-14: the counts of an import, and the run of the created users.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn office_chat_counters_are_recalculated_from_the_log() {
    let transport = HeldTransport::new(true);
    let generator = generators::for_dialect("officechat");
    let harness = generator.harness_with(Some(transport.clone())).await;
    ok(&harness.submit("SetCompanyConfig", json!({"bulk_integration_max_records": 10_000})).await);
    let mut answers = RecordedAnswers::default();
    let body = generator.import_body(&harness, 0, 560).await;
    import_and_record(&mut answers, &harness, body).await;
    let mut body = generator.import_body(&harness, 2, 60).await;
    body.as_object_mut()
        .unwrap()
        .extend(super::object(json!({"auto_invite": true, "channel": "whatsapp"})));
    let result = ok(&harness.submit("ImportFile", body).await);
    let (import, run) = (&result["import"], &result["run"]);
    transport.wait_for_mails(4).await;
    harness.engine().caught_up().await.unwrap();
    answers.record_import(&harness, import).await;
    answers.record_run(&harness, run).await;
    transport.release_all();
    harness.settle().await;
    answers.record_import(&harness, import).await;
    answers.record_run(&harness, run).await;
    change_afterwards(&harness, generator, import).await;
    answers.record_import(&harness, import).await;
    answers.check(harness).await;
}

/// ML-12, ML-13: the Batch Operation Report is byte for byte the same, and every batch has a record.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn batch_operation_reports_are_recalculated_from_the_log() {
    let generator = generators::for_dialect("multiline");
    let harness = generator.harness().await;
    let mut answers = RecordedAnswers::default();
    let body = generator.import_body(&harness, 0, 560).await;
    let import = import_and_record(&mut answers, &harness, body).await;
    let mut reports = Vec::new();
    for format in ["json", "csv", "spreadsheet"] {
        for query in ["batch_operation_report", "batch_operation_reports"] {
            let mut params = json!({"limit": 500});
            if query == "batch_operation_report" {
                params["import"] = import.clone();
            }
            if format != "json" {
                params["format"] = json!(format);
            }
            let recorded = answers.record(&harness, query, params.clone()).await;
            reports.push((query, params, recorded.bytes.clone()));
        }
    }
    answers.record(&harness, "numbers", json!({"limit": 500})).await;
    answers.record(&harness, "number_utilisation", json!({})).await;
    let lines = String::from_utf8(reports[2].2.clone()).unwrap().lines().count();
    let total = harness.row("import", json!({"import": import})).await["total"].as_u64().unwrap();
    assert_eq!(lines as u64, 1 + total);

    change_afterwards(&harness, generator, &import).await;
    // Later changes of the accounts do not change the report.
    for (query, params, bytes) in reports {
        if query == "batch_operation_report" {
            let recorded = answers.record(&harness, query, params).await;
            assert!(recorded.bytes == bytes, "the report has changed");
        }
    }
    answers.record_import(&harness, &import).await;
    answers.check(harness).await;
}

/// OCM-13, OCM-14, OCM-20: the counts and lists of imports of users and pictures.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ocm_counts_are_recalculated_from_the_log() {
    let generator = generators::for_dialect("ocm");
    let harness = generator.harness().await;
    let mut answers = RecordedAnswers::default();
    let body = generator.import_body(&harness, 0, 560).await;
    let import = import_and_record(&mut answers, &harness, body).await;
    let john = json!({"user": "john", "attributes": {"agent_id": "johndoe22"}});
    ok(&harness.submit("AddUser", john).await);
    let pictures = ok(&harness.submit("ImportPictures", super::read_models::archive()).await);
    harness.settle().await;
    let params = json!({"import": pictures["import"]});
    for turn in 0..2 {
        answers.record(&harness, "picture_import", params.clone()).await;
        for outcome in ["inserted", "invalid"] {
            let params = json!({"import": pictures["import"], "outcome": outcome});
            answers.record(&harness, "picture_rows", params).await;
        }
        let params = json!({"import": pictures["import"], "format": "csv"});
        answers.record(&harness, "picture_rows", params).await;
        if turn == 0 {
            change_afterwards(&harness, generator, &import).await;
            ok(&harness.submit("ImportPictures", super::read_models::archive()).await);
            harness.settle().await;
        }
    }
    answers.record_import(&harness, &import).await;
    answers.check(harness).await;
}
