//! Imports that cannot go on, and why: told to whoever waits for them instead of being waited for.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use boarding_commands::company::Company;
use boarding_commands::values::{CompanyId, ImportId};

/// What keeps which import from going on, as long as this engine is open. Nothing of it is stored: the next
/// start tries each of them again.
#[derive(Debug, Default)]
pub struct BlockedImports(Mutex<BTreeMap<(CompanyId, ImportId), String>>);

impl BlockedImports {
    /// Takes note that an import cannot go on.
    pub(super) fn hold(&self, company: &CompanyId, import: ImportId, why: String) {
        self.all().insert((company.clone(), import), why);
    }

    /// Takes note that an import is tried again.
    pub(super) fn release(&self, company: &CompanyId, import: ImportId) {
        self.all().remove(&(company.clone(), import));
    }

    /// Those of a company's open imports that cannot go on.
    pub(super) fn among(&self, company: &Company) -> Vec<(ImportId, String)> {
        if company.open_imports.is_empty() {
            return Vec::new();
        }
        let all = self.all();
        let why = |import: &ImportId| {
            let why = all.get(&(company.id.clone(), *import))?;
            Some((*import, why.clone()))
        };
        company.open_imports.iter().filter_map(why).collect()
    }

    fn all(&self) -> std::sync::MutexGuard<'_, BTreeMap<(CompanyId, ImportId), String>> {
        // A map is whole whatever happened to the one who held it.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
