//! The engine context: log, read models, clock, files and transport, shared by all tasks.

use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, OnceLock};

use boarding_audit::Signing;
use boarding_commands::decide::MailSetup;
use boarding_commands::event::OutboxId;
use boarding_commands::values::{Code, CommandId, CompanyId, Digest, Refusal};

use crate::clock::Clock;
use crate::data_dir::DataDir;
use crate::delivery::mail::{MailId, Purpose};
use crate::delivery::outbox::Outbox;
use crate::delivery::token::Tokens;
use crate::delivery::{Lookup, Transport};
use crate::files::Files;
use crate::known_links::{KnownLinks, OwnLinkPage};
use crate::object_store::Objects;
use crate::ownership::{AppendGuard, Ownership};
use crate::pending_work::BlockedImports;
use crate::read::projector::ReadModels;
use crate::read::snapshots::Snapshots;
use crate::read::store::Store;
use crate::refused_commands::RefusedCommands;
use crate::reply::Reply;
use crate::uploads::Uploads;
use crate::waiting::WaitingMails;
use boarding_log::{EventLog, Location};
use tokio::sync::watch;

/// The actor name of commands of the engine itself.
pub(crate) use boarding_commands::values::ENGINE;

#[derive(Debug)]
pub(crate) struct EngineContext {
    pub(crate) log: Arc<dyn EventLog>,
    pub(crate) store: Store,
    pub(crate) read_models: ReadModels,
    pub(crate) snapshots: Snapshots,
    pub(crate) clock: Clock,
    pub(crate) files: Files,
    pub(crate) uploads: Uploads,
    pub(crate) tokens: Tokens,
    /// The engine's page for links; none if it serves no pages.
    pub(crate) link_page: Option<OwnLinkPage>,
    pub(crate) known_links: KnownLinks,
    pub(crate) transport: Arc<dyn Transport>,
    /// Signs checkpoints; none if the log is shared, or the key cannot be used.
    pub(crate) signing: Mutex<Option<Signing>>,
    /// The outbox in the data folder, if mails go elsewhere. Mails of an earlier process may be in it.
    pub(crate) former_outbox: Option<Outbox>,
    /// Whether a run that started with another transport continues with this one.
    pub(crate) adopt_runs: bool,
    /// Whether runs are carried on at all. Until then they stay as they are.
    pub(crate) carries_runs: AtomicBool,
    /// Runs that wait until their mails can be sent again.
    pub(crate) waiting: WaitingMails,
    /// Imports that are blocked by an error.
    pub(crate) blocked: BlockedImports,
    /// The ownership of companies; unset if this engine owns all of them.
    pub(crate) ownership: OnceLock<Arc<dyn Ownership>>,
    /// The permission to append; unset if no other engine can serve another log in its place.
    pub(crate) append_guard: OnceLock<Arc<dyn AppendGuard>>,
    /// The source of files that commands only name; unset without an object store.
    pub(crate) objects: OnceLock<Arc<dyn Objects>>,
    /// The queued commands that were refused; unset without a queue.
    pub(crate) refused: OnceLock<Arc<dyn RefusedCommands>>,
    /// Whether the engine is closing: process managers start nothing new.
    pub(crate) closing: watch::Sender<bool>,
    // The last field, so it is dropped last: the lock of the folder must be released after all users of it.
    pub(crate) folder: DataDir,
}

impl Drop for EngineContext {
    // The thread of the read models uses the folder, so it must end before the folder is unlocked.
    fn drop(&mut self) {
        self.read_models.end();
    }
}

impl EngineContext {
    /// How this engine sends mails and text messages, for the rules.
    pub(crate) fn mail_setup(&self) -> MailSetup {
        let notifications = self.transport_for(Purpose::Notification, false);
        MailSetup {
            by_mail_server: self.transport.is_mail_server(),
            has_link_page: self.own_link_page().is_some(),
            notifications_by_mail_server: notifications.is_mail_server(),
            link_secret: Some(self.tokens.fingerprint().to_owned()),
            texts_via: self.transport.texts().map(|texts| texts.name()),
            outbox: self.transport.outbox(),
            notifications_outbox: notifications.outbox(),
            notifications_via: Some(notifications.name()),
            texts_outbox: self.transport.texts().and_then(Transport::outbox),
        }
    }

    /// The address of the engine's page for links. One that only this machine reaches is used for mails in files only.
    pub(crate) fn own_link_page(&self) -> Option<&str> {
        let writes_files = |transport: &dyn Transport| transport.outbox().is_some();
        let purposes = [Purpose::Welcome, Purpose::Notification];
        let is_trial = writes_files(&*self.transport)
            && self.transport.texts().is_none_or(writes_files)
            && purposes.iter().all(|purpose| writes_files(self.transport_for(*purpose, false)));
        let page = self.link_page.as_ref().filter(|page| page.is_public || is_trial);
        page.map(|page| &*page.address)
    }

    /// Writes the secret of the links, if it is a new one.
    ///
    /// # Errors
    /// The cause with the path, for people.
    pub(crate) fn keep_secret(&self) -> Result<(), String> {
        self.folder.keep_secret().map_err(|error| boarding_log::error_chain(&error))
    }

    /// The first answer to a command with this id. A refusal if the first command had another body.
    pub(crate) fn first_answer(
        &self,
        company: &CompanyId,
        id: CommandId,
        body: Digest,
    ) -> Option<Reply> {
        let location = match self.location_of(company, id) {
            Ok(location) => location?,
            Err(why) => return Some(Reply::Failed { code: Code::Unavailable, why }),
        };
        let recorded = match self.log.read_at(location) {
            Ok(recorded) => recorded,
            Err(error) => {
                return Some(Reply::Failed {
                    code: Code::Unavailable,
                    why: boarding_log::error_chain(&error),
                });
            }
        };
        if recorded.commit.body != body {
            return Some(Reply::Refused(Refusal::new(Code::CommandDuplicateConflict)));
        }
        Some(Reply::Accepted {
            duplicate: true,
            version: recorded.commit.last_version(),
            position: recorded.last_position(),
            result: recorded.commit.result,
            events: Vec::new(),
        })
    }

    /// The last position of the commit of the command with this id; none if no such command was accepted.
    ///
    /// # Errors
    /// The cause, for people.
    pub(crate) fn last_position_of(
        &self,
        company: &CompanyId,
        id: CommandId,
    ) -> Result<Option<u64>, String> {
        let Some(location) = self.location_of(company, id)? else { return Ok(None) };
        let recorded = self.log.read_at(location);
        let recorded = recorded.map_err(|error| boarding_log::error_chain(&error))?;
        Ok(Some(recorded.last_position()))
    }

    /// Whether this engine continues a run that started with the transport of this name.
    pub(crate) fn continues_runs_of(&self, transport: &str) -> bool {
        self.adopt_runs || transport == self.transport.name()
    }

    /// Fails while another engine may serve another log.
    ///
    /// # Errors
    /// The cause, for people.
    pub(crate) fn may_append(&self) -> Result<(), String> {
        self.append_guard.get().map_or(Ok(()), |guard| guard.check())
    }

    /// Whether this engine runs the process managers of the company.
    pub(crate) fn works_for(&self, company: &CompanyId) -> bool {
        self.ownership.get().is_none_or(|ownership| ownership.is_mine(company))
    }

    /// How long after its claim an unreported mail of an earlier process may be sent again, in seconds. 0 means
    /// never: then another engine with another outbox may have sent it.
    pub(crate) fn repeats_within_seconds(&self, purpose: Purpose, is_text: bool) -> u64 {
        let alone = self.ownership.get().is_none();
        let transport = self.transport_for(purpose, is_text);
        if alone || transport.remembers_for_all_engines(purpose) {
            transport.repeats_within_seconds(purpose)
        } else {
            0
        }
    }

    /// The transport that sends mails of this purpose, or text messages if there is one for them.
    pub(crate) fn transport_for(&self, purpose: Purpose, is_text: bool) -> &dyn Transport {
        let transport = match purpose {
            _ if is_text => self.transport.texts(),
            Purpose::Run(_) => None,
            Purpose::Welcome | Purpose::Notification => self.transport.for_notifications(),
        };
        transport.unwrap_or(&*self.transport)
    }

    /// Looks up mails that an earlier process handed to this outbox, by the transport for this purpose. All or none are text
    /// messages. If the outbox is not known, a mail that is not found may be in another one.
    pub(crate) async fn look_up(
        &self,
        outbox: Option<OutboxId>,
        purpose: Purpose,
        is_text: bool,
        mails: Vec<MailId>,
    ) -> Vec<Lookup> {
        let transport = self.transport_for(purpose, is_text);
        let Some(outbox) = outbox else {
            let found = transport.look_up(mails).await;
            let found = found.into_iter();
            let or_elsewhere = |one| match one {
                Lookup::Delivered => one,
                Lookup::NotDelivered | Lookup::Unknown => Lookup::Unknown,
            };
            return found.map(or_elsewhere).collect();
        };
        let former = self.former_outbox.iter().map(|former| former as &dyn Transport);
        let has_mails = |one: &&dyn Transport| one.outbox() == Some(outbox);
        match std::iter::once(transport).chain(former).find(has_mails) {
            Some(outbox) => outbox.look_up(mails).await,
            None => vec![Lookup::Unknown; mails.len()],
        }
    }

    /// Whether a command with this id was accepted before.
    pub(crate) fn knows(&self, company: &CompanyId, id: CommandId) -> bool {
        matches!(self.location_of(company, id), Ok(Some(_)))
    }

    // The order matters: first the recent commands of the log, then the index, which never forgets. A command leaves
    // the recent ones only after the index has it.
    pub(crate) fn location_of(
        &self,
        company: &CompanyId,
        id: CommandId,
    ) -> Result<Option<Location>, String> {
        let recent = self
            .log
            .find_command(company, id)
            .map_err(|error| boarding_log::error_chain(&error))?;
        match recent {
            Some(found) => Ok(Some(found.location)),
            None => self
                .read_models
                .find_command(company, id)
                .map_err(|error| boarding_log::error_chain(&error)),
        }
    }
}
