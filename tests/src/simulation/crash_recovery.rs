//! P27: after a crash at any phase, the run reaches the same result.

use boarding_commands::company::RecipientState;
use serde_json::{Value, json};

use super::mailer::MailFault;
use super::simulator::{Mode, Simulator};
use super::steps::{self, request};
use crate::support::random::SeededRandom;

/// More phases than the scenario needs. The last crashes happen after its end.
const PHASES: usize = 40;

/// Two queued runs. The first has one temporary and one permanent failure; both contain the same two users.
fn run_scenario(
    deduplicates: bool,
    crash_at: Option<usize>,
) -> Result<(Vec<Value>, Simulator), String> {
    let mut simulator = Simulator::new(Mode { deduplicates, only: None });
    let Simulator { env, companies } = &mut simulator;
    let (company, rng) = (&mut companies[0], &mut SeededRandom::new(4));
    steps::set_up(company, env)?;
    for users in [json!(["ann", "bob", "cid", "nobody"]), json!(["cid", "dee.x", "ann"])] {
        let body = json!({"source": {"users": users}, "channel": "whatsapp", "mode": "confirmed", "expected_recipients": users.as_array().map(Vec::len)});
        let reply = company.submit(env, &request(rng, "StartBulkIntegration", body))?;
        assert!(reply.code().is_none(), "{reply:?}");
    }
    // Faults depend on user and attempt, not on time, so that a crash does not change them.
    for phase in 0..PHASES {
        if crash_at == Some(phase) {
            company.crash(env, &mut SeededRandom::new(5))?;
        }
        match phase % 3 {
            0 => company.claim_mails(env, &mut SeededRandom::new(6))?,
            1 => {
                while let Some(claim) = company.worker.claims.first() {
                    let fault = match (claim.user.as_str(), claim.attempt) {
                        ("ann", 1) => MailFault::Temporary,
                        ("bob", _) => MailFault::Permanent,
                        _ => MailFault::None,
                    };
                    company.send_mail(&mut SeededRandom::new(0), fault)?;
                    if crash_at == Some(phase + PHASES) {
                        break;
                    }
                }
            }
            _ => company.report_results(env, &mut SeededRandom::new(8), false)?,
        }
        if crash_at == Some(phase + PHASES) {
            company.crash(env, &mut SeededRandom::new(9))?;
        }
        env.now = env.now.plus_seconds(20);
    }
    company.settle(env, &mut SeededRandom::new(10))?;
    company.check_replay(env)?;
    let rows = visible_result(&simulator);
    Ok((rows, simulator))
}

/// The rows of the runs and their integration logs, without times and queue places, which a crash may move.
fn visible_result(simulator: &Simulator) -> Vec<Value> {
    let (env, id) = (&simulator.env, &simulator.companies[0].id);
    let mut rows = Vec::new();
    for run in env.query_rows(id, "runs", json!({})) {
        rows.push(json!([
            run["state"],
            run["total"],
            run["passed"],
            run["skipped"],
            run["failed"]
        ]));
        for row in env.query_rows(id, "integration_log", json!({"run": run["run"]})) {
            rows.push(json!([row["username"], row["status"], row["code"], row["attempt"]]));
        }
    }
    rows
}

/// P7, P27: a transport that drops repeated mails hides every crash.
#[test]
fn crash_at_any_phase_is_invisible_with_deduplicating_transport() {
    let (undisturbed, simulator) = run_scenario(true, None).unwrap();
    assert!(undisturbed.len() > 8, "{undisturbed:?}");
    for crash_at in 0..2 * PHASES {
        let (rows, crashed) = run_scenario(true, Some(crash_at)).unwrap();
        assert_eq!(rows, undisturbed, "crash at {crash_at}");
        assert_eq!(
            crashed.companies[0].mailer.delivered, simulator.companies[0].mailer.delivered,
            "crash at {crash_at}"
        );
    }
}

/// P7, P27: on other transports, a claimed mail without a report becomes uncertain and is not sent again.
#[test]
fn crash_at_any_phase_leaves_only_uncertain_outcomes() {
    let (undisturbed, _) = run_scenario(false, None).unwrap();
    let mut uncertain_in_all = 0;
    for crash_at in 0..2 * PHASES {
        let (rows, crashed) = run_scenario(false, Some(crash_at)).unwrap();
        let is_uncertain = |row: &&Value| row[2] == "delivery.uncertain";
        let uncertain: Vec<&Value> = rows.iter().filter(is_uncertain).map(|row| &row[0]).collect();
        uncertain_in_all += uncertain.len();
        for (row, expected) in
            rows.iter().zip(&undisturbed).filter(|(row, _)| row[0].as_str().is_some())
        {
            let same = row == expected || uncertain.contains(&&row[0]) || row[0] == "completed";
            assert!(same, "crash at {crash_at}: {row}, without {expected}");
        }
        let runs = crashed.companies[0].state.runs.values();
        assert!(
            runs.flat_map(|run| &run.recipients)
                .all(|one| one.state != RecipientState::Dispatching)
        );
    }
    assert!(uncertain_in_all > 0, "no crash happened between a claim and its report");
}
