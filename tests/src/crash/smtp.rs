//! Runs by SMTP that are killed: a claim without a report is never sent again.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::crashes;
use super::history::check_run_laws;
use super::mails::{self, Mails};
use super::run::{check_runs_are_completed, restart, start};
use super::sample_folder::{SampleFolder, id};
use crate::support::mail_server::MailServer;
use crate::support::random::SeededRandom;

const PEOPLE: usize = 50;

/// P7: The mail server gets at most one mail for each person and run. A person who was claimed at the kill fails
/// with `delivery.uncertain` and a reason, and can be invited again.
#[test]
fn killed_run_by_smtp_sends_no_mail_twice() {
    let mut rng = SeededRandom::from_environment();
    let server = MailServer::start(&[]);
    let sample = SampleFolder::with_people(PEOPLE).with_mail_server(server.port);
    let duration = sample.copy().duration_of(&start(&id()), 0);
    let mut delays = rng.spread_durations(crashes() / 2, duration);
    let mut uncertain = 0;
    while let Some(delay) = delays.pop() {
        let folder = sample.copy();
        let run = id();
        folder.kill(&start(&run), delay);
        while rng.one_in(3) {
            let Some(delay) = delays.pop() else { break };
            if !folder.kill(&["runs", "resume"], delay).was_killed() {
                delays.push(delay);
                break;
            }
        }
        restart(&folder, &mut rng);
        check_runs_are_completed(&folder);
        let output = folder.run(&start(&run));
        let failed = uncertain_people(&folder, &run, &received(&server));
        output.lines(if failed.is_empty() { 0 } else { 5 });
        if !failed.is_empty() {
            invite_again(&folder, &failed, &server);
        }
        uncertain += failed.len();
        check_run_laws(&folder);
    }
    println!("{uncertain} people were uncertain");
}

fn received(server: &MailServer) -> Mails {
    mails::on_server(server.received().into_iter().map(|mail| mail.data))
}

/// Compares the log of a run with the received mails and returns the users whose delivery is uncertain.
fn uncertain_people(folder: &SampleFolder, run: &str, mails: &Mails) -> Vec<Value> {
    let log = folder.lines(&["log", run], 0);
    let users: BTreeSet<&str> = log.iter().map(|row| row["username"].as_str().unwrap()).collect();
    assert_eq!((log.len(), users.len()), (PEOPLE, PEOPLE), "each person has one outcome");
    let mut failed = Vec::new();
    for row in &log {
        let count = mails[run].get(row["email"].as_str().unwrap()).copied().unwrap_or(0);
        if row["status"] == "success" {
            assert_eq!(count, 1, "{row}");
            continue;
        }
        assert!(count <= 1, "P7: two mails to one person: {row}");
        assert_eq!(
            (&row["status"], &row["code"]),
            (&json!("failed"), &json!("delivery.uncertain"))
        );
        assert!(row["reason"].as_str().is_some_and(|reason| reason.len() > 10), "{row}");
        failed.push(row["username"].clone());
    }
    failed
}

/// Resends to the failed people. The resend is a new run of these people alone.
fn invite_again(folder: &SampleFolder, failed: &[Value], server: &MailServer) {
    let run = id();
    let body = json!({"channel": "whatsapp", "users": failed, "run": run});
    folder.command_accepted("ResendInvitation", &body);
    check_runs_are_completed(folder);
    let log = folder.lines(&["log", &run], 0);
    assert!(log.iter().all(|row| row["status"] == "success"));
    let mails = received(server);
    assert_eq!(mails[&run].len(), failed.len());
    assert!(mails[&run].values().all(|&count| count == 1));
}
