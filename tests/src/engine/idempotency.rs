//! Repeated commands: the engine answers a repeated id like the first time.

use boarding_commands::decide::Authority;
use boarding_commands::envelope::{Answer, Envelope};
use boarding_commands::values::Code;
use serde_json::{Value, json};

use super::{EngineHarness, HEADER, company_id, import_body, ok, people_rows, refused};

/// `duplicate`, version, position and result of an accepted answer.
#[track_caller]
fn parts(answer: &Answer) -> (bool, u64, u64, Value) {
    match answer {
        Answer::Accepted { duplicate, version, position, result, .. } => {
            (*duplicate, *version, *position, result.clone())
        }
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn assert_repeat(first: &Answer, again: &Answer) {
    let (first, again) = (parts(first), parts(again));
    assert!(!first.0);
    assert_eq!((true, first.1, first.2, first.3), again);
}

async fn end_position(harness: &EngineHarness) -> u64 {
    harness.json("history", json!({"limit": 1})).await["position"].as_u64().unwrap()
}

/// P10: a repeat gets the first answer, also after a restart and after the derived data was deleted.
#[tokio::test]
async fn repeat_gets_the_first_answer_after_restarts() {
    let mut harness = EngineHarness::acme(None).await;
    let command = harness.engine().clock().id();
    let body = json!({"user": "ann", "email": "ann@people.example", "first_name": "Ann"});
    let first = harness.submit_with_id("acme", command, "AddUser", body.clone()).await;
    ok(&harness.submit("AddUser", json!({"user": "bob"})).await);
    let after = end_position(&harness).await;
    assert_repeat(&first, &harness.submit_with_id("acme", command, "AddUser", body.clone()).await);
    harness.restart().await;
    assert_repeat(&first, &harness.submit_with_id("acme", command, "AddUser", body.clone()).await);
    harness.crash().await;
    std::fs::remove_dir_all(harness.data().join("derived")).unwrap();
    harness.open().await;
    assert_repeat(&first, &harness.submit_with_id("acme", command, "AddUser", body.clone()).await);
    harness.close().await;
    harness.open().await;
    assert_repeat(&first, &harness.submit_with_id("acme", command, "AddUser", body.clone()).await);
    assert_eq!(end_position(&harness).await, after);
    let other = harness.submit_with_id("acme", command, "AddUser", json!({"user": "ann"})).await;
    refused(&other, Code::CommandDuplicateConflict);
    let other =
        harness.submit_with_id("acme", command, "ArchiveUser", json!({"user": "ann"})).await;
    refused(&other, Code::CommandDuplicateConflict);
}

/// P10: one of 64 concurrent tasks is first, and all get its answer.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn same_command_from_64_tasks_is_appended_once() {
    let harness = EngineHarness::acme(None).await;
    let before = end_position(&harness).await;
    let command = harness.engine().clock().id();
    let harness = std::sync::Arc::new(harness);
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..64 {
        let harness = std::sync::Arc::clone(&harness);
        tasks.spawn(async move {
            harness.submit_with_id("acme", command, "AddUser", json!({"user": "ann"})).await
        });
    }
    let answers: Vec<_> = tasks.join_all().await.iter().map(parts).collect();
    assert_eq!(answers.iter().filter(|(duplicate, ..)| !duplicate).count(), 1);
    assert!(
        answers
            .iter()
            .all(|(_, version, position, _)| (*version, *position) == (answers[0].1, answers[0].2))
    );
    assert_eq!(end_position(&harness).await, before + 1);
}

/// P11.
#[tokio::test]
async fn refusal_leaves_the_log_byte_identical() {
    let harness = EngineHarness::acme(None).await;
    ok(&harness.submit("AddUser", json!({"user": "ann"})).await);
    let before = harness.log_bytes();
    for (name, body) in [
        ("AddUser", json!({"user": "ann"})),
        ("AddUser", json!({"usr": "bob"})),
        ("AddCorporatePhone", json!({"phone": "+84912345678", "user": "nobody"})),
        ("AddCorporatePhone", json!({"phone": "12", "user": "ann"})),
        ("SetCompanyConfig", json!({"bulk_integration_max_records": 0})),
        ("ImportFile", import_body("people.csv", "")),
        ("ImportFile", import_body("people.xlsx", &people_rows(&["ann"]))),
        ("ImportFile", json!({"dialect": "leapxpert", "files": []})),
        ("CancelRun", json!({"run": "01JD0000000000000000000000"})),
        ("LinkCompleted", json!({"token": "x".repeat(48)})),
        ("NoSuchCommand", json!({})),
        ("ImportRows", json!({})),
    ] {
        let answer = harness.submit(name, body).await;
        assert!(matches!(answer, Answer::Refused { .. }), "{name}: {answer:?}");
    }
    assert_eq!(harness.log_bytes(), before);
}

/// The first answer to a command without events is kept too. Later commands do not change it.
#[tokio::test]
async fn repeat_of_a_command_without_events_gets_the_first_answer() {
    let harness = EngineHarness::acme(None).await;
    ok(&harness.submit("AddUser", json!({"user": "ann"})).await);
    let pair = json!({"phone": "+84912345678", "user": "ann"});
    ok(&harness.submit("AddCorporatePhone", pair.clone()).await);
    let command = harness.engine().clock().id();
    let first = harness.submit_with_id("acme", command, "AddCorporatePhone", pair.clone()).await;
    ok(&harness.submit("RemoveCorporatePhone", json!({"phone": "+84912345678"})).await);
    let after = end_position(&harness).await;
    assert_repeat(
        &first,
        &harness.submit_with_id("acme", command, "AddCorporatePhone", pair).await,
    );
    assert_eq!(end_position(&harness).await, after);
    assert!(harness.rows("phone_list", json!({})).await.is_empty());
}

/// Neither the order of keys nor the form of the file changes a command.
#[tokio::test]
async fn file_as_text_base64_or_digest_is_the_same_command() {
    use base64::Engine as _;
    let harness = EngineHarness::acme(None).await;
    let text = format!("{HEADER}{}", people_rows(&["ann", "bob"]));
    let base64 = base64::engine::general_purpose::STANDARD.encode(&text);
    let body = |content: Value| {
        let mut file = json!({"name": "people.csv"});
        file.as_object_mut().unwrap().extend(content.as_object().unwrap().clone());
        json!({"dialect": "leapxpert", "files": [file]})
    };
    let command = harness.engine().clock().id();
    let first =
        harness.submit_with_id("acme", command, "ImportFile", body(json!({"text": text}))).await;
    ok(&first);
    let sha256 = harness.rows("imports", json!({})).await[0]["sha256"].as_str().unwrap().to_owned();
    for content in [
        json!({"text": text}),
        json!({"text": text, "sha256": sha256}),
        json!({"base64": base64}),
        json!({"sha256": sha256}),
    ] {
        assert_repeat(
            &first,
            &harness.submit_with_id("acme", command, "ImportFile", body(content)).await,
        );
    }
    let other = harness
        .submit_with_id(
            "acme",
            command,
            "ImportFile",
            body(json!({"text": format!("{text}x,,,,,,\n")})),
        )
        .await;
    refused(&other, Code::CommandDuplicateConflict);
    assert_eq!(harness.rows("imports", json!({})).await.len(), 1);
}

/// P10: a repeat gets the first answer, although the current settings refuse the file.
#[tokio::test]
async fn repeated_import_is_answered_after_settings_refuse_its_file() {
    use base64::Engine as _;
    use std::io::Write as _;
    let harness = EngineHarness::acme(None).await;
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(format!("{HEADER}{}", people_rows(&["ann"])).as_bytes()).unwrap();
    let base64 = base64::engine::general_purpose::STANDARD.encode(packed.finish().unwrap());
    let body =
        json!({"dialect": "leapxpert", "files": [{"name": "people.csv.gz", "base64": base64}]});
    let command = harness.engine().clock().id();
    let first = harness.submit_with_id("acme", command, "ImportFile", body.clone()).await;
    ok(&first);
    ok(&harness.submit("SetCompanyConfig", json!({"accept_gzip": false})).await);
    assert_repeat(
        &first,
        &harness.submit_with_id("acme", command, "ImportFile", body.clone()).await,
    );
    assert!(matches!(harness.submit("ImportFile", body).await, Answer::Refused { .. }));
}

#[tokio::test]
async fn outdated_expected_version_is_a_conflict() {
    let harness = EngineHarness::acme(None).await;
    let (_, version, ..) = parts(&harness.submit("AddUser", json!({"user": "ann"})).await);
    let add_user = async |expected: u64, command, user: &str| {
        let envelope = json!({"id": command, "actor": "admin", "expected_version": expected, "body": {"user": user}});
        harness
            .engine()
            .submit(
                &company_id("acme"),
                "AddUser",
                Envelope::read(envelope).unwrap(),
                Authority::All,
            )
            .await
    };
    let command = harness.engine().clock().id();
    let first = add_user(version, command, "bob").await;
    ok(&first);
    let details = refused(
        &add_user(version, harness.engine().clock().id(), "cid").await,
        Code::StreamVersionConflict,
    );
    assert_eq!(details, json!({"expected": version, "actual": version + 1}));
    // The expected version is not checked for a repeat.
    assert_repeat(&first, &add_user(version, command, "bob").await);
}

/// LX-04.
#[test]
fn envelope_of_another_api_version_is_refused() {
    let envelope = json!({"id": "01JD0000000000000000000000", "api_version": 2, "body": {}});
    assert_eq!(Envelope::read(envelope).unwrap_err().code, Code::EnvelopeUnsupportedVersion);
}

/// N81: the same content under a new id is a new import with a warning. Under the import's id it is a repeat.
/// Another request with that id is refused.
#[tokio::test]
async fn same_content_is_a_new_import_with_a_warning() {
    let harness = EngineHarness::acme(None).await;
    let first = harness.import(&people_rows(&["ann"])).await;
    let again = harness.import(&people_rows(&["ann"])).await;
    let row = harness.row("import", json!({"import": again["import"]})).await;
    assert_eq!(row["warnings"], 1, "{row}");
    let entity = format!("import:{}", again["import"].as_str().unwrap());
    let accepted = harness.rows("history", json!({"entity": entity})).await[0]["data"].to_string();
    assert!(accepted.contains("import.same_content"), "{accepted}");
    assert!(accepted.contains(first["import"].as_str().unwrap()), "{accepted}");
    let mut body = import_body("people.csv", &people_rows(&["ann"]));
    body["add_to_corporate_phones"] = json!(true);
    body["import"] = first["import"].clone();
    let log = harness.log_bytes();
    let repeat = harness.submit("ImportFile", body.clone()).await;
    let Answer::Accepted { duplicate: true, result, .. } = &repeat else { panic!("{repeat:?}") };
    assert_eq!(*result, first);
    assert!(harness.log_bytes() == log, "a repeat changed the log");
    for (name, value) in [
        ("existing", json!("update")),
        ("on_error", json!("reject_file")),
        // The repeat would invite users whom the first import did not invite.
        ("action", json!("import_and_invite")),
        (
            "files",
            json!([{"name": "people.csv", "text": format!("{HEADER}{}", people_rows(&["bob"]))}]),
        ),
    ] {
        let mut other = body.clone();
        other[name] = value;
        if name == "action" {
            other["channel"] = json!("whatsapp");
        }
        refused(&harness.submit("ImportFile", other).await, Code::ImportAlreadyExists);
    }
    // The id of an undone import cannot be used again. The later import names the person too, so it is undone first.
    for import in [&again["import"], &first["import"]] {
        ok(&harness.submit("UndoImport", json!({"import": import})).await);
        harness.settle().await;
    }
    refused(&harness.submit("ImportFile", body).await, Code::ImportAlreadyExists);
}

/// N82: the stored name has no path, no control characters and at most 255 characters.
#[tokio::test]
async fn file_name_is_sanitized() {
    let harness = EngineHarness::acme(None).await;
    for (given, kept) in [
        ("../../etc/people.csv", "people.csv".to_owned()),
        ("C:\\users\\jane\\people.csv", "people.csv".to_owned()),
        ("peo\u{202e}ple\u{7}.csv", "people.csv".to_owned()),
    ] {
        ok(&harness.submit("ImportFile", import_body(given, &people_rows(&["ann"]))).await);
        assert_eq!(harness.rows("imports", json!({})).await[0]["file_name"], json!(kept));
    }
    let long = format!("{}.csv", "x".repeat(300));
    ok(&harness.submit("ImportFile", import_body(&long, &people_rows(&["ann"]))).await);
    let kept =
        harness.rows("imports", json!({})).await[0]["file_name"].as_str().unwrap().to_owned();
    assert!(kept.chars().count() <= 255, "{kept}");
}
