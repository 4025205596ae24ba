//! Submits a prepared command to its company.

use boarding_commands::decide::facts::Facts;
use boarding_commands::decide::{Authority, Command, MailSetup};
use boarding_commands::envelope::Envelope;
use boarding_commands::step::CommandRequest;
use boarding_commands::values::{CompanyId, Digest, Time};

use crate::context::EngineContext;
use crate::registry::Companies;
use crate::reply::Reply;

/// The envelope of a command and its company.
#[derive(Debug, Clone)]
pub(crate) struct Submission {
    pub company: CompanyId,
    pub body: Digest,
    pub envelope: Envelope,
    pub authority: Authority,
    pub mail_setup: MailSetup,
}

impl Submission {
    pub(crate) fn request(&self, command: Command, facts: Facts, at: Time) -> CommandRequest {
        let envelope = &self.envelope;
        CommandRequest {
            command,
            facts,
            id: envelope.id,
            body: Some(self.body),
            actor: envelope.actor.clone().unwrap_or_default(),
            authenticated: envelope.authenticated.clone(),
            token: envelope.token,
            authority: self.authority,
            at,
            correlation: envelope.correlation,
            traceparent: envelope.traceparent.clone(),
            mail_setup: self.mail_setup.clone(),
            expected_version: envelope.expected_version,
            planned_at: None,
        }
    }

    /// Submits the command to its company. `planned_at` is the version of its plan, if it has one.
    pub(crate) async fn submit(
        &self,
        context: &EngineContext,
        companies: &Companies,
        command: Command,
        facts: Facts,
        planned_at: Option<u64>,
    ) -> Reply {
        let at = context.clock.now();
        let mut request = CommandRequest { planned_at, ..self.request(command, facts, at) };
        let handle = companies.actor(&self.company).await;
        let mut reply = handle.submit(request.clone()).await;
        if let (Reply::TooLarge, Facts::Files(contents)) = (&reply, &mut request.facts) {
            // The events of the rows do not fit in the commit of the acceptance, so the import worker applies them.
            contents.rows.clear();
            reply = handle.submit(request).await;
        }
        reply
    }
}
