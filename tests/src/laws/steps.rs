//! What a step of a history is: any command, plausible or wrong, a piece of work, a fault, or a crash.

use boarding_commands::company::Undo;
use boarding_commands::event::Event;
use boarding_commands::id::{CommandId, ImportId};
use serde_json::{Value, json};

use super::alphabet::{ACTORS, ADDRESSES, CHANNELS, PEOPLE, PHONES, POOL, ROLES, UNITS, USERS};
use super::bodies;
use super::broken::{Law, holds};
use super::mailer::Fault;
use super::tenant::{Asking, Preview, Reply, Tenant};
use super::world::Shared;
use crate::support::random::SeededRandom;

pub(super) const HOUR_SECONDS: u64 = 3600;

/// How long passes before a step, in seconds: mostly little, now and then past a deadline or a link's end.
pub(super) fn wait_seconds(rng: &mut SeededRandom) -> u64 {
    match rng.below(40) {
        0 => HOUR_SECONDS * (1 + rng.next() % 30),
        1 | 2 => 60 * (1 + rng.next() % 20),
        _ => rng.next() % 8,
    }
}

/// Takes one step in one company.
pub(super) fn take(tenant: &mut Tenant, shared: &mut Shared, rng: &mut SeededRandom) -> Law {
    match rng.below(116) {
        0..12 => tenant.claim(shared, rng),
        12..26 => {
            let fault = fault(rng);
            tenant.send(rng, fault)
        }
        26..36 => {
            let again = rng.one_in(5);
            tenant.report(shared, rng, again)
        }
        36..40 => tenant.go_on(shared, rng),
        40..45 => tenant.tick(shared, rng),
        45 => tenant.crash(shared, rng),
        46 => tenant.stale(shared, rng),
        47 => {
            tenant.snapshot = rmp_serde::to_vec(&tenant.company).ok();
            Ok(())
        }
        48 => tenant.welcome(shared, rng),
        49..54 => repeat(tenant, shared, rng),
        54..61 => preview_or_confirm(tenant, shared, rng),
        61..66 => import(tenant, shared, rng),
        66..71 => follow_link(tenant, shared, rng),
        71 | 72 => undo(tenant, shared, rng),
        73..77 => bounce(tenant, shared, rng),
        77..84 => outside(tenant, shared, rng),
        84..96 => pool(tenant, shared, rng),
        96..98 => {
            let body = bodies::pictures(rng);
            let asked = asking(rng, "ImportPictures", body);
            ask(tenant, shared, asked).map(|_| ())
        }
        _ => anything(tenant, shared, rng),
    }
}

fn fault(rng: &mut SeededRandom) -> Fault {
    match rng.below(8) {
        0 | 1 => Fault::Temporary,
        2 => Fault::Permanent,
        3 => Fault::LostAnswer,
        _ => Fault::None,
    }
}

pub(super) fn asking(rng: &mut SeededRandom, name: &'static str, body: Value) -> Asking {
    let (id, actor) = (CommandId(rng.ulid()), rng.pick(&ACTORS));
    let actor = ACTORS.iter().copied().find(|one| *one == actor).unwrap_or_default();
    Asking { id, name, body, actor, own: None, long: false }
}

fn ask(tenant: &mut Tenant, shared: &mut Shared, asking: Asking) -> Result<Reply, String> {
    let reply = tenant.ask(shared, &asking)?;
    tenant.past.push(asking);
    Ok(reply)
}

/// P10: an earlier command again, late; or another one under its id.
fn repeat(tenant: &mut Tenant, shared: &mut Shared, rng: &mut SeededRandom) -> Law {
    if tenant.past.is_empty() {
        return Ok(());
    }
    let mut asking = tenant.past[rng.below(tenant.past.len())].clone();
    if rng.one_in(4) {
        (asking.name, asking.body) = ("ArchiveUser", json!({"user": rng.pick(&USERS)}));
        let known = tenant.past.iter().any(|one| one.id == asking.id && one.body == asking.body);
        let conflict = boarding_commands::code::Code::CommandDuplicateConflict;
        let accepted = tenant.was_accepted(&asking.id);
        let reply = tenant.ask(shared, &asking)?;
        holds!(
            !accepted || known || reply.code() == Some(conflict),
            "P10 another body under one id: {reply:?}"
        );
        return Ok(());
    }
    tenant.ask(shared, &asking).map(|_| ())
}

/// P16: what was shown is what is confirmed, or the run is refused.
fn preview_or_confirm(tenant: &mut Tenant, shared: &mut Shared, rng: &mut SeededRandom) -> Law {
    let Some(preview) = tenant.preview.take().filter(|_| !rng.one_in(4)) else {
        let body = bodies::start(tenant, rng);
        let mut shown = body.clone();
        shown["mode"] = json!("preview");
        let asked = Asking { actor: "jane", ..asking(rng, "StartBulkIntegration", shown) };
        let end = tenant.company.version;
        let reply = ask(tenant, shared, asked)?;
        holds!(tenant.company.version == end, "P16 a preview left a trace");
        if let Reply::Accepted { result, version, duplicate: false, .. } = reply {
            tenant.preview = Some(Preview { body, answer: result, version });
        }
        return Ok(());
    };
    confirm(tenant, shared, rng, &preview)
}

fn confirm(
    tenant: &mut Tenant,
    shared: &mut Shared,
    rng: &mut SeededRandom,
    preview: &Preview,
) -> Law {
    let mut body = preview.body.clone();
    body["mode"] = json!("confirmed");
    body["plan_hash"] = preview.answer["plan_hash"].clone();
    if rng.one_in(2) {
        body["expected_recipients"] = preview.answer["recipient_count"].clone();
    }
    if rng.one_in(5) {
        body["not_before"] = json!(shared.now.plus_seconds(rng.next() % 400));
    }
    let before = tenant.company.version;
    let asked = Asking { actor: "jane", ..asking(rng, "StartBulkIntegration", body) };
    let reply = ask(tenant, shared, asked)?;
    let now_refused = reply.code();
    if before == preview.version {
        holds!(
            now_refused.is_none(),
            "P16 nothing came between and the run is refused: {now_refused:?}"
        );
    }
    if let Reply::Accepted { result, .. } = &reply {
        let (total, shown) = (&result["total"], &preview.answer["recipient_count"]);
        holds!(total == shown, "P16 {shown} were shown and {total} are confirmed");
    }
    Ok(())
}

fn import(tenant: &mut Tenant, shared: &mut Shared, rng: &mut SeededRandom) -> Law {
    let body = bodies::import(rng);
    let (dialect, text) = (&body["dialect"], &body["files"][0]["text"]);
    let rows = tenant.rows(dialect.as_str().unwrap_or_default(), text.as_str().unwrap_or_default());
    let mut asked = asking(rng, "ImportFile", body);
    asked.long = rng.one_in(3);
    let reply = ask(tenant, shared, asked)?;
    if let Some(Event::ImportAccepted { import, .. }) = reply.events().first() {
        let import: ImportId = *import;
        tenant.files.insert(import, rows);
    }
    Ok(())
}

/// What is asked of the number pool. P20: accounts are moved all together, or none of them is.
fn pool(tenant: &mut Tenant, shared: &mut Shared, rng: &mut SeededRandom) -> Law {
    let (name, body) = bodies::pool(rng);
    let asked = asking(rng, name, body);
    let reply = ask(tenant, shared, asked.clone())?;
    if name == "MovePendingInvitations" && reply.code().is_none() {
        let accounts = asked.body["accounts"].as_array().into_iter().flatten();
        for key in accounts.filter_map(Value::as_str) {
            let user = tenant.company.users.created(key).map(|(_, user)| user);
            let there = user.and_then(|user| user.org_unit.as_deref());
            holds!(
                there == asked.body["dest"].as_str()
                    || matches!(reply, Reply::Accepted { duplicate: true, .. }),
                "P20 an account was left behind in {there:?}"
            );
        }
    }
    Ok(())
}

/// P23: an import is taken back, once; its rows follow as the engine goes on.
fn undo(tenant: &mut Tenant, shared: &mut Shared, rng: &mut SeededRandom) -> Law {
    let known: Vec<String> = tenant.company.imports.keys().map(ToString::to_string).collect();
    let known: Vec<&str> = known.iter().map(String::as_str).collect();
    let Some(newest) = tenant.company.latest_import.map(|import| import.to_string()) else {
        return Ok(());
    };
    let import = if rng.one_in(3) { rng.pick(&known).to_owned() } else { newest };
    let id: ImportId = import.parse().map_err(|error| format!("P23 {error:?}"))?;
    let stands = tenant.company.imports.get(&id).is_some_and(|import| import.undo == Undo::No);
    let asked = Asking { actor: "jane", ..asking(rng, "UndoImport", json!({"import": import})) };
    let repeated = tenant.was_accepted(&asked.id);
    let reply = ask(tenant, shared, asked)?;
    holds!(stands || repeated || reply.code().is_some(), "P23 an import is undone twice");
    Ok(())
}

/// Somebody follows a link that is out there, or one that never was.
fn follow_link(tenant: &mut Tenant, shared: &mut Shared, rng: &mut SeededRandom) -> Law {
    if rng.one_in(4) || tenant.mailer.links.is_empty() {
        let body = json!({"user": rng.pick(&PEOPLE), "channel": rng.pick(&CHANNELS)});
        let name = if rng.one_in(2) { "UnlinkUser" } else { "LinkCompleted" };
        let asked = asking(rng, name, body);
        return ask(tenant, shared, asked).map(|_| ());
    }
    let (id, generation) = tenant.mailer.links[rng.below(tenant.mailer.links.len())];
    let mut token = tenant.tokens.token(&tenant.id, id, generation);
    shared.secrets.keep(token.clone());
    if rng.one_in(8) {
        token.replace_range(20..21, "_");
    }
    let asked = asking(rng, "LinkCompleted", json!({"token": token}));
    // The body holds the token, which no line that people read may.
    let reply = tenant.ask(shared, &asked)?;
    shared.told.pop();
    shared.told.push(format!(
        "{} follows the link {id}.{generation}: {:?}",
        tenant.id,
        reply.code()
    ));
    tenant.past.push(asked);
    Ok(())
}

/// P22: a word about a mail, however late; it may change no count.
fn bounce(tenant: &mut Tenant, shared: &mut Shared, rng: &mut SeededRandom) -> Law {
    let known: Vec<&str> =
        tenant.mailer.message_ids.iter().map(String::as_str).chain(["foreign-1", "x"]).collect();
    let message_id = rng.pick(&known).to_owned();
    let delivery = rng
        .pick(&["delivered", "bounced_hard", "bounced_hard", "bounced_soft", "complained"])
        .to_owned();
    let before = shared.ask(&tenant.id, "runs", json!({}));
    let body = json!({"message_id": message_id, "delivery": delivery});
    let asked = asking(rng, "RecordDelivery", body);
    ask(tenant, shared, asked)?;
    let after = shared.ask(&tenant.id, "runs", json!({}));
    holds!(before == after, "P22 a late {delivery} changed the runs");
    Ok(())
}

/// A worker outside the engine reports, with the right fence, a wrong one or none.
fn outside(tenant: &mut Tenant, shared: &mut Shared, rng: &mut SeededRandom) -> Law {
    let (name, body, fence) = bodies::report(tenant, rng);
    let holder = tenant.company.lock.holder();
    let stale = holder.is_some_and(|holder| fence.is_some_and(|given| given != holder.fence));
    let asked = asking(rng, name, body);
    let reply = tenant.ask(shared, &asked)?;
    if holder.is_some() && stale {
        let code = reply.code();
        let first = [
            boarding_commands::code::Code::RunStaleFence,
            boarding_commands::code::Code::AuthPermissionDenied,
        ];
        holds!(
            code.is_some_and(|code| first.contains(&code)),
            "P28 a stale fence came to {code:?}"
        );
    }
    if reply.code().is_none() {
        tenant.past.push(asked);
    }
    Ok(())
}

fn anything(tenant: &mut Tenant, shared: &mut Shared, rng: &mut SeededRandom) -> Law {
    let user = if rng.one_in(3) { rng.pick(&PEOPLE) } else { rng.pick(&USERS) };
    let (name, body) = match rng.below(26) {
        0..4 => ("AddUser", bodies::person(rng)),
        4 => ("ArchiveUser", json!({"user": user})),
        5 => ("RestoreUser", json!({"user": user})),
        6 => ("DeactivateUser", json!({"user": user})),
        7 | 8 => ("ReactivateUser", json!({"user": user})),
        9..13 => ("AddCorporatePhone", json!({"user": user, "phone": rng.pick(&PHONES)})),
        13 => ("RemoveCorporatePhone", json!({"phone": rng.pick(&PHONES)})),
        14 | 15 => ("SetCompanyConfig", bodies::setting(rng)),
        16 => ("DefineOrgUnit", bodies::unit(rng)),
        17 => ("DefineRole", bodies::role(rng)),
        18 => ("AssignRoles", bodies::roles(rng)),
        19 | 20 => ("ResendInvitation", bodies::resend(rng)),
        21 => ("RevokeInvitation", json!({"user": user, "channel": rng.pick(&CHANNELS)})),
        22 => ("CancelRun", json!({"run": bodies::any_run(tenant, rng)})),
        23 => ("Tick", json!({"now": shared.now})),
        24 => bodies::grant(rng),
        _ => bodies::wrong(rng),
    };
    let asked = asking(rng, name, body);
    ask(tenant, shared, asked).map(|_| ())
}

/// What every company needs before anything can happen.
pub(super) fn found(tenant: &mut Tenant, shared: &mut Shared) -> Law {
    let mut rng = SeededRandom::new(1);
    let begin = [
        ("SetCompanyConfig", json!({"channels": {"whatsapp": true, "imessage": true}})),
        ("DefineRole", json!({"role": ROLES[0], "permissions": ["bulk_integration"]})),
        ("DefineRole", json!({"role": ROLES[1]})),
        ("DefineOrgUnit", json!({"org_unit": UNITS[0], "roles": [ROLES[0]]})),
        (
            "DefineOrgUnit",
            json!({"org_unit": UNITS[1], "parent": UNITS[0], "level": "team", "roles": [ROLES[0]]}),
        ),
        ("DefineOrgUnit", json!({"org_unit": UNITS[2], "roles": [ROLES[1]]})),
        ("DefinePermissionGroup", json!({"permission_group": "Traders"})),
        ("AddNumbers", json!({"numbers": POOL[..2], "org_unit": UNITS[0]})),
        ("AddNumbers", json!({"numbers": POOL[2..4]})),
    ];
    let people = [("ann", 0, 0), ("bob", 2, 2), ("cid", 3, 3), ("dee.x", 4, 4)].into_iter().flat_map(|(user, phone, email)| {
        let added = json!({"user": user, "email": ADDRESSES[email], "org_unit": UNITS[0], "roles": [ROLES[0]]});
        [("AddUser", added), ("AddCorporatePhone", json!({"user": user, "phone": PHONES[phone]}))]
    });
    for (name, body) in begin.into_iter().chain(people) {
        let asked = asking(&mut rng, name, body);
        let reply = ask(tenant, shared, asked)?;
        holds!(reply.code().is_none(), "P10 a company cannot begin: {:?}", reply.code());
    }
    Ok(())
}
