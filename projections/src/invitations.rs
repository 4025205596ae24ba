//! Invitations and links: each user's way into each channel (query `invitations`; LX-23, LX-31, P21).

use boarding_commands::code::Code;
use boarding_commands::commit::Fact;
use boarding_commands::event::{Channel, Delivery, Event, Permission, Who};
use boarding_commands::id::{CompanyId, InvitationId, RunId, UserKey};
use boarding_commands::time::Time;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::ReadModel;
use crate::projection::{Projection, Projector, load};
use crate::query::{Answer, Asked, Query, QueryError, Word, page, words};
use crate::rows::{Rows, RowsError, Table};
use crate::runs::RunChannels;

pub const MODEL: ReadModel = ReadModel {
    projectors: &[Projector::of::<Invitations>()],
    queries: &[Query {
        name: "invitations",
        permission: Some(Permission::BulkIntegrateUsers),
        params: &["state", "user"],
        paged: true,
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
        matches!(self, Self::Linked | Self::Expired | Self::Revoked)
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
        json!({
            "invitation": self.invitation,
            "user": user,
            "channel": channel,
            "state": self.state.as_str(),
            "generation": self.generation,
            "sent_at": self.sent_at,
            "expires_at": self.expires_at,
        })
    }
}

/// A user's invitations and links, one row a user: reports name the run and the user, not the invitation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Contact {
    pub user: Who,
    pub invitations: Vec<Invitation>,
    pub linked: Vec<Channel>,
}

impl Contact {
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
    const VERSION: u32 = 1;
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
            Event::InviteFailed { run, code, .. } if refused_for_good(*code) => {
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

fn refused_for_good(code: Code) -> bool {
    matches!(code, Code::RecipientEmailUndeliverable | Code::DeliveryRefused)
}

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

    /// An object: channel → state.
    pub(crate) fn show(&self) -> Value {
        let Self(links) = self;
        let state = |state: LinkState| Value::from(state.as_str());
        links
            .iter()
            .map(|(ch, s)| (ch.as_str().to_owned(), state(*s)))
            .collect::<Map<_, _>>()
            .into()
    }

    fn set(&mut self, channel: Option<Channel>, state: LinkState) {
        for (_, link) in self.0.iter_mut().filter(|(known, _)| Some(*known) == channel) {
            *link = state;
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
