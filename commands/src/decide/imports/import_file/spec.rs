//! Tests of `ImportFile`.

use serde_json::Value;

use super::testing::{accepted, import_id, row};
use super::*;
use crate::decide::Command;
use crate::decide::facts::{Facts, FileContents};
use crate::decide::testing::{Input, Then, given};
use crate::user_file::ParsedRow;
use crate::values::Personal;

fn import(
    events: impl IntoIterator<Item = Event>,
    total: u64,
    rows: Vec<ParsedRow>,
    extra: &Value,
) -> Then {
    let mut body = json!({"dialect": "leapxpert", "files": [{"name": "people.csv", "text": ""}]});
    body.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
    let command = Command::read("ImportFile", body).unwrap();
    let files = vec![FileRef { name: "people.csv".to_owned(), sha256: "ab".repeat(32), bytes: 10 }];
    let summary = FileSummary::plain(total);
    let facts = Facts::Files(FileContents { files, summary, rows });
    given(events).when(Input { command, facts })
}

/// LX-08, LX-10: a small file is one command, one commit, one answer with the counts.
#[test]
fn small_file_is_imported_in_one_commit() {
    let then = import([], 2, vec![row(1, "ann"), row(2, "bob")], &json!({}));
    assert_eq!(then.names(), ["ImportAccepted", "UserCreated", "UserCreated", "ImportCompleted"]);
    let result = then.result();
    assert_eq!((&result["state"], &result["created"]), (&json!("completed"), &json!(2)));
}

/// P16: a preview decides what a commit decides, and records nothing. Both are rejected for the same reason.
#[test]
fn preview_decides_as_a_commit_and_records_nothing() {
    let rows = || vec![row(1, "ann"), row(2, "ann")];
    let shown = import([], 2, rows(), &json!({"mode": "preview"})).0.unwrap();
    let done = import([], 2, rows(), &json!({})).0.unwrap();
    assert_eq!((shown.is_append(), done.is_append()), (false, true));
    assert_eq!(shown.events(), done.events());
    import([], 101, vec![], &json!({"mode": "preview"})).then_refused(Code::ImportTooManyRows);
}

/// One invalid row rejects the whole file; a skipped row does not.
#[test]
fn reject_file_rejects_a_file_with_an_invalid_row() {
    let reject_file = json!({"on_error": "reject_file"});
    let mut bad = row(2, "bob");
    bad.problems = vec![Problem::in_column("email", Code::FieldInvalidEmail)];
    let rows = vec![row(1, "ann"), bad, row(3, "ann")];
    let refusal = import([], 3, rows.clone(), &reject_file).then_refused(Code::ImportInvalidRows);
    let first = json!({"row": 2, "line": 3, "column": "email", "code": "field.invalid_email"});
    assert_eq!(refusal.details, json!({"invalid": 1, "total": 3, "problems": [first]}));
    assert!(import([], 3, rows, &json!({"on_error": "continue"})).0.is_ok());
    let with_skipped = vec![row(1, "ann"), row(2, "ann")];
    assert!(
        import([crate::decide::testing::user_created("ann")], 2, with_skipped, &reject_file)
            .0
            .is_ok()
    );
}

/// N45: a big file is accepted, and its rows are imported in the background.
#[test]
fn big_file_is_imported_in_the_background() {
    let setting = "bulk_integration_max_records".to_owned();
    let raised = Event::CompanyConfigChanged { setting, value: json!(5_000) };
    let then = import([raised], 5_000, vec![], &json!({}));
    assert_eq!(then.names(), ["ImportAccepted"]);
    assert_eq!(then.result()["state"], "processing");
}

/// LX-07, A1, N43: a file with one row over the limit is rejected whole, with both numbers.
#[test]
fn file_over_the_limit_is_rejected_whole() {
    assert!(import([], 100, vec![], &json!({})).0.is_ok());
    let refusal = import([], 101, vec![], &json!({})).then_refused(Code::ImportTooManyRows);
    assert_eq!(refusal.details, json!({"limit": 100, "actual": 101, "legacy_code": 20001}));
    let setting = "enforce_run_limit_at_import".to_owned();
    let off = Event::CompanyConfigChanged { setting, value: json!(false) };
    assert!(import([off], 101, vec![], &json!({})).0.is_ok());
}

/// LX-14: log-in mails are requested for created users only, and only with the option.
#[test]
fn welcome_mails_are_requested_for_created_users_only() {
    let known = crate::decide::testing::user_created("ann");
    let rows = || vec![row(1, "ann"), row(2, "bob")];
    let then = import([known.clone()], 2, rows(), &json!({"send_welcome_email": true}));
    let expected =
        ["ImportAccepted", "RowRefused", "UserCreated", "WelcomeEmailRequested", "ImportCompleted"];
    assert_eq!(then.names(), expected);
    assert!(!import([known], 2, rows(), &json!({})).names().contains(&"WelcomeEmailRequested"));
}

/// N81: the same content again is a new import, and its warning names the first import.
#[test]
fn same_content_again_gives_a_warning() {
    let then = import([accepted(1, false, Existing::Skip)], 1, vec![row(1, "ann")], &json!({}));
    let events = then.events();
    let Event::ImportAccepted { warnings, .. } = &events[0] else { panic!() };
    assert_eq!(warnings[0].code, Code::ImportSameContent);
    assert!(warnings[0].message.contains(&import_id().to_string()));
}

/// LX-02: an import needs the permission to import.
#[test]
fn import_is_rejected_without_its_permission() {
    let actor = Personal("jane@acme.example".to_owned());
    let granted =
        Event::PermissionsGranted { actor, permissions: vec![Permission::BulkIntegrateUsers] };
    let refusal = import([granted], 1, vec![row(1, "ann")], &json!({}))
        .then_refused(Code::AuthPermissionDenied);
    assert_eq!(refusal.details, json!({"permission": "bulk_import_users"}));
}

/// OCM-15: OCM has no updates, so the option `existing: update` is rejected.
#[test]
fn option_to_update_is_rejected_for_ocm() {
    let ocm = |extra: &Value| {
        let mut body = json!({"dialect": "ocm"});
        body.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        import([], 1, vec![row(1, "ann")], &body)
    };
    ocm(&json!({"existing": "update"})).then_refused(Code::EnvelopeMalformed);
    assert!(ocm(&json!({"existing": "skip"})).0.is_ok() && ocm(&json!({})).0.is_ok());
}

/// OCM has no invitations and no phones; options for them are rejected.
#[test]
fn ocm_rejects_options_for_invitations_and_phones() {
    for (extra, words) in [
        (
            json!({"auto_invite": true, "channel": "whatsapp"}),
            "auto_invite: ocm knows no invitation",
        ),
        (
            json!({"action": "import_and_invite", "channel": "whatsapp"}),
            "action: ocm knows no invitation",
        ),
        (json!({"add_to_corporate_phones": true}), "add_to_corporate_phones: ocm knows no phone"),
    ] {
        let mut body = json!({"dialect": "ocm"});
        body.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        let refusal =
            import([], 1, vec![row(1, "ann")], &body).then_refused(Code::EnvelopeMalformed);
        assert!(refusal.message.contains(words), "{}", refusal.message);
    }
    let off = json!({"dialect": "ocm", "auto_invite": false, "action": "import", "add_to_corporate_phones": false});
    assert!(import([], 1, vec![row(1, "ann")], &off).0.is_ok());
}

/// N81: an import id is used once. The same file with the same options is a repeat.
#[test]
fn import_id_is_used_once() {
    let same_id = json!({"import": import_id()});
    let file = FileRef { name: "Archive.zip".to_owned(), sha256: "ab".repeat(32), bytes: 10 };
    let (import_id, match_attribute) = (import_id(), "agent_id".to_owned());
    let (inserted, invalid) = (0, 0);
    let pictures =
        Event::PicturesImported { import: import_id, file, match_attribute, inserted, invalid };
    let ann = || vec![row(1, "ann")];
    let update = json!({"import": import_id, "existing": "update"});
    for (first, extra) in [(accepted(1, false, Existing::Skip), &update), (pictures, &same_id)] {
        import([first], 1, ann(), extra).then_refused(Code::ImportAlreadyExists);
    }
    let again = import([accepted(1, false, Existing::Skip)], 1, ann(), &same_id).0.unwrap();
    assert!(matches!(again, Decision::Repeat { .. }));
}

/// The same file and options under one id are the same import; any other file or option is not.
#[test]
fn repeated_id_needs_the_same_file_and_options() {
    let id = json!({"import": import_id()});
    let first = import([], 1, vec![row(1, "ann")], &id).events();
    let again = |extra: Value| {
        let mut body = id.clone();
        body.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        import(first.clone(), 1, vec![row(1, "ann")], &body)
    };
    let repeat = again(json!({})).0.unwrap();
    assert!(matches!(repeat, Decision::Repeat { .. }));
    for other in [
        json!({"existing": "update"}),
        json!({"mode": "preview"}),
        json!({"on_error": "reject_file"}),
        json!({"plan_hash": "ab"}),
        json!({"auto_invite": true, "channel": "whatsapp"}),
    ] {
        assert!(again(other.clone()).0.is_err(), "{other}");
    }
    let mut changed = first.clone();
    if let Some(Event::ImportAccepted { files, .. }) = changed.first_mut() {
        files[0].sha256 = "cd".repeat(32);
    }
    import(changed, 1, vec![row(1, "ann")], &id).then_refused(Code::ImportAlreadyExists);
}

#[test]
fn file_fits_one_commit_up_to_its_limit() {
    let most = ROWS_PER_COMMIT as u64;
    assert!(fits_one_commit(most) && !fits_one_commit(most + 1));
}

/// A warning is given only where phones are wanted.
#[test]
fn missing_column_of_phones_gives_a_warning() {
    let warned = |wanted: bool, columns: &[&'static str]| {
        let body = json!({
            "dialect": "leapxpert", "files": [{"name": "people.csv", "text": ""}],
            "add_to_corporate_phones": wanted,
        });
        let Command::ImportFile(command) = Command::read("ImportFile", body).unwrap() else {
            panic!()
        };
        let summary = FileSummary { columns: columns.to_vec(), ..FileSummary::plain(1) };
        command.missing_phones(&summary).map(|warning| warning.code)
    };
    let missing = Some(Code::CsvMissingPhoneColumn);
    assert_eq!(warned(true, &["username"]), missing);
    assert_eq!(warned(true, &["username", "phone_number"]), None);
    assert_eq!(warned(false, &["username"]), None);
}
