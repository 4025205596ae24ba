//! Finds commands that were accepted before.

use boarding_commands::values::{CommandId, CompanyId};

use super::Engine;

impl Engine {
    /// The last position of the commit of the command with this id; none if no such command was accepted.
    ///
    /// # Errors
    /// The cause, for people.
    pub fn position_of(&self, company: &CompanyId, id: CommandId) -> Result<Option<u64>, String> {
        let Some(location) = self.context.location_of(company, id)? else { return Ok(None) };
        let recorded = self.context.log.read_at(location);
        let recorded = recorded.map_err(|error| boarding_log::error_chain(&error))?;
        Ok(Some(recorded.last_position()))
    }
}
