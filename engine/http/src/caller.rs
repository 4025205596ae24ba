//! Who sends a request: the owner of its access token.

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use boarding_commands::company::TokenFacts;
use boarding_commands::decide::Authority;
use boarding_commands::values::{Code, CompanyId, Refusal, TokenId};
use boarding_core::access_token::AccessToken;
use boarding_core::queries::{QueryCaller, QueryFailure};

use crate::state::HttpState;

/// The owner of the access token of a request.
#[derive(Debug, Clone)]
pub(super) struct Caller {
    pub(super) company: CompanyId,
    pub(super) actor: String,
    pub(super) token: TokenId,
}

impl Caller {
    /// Reads the access token in the header `Authorization` and finds its owner in the company of the path. A wrong token, a
    /// token of another company and a company that does not exist get the same answer.
    ///
    /// # Errors
    /// `auth.unauthenticated`, or `unavailable` when tokens cannot be read now.
    pub(super) async fn of(
        state: &HttpState,
        headers: &HeaderMap,
        company: &str,
    ) -> Result<Self, QueryFailure> {
        Self::of_secret(state, company, bearer(headers).unwrap_or_default()).await
    }

    /// The owner of the access token with this text.
    ///
    /// # Errors
    /// Those of [`Self::of`].
    pub(super) async fn of_secret(
        state: &HttpState,
        company: &str,
        secret: &str,
    ) -> Result<Self, QueryFailure> {
        let token = AccessToken::parse(secret).ok_or_else(unauthenticated)?;
        let company: CompanyId = company.parse().map_err(|_| unauthenticated())?;
        // The secret has 256 random bits, so comparing digests in variable time reveals nothing of it.
        let knows = |facts: &TokenFacts| facts.secret_sha256 == token.sha256_hex();
        Self::of_live(state, company, token.id(), knows).await
    }

    /// The owner of an access token that has signed in before. The token may have ended since.
    ///
    /// # Errors
    /// Those of [`Self::of`].
    pub(super) async fn of_session(
        state: &HttpState,
        company: CompanyId,
        token: TokenId,
    ) -> Result<Self, QueryFailure> {
        Self::of_live(state, company, token, |_| true).await
    }

    async fn of_live(
        state: &HttpState,
        company: CompanyId,
        token: TokenId,
        knows: impl Fn(&TokenFacts) -> bool,
    ) -> Result<Self, QueryFailure> {
        let known = state.engine.token(&company, token).await?.ok_or_else(unauthenticated)?;
        if !known.is_live(state.engine.clock().now()) || !knows(&known) {
            return Err(unauthenticated());
        }
        Ok(Self { company, actor: known.actor.0, token })
    }

    /// The owner as the caller of a query.
    pub(super) fn of_query(&self) -> QueryCaller {
        let actor = self.actor.clone();
        QueryCaller { actor, authenticated: None, authority: Authority::TokenOwner }
    }
}

fn unauthenticated() -> QueryFailure {
    Refusal::new(Code::AuthUnauthenticated).into()
}

/// The token in `Authorization: Bearer TOKEN`.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
}
