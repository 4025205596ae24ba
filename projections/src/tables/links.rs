//! A user's link to each channel: not linked, invited or linked.

use boarding_commands::event::Channel;
use boarding_commands::values::{Code, CompanyId, Time};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::ser::{Serialize, SerializeMap as _, Serializer};

use super::invitations;
use super::runs::RunChannels;
use crate::query::{WireName, wire_enum};
use crate::rows::{Rows, RowsError};

wire_enum! {
    /// The state of a user's link to a channel: the grey, orange or green icon of the product.
    LinkStatus {
        NotLinked "not_linked"
        Invited "invited"
        Linked "linked"
    }
}

/// The state of a user's link to each channel, and why the channel's newest invitation link does
/// not work.
#[derive(Debug)]
pub(crate) struct Links([(Channel, LinkStatus, Option<Code>); Channel::ALL.len()]);

impl Links {
    /// The links of the user with this folded key. Without `now`, the expiry of links is not
    /// checked.
    pub(crate) fn load(
        rows: &dyn Rows,
        company: &CompanyId,
        folded: &str,
        now: Option<Time>,
        channels: &mut RunChannels<'_>,
    ) -> Result<Self, RowsError> {
        let mut links = Self(Channel::ALL.map(|channel| (channel, LinkStatus::NotLinked, None)));
        let Some(user) = invitations::find(rows, company, folded)? else { return Ok(links) };
        for invitation in user.live(now) {
            links.set(channels.of(invitation.run)?, LinkStatus::Invited);
        }
        for invitation in &user.invitations {
            links.set_end(channels.of(invitation.run)?, invitation.at(now).why_dead());
        }
        // Links are set after invitations: a link replaces an invitation to the same channel.
        for channel in user.linked {
            links.set(Some(channel), LinkStatus::Linked);
        }
        Ok(links)
    }

    /// Why the newest invitation link to each channel does not work.
    pub(crate) fn ends(&self) -> LinkEndCodes<'_> {
        LinkEndCodes(self)
    }

    fn set(&mut self, channel: Option<Channel>, state: LinkStatus) {
        for (_, link, _) in self.0.iter_mut().filter(|(known, ..)| Some(*known) == channel) {
            *link = state;
        }
    }

    fn set_end(&mut self, channel: Option<Channel>, code: Option<Code>) {
        for (.., end) in self.0.iter_mut().filter(|(known, ..)| Some(*known) == channel) {
            *end = code;
        }
    }
}

/// Serializes as an object: channel → code or null.
#[derive(Debug)]
pub(crate) struct LinkEndCodes<'a>(&'a Links);

impl Serialize for LinkEndCodes<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Links(links) = self.0;
        let mut map = serializer.serialize_map(Some(links.len()))?;
        for (channel, _, code) in links {
            map.serialize_entry(channel.as_str(), code)?;
        }
        map.end()
    }
}

impl JsonSchema for LinkEndCodes<'_> {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "LinkEnds".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let code = generator.subschema_for::<Option<Code>>();
        let channels = Channel::ALL.map(Channel::as_str);
        let properties: serde_json::Map<_, _> =
            channels.iter().map(|name| ((*name).to_owned(), code.clone().into())).collect();
        json_schema!({
            "description": "Why the newest invitation link to each channel does not work; null while it works, and \
                            for a user without an invitation.",
            "type": "object", "properties": properties, "required": channels,
        })
    }
}

/// Serializes as an object: channel → state.
impl Serialize for Links {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(links) = self;
        let mut map = serializer.serialize_map(Some(links.len()))?;
        for (channel, state, _) in links {
            map.serialize_entry(channel.as_str(), &WireName(*state))?;
        }
        map.end()
    }
}

impl JsonSchema for Links {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Links".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let state = generator.subschema_for::<WireName<LinkStatus>>();
        let channels = Channel::ALL.map(Channel::as_str);
        let properties: serde_json::Map<_, _> =
            channels.iter().map(|name| ((*name).to_owned(), state.clone().into())).collect();
        json_schema!({
            "description": "The state of the user's link to each channel.",
            "type": "object", "properties": properties, "required": channels,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{TestCompany, requested, who};
    use boarding_commands::event::Event;
    use serde_json::json;

    /// LX-31: a user can be linked without an invitation.
    #[test]
    fn user_without_invitation_can_be_linked() {
        let (user, channel) = (who("ANN"), Channel::Whatsapp);
        let linked = Event::UserLinked { user, channel, invitation: None };
        let company = TestCompany::new("acme").commit([requested(1, 2)]).commit([linked]);
        assert_eq!(whatsapp_link_of_ann(&company), "linked");
        assert!(company.query("invitations", &json!({})).is_empty());
        let unlinked = Event::UserUnlinked { user: who("ann"), channel: Channel::Whatsapp };
        assert_eq!(whatsapp_link_of_ann(&company.commit([unlinked])), "not_linked");
    }

    fn whatsapp_link_of_ann(company: &TestCompany) -> serde_json::Value {
        let rows = company.rows();
        let mut channels = RunChannels::new(&rows, company.id());
        let links = Links::load(&rows, company.id(), "ann", None, &mut channels).unwrap();
        serde_json::json!(links)["whatsapp"].clone()
    }
}
