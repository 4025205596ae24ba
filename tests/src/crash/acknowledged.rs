//! Commands by processes that are killed: what was acknowledged is there, and nothing is there twice.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::crashes;
use super::history::commits;
use super::place::{Place, id};
use crate::support::random::SeededRandom;

/// A command that was asked.
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

/// P10, P27: N acknowledged are N present, the others are there wholly or not at all; and the same id
/// again answers, and never makes a second commit.
#[test]
fn p10_every_acknowledged_command_is_in_history_once_and_a_repeat_changes_nothing() {
    let mut rng = SeededRandom::from_environment();
    let place = Place::of_a_company();
    let whole = place.length_of(&AddedUser::new(0).words(), 0);
    // Now and then later than the end, so that there are acknowledgements.
    let moments = rng.spread_durations(2 * crashes(), whole * 3 / 2);
    let mut asked = Vec::new();
    for (number, moment) in moments.into_iter().enumerate() {
        let mut user = AddedUser::new(number + 1);
        let ended = place.kill(&user.words(), moment);
        assert!(ended.was_killed() || ended.status.success(), "{ended:?}");
        user.answer = serde_json::from_str(ended.said.trim()).ok();
        asked.push(user);
    }
    acknowledged_commands_are_in_history(&place, &asked);
    for user in &asked {
        let again = place.lines(&user.words(), 0).remove(0);
        if let Some(answer) = &user.answer {
            assert_eq!(again["duplicate"], true, "{again}");
            assert_eq!(again["version"], answer["version"], "the first answer again");
        }
    }
    acknowledged_commands_are_in_history(&place, &asked);
    let users = place.lines(&["users"], 0);
    assert_eq!(users.len(), asked.len() + 1);
}

fn acknowledged_commands_are_in_history(place: &Place, asked: &[AddedUser]) {
    let mut found = BTreeMap::<String, Vec<(u64, usize)>>::new();
    for commit in commits(place) {
        let place = (commit.last_version(), commit.events.len());
        found.entry(commit.command.to_string()).or_default().push(place);
    }
    let acknowledged = asked.iter().filter(|user| user.answer.is_some()).count();
    let present = asked.iter().filter(|user| found.contains_key(&user.id)).count();
    eprintln!("{} asked, {acknowledged} acknowledged, {present} in history", asked.len());
    for user in asked {
        let commits = found.get(&user.id).map_or(&[][..], Vec::as_slice);
        assert!(commits.len() <= 1, "{} is in history twice", user.id);
        assert!(commits.iter().all(|&(_, events)| events == 1), "{} is there in part", user.id);
        let Some(answer) = &user.answer else { continue };
        assert_eq!(answer["outcome"], "accepted");
        let versions: Vec<u64> = commits.iter().map(|&(version, _)| version).collect();
        assert_eq!(json!(versions), json!([answer["version"]]), "acknowledged and not there");
    }
}
