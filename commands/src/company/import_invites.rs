//! Who of an import's people was invited, and why the others were not.

use super::link::LastMail;
use super::run::{RecipientState, Run, RunState};
use super::state::Company;
use super::user_id::UserId;
use crate::event::Channel;
use crate::values::{Code, ImportId, RunId};

/// Who of an import's people was invited, and why the others were not.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ImportInvites {
    pub invited: u64,
    /// An invitation was tried and failed, or may have failed.
    pub failed: u64,
    /// No invitation was tried.
    pub not_invited: u64,
    /// The first of the people who were invited.
    pub first_invited: Vec<UserId>,
    /// The first of the others with a known reason.
    pub first_others: Vec<(UserId, Code)>,
    /// How many others have a known reason.
    pub with_reason: u64,
}

/// The result for one person of an import.
enum Invited {
    Yes,
    Failed(Code),
    No(Option<Code>),
}

impl Company {
    /// Whether the person is linked on the channel, or a mail was sent or may have been.
    pub fn was_invited(&self, id: UserId, channel: Channel) -> bool {
        self.users.get(id).is_some_and(|user| {
            let link = user.link(channel);
            link.linked || link.mailed
        })
    }

    /// Whether the run that an import requested has not ended. Mails about the import wait for its end.
    pub fn import_run_is_open(&self, id: ImportId) -> bool {
        let run = self.runs.get(&RunId(id.0));
        run.is_some_and(|run| !matches!(run.state, RunState::Completed | RunState::Withdrawn))
    }

    /// Who of an import's people was invited until now. Names at most this many people of each list.
    pub fn import_invites(&self, id: ImportId, named: usize) -> Option<ImportInvites> {
        let import = self.imports.get(&id)?;
        let run = self.runs.get(&RunId(id.0));
        let mut found = ImportInvites::default();
        for member in &import.members {
            let Some(invited) = self.invited(*member, run, import.invites_refused) else {
                continue;
            };
            let reason = match invited {
                Invited::Yes => {
                    found.invited += 1;
                    if found.first_invited.len() < named {
                        found.first_invited.push(*member);
                    }
                    continue;
                }
                Invited::Failed(code) => {
                    found.failed += 1;
                    Some(code)
                }
                Invited::No(code) => {
                    found.not_invited += 1;
                    code
                }
            };
            let Some(code) = reason else { continue };
            found.with_reason += 1;
            if found.first_others.len() < named {
                found.first_others.push((*member, code));
            }
        }
        Some(found)
    }

    /// The result for a person. `None` for a row that created no person and was not a recipient of the run.
    fn invited(&self, id: UserId, run: Option<&Run>, refused: Option<Code>) -> Option<Invited> {
        let recipient = run.and_then(|run| run.recipient(id)).map(|(_, recipient)| recipient);
        let user = self.users.get(id).filter(|user| user.is_created());
        let channels: &[Channel] = match run {
            Some(run) => std::slice::from_ref(&run.channel),
            None => &Channel::ALL,
        };
        let failed = recipient.filter(|one| one.state == RecipientState::Failed);
        let code = recipient.and_then(|one| one.code);
        let is_uncertain = channels.iter().any(|channel| {
            user.is_some_and(|user| user.link(*channel).last == LastMail::Uncertain)
        });
        if let (Some(_), Some(code), true) = (failed, code, is_uncertain) {
            return Some(Invited::Failed(code));
        }
        if user.is_some() && channels.iter().any(|channel| self.was_invited(id, *channel)) {
            return Some(Invited::Yes);
        }
        match (failed, code, recipient) {
            (Some(_), Some(code), _) => Some(Invited::Failed(code)),
            (_, code, Some(_)) => Some(Invited::No(code)),
            (_, _, None) => user.map(|_| Invited::No(refused)),
        }
    }
}
