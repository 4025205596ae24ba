//! Tests of invitations with an import: people, channel and refusals.

use boarding_csv::CellValue;
use serde_json::{Value, json};
use ulid::Ulid;

use super::*;
use crate::decide::facts::{Facts, FileContents};
use crate::decide::imports::import_file::testing::{accepted_as, import_id, row};
use crate::decide::testing::{
    Given as Before, Input, Then, a_running_run, channel_enabled, given, user_created, who,
};
use crate::decide::{ClaimRecipients, Command, ImportRows, ListRecipients};
use crate::event::{Channel, Existing, FileRef, Permission};
use crate::user_file::{FileSummary, ParsedRow, RowValues, UserRef};
use crate::values::Code;
use crate::values::{Personal, UserKey};

pub(super) fn asked(total: u64, rows: Vec<ParsedRow>, extra: &Value) -> Input {
    let mut body = json!({
        "dialect": "officechat", "import": import_id(), "files": [{"name": "people.csv", "text": ""}],
    });
    body.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
    let command = Command::read("ImportFile", body).unwrap();
    let files = vec![FileRef { name: "people.csv".to_owned(), sha256: "ab".repeat(32), bytes: 10 }];
    let summary = FileSummary::plain(total);
    Input { command, facts: Facts::Files(FileContents { files, summary, rows }) }
}

pub(super) fn import(
    events: impl IntoIterator<Item = Event>,
    rows: Vec<ParsedRow>,
    extra: &Value,
) -> Then {
    given(events).when(asked(rows.len() as u64, rows, extra))
}

pub(super) fn auto() -> Value {
    json!({"auto_invite": true, "channel": "WhatsApp"})
}

fn all() -> Value {
    json!({"action": "import_and_invite", "channel": "whatsapp"})
}

/// A company that may invite, and knows Ann.
pub(super) fn with_ann() -> Vec<Event> {
    vec![channel_enabled(), user_created("ann")]
}

fn number(name: &str, value: u64) -> Event {
    Event::CompanyConfigChanged { setting: name.to_owned(), value: json!(value) }
}

/// The recipients of the import's run, once the list is complete.
fn recipients(company: Before) -> Vec<UserKey> {
    let run = run_of(import_id());
    let company = company.after(ListRecipients { run }).0;
    let listed = company.runs[&run].recipients.iter();
    assert_eq!(company.runs[&run].total, listed.len() as u64, "as many as were announced");
    listed.map(|one| company.users.get(one.user).unwrap().key()).collect()
}

/// OC-13, A42: a person with an invalid row and a later valid one is invited, and no person twice.
#[test]
fn person_created_by_a_later_row_is_invited_once() {
    let mut bad = row(1, "bob");
    bad.problems.push(Problem::new(Code::FieldInvalidEmail));
    let rows = || vec![bad.clone(), row(2, "cid"), row(3, "bob"), row(4, "dan")];
    let company = given(with_ann()).after(asked(4, rows(), &auto()));
    let invited: Vec<_> = recipients(company).iter().map(|key| key.as_str().to_owned()).collect();
    assert_eq!(invited, ["cid", "bob", "dan"]);
}

/// OC-13: the commit that ends the import requests a run, which starts if the lock is free.
#[test]
fn last_commit_of_the_import_requests_the_run() {
    let then = import(with_ann(), vec![row(1, "ann"), row(2, "bob")], &auto());
    let expected = [
        "ImportAccepted",
        "ImportInvitesRequested",
        "RowRefused",
        "UserCreated",
        "ImportCompleted",
        "RunRequested",
        "RunQueued",
        "RunStarted",
    ];
    assert_eq!(then.names(), expected);
    assert_eq!(then.result()["run"], json!(import_id()));
}

/// OC-13: only created people are invited, not updated, activated or unchanged ones.
#[test]
fn only_created_people_are_invited() {
    let mut activated = row(3, "cid");
    activated.values.enabled = Some(true);
    let before = with_ann()
        .into_iter()
        .chain([user_created("cid"), Event::UserDeactivated { user: who("cid"), row: None }]);
    let extra = json!({"auto_invite": true, "channel": "whatsapp", "existing": "update"});
    let mut updated = row(1, "ann");
    updated.values.first_name = CellValue::Value("Ann".to_owned());
    let rows = vec![updated, row(2, "bob"), activated, row(4, "BOB"), row(5, "dan")];
    let company = given(before).after(asked(5, rows, &extra));
    assert_eq!(recipients(company), [UserKey::new("bob"), UserKey::new("dan")]);
}

/// LX-16: a later run for the same import includes all of its people.
#[test]
fn later_run_includes_all_people_of_the_import() {
    let company = given(with_ann()).after(asked(2, vec![row(1, "ann"), row(2, "bob")], &auto()));
    let body = json!({"source": {"import": "latest"}, "channel": "whatsapp", "mode": "preview"});
    let shown = company.when_json("StartBulkIntegration", body).result();
    assert_eq!(shown["recipient_count"], 2);
    let none = given(with_ann()).after(asked(1, vec![row(1, "ann")], &auto())).0;
    assert!(
        none.imports[&import_id()].invites.is_none(),
        "no one is new, so there is no request left"
    );
}

/// `import_and_invite`: everybody the file names, each once; those who cannot be invited fail in the run.
#[test]
fn import_and_invite_invites_everybody_the_file_names() {
    let mut disabled = row(3, "cid");
    disabled.values.enabled = Some(false);
    let rows = vec![row(1, "ann"), row(2, "bob"), disabled, row(4, "ann")];
    let company = given(with_ann()).after(asked(4, rows, &all()));
    let keys = ["ann", "bob", "cid"].map(UserKey::new);
    assert_eq!(recipients(company), keys);
}

/// The people of a file of many commits are counted over all of them, and each once.
#[test]
fn a_file_of_many_commits_invites_all_of_it() {
    for (extra, expected) in [(all(), vec!["ann", "bob", "cid"]), (auto(), vec!["bob", "cid"])] {
        let company = given(with_ann()).after(asked(4, vec![], &extra));
        let rows = |rows| ImportRows::alone(import_id(), rows);
        let company = company.after(rows(vec![row(1, "ann"), row(2, "bob")]));
        let then = company.when(rows(vec![row(3, "bob"), row(4, "cid")]));
        let expected_events = [
            "RowRefused",
            "UserCreated",
            "ImportCompleted",
            "RunRequested",
            "RunQueued",
            "RunStarted",
        ];
        assert_eq!(then.names(), expected_events);
        let company = company.after(rows(vec![row(3, "bob"), row(4, "cid")]));
        let expected: Vec<_> = expected.into_iter().map(UserKey::new).collect();
        assert_eq!(recipients(company), expected);
    }
}

/// LX-34: while another run holds the lock, the import's run waits for its turn.
#[test]
fn run_of_an_import_waits_for_the_lock() {
    let names = import(a_running_run(), vec![row(1, "zoe")], &auto()).names();
    assert_eq!(names.last(), Some(&"RunQueued"));
}

/// OC-13: without new people there is no run, and the import has the reason.
#[test]
fn import_without_new_people_requests_no_run() {
    let then = import(with_ann(), vec![row(1, "ann")], &auto());
    let decision = then.0.unwrap();
    let Some(Event::ImportInvitesRefused { problem, .. }) = decision.events().last() else {
        panic!()
    };
    assert_eq!(problem.code, Code::RunEmptySelection);
    assert!(decision.result().get("run").is_none());
}

/// What has nothing to do with the rows refuses the file before anything is done.
#[test]
fn invalid_invitation_options_reject_the_file() {
    let refused = |before: Vec<Event>, extra: &Value, code| {
        import(before, vec![row(1, "bob"), row(2, "cid")], extra).then_refused(code)
    };
    refused(vec![user_created("ann")], &json!({"auto_invite": true}), Code::FieldRequired);
    refused(with_ann(), &json!({"channel": "whatsapp"}), Code::EnvelopeMalformed);
    let both = json!({"auto_invite": true, "action": "import_and_invite", "channel": "whatsapp"});
    refused(with_ann(), &both, Code::EnvelopeMalformed);
    refused(with_ann(), &json!({"auto_invite": true, "channel": "telegram"}), Code::ChannelUnknown);
    refused(
        with_ann(),
        &json!({"auto_invite": true, "channel": "imessage"}),
        Code::ChannelNotEnabled,
    );
    let taken = crate::decide::testing::run_queued(run_of(import_id()), &["ann"]);
    refused(with_ann().into_iter().chain(taken).collect(), &auto(), Code::RunAlreadyExists);
}

/// LX-01: the permission to import does not include the permission to invite.
#[test]
fn import_that_invites_needs_both_permissions() {
    let actor = Personal("jane@acme.example".to_owned());
    let granted =
        Event::PermissionsGranted { actor, permissions: vec![Permission::BulkImportUsers] };
    let before: Vec<_> = with_ann().into_iter().chain([granted]).collect();
    assert!(import(before.clone(), vec![row(1, "bob")], &json!({})).0.is_ok());
    let refusal =
        import(before, vec![row(1, "bob")], &auto()).then_refused(Code::AuthPermissionDenied);
    assert_eq!(refusal.details, json!({"permission": "bulk_integrate_users"}));
}

/// A2, LX-34: the rows are applied even if the run is refused, and the import has the reason. The import may need
/// one commit or several; the reason may be too many people or a full queue.
#[test]
fn a_file_is_imported_though_its_run_is_refused() {
    let refused = |then: Then, why, words: &str| {
        let decision = then.0.unwrap();
        let names: Vec<_> = decision.events().iter().map(Event::name).collect();
        let end = ["UserCreated", "UserCreated", "ImportCompleted", "ImportInvitesRefused"];
        assert!(names.ends_with(&end), "{names:?}");
        let Some(Event::ImportInvitesRefused { problem, .. }) = decision.events().last() else {
            panic!()
        };
        assert_eq!(problem.code, why);
        assert!(problem.message.contains(words), "{}", problem.message);
        (decision.result()["run"].clone(), decision.result()["not_invited"].clone())
    };
    let rows = || vec![row(1, "bob"), row(2, "cid")];
    for extra in [auto(), all()] {
        let may_import = Event::CompanyConfigChanged {
            setting: "enforce_run_limit_at_import".to_owned(),
            value: json!(false),
        };
        let limit = number("bulk_integration_max_records", 1);
        let limited = vec![channel_enabled(), limit, may_import];
        let (why, words) = (Code::RunTooManyRecipients, "2 people, the limit is 1");
        let mut leapxpert = extra.clone();
        leapxpert["dialect"] = json!("leapxpert");
        let answer = refused(import(limited.clone(), rows(), &leapxpert), why, words);
        assert_eq!(answer, (Value::Null, json!("run.too_many_recipients")));
        let company = given(limited).after(asked(2, vec![], &leapxpert));
        refused(company.when(ImportRows::alone(import_id(), rows())), why, words);

        let full = [channel_enabled(), number("max_pending_runs", 1)];
        let waiting = a_running_run().into_iter().chain(full);
        let waiting = waiting.chain(crate::decide::testing::run_queued(RunId(Ulid(9)), &["ann"]));
        refused(
            import(waiting, vec![row(1, "zoe"), row(2, "cid")], &extra),
            Code::RunQueueFull,
            "",
        );
    }
}

/// A35: the limit of LeapXpert's runs does not bound those of Office Chat.
#[test]
fn office_chat_invites_more_people_than_leapxpert_allows() {
    let limited = vec![channel_enabled(), number("bulk_integration_max_records", 1)];
    let then = import(limited, vec![row(1, "bob"), row(2, "cid")], &auto());
    assert!(then.names().contains(&"RunStarted"), "{:?}", then.names());
}

/// Where one channel is enabled it need not be named; where two are, it must.
#[test]
fn the_only_channel_that_is_enabled_is_meant() {
    let channel = |then: Then| {
        let requested = then.events().into_iter().find_map(|event| match event {
            Event::ImportInvitesRequested { channel, .. } => Some(channel),
            _ => None,
        });
        requested.unwrap()
    };
    let auto = json!({"auto_invite": true});
    assert_eq!(channel(import(with_ann(), vec![row(1, "bob")], &auto)), Channel::Whatsapp);
    let both =
        Event::CompanyConfigChanged { setting: "channels.imessage".to_owned(), value: json!(true) };
    let both: Vec<_> = with_ann().into_iter().chain([both]).collect();
    import(both, vec![row(1, "bob")], &auto).then_refused(Code::FieldRequired);
}

/// LX-05: a channel that was disabled while the rows were applied.
#[test]
fn a_channel_that_was_disabled_meanwhile_is_not_used() {
    let mut company = given(with_ann()).after(asked(1, vec![], &auto()));
    let setting = "channels.whatsapp".to_owned();
    let disabled = Event::CompanyConfigChanged { setting, value: json!(false) };
    company.append(crate::decide::testing::NOW, "jane", &[disabled]);
    let then = company.when(ImportRows::alone(import_id(), vec![row(1, "bob")]));
    let Some(Event::ImportInvitesRefused { problem, .. }) = then.events().pop() else { panic!() };
    assert_eq!(problem.code, Code::ChannelNotEnabled);
}

/// What becomes of one recipient of the import's run: a person of the file, of this dialect.
fn outcome(dialect: &str, key: &str, email: Option<&str>) -> Event {
    let mut one = row(1, key);
    one.values.email = email.map_or(CellValue::Absent, |email| CellValue::Value(email.to_owned()));
    let extra = json!({"auto_invite": true, "channel": "whatsapp", "dialect": dialect});
    let run = run_of(import_id());
    let company =
        given(with_ann()).after(asked(1, vec![one], &extra)).after(ListRecipients { run });
    let fence = company.0.lock.holder().unwrap().fence;
    let claim = ClaimRecipients { run, fence, most: 9, via: "outbox" };
    company.when(claim).events().remove(0)
}

/// OC-13, LX-28: Office Chat needs no corporate phone; other products do.
#[test]
fn people_of_office_chat_need_no_corporate_phone() {
    let of = |dialect| outcome(dialect, "bob", Some("bob@acme.example"));
    assert!(matches!(of("officechat"), Event::InviteDispatched { .. }));
    let lacks = Code::RecipientCorporatePhoneMissing;
    assert!(matches!(of("leapxpert"), Event::InviteFailed { code, .. } if code == lacks));
}

/// OC-16: a person with only a login is created and cannot be invited.
#[test]
fn person_with_only_a_login_cannot_be_invited() {
    let failed = outcome("officechat", "bob", None);
    assert!(matches!(failed, Event::InviteFailed { code: Code::RecipientEmailMissing, .. }));
}

/// OC-15: a manager is known if the company has the person or the file creates one; otherwise the row has a
/// warning.
#[test]
fn unknown_manager_gives_a_warning() {
    let of = |number, key, manager: &str, in_file| {
        let mut row = row(number, key);
        row.values.manager = Some(UserRef { key: UserKey::new(manager), in_file });
        row
    };
    let rows = vec![
        of(1, "bob", " ANN ", false),
        of(2, "cid", "zoe", true),
        of(3, "dan", "nobody", false),
    ];
    let import = ImportId(Ulid(77));
    let begun = accepted_as(import, 3, Existing::Skip);
    let then = given([user_created("ann"), begun]).when(ImportRows::alone(import, rows));
    let events = then.events();
    let codes = |event: &Event| {
        event.row().map(|(_, row)| row.warnings.iter().map(|one| one.code).collect())
    };
    let codes: Vec<Vec<Code>> = events.iter().filter_map(codes).collect();
    assert_eq!(codes, [vec![], vec![], vec![Code::RowManagerNotFound]]);
    let Some(Event::ImportCompleted { counts, .. }) = events.last() else { panic!() };
    assert_eq!((counts.created, counts.warnings), (3, 1));
}

/// OC-11, A13: with `skip`, a row of an existing person changes nothing, not even the state.
#[test]
fn skip_mode_does_not_change_the_state() {
    let mut shut = row(1, "ann");
    shut.values.enabled = Some(false);
    let then = import(with_ann(), vec![shut], &json!({"existing": "skip"}));
    assert_eq!(then.names(), ["ImportAccepted", "RowRefused", "ImportCompleted"]);
}

/// OC-08, OC-09, OC-10, OC-12, A12: each value of Enabled, for people who exist and for new ones.
#[test]
fn enabled_changes_the_state_and_blank_keeps_it() {
    let shut = || [user_created("ann"), Event::UserDeactivated { user: who("ann"), row: None }];
    let of = |before: Vec<Event>, enabled| {
        let values = RowValues { user: Some(UserKey::new("ann")), enabled, ..RowValues::default() };
        let one = ParsedRow { values, ..row(1, "ann") };
        let names = import(before, vec![one], &json!({"existing": "update"})).names();
        names[1]
    };
    assert_eq!(of(shut().into(), Some(true)), "UserActivated");
    assert_eq!(of(shut().into(), Some(false)), "RowUnchanged");
    assert_eq!(of(shut().into(), None), "RowUnchanged");
    assert_eq!(of(vec![user_created("ann")], Some(false)), "UserDeactivated");
    assert_eq!(of(vec![user_created("ann")], Some(true)), "RowUnchanged");
    assert_eq!(of(vec![], Some(true)), "UserCreated");
    assert_eq!(of(vec![], None), "UserCreated");
    assert_eq!(of(vec![], Some(false)), "RowRefused");
}

/// The run of an import uses the requested channel.
#[test]
fn the_run_is_on_the_channel_that_was_asked_for() {
    let then = import(with_ann(), vec![row(1, "bob")], &auto());
    let events = then.events();
    let channel = events.iter().find_map(|event| match event {
        Event::RunRequested { channel, .. } => Some(*channel),
        _ => None,
    });
    assert_eq!(channel, Some(Channel::Whatsapp));
}
