//! Invitations of users to channels, in their newest generation (query `invitations`).

use boarding_commands::event::{Channel, Permission, Who};
use boarding_commands::values::{Code, InvitationId, Time};
use schemars::JsonSchema;
use serde::Serialize;

use crate::projector::Projector;
use crate::query::{
    Access, AnswerRow, Param, Query, QueryError, QueryRequest, RowsAnswer, WireEnum, WireName,
    page, schema_of, wire_enum,
};
use crate::read_model::ReadModel;
use crate::rows::Rows;
use crate::tables::accounts;
use crate::tables::invitations::{InvitationProjection, InvitationStatus, LatestInvitation};
use crate::tables::runs::RunChannels;

pub(crate) const MODEL: ReadModel = ReadModel {
    projectors: &[Projector::of::<InvitationProjection>()],
    queries: &[Query {
        name: "invitations",
        access: Access::Permission(Permission::BulkIntegrateUsers),
        params: &[Param::one_of::<StateFilter>("state"), Param::text("user")],
        paged: true,
        row: schema_of::<InvitationShown>,
        csv: None,
        answer: invitations,
    }],
};

/// The invitations that a query asks for: those in a state, or those whose link has ended by its reason. An ended
/// invitation has the state `revoked`, with the reason as its code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum StateFilter {
    State(InvitationStatus),
    Ended,
}

impl WireEnum for StateFilter {
    fn all() -> impl Iterator<Item = Self> {
        InvitationStatus::all().map(Self::State).chain([Self::Ended])
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::State(state) => state.as_str(),
            Self::Ended => "ended",
        }
    }
}

wire_enum! {
    /// The state of an invitation in a row. Clients of the contract know these words only.
    StateShown {
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

impl StateShown {
    fn of(status: InvitationStatus) -> Self {
        match status {
            InvitationStatus::Created | InvitationStatus::Failed | InvitationStatus::Uncertain => {
                Self::Created
            }
            InvitationStatus::Sent => Self::Sent,
            InvitationStatus::Delivered => Self::Delivered,
            InvitationStatus::Deferred => Self::Deferred,
            InvitationStatus::Bounced => Self::Bounced,
            InvitationStatus::Linked => Self::Linked,
            InvitationStatus::Expired => Self::Expired,
            InvitationStatus::Revoked => Self::Revoked,
        }
    }
}

impl StateFilter {
    fn fits(self, invitation: &LatestInvitation) -> bool {
        match self {
            // As the filters of a resend, these two ask for the last mail. It may be newer than the link.
            Self::State(InvitationStatus::Failed) => invitation.last_mail_failed(),
            Self::State(InvitationStatus::Uncertain) => invitation.last_mail_is_uncertain(),
            Self::State(state) => invitation.state == state,
            Self::Ended => {
                let is_revoked = invitation.state == InvitationStatus::Revoked;
                is_revoked && invitation.code.is_some()
            }
        }
    }
}

impl LatestInvitation {
    fn show(&self, user: &Who, channel: Option<Channel>) -> AnswerRow {
        AnswerRow::of(&InvitationShown {
            invitation: self.invitation,
            user,
            channel,
            state: WireName(StateShown::of(self.state)),
            status: match self.code {
                Some(_) if self.state == InvitationStatus::Revoked => StateFilter::Ended.as_str(),
                _ => self.state.as_str(),
            },
            generation: self.generation,
            sent_at: self.sent_at,
            expires_at: self.expires_at,
            code: self.why_dead(),
            mail_code: self.mail_code,
        })
    }
}

/// An invitation of a user to a channel, in its newest generation.
#[derive(Serialize, JsonSchema)]
struct InvitationShown<'a> {
    invitation: InvitationId,
    user: &'a Who,
    channel: Option<Channel>,
    /// A mail that failed or may have been sent leaves it `created`.
    state: WireName<StateShown>,
    /// The state in the words of the parameter `state`, which has more of them.
    status: &'static str,
    /// Counts the sent mails, from 1: a resend starts a new generation.
    generation: u32,
    sent_at: Option<Time>,
    expires_at: Option<Time>,
    /// Why the link does not work; null while it works.
    code: Option<Code>,
    /// Why the last mail failed, or may have failed; null if it did not. An earlier link may still work then.
    mail_code: Option<Code>,
}

fn invitations(request: &QueryRequest<'_>, rows: &dyn Rows) -> Result<RowsAnswer, QueryError> {
    let state = request.one_of::<StateFilter>("state")?;
    let user = request.text("user")?;
    let user = user.map(|user| accounts::user_key_of(rows, request.company, user)).transpose()?;
    let mut channels = RunChannels::new(rows, request.company);
    let prefix = user.as_deref().unwrap_or_default().as_bytes();
    page::<InvitationProjection, _>(request, rows, prefix, |key, invited| {
        // The prefix alone would also match the users whose key begins with this user's key.
        let is_user = user.as_ref().is_none_or(|user| user.as_bytes() == key);
        let mut shown = Vec::with_capacity(invited.invitations.len());
        for invitation in invited.invitations.iter().map(|one| one.at(request.now)) {
            let wanted = is_user && state.is_none_or(|state| state.fits(&invitation));
            let channel = channels.of(invitation.run)?;
            shown.push(wanted.then(|| invitation.show(&invited.user, channel)));
        }
        Ok(shown)
    })
}

#[cfg(test)]
mod tests {
    use boarding_commands::event::{Delivery, Event, SentOn};

    use super::*;
    use crate::tables::links::Links;
    use crate::testing::{
        TestCompany, at, column, dispatched, invitation, requested, run, sent, who,
    };
    use serde_json::{Value, json};

    fn company() -> TestCompany {
        TestCompany::new("acme").commit([requested(1, 2), requested(2, 2)])
    }

    fn invited(company: TestCompany, n: u128, generation: u32) -> TestCompany {
        company.commit([dispatched(n, "ann", 1, generation)]).commit([sent(n, "ann", 1)])
    }

    fn only(company: &TestCompany) -> Value {
        let [row] = &company.query("invitations", &json!({}))[..] else { panic!("not one row") };
        row.clone()
    }

    fn recorded(n: u128, delivery: Delivery) -> Event {
        let message_id = format!("<{n}.ann@boarding.invalid>");
        Event::DeliveryRecorded { run: run(n), user: who("ann"), message_id, delivery, code: None }
    }

    fn linked(id: Option<InvitationId>) -> Event {
        Event::UserLinked { user: who("ANN"), channel: Channel::Whatsapp, invitation: id }
    }

    fn link(company: &TestCompany) -> Value {
        let rows = company.rows();
        let mut channels = RunChannels::new(&rows, company.id());
        let links = Links::load(&rows, company.id(), "ann", None, &mut channels).unwrap();
        serde_json::json!(links)["whatsapp"].clone()
    }

    #[test]
    fn invitation_shows_its_channel_and_times() {
        assert_eq!(
            only(&invited(company(), 1, 1)),
            json!({"invitation": invitation("ann"), "user": "ann", "channel": "whatsapp",
                "state": "sent", "status": "sent", "generation": 1, "sent_at": at(2), "expires_at": at(24 * 3600), "code": null, "mail_code": null})
        );
    }

    #[test]
    fn state_follows_the_mail_and_then_the_link() {
        let company = company().commit([dispatched(1, "ann", 1, 1)]);
        assert_eq!(only(&company)["state"], "created");
        let company = company.commit([sent(1, "ann", 1)]);
        for (event, state, colour) in [
            (recorded(1, Delivery::BouncedSoft), "deferred", "invited"),
            (recorded(1, Delivery::Delivered), "delivered", "invited"),
            (recorded(1, Delivery::Complained), "delivered", "invited"),
        ] {
            let company = company.clone().commit([recorded(1, Delivery::Delivered), event]);
            assert_eq!(
                (only(&company)["state"].clone(), link(&company)),
                (json!(state), json!(colour))
            );
        }
        let company = company.commit([linked(Some(invitation("ann")))]);
        let company = company.commit([recorded(1, Delivery::BouncedHard)]);
        assert_eq!(
            (only(&company)["state"].clone(), link(&company)),
            (json!("linked"), json!("linked"))
        );
    }

    #[test]
    fn mail_that_was_never_sent_is_failed_and_not_bounced() {
        let code = Code::RecipientEmailUndeliverable;
        let failed =
            Event::InviteFailed { run: run(1), user: who("ann"), attempt: 1, code, detail: None };
        let refused = company().commit([dispatched(1, "ann", 1, 1), failed]);
        let late = invited(company(), 1, 1).commit([recorded(1, Delivery::BouncedHard)]);
        for (company, state, status) in
            [(refused, "created", "failed"), (late, "bounced", "bounced")]
        {
            let row = only(&company);
            assert_eq!((&row["state"], &row["status"]), (&json!(state), &json!(status)));
            assert_eq!(link(&company), json!("not_linked"));
            assert_eq!(company.query("invitations", &json!({"state": status})), [row]);
        }
    }

    /// A31: the lists of failed and uncertain mails have the people whom the filters of a resend take.
    #[test]
    fn last_mail_is_listed_as_the_resend_filters_take_it() {
        let failed = |n, code| Event::InviteFailed {
            run: run(n),
            user: who("ann"),
            attempt: 1,
            code,
            detail: None,
        };
        let expired = |generation| Event::InvitationExpired {
            user: who("ann"),
            channel: Channel::Whatsapp,
            invitation: invitation("ann"),
            generation,
        };
        let [unsure, refused] = [Code::DeliveryUncertain, Code::RecipientEmailUndeliverable];
        let claimed = || company().commit([dispatched(1, "ann", 1, 1)]);
        let again = || invited(company(), 1, 1).commit([newer()]);
        for (company, status, mail_code, listed) in [
            (claimed().commit([failed(1, unsure)]), "uncertain", Some(unsure), "uncertain"),
            (
                claimed().commit([failed(1, unsure), recorded(1, Delivery::Delivered)]),
                "delivered",
                None,
                "none",
            ),
            (
                claimed().commit([
                    failed(1, unsure),
                    recorded(1, Delivery::Complained),
                    expired(1),
                ]),
                "expired",
                None,
                "none",
            ),
            (
                claimed().commit([failed(1, unsure), recorded(1, Delivery::BouncedHard)]),
                "bounced",
                None,
                "none",
            ),
            (
                claimed().commit([failed(1, unsure), expired(1)]),
                "expired",
                Some(unsure),
                "uncertain",
            ),
            (again().commit([failed(2, refused)]), "sent", Some(refused), "failed"),
            (
                again().commit([failed(2, refused), recorded(1, Delivery::BouncedHard)]),
                "bounced",
                Some(refused),
                "failed",
            ),
            (again().commit([failed(2, refused), expired(1)]), "expired", Some(refused), "failed"),
            (
                again().commit([failed(2, refused), linked(Some(invitation("ann")))]),
                "linked",
                Some(refused),
                "none",
            ),
        ] {
            let row = only(&company);
            assert_eq!((&row["status"], &row["mail_code"]), (&json!(status), &json!(mail_code)));
            for state in ["failed", "uncertain"] {
                let rows = company.query("invitations", &json!({"state": state}));
                assert_eq!(rows.len(), usize::from(state == listed), "{state}: {row}");
            }
        }
    }

    /// The claim of a second mail. The link before it lives on until this mail is sent.
    fn newer() -> Event {
        let mut claim = dispatched(2, "ann", 1, 2);
        if let Event::InviteDispatched { sent_on, .. } = &mut claim {
            *sent_on = Some(SentOn { phone: None, on_record: false });
        }
        claim
    }

    /// P21, P22: a late report does not make the invitation live again; a resend starts a new generation.
    #[test]
    fn bounced_invitation_stays_bounced_after_late_reports() {
        for late in [Delivery::Delivered, Delivery::BouncedSoft, Delivery::Complained] {
            let company = invited(company(), 1, 1).commit([recorded(1, Delivery::BouncedHard)]);
            let company = company.commit([recorded(1, late)]);
            assert_eq!(
                (only(&company)["state"].clone(), link(&company)),
                (json!("bounced"), json!("not_linked")),
                "{late:?}"
            );
            assert_eq!(only(&invited(company, 2, 2))["state"], "sent");
        }
    }

    /// P21: one live invitation for each user and channel.
    #[test]
    fn resend_supersedes_and_reports_on_the_old_one_are_ignored() {
        let company = invited(invited(company(), 1, 1), 2, 2);
        let expired = |generation| Event::InvitationExpired {
            user: who("ann"),
            channel: Channel::Whatsapp,
            invitation: invitation("ann"),
            generation,
        };
        let company = company.commit([recorded(1, Delivery::BouncedHard), expired(1)]);
        assert_eq!(
            (&only(&company)["generation"], &only(&company)["state"]),
            (&json!(2), &json!("sent"))
        );
        let company = company.commit([expired(2)]);
        assert_eq!(
            (only(&company)["state"].clone(), link(&company)),
            (json!("expired"), json!("not_linked"))
        );
    }

    #[test]
    fn invitations_are_filtered_by_state_and_user() {
        let other = dispatched(1, "anna", 1, 1);
        let company = invited(company(), 1, 1).commit([other]);
        let users = |params: Value| column(&company.query("invitations", &params), "user");
        assert_eq!(users(json!({})), ["ann", "anna"]);
        assert_eq!(users(json!({"user": "Ann"})), ["ann"]);
        assert_eq!(users(json!({"state": "created"})), ["anna"]);
        assert_eq!(users(json!({"state": "created", "user": "ann"})), Vec::<Value>::new());
    }
}
