//! Each vendor's counters and reports, made again from the log alone, are those that were shown at the time.

use std::fs;

use boarding_core::read::queries::QueryAnswer as Found;
use boarding_log::EventLog as _;
use boarding_log::file::{FileLog, Options};
use boarding_projections::csv_export::CsvFormat;
use boarding_projections::query::RowsAnswer;
use boarding_projections::rows::MemoryRows;
use serde_json::{Value, json};

use super::generators::{self, FileGenerator};
use super::held_channel::HeldChannel;
use super::{EngineHarness, company_id, ok};

/// An answer as somebody saw it.
struct Shown {
    query: &'static str,
    params: Value,
    /// The position that it stands for.
    position: u64,
    bytes: Vec<u8>,
}

/// What was shown in the course of a company's life.
#[derive(Default)]
struct Album(Vec<Shown>);

impl Album {
    /// Looks once. While it is made, an answer may move on behind its position: it is looked at until nothing
    /// has happened meanwhile.
    async fn look(
        &mut self,
        harness: &EngineHarness,
        query: &'static str,
        params: Value,
    ) -> &Shown {
        let (position, bytes) = loop {
            let before = position_of(harness).await;
            let bytes = match harness.query(query, params.clone()).await {
                Ok(Found::Json(answer)) => bytes_of(&answer),
                Ok(Found::Csv(bytes)) => bytes,
                other => panic!("{query}: {other:?}"),
            };
            if position_of(harness).await == before {
                break (before, bytes);
            }
        };
        self.0.push(Shown { query, params, position, bytes });
        self.0.last().unwrap()
    }

    /// An import's counters and rows, in each form they come in.
    async fn import(&mut self, harness: &EngineHarness, import: &Value) {
        self.look(harness, "imports", json!({"limit": 500})).await;
        self.look(harness, "import", json!({"import": import})).await;
        for outcome in ["created", "updated", "skipped", "duplicate", "invalid"] {
            let params = json!({"import": import, "outcome": outcome, "limit": 500});
            self.look(harness, "import_rows", params).await;
        }
        for format in ["csv", "spreadsheet"] {
            let params = json!({"import": import, "format": format});
            self.look(harness, "import_rows", params).await;
        }
        self.look(harness, "failed_rows", json!({"import": import})).await;
    }

    /// A run's summary and its integration log.
    async fn run(&mut self, harness: &EngineHarness, run: &Value) {
        self.look(harness, "runs", json!({})).await;
        self.look(harness, "run", json!({"run": run})).await;
        self.look(harness, "queue", json!({})).await;
        self.look(harness, "phone_list", json!({"search": "known1"})).await;
        for status in ["queued", "dispatching", "success", "skipped", "failed"] {
            let params = json!({"run": run, "status": status, "limit": 500});
            self.look(harness, "integration_log", params).await;
        }
        for format in ["csv", "spreadsheet"] {
            let params = json!({"run": run, "format": format});
            self.look(harness, "integration_log", params).await;
        }
    }

    /// Each answer once more: by the query of that moment, from rows that are built anew, and from a replay
    /// that knows nothing but the log.
    async fn holds(self, mut harness: EngineHarness) {
        self.as_of(&harness, |_| true).await;
        harness.close().await;
        fs::remove_dir_all(harness.data().join("derived")).unwrap();
        self.replayed(&harness);
        harness.open().await;
        // The files of the refused rows are no rows; they are asked of the engine.
        self.as_of(&harness, |shown| shown.query == "failed_rows").await;
    }

    async fn as_of(&self, harness: &EngineHarness, wanted: fn(&Shown) -> bool) {
        for shown in self.0.iter().filter(|shown| wanted(shown)) {
            let mut params = shown.params.clone();
            params["as_of"] = json!(shown.position);
            let bytes = match harness.query(shown.query, params).await {
                Ok(Found::Json(answer)) => bytes_of(&answer),
                Ok(Found::Csv(bytes)) => bytes,
                other => panic!("{}: {other:?}", shown.query),
            };
            shown.is(&bytes, "as of its position");
        }
    }

    fn replayed(&self, harness: &EngineHarness) {
        let log =
            FileLog::open(&harness.data().join("log"), Options::new(harness.now())).unwrap().log;
        let mut reader = log.read_all(1);
        let mut entries = std::iter::from_fn(|| reader.next().unwrap()).peekable();
        let mut rows = MemoryRows::default();
        for shown in &self.0 {
            while let Some(entry) =
                entries.next_if(|entry| entry.recorded.position <= shown.position)
            {
                for fact in entry.recorded.facts() {
                    boarding_projections::apply(&fact, &mut rows).unwrap();
                }
            }
            if shown.query != "failed_rows" {
                shown.is(&answered(&rows, shown), "replayed");
            }
        }
    }
}

impl Shown {
    #[track_caller]
    fn is(&self, bytes: &[u8], how: &str) {
        let Self { query, params, position, .. } = self;
        assert!(
            bytes == self.bytes,
            "{query} {params} at {position}, {how}:\n{}\ninstead of\n{}",
            String::from_utf8_lossy(bytes),
            String::from_utf8_lossy(&self.bytes)
        );
    }
}

/// How far the rows are, once they are as far as the log.
async fn position_of(harness: &EngineHarness) -> u64 {
    harness.engine().caught_up().await.unwrap();
    harness.json("config", json!({})).await["position"].as_u64().unwrap()
}

/// What people see of an answer: its rows.
fn bytes_of(answer: &Value) -> Vec<u8> {
    json!([answer["rows"], answer["row"], answer["next"]]).to_string().into_bytes()
}

/// The answer that these rows give, by nothing but the projections.
fn answered(rows: &MemoryRows, shown: &Shown) -> Vec<u8> {
    let mut params = shown.params.clone();
    let format = params.as_object_mut().unwrap().remove("format");
    let ask = |params: &Value| {
        boarding_projections::answer(shown.query, &company_id("acme"), params, rows).unwrap()
    };
    let Some(format) = format else {
        return bytes_of(&match ask(&params) {
            RowsAnswer::Rows { rows, next } => json!({"rows": rows, "next": next}),
            RowsAnswer::Row(row) => json!({"row": row}),
        });
    };
    let format = if format == "csv" { CsvFormat::Csv } else { CsvFormat::Spreadsheet };
    let export = boarding_projections::find_query(shown.query).unwrap().csv_export(format).unwrap();
    let mut out = export.header();
    params["limit"] = json!(500);
    loop {
        let RowsAnswer::Rows { rows, next } = ask(&params) else { panic!("{}", shown.query) };
        out.extend(export.lines(&rows));
        let Some(next) = next else { return out };
        params["cursor"] = json!(next);
    }
}

fn generator(dialect: &str) -> &'static FileGenerator {
    generators::ALL.iter().find(|generator| generator.dialect == dialect).unwrap()
}

/// Looks at an import as often as it can while it goes on, and once more when it is over.
async fn imported(album: &mut Album, harness: &EngineHarness, body: Value) -> Value {
    let import = ok(&harness.submit("ImportFile", body).await)["import"].clone();
    while harness.row("import", json!({"import": import})).await["state"] == "processing" {
        album.look(harness, "import", json!({"import": import})).await;
        let params = json!({"import": import, "outcome": "invalid", "limit": 500});
        album.look(harness, "import_rows", params).await;
    }
    harness.settle().await;
    album.import(harness, &import).await;
    import
}

/// Whatever happens later to the people, files and numbers that the reports are about.
async fn life_goes_on(harness: &EngineHarness, generator: &FileGenerator, import: &Value) {
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
    let body = generator.body(harness, 1, 60).await;
    ok(&harness.submit("ImportFile", body).await);
    harness.settle().await;
    ok(&harness.submit("UndoImport", json!({"import": import})).await);
    harness.settle().await;
}

/// LX-11, LX-21, LX-22: Total, Passed and Failed of an import, the summary of a run and its integration log,
/// while each goes on and when it is over.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lx_21_the_counters_and_logs_of_leapxpert_are_in_the_log() {
    let channel = HeldChannel::new(true);
    let generator = generator("leapxpert");
    let harness = generator.harness_with(Some(channel.clone())).await;
    let mut album = Album::default();
    let body = generator.body(&harness, 0, 700).await;
    let import = imported(&mut album, &harness, body).await;
    let users: Vec<_> = (0..40).map(|n| format!("known{n}")).collect();
    let waiting = json!({"source": {"users": users}, "channel": "whatsapp", "mode": "confirmed"});
    let users: Vec<_> = (10..130).map(|n| format!("known{n}")).collect();
    let body = json!({"source": {"users": users}, "channel": "whatsapp", "mode": "confirmed"});
    let run = ok(&harness.submit("StartBulkIntegration", body).await)["run"].clone();
    let second = ok(&harness.submit("StartBulkIntegration", waiting).await)["run"].clone();
    for turn in 0..2 {
        // A batch is two people, and sends fewer mails where one of them cannot be invited.
        channel.wait_for_mails(4 * turn + 1).await;
        album.run(&harness, &run).await;
        channel.release(4);
    }
    channel.release_all();
    harness.settle().await;
    album.run(&harness, &run).await;
    album.run(&harness, &second).await;
    let row = harness.row("run", json!({"run": run})).await;
    assert!(["passed", "failed"].iter().all(|name| row[name].as_u64() > Some(0)), "{row}");
    life_goes_on(&harness, generator, &import).await;
    album.import(&harness, &import).await;
    album.run(&harness, &run).await;
    album.holds(harness).await;
}

/// OC-08 … OC-14: created, updated, activated, deactivated, skipped; and the run of those who were created.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn oc_12_the_counters_of_office_chat_are_in_the_log() {
    let channel = HeldChannel::new(true);
    let generator = generator("officechat");
    let harness = generator.harness_with(Some(channel.clone())).await;
    ok(&harness.submit("SetCompanyConfig", json!({"bulk_integration_max_records": 10_000})).await);
    let mut album = Album::default();
    let body = generator.body(&harness, 0, 700).await;
    imported(&mut album, &harness, body).await;
    let mut body = generator.body(&harness, 2, 60).await;
    body.as_object_mut()
        .unwrap()
        .extend(super::object(json!({"auto_invite": true, "channel": "whatsapp"})));
    let result = ok(&harness.submit("ImportFile", body).await);
    let (import, run) = (&result["import"], &result["run"]);
    channel.wait_for_mails(4).await;
    harness.engine().caught_up().await.unwrap();
    album.import(&harness, import).await;
    album.run(&harness, run).await;
    channel.release_all();
    harness.settle().await;
    album.import(&harness, import).await;
    album.run(&harness, run).await;
    life_goes_on(&harness, generator, import).await;
    album.import(&harness, import).await;
    album.holds(harness).await;
}

/// ML-12, ML-13: the Batch Operation Report, byte for byte, and the record of every batch.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ml_12_the_batch_operation_reports_are_in_the_log() {
    let generator = generator("multiline");
    let harness = generator.harness().await;
    let mut album = Album::default();
    let body = generator.body(&harness, 0, 700).await;
    let import = imported(&mut album, &harness, body).await;
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
            let shown = album.look(&harness, query, params.clone()).await;
            reports.push((query, params, shown.bytes.clone()));
        }
    }
    album.look(&harness, "numbers", json!({"limit": 500})).await;
    album.look(&harness, "number_utilisation", json!({})).await;
    let lines = String::from_utf8(reports[2].2.clone()).unwrap().lines().count();
    let total = harness.row("import", json!({"import": import})).await["total"].as_u64().unwrap();
    assert_eq!(lines as u64, 1 + total);

    life_goes_on(&harness, generator, &import).await;
    // A batch is a fact: whatever becomes of its accounts, its report is the one that was downloaded.
    for (query, params, bytes) in reports {
        if query == "batch_operation_report" {
            assert!(
                album.look(&harness, query, params).await.bytes == bytes,
                "the report has changed"
            );
        }
    }
    album.import(&harness, &import).await;
    album.holds(harness).await;
}

/// OCM-13, OCM-14, OCM-20: duplicate, inserted and invalid with their lists; and those of the pictures.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ocm_14_the_counts_and_lists_of_ocm_are_in_the_log() {
    let generator = generator("ocm");
    let harness = generator.harness().await;
    let mut album = Album::default();
    let body = generator.body(&harness, 0, 700).await;
    let import = imported(&mut album, &harness, body).await;
    let john = json!({"user": "john", "attributes": {"agent_id": "johndoe22"}});
    ok(&harness.submit("AddUser", john).await);
    let pictures = ok(&harness.submit("ImportPictures", super::read_models::archive()).await);
    harness.settle().await;
    let params = json!({"import": pictures["import"]});
    for turn in 0..2 {
        album.look(&harness, "picture_import", params.clone()).await;
        for outcome in ["inserted", "invalid"] {
            let params = json!({"import": pictures["import"], "outcome": outcome});
            album.look(&harness, "picture_rows", params).await;
        }
        let params = json!({"import": pictures["import"], "format": "csv"});
        album.look(&harness, "picture_rows", params).await;
        if turn == 0 {
            life_goes_on(&harness, generator, &import).await;
            ok(&harness.submit("ImportPictures", super::read_models::archive()).await);
            harness.settle().await;
        }
    }
    album.import(&harness, &import).await;
    album.holds(harness).await;
}
