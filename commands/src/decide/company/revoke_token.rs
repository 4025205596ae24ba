//! `RevokeToken`: ends an access token.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use crate::company::Company;
use crate::decide::rule::{Context, Decide, Decision};
use crate::event::{Event, Permission};
use crate::values::{Code, Refusal, TokenId};

/// Ends an access token. No request may use it any more.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RevokeToken {
    pub token: TokenId,
}

impl Decide for RevokeToken {
    const NEEDS: Option<Permission> = Some(Permission::Administer);

    fn decide(&self, company: &Company, _: &Context<'_>) -> Result<Decision, Refusal> {
        let Self { token } = *self;
        match company.access_tokens.get(token) {
            None => Err(Refusal::new(Code::TokenUnknown).with(json!({"token": token}))),
            Some(facts) if facts.revoked => Ok(Decision::append(vec![])),
            Some(_) => Ok(Decision::append(vec![Event::TokenRevoked { token }])),
        }
    }
}

#[cfg(test)]
mod tests {
    use ulid::Ulid;

    use super::*;
    use crate::decide::testing::{NOW, given};

    const TOKEN: TokenId = TokenId(Ulid(3));

    #[test]
    fn token_is_revoked_once() {
        let issued = Event::TokenIssued {
            token: TOKEN,
            actor: "portal".to_owned().into(),
            note: None,
            secret_sha256: "0a".repeat(32),
            expires_at: None,
        };
        let revoke = RevokeToken { token: TOKEN };
        given([]).when(revoke.clone()).then_refused(Code::TokenUnknown);
        let company = given([issued]);
        assert_eq!(company.when(revoke.clone()).names(), ["TokenRevoked"]);
        let company = company.after(revoke.clone());
        assert!(!company.0.access_tokens.get(TOKEN).unwrap().is_live(NOW));
        assert_eq!(company.when(revoke).names(), [] as [&str; 0]);
    }
}
