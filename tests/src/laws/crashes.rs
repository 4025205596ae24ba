//! P27: the process may end after any phase of the work; begun again, it comes to the same end.

use boarding_commands::company::RecipientState;
use serde_json::{Value, json};

use super::mailer::Fault;
use super::steps::{self, asking};
use super::world::{Mode, World};
use crate::support::random::SeededRandom;

/// More phases than the story has: the last ones crash after its end.
const PHASES: usize = 40;

/// Two runs, one behind the other: the first has a temporary failure, one for good, and two people twice.
fn story(deduplicates: bool, crash_at: Option<usize>) -> Result<(Vec<Value>, World), String> {
    let mut world = World::new(Mode { deduplicates, only: None });
    let World { shared, tenants } = &mut world;
    let (tenant, rng) = (&mut tenants[0], &mut SeededRandom::new(4));
    steps::found(tenant, shared)?;
    for users in [json!(["ann", "bob", "cid", "nobody"]), json!(["cid", "dee.x", "ann"])] {
        let body = json!({"source": {"users": users}, "channel": "whatsapp", "mode": "confirmed"});
        let reply = tenant.ask(shared, &asking(rng, "StartBulkIntegration", body))?;
        assert!(reply.code().is_none(), "{reply:?}");
    }
    // The mail server's mood is bound to the person and the attempt, not to the moment.
    for phase in 0..PHASES {
        if crash_at == Some(phase) {
            tenant.crash(shared, &mut SeededRandom::new(5))?;
        }
        match phase % 3 {
            0 => tenant.claim(shared, &mut SeededRandom::new(6))?,
            1 => {
                while let Some(claim) = tenant.worker.claims.first() {
                    let fault = match (claim.user.as_str(), claim.attempt) {
                        ("ann", 1) => Fault::Temporary,
                        ("bob", _) => Fault::Permanent,
                        _ => Fault::None,
                    };
                    tenant.send(&mut SeededRandom::new(0), fault)?;
                    if crash_at == Some(phase + PHASES) {
                        break;
                    }
                }
            }
            _ => tenant.report(shared, &mut SeededRandom::new(8), false)?,
        }
        if crash_at == Some(phase + PHASES) {
            tenant.crash(shared, &mut SeededRandom::new(9))?;
        }
        shared.now = shared.now.plus_seconds(20);
    }
    tenant.settle(shared, &mut SeededRandom::new(10))?;
    tenant.replayed(shared)?;
    let rows = outcome(&world);
    Ok((rows, world))
}

/// What people see of the end, without the times and places that a pause moves.
fn outcome(world: &World) -> Vec<Value> {
    let (shared, id) = (&world.shared, &world.tenants[0].id);
    let mut seen = Vec::new();
    for run in shared.ask(id, "runs", json!({})) {
        seen.push(json!([
            run["state"],
            run["total"],
            run["passed"],
            run["skipped"],
            run["failed"]
        ]));
        for row in shared.ask(id, "integration_log", json!({"run": run["run"]})) {
            seen.push(json!([row["username"], row["status"], row["code"], row["attempt"]]));
        }
    }
    seen
}

/// P7, P27: with a mailer that knows its repeats, no crash can be seen in the end.
#[test]
fn p27_a_crash_at_any_phase_cannot_be_seen_when_the_mailer_knows_its_repeats() {
    let (undisturbed, world) = story(true, None).unwrap();
    assert!(undisturbed.len() > 8, "{undisturbed:?}");
    for crash_at in 0..2 * PHASES {
        let (rows, crashed) = story(true, Some(crash_at)).unwrap();
        assert_eq!(rows, undisturbed, "crash at {crash_at}");
        assert_eq!(
            crashed.tenants[0].mailer.reached, world.tenants[0].mailer.reached,
            "crash at {crash_at}"
        );
    }
}

/// P7, P27: without one, whoever was claimed and not reported is uncertain, and never mailed again.
#[test]
fn p27_a_crash_at_any_phase_leaves_uncertain_outcomes_at_most() {
    let (undisturbed, _) = story(false, None).unwrap();
    let mut uncertain_in_all = 0;
    for crash_at in 0..2 * PHASES {
        let (rows, crashed) = story(false, Some(crash_at)).unwrap();
        let is_uncertain = |row: &&Value| row[2] == "delivery.uncertain";
        let uncertain: Vec<&Value> = rows.iter().filter(is_uncertain).map(|row| &row[0]).collect();
        uncertain_in_all += uncertain.len();
        for (row, expected) in
            rows.iter().zip(&undisturbed).filter(|(row, _)| row[0].as_str().is_some())
        {
            let same = row == expected || uncertain.contains(&&row[0]) || row[0] == "completed";
            assert!(same, "crash at {crash_at}: {row}, without {expected}");
        }
        let runs = crashed.tenants[0].company.runs.values();
        assert!(
            runs.flat_map(|run| &run.recipients)
                .all(|one| one.state != RecipientState::Dispatching)
        );
    }
    assert!(uncertain_in_all > 0, "no crash fell between a claim and its report");
}
