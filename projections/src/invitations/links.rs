//! How a user stands to each channel: not linked, invited, linked (LX-23, LX-31).

use boarding_commands::event::Channel;
use boarding_commands::values::CompanyId;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::ser::{Serialize, SerializeMap as _, Serializer};

use super::Invitations;
use crate::projection::load;
use crate::query::{Spelled, words};
use crate::rows::{Rows, RowsError};
use crate::runs::RunChannels;

words! {
    /// How a user stands to a channel: the colour of the vendor's icon (grey, orange, green).
    LinkState {
        NotLinked "not_linked"
        Invited "invited"
        Linked "linked"
    }
}

/// How a user stands to every channel.
#[derive(Debug)]
pub(crate) struct Links([(Channel, LinkState); Channel::ALL.len()]);

impl Links {
    pub(crate) fn of(
        rows: &dyn Rows,
        company: &CompanyId,
        folded: &str,
        channels: &mut RunChannels<'_>,
    ) -> Result<Self, RowsError> {
        let mut links = Self(Channel::ALL.map(|channel| (channel, LinkState::NotLinked)));
        let Some(contact) = load::<Invitations>(rows, company, folded.as_bytes())? else {
            return Ok(links);
        };
        for invitation in contact.invitations.iter().filter(|invitation| invitation.is_live()) {
            links.set(channels.of(invitation.run)?, LinkState::Invited);
        }
        for channel in contact.linked {
            links.set(Some(channel), LinkState::Linked);
        }
        Ok(links)
    }

    fn set(&mut self, channel: Option<Channel>, state: LinkState) {
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
            map.serialize_entry(channel.as_str(), &Spelled(*state))?;
        }
        map.end()
    }
}

impl JsonSchema for Links {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Links".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let state = generator.subschema_for::<Spelled<LinkState>>();
        let channels = Channel::ALL.map(Channel::as_str);
        let properties: serde_json::Map<_, _> =
            channels.iter().map(|name| ((*name).to_owned(), state.clone().into())).collect();
        json_schema!({
            "description": "How a user stands to each channel.",
            "type": "object", "properties": properties, "required": channels,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Story, requested, who};
    use boarding_commands::event::Event;
    use serde_json::json;

    /// LX-31: who is linked without an invitation is linked all the same.
    #[test]
    fn a_link_needs_no_invitation() {
        let (user, channel) = (who("ANN"), Channel::Whatsapp);
        let linked = Event::UserLinked { user, channel, invitation: None };
        let story = Story::of("acme").then([requested(1, 2)]).then([linked]);
        assert_eq!(link(&story), "linked");
        assert!(story.ask("invitations", &json!({})).is_empty());
        let unlinked = Event::UserUnlinked { user: who("ann"), channel: Channel::Whatsapp };
        assert_eq!(link(&story.then([unlinked])), "not_linked");
    }

    fn link(story: &Story) -> serde_json::Value {
        let rows = story.rows();
        let mut channels = RunChannels::new(&rows, story.company());
        let links = Links::of(&rows, story.company(), "ann", &mut channels).unwrap();
        serde_json::json!(links)["whatsapp"].clone()
    }
}
