//! Random command bodies, valid and invalid.

use boarding_commands::company::RecipientState;
use serde_json::{Value, json};

use super::company::SimulatedCompany;
use super::csv_files;
use super::sample_values::{
    ADDRESSES, CHANNELS, IDS, NAMES, PEOPLE, PHONES, POOL, ROLES, UNITS, USERS,
};
use crate::support::random::SeededRandom;

pub(super) fn add_user(rng: &mut SeededRandom) -> Value {
    let mut body = json!({"user": rng.pick(&USERS), "first_name": rng.pick(&NAMES)});
    if !rng.one_in(5) {
        body["email"] = json!(rng.pick(&ADDRESSES));
    }
    if rng.one_in(2) {
        body["phone"] = json!(rng.pick(&PHONES));
    }
    if rng.one_in(2) {
        body["org_unit"] = json!(rng.pick(&UNITS));
        body["roles"] = json!(rng.pick_some(&ROLES[..2], 2));
    }
    if rng.one_in(3) {
        body["attributes"] = json!({"agent_id": rng.pick(&IDS)});
    }
    body
}

pub(super) fn company_config(rng: &mut SeededRandom) -> Value {
    match rng.below(15) {
        9 => json!({"number_overbooking": rng.one_in(3)}),
        10 => json!({"number_cooling_seconds": ([0, 0, 60, 7_200][rng.below(4)])}),
        11 => json!({"reference_resolution": rng.pick(&["strict", "file_order"])}),
        12 => json!({"id_extra_characters": rng.pick(&["", ".", ".-"])}),
        13 => json!({"social_messaging": rng.one_in(2), "smtp_offload": rng.one_in(4)}),
        14 => json!({"network_admin_email": "admin@people.example"}),
        0..3 => json!({"bulk_integration_max_records": rng.next() % 9}),
        3 => json!({"live_invitation": rng.pick(&["skip", "supersede", "perhaps"])}),
        4 => json!({"max_attempts": 1 + rng.next() % 4}),
        5 => json!({"com.leapxpert.whatsapp.archived.channel.enable": !rng.one_in(4)}),
        6 => json!({"assume_plus": rng.one_in(2), "blank_means": rng.pick(&["keep", "clear"])}),
        7 => {
            json!({"max_pending_runs": 1 + rng.next() % 6, "allow_withdraw_pending": !rng.one_in(4)})
        }
        _ => json!({"recipient_deadline_seconds": 60 * (1 + rng.next() % 20), "colour": "red"}),
    }
}

pub(super) fn define_org_unit(rng: &mut SeededRandom) -> Value {
    json!({"org_unit": rng.pick(&UNITS[..3]), "parent": rng.pick(&UNITS), "roles": rng.pick_some(&ROLES, 2)})
}

pub(super) fn define_role(rng: &mut SeededRandom) -> Value {
    let permissions: &[&str] = if rng.one_in(4) { &[] } else { &["bulk_integration"] };
    json!({"role": rng.pick(&ROLES[..2]), "permissions": permissions})
}

pub(super) fn change_permissions(rng: &mut SeededRandom) -> (&'static str, Value) {
    let all =
        ["bulk_integrate_users", "bulk_import_users", "view_org_units", "accounts", "administer"];
    if rng.one_in(5) {
        return ("RevokePermissions", json!({"actor": "joe", "permissions": [rng.pick(&all)]}));
    }
    ("GrantPermissions", json!({"actor": rng.pick(&["jane", "Jane"]), "permissions": all}))
}

/// A `StartBulkIntegration` body without `mode`.
pub(super) fn start_run(company: &SimulatedCompany, rng: &mut SeededRandom) -> Value {
    let source = match rng.below(7) {
        0 => json!({"import": "latest"}),
        1 => {
            let imports: Vec<_> = company.state.imports.keys().map(ToString::to_string).collect();
            let known: Vec<&str> = imports.iter().map(String::as_str).chain(["none"]).collect();
            json!({"import": rng.pick(&known)})
        }
        2 => {
            json!({"org_units": rng.pick_some(&UNITS[..2], 2), "include_descendants": rng.one_in(2)})
        }
        3 => json!({"org_units": rng.pick_some(&UNITS, 2)}),
        _ => json!({"users": rng.pick_some(&PEOPLE, 6)}),
    };
    json!({"source": source, "channel": rng.pick(&CHANNELS)})
}

pub(super) fn resend_invitation(rng: &mut SeededRandom) -> Value {
    if rng.one_in(2) {
        return json!({"users": rng.pick_some(&PEOPLE, 4), "channel": rng.pick(&CHANNELS)});
    }
    json!({"filter": rng.pick(&["bounced", "expired", "not_invited"]), "channel": rng.pick(&CHANNELS)})
}

/// The id of a recent run, or an unknown id.
pub(super) fn any_run_id(company: &SimulatedCompany, rng: &mut SeededRandom) -> String {
    let runs: Vec<String> =
        company.state.runs.keys().rev().take(4).map(ToString::to_string).collect();
    let known: Vec<&str> =
        runs.iter().map(String::as_str).chain(["01JD0000000000000000000000"]).collect();
    rng.pick(&known).to_owned()
}

/// A report of an external worker: command, body and fence.
///
/// While the simulated worker has a claim of the recipient, no report says that the current attempt failed
/// temporarily. Such a report would be false and would cause a second mail.
pub(super) fn external_report(
    company: &SimulatedCompany,
    rng: &mut SeededRandom,
) -> (&'static str, Value, Option<u64>) {
    let holder = company.state.lock.holder();
    let run = holder
        .filter(|_| !rng.one_in(5))
        .map_or_else(|| any_run_id(company, rng), |it| it.run.to_string());
    let current_fence = holder.map_or(7, |holder| holder.fence);
    let fence = [None, Some(current_fence), Some(current_fence), Some(current_fence + 1)]
        [rng.below(4)]
    .filter(|_| holder.is_some_and(|it| it.run.to_string() == run));
    let user = company.a_recipient(rng);
    let known = company.state.users.find(user.as_str());
    let recipient = known.and_then(|(id, _)| {
        let run = company.state.runs.get(&holder?.run)?;
        run.recipient(id).map(|(_, recipient)| recipient)
    });
    let is_claimed = recipient.is_some_and(|one| one.state == RecipientState::Dispatching);
    let key = user.as_str();
    match rng.below(8) {
        0 => (
            "InviteSent",
            json!({"run": run, "user": key, "message_id": "foreign-1", "fence": fence}),
            fence,
        ),
        1 | 2 => ("InviteSent", json!({"run": run, "user": key, "fence": fence}), fence),
        3 | 4 => (
            "UserSkipped",
            json!({"run": run, "user": key, "code": "recipient.already_linked", "fence": fence}),
            fence,
        ),
        5 | 6 if is_claimed => {
            // The report of an earlier attempt arrives during a later attempt.
            let attempt = recipient.map_or(0, |one| one.attempt).saturating_sub(1);
            let code = "delivery.temporary_failure";
            let body = json!({"run": run, "user": key, "code": code, "permanent": false, "attempt": attempt, "fence": fence});
            ("InviteFailed", body, fence)
        }
        kind => {
            let code = "delivery.temporary_failure";
            let permanent = is_claimed || kind == 7;
            let body = json!({"run": run, "user": key, "code": code, "permanent": permanent, "fence": fence});
            ("InviteFailed", body, fence)
        }
    }
}

/// A malformed command. Some contain an address or a phone number that the refusal must not repeat.
pub(super) fn malformed_command(rng: &mut SeededRandom) -> (&'static str, Value) {
    match rng.below(8) {
        0 => ("AddCorporatePhone", json!({"user": "ann", "phone": 66_812_340_987_u64})),
        1 => ("AddUser", json!({"user": "ann", "roles": ADDRESSES[0]})),
        2 => ("AddUser", json!({"user": "ann", "email": [ADDRESSES[0]], "surname": "x"})),
        3 => ("LinkCompleted", json!({"token": ADDRESSES[1], "user": "ann"})),
        4 => (
            "StartBulkIntegration",
            json!({"source": {}, "channel": "whatsapp", "mode": ADDRESSES[2]}),
        ),
        5 => ("UserSkipped", json!({"run": "x", "user": "ann", "code": PHONES[0]})),
        6 => ("DestroyEverything", json!({"user": PHONES[0]})),
        _ => (
            "StartBulkIntegration",
            json!({"source": {"import": "latest", "users": ["ann"]}, "channel": "whatsapp", "mode": "confirmed"}),
        ),
    }
}

/// A command on the number pool.
pub(super) fn number_pool_command(rng: &mut SeededRandom) -> (&'static str, Value) {
    let number = rng.pick(&POOL);
    let unit = rng.pick(&UNITS[..3]);
    let owner = if rng.one_in(3) { Value::Null } else { json!(unit) };
    match rng.below(14) {
        0 | 1 => {
            ("AddNumbers", json!({"numbers": rng.pick_some(&POOL[..7], 3), "org_unit": owner}))
        }
        2 => ("ReserveNumber", json!({"number": number, "tag": "VIP"})),
        3 => ("UnreserveNumber", json!({"number": number})),
        4 => ("AllocateNumbers", json!({"org_unit": unit, "quantity": 1 + rng.next() % 2})),
        5 => ("AllocateNumbers", json!({"org_unit": unit, "numbers": rng.pick_some(&POOL, 2)})),
        6 => ("WithdrawNumbers", json!({"numbers": rng.pick_some(&POOL, 2)})),
        7..10 => {
            ("AssignNumber", json!({"number": number, "user": rng.pick(&PEOPLE), "tag": "VIP"}))
        }
        10 => ("ReleaseNumber", json!({"number": number})),
        11 => (
            "DefinePermissionGroup",
            json!({"permission_group": "Traders", "permissions": ["sms"]}),
        ),
        _ => (
            "MovePendingInvitations",
            json!({"accounts": rng.pick_some(&PEOPLE[7..], 2), "dest": unit}),
        ),
    }
}

/// An `ImportPictures` body. The archive is a text with one file name per line.
pub(super) fn import_pictures(rng: &mut SeededRandom) -> Value {
    let one = |rng: &mut SeededRandom| {
        format!("{}{}\n", rng.pick(&IDS), rng.pick(&[".png", ".jpg", ".gif"]))
    };
    let names: String = (0..=rng.below(4)).map(|_| one(rng)).collect();
    json!({"file": {"name": "Archive.zip", "text": names}, "match_attribute": "agent_id"})
}

pub(super) fn assign_roles(rng: &mut SeededRandom) -> Value {
    let mut body = json!({"roles": rng.pick_some(&ROLES, 2), "remove": rng.one_in(3)});
    match rng.below(4) {
        0 => body["filter"] = json!({"org_unit": rng.pick(&UNITS), "state": "active"}),
        1 => body["filter"] = json!({"search": rng.pick(&["ann", "b", "example"])}),
        _ => body["users"] = json!(rng.pick_some(&USERS, 3)),
    }
    body
}

/// An `ImportFile` body with a random file. Some name an unknown dialect.
pub(super) fn import_file(rng: &mut SeededRandom) -> Value {
    let (dialect, text) = csv_files::any_file(rng);
    let mut body = csv_files::import_body(dialect, &text, rng);
    if rng.one_in(20) {
        body["dialect"] = json!("unknown");
    }
    // Some imports invite the created or all users, and some of those have no channel, which is invalid.
    let invites = [("auto_invite", json!(true)), ("action", json!("import_and_invite"))];
    if let Some((name, value)) = invites.get(rng.below(6)) {
        body[*name] = value.clone();
        if !rng.one_in(8) {
            body["channel"] = json!(rng.pick(&["whatsapp", "imessage"]));
        }
    }
    body
}
