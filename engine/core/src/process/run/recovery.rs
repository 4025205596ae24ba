//! Decides about the claims that an earlier process left without a report.

use boarding_commands::decide::outcome::MailOutcome;
use boarding_commands::decide::runs::recipients::{OpenClaim, Transports, open_claims};
use boarding_commands::event::Event;
use boarding_commands::values::Code;

use super::work::RunWork;
use crate::delivery::Lookup;
use crate::delivery::mail::{MailId, Purpose};
use crate::limits::CLAIM_MAX;
use crate::process::mails::{self, NOT_WRITTEN, is_text};

impl RunWork {
    /// Decides about open claims of an earlier process. A mail that is found in its outbox counts as sent, and one that
    /// is certainly missing is sent again or deferred. If that is unknown, it is sent again only if the transport
    /// deduplicates, within its time limit, and if the person may still be invited. All others are reported as
    /// uncertain and never sent again.
    pub(super) async fn recover(&self) {
        let (run, now) = (self.run, self.manager.context.clock.now());
        let transport = &self.manager.context.transport;
        let transports = Transports {
            mails: transport.name(),
            texts: transport.texts().map(|texts| texts.name()),
        };
        let open =
            self.manager.inspect(move |company| open_claims(company, run, transports, now)).await;
        let open = open.unwrap_or_default();
        if open.is_empty() {
            return;
        }
        tracing::info!(company = %self.manager.company, run = %self.run, claims = open.len(), "recovering open claims of an earlier process");
        // With another secret nothing can be sent again.
        let has_secret = mails::check_secret(&self.manager).await.is_ok();
        let found = self.look_up(&open).await;
        let (mut again, mut reports) = (Vec::new(), Vec::new());
        for (open, found) in open.into_iter().zip(found) {
            // What was handed over may still be sent: its worker reports it, or its deadline ends it.
            let is_handed_over = transport.hands_over() && open.outbox.is_none();
            if !has_secret && is_handed_over && found == Lookup::Unknown {
                continue;
            }
            let is_again = has_secret && self.is_sent_again(&open, found);
            let Event::InviteDispatched { user, attempt, .. } = &open.claim else { continue };
            let (user, attempt) = (user.clone(), *attempt);
            match found {
                Lookup::Delivered => reports.push((user, attempt, MailOutcome::SENT)),
                Lookup::NotDelivered | Lookup::Unknown if is_again => again.push(open.claim),
                // The next claim decides anew whether the person is invited, and through which transport.
                Lookup::NotDelivered => {
                    reports.push((user, attempt, MailOutcome::unavailable(NOT_WRITTEN)));
                }
                Lookup::Unknown => {
                    let outcome = MailOutcome::failed(Code::DeliveryUncertain);
                    reports.push((user, attempt, outcome));
                }
            }
        }
        for claims in again.chunks(self.claim_size()) {
            // If the mails cannot be sent now, their recipients wait for the next claim.
            let _ = self.clone().send(claims.to_vec()).await;
        }
        for reports in reports.chunks(CLAIM_MAX) {
            self.report(reports.to_vec()).await;
        }
    }

    async fn look_up(&self, open: &[OpenClaim]) -> Vec<Lookup> {
        let id = |claim: &Event| MailId {
            company: self.manager.company.clone(),
            purpose: Purpose::Run(self.run),
            message_id: match claim {
                Event::InviteDispatched { message_id, .. } => message_id.clone(),
                _ => String::new(),
            },
            is_text: is_text(claim),
        };
        let mails = open.iter().map(|open| (open.outbox, id(&open.claim)));
        mails::look_up(&self.manager, Purpose::Run(self.run), mails.collect()).await
    }

    /// Whether the mail of this claim is sent again by the same transport, without a new claim.
    fn is_sent_again(&self, open: &OpenClaim, found: Lookup) -> bool {
        let (context, is_text) = (&self.manager.context, is_text(&open.claim));
        let purpose = Purpose::Run(self.run);
        let own = context.transport_for(purpose, is_text).outbox();
        let within = context.repeats_within_seconds(purpose, is_text);
        let repeats = context.clock.now() < open.since.plus_seconds(within);
        open.may_go_on && mails::is_safe_again(found, open.outbox, own, repeats)
    }
}
