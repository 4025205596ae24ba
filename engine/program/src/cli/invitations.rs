//! `boarding invitations`: where each stands; sent again, revoked, moved to another organization (ML-09, ML-10, ML-17, ML-18).

use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Value, json};

use super::columns::INVITATIONS;
use super::failure::{Done, Ending, Failure};
use super::list::{self, Limit, number, set, text};
use super::session::Session;
use super::start;

/// Invitations: where each stands; sent again, revoked, moved to another organization
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  boarding invitations --company acme
  boarding invitations list --state expired --company acme
  boarding invitations resend --channel whatsapp --user jane@acme.example --yes --company acme
  boarding invitations resend --channel whatsapp --filter not_invited --company acme
  boarding invitations revoke jane@acme.example --channel whatsapp --company acme
  boarding invitations move jane@acme.example ann@acme.example --to APAC --check --company acme")]
pub(super) struct Invitations {
    #[command(subcommand)]
    verb: Option<Verb>,
    #[command(flatten)]
    list: List,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Shows them
    List(List),
    Resend(Resend),
    /// Revokes one: its link is dead, and the number that came with it is free
    Revoke {
        /// Whose
        user: String,
        /// whatsapp or imessage
        #[arg(long, value_name = "CHANNEL")]
        channel: String,
    },
    Move(Move),
}

#[derive(Debug, Default, PartialEq, Args)]
struct List {
    /// Only those in this state: created, sent, delivered, deferred, bounced, linked, expired, revoked
    #[arg(long, value_name = "STATE")]
    state: Option<String>,
    /// Only those of this user, by the exact name
    #[arg(long, value_name = "USER")]
    user: Option<String>,
    #[command(flatten)]
    limit: Limit,
}

/// Sends invitations (again), as a run that is seen through to its end; the links before it die
#[derive(Debug, Args)]
struct Resend {
    /// whatsapp or imessage [default: the only one that is enabled]
    #[arg(long, value_name = "CHANNEL")]
    channel: Option<String>,
    #[command(flatten)]
    people: People,
    /// Sends without asking
    #[arg(short, long)]
    yes: bool,
}

/// Whom to invite: one of the two.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct People {
    /// This person; may be given several times
    #[arg(long = "user", value_name = "USER")]
    users: Vec<String>,
    /// Everybody of whom this is true
    #[arg(long)]
    filter: Option<Filter>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
#[value(rename_all = "snake_case")]
enum Filter {
    Bounced,
    Expired,
    NotInvited,
}

/// Moves accounts with a pending invitation to another organization: all of them or none
#[derive(Debug, Args)]
struct Move {
    /// The accounts
    #[arg(required = true, value_name = "ACCOUNT")]
    accounts: Vec<String>,
    /// The organization they go to, by its exact name
    #[arg(long = "to", value_name = "NAME")]
    dest: String,
    /// Says whether they could be moved, and moves nobody
    #[arg(long)]
    check: bool,
}

impl Invitations {
    pub(super) fn check(&self) -> Result<(), Failure> {
        list::check_place(self.verb.is_some(), &self.list)?;
        match &self.verb {
            Some(Verb::Resend(resend)) => start::check_can_ask("invitations resend", resend.yes),
            _ => Ok(()),
        }
    }

    pub(super) async fn run(self, session: &Session<'_>) -> Ending {
        match self.verb.unwrap_or(Verb::List(self.list)) {
            Verb::List(List { state, user, limit }) => {
                let params = json!({"state": state, "user": user});
                list::show(session, "invitations", params, limit, INVITATIONS).await
            }
            Verb::Resend(resend) => resend.run(session).await,
            Verb::Revoke { user, channel } => {
                let done = format!("the invitation of {user} is revoked");
                let body = json!({"user": user, "channel": channel});
                list::change(session, "RevokeInvitation", body, &done).await
            }
            Verb::Move(moving) => moving.run(session).await,
        }
    }
}

impl Resend {
    async fn run(self, session: &Session<'_>) -> Ending {
        let (mut body, whom) = (json!({}), self.people.words());
        if let Some(channel) = self.channel {
            set(&mut body, "channel", channel);
        }
        match self.people.filter {
            Some(_) => set(&mut body, "filter", whom.clone()),
            None => set(&mut body, "users", self.people.users),
        }
        let question = format!("You're about to send invitation emails to {whom}.");
        if self.yes {
            session.out.say(&question);
        } else if session.out.confirm(&format!("{question} Proceed?")).await != Some(true) {
            session.out.line("nothing was sent");
            return Ok(Done::Well);
        }
        let accepted = session.submit("ResendInvitation", body).await?;
        start::finish(session, &accepted).await
    }
}

impl People {
    /// The filter by its name, or how many are named.
    fn words(&self) -> String {
        match self.filter {
            Some(filter) => filter
                .to_possible_value()
                .map(|value| value.get_name().to_owned())
                .unwrap_or_default(),
            None => match self.users.len() {
                1 => "1 user".to_owned(),
                many => format!("{many} users"),
            },
        }
    }
}

impl Move {
    async fn run(self, session: &Session<'_>) -> Ending {
        let body = json!({"accounts": self.accounts, "dest": self.dest});
        if !self.check {
            let accepted = session.submit("MovePendingInvitations", body).await?;
            session.settle().await?;
            let moved = number(&accepted.result, "moved");
            let done = format!("{moved} accounts are {}'s now", self.dest);
            list::show_accepted(session.out, &accepted, &done);
            return Ok(Done::Well);
        }
        let row = session.row("can_move", body).await?;
        if session.out.is_json() {
            session.out.document(&row);
        } else if row.get("allowed") == Some(&Value::Bool(true)) {
            session.out.line("they can be moved");
        } else {
            let [needed, available] = ["needed", "available"].map(|name| number(&row, name));
            let message = text(&row, "message");
            session.out.line(&format!("{message} ({needed} needed, {available} available)"));
        }
        Ok(Done::Well)
    }
}
