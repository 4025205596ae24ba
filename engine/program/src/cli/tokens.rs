//! `boarding tokens`: lists, issues and revokes access tokens.

use boarding_commands::envelope::Envelope;
use boarding_commands::values::{Time, TokenId};
use boarding_core::access_token::AccessToken;
use clap::{Args, Subcommand};
use serde_json::json;

use super::columns::{Column, column, minor};
use super::common::time;
use super::failure::{CliResult, Done, Failure};
use super::list::{self, Limit};
use super::session::Session;

const COLUMNS: &[Column] = &[
    column("TOKEN", "/token"),
    column("ACTOR", "/actor"),
    column("NOTE", "/note"),
    minor("ISSUED BY", "/issued_by"),
    minor("ISSUED AT", "/issued_at"),
    column("EXPIRES AT", "/expires_at"),
    column("REVOKED AT", "/revoked_at"),
];

/// Lists, issues and revokes access tokens
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  boarding tokens --company acme
  boarding tokens issue --for portal@acme.example --note 'HR portal' --company acme
  boarding tokens issue --for ci@acme.example --expires 2030-01-31T08:00:00Z --company acme
  boarding tokens revoke 01JD0000000000000000000000 --company acme

A program sends its token with each request over HTTP. The request then has the actor of the token, with the
permissions of this actor. Grant them with boarding permissions.")]
pub(super) struct Tokens {
    #[command(subcommand)]
    verb: Option<Verb>,
    #[command(flatten)]
    limit: Limit,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Lists the tokens without their secrets, also expired and revoked ones
    #[command(after_help = "Example:\n  boarding tokens list --company acme")]
    List(Limit),
    /// Issues a token and prints its secret, once
    #[command(
        after_help = "Example:\n  boarding tokens issue --for portal@acme.example --company acme"
    )]
    Issue(Issue),
    /// Revokes a token: no request may use it any more
    #[command(
        after_help = "Example:\n  boarding tokens revoke 01JD0000000000000000000000 --company acme"
    )]
    Revoke(Revoke),
}

#[derive(Debug, Args)]
struct Issue {
    /// The actor of all requests with the token
    #[arg(id = "who", long = "for", value_name = "ACTOR")]
    actor: String,
    /// What the token is for
    #[arg(long, value_name = "TEXT")]
    note: Option<String>,
    /// When the token expires (RFC 3339) [default: never]
    #[arg(long, value_name = "TIME", value_parser = time)]
    expires: Option<Time>,
}

#[derive(Debug, Args)]
struct Revoke {
    /// The id of the token, as the list shows it
    #[arg(id = "revoked", value_name = "TOKEN")]
    token: TokenId,
}

impl Tokens {
    pub(super) fn check(&self) -> Result<(), Failure> {
        list::check_place(self.verb.is_some(), &self.limit)
    }

    pub(super) async fn run(self, session: &Session<'_>) -> CliResult {
        match self.verb.unwrap_or(Verb::List(self.limit)) {
            Verb::List(limit) => list::show(session, "tokens", json!({}), limit, COLUMNS).await,
            Verb::Issue(issue) => issue.submit(session).await,
            Verb::Revoke(Revoke { token }) => {
                let done = format!("the token {token} is revoked");
                list::submit_and_print(session, "RevokeToken", json!({"token": token}), &done).await
            }
        }
    }
}

impl Issue {
    /// Makes a token, submits its digest and prints its secret, which is stored nowhere.
    async fn submit(self, session: &Session<'_>) -> CliResult {
        let Self { actor, note, expires } = self;
        let id = session.given_id().unwrap_or_else(|| session.new_id());
        let token = AccessToken::new(TokenId(id.0)).map_err(|error| {
            Failure::Unavailable(format!("cannot make a secret for the token: {error}"))
        })?;
        let body = json!({
            "actor": actor, "note": note, "secret_sha256": token.sha256_hex(), "expires_at": expires,
        });
        let accepted = session.submit_envelope("IssueToken", Envelope::of(id, body)).await?;
        // The secret is printed before anything else can fail.
        let out = session.out;
        if out.is_json() {
            out.document(&json!({
                "token": token.id(), "secret": token.text(), "actor": actor, "expires_at": expires,
            }));
        } else {
            out.line(token.text());
            out.note(&format!(
                "copy the token of {actor} now: its secret is not stored and not shown again"
            ));
            list::print_receipt(out, &accepted);
        }
        session.settle().await?;
        Ok(Done::Completely)
    }
}
