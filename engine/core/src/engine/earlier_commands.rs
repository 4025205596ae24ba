//! Finds commands that were accepted before.

use boarding_commands::values::{CommandId, CompanyId};

use super::Engine;

impl Engine {
    /// The last position of the commit of the command with this id; none if no such command was accepted.
    ///
    /// # Errors
    /// The cause, for people.
    pub fn position_of(&self, company: &CompanyId, id: CommandId) -> Result<Option<u64>, String> {
        self.context.last_position_of(company, id)
    }
}
