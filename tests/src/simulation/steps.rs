//! One step of a history: a command, a part of the worker's job, a fault or a crash.

use boarding_commands::company::Undo;
use boarding_commands::event::Event;
use boarding_commands::values::{CommandId, ImportId};
use serde_json::{Value, json};

use super::command_bodies;
use super::company::{PreviewedRun, Reply, Request, SimulatedCompany};
use super::environment::Environment;
use super::mailer::MailFault;
use super::sample_values::{
    ACTORS, ADDRESSES, CHANNELS, PEOPLE, PHONES, POOL, ROLES, UNITS, USERS,
};
use super::violation::{CheckResult, ensure};
use crate::support::random::SeededRandom;

pub(super) const HOUR_SECONDS: u64 = 3600;

/// The seconds that pass before a step: mostly under 8, sometimes enough for a deadline or a link to expire.
pub(super) fn seconds_before(rng: &mut SeededRandom) -> u64 {
    match rng.below(40) {
        0 => HOUR_SECONDS * (1 + rng.next() % 30),
        1 | 2 => 60 * (1 + rng.next() % 20),
        _ => rng.next() % 8,
    }
}

/// Runs one step in one company.
pub(super) fn run(
    company: &mut SimulatedCompany,
    env: &mut Environment,
    rng: &mut SeededRandom,
) -> CheckResult {
    match rng.below(116) {
        0..12 => company.claim_mails(env, rng),
        12..26 => {
            let fault = mail_fault(rng);
            company.send_mail(rng, fault)
        }
        26..36 => {
            let again = rng.one_in(5);
            company.report_results(env, rng, again)
        }
        36..40 => company.continue_imports(env, rng),
        40..45 => company.tick(env, rng),
        45 => company.crash(env, rng),
        46 => company.use_stale_fence(env, rng),
        47 => {
            company.snapshot = rmp_serde::to_vec(&company.state).ok();
            Ok(())
        }
        48 => company.send_notifications(env, rng),
        49..54 => repeat_command(company, env, rng),
        54..61 => preview_or_confirm(company, env, rng),
        61..66 => import_file(company, env, rng),
        66..71 => follow_link(company, env, rng),
        71 | 72 => undo_import(company, env, rng),
        73..77 => record_delivery(company, env, rng),
        77..84 => report_externally(company, env, rng),
        84..96 => change_number_pool(company, env, rng),
        96..98 => {
            let body = command_bodies::import_pictures(rng);
            let request = request(rng, "ImportPictures", body);
            submit(company, env, request).map(|_| ())
        }
        _ => submit_any(company, env, rng),
    }
}

fn mail_fault(rng: &mut SeededRandom) -> MailFault {
    match rng.below(8) {
        0 | 1 => MailFault::Temporary,
        2 => MailFault::Permanent,
        3 => MailFault::LostAnswer,
        _ => MailFault::None,
    }
}

/// A request with a new id and a random actor.
pub(super) fn request(rng: &mut SeededRandom, name: &'static str, body: Value) -> Request {
    let (id, actor) = (CommandId(rng.ulid()), rng.pick(&ACTORS));
    let actor = ACTORS.iter().copied().find(|one| *one == actor).unwrap_or_default();
    Request { id, name, body, actor, internal: None, splits_import: false }
}

/// Submits a request and keeps it, so that a later step can repeat it.
fn submit(
    company: &mut SimulatedCompany,
    env: &mut Environment,
    request: Request,
) -> Result<Reply, String> {
    let reply = company.submit(env, &request)?;
    company.submitted.push(request);
    Ok(reply)
}

/// P10: submits an earlier command again, or another command with its id.
fn repeat_command(
    company: &mut SimulatedCompany,
    env: &mut Environment,
    rng: &mut SeededRandom,
) -> CheckResult {
    if company.submitted.is_empty() {
        return Ok(());
    }
    let mut request = company.submitted[rng.below(company.submitted.len())].clone();
    if rng.one_in(4) {
        (request.name, request.body) = ("ArchiveUser", json!({"user": rng.pick(&USERS)}));
        let known =
            company.submitted.iter().any(|one| one.id == request.id && one.body == request.body);
        let conflict = boarding_commands::values::Code::CommandDuplicateConflict;
        let accepted = company.was_accepted(&request.id);
        let reply = company.submit(env, &request)?;
        ensure!(
            !accepted || known || reply.code() == Some(conflict),
            "P10 another body with a used id was not refused: {reply:?}"
        );
        return Ok(());
    }
    company.submit(env, &request).map(|_| ())
}

/// P16: a confirmed run has the previewed recipients, or the engine refuses it.
fn preview_or_confirm(
    company: &mut SimulatedCompany,
    env: &mut Environment,
    rng: &mut SeededRandom,
) -> CheckResult {
    let Some(preview) = company.preview.take().filter(|_| !rng.one_in(4)) else {
        let body = command_bodies::start_run(company, rng);
        let mut preview = body.clone();
        preview["mode"] = json!("preview");
        let request = Request { actor: "jane", ..request(rng, "StartBulkIntegration", preview) };
        let end = company.state.version;
        let reply = submit(company, env, request)?;
        ensure!(company.state.version == end, "P16 a preview changed the company");
        if let Reply::Accepted { result, version, duplicate: false, .. } = reply {
            company.preview = Some(PreviewedRun { body, answer: result, version });
        }
        return Ok(());
    };
    confirm(company, env, rng, &preview)
}

fn confirm(
    company: &mut SimulatedCompany,
    env: &mut Environment,
    rng: &mut SeededRandom,
    preview: &PreviewedRun,
) -> CheckResult {
    let mut body = preview.body.clone();
    body["mode"] = json!("confirmed");
    body["plan_hash"] = preview.answer["plan_hash"].clone();
    if rng.one_in(2) {
        body["expected_recipients"] = preview.answer["recipient_count"].clone();
    }
    if rng.one_in(5) {
        body["not_before"] = json!(env.now.plus_seconds(rng.next() % 400));
    }
    let version = company.state.version;
    let request = Request { actor: "jane", ..request(rng, "StartBulkIntegration", body) };
    let reply = submit(company, env, request)?;
    let code = reply.code();
    if version == preview.version {
        ensure!(
            code.is_none(),
            "P16 the company did not change since the preview, but the run is refused: {code:?}"
        );
    }
    if let Reply::Accepted { result, .. } = &reply {
        let (total, shown) = (&result["total"], &preview.answer["recipient_count"]);
        ensure!(total == shown, "P16 the preview had {shown} recipients, the run has {total}");
    }
    Ok(())
}

fn import_file(
    company: &mut SimulatedCompany,
    env: &mut Environment,
    rng: &mut SeededRandom,
) -> CheckResult {
    let body = command_bodies::import_file(rng);
    let (dialect, text) = (&body["dialect"], &body["files"][0]["text"]);
    let rows =
        company.rows(dialect.as_str().unwrap_or_default(), text.as_str().unwrap_or_default());
    let mut request = request(rng, "ImportFile", body);
    request.splits_import = rng.one_in(3);
    let reply = submit(company, env, request)?;
    if let Some(Event::ImportAccepted { import, .. }) = reply.events().first() {
        let import: ImportId = *import;
        company.import_rows.insert(import, rows);
    }
    Ok(())
}

/// Submits a command on the number pool. P20: all accounts move, or none.
fn change_number_pool(
    company: &mut SimulatedCompany,
    env: &mut Environment,
    rng: &mut SeededRandom,
) -> CheckResult {
    let (name, body) = command_bodies::number_pool_command(rng);
    let request = request(rng, name, body);
    let reply = submit(company, env, request.clone())?;
    if name == "MovePendingInvitations" && reply.code().is_none() {
        let accounts = request.body["accounts"].as_array().into_iter().flatten();
        for key in accounts.filter_map(Value::as_str) {
            let user = company.state.users.created(key).map(|(_, user)| user);
            let org_unit = user.and_then(|user| user.org_unit.as_deref());
            ensure!(
                org_unit == request.body["dest"].as_str()
                    || matches!(reply, Reply::Accepted { duplicate: true, .. }),
                "P20 an account stayed in {org_unit:?}"
            );
        }
    }
    Ok(())
}

/// P23: starts the undo of an import. Later steps undo its rows.
fn undo_import(
    company: &mut SimulatedCompany,
    env: &mut Environment,
    rng: &mut SeededRandom,
) -> CheckResult {
    let known: Vec<String> = company.state.imports.keys().map(ToString::to_string).collect();
    let known: Vec<&str> = known.iter().map(String::as_str).collect();
    let Some(newest) = company.state.latest_import.map(|import| import.to_string()) else {
        return Ok(());
    };
    let import = if rng.one_in(3) { rng.pick(&known).to_owned() } else { newest };
    let id: ImportId = import.parse().map_err(|error| format!("P23 {error:?}"))?;
    let can_undo = company.state.imports.get(&id).is_some_and(|import| import.undo == Undo::No);
    let request =
        Request { actor: "jane", ..request(rng, "UndoImport", json!({"import": import})) };
    let repeated = company.was_accepted(&request.id);
    let reply = submit(company, env, request)?;
    ensure!(can_undo || repeated || reply.code().is_some(), "P23 an import is undone twice");
    Ok(())
}

/// A user follows a delivered link or a forged one, links without a link, or unlinks.
fn follow_link(
    company: &mut SimulatedCompany,
    env: &mut Environment,
    rng: &mut SeededRandom,
) -> CheckResult {
    if rng.one_in(4) || company.mailer.links.is_empty() {
        let body = json!({"user": rng.pick(&PEOPLE), "channel": rng.pick(&CHANNELS)});
        let name = if rng.one_in(2) { "UnlinkUser" } else { "LinkCompleted" };
        let request = request(rng, name, body);
        return submit(company, env, request).map(|_| ());
    }
    let (id, generation) = company.mailer.links[rng.below(company.mailer.links.len())];
    let mut token = company.tokens.token(&company.id, id, generation);
    env.secrets.add(token.clone());
    if rng.one_in(8) {
        token.replace_range(20..21, "_");
    }
    let request = request(rng, "LinkCompleted", json!({"token": token}));
    let reply = company.submit(env, &request)?;
    // The transcript must not contain the token of the body.
    env.transcript.pop();
    env.transcript.push(format!(
        "{} follows the link {id}.{generation}: {:?}",
        company.id,
        reply.code()
    ));
    company.submitted.push(request);
    Ok(())
}

/// P22: a delivery report changes no count of a run, however late it is.
fn record_delivery(
    company: &mut SimulatedCompany,
    env: &mut Environment,
    rng: &mut SeededRandom,
) -> CheckResult {
    let known: Vec<&str> =
        company.mailer.message_ids.iter().map(String::as_str).chain(["foreign-1", "x"]).collect();
    let message_id = rng.pick(&known).to_owned();
    let delivery = rng
        .pick(&["delivered", "bounced_hard", "bounced_hard", "bounced_soft", "complained"])
        .to_owned();
    let before = env.query_rows(&company.id, "runs", json!({}));
    let body = json!({"message_id": message_id, "delivery": delivery});
    let request = request(rng, "RecordDelivery", body);
    submit(company, env, request)?;
    let after = env.query_rows(&company.id, "runs", json!({}));
    ensure!(before == after, "P22 a late {delivery} changed the runs");
    Ok(())
}

/// P28: an external worker reports with the current fence, a stale fence or none.
fn report_externally(
    company: &mut SimulatedCompany,
    env: &mut Environment,
    rng: &mut SeededRandom,
) -> CheckResult {
    let (name, body, fence) = command_bodies::external_report(company, rng);
    let holder = company.state.lock.holder();
    let stale = holder.is_some_and(|holder| fence.is_some_and(|given| given != holder.fence));
    let request = request(rng, name, body);
    let reply = company.submit(env, &request)?;
    if holder.is_some() && stale {
        let code = reply.code();
        let allowed = [
            boarding_commands::values::Code::RunStaleFence,
            boarding_commands::values::Code::AuthPermissionDenied,
        ];
        ensure!(
            code.is_some_and(|code| allowed.contains(&code)),
            "P28 a stale fence returned {code:?}"
        );
    }
    if reply.code().is_none() {
        company.submitted.push(request);
    }
    Ok(())
}

fn submit_any(
    company: &mut SimulatedCompany,
    env: &mut Environment,
    rng: &mut SeededRandom,
) -> CheckResult {
    let user = if rng.one_in(3) { rng.pick(&PEOPLE) } else { rng.pick(&USERS) };
    let (name, body) = match rng.below(26) {
        0..4 => ("AddUser", command_bodies::add_user(rng)),
        4 => ("ArchiveUser", json!({"user": user})),
        5 => ("RestoreUser", json!({"user": user})),
        6 => ("DeactivateUser", json!({"user": user})),
        7 | 8 => ("ReactivateUser", json!({"user": user})),
        9..13 => ("AddCorporatePhone", json!({"user": user, "phone": rng.pick(&PHONES)})),
        13 => ("RemoveCorporatePhone", json!({"phone": rng.pick(&PHONES)})),
        14 | 15 => ("SetCompanyConfig", command_bodies::company_config(rng)),
        16 => ("DefineOrgUnit", command_bodies::define_org_unit(rng)),
        17 => ("DefineRole", command_bodies::define_role(rng)),
        18 => ("AssignRoles", command_bodies::assign_roles(rng)),
        19 | 20 => ("ResendInvitation", command_bodies::resend_invitation(rng)),
        21 => ("RevokeInvitation", json!({"user": user, "channel": rng.pick(&CHANNELS)})),
        22 => ("CancelRun", json!({"run": command_bodies::any_run_id(company, rng)})),
        23 => ("Tick", json!({"now": env.now})),
        24 => command_bodies::change_permissions(rng),
        _ => command_bodies::malformed_command(rng),
    };
    let request = request(rng, name, body);
    submit(company, env, request).map(|_| ())
}

/// Defines the roles, units, numbers and users that each history starts with.
pub(super) fn set_up(company: &mut SimulatedCompany, env: &mut Environment) -> CheckResult {
    let mut rng = SeededRandom::new(1);
    let definitions = [
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
    let users = [("ann", 0, 0), ("bob", 2, 2), ("cid", 3, 3), ("dee.x", 4, 4)].into_iter().flat_map(|(user, phone, email)| {
        let added = json!({"user": user, "email": ADDRESSES[email], "org_unit": UNITS[0], "roles": [ROLES[0]]});
        [("AddUser", added), ("AddCorporatePhone", json!({"user": user, "phone": PHONES[phone]}))]
    });
    for (name, body) in definitions.into_iter().chain(users) {
        let request = request(&mut rng, name, body);
        let reply = submit(company, env, request)?;
        ensure!(
            reply.code().is_none(),
            "P10 the set-up of a company was refused: {:?}",
            reply.code()
        );
    }
    Ok(())
}
