//! What a preview says about the people of a run: who would be invited, and who not and why.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use crate::company::selection::{Pick, Selection};
use crate::company::{Company, Invitation, UserId};
use crate::decide::numbers::pool::Promises;
use crate::decide::outcome::MailOutcome;
use crate::decide::rule::{Context, check_mail_settings};
use crate::decide::runs::plan::Plan;
use crate::decide::runs::recipients::{InviteRules, outcome_without_mail};
use crate::decide::runs::unfinished::{self, waiting};
use crate::event::Channel;
use crate::values::{Code, ImportId, Refusal, Time};

/// The `result` of a preview: what a confirmation may hold the run to.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "RunPreview")]
pub(crate) struct Preview {
    plan_hash: String,
    recipient_count: u64,
    duplicates_removed: u64,
    #[serde(flatten)]
    parts: Parts,
    /// Why the run would be refused if the same command were confirmed now. Empty if it would be accepted.
    refusals: Vec<StartRefusal>,
    /// The import whose people it would invite; absent for another source.
    #[serde(skip_serializing_if = "Option::is_none")]
    import: Option<ImportId>,
}

/// A refusal that the start of a previewed run would get.
#[derive(Debug, Serialize, JsonSchema)]
struct StartRefusal {
    when: RefusedWhen,
    code: Code,
    message: String,
    /// The numbers and names for programs, as in the answer of a refused command.
    details: Value,
}

/// When the start of a previewed run would be refused.
#[derive(Debug, Clone, Copy, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum RefusedWhen {
    /// The same command is confirmed.
    Confirmed,
    /// The mails leave by a mail server. Now they are files or work for another program.
    ByMailServer,
}

impl Preview {
    /// The preview of a run for this selection. `again` is that of the command.
    pub(crate) fn of(
        company: &Company,
        rules: InviteRules,
        selection: &Selection,
        context: &Context<'_>,
        again: Option<bool>,
    ) -> Self {
        let confirmed = unfinished::check(company, selection, rules.channel, again).err();
        // By a mail server, this refusal answers the preview too.
        let by_mail_server = check_mail_settings(company, context.mail_setup.has_link_page).err();
        let by_mail_server = by_mail_server.filter(|_| !context.mail_setup.by_mail_server);
        let refusals = confirmed.map(|refusal| StartRefusal::of(RefusedWhen::Confirmed, refusal));
        let settings =
            by_mail_server.map(|refusal| StartRefusal::of(RefusedWhen::ByMailServer, refusal));
        Self {
            plan_hash: Plan::of(company, rules.channel, selection).hash(),
            recipient_count: selection.picks.len() as u64,
            duplicates_removed: selection.duplicates_removed,
            parts: Parts::of(company, selection, rules, context.at),
            refusals: refusals.into_iter().chain(settings).collect(),
            import: None,
        }
    }

    /// The preview of a run for the people of this import.
    pub(crate) fn of_import(self, import: Option<ImportId>) -> Self {
        Self { import, ..self }
    }
}

impl StartRefusal {
    fn of(when: RefusedWhen, refusal: Refusal) -> Self {
        let Refusal { code, message, details } = refusal;
        Self { when, code, message, details }
    }
}

/// How long ago an invitation counts as recent, in seconds: a day.
const RECENT_SECONDS: u64 = 24 * 3600;

/// The parts of the number of people, as things stand now.
#[derive(Debug, Default, Serialize, JsonSchema)]
pub(crate) struct Parts {
    #[serde(flatten)]
    outcomes: ExpectedOutcomes,
    #[serde(flatten)]
    earlier: EarlierMails,
    /// How many of the people are in a run on this channel that waits.
    in_waiting_runs: u64,
    /// How many of the people have an account that the invitation activates. The others link a messaging account.
    to_activate: u64,
    /// How many of the people get texts in place of mails: their account is a device.
    by_text: u64,
    /// What would leave now: the invitations of those who would be invited.
    to_send: ToSend,
}

/// What is known of earlier mails to the people of a run.
#[derive(Debug, Default, Serialize, JsonSchema)]
pub struct EarlierMails {
    /// How many of the people hold a link to this channel that works. A new mail may end it.
    live_links: u64,
    /// How many of the people were mailed an invitation to this channel within the last 24 hours.
    invited_within_24h: u64,
    /// How many of the people may have got an earlier mail: its delivery is uncertain.
    uncertain_before: u64,
}

impl EarlierMails {
    pub(crate) fn of(
        company: &Company,
        selection: &Selection,
        channel: Channel,
        now: Time,
    ) -> Self {
        let mut earlier = Self::default();
        for pick in &selection.picks {
            let Pick::Known(id) = *pick else { continue };
            earlier.invited_within_24h += u64::from(was_mailed_recently(company, id, channel, now));
            let Some(user) = company.users.get(id) else { continue };
            let link = user.link(channel);
            // A person knows a link only if its mail has left.
            let works = |one: &Invitation| {
                one.was_mailed()
                    && one.may_be_used()
                    && company.why_link_is_dead(id, channel, one, now).is_none()
            };
            earlier.live_links += u64::from(link.generations().any(works));
            earlier.uncertain_before += u64::from(link.is_uncertain());
        }
        earlier
    }
}

/// The invitations that a run would send if it started now.
#[derive(Debug, Default, Serialize, JsonSchema)]
struct ToSend {
    emails: u64,
    /// Texts to accounts that are devices.
    texts: u64,
    /// How many of both activate an account. The others link a messaging account.
    to_activate: u64,
}

/// The outcomes of people if a run for them started now.
#[derive(Debug, Default, Serialize, JsonSchema)]
pub struct ExpectedOutcomes {
    expected: Expected,
    /// The people who would be skipped, by the code of the reason.
    #[schemars(with = "BTreeMap<String, u64>")]
    skip_codes: BTreeMap<&'static str, u64>,
}

/// How many people would be invited, skipped, and failed by code.
#[derive(Debug, Default, Serialize, JsonSchema)]
struct Expected {
    invite: u64,
    skip: u64,
    #[schemars(with = "BTreeMap<String, u64>")]
    fail: BTreeMap<&'static str, u64>,
}

impl Parts {
    pub(crate) fn of(
        company: &Company,
        selection: &Selection,
        rules: InviteRules,
        now: Time,
    ) -> Self {
        let channel = rules.channel;
        let (outcomes, invited) = ExpectedOutcomes::of(company, selection, &rules, now);
        let to_send = ToSend::of(company, &invited);
        let earlier = EarlierMails::of(company, selection, channel, now);
        let mut parts = Self { outcomes, earlier, to_send, ..Self::default() };
        let waiting = waiting(company).filter(|(_, run)| run.channel == channel);
        let waiting: BTreeSet<UserId> = waiting.flat_map(|(_, run)| run.people()).collect();
        for pick in &selection.picks {
            let Pick::Known(id) = *pick else { continue };
            parts.in_waiting_runs += u64::from(waiting.contains(&id));
            let Some(user) = company.users.get(id) else { continue };
            parts.to_activate += u64::from(company.is_to_activate(id, user));
            parts.by_text += u64::from(company.device(id, user).is_some());
        }
        parts
    }
}

impl ToSend {
    fn of(company: &Company, invited: &[UserId]) -> Self {
        let mut to_send = Self::default();
        for id in invited {
            let Some(user) = company.users.get(*id) else { continue };
            match company.device(*id, user) {
                Some(_) => to_send.texts += 1,
                None => to_send.emails += 1,
            }
            to_send.to_activate += u64::from(company.is_to_activate(*id, user));
        }
        to_send
    }
}

impl ExpectedOutcomes {
    /// The outcomes of the people if they were invited now, and those who would get a mail.
    pub(crate) fn of(
        company: &Company,
        selection: &Selection,
        rules: &InviteRules,
        now: Time,
    ) -> (Self, Vec<UserId>) {
        let (mut outcomes, mut invited) = (Self::default(), Vec::new());
        let mut promises = Promises::default();
        for pick in &selection.picks {
            let Pick::Known(id) = *pick else {
                outcomes.fail(Code::RecipientUserNotCreated);
                continue;
            };
            let outcome = outcome_without_mail(company, rules, id, now)
                .or_else(|| promises.make(company, id).err().map(MailOutcome::failed));
            match outcome {
                None => {
                    outcomes.expected.invite += 1;
                    invited.push(id);
                }
                Some(MailOutcome::Failed { code, .. } | MailOutcome::Retry { code, .. }) => {
                    outcomes.fail(code);
                }
                Some(MailOutcome::Skipped { code, .. }) => {
                    outcomes.expected.skip += 1;
                    *outcomes.skip_codes.entry(code.as_str()).or_default() += 1;
                }
                Some(MailOutcome::Sent { .. }) => outcomes.expected.skip += 1,
            }
        }
        (outcomes, invited)
    }

    fn fail(&mut self, code: Code) {
        *self.expected.fail.entry(code.as_str()).or_default() += 1;
    }
}

fn was_mailed_recently(company: &Company, id: UserId, channel: Channel, now: Time) -> bool {
    let Some(user) = company.users.get(id) else { return false };
    // The newest generation may be a claim whose mail has not left yet.
    let is_recent = |one: &Invitation| one.mailed_at.plus_seconds(RECENT_SECONDS) > now;
    user.link(channel).generations().any(is_recent)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::decide::invitations::link_completed::testing::invited;
    use crate::decide::testing::{
        Given, NOW, a_running_run, channel_enabled, dispatched, given, phone_added, run_id,
        user_created, who,
    };
    use crate::decide::{ClaimRecipients, InviteFailed};
    use crate::event::Event;

    fn selection(company: &Company, keys: &[&str]) -> Selection {
        let known = |key: &&str| Pick::Known(company.users.find(key).unwrap().0);
        Selection { picks: keys.iter().map(known).collect(), duplicates_removed: 0 }
    }

    fn earlier(company: &Company, keys: &[&str], now: Time) -> EarlierMails {
        EarlierMails::of(company, &selection(company, keys), Channel::Whatsapp, now)
    }

    #[test]
    fn skipped_people_are_counted_by_reason() {
        let linked = ["ann", "bob"].map(|key| Event::UserLinked {
            user: who(key),
            channel: Channel::Whatsapp,
            invitation: None,
        });
        let company = given(a_running_run().into_iter().chain(linked)).0;
        let rules = InviteRules { channel: Channel::Whatsapp, resend: false, sends_texts: false };
        let people = selection(&company, &["ann", "bob"]);
        let (outcomes, invited) = ExpectedOutcomes::of(&company, &people, &rules, NOW);
        let expected = json!({
            "expected": {"invite": 0, "skip": 2, "fail": {}},
            "skip_codes": {"recipient.already_linked": 2},
        });
        assert_eq!((json!(outcomes), invited), (expected, vec![]));
    }

    #[test]
    fn people_whose_mail_may_have_arrived_are_counted() {
        let (run, fence) = (run_id(1), a_running_run().len() as u64);
        let uncertain = |key: &str| InviteFailed {
            run,
            user: key.to_owned(),
            code: Code::DeliveryUncertain,
            detail: None,
            permanent: true,
            attempt: None,
            fence: None,
        };
        let claim = ClaimRecipients { run, fence, most: 9, via: "outbox" };
        let company = given(a_running_run()).after(claim);
        let company = company.after(uncertain("ann")).after(uncertain("bob")).0;
        assert_eq!(earlier(&company, &["ann", "bob"], NOW).uncertain_before, 2);
    }

    #[test]
    fn link_whose_mail_has_not_left_is_not_live() {
        let claimed = dispatched(run_id(1), "ann", 5, 1);
        let company = given(a_running_run().into_iter().chain([claimed])).0;
        assert_eq!(earlier(&company, &["ann"], NOW).live_links, 0);
    }

    #[test]
    fn mail_is_recent_for_less_than_a_day() {
        let company = given(invited()).0;
        let day_later = NOW.plus_seconds(23 * 3600);
        let recent = |now| earlier(&company, &["ann"], now).invited_within_24h;
        assert_eq!((recent(Time(day_later.0 - 1)), recent(day_later)), (1, 0));
    }

    /// The command itself is refused for it by a mail server.
    #[test]
    fn preview_names_settings_that_a_mail_server_needs() {
        let company = given([channel_enabled(), user_created("ann"), phone_added("ann", 1)]);
        let source = json!({"users": ["ann"]});
        let body = json!({"source": source, "channel": "whatsapp", "mode": "preview"});
        let reasons = |company: &Given| {
            let result = company.when_json("StartBulkIntegration", body.clone()).result();
            result["refusals"].as_array().unwrap().iter().map(|one| one["when"].clone()).collect()
        };
        let reasons: Vec<Value> = reasons(&company);
        assert_eq!(reasons, [json!("by_mail_server")]);
    }
}
