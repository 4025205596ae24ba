//! Checks at the end of a history: liveness, replay, isolation, undo, repeated imports.

use boarding_commands::commit::RecordedCommit;
use boarding_commands::event::Event;
use boarding_commands::values::{Code, CommandId};
use boarding_projections::csv_export::CsvFormat;
use boarding_projections::projector::apply_batch;
use boarding_projections::projectors;
use boarding_projections::rows::{MemoryRows, RowsMut as _};
use serde_json::{Value, json};

use super::company::{Reply, Request, SimulatedCompany};
use super::csv_files;
use super::environment::Environment;
use super::simulator::{Mode, Simulator};
use super::steps::request;
use super::violation::{CheckResult, ensure};
use crate::support::random::SeededRandom;

/// Runs all final checks. The slow ones run only if `thorough`.
pub(super) fn check(
    simulator: &mut Simulator,
    mode: Mode,
    steps: &[u64],
    thorough: bool,
) -> CheckResult {
    let digest = simulator.digest();
    if thorough {
        check_isolation(&digest, mode, steps)?;
    }
    let Simulator { env, companies } = simulator;
    for company in companies.iter_mut() {
        let mut rng = SeededRandom::new(9);
        company.settle(env, &mut rng)?;
        check_run_counts(company, env)?;
        check_number_pool(company, env)?;
        if thorough {
            check_undo(company, env, &mut rng)?;
            check_repeated_import(company, env, &mut rng)?;
            check_round_trip(company, env, &mut rng)?;
        }
        company.check_replay(env)?;
    }
    check_read_models(env, &mut SeededRandom::new(11))
}

/// P12: rows replayed in batches of any size equal the live rows.
fn check_read_models(env: &Environment, rng: &mut SeededRandom) -> CheckResult {
    let commits = env.commits(None);
    let events: Vec<_> = commits.iter().flat_map(RecordedCommit::events).collect();
    let mut rows = MemoryRows::default();
    let mut rest = events.as_slice();
    while !rest.is_empty() {
        let (chunk, later) = rest.split_at((1 + rng.below(60)).min(rest.len()));
        let mut changes = Vec::new();
        let events = chunk.iter().copied();
        apply_batch(projectors(), events, &rows, &mut |table, company, key, row| {
            changes.push((table, company.clone(), key.to_vec(), row));
        })
        .map_err(|error| format!("P12 replay: {error}"))?;
        for (table, company, key, row) in changes {
            match row {
                Some(row) => rows.put(table, &company, key, row),
                None => rows.delete(table, &company, key),
            }
        }
        rest = later;
    }
    ensure!(rows == env.rows, "P12 replayed rows differ from the live ones");
    Ok(())
}

/// P13: each company's stream is the same to the byte without the other company's commands.
pub(super) fn check_isolation(digest: &[String], mode: Mode, steps: &[u64]) -> CheckResult {
    for (only, hash) in super::simulator::COMPANIES.iter().zip(digest) {
        let mode = Mode { only: Some(only), ..mode };
        let alone = Simulator::run(mode, steps)
            .map_err(|failed| format!("P13 {only} alone: {}", failed.1))?;
        ensure!(alone.digest().contains(hash), "P13 {only} alone has another history");
    }
    Ok(())
}

/// P18, P19: the queries on the number pool show the state of the checkers.
fn check_number_pool(company: &SimulatedCompany, env: &Environment) -> CheckResult {
    let [numbers, owners] =
        ["numbers", "number_utilisation"].map(|name| env.query_rows(&company.id, name, json!({})));
    company.checkers.numbers.check_queries(&numbers, &owners)
}

/// P5, P30: each run has ended, and its counts equal the rows of its integration log.
fn check_run_counts(company: &SimulatedCompany, env: &Environment) -> CheckResult {
    for run in env.query_rows(&company.id, "runs", json!({})) {
        let log = env.query_rows(&company.id, "integration_log", json!({"run": run["run"]}));
        let ended = run["state"] == "completed" || run["state"] == "withdrawn";
        ensure!(ended, "P30 a run is still {}", run["state"]);
        for (counter, status) in
            [("passed", "success"), ("skipped", "skipped"), ("failed", "failed")]
        {
            let shown = log.iter().filter(|row| row["status"] == status).count();
            ensure!(
                run[counter] == json!(shown),
                "P5 {counter} is {}, the integration log shows {shown}",
                run[counter]
            );
        }
    }
    Ok(())
}

/// P23: after the undo of an import, all queries but its own record answer as before the import.
fn check_undo(
    company: &mut SimulatedCompany,
    env: &mut Environment,
    rng: &mut SeededRandom,
) -> CheckResult {
    let no_cooling = json!({"number_cooling_seconds": 0});
    let grant = json!({"actor": "jane", "permissions": ["administer", "accounts"]});
    for (name, body) in [("GrantPermissions", grant), ("SetCompanyConfig", no_cooling)] {
        let request = Request { actor: "jane", ..request(rng, name, body) };
        company.submit(env, &request)?;
    }
    let before = visible_state(env, company);
    let (dialect, text) = csv_files::any_file(rng);
    // The undo keeps invited users and runs, so this file invites no one.
    let body = csv_files::import_body(dialect, &text, rng);
    let Reply::Accepted { result, .. } = import_permitted(company, env, rng, body)? else {
        return Ok(());
    };
    let import = result["import"].clone();
    let mut request = request(rng, "UndoImport", json!({"import": import}));
    request.actor = "jane";
    let reply = company.submit(env, &request)?;
    ensure!(reply.code().is_none(), "P23 an undo was refused: {:?}", reply.code());
    // The clock does not advance here, so that no link expires between the two states.
    while !company.state.undoing.is_empty() {
        company.continue_imports(env, rng)?;
    }
    let row = &env.query_rows(&company.id, "imports", json!({}))[0];
    ensure!(row["state"] == "undone", "P23 an undone import is {}", row["state"]);
    let left = [&row["undo"]["kept"], &row["undo"]["errored"]];
    ensure!(
        left == [&json!(0), &json!(0)],
        "P23 no row changed since, but not all were reversed: {row}"
    );
    let after = visible_state(env, company);
    let differing = before.iter().flatten().zip(after.iter().flatten()).find(|(was, is)| was != is);
    ensure!(after == before, "P23 the state after an undo differs, first {differing:?}");
    let again = company.submit(env, &Request { id: CommandId(rng.ulid()), ..request })?;
    ensure!(again.code() == Some(Code::ImportAlreadyUndone), "P23 undone twice: {again:?}");
    Ok(())
}

/// The answers of the queries, without the time of the last change of a number.
fn visible_state(env: &Environment, company: &SimulatedCompany) -> Vec<Vec<Value>> {
    let queries = ["users", "phone_list", "invitations", "org_units", "roles", "runs", "numbers"];
    let mut state: Vec<_> = queries.map(|name| env.query_rows(&company.id, name, json!({}))).into();
    for row in state.iter_mut().flatten().filter(|row| row["updated_at"].is_string()) {
        row["updated_at"].take();
    }
    // The import may have added organizations without numbers and without pending invitations.
    let mut owners = env.query_rows(&company.id, "number_utilisation", json!({}));
    owners.retain(|row| row["total"] != 0 || row["pending_without_number"] != 0);
    state.push(owners);
    state
}

/// P15: a repeated file creates no one, and a repeated update changes nothing.
fn check_repeated_import(
    company: &mut SimulatedCompany,
    env: &mut Environment,
    rng: &mut SeededRandom,
) -> CheckResult {
    let (dialect, text) = csv_files::any_file(rng);
    if matches!(dialect, "multiline" | "ocm") {
        return check_repeated_references(company, env, rng, dialect, &text);
    }
    for (turn, existing) in ["skip", "skip", "update", "update"].into_iter().enumerate() {
        let files = json!([{"name": "again.csv", "text": text}]);
        let body = json!({"dialect": dialect, "files": files, "existing": existing});
        let reply = import_permitted(company, env, rng, body)?;
        let Reply::Accepted { result, .. } = reply else { return Ok(()) };
        let count = |name: &str| result[name].as_u64().unwrap_or_default();
        ensure!(
            turn == 0 || count("created") == 0,
            "P15 a repeated file creates {}",
            count("created")
        );
        ensure!(
            turn != 3 || count("updated") == 0,
            "P15 a repeated file updates {}",
            count("updated")
        );
    }
    Ok(())
}

/// More than the rows of any of these files. Each import may create one more row that refers to a later row.
const TURNS: usize = 8;

/// P15 for dialects without updates: a repeated file creates no one once all its references exist.
fn check_repeated_references(
    company: &mut SimulatedCompany,
    env: &mut Environment,
    rng: &mut SeededRandom,
    dialect: &str,
    text: &str,
) -> CheckResult {
    let body = csv_files::import_body(dialect, text, rng);
    for turn in 1..=TURNS {
        let reply = import_permitted(company, env, rng, body.clone())?;
        let Reply::Accepted { result, .. } = reply else { return Ok(()) };
        let (created, last) = (&result["created"], turn == TURNS || dialect != "ocm" && turn > 1);
        ensure!(!last || *created == 0, "P15 a repeated file of {dialect} creates {created}");
    }
    Ok(())
}

/// Imports as an actor who has just got the permissions for it.
fn import_permitted(
    company: &mut SimulatedCompany,
    env: &mut Environment,
    rng: &mut SeededRandom,
    body: Value,
) -> Result<Reply, String> {
    let mut import = request(rng, "ImportFile", body);
    import.actor = "jane";
    let mut grant = request(
        rng,
        "GrantPermissions",
        json!({"actor": "jane", "permissions": ["administer", "bulk_import_users", "accounts"]}),
    );
    grant.actor = "jane";
    company.submit(env, &grant)?;
    company.submit(env, &import)
}

/// P25: exported users are unchanged by an import of the export.
fn check_round_trip(
    company: &mut SimulatedCompany,
    env: &mut Environment,
    rng: &mut SeededRandom,
) -> CheckResult {
    for format in [CsvFormat::Csv, CsvFormat::Spreadsheet] {
        let mut users = env.query_rows(&company.id, "users", json!({}));
        users.retain(|user| user["state"] != "archived");
        let export = boarding_projections::find_query("users")
            .and_then(|query| query.csv_export(format))
            .map_err(|refusal| refusal.to_string())?;
        let bytes = [export.header(), export.lines(&users)].concat();
        let text = String::from_utf8(bytes).map_err(|error| error.to_string())?;
        check_unchanged(company, env, rng, &text, users.len())?;
    }
    Ok(())
}

/// P25: all `exported` users of the text are unchanged by its import.
fn check_unchanged(
    company: &mut SimulatedCompany,
    env: &mut Environment,
    rng: &mut SeededRandom,
    text: &str,
    exported: usize,
) -> CheckResult {
    let files = json!([{"name": "export.csv", "text": text}]);
    let reply = import_permitted(
        company,
        env,
        rng,
        json!({"dialect": "leapxpert", "files": files, "existing": "update"}),
    )?;
    let unchanged =
        reply.events().iter().filter(|event| matches!(event, Event::RowUnchanged { .. })).count();
    ensure!(
        reply.code().is_some() || unchanged == exported,
        "P25 {unchanged} of {exported} are unchanged: {:?}\n{text}",
        reply.events()
    );
    Ok(())
}
