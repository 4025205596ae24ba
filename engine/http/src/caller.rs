//! Who sends a request: the owner of its access token.

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
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
        let refused = || QueryFailure::from(Refusal::new(Code::AuthUnauthenticated));
        let token = bearer(headers).and_then(AccessToken::parse).ok_or_else(refused)?;
        let company: CompanyId = company.parse().map_err(|_| refused())?;
        let known = state.engine.token(&company, token.id()).await?.ok_or_else(refused)?;
        let is_live = known.is_live(state.engine.clock().now());
        // The secret has 256 random bits, so comparing digests in variable time reveals nothing of it.
        if !is_live || known.secret_sha256 != token.sha256_hex() {
            return Err(refused());
        }
        Ok(Self { company, actor: known.actor.0, token: token.id() })
    }

    /// The owner as the caller of a query.
    pub(super) fn of_query(&self) -> QueryCaller {
        let actor = self.actor.clone();
        QueryCaller { actor, authenticated: None, authority: Authority::TokenOwner }
    }
}

/// The token in `Authorization: Bearer TOKEN`.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
}
