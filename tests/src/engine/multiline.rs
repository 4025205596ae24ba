//! MultiLine: batch imports of accounts, invitations limited by free numbers, moves.

use boarding_commands::envelope::Answer;
use boarding_commands::values::Code;
use serde_json::{Value, json};

use super::{EngineHarness, ok, refused};

/// The columns of the vendor's guide, in its order.
const HEADER: &str = "firstname,lastname,email address or device,social_messaging,multiline_number,monitor_calls,\
    monitor_sms,forwarding_number,restrict_incoming_social_messaging,Language";
const NOT_ENOUGH_NUMBERS: &str = "Unable to move account(s). You do not have enough numbers available in the selected organization";

/// The body of an import of these rows.
fn upload(rows: &[&str], organization: &str) -> Value {
    let text = format!("{HEADER}\n{}\n", rows.join("\n"));
    json!({
        "dialect": "multiline", "files": [{"name": "accounts.csv", "text": text}],
        "organization": organization, "permission_group": "Traders",
    })
}

async fn import(harness: &EngineHarness, rows: &[&str], organization: &str) -> Value {
    let result = ok(&harness.submit("ImportFile", upload(rows, organization)).await);
    harness.settle().await;
    result
}

/// Invites users through a resend (ML-09, ML-10). Returns each user with the code of the outcome.
async fn invite(harness: &EngineHarness, users: &[&str]) -> Vec<(String, Value)> {
    let body = json!({"users": users, "channel": "whatsapp"});
    let run = ok(&harness.submit("ResendInvitation", body).await)["run"].clone();
    harness.settle().await;
    let log = harness.rows("integration_log", json!({"run": run})).await;
    log.iter()
        .map(|row| (row["username"].as_str().unwrap().to_owned(), row["code"].clone()))
        .collect()
}

/// The row of `number_utilisation` of an organization.
async fn utilisation(harness: &EngineHarness, org_unit: &str) -> Value {
    harness.rows("number_utilisation", json!({"org_unit": org_unit})).await[0].clone()
}

/// The state of a number.
async fn state(harness: &EngineHarness, number: &str) -> Value {
    harness.rows("numbers", json!({"search": number})).await[0]["state"].clone()
}

/// ML-06: "Sending an invitation requires there to be an Available or Reserved number".
#[tokio::test]
async fn users_are_invited_only_while_numbers_are_free() {
    let harness = EngineHarness::meridian().await;
    let rows = [
        ",,a@meridian.example,No,,off,off,,,",
        ",,b@meridian.example,No,,off,off,,,",
        ",,c@meridian.example,No,,off,off,,,",
    ];
    import(&harness, &rows, "APAC").await;
    let users = ["a@meridian.example", "b@meridian.example", "c@meridian.example"];
    let none = json!("number.none_available");
    let outcomes = invite(&harness, &users).await;
    assert_eq!(
        outcomes.iter().map(|(_, code)| code == &none).collect::<Vec<_>>(),
        [false, false, true]
    );
    let apac = utilisation(&harness, "APAC").await;
    assert_eq!((&apac["pending_without_number"], &apac["spare"]), (&json!(2), &json!(0)));
    // A19: a pending invitation may be sent again even if no number is free.
    let again = invite(&harness, &users).await;
    assert_eq!(
        again.iter().map(|(_, code)| code == &none).collect::<Vec<_>>(),
        [false, false, true]
    );
    ok(&harness.submit("AllocateNumbers", json!({"org_unit": "APAC", "quantity": 1})).await);
    assert!(invite(&harness, &users[2..]).await[0].1.is_null());
}

/// ML-17, ML-18: without enough numbers, `can_move` and the command give the same message and move nothing.
#[tokio::test]
async fn pending_invitations_move_only_with_enough_numbers() {
    let harness = EngineHarness::meridian().await;
    let keys: Vec<_> = (0..4).map(|n| format!("p{n}@meridian.example")).collect();
    let rows: Vec<_> = keys.iter().map(|key| format!(",,{key},No,,off,off,,,")).collect();
    import(&harness, &rows.iter().map(String::as_str).collect::<Vec<_>>(), "EMEA").await;
    invite(&harness, &keys.iter().map(String::as_str).collect::<Vec<_>>()).await;
    let body = |count: usize| json!({"accounts": keys[..count], "dest": "APAC"});
    let before = harness.log_bytes();
    let denied = harness.row("can_move", body(3)).await;
    assert_eq!(
        (&denied["allowed"], &denied["message"]),
        (&json!(false), &json!(NOT_ENOUGH_NUMBERS))
    );
    assert_eq!(denied["code"], "number.insufficient_in_destination");
    let answer = harness.submit("MovePendingInvitations", body(3)).await;
    let details = refused(&answer, Code::NumberInsufficientInDestination);
    assert_eq!(details, json!({"needed": 3, "available": 2}));
    let Answer::Refused { message, .. } = answer else { panic!() };
    assert_eq!((message.as_str(), harness.log_bytes()), (NOT_ENOUGH_NUMBERS, before));
    let allowed = harness.row("can_move", body(2)).await;
    assert_eq!((&allowed["allowed"], &allowed["message"]), (&json!(true), &Value::Null));
    let moved = ok(&harness.submit("MovePendingInvitations", body(2)).await);
    assert_eq!(
        (&moved["moved"], &moved["accounts"][0]["permission_group"]),
        (&json!(2), &json!("Traders"))
    );
    let moved = harness.row("user", json!({"user": keys[0]})).await;
    assert_eq!(
        (&moved["org_unit"], &moved["attributes"]["permission_group"]),
        (&json!("APAC"), &json!("Traders"))
    );
    let emea = utilisation(&harness, "EMEA").await;
    let apac = utilisation(&harness, "APAC").await;
    assert_eq!(emea["pending_without_number"], 2);
    assert_eq!((&apac["pending_without_number"], &apac["spare"]), (&json!(2), &json!(0)));
    assert_eq!(
        harness.row("can_move", json!({"accounts": [keys[3]], "dest": "APAC"})).await["allowed"],
        false
    );
}

/// ML-10, ML-15, P19, P23: an import invites while numbers are free. Its undo keeps the invited users and
/// removes the others.
#[tokio::test]
async fn importing_and_inviting_stops_when_numbers_run_out() {
    let harness = EngineHarness::meridian().await;
    let keys = ["a", "b", "c", "d"].map(|name| format!("{name}@meridian.example"));
    let numbers = ["", "+12125550021", "", ""];
    let rows: Vec<_> = keys
        .iter()
        .zip(numbers)
        .map(|(key, number)| format!(",,{key},No,{number},off,off,,,"))
        .collect();
    let mut body = upload(&rows.iter().map(String::as_str).collect::<Vec<_>>(), "APAC");
    body["auto_invite"] = json!(true);
    body["channel"] = json!("whatsapp");
    let import = ok(&harness.submit("ImportFile", body).await)["import"].clone();
    harness.settle().await;
    let invited = async || {
        let rows = harness.rows("import_rows", json!({"import": import})).await;
        rows.iter().map(|row| row["invite"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(invited().await, ["success", "success", "failed", "failed"].map(|word| json!(word)));
    let apac = utilisation(&harness, "APAC").await;
    assert_eq!((&apac["pending_without_number"], &apac["spare"]), (&json!(1), &json!(0)));
    ok(&harness.submit("UndoImport", json!({"import": import})).await);
    harness.settle().await;
    let undo = harness.row("import", json!({"import": import})).await["undo"].clone();
    assert_eq!(undo, json!({"reversed": 2, "kept": 2, "errored": 0}));
    let kept = harness.rows("import_rows", json!({"import": import, "undo": "kept"})).await;
    assert!(kept.iter().all(|row| row["undo"] == "kept:row.invited_since"), "{kept:?}");
    assert_eq!(state(&harness, "+12125550021").await, "assigned");
    let again = utilisation(&harness, "APAC").await;
    assert_eq!(again["pending_without_number"], 1);
}

/// P16, ML-02, ML-04, ML-05: a plan is valid for one organization and group. A file that is too long has no
/// preview.
#[tokio::test]
async fn plan_is_refused_for_another_organization_or_group() {
    let harness = EngineHarness::meridian().await;
    let rows = [",,ann@meridian.example,No,,off,off,,,"];
    let mut body = upload(&rows, "EMEA");
    body["mode"] = json!("preview");
    let shown = ok(&harness.submit("ImportFile", body.clone()).await);
    body["mode"] = json!("commit");
    body["plan_hash"] = shown["plan_hash"].clone();
    for (field, value) in [("organization", "APAC"), ("permission_group", "Advisers")] {
        let mut other = body.clone();
        other[field] = json!(value);
        refused(&harness.submit("ImportFile", other).await, Code::ImportPlanChanged);
    }
    assert_eq!(ok(&harness.submit("ImportFile", body).await)["created"], 1);
    let many: Vec<_> =
        (0..=1000).map(|n| format!(",,u{n}@meridian.example,No,,off,off,,,")).collect();
    let many: Vec<_> = many.iter().map(String::as_str).collect();
    for (field, value) in [("mode", "preview"), ("on_error", "reject_file")] {
        let mut body = upload(&many, "EMEA");
        body[field] = json!(value);
        let why = refused(&harness.submit("ImportFile", body).await, Code::ImportTooManyRows);
        assert_eq!(why, json!({"limit": 1000, "actual": 1001}));
    }
}

/// P18: revoking an invitation frees its number after the cooling time.
#[tokio::test]
async fn number_of_a_revoked_invitation_cools_down() {
    let harness = EngineHarness::meridian().await;
    ok(&harness.submit("SetCompanyConfig", json!({"number_cooling_seconds": 600})).await);
    import(&harness, &[",,ann@meridian.example,No,+12125550001,off,off,,,"], "EMEA").await;
    invite(&harness, &["ann@meridian.example"]).await;
    let revoked = json!({"user": "ann@meridian.example", "channel": "whatsapp"});
    ok(&harness.submit("RevokeInvitation", revoked).await);
    assert_eq!(state(&harness, "+12125550001").await, "cooling");
    harness.advance_clock(601);
    ok(&harness.submit("Tick", json!({"now": harness.now()})).await);
    assert_eq!(state(&harness, "+12125550001").await, "available");
}

/// ML-01: `An admin must have "Accounts" Privilege in their Role`.
#[tokio::test]
async fn importing_accounts_needs_the_permission_accounts() {
    let harness = EngineHarness::meridian().await;
    for (actor, permission) in
        [("root", "administer"), ("amy", "accounts"), ("ira", "bulk_import_users")]
    {
        harness.grant(actor, permission).await;
    }
    let body = || upload(&[",,ann@meridian.example,No,,off,off,,,"], "EMEA");
    let denied =
        refused(&harness.submit_as("ira", "ImportFile", body()).await, Code::AuthPermissionDenied);
    assert_eq!(denied, json!({"permission": "accounts"}));
    assert_eq!(ok(&harness.submit_as("amy", "ImportFile", body()).await)["created"], 1);
}

/// ML-07: the template has the Note row. It has the social messaging column only if the feature is on.
#[tokio::test]
async fn template_depends_on_the_company_settings() {
    let harness = EngineHarness::meridian().await;
    let template = async || {
        let row = harness.row("template", json!({"dialect": "multiline"})).await;
        row["text"].as_str().unwrap().to_owned()
    };
    let text = template().await;
    assert_eq!(text.lines().next(), Some(HEADER));
    assert!(text.lines().nth(1).unwrap().starts_with("\"Note: delete this row"), "{text}");
    ok(&harness.submit("SetCompanyConfig", json!({"social_messaging": false})).await);
    let without = template().await;
    assert!(!without.contains("restrict_incoming_social_messaging"), "{without}");
    let body = json!({
        "dialect": "multiline", "files": [{"name": "accounts.csv", "text": without}],
        "organization": "EMEA", "permission_group": "Traders",
    });
    let result = ok(&harness.submit("ImportFile", body).await);
    assert_eq!(
        (&result["invalid"], &result["created"]),
        (&json!(1), &json!(0)),
        "the example row created an account"
    );
}

/// P16: a plan is refused after its result has changed, because invitations need the last number.
#[tokio::test]
async fn plan_is_refused_after_invitations_took_the_last_number() {
    let harness = EngineHarness::meridian().await;
    import(
        &harness,
        &[",,a@meridian.example,No,,off,off,,,", ",,b@meridian.example,No,,off,off,,,"],
        "APAC",
    )
    .await;
    let rows = [",,c@meridian.example,No,+12125550021,off,off,,,"];
    let mut body = upload(&rows, "APAC");
    body["mode"] = json!("preview");
    let shown = ok(&harness.submit("ImportFile", body.clone()).await);
    assert_eq!(shown["counts"]["created"], 1);
    assert_eq!(shown["rows"][0]["number"], "assigned");
    invite(&harness, &["a@meridian.example", "b@meridian.example"]).await;
    body["mode"] = json!("commit");
    body["plan_hash"] = shown["plan_hash"].clone();
    let details = refused(&harness.submit("ImportFile", body).await, Code::ImportPlanChanged);
    assert_eq!(details["counts"]["invalid"], 1);
}

/// A43: before the activation of an account, its reminder asks to activate it, in the person's language.
#[tokio::test]
async fn reminder_asks_to_activate_the_account() {
    let harness = EngineHarness::meridian().await;
    let on = json!({"reminder_after_days": 1, "invitation_ttl_hours.whatsapp": 72});
    ok(&harness.submit("SetCompanyConfig", on).await);
    let rows = [
        "Ann,Lee,ann@meridian.example,Yes,,off,off,,,",
        "Uwe,Zen,uwe@meridian.example,No,,off,off,,,German",
    ];
    import(&harness, &rows, "APAC").await;
    invite(&harness, &["ann@meridian.example", "uwe@meridian.example"]).await;
    harness.advance_clock(24 * 3600);
    ok(&harness.submit("Tick", json!({"now": harness.now()})).await);
    harness.settle().await;
    let mails = harness.outbox();
    for (subject, text) in [
        ("Subject: Reminder: activate your MultiLine account", ">Activate MultiLine</a>"),
        ("Subject: Erinnerung: Aktivieren Sie Ihr MultiLine-Konto", ">MultiLine aktivieren</a>"),
    ] {
        let found = mails.iter().find(|mail| mail.contains(subject));
        assert!(found.is_some_and(|mail| mail.contains(text)), "{subject}: {mails:#?}");
    }
    assert!(!mails.concat().contains("WhatsApp"));
}

/// A35: a resend or a run of accounts has at most 1,000 people, also if several files created the accounts.
#[tokio::test]
async fn run_of_accounts_has_at_most_1000_people() {
    let harness = EngineHarness::meridian().await;
    let keys: Vec<_> = (0..=1_000).map(|n| format!("u{n}@meridian.example")).collect();
    let rows: Vec<_> = keys.iter().map(|key| format!(",,{key},No,,off,off,,,")).collect();
    let rows: Vec<_> = rows.iter().map(String::as_str).collect();
    import(&harness, &rows[..1_000], "EMEA").await;
    let resend = json!({"channel": "whatsapp", "filter": "not_invited", "mode": "preview"});
    let run = |users: &[String]| json!({"source": {"users": users}, "channel": "whatsapp", "mode": "preview"});
    for (name, body) in [
        ("ResendInvitation", resend.clone()),
        ("StartBulkIntegration", run(&keys[..1_000])),
        (
            "StartBulkIntegration",
            json!({"source": {"import": "latest"}, "channel": "whatsapp", "mode": "preview"}),
        ),
    ] {
        assert_eq!(ok(&harness.submit(name, body).await)["recipient_count"], 1_000);
    }
    import(&harness, &rows[1_000..], "EMEA").await;
    let mut part = resend.clone();
    part["limit"] = json!(1_000);
    for (name, body) in [("ResendInvitation", resend), ("StartBulkIntegration", run(&keys))] {
        let why = refused(&harness.submit(name, body).await, Code::RunTooManyRecipients);
        assert_eq!(why, json!({"limit": 1_000, "actual": 1_001}), "{name}");
    }
    let shown = ok(&harness.submit("ResendInvitation", part).await);
    assert_eq!(shown["recipient_count"], 1_000);
}

/// ML-01, ML-10: an actor with only the privilege "Accounts" can preview and send invitations of named accounts. Other
/// people cannot be invited so, even together with accounts.
#[tokio::test]
async fn accounts_privilege_is_enough_to_invite_named_accounts() {
    let harness = EngineHarness::meridian().await;
    let row = ",,ann@meridian.example,No,+12125550001,off,off,,,";
    import(&harness, &[row], "EMEA").await;
    ok(&harness.submit("AddUser", json!({"user": "bob", "email": "bob@meridian.example"})).await);
    harness.grant("amy", "accounts").await;
    let resend = async |users: &[&str], extra: Value| {
        let mut body = json!({"users": users, "channel": "whatsapp"});
        body.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        harness.submit_as("amy", "ResendInvitation", body).await
    };
    let ann = "ann@meridian.example";
    for users in [&["bob"][..], &[ann, "bob"]] {
        let denied = refused(&resend(users, json!({})).await, Code::AuthPermissionDenied);
        assert_eq!(denied, json!({"permission": "bulk_integrate_users"}));
    }
    let shown = ok(&resend(&[ann], json!({"mode": "preview"})).await);
    assert_eq!(shown["expected"]["invite"], 1);
    let run = ok(&resend(&[ann], json!({"plan_hash": shown["plan_hash"]})).await)["run"].clone();
    harness.settle().await;
    let run = harness.row("run", json!({"run": run})).await;
    assert_eq!((&run["passed"], &run["requested_by"]), (&json!(1), &json!("amy")));
    assert_eq!(harness.outbox().len(), 1);
}
