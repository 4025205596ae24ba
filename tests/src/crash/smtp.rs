//! Runs by a mail server, which takes what it is given: killed, a claim without a report is never sent again.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::crashes;
use super::history::runs_keep_their_laws;
use super::mails::{Mails, taken};
use super::place::{Place, id};
use super::run::{everything_is_completed, go_on, start};
use crate::support::mail_server::MailServer;
use crate::support::random::SeededRandom;

const PEOPLE: usize = 50;

/// P7: the server sees at most one mail for each person of a run; who was being mailed at the crash is
/// failed `delivery.uncertain` with a reason, and can be invited again.
#[test]
fn p7_a_run_by_smtp_that_is_killed_mails_nobody_twice_and_says_who_is_uncertain() {
    let mut rng = SeededRandom::from_environment();
    let sink = MailServer::start(&[]);
    let sample = Place::with_people(PEOPLE).mailing_to(sink.port);
    let whole = sample.copy().length_of(&start(&id()), 0);
    let mut moments = rng.spread_durations(crashes() / 2, whole);
    let mut uncertain = 0;
    while let Some(moment) = moments.pop() {
        let place = sample.copy();
        let run = id();
        place.kill(&start(&run), moment);
        while rng.one_in(3) {
            let Some(moment) = moments.pop() else { break };
            if !place.kill(&["runs", "resume"], moment).was_killed() {
                moments.push(moment);
                break;
            }
        }
        go_on(&place, &mut rng);
        everything_is_completed(&place);
        let ended = place.call(&start(&run));
        let failed = uncertain_people(&place, &run, &mails(&sink));
        ended.lines(if failed.is_empty() { 0 } else { 5 });
        if !failed.is_empty() {
            invite_again(&place, &failed, &sink);
        }
        uncertain += failed.len();
        runs_keep_their_laws(&place);
    }
    println!("{uncertain} people were uncertain");
}

fn mails(sink: &MailServer) -> Mails {
    taken(sink.received().into_iter().map(|kept| kept.data))
}

/// Holds the log of a run against what the server saw, and gives those who are uncertain.
fn uncertain_people(place: &Place, run: &str, mails: &Mails) -> Vec<Value> {
    let log = place.lines(&["log", run], 0);
    let users: BTreeSet<&str> = log.iter().map(|row| row["username"].as_str().unwrap()).collect();
    assert_eq!((log.len(), users.len()), (PEOPLE, PEOPLE), "one outcome each");
    let mut failed = Vec::new();
    for row in &log {
        let times = mails[run].get(row["email"].as_str().unwrap()).copied().unwrap_or(0);
        if row["status"] == "success" {
            assert_eq!(times, 1, "{row}");
            continue;
        }
        assert!(times <= 1, "P7: mailed twice: {row}");
        assert_eq!(
            (&row["status"], &row["code"]),
            (&json!("failed"), &json!("delivery.uncertain"))
        );
        assert!(row["reason"].as_str().is_some_and(|reason| reason.len() > 10), "{row}");
        failed.push(row["username"].clone());
    }
    failed
}

/// A resend is a run of its own, for nobody else.
fn invite_again(place: &Place, failed: &[Value], sink: &MailServer) {
    let run = id();
    let body = json!({"channel": "whatsapp", "users": failed, "run": run});
    place.ask("ResendInvitation", &body);
    everything_is_completed(place);
    let log = place.lines(&["log", &run], 0);
    assert!(log.iter().all(|row| row["status"] == "success"));
    let mails = mails(sink);
    assert_eq!(mails[&run].len(), failed.len());
    assert!(mails[&run].values().all(|&times| times == 1));
}
