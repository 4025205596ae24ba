//! Commands by killed processes: acknowledged commands are in the history, and none twice.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::crashes;
use super::history::commits;
use super::sample_folder::{SampleFolder, id};
use crate::support::random::SeededRandom;

/// An `AddUser` command that a process was started for.
#[derive(Debug)]
struct AddedUser {
    id: String,
    body: String,
    /// The answer, if it was printed before the process was killed.
    answer: Option<Value>,
}

impl AddedUser {
    fn new(number: usize) -> Self {
        let body =
            json!({"user": format!("user{number}"), "email": format!("u{number}@example.com")});
        Self { id: id(), body: body.to_string(), answer: None }
    }

    fn words(&self) -> [&str; 5] {
        ["command", "AddUser", &self.body, "--id", &self.id]
    }
}

/// P10, P27: Each acknowledged command is in the history. Each other command is there as a whole or not at
/// all. A repeat under the same id gets the first answer and appends nothing.
#[test]
fn acknowledged_commands_are_in_history_once() {
    let mut rng = SeededRandom::from_environment();
    let folder = SampleFolder::with_company();
    let duration = folder.duration_of(&AddedUser::new(0).words(), 0);
    // Some times lie after the end of the process, so that some commands are acknowledged.
    let delays = rng.spread_durations(2 * crashes(), duration * 3 / 2);
    let mut sent = Vec::new();
    for (number, delay) in delays.into_iter().enumerate() {
        let mut user = AddedUser::new(number + 1);
        let output = folder.kill(&user.words(), delay);
        assert!(output.was_killed() || output.status.success(), "{output:?}");
        user.answer = serde_json::from_str(output.stdout.trim()).ok();
        sent.push(user);
    }
    check_history(&folder, &sent);
    for user in &sent {
        let repeat = folder.lines(&user.words(), 0).remove(0);
        if let Some(answer) = &user.answer {
            assert_eq!(repeat["duplicate"], true, "{repeat}");
            assert_eq!(repeat["version"], answer["version"], "the repeat gets the first answer");
        }
    }
    check_history(&folder, &sent);
    let users = folder.lines(&["users"], 0);
    assert_eq!(users.len(), sent.len() + 1);
}

/// Asserts that each acknowledged command made one commit of one event, and each other command at most one.
fn check_history(folder: &SampleFolder, sent: &[AddedUser]) {
    let mut found = BTreeMap::<String, Vec<(u64, usize)>>::new();
    for commit in commits(folder) {
        let version_and_events = (commit.last_version(), commit.events.len());
        found.entry(commit.command.to_string()).or_default().push(version_and_events);
    }
    let acknowledged = sent.iter().filter(|user| user.answer.is_some()).count();
    let present = sent.iter().filter(|user| found.contains_key(&user.id)).count();
    eprintln!("{} sent, {acknowledged} acknowledged, {present} in history", sent.len());
    for user in sent {
        let commits = found.get(&user.id).map_or(&[][..], Vec::as_slice);
        assert!(commits.len() <= 1, "{} is in history twice", user.id);
        assert!(commits.iter().all(|&(_, events)| events == 1), "{} is not one event", user.id);
        let Some(answer) = &user.answer else { continue };
        assert_eq!(answer["outcome"], "accepted");
        let versions: Vec<u64> = commits.iter().map(|&(version, _)| version).collect();
        assert_eq!(json!(versions), json!([answer["version"]]), "acknowledged but not in history");
    }
}
