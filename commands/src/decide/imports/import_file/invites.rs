//! The invitations that an import requests: for which people and on which channel.

use super::{Action, ImportFile};
use crate::company::{Company, Invites};
use crate::decide::imports::import_run::run_of;
use crate::decide::rule::Context;
use crate::decide::runs::start_bulk_integration::channel_of;
use crate::event::Permission;
use crate::values::{Code, ImportId, Refusal};

impl ImportFile {
    /// The invitations that the command requests, if any. Checks everything that needs no rows.
    ///
    /// # Errors
    /// `envelope.malformed`, `field.required`, `auth.permission_denied`, `channel.*`, `run.already_exists`.
    pub(crate) fn invites(
        &self,
        company: &Company,
        context: &Context<'_>,
        import: ImportId,
    ) -> Result<Option<Invites>, Refusal> {
        let invites = self.wanted_invites(company, context)?;
        if invites.is_some() && company.runs.contains_key(&run_of(import)) {
            return Err(Code::RunAlreadyExists.into());
        }
        Ok(invites)
    }

    /// Whether an earlier import invites the same people on the same channel. An import whose
    /// invitations were refused invites no people.
    pub(crate) fn invites_as(
        &self,
        company: &Company,
        context: &Context<'_>,
        import: ImportId,
    ) -> Result<bool, Refusal> {
        let wanted = self.wanted_invites(company, context)?;
        let known = company.imports.get(&import).and_then(|import| import.invites);
        Ok(match company.runs.get(&run_of(import)) {
            Some(run) => wanted.is_some_and(|wanted| wanted.channel == run.channel),
            None => wanted == known,
        })
    }

    /// The invitations that the options of the command request; none without such options.
    pub(crate) fn wanted_invites(
        &self,
        company: &Company,
        context: &Context<'_>,
    ) -> Result<Option<Invites>, Refusal> {
        let malformed = |why: &str| Err(Refusal::new(Code::EnvelopeMalformed).saying(why));
        let invites_all = self.action == Action::ImportAndInvite;
        match (&self.channel, self.auto_invite, invites_all) {
            (None, false, false) => return Ok(None),
            (Some(_), false, false) => return malformed("channel is for an import that invites"),
            (_, true, true) => {
                return malformed("auto_invite leaves out whom import_and_invite invites");
            }
            _ => {}
        }
        let channel = channel_of(company, self.channel.as_deref())?;
        // An import changes no existing account, so only created accounts are invited.
        let created_only = self.auto_invite || self.opens_accounts();
        // The privilege "Accounts" also covers the invitation of accounts.
        let needed = if self.opens_accounts() {
            Permission::Accounts
        } else {
            Permission::BulkIntegrateUsers
        };
        context.require(company, needed)?;
        Ok(Some(Invites { channel, created_only }))
    }
}
