//! `IssueToken`: records an access token of an actor.

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::company::Company;
use crate::decide::rule::{Context, Decide, Decision, MAX_TEXT_CHARS, check_text};
use crate::event::{Event, Permission};
use crate::values::{Code, Personal, Refusal, Time, TokenId, check_actor};

/// The most live tokens of a company, in tokens. Each is for one program or person, so more is a sign of a mistake.
pub const LIVE_TOKENS_MAX: usize = 1_000;

/// The length of a SHA-256, in hexadecimal digits.
const SHA256_DIGITS: usize = 64;

/// Records an access token. The caller makes its secret; the engine gets only the secret's digest.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct IssueToken {
    /// The id of the token; by default the id of the command.
    pub token: Option<TokenId>,
    /// The actor of all requests with the token.
    #[schemars(length(min = 1))]
    pub actor: Personal<String>,
    /// What the token is for, in words for people.
    #[schemars(length(min = 1, max = MAX_TEXT_CHARS))]
    pub note: Option<Personal<String>>,
    /// SHA-256 of the whole text of the token.
    #[schemars(regex(pattern = "^[0-9a-f]{64}$"))]
    pub secret_sha256: String,
    /// When the token expires. By default it never does.
    pub expires_at: Option<Time>,
}

/// The `result` of an issued token.
#[derive(Debug, Serialize, JsonSchema)]
struct Issued {
    token: TokenId,
}

impl Decide for IssueToken {
    const NEEDS: Option<Permission> = Some(Permission::Administer);

    fn decide(&self, company: &Company, context: &Context<'_>) -> Result<Decision, Refusal> {
        check_actor(&self.actor)?;
        if let Some(note) = &self.note {
            check_text("note", note)?;
        }
        self.check_digest()?;
        self.check_expiry(context.at)?;
        let token = self.token.unwrap_or(TokenId(context.id.0));
        if company.access_tokens.get(token).is_some() {
            return Err(Refusal::new(Code::TokenExists).with(json!({"token": token})));
        }
        if company.access_tokens.live(context.at) >= LIVE_TOKENS_MAX {
            let words = format!("a company has at most {LIVE_TOKENS_MAX} live tokens");
            let limit = json!({"limit": LIVE_TOKENS_MAX});
            return Err(Refusal::new(Code::TokenTooMany).saying(&words).with(limit));
        }
        let issued = Event::TokenIssued {
            token,
            actor: self.actor.clone(),
            note: self.note.clone(),
            secret_sha256: self.secret_sha256.clone(),
            expires_at: self.expires_at,
        };
        Ok(Decision::append(vec![issued]).with_result(json!(Issued { token })))
    }

    fn result_schema(generator: &mut SchemaGenerator) -> Schema {
        Issued::json_schema(generator)
    }
}

impl IssueToken {
    fn check_digest(&self) -> Result<(), Refusal> {
        let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        let digest = &self.secret_sha256;
        if digest.len() == SHA256_DIGITS && digest.bytes().all(is_digit) {
            return Ok(());
        }
        let words =
            format!("secret_sha256: expected {SHA256_DIGITS} lower-case hexadecimal digits");
        let details = json!({"key": "secret_sha256"});
        Err(Refusal::new(Code::EnvelopeMalformed).saying(&words).with(details))
    }

    fn check_expiry(&self, now: Time) -> Result<(), Refusal> {
        let Some(expires_at) = self.expires_at.filter(|expires_at| *expires_at <= now) else {
            return Ok(());
        };
        let more = format!("{expires_at}, and it is {now} now");
        let details = json!({"expires_at": expires_at, "now": now});
        Err(Refusal::new(Code::TokenExpiryInThePast).saying(&more).with(details))
    }
}

#[cfg(test)]
mod tests {
    use ulid::Ulid;

    use super::*;
    use crate::decide::Authority;
    use crate::decide::testing::{NOW, given};

    fn issue(token: u128) -> IssueToken {
        IssueToken {
            token: Some(TokenId(Ulid(token))),
            actor: Personal("portal@acme.example".to_owned()),
            note: Some(Personal("HR portal".to_owned())),
            secret_sha256: "0a".repeat(32),
            expires_at: Some(NOW.plus_seconds(60)),
        }
    }

    fn issued(token: u128) -> Event {
        Event::TokenIssued {
            token: TokenId(Ulid(token)),
            actor: Personal("portal@acme.example".to_owned()),
            note: Some(Personal("HR portal".to_owned())),
            secret_sha256: "0a".repeat(32),
            expires_at: Some(NOW.plus_seconds(60)),
        }
    }

    #[test]
    fn issued_token_speaks_for_its_actor() {
        let result = given([]).when(issue(3)).then([issued(3)]);
        assert_eq!(result, json!({"token": TokenId(Ulid(3))}));
        let company = given([issued(3)]).0;
        let facts = company.access_tokens.get(TokenId(Ulid(3))).unwrap();
        assert_eq!(facts.actor.as_str(), "portal@acme.example");
        assert_eq!(facts.secret_sha256, "0a".repeat(32));
        assert!(facts.is_live(NOW) && !facts.is_live(NOW.plus_seconds(60)));
    }

    #[test]
    fn token_has_the_id_of_its_command_by_default() {
        let by_default = IssueToken { token: None, ..issue(3) };
        assert_eq!(given([]).when(by_default).result(), json!({"token": TokenId(Ulid(7))}));
    }

    #[test]
    fn id_of_a_token_is_issued_once() {
        given([issued(3)]).when(issue(3)).then_refused(Code::TokenExists);
        let revoked = Event::TokenRevoked { token: TokenId(Ulid(3)) };
        given([issued(3), revoked]).when(issue(3)).then_refused(Code::TokenExists);
    }

    #[test]
    fn malformed_token_is_refused() {
        let digest = |digest: &str| IssueToken { secret_sha256: digest.to_owned(), ..issue(3) };
        let actor = |actor: &str| IssueToken { actor: actor.to_owned().into(), ..issue(3) };
        let note = |note: &str| IssueToken { note: Some(note.to_owned().into()), ..issue(3) };
        let expires_at = |at: Time| IssueToken { expires_at: Some(at), ..issue(3) };
        for (command, code) in [
            (digest(&"0A".repeat(32)), Code::EnvelopeMalformed),
            (digest(&"0a".repeat(31)), Code::EnvelopeMalformed),
            (actor("a\nb"), Code::EnvelopeMalformed),
            (actor("Engine"), Code::AuthActorReserved),
            (note(" "), Code::FieldRequired),
            (note(&"x".repeat(MAX_TEXT_CHARS + 1)), Code::FieldLength),
            (expires_at(NOW), Code::TokenExpiryInThePast),
        ] {
            given([]).when(command).then_refused(code);
        }
    }

    /// Expired and revoked tokens do not count.
    #[test]
    fn live_tokens_of_a_company_are_limited() {
        let tokens = u128::try_from(LIVE_TOKENS_MAX).unwrap();
        let full = given((1..=tokens).map(issued));
        full.when(issue(0)).then_refused(Code::TokenTooMany);
        let later = NOW.plus_seconds(60);
        let unlimited = IssueToken { expires_at: None, ..issue(0) };
        let then = full.when_asked_by("jane", Authority::Granted, later, unlimited);
        assert_eq!(then.names(), ["TokenIssued"]);
        let revoked = Event::TokenRevoked { token: TokenId(Ulid(1)) };
        let company = given((1..=tokens).map(issued).chain([revoked]));
        assert_eq!(company.when(issue(0)).names(), ["TokenIssued"]);
    }
}
