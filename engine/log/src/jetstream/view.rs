//! What is known of the stream in memory: heads, the newest commands, the end. Built anew at every opening.

use std::collections::BTreeMap;

use boarding_commands::values::CompanyId;

use super::frame::{Message, Stored};
use super::recent::Recent;
use crate::Head;
use crate::commands::Commands;

/// Everything here is durable. It grows with the companies and with the commands that no index has.
#[derive(Debug, Default)]
pub(super) struct View {
    pub(super) companies: BTreeMap<CompanyId, CompanyHead>,
    pub(super) commands: Commands,
    /// Commands up to this position are not kept.
    pub(super) commands_from: u64,
    /// The last position.
    pub(super) end: u64,
    /// The last message.
    pub(super) sequence: u64,
    pub(super) recent: Recent,
}

/// Where a company stands, and the message that left it there.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct CompanyHead {
    pub(super) head: Head,
    pub(super) sequence: u64,
}

impl View {
    pub(super) fn company_head(&self, company: &CompanyId) -> CompanyHead {
        self.companies.get(company).copied().unwrap_or_default()
    }

    /// Takes note of a message. Those of one company come in order, or once more: what this engine has
    /// appended comes back to it from the server.
    ///
    /// # Errors
    /// When it does not follow on what is known of its company.
    pub(super) fn take(&mut self, message: &Message) -> Result<(), String> {
        if self.recent.holds(message) {
            return Ok(());
        }
        let stored = message.stored()?;
        let (Some(first), Some(last)) = (stored.first(), stored.last()) else { return Ok(()) };
        let company = first.company()?;
        let company_head = self.company_head(&company);
        if message.sequence > company_head.sequence {
            check_follows(company_head.head, first)?;
            self.note_commands(&company, &stored);
            let head = Head { version: last.envelope.last_version(), hash: last.hash };
            self.companies.insert(company, CompanyHead { head, sequence: message.sequence });
            self.recent.keep(message);
        }
        self.end = self.end.max(last.last_position());
        self.sequence = self.sequence.max(message.sequence);
        Ok(())
    }

    fn note_commands(&mut self, company: &CompanyId, stored: &[Stored<'_>]) {
        for one in stored.iter().filter(|one| one.position > self.commands_from) {
            self.commands.insert(company, one.envelope.command, one.position, one.location);
        }
    }

    pub(super) fn forget_commands_up_to(&mut self, position: u64) {
        self.commands_from = self.commands_from.max(position);
        self.commands.forget_up_to(position);
    }
}

/// Whether a commit is the next one after this head.
pub(super) fn check_follows(head: Head, next: &Stored<'_>) -> Result<(), String> {
    let envelope = &next.envelope;
    if envelope.first_version == head.version + 1 && envelope.previous == head.hash {
        return Ok(());
    }
    Err(format!(
        "version {} of company {} follows on version {}, or on another history: what was between is gone",
        envelope.first_version, envelope.company, head.version
    ))
}
