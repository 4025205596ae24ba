//! What all tasks of one engine share: the log, the read models, the clock, the way out for mails.

use std::sync::{Arc, OnceLock};

use boarding_commands::values::{Code, CommandId, CompanyId, Digest, Refusal};

use crate::actor::Reply;
use crate::clock::Clock;
use crate::data_dir::DataDir;
use crate::delivery::Channel;
use crate::delivery::mail::Purpose;
use crate::delivery::token::Tokens;
use crate::intake::files::Files;
use crate::intake::objects::Objects;
use crate::ownership::Ownership;
use crate::process::BlockedImports;
use crate::read::projector::ReadModels;
use crate::read::store::Store;
use boarding_log::{EventLog, Location};
use tokio::sync::watch;

#[derive(Debug)]
pub struct EngineContext {
    pub log: Arc<dyn EventLog>,
    pub store: Store,
    pub read_models: ReadModels,
    pub clock: Clock,
    pub files: Files,
    pub tokens: Tokens,
    pub channel: Arc<dyn Channel>,
    /// Whether runs that were begun with another channel go on with this one.
    pub adopt_runs: bool,
    /// Imports that cannot go on.
    pub blocked: BlockedImports,
    /// Which companies are this engine's own; unset where it works for all of them.
    pub ownership: OnceLock<Arc<dyn Ownership>>,
    /// Where files are fetched from that commands only name; nowhere unless said.
    pub objects: OnceLock<Arc<dyn Objects>>,
    /// Whether the engine is being closed: nothing new is begun.
    pub closing: watch::Sender<bool>,
    /// Goes last: whoever opens the folder next finds nobody of ours at work in it.
    pub folder: DataDir,
}

impl Drop for EngineContext {
    /// The thread of the read models works in the folder, so it ends before the folder is let go.
    fn drop(&mut self) {
        self.read_models.end();
    }
}

impl EngineContext {
    /// The answer that a command of this id was given before, for as long as the log lasts; or the
    /// refusal of one that asks for something else under the same id.
    pub fn first_answer(&self, company: &CompanyId, id: CommandId, body: Digest) -> Option<Reply> {
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

    /// Whether it is this engine that sees to the company's imports, runs and times.
    pub fn works_for(&self, company: &CompanyId) -> bool {
        self.ownership.get().is_none_or(|ownership| ownership.is_mine(company))
    }

    /// How long after its claim a mail that an earlier process left open may be sent again, in seconds; 0
    /// is never. That process may have been another engine, whose outbox is not this one.
    pub fn repeats_within_seconds(&self, purpose: Purpose) -> u64 {
        let alone = self.ownership.get().is_none();
        if alone || self.channel.remembers_for_all_engines(purpose) {
            self.channel.repeats_within_seconds(purpose)
        } else {
            0
        }
    }

    /// Whether a command of this id was accepted before.
    pub fn knows(&self, company: &CompanyId, id: CommandId) -> bool {
        matches!(self.location_of(company, id), Ok(Some(_)))
    }

    /// First the log's own memory of what is new, then the index: what leaves the one is in the other.
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
