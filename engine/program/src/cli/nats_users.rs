//! `boarding nats-users`: lists which actors NATS users may name, and binds and unbinds users.

use boarding_commands::values::{Code, Refusal};
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::columns::NATS_USERS;
use super::definition::{ChangeWords, print_changes};
use super::failure::{CliResult, Done, Failure};
use super::fields::text;
use super::list::{self, Limit};
use super::session::Session;

/// Lists which actors NATS users may name, and binds and unbinds users
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  boarding nats-users --company acme
  boarding nats-users bind acme-publisher hr@acme.example --company acme
  boarding nats-users bind acme-portal --anyone --company acme
  boarding nats-users unbind acme-publisher --company acme

A bound user may name only its actors, in commands and queries. A user that is not bound may name any actor, and the
history shows both. Grant permissions first: until then everybody may administer the company, also a bound user its own
binding. This refuses every user that is not bound:

  boarding config set require_bound_users true --company acme

Bindings do not limit this command line.")]
pub(super) struct NatsUsers {
    #[command(subcommand)]
    verb: Option<Verb>,
    #[command(flatten)]
    limit: Limit,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Lists the bound users
    #[command(after_help = "Example:\n  boarding nats-users list --company acme")]
    List(Limit),
    /// Sets the actors that a user may name; they replace earlier ones
    #[command(
        after_help = "Example:\n  boarding nats-users bind acme-publisher hr@acme.example --company acme",
        override_usage = "boarding nats-users bind [OPTIONS] <NATS_USER> <ACTOR>...|--anyone"
    )]
    Bind(Bind),
    /// Removes the binding of a user
    #[command(after_help = "Example:\n  boarding nats-users unbind acme-publisher --company acme")]
    Unbind(Unbind),
}

#[derive(Debug, Args)]
struct Bind {
    /// The user as the NATS server knows it
    #[arg(value_name = "NATS_USER")]
    nats_user: String,
    /// The actors that the user may name
    #[arg(required_unless_present = "anyone", value_name = "ACTOR")]
    actors: Vec<String>,
    /// Lets the user name every actor, for the backend of a portal that authenticates people itself
    #[arg(long, conflicts_with = "actors")]
    anyone: bool,
}

#[derive(Debug, Args)]
struct Unbind {
    /// The user as the NATS server knows it
    #[arg(value_name = "NATS_USER")]
    nats_user: String,
}

impl NatsUsers {
    pub(super) fn check(&self) -> Result<(), Failure> {
        list::check_place(self.verb.is_some(), &self.limit)
    }

    pub(super) async fn run(self, session: &Session<'_>) -> CliResult {
        match self.verb.unwrap_or(Verb::List(self.limit)) {
            Verb::List(limit) => {
                list::show(session, "nats_users", json!({}), limit, NATS_USERS).await
            }
            Verb::Bind(Bind { nats_user, actors, anyone }) => {
                let (body, may_name) = if anyone {
                    (
                        json!({"nats_user": nats_user, "speaks_for": "anyone"}),
                        "every actor".to_owned(),
                    )
                } else {
                    (json!({"nats_user": nats_user, "actors": actors}), actors.join(", "))
                };
                let words = ChangeWords {
                    done: format!("the NATS user {nats_user} may name {may_name}"),
                    unchanged: format!("the NATS user {nats_user} may name {may_name} already"),
                };
                submit(session, "BindNatsUser", nats_user, body, &words).await
            }
            Verb::Unbind(Unbind { nats_user }) => {
                check_bound(session, &nats_user).await?;
                let words = ChangeWords {
                    done: format!("the NATS user {nats_user} is not bound any more"),
                    unchanged: format!("the NATS user {nats_user} is not bound"),
                };
                let body = json!({"nats_user": nats_user});
                submit(session, "UnbindNatsUser", nats_user, body, &words).await
            }
        }
    }
}

/// Submits the command and prints what has changed, with the names of the actors. The answer has only their number.
async fn submit(
    session: &Session<'_>,
    command: &str,
    nats_user: String,
    body: Value,
    words: &ChangeWords,
) -> CliResult {
    let actors = async || {
        let bound = binding(session, &nats_user).await?;
        Ok::<_, Failure>(bound.and_then(|one| one.get("actors").cloned()).unwrap_or_default())
    };
    let before = actors().await?;
    let mut accepted = session.submit(command, body).await?;
    session.settle().await?;
    let after = actors().await?;
    // The first answer holds numbers of names only, and a repeat changes none of them.
    if let (true, Some(result)) = (accepted.is_repeat(), accepted.result.as_object_mut()) {
        result.remove("changes");
    }
    let changes = accepted.result.get_mut("changes").and_then(Value::as_array_mut);
    for change in changes.into_iter().flatten() {
        if text(change, "field") == "actors" {
            *change = json!({"field": "actors", "old": before, "new": after});
        }
    }
    print_changes(session.out, &accepted, words);
    Ok(Done::Completely)
}

/// The row of a bound user; none if the user is not bound.
async fn binding(session: &Session<'_>, nats_user: &str) -> Result<Option<Value>, Failure> {
    let rows = session.rows("nats_users", json!({}), None).await?;
    Ok(rows.into_iter().find(|row| text(row, "nats_user") == nats_user))
}

/// Refuses a user who is not bound, which may be a typing error. The repeat of a command under its id finds the user
/// unbound.
async fn check_bound(session: &Session<'_>, nats_user: &str) -> Result<(), Failure> {
    if session.given_id().is_some() || binding(session, nats_user).await?.is_some() {
        return Ok(());
    }
    let words = format!("The NATS user {nats_user} is not bound, so nothing was changed.");
    let refusal = Refusal::new(Code::QueryNotFound).worded(words);
    Err(refusal.with(json!({"nats_user": nats_user})).into())
}
