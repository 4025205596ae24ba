//! Access tokens: what the engine knows of one, from the answer to its command on.

use boarding_commands::company::TokenFacts;
use boarding_commands::values::TokenId;
use boarding_core::access_token::AccessToken;
use serde_json::json;

use super::{EngineHarness, company_id, ok};

/// What the engine knows of the company's token.
async fn facts(harness: &EngineHarness, company: &str, token: TokenId) -> Option<TokenFacts> {
    harness.engine().token(&company_id(company), token).await.unwrap()
}

#[tokio::test]
async fn token_begins_and_ends_with_the_answers_to_its_commands() {
    let mut harness = EngineHarness::acme(None).await;
    let token = AccessToken::new(TokenId(harness.engine().clock().id().0)).unwrap();
    assert_eq!(facts(&harness, "acme", token.id()).await, None);
    let body = json!({"token": token.id(), "actor": "portal", "secret_sha256": token.sha256_hex()});
    ok(&harness.submit("IssueToken", body).await);
    let issued = TokenFacts {
        actor: "portal".to_owned().into(),
        secret_sha256: token.sha256_hex(),
        expires_at: None,
        revoked: false,
    };
    assert_eq!(facts(&harness, "acme", token.id()).await, Some(issued.clone()));
    ok(&harness.submit("RevokeToken", json!({"token": token.id()})).await);
    let revoked = Some(TokenFacts { revoked: true, ..issued });
    assert_eq!(facts(&harness, "acme", token.id()).await, revoked);
    harness.restart().await;
    assert_eq!(facts(&harness, "acme", token.id()).await, revoked);
    assert_eq!(facts(&harness, "umbrella", token.id()).await, None);
}
