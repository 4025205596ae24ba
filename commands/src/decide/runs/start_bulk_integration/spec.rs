//! Examples of starting a run: previews, confirmations, limits, permissions.

use super::*;
use crate::decide::testing::{
    NOW, a_running_run, channel_enabled, given, phone_added, run_id, run_queued, run_started,
    user_created, who,
};
use crate::decide::{Authority, Command};

fn for_users(users: &[&str], mode: &str) -> serde_json::Value {
    let mut body = json!({"source": {"users": users}, "channel": "WhatsApp Native", "mode": mode});
    if mode == "confirmed" {
        body["expected_recipients"] = json!(users.len());
    }
    body
}

/// LX-20: a run is confirmed with what was shown; without it nothing is sent.
#[test]
fn confirmation_without_plan_is_refused() {
    let mut body = for_users(&["ann"], "confirmed");
    body["expected_recipients"] = json!(null);
    let refusal = given(a_company())
        .when_json("StartBulkIntegration", body)
        .then_refused(Code::FieldRequired);
    assert_eq!(refusal.details, json!({"field": "plan_hash"}));
}

fn a_company() -> Vec<Event> {
    vec![
        channel_enabled(),
        user_created("ann"),
        phone_added("ann", 1),
        user_created("bob"),
        phone_added("bob", 2),
    ]
}

fn define(org_unit: &str, parent: Option<&str>, roles: &[&str]) -> Event {
    Event::OrgUnitDefined {
        org_unit: org_unit.to_owned(),
        parent: parent.map(str::to_owned),
        level: None,
        roles: roles.iter().map(|role| (*role).to_owned()).collect(),
        default_permission_group: None,
    }
}

fn role() -> Event {
    let permissions = vec![crate::company::BULK_INTEGRATION.to_owned()];
    Event::RoleDefined { role: "Adviser".to_owned(), permissions }
}

fn member(key: &str, unit: &str) -> Event {
    match user_created(key) {
        Event::UserCreated { user, person, roles, active, row, .. } => {
            Event::UserCreated { user, person, org_unit: Some(unit.to_owned()), roles, active, row }
        }
        other => other,
    }
}

/// LX-20, A8: the preview counts people, each once, and leaves no trace.
#[test]
fn a_preview_tells_the_number_and_changes_nothing() {
    let then = given(a_company())
        .when_json("StartBulkIntegration", for_users(&["ann", "bob", "ANN"], "preview"));
    let decision = then.0.unwrap();
    assert!(!decision.is_append() && decision.events().is_empty());
    assert_eq!(decision.result()["recipient_count"], 2);
    assert_eq!(decision.result()["duplicates_removed"], 1);
}

/// LX-33: with a free lock the run starts in the commit that confirms it.
#[test]
fn confirmed_run_starts_at_once_when_lock_is_free() {
    let then =
        given(a_company()).when_json("StartBulkIntegration", for_users(&["ann"], "confirmed"));
    assert_eq!(then.names(), ["RunRequested", "RecipientQueued", "RunQueued", "RunStarted"]);
    assert_eq!(then.result()["state"], "running");
}

/// LX-34, LX-35: while one run is running, the next waits, for any requester.
#[test]
fn a_second_run_waits_with_its_place() {
    let mut events = a_running_run();
    events.extend(run_queued(run_id(2), &["ann"]));
    let then = given(events).when_json("StartBulkIntegration", for_users(&["bob"], "confirmed"));
    assert_eq!(then.names(), ["RunRequested", "RecipientQueued", "RunQueued"]);
    let result = then.result();
    assert_eq!((&result["state"], &result["queue_place"]), (&json!("pending"), &json!(2)));
}

/// LX-20, P16: what was shown is what is confirmed.
#[test]
fn a_changed_plan_is_refused() {
    let mut body = for_users(&["ann", "bob"], "confirmed");
    body["expected_recipients"] = json!(3);
    let refusal = given(a_company())
        .when_json("StartBulkIntegration", body)
        .then_refused(Code::RunPlanChanged);
    assert_eq!(refusal.details["actual"], 2);
    let mut body = for_users(&["ann"], "confirmed");
    body["plan_hash"] = json!("another");
    given(a_company()).when_json("StartBulkIntegration", body).then_refused(Code::RunPlanChanged);
}

/// A39: a plan starts one run; a new preview allows another.
#[test]
fn plan_that_was_confirmed_is_refused_with_its_run() {
    let mut body = for_users(&["ann", "bob"], "preview");
    let company = given(a_company());
    let shown = company.when_json("StartBulkIntegration", body.clone()).result();
    body["mode"] = json!("confirmed");
    body["plan_hash"] = shown["plan_hash"].clone();
    let first = company.when_json("StartBulkIntegration", body.clone());
    let run = first.result()["run"].clone();
    let company = given(a_company().into_iter().chain(first.events()));
    body["run"] = json!(run_id(76));
    let refusal = company
        .when_json("StartBulkIntegration", body.clone())
        .then_refused(Code::RunAlreadyConfirmed);
    assert_eq!(refusal.details, json!({"run": run}));
    let mut preview = for_users(&["ann", "bob"], "preview");
    preview["run"] = json!(run_id(77));
    let again = company.when_json("StartBulkIntegration", preview).result();
    assert_ne!(again["plan_hash"], shown["plan_hash"]);
    body["plan_hash"] = again["plan_hash"].clone();
    body["run"] = json!(run_id(77));
    assert!(company.when_json("StartBulkIntegration", body).0.is_ok());
}

/// A40: the number of people has parts, so that the operator knows who will get a mail.
#[test]
fn preview_says_what_would_become_of_the_people() {
    let mut events = a_company();
    events.extend([user_created("cid"), Event::UserArchived { user: who("ann") }]);
    events.extend(run_started(run_id(4), &["bob"]));
    events.extend(run_queued(run_id(5), &["bob"]));
    let named = ["ann", "bob", "cid", "nobody"];
    let result =
        given(events).when_json("StartBulkIntegration", for_users(&named, "preview")).result();
    let fail = json!({
        "recipient.user_archived": 1,
        "recipient.corporate_phone_missing": 1,
        "recipient.user_not_created": 1,
    });
    assert_eq!(result["expected"], json!({"invite": 1, "skip": 0, "fail": fail}));
    assert_eq!((&result["in_waiting_runs"], &result["invited_within_24h"]), (&json!(1), &json!(0)));
}

/// A40: a link that works counts for as long as it works, and a mail of the last day for a day.
#[test]
fn preview_counts_live_links_and_recent_mails() {
    let mut events = a_company();
    let setting = "invitation_ttl_hours.whatsapp".to_owned();
    events.push(Event::CompanyConfigChanged { setting, value: json!(48) });
    events.extend(run_started(run_id(4), &["ann", "bob"]));
    let mut company = given(events);
    let report = json!({"run": run_id(4), "user": "ann"});
    let sent = Command::read("InviteSent", report).unwrap();
    company = company.after(sent);
    let counts = |hours: i64| {
        let at = Time(NOW.0 + hours * 3_600_000);
        let command = Command::read("StartBulkIntegration", for_users(&["ann", "bob"], "preview"));
        let then = company.when_asked_by("jane", Authority::Granted, at, command.unwrap());
        let shown = then.result();
        ["live_links", "invited_within_24h"].map(|name| shown[name].as_u64())
    };
    assert_eq!(counts(23), [Some(1), Some(1)]);
    assert_eq!(counts(25), [Some(1), Some(0)]);
    assert_eq!(counts(49), [Some(0), Some(0)]);
}

/// LX-07, P9: exactly at the limit passes, one more is refused and nothing is done.
#[test]
fn the_limit_counts_recipients() {
    let mut events = a_company();
    let setting = "bulk_integration_max_records".to_owned();
    events.push(Event::CompanyConfigChanged { setting, value: json!(1) });
    let refusal = given(events.clone())
        .when_json("StartBulkIntegration", for_users(&["ann", "bob"], "preview"))
        .then_refused(Code::RunTooManyRecipients);
    assert_eq!(refusal.details, json!({"limit": 1, "actual": 2, "legacy_code": 20001}));
    assert!(
        given(events).when_json("StartBulkIntegration", for_users(&["ann"], "confirmed")).0.is_ok()
    );
}

/// A38: a start in the past is a mistake, except within a minute.
#[test]
fn start_in_the_past_is_refused() {
    let company = given(a_company());
    for mode in ["preview", "confirmed"] {
        let mut body = for_users(&["ann"], mode);
        body["not_before"] = json!(Time(NOW.0 - 61_000));
        let then = company.when_json("StartBulkIntegration", body);
        let refusal = then.then_refused(Code::RunNotBeforeInPast);
        assert_eq!(refusal.details["now"], json!(NOW));
    }
    let mut body = for_users(&["ann"], "confirmed");
    body["not_before"] = json!(Time(NOW.0 - 60_000));
    assert_eq!(company.when_json("StartBulkIntegration", body).result()["state"], "running");
}

/// LX-05, LX-19: an unknown channel and a disabled one have different codes.
#[test]
fn the_channel_must_be_known_and_enabled() {
    let mut body = for_users(&["ann"], "preview");
    body["channel"] = json!("telegram");
    given(a_company())
        .when_json("StartBulkIntegration", body.clone())
        .then_refused(Code::ChannelUnknown);
    body["channel"] = json!("iMessage Native");
    given(a_company())
        .when_json("StartBulkIntegration", body)
        .then_refused(Code::ChannelNotEnabled);
}

/// LX-15, LX-16: the latest import, or one by its id.
#[test]
fn an_import_must_exist() {
    for (import, code) in [
        ("latest", Code::ImportNoneAvailable),
        ("01JD0000000000000000000000", Code::ImportNotFound),
    ] {
        let body = json!({"source": {"import": import}, "channel": "whatsapp", "mode": "preview"});
        given(a_company()).when_json("StartBulkIntegration", body).then_refused(code);
    }
}

/// LX-17, A9: one or more org units, with those below only when asked.
#[test]
fn org_units_select_their_people() {
    let events = [
        channel_enabled(),
        role(),
        define("Desk", None, &["Adviser"]),
        define("Team", Some("Desk"), &["Adviser"]),
    ];
    let events: Vec<_> =
        events.into_iter().chain([member("ann", "Desk"), member("bob", "Team")]).collect();
    let count = |source: serde_json::Value| {
        let body = json!({"source": source, "channel": "whatsapp", "mode": "preview"});
        given(events.clone())
            .when_json("StartBulkIntegration", body)
            .0
            .map(|decision| decision.result()["recipient_count"].clone())
    };
    assert_eq!(count(json!({"org_units": ["Desk"]})), Ok(json!(1)));
    assert_eq!(count(json!({"org_units": ["Desk"], "include_descendants": true})), Ok(json!(2)));
    assert_eq!(count(json!({"org_units": ["Desk", "Team", "Desk"]})), Ok(json!(2)));
    assert_eq!(count(json!({"org_units": []})).unwrap_err().code, Code::RunEmptySelection);
    let refusal = count(json!({"org_units": ["unknown"]})).unwrap_err();
    assert_eq!(
        (refusal.code, refusal.details),
        (Code::OrgUnitNotFound, json!({"org_units": ["unknown"]}))
    );
}

/// LX-18, A10: a unit without a role that may integrate refuses the whole run, by name.
#[test]
fn an_org_unit_without_the_role_is_refused() {
    let events =
        [channel_enabled(), role(), define("Desk", None, &["Adviser"]), define("Attic", None, &[])];
    let body = json!({"source": {"org_units": ["Desk", "Attic"]}, "channel": "whatsapp", "mode": "confirmed"});
    let refusal = given(events)
        .when_json("StartBulkIntegration", body)
        .then_refused(Code::OrgUnitRoleLacksPermission);
    assert_eq!(refusal.details, json!({"org_units": ["Attic"]}));
}

/// LX-01, LX-03: both permissions are required, and refusals name them.
#[test]
fn permissions_are_enforced_from_the_first_grant_on() {
    let granted = |permissions: Vec<Permission>| {
        let actor = Personal("jane@acme.example".to_owned());
        let grant = Event::PermissionsGranted { actor, permissions };
        given(a_company().into_iter().chain([grant]))
    };
    let refusal = granted(vec![Permission::BulkImportUsers])
        .when_json("StartBulkIntegration", for_users(&["ann"], "preview"))
        .then_refused(Code::AuthPermissionDenied);
    assert_eq!(refusal.details, json!({"permission": "bulk_integrate_users"}));
    let body = json!({"source": {"org_units": ["Desk"]}, "channel": "whatsapp", "mode": "preview"});
    let refusal = granted(vec![Permission::BulkIntegrateUsers])
        .when_json("StartBulkIntegration", body.clone())
        .then_refused(Code::AuthPermissionDenied);
    assert_eq!(refusal.details, json!({"permission": "view_org_units"}));
    let command = Command::read("StartBulkIntegration", body).unwrap();
    granted(vec![Permission::Administer])
        .when_asked_by("root@local", Authority::All, NOW, &command)
        .then_refused(Code::OrgUnitNotFound);
}

/// P2: a run with a time waits for it outside the queue.
#[test]
fn a_run_for_later_is_scheduled() {
    let mut body = for_users(&["ann"], "confirmed");
    body["not_before"] = json!("2026-12-01T08:00:00.000Z");
    let then = given(a_company()).when_json("StartBulkIntegration", body);
    assert_eq!(then.names(), ["RunRequested", "RecipientQueued", "RunScheduled"]);
}

#[test]
fn one_id_names_one_run() {
    let mut body = for_users(&["ann"], "confirmed");
    body["run"] = json!(run_id(1));
    given(a_running_run())
        .when_json("StartBulkIntegration", body)
        .then_refused(Code::RunAlreadyExists);
    let events = [channel_enabled()].into_iter().chain(run_started(run_id(9), &["nobody"]));
    assert!(given(events).0.users.created(who("nobody").as_str()).is_none());
}

/// Ann was sent her mail, Bob's failed, Cid's is uncertain, and Dan's came back; then the run ended.
fn ended_run() -> Vec<Event> {
    use crate::event::Delivery;
    let people = ["ann", "bob", "cid", "dan"];
    let mut events = vec![channel_enabled()];
    events.extend(
        people.iter().zip(1..).flat_map(|(key, n)| [user_created(key), phone_added(key, n)]),
    );
    events.push(user_created("eve"));
    events.extend(run_started(run_id(1), &people));
    let run = run_id(1);
    for (user, n) in people.into_iter().zip(1..) {
        let (attempt, message_id) = (1, format!("m{n}"));
        events.push(Event::InviteDispatched {
            run,
            user: who(user),
            attempt,
            invitation: crate::values::InvitationId(ulid::Ulid(n)),
            generation: 1,
            email: Personal(format!("{user}@acme.example")),
            message_id: message_id.clone(),
            via: "outbox".to_owned(),
            template: None,
            sent_on: None,
            device: None,
        });
        let failed =
            |code| Event::InviteFailed { run, user: who(user), attempt, code, detail: None };
        let expires_at = NOW.plus_seconds(3600);
        events.push(match user {
            "bob" => failed(Code::DeliveryRefused),
            "cid" => failed(Code::DeliveryUncertain),
            _ => Event::InviteSent { run, user: who(user), attempt, message_id, expires_at },
        });
    }
    let (message_id, code) = ("m4".to_owned(), None);
    let delivery = Delivery::BouncedHard;
    events.push(Event::DeliveryRecorded { run, user: who("dan"), message_id, delivery, code });
    events.push(Event::RunCompleted { run, passed: 2, skipped: 0, failed: 2 });
    events
}

fn queued(then: &crate::decide::testing::Then) -> Vec<String> {
    let events = then.events();
    let keys = events.iter().filter_map(|event| match event {
        Event::RecipientQueued { user, .. } => Some(user.as_str().to_owned()),
        _ => None,
    });
    keys.collect()
}

/// A retry invites the failed or the uncertain people of a run that has ended, or both; the fold lists the same people.
#[test]
fn retry_has_the_failed_or_uncertain_people() {
    let retry = |outcomes: serde_json::Value, people: usize| {
        let source = json!({"failed_of": run_id(1), "outcomes": outcomes});
        json!({"run": run_id(2), "source": source, "channel": "whatsapp",
            "mode": "confirmed", "expected_recipients": people})
    };
    for (outcomes, people) in [
        (json!(["failed"]), &["bob"][..]),
        (json!(["uncertain"]), &["cid"]),
        (json!(null), &["bob", "cid"]),
    ] {
        let company = given(ended_run());
        let then = company.when_json("StartBulkIntegration", retry(outcomes, people.len()));
        assert_eq!(queued(&then), people);
        let mut company = company;
        company.append(NOW, "jane", &then.events()[..1]);
        let listed = company.0.runs[&run_id(2)].unlisted.iter();
        let listed = listed.map(|id| company.0.users.get(*id).unwrap().key().as_str().to_owned());
        assert_eq!(listed.collect::<Vec<_>>(), people);
    }
    let mut unfinished = ended_run();
    unfinished.pop();
    given(unfinished)
        .when_json("StartBulkIntegration", retry(json!(null), 2))
        .then_refused(Code::RunNotCompleted);
    let empty = given(ended_run()).when_json("StartBulkIntegration", retry(json!([]), 2));
    empty.then_refused(Code::EnvelopeMalformed);
}

/// Each filter of a resend means what it says, and goes by the time of the command.
#[test]
fn filters_of_a_resend_mean_what_they_say() {
    let company = given(ended_run());
    let people = |filter: &str, after: u64| {
        let command =
            Command::read("ResendInvitation", json!({"channel": "whatsapp", "filter": filter}));
        let at = NOW.plus_seconds(after);
        let then = company.when_asked_by("jane", Authority::All, at, command.unwrap());
        if then.0.is_ok() { queued(&then) } else { vec![] }
    };
    assert_eq!(people("failed", 0), ["bob"]);
    assert_eq!(people("uncertain", 0), ["cid"]);
    assert_eq!(people("bounced", 0), ["dan"]);
    assert_eq!(people("not_invited", 0), ["eve"]);
    assert_eq!(people("never_sent", 0), ["bob", "eve"]);
    assert_eq!(people("expired", 0), Vec::<String>::new());
    assert_eq!(people("expired", 3600), ["ann"], "no tick has said so yet");
}

/// A unit far below the named one refuses the run too.
#[test]
fn unit_of_any_level_below_needs_the_role() {
    let events = [
        channel_enabled(),
        role(),
        define("Sales", None, &["Adviser"]),
        define("East", Some("Sales"), &["Adviser"]),
        define("Desk", Some("East"), &[]),
    ];
    let source = json!({"org_units": ["Sales"], "include_descendants": true});
    let body = json!({"source": source, "channel": "whatsapp", "mode": "preview"});
    let refusal = given(events)
        .when_json("StartBulkIntegration", body)
        .then_refused(Code::OrgUnitRoleLacksPermission);
    assert_eq!(refusal.details, json!({"org_units": ["Desk"]}));
}

#[test]
fn preview_counts_mails_texts_and_activations() {
    use crate::decide::numbers::pool::testing::{account, number_added};
    use crate::decide::testing::device_account;
    let device = "+84923448071";
    let mut events = device_account(device);
    events.extend([user_created("ann"), phone_added("ann", 1), number_added(2, Some("EMEA"))]);
    events.extend(account("bob", "EMEA"));
    events.extend(run_started(run_id(4), &["zoe"]));
    events.extend(run_queued(run_id(5), &["ann", "bob"]));
    let shown = given(events)
        .when_json("StartBulkIntegration", for_users(&["ann", "bob", device], "preview"))
        .result();
    assert_eq!(shown["expected"]["invite"], 3);
    let parts = ["in_waiting_runs", "to_activate", "by_text"].map(|name| shown[name].as_u64());
    assert_eq!(parts, [Some(2), Some(2), Some(1)]);
    assert_eq!(shown["to_send"], json!({"emails": 2, "texts": 1, "to_activate": 2}));
}

#[test]
fn named_users_of_one_run_are_limited() {
    let preview = |count: usize| {
        let keys: Vec<_> = (0..count).map(|n| format!("u{n}")).collect();
        let body = json!({"source": {"users": keys}, "channel": "whatsapp", "mode": "preview"});
        let setting = "bulk_integration_max_records".to_owned();
        let limit = Event::CompanyConfigChanged { setting, value: json!(10_000) };
        given([channel_enabled(), limit]).when_json("StartBulkIntegration", body)
    };
    let most = MAX_NAMED_USERS;
    assert_eq!(preview(most).result()["recipient_count"], most);
    let refusal = preview(most + 1).then_refused(Code::EnvelopeMalformed);
    assert_eq!(refusal.details, json!({"limit": most, "actual": most + 1}));
}
