//! P16: previews of imports. A commit does what its preview showed, or nothing.

use std::io::Read;

use boarding_commands::decide::{Authority, Command, Facts, MailSetup};
use boarding_commands::envelope::{Answer, Envelope};
use boarding_commands::step::CommandRequest;
use boarding_commands::values::Code;
use boarding_core::Reply;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::held_transport::HeldTransport;
use super::{EngineHarness, HEADER, company_id, import_body, ok, people_rows, refused};

const NUMBERS: usize = 6;
const KEYS: [&str; 10] = ["ann", "ANN", "bob", "cid", "dee", "eve", "fay", "gil", "", "h i"];

/// A random row: indexes of its key and number, and whether its address and org unit are valid.
#[derive(Debug, Clone)]
struct Row {
    key: usize,
    has_valid_email: bool,
    number: usize,
    has_valid_unit: bool,
}

/// A change of the company between a preview and its commit.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Change {
    None,
    /// Adds a user who is not in the file.
    Unrelated,
    /// Adds a user whom the file would create.
    User,
    /// Adds a corporate phone that the file would add.
    Phone,
    /// Changes how the file is read.
    Setting,
}

#[derive(Debug, Clone)]
struct Case {
    rows: Vec<Row>,
    /// The number of additional rows with new users.
    padding: usize,
    /// Indexes of the keys of existing users.
    existing: Vec<usize>,
    archived: bool,
    update: bool,
    phones: bool,
    change: Change,
}

fn case(padding: usize) -> impl Strategy<Value = Case> {
    let row = (0..KEYS.len(), prop::bool::weighted(0.85), 0..NUMBERS + 3, any::<bool>()).prop_map(
        |(key, has_valid_email, number, has_valid_unit)| Row {
            key,
            has_valid_email,
            number,
            has_valid_unit,
        },
    );
    let change = prop::sample::select(vec![
        Change::None,
        Change::Unrelated,
        Change::User,
        Change::Phone,
        Change::Setting,
    ]);
    let rows = prop::collection::vec(row, 1..14);
    let existing = prop::collection::vec(0..8_usize, 0..5);
    (rows, existing, any::<[bool; 3]>(), change).prop_map(move |(rows, existing, flags, change)| {
        let [archived, update, phones] = flags;
        Case { rows, padding, existing, archived, update, phones, change }
    })
}

/// A valid number, a number that is too short, a number without its plus, or none.
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
            let email = if row.has_valid_email { "one@people.example" } else { "nobody" };
            let unit = if row.has_valid_unit { "Fixed Income Desk" } else { "Nowhere" };
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
        for key in &self.existing {
            // Repeated keys and phones are refused, which does not matter here.
            harness.submit("AddUser", json!({"user": KEYS[*key], "first_name": "Known"})).await;
            let phone = json!({"user": KEYS[*key], "phone": number(*key % NUMBERS)});
            harness.submit("AddCorporatePhone", phone).await;
        }
        if let Some(key) = self.existing.first().filter(|_| self.archived) {
            ok(&harness.submit("ArchiveUser", json!({"user": KEYS[*key]})).await);
        }
        harness
    }

    /// Changes the company. Returns whether the change must change the plan.
    async fn change_company(&self, harness: &EngineHarness, plan: &Value) -> bool {
        let rows = plan["rows"].as_array().unwrap();
        let first = |field: &str, value: &str| {
            rows.iter().find(|row| row[field] == value && row["outcome"] == "created")
        };
        let (name, body) = match self.change {
            Change::None => return false,
            Change::Unrelated => ("AddUser", json!({"user": "stranger"})),
            Change::Setting => ("SetCompanyConfig", json!({"assume_plus": true})),
            Change::User => match first("outcome", "created") {
                Some(row) => ("AddUser", json!({"user": row["key"]})),
                None => return false,
            },
            Change::Phone => match first("phone", "added") {
                Some(row) => {
                    let at = usize::try_from(row["row"].as_u64().unwrap() - 1).unwrap();
                    let phone = number(self.rows[at].number);
                    ("AddCorporatePhone", json!({"user": "other", "phone": phone}))
                }
                None => return false,
            },
        };
        ok(&harness.submit(name, body).await);
        self.change != Change::Unrelated
    }

    async fn check(&self) {
        let harness = self.set_up().await;
        let before = harness.log_bytes();
        let shown = ok(&harness.submit("ImportFile", self.body(&json!({"mode": "preview"}))).await);
        assert!(harness.log_bytes() == before, "a preview changed the log");
        let changed = self.change_company(&harness, &shown).await;
        let before = harness.log_bytes();
        let commit = self.body(&json!({"plan_hash": shown["plan_hash"]}));
        let answer = harness.submit("ImportFile", commit).await;
        if changed {
            refused(&answer, Code::ImportPlanChanged);
            assert!(harness.log_bytes() == before, "a refused commit changed the log");
            return;
        }
        let import = ok(&answer)["import"].clone();
        harness.settle().await;
        assert_as_shown(&harness, &import, &shown).await;
    }
}

/// Asserts that the queries show the rows and counts of the preview.
async fn assert_as_shown(harness: &EngineHarness, import: &Value, shown: &Value) {
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

fn check(case: &Case) {
    tokio::runtime::Runtime::new().unwrap().block_on(case.check());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// P16: the rows of a small file are in the commit that accepts it.
    #[test]
    fn small_file_is_imported_as_shown_or_refused(case in case(0)) {
        check(&case);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4, ..ProptestConfig::default() })]

    /// P16: the rows of a long file are in several commits.
    #[test]
    fn long_file_is_imported_as_shown_or_refused(case in case(560)) {
        check(&case);
    }
}

/// An engine whose limit is ten thousand rows, and the body of an import of this file.
async fn with_long_file(name: &str, content: impl Read) -> (EngineHarness, Value) {
    let harness = EngineHarness::acme(None).await;
    ok(&harness.submit("SetCompanyConfig", json!({"bulk_integration_max_records": 10_000})).await);
    let kept = harness.engine().keep_file(name, content).unwrap();
    let body = json!({
        "dialect": "leapxpert",
        "files": [{"name": kept.name, "sha256": kept.sha256}],
        "add_to_corporate_phones": true,
    });
    (harness, body)
}

/// The answer to a preview, and the body of the commit with its plan hash.
async fn previewed(harness: &EngineHarness, mut body: Value) -> (Value, Value) {
    body["mode"] = json!("preview");
    let shown = ok(&harness.submit("ImportFile", body.clone()).await);
    body["mode"] = json!("commit");
    body["plan_hash"] = shown["plan_hash"].clone();
    (shown, body)
}

/// P16: the preview of ten thousand rows does not change the log.
#[tokio::test]
async fn ten_thousand_rows_are_imported_as_shown() {
    let path = crate::support::paths::fixture("leapxpert/people-10000.csv");
    let content = std::fs::File::open(path).unwrap();
    let (harness, body) = with_long_file("people-10000.csv", content).await;
    let before = harness.log_bytes();
    let (shown, commit) = previewed(&harness, body).await;
    assert!(harness.log_bytes() == before);
    assert_eq!(shown["counts"]["total"], 10_000);
    let import = ok(&harness.submit("ImportFile", commit).await);
    harness.settle().await;
    assert_as_shown(&harness, &import["import"], &shown).await;
}

/// P16, LX-35: if the company changes faster than a long file is planned, the command fails with `overloaded`
/// and may be retried. It is not refused with a changed plan.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commit_of_a_constantly_changing_company_may_be_retried() {
    let row = |n| format!("user{n},First,Last,user{n}@people.example,+8491{n:07},,\n");
    let text = HEADER.to_owned() + &(0..2_000).map(row).collect::<String>();
    let (harness, body) = with_long_file("people-2000.csv", text.as_bytes()).await;
    let (_, commit) = previewed(&harness, body).await;
    let other_commands = async {
        for n in 0_u64.. {
            ok(&harness.submit("AddUser", json!({"user": format!("stranger{n}")})).await);
        }
    };
    let answer = tokio::select! {
        answer = harness.submit("ImportFile", commit.clone()) => answer,
        () = other_commands => panic!("an endless loop ended"),
    };
    match answer {
        Answer::Failed { code: Code::Overloaded, retry: true, .. } => {}
        other => panic!("{other:?}"),
    }
    assert!(harness.rows("imports", json!({})).await.is_empty());
    ok(&harness.submit("ImportFile", commit).await);
}

/// P16: a running run neither changes a plan nor delays its commit.
#[tokio::test]
async fn running_run_does_not_change_a_plan() {
    let transport = HeldTransport::new(false);
    let harness = EngineHarness::acme(Some(transport.clone())).await;
    harness.import(&people_rows(&["ann", "bob", "cid", "dee", "eve", "fay"])).await;
    harness.start_run().await;
    transport.wait_for_mails(4).await;
    let mut body = import_body("more.csv", "gil,,,gil@people.example,+84912999001,,\n");
    body["mode"] = json!("preview");
    let shown = ok(&harness.submit("ImportFile", body.clone()).await);
    // Two batches of two mails are in flight. After the third mail one batch has ended and the next starts.
    transport.release(3);
    transport.wait_for_mails(6).await;
    body["mode"] = json!("commit");
    body["plan_hash"] = shown["plan_hash"].clone();
    let import = ok(&harness.submit("ImportFile", body).await);
    assert_eq!(import["state"], "completed");
    transport.release_all();
    harness.settle().await;
}

/// P16: a command whose plan is older than a change that affects the plan is refused.
#[tokio::test]
async fn commit_with_outdated_plan_is_refused() {
    let harness = EngineHarness::acme(None).await;
    ok(&harness.submit("AddUser", json!({"user": "ann"})).await);
    let actor = harness.engine().actor(&company_id("acme")).await;
    let version = actor.inspect(|company| company.version).await.unwrap();
    let submit_planned = |name: &str, body: Value| {
        let request = CommandRequest {
            authenticated: None,
            token: None,
            command: Command::read(name, body).unwrap(),
            facts: Facts::None,
            id: harness.engine().clock().id(),
            body: None,
            actor: "admin".to_owned(),
            authority: Authority::All,
            at: harness.now(),
            correlation: None,
            traceparent: None,
            mail_setup: MailSetup { texts_via: Some("outbox"), ..MailSetup::default() },
            expected_version: None,
            planned_at: Some(version),
        };
        actor.submit(request)
    };
    let template = json!({
        "kind": "welcome", "language": "en", "subject": "Welcome", "text": "Hello {{ first_name }}",
        "html": "<p>Hello {{ first_name }}</p>",
    });
    ok(&harness.submit("SetTemplate", template).await);
    assert!(matches!(
        submit_planned("AddUser", json!({"user": "bob"})).await,
        Reply::Accepted { .. }
    ));
    let late = submit_planned("AddUser", json!({"user": "cid"})).await;
    assert!(
        matches!(&late, Reply::Refused(refusal) if refusal.code == Code::ImportPlanChanged),
        "{late:?}"
    );
}

/// P10, P16: a repeated commit gets the first answer, and its plan is not checked again.
#[tokio::test]
async fn repeated_commit_with_plan_gets_the_first_answer() {
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
    // A new id is a new import, and Ann exists now.
    refused(&harness.submit("ImportFile", body).await, Code::ImportPlanChanged);
}

/// P11, LX-02, LX-07: a preview is refused for the same reasons as its commit, and the log does not change.
#[tokio::test]
async fn preview_is_refused_like_its_commit() {
    let harness = EngineHarness::acme(None).await;
    ok(&harness
        .submit("GrantPermissions", json!({"actor": "root", "permissions": ["administer"]}))
        .await);
    let mut too_many: String = people_rows(&["ann"]);
    (0..100).for_each(|n| too_many += &format!("user{n},,,u{n}@people.example,,,\n"));
    let taken = harness.import(&people_rows(&["zoe"])).await["import"].clone();
    let before = harness.log_bytes();
    let mut preview = import_body("people.csv", &too_many);
    preview["mode"] = json!("preview");
    let details = refused(&harness.submit("ImportFile", preview).await, Code::ImportTooManyRows);
    assert_eq!(details["actual"], 101);
    let mut again = import_body("people.csv", &people_rows(&["bob"]));
    again["mode"] = json!("preview");
    let answer = harness.submit_as("jane", "ImportFile", again.clone()).await;
    refused(&answer, Code::AuthPermissionDenied);
    again["import"] = taken;
    refused(&harness.submit("ImportFile", again.clone()).await, Code::ImportAlreadyExists);
    let text = again["files"][0]["text"].take();
    again["files"][0]["text"] = json!("username\n");
    refused(&harness.submit("ImportFile", again.clone()).await, Code::ImportHeaderOnly);
    again["files"][0]["text"] = text;
    let outdated = json!({"id": harness.engine().clock().id(), "actor": "admin", "expected_version": 1, "body": again.clone()});
    let outdated = Envelope::read(outdated).unwrap();
    let answer =
        harness.engine().submit(&company_id("acme"), "ImportFile", outdated, Authority::All).await;
    refused(&answer, Code::StreamVersionConflict);
    again["mode"] = json!("perhaps");
    refused(&harness.submit("ImportFile", again).await, Code::EnvelopeMalformed);
    assert!(harness.log_bytes() == before);
}

/// P14, P16: a row whose event does not fit in one commit is invalid, also in the preview. The import ends.
#[tokio::test]
async fn row_too_large_for_a_commit_is_invalid() {
    let harness = EngineHarness::acme(None).await;
    // The attributes of the user nearly fill a commit. With longer names they do not fit.
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
    assert_as_shown(&harness, &import, &shown).await;
    let rows = harness.rows("import_rows", json!({"import": import})).await;
    let outcomes: Vec<_> = rows.iter().map(|row| row["outcome"].as_str().unwrap()).collect();
    assert_eq!(outcomes, ["created", "invalid", "created"]);
    assert_eq!(rows[1]["problems"][0]["code"], "csv.record_too_large");
    assert_eq!(rows[1]["key"], "giant");
}
