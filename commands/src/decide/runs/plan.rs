//! The hash of a run's plan: a confirmed run has the people that were shown, and a plan is confirmed once.

use std::cell::OnceCell;
use std::collections::HashMap;

use serde_json::{Value, json};

use crate::company::selection::{Pick, Selection};
use crate::company::{Company, Run};
use crate::event::Channel;
use crate::values::{Code, Refusal, RunId, UserKey};

/// The people and the channel of a run that was shown, and the runs that have the same people already.
#[derive(Debug)]
pub(crate) struct Plan<'a> {
    company: &'a Company,
    channel: Channel,
    selection: &'a Selection,
    /// The number of people and their mark.
    summary: Summary,
    /// The hash of the channel and the people, once it was needed. There may be a hundred thousand people.
    people: OnceCell<blake3::Hasher>,
    /// The runs on the channel with the same people in the same order, oldest id first.
    same: Vec<RunId>,
}

/// The end of a plan hash: how many people it has, and all their marks in one. So a refusal can say who has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Summary {
    people: u64,
    mark: u64,
}

/// The people who differ from those that were shown, as far as a summary tells.
#[derive(Debug, Default)]
struct Change {
    added: Option<UserKey>,
    removed: Option<UserKey>,
}

impl<'a> Plan<'a> {
    pub(crate) fn of(company: &'a Company, channel: Channel, selection: &'a Selection) -> Self {
        let same = company.runs.iter();
        let same = same.filter(|(_, run)| run.channel == channel && has_people(run, selection));
        let same = same.map(|(id, _)| *id).collect();
        let marks = selection.picks.iter().map(|pick| mark(&company.key_of(pick)));
        let people = selection.picks.len() as u64;
        let summary = Summary { people, mark: marks.fold(0, |all, mark| all ^ mark) };
        Self { company, channel, selection, summary, people: OnceCell::new(), same }
    }

    /// The hash of the plan. Every run of these people changes it, so that one plan cannot start two runs.
    pub(crate) fn hash(&self) -> String {
        self.hash_after(self.channel, self.same.len())
    }

    fn hash_after(&self, channel: Channel, runs: usize) -> String {
        let mut hasher = if channel == self.channel {
            self.people.get_or_init(|| self.hashed(channel)).clone()
        } else {
            self.hashed(channel)
        };
        if runs > 0 {
            hasher.update(&[1]);
            hasher.update(&(runs as u64).to_le_bytes());
        }
        let Summary { people, mark } = self.summary;
        format!("{}-{people}-{mark:016x}", hasher.finalize().to_hex())
    }

    /// The hash of a channel and the people.
    fn hashed(&self, channel: Channel) -> blake3::Hasher {
        let mut hasher = blake3::Hasher::new();
        hasher.update(channel.as_str().as_bytes());
        for pick in &self.selection.picks {
            hasher.update(&[0]);
            hasher.update(self.company.key_of(pick).folded().as_bytes());
        }
        hasher
    }

    /// Checks that the plan, or the number of people, is the one that was shown.
    ///
    /// # Errors
    /// `field.required` if neither is given; `run.already_confirmed` with the run that the plan started;
    /// `run.plan_changed`, with what has changed.
    pub(crate) fn check(&self, shown: Option<&str>, expected: Option<u64>) -> Result<(), Refusal> {
        if shown.is_none() && expected.is_none() {
            return Err(Refusal::new(Code::FieldRequired)
                .saying("plan_hash or expected_recipients; a preview answers with both")
                .with(json!({"field": "plan_hash"})));
        }
        let other = shown.filter(|shown| *shown != self.hash());
        if let Some(run) = other.and_then(|shown| self.started_by(shown)) {
            return Err(Refusal::new(Code::RunAlreadyConfirmed)
                .saying(&format!("run {run}"))
                .with(json!({"run": run})));
        }
        let actual = self.summary.people;
        let was = expected.filter(|expected| *expected != actual);
        if was.is_none() && other.is_none() {
            return Ok(());
        }
        let shown = other.and_then(Summary::read);
        let change = shown.map(|shown| self.change_since(shown)).unwrap_or_default();
        let was = was.or(shown.map(|shown| shown.people));
        let mut words = Vec::new();
        if let Some(was) = was.filter(|was| *was != actual) {
            words.push(format!("{} shown, and {} now", were(was), are(actual)));
        }
        // The names are in the details only: a message may end up in a log.
        words.extend(change.added.as_ref().map(|_| "one of them is new".to_owned()));
        words.extend(change.removed.as_ref().map(|_| "one is not among them any more".to_owned()));
        if words.is_empty() {
            words.push(self.other_change(other, shown));
        }
        Err(Refusal::new(Code::RunPlanChanged)
            .saying(&words.join("; "))
            .with(self.details(was.or(expected), &change)))
    }

    fn details(&self, expected: Option<u64>, change: &Change) -> Value {
        let list = |key: &Option<UserKey>| key.iter().map(|key| json!(key)).collect::<Vec<_>>();
        json!({
            "expected": expected,
            "actual": self.summary.people,
            "plan_hash": self.hash(),
            "added": list(&change.added),
            "removed": list(&change.removed),
        })
    }

    /// Who was added, who was removed, or both, if it is one person each.
    fn change_since(&self, shown: Summary) -> Change {
        let Summary { people, mark: now } = self.summary;
        let differs = shown.mark ^ now;
        let keys = || self.selection.picks.iter().map(|pick| self.company.key_of(pick));
        let users = || self.company.users.iter().map(|(_, user)| user.key());
        if differs == 0 {
            return Change::default();
        }
        if shown.people + 1 == people {
            return Change { added: keys().find(|key| mark(key) == differs), removed: None };
        }
        if shown.people == people + 1 {
            return Change { added: None, removed: users().find(|key| mark(key) == differs) };
        }
        if shown.people != people {
            return Change::default();
        }
        let selected: HashMap<u64, UserKey> = keys().map(|key| (mark(&key), key)).collect();
        let mut others = users().filter(|key| !selected.contains_key(&mark(key)));
        let pair = others.find_map(|gone| Some((selected.get(&(mark(&gone) ^ differs))?, gone)));
        let (added, removed) = pair.map(|(new, gone)| (new.clone(), gone)).unzip();
        Change { added, removed }
    }

    /// What has changed if the number of people is the same and no names are known.
    fn other_change(&self, hash: Option<&str>, shown: Option<Summary>) -> String {
        let is_of = |channel: &Channel| Some(self.hash_after(*channel, 0).as_str()) == hash;
        let others = Channel::ALL.into_iter().filter(|channel| *channel != self.channel);
        if let Some(channel) = others.clone().find(is_of) {
            return format!("the preview was for the channel {}", channel.as_str());
        }
        if shown == Some(self.summary) {
            return "the people are in another order, or were invited since".to_owned();
        }
        "several of the people are not those that were shown".to_owned()
    }

    /// The run that was confirmed with this hash.
    fn started_by(&self, shown: &str) -> Option<RunId> {
        let mut earlier = self.same.iter().enumerate();
        let is_hash_after = |runs: usize| self.hash_after(self.channel, runs) == shown;
        earlier.find(|(runs, _)| is_hash_after(*runs)).map(|(_, run)| *run)
    }
}

impl Summary {
    /// The summary in a plan hash; none if it has none.
    fn read(hash: &str) -> Option<Self> {
        let mut parts = hash.split('-').skip(1);
        let people = parts.next()?.parse().ok()?;
        Some(Self { people, mark: u64::from_str_radix(parts.next()?, 16).ok()? })
    }
}

/// A number for a person, which practically no other person has.
fn mark(key: &UserKey) -> u64 {
    let hash = blake3::hash(key.folded().as_bytes());
    let first = hash.as_bytes().first_chunk().copied();
    first.map_or(0, u64::from_le_bytes)
}

/// A number of people with its verb.
fn are(people: u64) -> String {
    if people == 1 { "there is 1".to_owned() } else { format!("there are {people}") }
}

/// A number of people with its verb in the past.
fn were(people: u64) -> String {
    if people == 1 { "1 person was".to_owned() } else { format!("{people} people were") }
}

/// Whether a run has exactly these people, in this order.
fn has_people(run: &Run, selection: &Selection) -> bool {
    if run.total != selection.picks.len() as u64 {
        return false;
    }
    let listed = run.recipients.iter().map(|recipient| recipient.user);
    let people = listed.chain(run.unlisted.iter().copied()).map(Pick::Known);
    people.eq(selection.picks.iter().cloned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::testing::{channel_enabled, given, user_created};

    /// The details and the words of the refusal of a plan for `shown`, when the people are `now`.
    fn refusal(shown: &[&str], now: &[&str]) -> (Value, String) {
        let events = ["ann", "bob", "cid", "dee"].map(user_created);
        let company = given([channel_enabled()].into_iter().chain(events)).0;
        let list = |names: &[&str]| {
            let picks = names.iter().map(|name| Pick::New(UserKey::new(name))).collect();
            Selection { picks, duplicates_removed: 0 }
        };
        let (before, after) = (list(shown), list(now));
        let hash = Plan::of(&company, Channel::Whatsapp, &before).hash();
        let refusal = Plan::of(&company, Channel::Whatsapp, &after).check(Some(&hash), None);
        let refusal = refusal.unwrap_err();
        assert_eq!(refusal.code, Code::RunPlanChanged);
        (refusal.details, refusal.message)
    }

    /// LX-20: a refused confirmation says which people have changed, also if their number is the same.
    #[test]
    fn changed_plan_names_who_has_changed() {
        for (shown, now, added, removed, words) in [
            (
                &["ann", "bob"][..],
                &["ann", "cid"][..],
                &["cid"][..],
                &["bob"][..],
                "one of them is new; one is not",
            ),
            (
                &["ann"],
                &["ann", "bob"],
                &["bob"],
                &[],
                "1 person was shown, and there are 2 now; one",
            ),
            (&["ann", "bob"], &["bob"], &[], &["ann"], "there is 1 now; one is not among"),
            (&["ann", "bob"], &["cid", "dee"], &[], &[], "several of the people"),
            (&["ann", "bob"], &["bob", "ann"], &[], &[], "in another order"),
        ] {
            let (details, message) = refusal(shown, now);
            assert_eq!(details["added"], json!(added), "{shown:?} {now:?}");
            assert_eq!(details["removed"], json!(removed), "{shown:?} {now:?}");
            assert_eq!(details["expected"], json!(shown.len()));
            assert!(message.contains(words), "{message}");
        }
    }

    #[test]
    fn plan_of_another_channel_says_so() {
        let company = given([channel_enabled(), user_created("ann")]).0;
        let picks = vec![Pick::New(UserKey::new("ann"))];
        let people = Selection { picks, duplicates_removed: 0 };
        let hash = Plan::of(&company, Channel::Imessage, &people).hash();
        let plan = Plan::of(&company, Channel::Whatsapp, &people);
        let refusal = plan.check(Some(&hash), None).unwrap_err();
        assert!(refusal.message.contains("for the channel imessage"), "{}", refusal.message);
    }
}
