//! What must hold when a history is over: it settles, it replays, and each company is alone in its own.

use boarding_commands::code::Code;
use boarding_commands::commit::Recorded;
use boarding_commands::event::Event;
use boarding_commands::id::CommandId;
use boarding_projections::csv_export::CsvFormat;
use boarding_projections::rows::{MemoryRows, RowsMut as _, StagedRows};
use serde_json::{Value, json};

use super::broken::{Law, holds};
use super::files;
use super::steps::asking;
use super::tenant::{Asking, Reply, Tenant};
use super::world::{Mode, Shared, World};
use crate::support::random::SeededRandom;

/// Checks everything that is checked at the end of a history.
pub(super) fn check(world: &mut World, mode: Mode, steps: &[u64], thorough: bool) -> Law {
    let digest = world.digest();
    if thorough {
        alone(&digest, mode, steps)?;
    }
    let World { shared, tenants } = world;
    for tenant in tenants.iter_mut() {
        let mut rng = SeededRandom::new(9);
        tenant.settle(shared, &mut rng)?;
        totals(tenant, shared)?;
        pool(tenant, shared)?;
        if thorough {
            taken_back(tenant, shared, &mut rng)?;
            again(tenant, shared, &mut rng)?;
            round_trip(tenant, shared, &mut rng)?;
        }
        tenant.replayed(shared)?;
    }
    replay(shared, &mut SeededRandom::new(11))
}

/// P12: rows caught up in batches of any size are the live rows.
fn replay(shared: &Shared, rng: &mut SeededRandom) -> Law {
    let commits = shared.commits(None);
    let facts: Vec<_> = commits.iter().flat_map(Recorded::facts).collect();
    let mut rows = MemoryRows::default();
    let mut rest = facts.as_slice();
    while !rest.is_empty() {
        let (chunk, later) = rest.split_at((1 + rng.below(60)).min(rest.len()));
        let mut staged = StagedRows::over(&rows);
        let applied =
            chunk.iter().try_for_each(|fact| boarding_projections::apply(fact, &mut staged));
        applied.map_err(|error| format!("P12 project again: {error}"))?;
        let changes: Vec<_> = staged.into_changes().collect();
        for change in changes {
            match change.row {
                Some(row) => rows.put(change.table, &change.company, change.key, row),
                None => rows.delete(change.table, &change.company, change.key),
            }
        }
        rest = later;
    }
    holds!(rows == shared.rows, "P12 replayed rows differ from the live ones");
    Ok(())
}

/// P13: without the other company's commands, each company's stream is the same to the byte.
pub(super) fn alone(digest: &[String], mode: Mode, steps: &[u64]) -> Law {
    for (only, hash) in super::world::COMPANIES.iter().zip(digest) {
        let mode = Mode { only: Some(only), ..mode };
        let alone =
            World::live(mode, steps).map_err(|broken| format!("P13 {only} alone: {}", broken.1))?;
        holds!(alone.digest().contains(hash), "P13 {only} alone has another history");
    }
    Ok(())
}

/// P18 and P19 as people see them.
fn pool(tenant: &Tenant, shared: &Shared) -> Law {
    let [numbers, owners] =
        ["numbers", "number_utilisation"].map(|name| shared.ask(&tenant.id, name, json!({})));
    tenant.watch.numbers.agree_with(&numbers, &owners)
}

/// P5 once more, as people see it: what a run counts is what its log shows.
fn totals(tenant: &Tenant, shared: &Shared) -> Law {
    for run in shared.ask(&tenant.id, "runs", json!({})) {
        let log = shared.ask(&tenant.id, "integration_log", json!({"run": run["run"]}));
        let over = run["state"] == "completed" || run["state"] == "withdrawn";
        holds!(over, "P30 a settled company has a run that is {}", run["state"]);
        for (counter, status) in
            [("passed", "success"), ("skipped", "skipped"), ("failed", "failed")]
        {
            let shown = log.iter().filter(|row| row["status"] == status).count();
            holds!(
                run[counter] == json!(shown),
                "P5 {counter} is {}, the log shows {shown}",
                run[counter]
            );
        }
    }
    Ok(())
}

/// P23: an import that is undone at once has never been, for all that people can see but its own record.
fn taken_back(tenant: &mut Tenant, shared: &mut Shared, rng: &mut SeededRandom) -> Law {
    let at_once = json!({"number_cooling_seconds": 0});
    let grant = json!({"actor": "jane", "permissions": ["administer", "accounts"]});
    for (name, body) in [("GrantPermissions", grant), ("SetCompanyConfig", at_once)] {
        let asked = Asking { actor: "jane", ..asking(rng, name, body) };
        tenant.ask(shared, &asked)?;
    }
    let before = seen(shared, tenant);
    let (dialect, text) = files::any(rng);
    // Whoever is invited stays, and a run is never taken back: this file invites nobody.
    let body = files::body(dialect, &text, rng);
    let Reply::Accepted { result, .. } = own(tenant, shared, rng, body)? else { return Ok(()) };
    let import = result["import"].clone();
    let mut asked = asking(rng, "UndoImport", json!({"import": import}));
    asked.actor = "jane";
    let reply = tenant.ask(shared, &asked)?;
    holds!(reply.code().is_none(), "P23 an import is not undone: {:?}", reply.code());
    // Time stands still meanwhile: no link ends between the two looks.
    while !tenant.company.undoing.is_empty() {
        tenant.go_on(shared, rng)?;
    }
    let row = &shared.ask(&tenant.id, "imports", json!({}))[0];
    holds!(row["state"] == "undone", "P23 an undone import is {}", row["state"]);
    let left = [&row["undo"]["kept"], &row["undo"]["errored"]];
    holds!(left == [&json!(0), &json!(0)], "P23 nobody touched anything: {row}");
    holds!(seen(shared, tenant) == before, "P23 an undone import left a trace");
    let again = tenant.ask(shared, &Asking { id: CommandId(rng.ulid()), ..asked })?;
    holds!(again.code() == Some(Code::ImportAlreadyUndone), "P23 undone twice: {again:?}");
    Ok(())
}

/// What people see of everybody and of the pool, apart from when something was touched last.
fn seen(shared: &Shared, tenant: &Tenant) -> Vec<Vec<Value>> {
    let views = ["users", "phone_list", "invitations", "org_units", "roles", "runs", "numbers"];
    let mut seen: Vec<_> = views.map(|name| shared.ask(&tenant.id, name, json!({}))).into();
    for row in seen.iter_mut().flatten().filter(|row| row["number"].is_string()) {
        row["updated_at"].take();
    }
    // An organization without a number and without need of one may have been named, and no more.
    let mut owners = shared.ask(&tenant.id, "number_utilisation", json!({}));
    owners.retain(|row| row["total"] != 0 || row["pending_without_number"] != 0);
    seen.push(owners);
    seen
}

/// P15: the same file again creates nobody, and changes nothing the second time.
fn again(tenant: &mut Tenant, shared: &mut Shared, rng: &mut SeededRandom) -> Law {
    let (dialect, text) = files::any(rng);
    if matches!(dialect, "multiline" | "ocm") {
        return none_twice(tenant, shared, rng, dialect, &text);
    }
    for (turn, existing) in ["skip", "skip", "update", "update"].into_iter().enumerate() {
        let files = json!([{"name": "again.csv", "text": text}]);
        let body = json!({"dialect": dialect, "files": files, "existing": existing});
        let reply = own(tenant, shared, rng, body)?;
        let Reply::Accepted { result, .. } = reply else { return Ok(()) };
        let count = |name: &str| result[name].as_u64().unwrap_or_default();
        holds!(turn == 0 || count("created") == 0, "P15 a file again creates {}", count("created"));
        holds!(turn != 3 || count("updated") == 0, "P15 a file again updates {}", count("updated"));
    }
    Ok(())
}

/// More rows than any of these files has: each time one may come in that refers to a row behind it.
const TURNS: usize = 8;

/// P15, where nobody who exists is changed: a file again creates nobody, once all its references are there.
fn none_twice(
    tenant: &mut Tenant,
    shared: &mut Shared,
    rng: &mut SeededRandom,
    dialect: &str,
    text: &str,
) -> Law {
    let body = files::body(dialect, text, rng);
    for turn in 1..=TURNS {
        let reply = own(tenant, shared, rng, body.clone())?;
        let Reply::Accepted { result, .. } = reply else { return Ok(()) };
        let (created, last) = (&result["created"], turn == TURNS || dialect != "ocm" && turn > 1);
        holds!(!last || *created == 0, "P15 a file of {dialect} again creates {created}");
    }
    Ok(())
}

/// Asks as the owner of the data, whatever was granted.
fn own(
    tenant: &mut Tenant,
    shared: &mut Shared,
    rng: &mut SeededRandom,
    body: Value,
) -> Result<Reply, String> {
    let mut asked = asking(rng, "ImportFile", body);
    asked.actor = "jane";
    let mut grant = asking(
        rng,
        "GrantPermissions",
        json!({"actor": "jane", "permissions": ["bulk_import_users", "accounts"]}),
    );
    grant.actor = "jane";
    tenant.ask(shared, &grant)?;
    tenant.ask(shared, &asked)
}

/// P25: everybody written out and imported again is unchanged.
fn round_trip(tenant: &mut Tenant, shared: &mut Shared, rng: &mut SeededRandom) -> Law {
    for format in [CsvFormat::Csv, CsvFormat::Spreadsheet] {
        let mut users = shared.ask(&tenant.id, "users", json!({}));
        users.retain(|user| user["state"] != "archived");
        let export = boarding_projections::find_query("users")
            .and_then(|query| query.csv_export(format))
            .map_err(|refusal| refusal.to_string())?;
        let bytes = [export.header(), export.lines(&users)].concat();
        let text = String::from_utf8(bytes).map_err(|error| error.to_string())?;
        is_unchanged(tenant, shared, rng, &text, users.len())?;
    }
    Ok(())
}

/// Imports a list of so many people, none of whom it changes.
fn is_unchanged(
    tenant: &mut Tenant,
    shared: &mut Shared,
    rng: &mut SeededRandom,
    text: &str,
    written: usize,
) -> Law {
    let files = json!([{"name": "export.csv", "text": text}]);
    let reply = own(
        tenant,
        shared,
        rng,
        json!({"dialect": "leapxpert", "files": files, "existing": "update"}),
    )?;
    let unchanged =
        reply.events().iter().filter(|event| matches!(event, Event::RowUnchanged { .. })).count();
    holds!(
        reply.code().is_some() || unchanged == written,
        "P25 {unchanged} of {written} are unchanged: {:?}\n{text}",
        reply.events()
    );
    Ok(())
}
