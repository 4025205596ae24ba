//! Invitations and links: each user's way into each channel (query `invitations`; LX-23, LX-31, P21).

mod links;

use boarding_commands::commit::Fact;
use boarding_commands::event::{Channel, Delivery, Event, Permission, Who};
use boarding_commands::values::{CompanyId, InvitationId, RunId, Time, UserKey};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::ReadModel;
use crate::projection::{Projection, Projector, load};
use crate::query::{Answer, Asked, Param, Query, QueryError, Spelled, page, shape_of, words};
use crate::rows::{Rows, RowsError, Table};
use crate::runs::RunChannels;

pub use links::LinkState;
pub(crate) use links::Links;

pub const MODEL: ReadModel = ReadModel {
    projectors: &[Projector::of::<Invitations>()],
    queries: &[Query {
        name: "invitations",
        permission: Some(Permission::BulkIntegrateUsers),
        params: &[Param::word::<InvitationState>("state"), Param::text("user")],
        paged: true,
        row: shape_of::<InvitationShown>,
        columns: None,
        answer: invitations,
    }],
};

words! {
    /// Where an invitation's newest generation stands.
    InvitationState {
        Created "created"
        Sent "sent"
        Delivered "delivered"
        Deferred "deferred"
        Bounced "bounced"
        Linked "linked"
        Expired "expired"
        Revoked "revoked"
    }
}

impl InvitationState {
    /// Whether it is over: what is still heard of the mail changes nothing.
    fn is_over(self) -> bool {
        matches!(self, Self::Bounced | Self::Linked | Self::Expired | Self::Revoked)
    }
}

/// The newest generation of an invitation; the ones before it are superseded.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Invitation {
    pub invitation: InvitationId,
    /// The run that sent this generation. Its channel is the invitation's.
    pub run: RunId,
    pub generation: u32,
    pub state: InvitationState,
    pub sent_at: Option<Time>,
    pub expires_at: Option<Time>,
}

impl Invitation {
    /// Whether a link is on its way that still works, as far as anybody knows.
    fn is_live(&self) -> bool {
        use InvitationState as S;
        self.sent_at.is_some() && matches!(self.state, S::Sent | S::Delivered | S::Deferred)
    }

    fn show(&self, user: &Who, channel: Option<Channel>) -> Value {
        json!(InvitationShown {
            invitation: self.invitation,
            user,
            channel,
            state: Spelled(self.state),
            generation: self.generation,
            sent_at: self.sent_at,
            expires_at: self.expires_at,
        })
    }
}

/// An invitation of a user to a channel, in its newest generation.
#[derive(Serialize, JsonSchema)]
struct InvitationShown<'a> {
    invitation: InvitationId,
    user: &'a Who,
    channel: Option<Channel>,
    state: Spelled<InvitationState>,
    /// Counts the resends.
    generation: u32,
    sent_at: Option<Time>,
    expires_at: Option<Time>,
}

/// A user's invitations and links, one row a user: reports name the run and the user, not the invitation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Contact {
    pub user: Who,
    pub invitations: Vec<Invitation>,
    pub linked: Vec<Channel>,
}

impl Contact {
    /// Whether the user is not on board yet and may still come by an invitation.
    pub(crate) fn is_pending(&self) -> bool {
        use InvitationState as S;
        let open = |one: &Invitation| {
            matches!(one.state, S::Created | S::Sent | S::Delivered | S::Deferred)
        };
        self.linked.is_empty() && self.invitations.iter().any(open)
    }

    /// The invitation that this run sent, unless a later one has taken its place.
    fn of_run(&mut self, run: RunId) -> Option<&mut Invitation> {
        self.invitations.iter_mut().find(|invitation| invitation.run == run)
    }

    fn of_id(&mut self, id: InvitationId) -> Option<&mut Invitation> {
        self.invitations.iter_mut().find(|invitation| invitation.invitation == id)
    }
}

/// Contacts by folded user key.
#[derive(Debug)]
pub struct Invitations;

impl Projection for Invitations {
    const TABLE: Table = Table::Invitations;
    const VERSION: u32 = 3;
    type Row = Contact;

    fn key(fact: &Fact<'_>) -> Option<Vec<u8>> {
        match fact.event {
            Event::InviteDispatched { user, .. }
            | Event::InviteDeferred { user, .. }
            | Event::InviteSent { user, .. }
            | Event::InviteFailed { user, .. }
            | Event::DeliveryRecorded { user, .. }
            | Event::UserLinked { user, .. }
            | Event::UserUnlinked { user, .. }
            | Event::InvitationExpired { user, .. }
            | Event::InvitationRevoked { user, .. } => Some(user.folded().into()),
            _ => None,
        }
    }

    fn evolve(row: Option<Contact>, fact: &Fact<'_>) -> Option<Contact> {
        let mut contact = match (row, fact.event) {
            (Some(contact), _) => contact,
            (None, Event::InviteDispatched { user, .. } | Event::UserLinked { user, .. }) => {
                Contact { user: user.clone(), invitations: Vec::new(), linked: Vec::new() }
            }
            (None, _) => return None,
        };
        match fact.event {
            Event::InviteDispatched { run, invitation, generation, .. } => {
                contact.dispatch(*run, *invitation, *generation);
            }
            Event::UserLinked { channel, invitation, .. } => {
                contact.linked.retain(|linked| linked != channel);
                contact.linked.push(*channel);
                if let Some(invitation) = invitation.and_then(|id| contact.of_id(id)) {
                    invitation.state = InvitationState::Linked;
                }
            }
            Event::UserUnlinked { channel, .. } => {
                contact.linked.retain(|linked| linked != channel);
            }
            Event::InvitationExpired { invitation, generation, .. } => {
                contact.end(*invitation, *generation, InvitationState::Expired);
            }
            Event::InvitationRevoked { invitation, generation, .. } => {
                contact.end(*invitation, *generation, InvitationState::Revoked);
            }
            event => contact.report(event, fact.commit.at),
        }
        Some(contact)
    }
}

/// The invitations and links of the user of that folded key, if there ever were any.
pub(crate) fn find(
    rows: &dyn Rows,
    company: &CompanyId,
    folded: &str,
) -> Result<Option<Contact>, RowsError> {
    load::<Invitations>(rows, company, folded.as_bytes())
}

impl Contact {
    fn dispatch(&mut self, run: RunId, id: InvitationId, generation: u32) {
        self.invitations.retain(|invitation| invitation.invitation != id);
        self.invitations.push(Invitation {
            invitation: id,
            run,
            generation,
            state: InvitationState::Created,
            sent_at: None,
            expires_at: None,
        });
    }

    fn end(&mut self, id: InvitationId, generation: u32, state: InvitationState) {
        if let Some(invitation) = self.of_id(id)
            && invitation.generation == generation
        {
            invitation.state = state;
        }
    }

    /// What was heard of the mail itself.
    fn report(&mut self, event: &Event, now: Time) {
        let (run, state) = match event {
            Event::InviteSent { run, .. } => (*run, InvitationState::Sent),
            Event::InviteDeferred { run, .. } => (*run, InvitationState::Deferred),
            Event::InviteFailed { run, code, .. } if !code.leaves_delivery_open() => {
                (*run, InvitationState::Bounced)
            }
            Event::DeliveryRecorded { run, delivery, .. } => match delivery {
                Delivery::Delivered => (*run, InvitationState::Delivered),
                Delivery::BouncedHard => (*run, InvitationState::Bounced),
                Delivery::BouncedSoft => (*run, InvitationState::Deferred),
                Delivery::Complained => return,
            },
            _ => return,
        };
        let Some(invitation) = self.of_run(run) else { return };
        if !invitation.state.is_over() {
            invitation.state = state;
        }
        if let Event::InviteSent { expires_at, .. } = event {
            invitation.sent_at = Some(now);
            invitation.expires_at = Some(*expires_at);
        }
    }
}

fn invitations(asked: &Asked<'_>, rows: &dyn Rows) -> Result<Answer, QueryError> {
    let state = asked.word::<InvitationState>("state")?;
    let user = asked.text("user")?.map(|user| UserKey::new(user).folded());
    let mut channels = RunChannels::new(rows, asked.company);
    let prefix = user.as_deref().unwrap_or_default().as_bytes();
    page::<Invitations, _>(asked, rows, prefix, |key, contact| {
        let wanted_user = user.as_ref().is_none_or(|user| user.as_bytes() == key);
        let wanted = |it: &Invitation| wanted_user && state.is_none_or(|state| it.state == state);
        let mut shown = Vec::with_capacity(contact.invitations.len());
        for invitation in &contact.invitations {
            let channel = channels.of(invitation.run)?;
            shown.push(wanted(invitation).then(|| invitation.show(&contact.user, channel)));
        }
        Ok(shown)
    })
}

#[cfg(test)]
mod tests {
    use boarding_commands::values::Code;

    use super::*;
    use crate::testing::{Story, at, column, dispatched, invitation, requested, run, sent, who};

    fn story() -> Story {
        Story::of("acme").then([requested(1, 2), requested(2, 2)])
    }

    fn invited(story: Story, n: u128, generation: u32) -> Story {
        story.then([dispatched(n, "ann", 1, generation)]).then([sent(n, "ann", 1)])
    }

    fn only(story: &Story) -> Value {
        let [row] = &story.ask("invitations", &json!({}))[..] else { panic!("not one row") };
        row.clone()
    }

    fn recorded(n: u128, delivery: Delivery) -> Event {
        let message_id = format!("<{n}.ann@boarding.invalid>");
        Event::DeliveryRecorded { run: run(n), user: who("ann"), message_id, delivery, code: None }
    }

    fn linked(id: Option<InvitationId>) -> Event {
        Event::UserLinked { user: who("ANN"), channel: Channel::Whatsapp, invitation: id }
    }

    fn link(story: &Story) -> Value {
        let rows = story.rows();
        let mut channels = RunChannels::new(&rows, story.company());
        let links = Links::of(&rows, story.company(), "ann", &mut channels).unwrap();
        serde_json::json!(links)["whatsapp"].clone()
    }

    #[test]
    fn an_invitation_shows_its_channel_and_its_times() {
        assert_eq!(
            only(&invited(story(), 1, 1)),
            json!({"invitation": invitation("ann"), "user": "ann", "channel": "whatsapp",
                "state": "sent", "generation": 1, "sent_at": at(2), "expires_at": at(24 * 3600)})
        );
    }

    #[test]
    fn the_state_follows_the_mail_and_then_the_link() {
        let story = story().then([dispatched(1, "ann", 1, 1)]);
        assert_eq!(only(&story)["state"], "created");
        let story = story.then([sent(1, "ann", 1)]);
        for (event, state, colour) in [
            (recorded(1, Delivery::BouncedSoft), "deferred", "invited"),
            (recorded(1, Delivery::Delivered), "delivered", "invited"),
            (recorded(1, Delivery::Complained), "delivered", "invited"),
        ] {
            let story = story.clone().then([recorded(1, Delivery::Delivered), event]);
            assert_eq!(
                (only(&story)["state"].clone(), link(&story)),
                (json!(state), json!(colour))
            );
        }
        let story = story.then([linked(Some(invitation("ann")))]);
        let story = story.then([recorded(1, Delivery::BouncedHard)]);
        assert_eq!(
            (only(&story)["state"].clone(), link(&story)),
            (json!("linked"), json!("linked"))
        );
    }

    #[test]
    fn a_mail_refused_for_good_is_a_bounce_and_leaves_nobody_invited() {
        let code = Code::RecipientEmailUndeliverable;
        let failed =
            Event::InviteFailed { run: run(1), user: who("ann"), attempt: 1, code, detail: None };
        let refused = story().then([dispatched(1, "ann", 1, 1), failed]);
        let late = invited(story(), 1, 1).then([recorded(1, Delivery::BouncedHard)]);
        for story in [refused, late] {
            assert_eq!(
                (only(&story)["state"].clone(), link(&story)),
                (json!("bounced"), json!("not_linked"))
            );
        }
    }

    /// P21, P22: a bounced invitation is over, as it is for whoever decides: a word that comes late does not
    /// make it live again, and a resend is a new one.
    #[test]
    fn p21_a_bounced_invitation_stays_bounced_whatever_is_heard_late() {
        for late in [Delivery::Delivered, Delivery::BouncedSoft, Delivery::Complained] {
            let story = invited(story(), 1, 1).then([recorded(1, Delivery::BouncedHard)]);
            let story = story.then([recorded(1, late)]);
            assert_eq!(
                (only(&story)["state"].clone(), link(&story)),
                (json!("bounced"), json!("not_linked")),
                "{late:?}"
            );
            assert_eq!(only(&invited(story, 2, 2))["state"], "sent");
        }
    }

    /// P21: one live invitation a user and channel; a resend takes the place of the one before.
    #[test]
    fn p21_a_resend_supersedes_and_what_is_heard_of_the_old_one_changes_nothing() {
        let story = invited(invited(story(), 1, 1), 2, 2);
        let expired = |generation| Event::InvitationExpired {
            user: who("ann"),
            channel: Channel::Whatsapp,
            invitation: invitation("ann"),
            generation,
        };
        let story = story.then([recorded(1, Delivery::BouncedHard), expired(1)]);
        assert_eq!(
            (&only(&story)["generation"], &only(&story)["state"]),
            (&json!(2), &json!("sent"))
        );
        let story = story.then([expired(2)]);
        assert_eq!(
            (only(&story)["state"].clone(), link(&story)),
            (json!("expired"), json!("not_linked"))
        );
    }

    #[test]
    fn invitations_are_filtered_by_state_and_user() {
        let other = dispatched(1, "anna", 1, 1);
        let story = invited(story(), 1, 1).then([other]);
        let users = |params: Value| column(&story.ask("invitations", &params), "user");
        assert_eq!(users(json!({})), ["ann", "anna"]);
        assert_eq!(users(json!({"user": "Ann"})), ["ann"]);
        assert_eq!(users(json!({"state": "created"})), ["anna"]);
        assert_eq!(users(json!({"state": "created", "user": "ann"})), Vec::<Value>::new());
    }
}
