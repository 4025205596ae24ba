//! A user's link to each channel: not linked, invited or linked.

use boarding_commands::event::Channel;
use boarding_commands::values::CompanyId;
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

/// The state of a user's link to every channel.
#[derive(Debug)]
pub(crate) struct Links([(Channel, LinkStatus); Channel::ALL.len()]);

impl Links {
    /// The links of the user of that folded key.
    pub(crate) fn load(
        rows: &dyn Rows,
        company: &CompanyId,
        folded: &str,
        channels: &mut RunChannels<'_>,
    ) -> Result<Self, RowsError> {
        let mut links = Self(Channel::ALL.map(|channel| (channel, LinkStatus::NotLinked)));
        let Some(user) = invitations::find(rows, company, folded)? else { return Ok(links) };
        for invitation in user.invitations.iter().filter(|invitation| invitation.is_live()) {
            links.set(channels.of(invitation.run)?, LinkStatus::Invited);
        }
        // After the invitations: a link wins over an invitation to the same channel.
        for channel in user.linked {
            links.set(Some(channel), LinkStatus::Linked);
        }
        Ok(links)
    }

    fn set(&mut self, channel: Option<Channel>, state: LinkStatus) {
        for (_, link) in self.0.iter_mut().filter(|(known, _)| Some(*known) == channel) {
            *link = state;
        }
    }
}

/// An object: channel → state.
impl Serialize for Links {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(links) = self;
        let mut map = serializer.serialize_map(Some(links.len()))?;
        for (channel, state) in links {
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
        assert_eq!(link(&company), "linked");
        assert!(company.query("invitations", &json!({})).is_empty());
        let unlinked = Event::UserUnlinked { user: who("ann"), channel: Channel::Whatsapp };
        assert_eq!(link(&company.commit([unlinked])), "not_linked");
    }

    fn link(company: &TestCompany) -> serde_json::Value {
        let rows = company.rows();
        let mut channels = RunChannels::new(&rows, company.id());
        let links = Links::load(&rows, company.id(), "ann", &mut channels).unwrap();
        serde_json::json!(links)["whatsapp"].clone()
    }
}
