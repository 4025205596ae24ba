//! The state of the stream in memory: heads, newest commands, end. Rebuilt each time the log is opened.

use std::collections::BTreeMap;

use boarding_commands::values::CompanyId;

use super::frame::{Message, Stored};
use super::recent::Recent;
use crate::Head;
use crate::commands::CommandIndex;

/// The view holds only durable commits. Its size grows with the number of companies, and of commands that are not in
/// the caller's index yet.
#[derive(Debug, Default)]
pub(super) struct View {
    pub(super) companies: BTreeMap<CompanyId, CompanyHead>,
    pub(super) commands: CommandIndex,
    /// The index of the caller has the commands up to this position, so `commands` has only later ones.
    pub(super) commands_indexed_up_to: u64,
    /// The last position.
    pub(super) end: u64,
    /// The sequence of the last message.
    pub(super) sequence: u64,
    pub(super) recent: Recent,
}

/// The head of a company, and the sequence of its last message.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct CompanyHead {
    pub(super) head: Head,
    pub(super) sequence: u64,
}

impl View {
    pub(super) fn company_head(&self, company: &CompanyId) -> CompanyHead {
        self.companies.get(company).copied().unwrap_or_default()
    }

    /// Applies a message. Messages of one company arrive in order. A message of this engine arrives twice: after the
    /// append, and again from the server.
    ///
    /// # Errors
    /// When the message does not follow the head of its company.
    pub(super) fn apply(&mut self, message: &Message) -> Result<(), String> {
        if self.recent.holds(message) {
            return Ok(());
        }
        let stored = message.stored()?;
        let (Some(first), Some(last)) = (stored.first(), stored.last()) else { return Ok(()) };
        let company = first.company()?;
        let company_head = self.company_head(&company);
        if message.sequence > company_head.sequence {
            check_follows(company_head.head, first)?;
            self.index_commands(&company, &stored);
            let head = Head { version: last.envelope.last_version(), hash: last.hash };
            self.companies.insert(company, CompanyHead { head, sequence: message.sequence });
            self.recent.keep(message);
        }
        self.end = self.end.max(last.last_position());
        self.sequence = self.sequence.max(message.sequence);
        Ok(())
    }

    fn index_commands(&mut self, company: &CompanyId, stored: &[Stored<'_>]) {
        for one in stored.iter().filter(|one| one.position > self.commands_indexed_up_to) {
            self.commands.insert(company, one.envelope.command, one.position, one.location);
        }
    }

    pub(super) fn forget_commands_up_to(&mut self, position: u64) {
        self.commands_indexed_up_to = self.commands_indexed_up_to.max(position);
        self.commands.forget_up_to(position);
    }
}

/// Checks that a commit is the next one after this head.
pub(super) fn check_follows(head: Head, next: &Stored<'_>) -> Result<(), String> {
    let envelope = &next.envelope;
    if envelope.first_version == head.version + 1 && envelope.previous == head.hash {
        return Ok(());
    }
    Err(format!(
        "version {} of company {} does not follow version {}: commits are missing, or the stream has another history",
        envelope.first_version, envelope.company, head.version
    ))
}
