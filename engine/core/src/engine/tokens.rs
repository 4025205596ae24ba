//! Finds access tokens, for callers that send one with their requests.

use boarding_commands::company::TokenFacts;
use boarding_commands::values::{CompanyId, TokenId};

use super::Engine;
use crate::queries::QueryFailure;

impl Engine {
    /// What the company knows of an access token; none if it has issued no such token. The caller compares the digest
    /// of the secret, and checks that the token is live.
    ///
    /// Reads the state from which commands are decided, as the check of a permission does. So a token works as soon as
    /// its command is answered, and a revoked one does not.
    ///
    /// # Errors
    /// `unavailable`.
    pub async fn token(
        &self,
        company: &CompanyId,
        token: TokenId,
    ) -> Result<Option<TokenFacts>, QueryFailure> {
        self.queries.token(company, token).await
    }
}
