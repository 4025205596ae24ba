//! Which company made a link. A token does not name its company, so the companies are tried in turn.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use boarding_commands::values::CompanyId;
use tokio::sync::Semaphore;

use crate::limits::{KNOWN_LINKS_MAX, UNKNOWN_LINKS_MAX};

/// The page of this engine that links in mails lead to.
#[derive(Debug, Clone)]
pub struct OwnLinkPage {
    /// The address that a token is appended to.
    pub address: String,
    /// Whether other machines reach the address.
    pub is_public: bool,
}

/// The companies of the links that were looked up. A link that no company has made is not remembered.
#[derive(Debug)]
pub(crate) struct KnownLinks {
    /// By the id that the token begins with: that of an invitation or of an import.
    companies: Mutex<HashMap<u128, CompanyId>>,
    /// One search at a time.
    pub(crate) searches: Semaphore,
    /// The requests with unknown tokens that are held up at a time.
    pub(crate) pauses: Semaphore,
}

impl Default for KnownLinks {
    fn default() -> Self {
        Self {
            companies: Mutex::default(),
            searches: Semaphore::new(1),
            pauses: Semaphore::new(UNKNOWN_LINKS_MAX),
        }
    }
}

impl KnownLinks {
    /// The company of a link of this id that was found before. The caller checks the token.
    pub(crate) fn get(&self, id: u128) -> Option<CompanyId> {
        self.companies.lock().unwrap_or_else(PoisonError::into_inner).get(&id).cloned()
    }

    pub(crate) fn remember(&self, id: u128, company: CompanyId) {
        let mut companies = self.companies.lock().unwrap_or_else(PoisonError::into_inner);
        if companies.len() >= KNOWN_LINKS_MAX {
            companies.clear();
        }
        companies.insert(id, company);
    }
}
