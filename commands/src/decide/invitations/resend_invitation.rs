//! `ResendInvitation`: a run for people named, or for those whose last invitation came to nothing.

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::company::selection::{Pick, SelectionVersion};
use crate::company::{Company, InvitationState, User, UserId, UserState};
use crate::decide::rule::{Context, Decide, Decision};
use crate::decide::runs::expected::Preview;
use crate::decide::runs::plan::Plan;
use crate::decide::runs::start_bulk_integration::{
    Confirmed, MAX_NAMED_USERS, Mode, RunRequest, channel_of, keys, too_many,
};
use crate::decide::runs::unfinished;
use crate::event::{Channel, ChannelName};
use crate::event::{Permission, ResendFilter, Source};
use crate::schema::exactly_one_of;
use crate::values::{Code, Refusal, RunId, Time};

/// A resend goes through the lock and the log like any run; the links before it die.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(transform = either_way)]
pub struct ResendInvitation {
    #[serde(alias = "run_id")]
    #[schemars(extend("x-aliases" = ["run_id"]))]
    pub run: Option<RunId>,
    /// The only one that is enabled, unless given.
    #[schemars(with = "Option<ChannelName>")]
    pub channel: Option<String>,
    /// Either these people …
    pub users: Option<Vec<String>>,
    /// … or those in this state.
    pub filter: Option<ResendBy>,
    /// With a filter: only the first people that it finds.
    #[schemars(range(min = 1, max = MAX_NAMED_USERS))]
    pub limit: Option<usize>,
    /// `false` refuses the run if an unfinished run on the channel has some of the people already. By default they
    /// are invited again.
    pub again: Option<bool>,
    /// `preview` shows the number of people and its parts, and requests nothing. Without it the run is confirmed.
    pub mode: Option<Mode>,
    /// What the preview answered: the run is refused if the list has changed since.
    pub plan_hash: Option<String>,
}

/// The people to invite: active people without a link, by the state of their last mail or link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ResendBy {
    /// The last mail was sent and came back for good.
    Bounced,
    /// The last link has expired.
    Expired,
    /// No mail was ever tried.
    NotInvited,
    /// The last mail certainly failed.
    Failed,
    /// The last mail may have been sent.
    Uncertain,
    /// No mail was ever sent: none was tried, or all failed.
    NeverSent,
    /// The last link has ended, because what it was sent on is no longer true. The run names the people.
    Ended,
}

impl ResendBy {
    /// The filter that the run stores; none if the run names the people.
    fn stored(self) -> Option<ResendFilter> {
        Some(match self {
            Self::Bounced => ResendFilter::Bounced,
            Self::Expired => ResendFilter::Expired,
            Self::NotInvited => ResendFilter::NotInvited,
            Self::Failed => ResendFilter::Failed,
            Self::Uncertain => ResendFilter::Uncertain,
            Self::NeverSent => ResendFilter::NeverSent,
            Self::Ended => return None,
        })
    }
}

/// The people whose last link has ended by its reason and who may be invited again.
///
/// # Errors
/// `run.empty_selection`.
fn ended(company: &Company, channel: Channel) -> Result<Vec<String>, Refusal> {
    let has_ended = |(_, user): &(UserId, &User)| {
        let link = user.link(channel);
        let newest = link.invitation.map(|newest| newest.state);
        let ended = matches!(newest, Some(InvitationState::Ended(_)));
        user.state == UserState::Active && !link.linked && ended
    };
    let people = company.users.iter().filter(has_ended);
    let people: Vec<String> = people.map(|(_, user)| user.key().as_str().to_owned()).collect();
    if people.is_empty() { Err(Code::RunEmptySelection.into()) } else { Ok(people) }
}

/// The run; a preview says which it would be.
#[derive(Debug, Serialize, JsonSchema)]
struct Resent {
    #[serde(flatten)]
    run: Confirmed,
    /// Only in a preview: the number of people and its parts.
    #[serde(flatten)]
    preview: Option<Preview>,
}

fn either_way(schema: &mut Schema) {
    exactly_one_of(schema, &[&["users"], &["filter"]]);
}

impl Decide for ResendInvitation {
    // It depends on who is named.
    const NEEDS: Option<Permission> = None;

    fn result_schema(generator: &mut SchemaGenerator) -> Schema {
        Resent::json_schema(generator)
    }

    fn decide(&self, company: &Company, context: &Context<'_>) -> Result<Decision, Refusal> {
        let named = self.named(company);
        if self.filter.is_none() {
            context.require_to_invite(company, &named)?;
        } else if context.require(company, Permission::BulkIntegrateUsers).is_err() {
            // The filter finds the people below. If all of them have accounts, this permission is enough.
            context.require(company, Permission::Accounts)?;
        }
        let malformed = |why: &str| Refusal::new(Code::EnvelopeMalformed).saying(why);
        if self.users.is_some() == self.filter.is_some() {
            return Err(malformed("name either users or a filter"));
        }
        if named.len() > MAX_NAMED_USERS {
            return Err(malformed("too many users are named"));
        }
        if self
            .limit
            .is_some_and(|limit| self.filter.is_none() || !(1..=MAX_NAMED_USERS).contains(&limit))
        {
            return Err(malformed(&format!("limit: 1 to {MAX_NAMED_USERS}, with a filter")));
        }
        let channel = channel_of(company, self.channel.as_deref())?;
        context.require_mail_settings(company)?;
        let source = self.source(company, &named, channel, context.at)?;
        let run = RunId(self.run.map_or(context.id.0, |run| run.0));
        let request = RunRequest { run, channel, source, list: SelectionVersion::CURRENT };
        let selection = request.check(company, context.at)?;
        let is_account =
            |pick: &Pick| matches!(pick, Pick::Known(id) if company.numbers.is_account(*id));
        if self.filter.is_some() && !selection.picks.iter().all(is_account) {
            context.require(company, Permission::BulkIntegrateUsers)?;
        }
        if self.mode == Some(Mode::Preview) {
            let preview =
                Some(Preview::of(company, request.rules(context), &selection, context, self.again));
            let run = request.confirmed(company, &selection);
            return Ok(Decision::Answer { result: json!(Resent { run, preview }) });
        }
        unfinished::check(company, &selection, channel, self.again)?;
        if let Some(hash) = &self.plan_hash {
            Plan::of(company, channel, &selection).check(Some(hash), None)?;
        }
        Ok(request.confirm(company, &selection, None))
    }
}

impl ResendInvitation {
    /// The people of the run. The first people of a filter are named, as are those whose link has ended.
    ///
    /// # Errors
    /// `run.empty_selection`, `run.too_many_recipients`.
    fn source(
        &self,
        company: &Company,
        named: &[String],
        channel: Channel,
        at: Time,
    ) -> Result<Source, Refusal> {
        let limit = self.limit.unwrap_or(usize::MAX);
        let mut people = match self.filter {
            None => named.to_vec(),
            Some(ResendBy::Ended) => ended(company, channel)?,
            Some(filter) => {
                let filtered = Source::Resend { users: Vec::new(), filter: filter.stored() };
                if self.limit.is_none() {
                    return Ok(filtered);
                }
                let found = company.select(SelectionVersion::CURRENT, &filtered, channel, at);
                found.picks.iter().map(|pick| company.key_of(pick).as_str().to_owned()).collect()
            }
        };
        people.truncate(limit);
        if people.len() > MAX_NAMED_USERS {
            let (limit, actual) = (MAX_NAMED_USERS, people.len());
            let refusal = too_many(limit as u64, actual as u64);
            return Err(refusal.with(json!({"limit": limit, "actual": actual})));
        }
        Ok(Source::Resend { users: keys(&people), filter: None })
    }

    /// The keys of the people who are named. An account may be named by its address, a device by its number in any
    /// spelling.
    fn named(&self, company: &Company) -> Vec<String> {
        self.users.iter().flatten().map(|given| company.key_meant(given)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::testing::{channel_enabled, given, phone_added, user_created, who};
    use crate::event::Event;

    #[test]
    fn those_never_invited_are_found_by_the_filter() {
        let people =
            [channel_enabled(), user_created("ann"), phone_added("ann", 1), user_created("bob")];
        let then = given(people)
            .when_json("ResendInvitation", json!({"channel": "whatsapp", "filter": "not_invited"}));
        assert_eq!(
            then.names(),
            ["RunRequested", "RecipientQueued", "RecipientQueued", "RunQueued", "RunStarted"]
        );
    }

    /// ML-01, ML-10: with the privilege "Accounts" alone, accounts are invited by a filter. Other people are not.
    #[test]
    fn accounts_privilege_is_enough_to_invite_accounts_by_filter() {
        let actor = crate::values::Personal("jane@acme.example".to_owned());
        let granted = Event::PermissionsGranted { actor, permissions: vec![Permission::Accounts] };
        let opened = Event::AccountOpened { user: who("ann"), import: None };
        let company = vec![channel_enabled(), user_created("ann"), opened, granted];
        let body = json!({"channel": "whatsapp", "filter": "not_invited"});
        given(company.clone()).when_json("ResendInvitation", body.clone()).0.unwrap();
        let others = company.into_iter().chain([user_created("bob"), phone_added("bob", 1)]);
        given(others).when_json("ResendInvitation", body).then_refused(Code::AuthPermissionDenied);
    }

    /// ML-10: the number is shown before anything is sent, and a list that has changed since is refused.
    #[test]
    fn resend_is_previewed_with_its_number() {
        let company = given([channel_enabled(), user_created("ann"), phone_added("ann", 1)]);
        let body = |more: serde_json::Value| {
            let mut body = json!({"channel": "whatsapp", "filter": "not_invited"});
            body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            body
        };
        let preview = company.when_json("ResendInvitation", body(json!({"mode": "preview"})));
        assert_eq!(preview.events(), []);
        let shown = preview.result();
        assert_eq!(
            (&shown["recipient_count"], &shown["expected"]["invite"]),
            (&json!(1), &json!(1))
        );
        let confirmed = body(json!({"plan_hash": shown["plan_hash"]}));
        company.when_json("ResendInvitation", confirmed).0.unwrap();
        company
            .when_json("ResendInvitation", body(json!({"plan_hash": "ab"})))
            .then_refused(Code::RunPlanChanged);
    }

    /// A part of the people of a filter is invited: a product's limit does not lock out the others.
    #[test]
    fn limit_invites_the_first_people_of_a_filter() {
        let people = ["ann", "bob", "cid"].map(user_created);
        let company = given([channel_enabled()].into_iter().chain(people));
        let body = |filter: &str, limit: u64| json!({"filter": filter, "limit": limit});
        let then = company.when_json("ResendInvitation", body("not_invited", 2));
        let Event::RunRequested {
            source: Source::Resend { users, filter: None }, total: 2, ..
        } = &then.events()[0]
        else {
            panic!("{:?}", then.events())
        };
        assert_eq!(users, &[who("ann"), who("bob")]);
        for bad in [
            body("not_invited", 0),
            body("not_invited", MAX_NAMED_USERS as u64 + 1),
            json!({"users": ["ann"], "limit": 1}),
        ] {
            company.when_json("ResendInvitation", bad).then_refused(Code::EnvelopeMalformed);
        }
        company
            .when_json("ResendInvitation", body("ended", 1))
            .then_refused(Code::RunEmptySelection);
    }

    #[test]
    fn resend_without_recipients_is_rejected() {
        given([channel_enabled(), user_created("ann")])
            .when_json("ResendInvitation", json!({"channel": "whatsapp", "filter": "expired"}))
            .then_refused(Code::RunEmptySelection);
        given([channel_enabled()])
            .when_json("ResendInvitation", json!({"channel": "whatsapp"}))
            .then_refused(Code::EnvelopeMalformed);
    }

    #[test]
    fn people_of_ended_links_are_active_and_not_linked() {
        use crate::decide::testing::{a_running_run, dispatched, run_id};
        use crate::values::InvitationId;
        let channel = Channel::Whatsapp;
        let mut events = a_running_run();
        for (key, n) in [("ann", 1), ("bob", 2)] {
            let (user, invitation) = (who(key), InvitationId(ulid::Ulid(n)));
            let (generation, code) = (1, Code::InvitationAddressChanged);
            events.push(dispatched(run_id(1), key, n, 1));
            events.push(Event::InvitationEnded { user, channel, invitation, generation, code });
        }
        let found = |more: &[Event]| {
            let company = given(events.iter().chain(more).cloned()).0;
            ended(&company, channel).map_err(|refusal| refusal.code)
        };
        let keys = |keys: &[&str]| Ok(keys.iter().map(|key| (*key).to_owned()).collect());
        let off = Event::UserDeactivated { user: who("bob"), row: None };
        let linked = Event::UserLinked { user: who("ann"), channel, invitation: None };
        assert_eq!(found(&[]), keys(&["ann", "bob"]));
        assert_eq!(found(std::slice::from_ref(&off)), keys(&["ann"]));
        assert_eq!(found(std::slice::from_ref(&linked)), keys(&["bob"]));
        assert_eq!(found(&[off, linked]), Err(Code::RunEmptySelection));
    }
}
