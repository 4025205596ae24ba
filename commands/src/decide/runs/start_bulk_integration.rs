//! `StartBulkIntegration`: shows how many people a run would reach, or confirms it.

mod nobody;
mod source;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::company::Company;
use crate::company::selection::{Pick, Selection, SelectionVersion};
use crate::decide::dialect_rules::people_by_limit;
use crate::decide::rule::{Context, Decide, Decision};
use crate::decide::runs::expected::Preview;
use crate::decide::runs::plan::Plan;
use crate::decide::runs::queue::enter_queue;
use crate::decide::runs::recipients::InviteRules;
use crate::decide::runs::selection::select;
use crate::decide::runs::unfinished;
use crate::dialect::RunLimit;
use crate::event::ChannelName;
use crate::event::{Channel, Event, Permission, Source};
use crate::values::{Code, ImportId, Personal, Refusal, RunId, Time};
use nobody::Nobody;
pub(crate) use source::keys;
pub use source::{MAX_NAMED_USERS, SourceBody};

/// Asks for a run on a channel for a source of people.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StartBulkIntegration {
    #[serde(alias = "run_id")]
    #[schemars(extend("x-aliases" = ["run_id"]))]
    pub run: Option<RunId>,
    pub source: SourceBody,
    /// `whatsapp` or `imessage`, in any of the spellings the products use.
    #[schemars(with = "ChannelName")]
    pub channel: String,
    pub mode: Mode,
    /// What the preview answered: the run is refused if the list has changed since. Confirmed runs need this or
    /// `expected_recipients`.
    pub plan_hash: Option<String>,
    /// The number that was shown: the run is refused if it is no longer right. Confirmed runs need this or `plan_hash`.
    pub expected_recipients: Option<u64>,
    /// The run waits until then before it enters the queue.
    pub not_before: Option<Time>,
    /// `false` refuses the run if an unfinished run on the channel has some of the people already. By default they
    /// are invited again.
    pub again: Option<bool>,
}

/// Whether the run is only shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    Preview,
    Confirmed,
}

/// How far in the past a start may be and count as now, in seconds: the time that a person needs to send the command.
const NOT_BEFORE_GRACE_SECONDS: u64 = 60;

/// The most recipients that one commit lists, in people; a longer list goes on in further commits.
pub const RECIPIENTS_PER_COMMIT: usize = 500;

/// The `result` of a run that was confirmed.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "RunConfirmed")]
pub(crate) struct Confirmed {
    run: RunId,
    state: ConfirmedState,
    /// Its place among the waiting, from 1; null unless pending.
    queue_place: Option<u64>,
    /// How many people it is for.
    total: u64,
    /// The import whose people it invites; absent for another source.
    #[serde(skip_serializing_if = "Option::is_none")]
    import: Option<ImportId>,
}

/// Where a run stands once it is confirmed.
#[derive(Debug, Clone, Copy, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum ConfirmedState {
    Scheduled,
    Pending,
    Running,
}

impl Decide for StartBulkIntegration {
    // A valid token needs no permission; without a token the rule requires one.
    const NEEDS: Option<Permission> = None;

    fn result_schema(generator: &mut SchemaGenerator) -> Schema {
        let (confirmed, preview) =
            (generator.subschema_for::<Confirmed>(), generator.subschema_for::<Preview>());
        json_schema!({"anyOf": [confirmed, preview]})
    }

    fn decide(&self, company: &Company, context: &Context<'_>) -> Result<Decision, Refusal> {
        if self.source.token.is_none() {
            context.require(company, Permission::BulkIntegrateUsers)?;
        }
        if self.source.org_units.is_some() {
            context.require(company, Permission::ViewOrgUnits)?;
        }
        let channel = read_channel(company, &self.channel)?;
        context.require_mail_settings(company)?;
        let wait_until = self.wait_until(context.at)?;
        let source = self.source.read(company, context)?;
        let run = RunId(self.run.map_or(context.id.0, |run| run.0));
        let request = RunRequest { run, channel, source, list: self.source.list() };
        let selection = request.check(company, context.at)?;
        let plan = Plan::of(company, channel, &selection);
        if self.mode == Mode::Preview {
            let rules = request.rules(context);
            let preview = Preview::of(company, rules, &selection, context, self.again);
            let result = json!(preview.of_import(request.source.import()));
            return Ok(Decision::Answer { result });
        }
        // A run that goes on changes the plan all the time. Its id helps more than the changed plan.
        unfinished::check(company, &selection, channel, self.again)?;
        // The link of an administrator's mail works once and for one import, so it needs no preview.
        if self.source.token.is_none()
            || self.plan_hash.is_some()
            || self.expected_recipients.is_some()
        {
            plan.check(self.plan_hash.as_deref(), self.expected_recipients)?;
        }
        let run = request.run;
        let decision = request.confirm(company, &selection, wait_until);
        let link = self.source.token.as_ref().and(context.facts.import());
        Ok(decision.with_events(link.map(|(import, _)| Event::ImportLinkUsed { import, run })))
    }
}

impl StartBulkIntegration {
    /// When the run may enter the queue, if that is later than now.
    ///
    /// # Errors
    /// `run.not_before_in_past`, if the time was over before the command could be sent.
    fn wait_until(&self, now: Time) -> Result<Option<Time>, Refusal> {
        let Some(not_before) = self.not_before else { return Ok(None) };
        if not_before.plus_seconds(NOT_BEFORE_GRACE_SECONDS) < now {
            let more = format!("{not_before}, and it is {now} now");
            let details = json!({"not_before": not_before, "now": now});
            return Err(Refusal::new(Code::RunNotBeforeInPast).saying(&more).with(details));
        }
        Ok((not_before > now).then_some(not_before))
    }
}

/// Reads a channel's name and rejects a channel that is not enabled.
///
/// # Errors
/// `channel.unknown`, `channel.not_enabled`.
pub(crate) fn read_channel(company: &Company, name: &str) -> Result<Channel, Refusal> {
    let known: Vec<_> = Channel::ALL.iter().map(|channel| channel.as_str()).collect();
    let channel = Channel::read(name)
        .ok_or_else(|| Refusal::new(Code::ChannelUnknown).with(json!({"known": known})))?;
    if !company.settings.channel_enabled(channel) {
        let details = json!({"channel": channel.as_str()});
        return Err(Refusal::new(Code::ChannelNotEnabled).with(details));
    }
    Ok(channel)
}

/// The channel that is named, or the only one that is enabled.
///
/// # Errors
/// `channel.*`; `field.required` where none is named and several could be meant, or none.
pub(crate) fn channel_of(company: &Company, name: Option<&str>) -> Result<Channel, Refusal> {
    if let Some(name) = name {
        return read_channel(company, name);
    }
    let mut enabled = Channel::ALL.into_iter().filter(|one| company.settings.channel_enabled(*one));
    match (enabled.next(), enabled.next()) {
        (Some(only), None) => Ok(only),
        _ => Err(Refusal::new(Code::FieldRequired)
            .saying("channel")
            .with(json!({"field": "channel"}))),
    }
}

/// A requested run, by this command or by a resend.
#[derive(Debug, Clone)]
pub(crate) struct RunRequest {
    pub run: RunId,
    pub channel: Channel,
    pub source: Source,
    /// How its people are listed.
    pub list: SelectionVersion,
}

impl RunRequest {
    /// The people it is for, if the run may be created at all.
    ///
    /// # Errors
    /// `run.*`, `import.*`, `org_unit.*`.
    pub(crate) fn check(&self, company: &Company, at: Time) -> Result<Selection, Refusal> {
        self.check_id(company)?;
        let selection = select(company, self.list, &self.source, self.channel, at)?;
        if selection.picks.is_empty() {
            let (source, channel, list) = (&self.source, self.channel, self.list);
            return Err(Nobody { source, channel, list, at }.refusal(company));
        }
        let people = people_by_limit(company, &self.source, &selection.picks);
        self.check_size(company, people)?;
        Ok(selection)
    }

    /// What the run says about whether a person is invited.
    pub(crate) fn rules(&self, context: &Context<'_>) -> InviteRules {
        let resend = self.source.replaces_live_links();
        let sends_texts = context.mail_setup.texts_via.is_some();
        InviteRules { channel: self.channel, resend, sends_texts }
    }

    /// # Errors
    /// `run.already_exists`.
    pub(crate) fn check_id(&self, company: &Company) -> Result<(), Refusal> {
        let taken = company.runs.contains_key(&self.run);
        if taken { Err(Code::RunAlreadyExists.into()) } else { Ok(()) }
    }

    /// Whether there may be a run for so many people of each limit now.
    ///
    /// # Errors
    /// `run.empty_selection`, `run.too_many_recipients`, `run.queue_full`.
    pub(crate) fn check_size(
        &self,
        company: &Company,
        people: impl IntoIterator<Item = (RunLimit, u64)>,
    ) -> Result<(), Refusal> {
        let mut is_empty = true;
        for (limit, actual) in people {
            is_empty &= actual == 0;
            match limit {
                RunLimit::Setting => {
                    let limit = company.settings.bulk_integration_max_records;
                    if actual > limit {
                        return Err(too_many(limit, actual));
                    }
                }
                // This limit cannot be raised, so the refusal does not have the code of the setting.
                RunLimit::Product(limit) if actual > limit => {
                    let details = json!({"limit": limit, "actual": actual});
                    return Err(too_many(limit, actual).with(details));
                }
                RunLimit::Product(_) | RunLimit::Unlimited => {}
            }
        }
        if is_empty {
            return Err(Code::RunEmptySelection.into());
        }
        let waiting = company.lock.queue().len() + company.scheduled.len();
        if waiting as u64 >= company.settings.max_pending_runs {
            let details = json!({"limit": company.settings.max_pending_runs, "actual": waiting});
            return Err(Refusal::new(Code::RunQueueFull).with(details));
        }
        Ok(())
    }

    /// The run as it would be confirmed now.
    pub(crate) fn confirmed(&self, company: &Company, selection: &Selection) -> Confirmed {
        let waits = company.lock.holder().is_some();
        let place = company.lock.queue().len() as u64 + 1;
        Confirmed {
            run: self.run,
            state: if waits { ConfirmedState::Pending } else { ConfirmedState::Running },
            queue_place: waits.then_some(place),
            total: selection.picks.len() as u64,
            import: self.source.import(),
        }
    }

    /// Freezes the list and enters the queue, or waits for its time.
    pub(crate) fn confirm(
        self,
        company: &Company,
        selection: &Selection,
        not_before: Option<Time>,
    ) -> Decision {
        let listed = selection.picks.iter().take(RECIPIENTS_PER_COMMIT);
        let listed = listed.map(|pick| recipient_queued(company, self.run, pick)).collect();
        let people = (selection.picks.len() as u64, selection.duplicates_removed);
        self.enter(company, people, listed, not_before)
    }

    /// Adds the run to the queue or schedules it. The counts are the people and the removed duplicates. The first
    /// people are `listed`; the others are in further commits.
    pub(crate) fn enter(
        self,
        company: &Company,
        (total, duplicates_removed): (u64, u64),
        listed: Vec<Event>,
        not_before: Option<Time>,
    ) -> Decision {
        let Self { run, channel, source, list } = self;
        let (list_version, import) = (list.stored(&source), source.import());
        let mut events = vec![Event::RunRequested {
            run,
            channel,
            source,
            total,
            duplicates_removed,
            not_before,
            list_version,
        }];
        events.extend(listed);
        let (state, queue_place) = match not_before {
            Some(not_before) => {
                events.push(Event::RunScheduled { run, not_before });
                (ConfirmedState::Scheduled, None)
            }
            None => {
                let place = company.lock.queue().len() + 1;
                enter_queue(company, run, &mut events);
                let started = matches!(events.last(), Some(Event::RunStarted { .. }));
                if started {
                    (ConfirmedState::Running, None)
                } else {
                    (ConfirmedState::Pending, Some(place as u64))
                }
            }
        };
        let confirmed = Confirmed { run, state, queue_place, total, import };
        Decision::append(events).with_result(json!(confirmed))
    }
}

/// The vendor's number for "exceeds max records size limit".
pub(crate) const LEGACY_LIMIT_CODE: u32 = 20001;

/// `run.too_many_recipients`: a run over the limit is rejected whole.
pub(crate) fn too_many(limit: u64, actual: u64) -> Refusal {
    let details = json!({"limit": limit, "actual": actual, "legacy_code": LEGACY_LIMIT_CODE});
    let more = format!("{actual} people, the limit is {limit}");
    Refusal::new(Code::RunTooManyRecipients).saying(&more).with(details)
}

fn recipient_queued(company: &Company, run: RunId, pick: &Pick) -> Event {
    Event::RecipientQueued { run, user: Personal(company.key_of(pick)) }
}

#[cfg(test)]
mod spec;
