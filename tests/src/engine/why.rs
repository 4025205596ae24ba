//! The chain of events that led to the outcome of a row or of a person: steps, sentences, links, refusals.

use std::sync::Arc;

use boarding_commands::values::Code;
use boarding_core::delivery::smtp::SmtpTransport;
use boarding_core::queries::QueryFailure;
use serde_json::{Value, json};

use super::{EngineHarness, ok};
use crate::support::mail_server::MailServer;

/// A row of each kind. `dee` exists before, `gone` has no mailbox, and `old` is archived before the run.
const ROWS: &str = "\
ann,A,B,ok.ann@people.example,+84912345001,,
bob,A,B,nobody,+84912345002,,
ANN,A,B,ok.ann@people.example,+84912345003,,
dee,A,B,ok.dee@people.example,+84912345004,,
gone,A,B,r550.gone@people.example,12,,
old,A,B,ok.old@people.example,+84912345006,,
";

const IMPORT: [&str; 3] = ["import_accepted", "row", "import_ended"];
const RUN: [&str; 4] = ["run_requested", "selected", "run_waiting", "run_started"];

/// A company with an import of [`ROWS`] and its run, and the mail server.
struct World {
    harness: EngineHarness,
    import: Value,
    run: Value,
    _server: MailServer,
}

impl World {
    async fn new() -> Self {
        let server = MailServer::start(&[]);
        let smtp = SmtpTransport::new(&format!("smtp://127.0.0.1:{}", server.port)).unwrap();
        let harness = EngineHarness::acme(Some(Arc::new(smtp))).await;
        ok(&harness
            .submit("AddUser", json!({"user": "dee", "email": "ok.dee@people.example"}))
            .await);
        let linked = json!({"user": "dee", "channel": "whatsapp"});
        ok(&harness.submit("LinkCompleted", linked).await);
        let import = harness.import(ROWS).await["import"].clone();
        for gone in ["gone", "dee"] {
            let phone = json!({"user": gone, "phone": format!("+8491299999{}", gone.len())});
            ok(&harness.submit("AddCorporatePhone", phone).await);
        }
        ok(&harness.submit("ArchiveUser", json!({"user": "old"})).await);
        let run = harness.start_run().await.into();
        harness.settle().await;
        Self { harness, import, run, _server: server }
    }

    async fn row(&self, row: u64) -> Vec<Value> {
        chain(&self.harness, json!({"import": self.import, "row": row})).await
    }

    async fn person(&self, run: &Value, user: &str) -> Vec<Value> {
        chain(&self.harness, json!({"run": run, "user": user})).await
    }

    async fn refusal(&self, company: &str, params: Value) -> (Code, Value) {
        match self.harness.query_in(company, "why", params).await {
            Err(QueryFailure::Refused(refusal)) => (refusal.code, refusal.details),
            other => panic!("{other:?}"),
        }
    }
}

/// The steps of a chain, which are in the order of the log and name no address and no phone.
async fn chain(harness: &EngineHarness, params: Value) -> Vec<Value> {
    let answer = harness.json("why", params).await;
    let rows = answer["rows"].as_array().unwrap().clone();
    assert_eq!(answer["next"], Value::Null);
    assert!(rows.is_sorted_by_key(|row| row["version"].as_u64()), "{rows:?}");
    for row in &rows {
        let says = row["says"].as_str().unwrap();
        assert!(says.ends_with(['.', ')']) && !says.contains("people.example"), "{says}");
        assert!(!says.contains("+84912"), "{says}");
    }
    rows
}

#[track_caller]
fn assert_steps(chain: &[Value], expected: &[&str]) {
    let steps: Vec<_> = chain.iter().map(|row| row["step"].as_str().unwrap()).collect();
    assert_eq!(steps, expected, "{chain:#?}");
}

/// The sentence of the first event of this step.
#[track_caller]
fn says<'c>(chain: &'c [Value], step: &str) -> &'c str {
    let row = chain.iter().find(|row| row["step"] == step);
    row.and_then(|row| row["says"].as_str()).unwrap_or_else(|| panic!("{step}: {chain:#?}"))
}

/// LX-12, LX-25: the chain of a row has its outcome with the reason, and the run of its user.
#[tokio::test]
async fn chain_of_a_row_leads_to_the_outcome() {
    let world = World::new().await;
    let good = world.row(1).await;
    let [accepted, row, ended] = IMPORT;
    let run = [&RUN[..], &["claim", "outcome", "run_ended"]].concat();
    assert_steps(&good, &[&[accepted, row, "phone", ended], &run[..]].concat());
    assert!(says(&good, accepted).starts_with("admin imported the file people.csv (SHA-256 "));
    assert_eq!(says(&good, row), "Row 1 (line 2 of the file) created the user ann.");
    assert!(says(&good, "outcome").starts_with("The invitation of ann was sent: attempt 1."));

    let invalid = world.row(2).await;
    assert_steps(&invalid[..3], &IMPORT);
    assert!(says(&invalid, row).contains("names bob. It is invalid and changed nothing: email:"));
    assert!(says(&invalid, "outcome").ends_with("(recipient.user_not_created)"));

    let duplicate = world.row(3).await;
    assert_steps(&duplicate, &IMPORT);
    assert!(says(&duplicate, row).contains("(row.duplicate_in_file)"));

    let existing = world.row(4).await;
    let before = ["user", "link", accepted, row, ended, "phone"];
    let skipped = [&RUN[..], &["outcome", "run_ended"]].concat();
    assert_steps(&existing, &[&before[..], &skipped].concat());
    assert!(says(&existing, row).contains("It was skipped and changed nothing"));
    assert!(says(&existing, "outcome").ends_with("(recipient.already_linked)"));

    let rejected = world.row(5).await;
    assert!(says(&rejected, row).contains("created the user gone. Its phone was rejected: phone"));
    world.harness.undo_import(&world.import).await;
    assert!(says(&world.row(6).await, "undo").starts_with("admin started the undo"));
}

/// LX-22, LX-25: the chain of a recipient starts with its row, and ends with its outcome in the run.
#[tokio::test]
async fn chain_of_a_recipient_starts_with_its_row() {
    let world = World::new().await;
    let run = &world.run;
    assert_eq!(world.person(run, "Ann").await, world.row(1).await);
    assert_eq!(world.person(&json!("latest"), "ann").await, world.row(1).await);
    let failed = world.person(run, "gone").await;
    let tried = [&RUN[..], &["claim", "outcome", "run_ended"]].concat();
    assert_steps(&failed, &[&IMPORT[..], &["phone"], &tried].concat());
    assert!(says(&failed, "outcome").ends_with("(recipient.email_undeliverable)"));
    let refused = world.person(run, "bob").await;
    assert!(says(&refused, "row").contains("It is invalid and changed nothing: email:"));
    let archived = world.person(run, "old").await;
    assert_eq!(says(&archived, "user"), "admin archived the user old.");
    assert!(says(&archived, "outcome").ends_with("(recipient.user_archived)"));
    let selected = says(&archived, "selected");
    assert!(selected.ends_with("names this user.") && selected.contains("import"), "{selected}");

    let start = failed.iter().find(|row| row["step"] == "run_started").unwrap();
    let before = start["position"].as_u64().unwrap() - 1;
    let params = json!({"run": run, "user": "gone", "as_of": before});
    let earlier = chain(&world.harness, params).await;
    assert_eq!(earlier.last().unwrap()["step"], "run_waiting");
    assert_steps(&earlier, &[&IMPORT[..], &["phone"], &RUN[..3]].concat());
}

/// LX-20, LX-23: the chain follows the link of its run, until it is used or replaced, and no other link.
#[tokio::test]
async fn chain_follows_the_link_of_its_run() {
    let world = World::new().await;
    let again = json!({"channel": "whatsapp", "users": ["ann"]});
    let second = ok(&world.harness.submit("ResendInvitation", again).await)["run"].clone();
    world.harness.settle().await;
    let revoked = json!({"user": "ann", "channel": "whatsapp"});
    ok(&world.harness.submit("RevokeInvitation", revoked).await);
    let first = world.person(&world.run, "ann").await;
    let last = first.last().unwrap();
    assert_eq!(last["event"], "InviteDispatched", "{last}");
    assert_eq!(
        says(&first, "link").split(" invited").next().unwrap(),
        format!("The run {}", second.as_str().unwrap())
    );
    let newer = world.person(&second, "ann").await;
    assert_eq!(newer.last().unwrap()["says"], "admin revoked the link of ann.");
    assert!(says(&newer, "selected").contains("because the user is to be invited again"));
    assert_eq!(
        says(&newer, "user"),
        format!("Row 1 of the import {} created the user ann.", world.import.as_str().unwrap())
    );
    // The link of the second run is over, so it was not the one that was used.
    let linked = json!({"user": "ann", "channel": "whatsapp"});
    ok(&world.harness.submit("LinkCompleted", linked.clone()).await);
    for run in [&world.run, &second] {
        let chain = world.person(run, "ann").await;
        assert!(chain.iter().all(|row| row["event"] != "UserLinked"), "{chain:#?}");
    }
    ok(&world.harness.submit("UnlinkUser", linked.clone()).await);
    let again = json!({"channel": "whatsapp", "users": ["ann"]});
    let third = ok(&world.harness.submit("ResendInvitation", again).await)["run"].clone();
    world.harness.settle().await;
    ok(&world.harness.submit("LinkCompleted", linked).await);
    let used = world.person(&third, "ann").await;
    assert_eq!(used.last().unwrap()["says"], "ann was linked on whatsapp.");
}

/// LX-12: an invalid row whose user another row creates shows both rows, and a national number is in no sentence.
#[tokio::test]
async fn rows_with_one_key_are_told_apart() {
    let harness = EngineHarness::acme(None).await;
    let rows = "ann,A,B,nobody,,,\nann,A,B,ann@people.example,0912 345 001,,\n";
    let import = harness.import(rows).await["import"].clone();
    let run: Value = harness.start_run().await.into();
    harness.settle().await;
    let invalid = chain(&harness, json!({"import": import, "row": 1})).await;
    assert!(says(&invalid, "row").contains("It is invalid and changed nothing"));
    assert!(says(&invalid, "user").starts_with("Row 2 of the import"));
    let created = chain(&harness, json!({"import": import, "row": 2})).await;
    assert!(says(&created, "row").contains("created the user ann. Its phone was rejected: phone"));
    assert!(!says(&created, "row").contains("0912"));
    let person = chain(&harness, json!({"run": run, "user": "ann"})).await;
    let of_rows = person.iter().filter(|row| row["step"] == "row").count();
    assert_eq!((of_rows, says(&person, "outcome").is_empty()), (2, false));
    harness.undo_import(&import).await;
    let undone = chain(&harness, json!({"run": run, "user": "ann"})).await;
    assert!(undone.iter().any(|row| row["event"] == "RowUndone"), "{undone:#?}");
}

/// LX-31: a refusal names what was not found. Ids of another company are not found.
#[tokio::test]
async fn chain_of_another_company_is_not_found() {
    let world = World::new().await;
    world.harness.set_up("globex").await;
    let (import, run) = (world.import.clone(), world.run.clone());
    for (company, params, details) in [
        ("globex", json!({"import": import, "row": 1}), json!({"import": import})),
        ("globex", json!({"run": run, "user": "ann"}), json!({"run": run})),
        ("acme", json!({"import": import, "row": 7}), json!({"import": import, "row": 7})),
        ("acme", json!({"run": run, "user": "eve"}), json!({"run": run, "user": "eve"})),
    ] {
        let refusal = world.refusal(company, params).await;
        assert_eq!(refusal, (Code::QueryNotFound, details));
    }
    for (params, parameter) in [
        (json!({}), "import"),
        (json!({"run": run}), "user"),
        (json!({"import": import, "row": 0}), "row"),
        (json!({"import": import, "row": 1, "user": "ann"}), "user"),
    ] {
        let refusal = world.refusal("acme", params).await;
        assert_eq!(refusal, (Code::QueryMalformed, json!({"parameter": parameter})));
    }
    let none = world.refusal("globex", json!({"import": "latest", "row": 1})).await;
    assert_eq!(none.0, Code::ImportNoneAvailable);
}
