//! The access tokens of a company (query `tokens`). Neither rows nor answers have a token's secret or its digest.

use boarding_commands::commit::RecordedEvent;
use boarding_commands::event::{Event, Permission};
use boarding_commands::values::{Personal, Time, TokenId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::projection::Projection;
use crate::projector::Projector;
use crate::query::{
    Access, AnswerRow, Query, QueryError, QueryRequest, RowsAnswer, page, schema_of,
};
use crate::read_model::ReadModel;
use crate::rows::{Rows, Table};

pub(crate) const MODEL: ReadModel = ReadModel {
    projectors: &[Projector::of::<TokenProjection>()],
    queries: &[Query {
        name: "tokens",
        access: Access::Permission(Permission::Administer),
        params: &[],
        paged: true,
        row: schema_of::<TokenRow>,
        csv: None,
        answer: tokens,
    }],
};

/// An access token.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct TokenRow {
    pub token: TokenId,
    /// The actor of all requests with the token.
    pub actor: Personal<String>,
    pub note: Option<Personal<String>>,
    pub issued_by: Personal<String>,
    pub issued_at: Time,
    /// When the token expires; null if it never does.
    pub expires_at: Option<Time>,
    /// When the token was revoked; null if it was not.
    pub revoked_at: Option<Time>,
}

/// Tokens by id, the newest id first. Revoked tokens stay.
#[derive(Debug)]
pub(crate) struct TokenProjection;

impl Projection for TokenProjection {
    const TABLE: Table = Table::Tokens;
    const VERSION: u32 = 1;
    type Row = TokenRow;

    fn key(recorded: &RecordedEvent<'_>) -> Option<Vec<u8>> {
        match recorded.event {
            Event::TokenIssued { token, .. } | Event::TokenRevoked { token } => {
                Some((!token.0.0).to_be_bytes().into())
            }
            _ => None,
        }
    }

    fn evolve(row: Option<TokenRow>, recorded: &RecordedEvent<'_>) -> Option<TokenRow> {
        match recorded.event {
            Event::TokenIssued { token, actor, note, expires_at, secret_sha256: _ } => {
                Some(TokenRow {
                    token: *token,
                    actor: actor.clone(),
                    note: note.clone(),
                    issued_by: recorded.commit.actor.clone(),
                    issued_at: recorded.commit.at,
                    expires_at: *expires_at,
                    revoked_at: None,
                })
            }
            Event::TokenRevoked { .. } => {
                row.map(|row| TokenRow { revoked_at: Some(recorded.commit.at), ..row })
            }
            _ => row,
        }
    }
}

fn tokens(request: &QueryRequest<'_>, rows: &dyn Rows) -> Result<RowsAnswer, QueryError> {
    page::<TokenProjection, _>(request, rows, &[], |_, row| Ok([Some(AnswerRow::of(&row))]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{TestCompany, at};
    use serde_json::json;
    use ulid::Ulid;

    fn id(n: u128) -> TokenId {
        TokenId(Ulid(n))
    }

    fn issued(token: TokenId, note: Option<&str>, expires_at: Option<Time>) -> Event {
        Event::TokenIssued {
            token,
            actor: "portal".to_owned().into(),
            note: note.map(|note| note.to_owned().into()),
            secret_sha256: "0a".repeat(32),
            expires_at,
        }
    }

    /// The digest of the secret is in no row.
    #[test]
    fn tokens_are_listed_newest_first_also_revoked_ones() {
        let company = TestCompany::new("acme")
            .commit([issued(id(1), Some("HR portal"), Some(at(9)))])
            .commit([issued(id(2), None, None)])
            .commit([Event::TokenRevoked { token: id(1) }]);
        let (newest, oldest) = (
            json!({
                "token": id(2), "actor": "portal", "note": null, "issued_by": "jane@acme.example",
                "issued_at": at(1), "expires_at": null, "revoked_at": null,
            }),
            json!({
                "token": id(1), "actor": "portal", "note": "HR portal", "issued_by": "jane@acme.example",
                "issued_at": at(0), "expires_at": at(9), "revoked_at": at(2),
            }),
        );
        assert_eq!(company.query("tokens", &json!({})), [newest, oldest]);
    }
}
