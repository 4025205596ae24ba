//! Blocked imports and their errors, for callers that wait for an import.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

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

    /// The blocked ones among the open imports of a company, or among its open archives of pictures.
    pub(super) fn among<'a>(
        &self,
        company: &CompanyId,
        open: impl IntoIterator<Item = &'a ImportId>,
    ) -> Vec<(ImportId, String)> {
        let mut open = open.into_iter().peekable();
        if open.peek().is_none() {
            return Vec::new();
        }
        let all = self.all();
        let why = |import: &ImportId| {
            let why = all.get(&(company.clone(), *import))?;
            Some((*import, why.clone()))
        };
        open.filter_map(why).collect()
    }

    fn all(&self) -> std::sync::MutexGuard<'_, BTreeMap<(CompanyId, ImportId), String>> {
        // Each change of the map is a single call, so a panic cannot leave it inconsistent.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
