//! Previews of imports: what is shown is what is done, or nothing is done (P16).

use boarding_commands::decide::{Authority, Command, Facts};
use boarding_commands::envelope::{Answer, Envelope};
use boarding_commands::step::Request;
use boarding_commands::values::Code;
use boarding_core::actor::Reply;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::held_channel::HeldChannel;
use super::{EngineHarness, company_id, envelope, import_body, ok, people_rows, refused};

const NUMBERS: usize = 6;
const KEYS: [&str; 10] = ["ann", "ANN", "bob", "cid", "dee", "eve", "fay", "gil", "", "h i"];

/// A row of a file as chance writes it: which key, address, number and org unit.
#[derive(Debug, Clone)]
struct Row {
    key: usize,
    is_good: bool,
    number: usize,
    unit: bool,
}

/// What happens between a preview and its commit.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Between {
    Nothing,
    /// Somebody who is not in the file.
    Unrelated,
    /// Somebody whom the file would create.
    Person,
    /// A number that the file would list.
    Number,
    /// How the file is read.
    Setting,
}

#[derive(Debug, Clone)]
struct Case {
    rows: Vec<Row>,
    /// Rows of new people behind them.
    padding: usize,
    /// Keys of those who are there before.
    known: Vec<usize>,
    archived: bool,
    update: bool,
    phones: bool,
    between: Between,
}

fn case(padding: usize) -> impl Strategy<Value = Case> {
    let row = (0..KEYS.len(), prop::bool::weighted(0.85), 0..NUMBERS + 3, any::<bool>())
        .prop_map(|(key, is_good, number, unit)| Row { key, is_good, number, unit });
    let between = prop::sample::select(vec![
        Between::Nothing,
        Between::Unrelated,
        Between::Person,
        Between::Number,
        Between::Setting,
    ]);
    let rows = prop::collection::vec(row, 1..14);
    let known = prop::collection::vec(0..8_usize, 0..5);
    (rows, known, any::<[bool; 3]>(), between).prop_map(move |(rows, known, flags, between)| {
        let [archived, update, phones] = flags;
        Case { rows, padding, known, archived, update, phones, between }
    })
}

fn number(n: usize) -> String {
    match n {
        n if n < NUMBERS => format!("+8491234500{n}"),
        n if n == NUMBERS => "12".to_owned(),
        n if n == NUMBERS + 1 => "84912345001".to_owned(),
        _ => String::new(),
    }
}

impl Case {
    fn text(&self) -> String {
        let row = |row: &Row| {
            let email = if row.is_good { "one@people.example" } else { "nobody" };
            let unit = if row.unit { "Fixed Income Desk" } else { "Nowhere" };
            let unit = if row.key.is_multiple_of(3) { unit } else { "" };
            format!("{},First,Last,{email},{},{unit},\n", KEYS[row.key], number(row.number))
        };
        let rows: String = self.rows.iter().map(row).collect();
        let padding = (0..self.padding).map(|n| format!("new{n},N,N,n{n}@people.example,,,\n"));
        rows + &padding.collect::<String>()
    }

    fn body(&self, more: &Value) -> Value {
        let mut body = import_body("people.csv", &self.text());
        body["existing"] = json!(if self.update { "update" } else { "skip" });
        body["add_to_corporate_phones"] = json!(self.phones);
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    }

    async fn set_up(&self) -> EngineHarness {
        let harness = EngineHarness::acme(None).await;
        ok(&harness
            .submit("SetCompanyConfig", json!({"bulk_integration_max_records": 20_000}))
            .await);
        ok(&harness.submit("AddUser", json!({"user": "other"})).await);
        for key in &self.known {
            // The same person twice is refused, and that is no matter here.
            harness.submit("AddUser", json!({"user": KEYS[*key], "first_name": "Known"})).await;
            let phone = json!({"user": KEYS[*key], "phone": number(*key % NUMBERS)});
            harness.submit("AddCorporatePhone", phone).await;
        }
        if let Some(key) = self.known.first().filter(|_| self.archived) {
            ok(&harness.submit("ArchiveUser", json!({"user": KEYS[*key]})).await);
        }
        harness
    }

    /// Lets happen what happens in between; whether the plan has to be another by now.
    async fn disturb(&self, harness: &EngineHarness, plan: &Value) -> bool {
        let rows = plan["rows"].as_array().unwrap();
        let first = |field: &str, value: &str| {
            rows.iter().find(|row| row[field] == value && row["outcome"] == "created")
        };
        let (name, body) = match self.between {
            Between::Nothing => return false,
            Between::Unrelated => ("AddUser", json!({"user": "stranger"})),
            Between::Setting => ("SetCompanyConfig", json!({"assume_plus": true})),
            Between::Person => match first("outcome", "created") {
                Some(row) => ("AddUser", json!({"user": row["key"]})),
                None => return false,
            },
            Between::Number => match first("phone", "added") {
                Some(row) => {
                    let at = usize::try_from(row["row"].as_u64().unwrap() - 1).unwrap();
                    let phone = number(self.rows[at].number);
                    ("AddCorporatePhone", json!({"user": "other", "phone": phone}))
                }
                None => return false,
            },
        };
        ok(&harness.submit(name, body).await);
        self.between != Between::Unrelated
    }

    async fn holds(&self) {
        let harness = self.set_up().await;
        let before = harness.log_bytes();
        let shown = ok(&harness.submit("ImportFile", self.body(&json!({"mode": "preview"}))).await);
        assert!(harness.log_bytes() == before, "a preview left a trace");
        let changed = self.disturb(&harness, &shown).await;
        let before = harness.log_bytes();
        let commit = self.body(&json!({"plan_hash": shown["plan_hash"]}));
        let answer = harness.submit("ImportFile", commit).await;
        if changed {
            refused(&answer, Code::ImportPlanChanged);
            assert!(harness.log_bytes() == before, "a changed plan left a trace");
            return;
        }
        let import = ok(&answer)["import"].clone();
        harness.settle().await;
        came_out_as_shown(&harness, &import, &shown).await;
    }
}

/// Holds what the queries show of an import against what its preview showed.
async fn came_out_as_shown(harness: &EngineHarness, import: &Value, shown: &Value) {
    let row = harness.row("import", json!({"import": import})).await;
    assert_eq!(row["state"], "completed");
    for (name, count) in shown["counts"].as_object().unwrap() {
        assert_eq!(&row[name], count, "{name}");
    }
    let first = harness.rows("import_rows", json!({"import": import, "limit": 100})).await;
    assert_eq!(json!(first), shown["rows"]);
    let total = row["total"].as_u64().unwrap();
    let next = if total > 100 { json!(101) } else { Value::Null };
    assert_eq!(shown["next"], next);
}

fn live(case: &Case) {
    tokio::runtime::Runtime::new().unwrap().block_on(case.holds());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    /// P16: small files, whose rows are in the commit that accepts them.
    #[test]
    fn p16_a_small_file_comes_out_as_it_was_shown_or_not_at_all(case in case(0)) {
        live(&case);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 6, ..ProptestConfig::default() })]

    /// P16: files whose rows follow in several commits.
    #[test]
    fn p16_a_long_file_comes_out_as_it_was_shown_or_not_at_all(case in case(560)) {
        live(&case);
    }
}

/// A company that takes ten thousand rows, and the body of an import of as many, by their file's digest.
async fn ten_thousand() -> (EngineHarness, Value) {
    let harness = EngineHarness::acme(None).await;
    ok(&harness.submit("SetCompanyConfig", json!({"bulk_integration_max_records": 10_000})).await);
    let path = crate::support::paths::fixture("leapxpert/people-10000.csv");
    let content = std::fs::File::open(path).unwrap();
    let kept = harness.engine().keep_file("people-10000.csv", content).unwrap();
    let body = json!({
        "dialect": "leapxpert",
        "files": [{"name": kept.name, "sha256": kept.sha256}],
        "add_to_corporate_phones": true,
    });
    (harness, body)
}

/// The answer to a preview, and the body that commits exactly that.
async fn previewed(harness: &EngineHarness, mut body: Value) -> (Value, Value) {
    body["mode"] = json!("preview");
    let shown = ok(&harness.submit("ImportFile", body.clone()).await);
    body["mode"] = json!("commit");
    body["plan_hash"] = shown["plan_hash"].clone();
    (shown, body)
}

/// P16: ten thousand rows are planned and come out so; the log does not change by the plan.
#[tokio::test]
async fn p16_ten_thousand_rows_come_out_as_shown() {
    let (harness, body) = ten_thousand().await;
    let before = harness.log_bytes();
    let (shown, commit) = previewed(&harness, body).await;
    assert!(harness.log_bytes() == before);
    assert_eq!(shown["counts"]["total"], 10_000);
    let import = ok(&harness.submit("ImportFile", commit).await);
    harness.settle().await;
    came_out_as_shown(&harness, &import["import"], &shown).await;
}

/// P16, LX-35: where the company changes faster than a long file is planned, the command fails and may be
/// sent again; it does not claim that its plan has changed, for then it is done.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p16_a_commit_that_is_overtaken_again_and_again_may_be_sent_again() {
    let (harness, body) = ten_thousand().await;
    let (_, commit) = previewed(&harness, body).await;
    let strangers = async {
        for n in 0_u64.. {
            ok(&harness.submit("AddUser", json!({"user": format!("stranger{n}")})).await);
        }
    };
    let answer = tokio::select! {
        answer = harness.submit("ImportFile", commit.clone()) => answer,
        () = strangers => panic!("strangers never end"),
    };
    match answer {
        Answer::Failed { code: Code::Overloaded, retry: true, .. } => {}
        other => panic!("{other:?}"),
    }
    assert!(harness.rows("imports", json!({})).await.is_empty());
    ok(&harness.submit("ImportFile", commit).await);
}

/// P16: a run that goes on changes no plan, and is not waited for.
#[tokio::test]
async fn p16_a_run_under_way_does_not_change_a_plan() {
    let channel = HeldChannel::new(false);
    let harness = EngineHarness::acme(Some(channel.clone())).await;
    harness.import(&people_rows(&["ann", "bob", "cid", "dee", "eve", "fay"])).await;
    harness.start_run().await;
    channel.wait_for_mails(4).await;
    let mut body = import_body("more.csv", "gil,,,gil@people.example,+84912999001,,\n");
    body["mode"] = json!("preview");
    let shown = ok(&harness.submit("ImportFile", body.clone()).await);
    // Two batches of two wait in turn: with the third mail one of them is over and the next begins.
    channel.release(3);
    channel.wait_for_mails(6).await;
    body["mode"] = json!("commit");
    body["plan_hash"] = shown["plan_hash"].clone();
    let done = ok(&harness.submit("ImportFile", body).await);
    assert_eq!(done["state"], "completed");
    channel.release_all();
    harness.settle().await;
}

/// P16: between the last look at a plan and its commit nothing slips in that bears on it.
#[tokio::test]
async fn p16_a_plan_that_was_overtaken_is_not_committed() {
    let harness = EngineHarness::acme(None).await;
    ok(&harness.submit("AddUser", json!({"user": "ann"})).await);
    let hot = harness.engine().actor(&company_id("acme")).await;
    let version = hot.inspect(|company| company.version).await.unwrap();
    let ask = |name: &str, body: Value| {
        let request = Request {
            command: Command::read(name, body).unwrap(),
            facts: Facts::None,
            id: harness.engine().clock().id(),
            body: None,
            actor: "admin".to_owned(),
            authority: Authority::All,
            at: harness.now(),
            correlation: None,
            traceparent: None,
            expected_version: None,
            planned_at: Some(version),
        };
        hot.submit(request)
    };
    let template = json!({
        "kind": "welcome", "language": "en", "subject": "Welcome", "text": "Hello {{ first_name }}",
        "html": "<p>Hello {{ first_name }}</p>",
    });
    ok(&harness.submit("SetTemplate", template).await);
    assert!(matches!(ask("AddUser", json!({"user": "bob"})).await, Reply::Accepted { .. }));
    let late = ask("AddUser", json!({"user": "cid"})).await;
    assert!(
        matches!(&late, Reply::Refused(refusal) if refusal.code == Code::ImportPlanChanged),
        "{late:?}"
    );
}

/// P10, P16: a commit by a plan is remembered as any other; the plan is not made again for a repeat.
#[tokio::test]
async fn p10_a_planned_commit_asked_again_is_answered_the_same() {
    let harness = EngineHarness::acme(None).await;
    let mut body = import_body("people.csv", &people_rows(&["ann"]));
    body["mode"] = json!("preview");
    let shown = ok(&harness.submit("ImportFile", body.clone()).await);
    body["mode"] = json!("commit");
    body["plan_hash"] = shown["plan_hash"].clone();
    let command = harness.engine().clock().id();
    let first = ok(&harness.submit_with_id("acme", command, "ImportFile", body.clone()).await);
    match harness.submit_with_id("acme", command, "ImportFile", body.clone()).await {
        Answer::Accepted { duplicate: true, result, .. } => assert_eq!(result, first),
        other => panic!("{other:?}"),
    }
    // Under a new id it is a new import, and ann is there by now.
    refused(&harness.submit("ImportFile", body).await, Code::ImportPlanChanged);
}

/// P11, LX-02, LX-07: what refuses a commit refuses its preview, and leaves no trace.
#[tokio::test]
async fn p11_a_preview_is_refused_as_its_commit_would_be() {
    let harness = EngineHarness::acme(None).await;
    ok(&harness
        .submit("GrantPermissions", json!({"actor": "jane", "permissions": ["accounts"]}))
        .await);
    let mut over: String = people_rows(&["ann"]);
    (0..100).for_each(|n| over += &format!("user{n},,,u{n}@people.example,,,\n"));
    let taken = harness.import(&people_rows(&["zoe"])).await["import"].clone();
    let before = harness.log_bytes();
    let mut shown = import_body("people.csv", &over);
    shown["mode"] = json!("preview");
    let details = refused(&harness.submit("ImportFile", shown).await, Code::ImportTooManyRows);
    assert_eq!(details["actual"], 101);
    let mut again = import_body("people.csv", &people_rows(&["bob"]));
    again["mode"] = json!("preview");
    let asked = envelope(harness.engine().clock().id(), "jane", &again);
    let answer =
        harness.engine().submit(&company_id("acme"), "ImportFile", asked, Authority::Granted).await;
    refused(&answer, Code::AuthPermissionDenied);
    again["import"] = taken;
    refused(&harness.submit("ImportFile", again.clone()).await, Code::ImportAlreadyExists);
    let text = again["files"][0]["text"].take();
    again["files"][0]["text"] = json!("username\n");
    refused(&harness.submit("ImportFile", again.clone()).await, Code::ImportHeaderOnly);
    again["files"][0]["text"] = text;
    let expecting = json!({"id": harness.engine().clock().id(), "actor": "admin", "expected_version": 1, "body": again.clone()});
    let expecting = Envelope::read(expecting).unwrap();
    let answer =
        harness.engine().submit(&company_id("acme"), "ImportFile", expecting, Authority::All).await;
    refused(&answer, Code::StreamVersionConflict);
    again["mode"] = json!("perhaps");
    refused(&harness.submit("ImportFile", again).await, Code::EnvelopeMalformed);
    assert!(harness.log_bytes() == before);
}

/// P14, P16: a row that makes more than one commit holds is refused with a code, the import ends, and the
/// preview says so before.
#[tokio::test]
async fn p14_a_row_that_no_commit_holds_is_invalid_and_the_import_ends() {
    let harness = EngineHarness::acme(None).await;
    // What is known of a person may fill a commit; the same with longer names does not fit in one.
    let long = |n: usize| (format!("{n:_>255}"), "y".repeat(255));
    let attributes: serde_json::Map<String, Value> = (0..509)
        .map(|n| {
            let (name, value) = long(n);
            (name, json!(value))
        })
        .collect();
    ok(&harness.submit("AddUser", json!({"user": "giant", "attributes": attributes})).await);
    let name = "\u{1f600}".repeat(255);
    let rows = format!(
        "ann,A,B,ann@people.example,,,\ngiant,{name},{name},g@people.example,,,\nbob,B,B,bob@people.example,,,\n"
    );
    let mut body = import_body("people.csv", &rows);
    body["existing"] = json!("update");
    body["mode"] = json!("preview");
    let shown = ok(&harness.submit("ImportFile", body.clone()).await);
    body["mode"] = json!("commit");
    body["plan_hash"] = shown["plan_hash"].clone();
    let import = ok(&harness.submit("ImportFile", body).await)["import"].clone();
    harness.settle().await;
    came_out_as_shown(&harness, &import, &shown).await;
    let rows = harness.rows("import_rows", json!({"import": import})).await;
    let outcomes: Vec<_> = rows.iter().map(|row| row["outcome"].as_str().unwrap()).collect();
    assert_eq!(outcomes, ["created", "invalid", "created"]);
    assert_eq!(rows[1]["problems"][0]["code"], "csv.record_too_large");
    assert_eq!(rows[1]["key"], "giant");
}
