//! Who of an import's people was invited, and why the others were not.

use std::collections::{BTreeMap, BTreeSet};

use super::import::ImportState;
use super::link::{InvitationState, Link};
use super::run::{Recipient, RecipientState, Run, RunState};
use super::selection::lacks_invitation;
use super::state::Company;
use super::user_id::UserId;
use crate::event::{Channel, Existing, MailKind};
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
    /// The first of the others with a known reason: those whose invitation failed, then those who were left out.
    pub first_others: Vec<(UserId, Code)>,
    /// The first of the people without a working invitation, in the order of the file, with the reason if it is known.
    pub first_left: Vec<(UserId, Option<Code>)>,
    /// How many others have a known reason.
    pub with_reason: u64,
    /// Whether the link of the administrator's mail can invite a user.
    pub can_invite: bool,
}

/// The result for one person of an import.
enum Invited {
    Yes,
    Failed(Code),
    No(Option<Code>),
}

/// A person in the newest run since an import, with its channel.
type LastRun = (Channel, Recipient);

impl Company {
    /// Whether the run that an import requested has not ended. Mails about the import wait for its end.
    pub fn import_run_is_open(&self, id: ImportId) -> bool {
        let run = self.runs.get(&RunId(id.0));
        run.is_some_and(|run| !matches!(run.state, RunState::Completed | RunState::Withdrawn))
    }

    /// Who of an import's people was invited until now. Names at most this many people of each list.
    pub fn import_invites(&self, id: ImportId, named: usize) -> Option<ImportInvites> {
        let import = self.imports.get(&id)?;
        let own_channel = self.runs.get(&RunId(id.0)).map(|run| run.channel);
        let last_runs = self.last_runs(import);
        // The run of an import that invites only new people leaves out those who existed. Rows that may not update them
        // are refused for it.
        let existed = (import.options.existing == Existing::Skip).then_some(Code::RowUserExists);
        let left_out = match import.invites_refused {
            None if own_channel.is_some() => existed,
            Some(Code::RunEmptySelection) => existed,
            refused => refused,
        };
        let mut first_left = Vec::new();
        let mut found = ImportInvites::default();
        for member in &import.members {
            let last = last_runs.get(member);
            let channels = match (own_channel, last) {
                (None, None) => Channel::ALL.to_vec(),
                (own, last) => own.into_iter().chain(last.map(|(channel, _)| *channel)).collect(),
            };
            let links = self.created_links(*member, &channels);
            found.can_invite |=
                links.as_ref().is_some_and(|links| links.iter().all(lacks_invitation));
            let Some(invited) = invited(links, last, left_out) else {
                continue;
            };
            let mut first = &mut first_left;
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
                    first = &mut found.first_others;
                    Some(code)
                }
                Invited::No(code) => {
                    found.not_invited += 1;
                    code
                }
            };
            if found.first_left.len() < named {
                found.first_left.push((*member, reason));
            }
            let Some(code) = reason else { continue };
            found.with_reason += 1;
            if first.len() < named {
                first.push((*member, code));
            }
        }
        let left = named.saturating_sub(found.first_others.len());
        found.first_others.extend(first_left.into_iter().take(left));
        Some(found)
    }

    /// Whether the mail about an import may show its link. A built-in wording shows it if the link can invite a person.
    /// The company's own wording may always show it.
    pub(crate) fn import_mail_has_link(&self, id: ImportId) -> bool {
        let is_own = self.own_templates().any(|((kind, _), _)| *kind == MailKind::ImportCompleted);
        is_own || self.import_invites(id, 0).is_some_and(|invites| invites.can_invite)
    }

    /// For each person of an import: the newest run since the import with an outcome for the person, else the newest run
    /// with the person.
    fn last_runs(&self, import: &ImportState) -> BTreeMap<UserId, LastRun> {
        let people: BTreeSet<UserId> = import.members.iter().copied().collect();
        let runs = self.runs.values().filter(|run| run.number > import.runs_before);
        let mut runs: Vec<&Run> = runs.collect();
        // The ids give no order, because clients may choose them.
        runs.sort_unstable_by_key(|run| run.number);
        let recipients =
            runs.iter().flat_map(|run| run.recipients.iter().map(|one| (run.channel, *one)));
        let mut last = BTreeMap::<UserId, LastRun>::new();
        for (channel, recipient) in recipients.filter(|(_, one)| people.contains(&one.user)) {
            let known = last.get(&recipient.user);
            let keeps = known.is_some_and(|(_, known)| known.state.is_terminal());
            if recipient.state.is_terminal() || !keeps {
                last.insert(recipient.user, (channel, recipient));
            }
        }
        last
    }

    /// The links of a user on these channels. `None` for a row that created no user.
    fn created_links(&self, id: UserId, channels: &[Channel]) -> Option<Vec<Link>> {
        let user = self.users.get(id).filter(|user| user.is_created())?;
        Some(channels.iter().map(|channel| user.link(*channel)).collect())
    }
}

/// Why the newest link of a person works no longer, if it was not used.
fn why_ended(link: &Link) -> Option<Code> {
    match link.invitation?.state {
        InvitationState::Ended(code) => Some(code),
        InvitationState::Expired => Some(Code::InvitationExpired),
        InvitationState::Revoked => Some(Code::InvitationRevoked),
        _ => None,
    }
}

/// The result for a person; `left_out` is why the run of the import did not list the person. `None` for a row that
/// created no person and was not a recipient of a run.
fn invited(
    links: Option<Vec<Link>>,
    last: Option<&LastRun>,
    left_out: Option<Code>,
) -> Option<Invited> {
    let is_user = links.is_some();
    let links = links.unwrap_or_default();
    let code = last.and_then(|(_, recipient)| recipient.code);
    let arrived = links.iter().any(|link| link.arrived);
    // An uncertain mail that has arrived has not failed.
    let failed = last
        .filter(|(_, recipient)| recipient.state == RecipientState::Failed)
        .and(code)
        .filter(|code| !(arrived && code.leaves_delivery_open()));
    if links.iter().any(|link| link.linked) {
        return Some(Invited::Yes);
    }
    if links.iter().any(Link::is_uncertain) {
        return Some(Invited::Failed(failed.unwrap_or(Code::DeliveryUncertain)));
    }
    if links.iter().any(|link| !lacks_invitation(link) && why_ended(link).is_none()) {
        return Some(Invited::Yes);
    }
    let ended = links.iter().filter(|link| link.mailed).find_map(why_ended);
    match (failed, ended.or(code), last) {
        (Some(code), _, _) => Some(Invited::Failed(code)),
        (None, Some(code), _) => Some(Invited::No(Some(code))),
        (None, None, Some(_)) => Some(Invited::No(None)),
        (None, None, None) => is_user.then_some(Invited::No(left_out)),
    }
}
