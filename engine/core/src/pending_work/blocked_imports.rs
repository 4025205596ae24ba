//! Blocked imports and their errors, for callers that wait for an import.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use boarding_commands::company::Company;
use boarding_commands::values::{CompanyId, ImportId};

/// The blocked imports with their errors, in memory only: the next start retries them.
#[derive(Debug, Default)]
pub(crate) struct BlockedImports(Mutex<BTreeMap<(CompanyId, ImportId), String>>);

impl BlockedImports {
    /// Marks an import as blocked.
    pub(crate) fn hold(&self, company: &CompanyId, import: ImportId, why: String) {
        self.all().insert((company.clone(), import), why);
    }

    /// Removes the mark before a retry.
    pub(crate) fn release(&self, company: &CompanyId, import: ImportId) {
        self.all().remove(&(company.clone(), import));
    }

    /// The blocked ones among the open imports of a company.
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

    /// How many of the open archives of pictures of a company are blocked.
    pub(super) fn pictures_among(&self, company: &Company) -> usize {
        if company.open_pictures.is_empty() {
            return 0;
        }
        let all = self.all();
        let is_blocked = |import: &&ImportId| all.contains_key(&(company.id.clone(), **import));
        company.open_pictures.keys().filter(is_blocked).count()
    }

    fn all(&self) -> std::sync::MutexGuard<'_, BTreeMap<(CompanyId, ImportId), String>> {
        // Each change of the map is a single call, so a panic cannot leave it inconsistent.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
