//! What an engine lacks: lost commits of the log, and space for the rows.

use boarding_commands::values::CompanyId;
use boarding_log::CompanyDamage;

use super::Engine;

impl Engine {
    /// The damage of a company's log, if it lost commits. Such a company can be read up to the damage and takes no commands.
    pub fn damage(&self, company: &CompanyId) -> Option<CompanyDamage> {
        self.context.log.damage(company)
    }

    /// Whether the read models cannot be written now, for example because the disk is full.
    pub fn rows_wait_for_space(&self) -> bool {
        self.context.store.waits_for_space()
    }

    /// Damage of the log that stops no known company, as a sentence.
    pub fn further_damage(&self) -> Option<String> {
        self.context.log.further_damage()
    }
}
