//! The access tokens of a company, which callers send with their requests over HTTP.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::values::{Code, Personal, Refusal, Time, TokenId, fold};

/// The access tokens of a company. Revoked ones stay: an id is never issued again.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct AccessTokens {
    by_id: BTreeMap<TokenId, TokenFacts>,
}

/// What the company knows of an access token. The secret itself is in no event and in no state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenFacts {
    /// The actor of the requests with the token.
    pub actor: Personal<String>,
    /// SHA-256 of the whole text of the token, 64 lower-case hexadecimal digits.
    pub secret_sha256: String,
    /// When the token expires. None: never.
    pub expires_at: Option<Time>,
    pub revoked: bool,
}

impl TokenFacts {
    /// Whether the token may be used at this time: it is not revoked and has not expired.
    pub fn is_live(&self, now: Time) -> bool {
        !self.revoked && self.expires_at.is_none_or(|expires_at| now < expires_at)
    }
}

impl AccessTokens {
    pub fn get(&self, token: TokenId) -> Option<&TokenFacts> {
        self.by_id.get(&token)
    }

    /// The number of tokens that are live at this time.
    pub fn live(&self, now: Time) -> usize {
        self.by_id.values().filter(|token| token.is_live(now)).count()
    }

    /// Refuses a command whose access token does not permit it now: the token may have been revoked after the command was
    /// received.
    ///
    /// # Errors
    /// `auth.unauthenticated`.
    pub(crate) fn check(&self, token: TokenId, actor: &str, at: Time) -> Result<(), Refusal> {
        let is_owner = |facts: &TokenFacts| fold(&facts.actor.0) == fold(actor);
        match self.get(token) {
            Some(facts) if facts.is_live(at) && is_owner(facts) => Ok(()),
            _ => Err(Code::AuthUnauthenticated.into()),
        }
    }

    pub(crate) fn issue(&mut self, token: TokenId, facts: TokenFacts) {
        self.by_id.insert(token, facts);
    }

    pub(crate) fn revoke(&mut self, token: TokenId) {
        if let Some(facts) = self.by_id.get_mut(&token) {
            facts.revoked = true;
        }
    }
}
