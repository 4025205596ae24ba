//! `ResendInvitation`: a run for people named, or for those whose last invitation came to nothing.

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Deserialize;

use crate::company::Company;
use crate::decide::rule::{Context, Decide, Decision};
use crate::decide::runs::start_bulk_integration::{
    Confirmed, MAX_NAMED_USERS, Request, channel_of, keys,
};
use crate::decide::runs::unfinished;
use crate::event::ChannelName;
use crate::event::{Permission, ResendFilter, Source};
use crate::schema::exactly_one_of;
use crate::values::{Code, Refusal, RunId};

/// A resend goes through the lock and the log like any run; the links before it die.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(transform = either_way)]
pub struct ResendInvitation {
    #[serde(alias = "run_id")]
    pub run: Option<RunId>,
    /// The only one that is enabled, unless given.
    #[schemars(with = "Option<ChannelName>")]
    pub channel: Option<String>,
    /// Either these people …
    pub users: Option<Vec<String>>,
    /// … or those in this state.
    pub filter: Option<ResendFilter>,
    /// `false` refuses the run if an unfinished run on the channel has some of the people already. By default they
    /// are invited again.
    pub again: Option<bool>,
}

fn either_way(schema: &mut Schema) {
    exactly_one_of(schema, &[&["users"], &["filter"]]);
}

impl Decide for ResendInvitation {
    // It depends on who is named.
    const NEEDS: Option<Permission> = None;

    fn result_schema(generator: &mut SchemaGenerator) -> Schema {
        Confirmed::json_schema(generator)
    }

    fn decide(&self, company: &Company, context: &Context<'_>) -> Result<Decision, Refusal> {
        context.require_to_invite(company, self.users.as_deref().unwrap_or_default())?;
        let malformed = |why: &str| Refusal::new(Code::EnvelopeMalformed).saying(why);
        let named = self.users.as_deref().unwrap_or_default();
        if self.users.is_some() == self.filter.is_some() {
            return Err(malformed("name either users or a filter"));
        }
        if named.len() > MAX_NAMED_USERS {
            return Err(malformed("too many users are named"));
        }
        let channel = channel_of(company, self.channel.as_deref())?;
        context.require_mail_settings(company)?;
        let source = Source::Resend { users: keys(named), filter: self.filter };
        let run = RunId(self.run.map_or(context.id.0, |run| run.0));
        let request = Request { run, channel, source };
        let selection = request.check(company, context.at)?;
        unfinished::check(company, &selection, channel, self.again)?;
        Ok(request.confirm(company, &selection, None))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::decide::testing::{channel_enabled, given, phone_added, user_created};

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

    #[test]
    fn resend_without_recipients_is_rejected() {
        given([channel_enabled(), user_created("ann")])
            .when_json("ResendInvitation", json!({"channel": "whatsapp", "filter": "expired"}))
            .then_refused(Code::RunEmptySelection);
        given([channel_enabled()])
            .when_json("ResendInvitation", json!({"channel": "whatsapp"}))
            .then_refused(Code::EnvelopeMalformed);
    }
}
