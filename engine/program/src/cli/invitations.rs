//! `boarding invitations`: lists, resends, revokes and moves invitations.

use boarding_commands::values::Code;
use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Value, json};

use super::columns::{Column, INVITATIONS, column, minor};
use super::consent::Consent;
use super::failure::{CliResult, Done, Failure};
use super::fields::{number, set, text};
use super::known::Known;
use super::list::{self, Limit};
use super::session::Session;
use super::start;
use super::unreached;
use super::words::counted;

/// Accounts that were moved to another organization.
const MOVED: &[Column] = &[
    column("ACCOUNT", "/account"),
    column("PERMISSION GROUP", "/permission_group"),
    column("FROM", "/permission_group_from"),
];

/// Accounts that were judged for a move.
const JUDGED: &[Column] = &[
    column("ACCOUNT", "/account"),
    column("OUTCOME", "/outcome"),
    needs_a_number(),
    column("WHY", "/message"),
];

/// Whether an account needs a number in the destination.
const fn needs_a_number() -> Column {
    let words = |row: &Value| match row.get("needs_number") {
        Some(Value::Bool(true)) => Some("yes"),
        Some(Value::Bool(false)) => Some("no"),
        _ => None,
    };
    minor("NEEDS A NUMBER", "/needs_number").worded(words)
}

/// Lists, resends and revokes invitations, and moves them to another organization
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  boarding invitations --company acme
  boarding invitations list --state expired --company acme
  boarding invitations resend --channel whatsapp --user jane@acme.example --yes --company acme
  boarding invitations resend --channel whatsapp --filter not_invited --company acme
  boarding invitations resend --channel whatsapp --filter expired --preview --company acme
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
    /// Lists the invitations
    List(List),
    Resend(Resend),
    /// Revokes an invitation: its link stops working, and its number is free again
    Revoke {
        /// The user name
        user: String,
        /// whatsapp or imessage
        #[arg(long, value_name = "CHANNEL")]
        channel: String,
    },
    Move(Move),
}

#[derive(Debug, Default, PartialEq, Args)]
struct List {
    /// Only invitations in this state: created, sent, delivered, deferred, bounced, failed, uncertain, linked, expired, revoked, ended
    #[arg(long, value_name = "STATE")]
    state: Option<String>,
    /// Only invitations of this user, by the exact name
    #[arg(long, value_name = "USER")]
    user: Option<String>,
    #[command(flatten)]
    limit: Limit,
}

/// Sends invitations again, as a run, and waits for its end. Once the new mail is sent, the earlier link stops working
#[derive(Debug, Args)]
struct Resend {
    /// whatsapp or imessage [default: the only enabled channel]
    #[arg(long, value_name = "CHANNEL")]
    channel: Option<String>,
    #[command(flatten)]
    people: People,
    /// With --filter: only the first people that it finds
    #[arg(long, value_name = "PEOPLE", requires = "filter")]
    limit: Option<u64>,
    #[command(flatten)]
    consent: Consent,
    /// Shows the number of people and its parts, and sends nothing
    #[arg(long)]
    preview: bool,
}

/// The people to invite: named users or a filter.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct People {
    /// This person; may be given several times
    #[arg(long = "user", value_name = "USER")]
    users: Vec<String>,
    /// All people in this state
    #[arg(long)]
    filter: Option<Filter>,
}

/// The refusal of a filter that finds no people, or too many: with the way to invite a part of them.
fn of_filter(failure: Failure, filter: Filter) -> Failure {
    let Failure::Refused { document, code, mut message } = failure else { return failure };
    let limit = document.pointer("/details/limit").and_then(Value::as_u64);
    match (Code::find(&code), limit) {
        (Some(Code::RunEmptySelection), _) => {
            message.push_str(&format!(" (the filter {} finds nobody)", filter.name()));
        }
        (Some(Code::RunTooManyRecipients), Some(limit)) => {
            let part = "\n  to invite a part of them: add --limit";
            message.push_str(&format!("{part} {limit}, and repeat the command"));
        }
        _ => {}
    }
    Failure::Refused { document, code, message }
}

#[derive(Debug, Clone, Copy, ValueEnum)]
#[value(rename_all = "snake_case")]
enum Filter {
    /// The last mail was sent and came back for good
    Bounced,
    /// The last link has expired
    Expired,
    /// The last mail certainly failed, or could not be tried: nothing was sent
    Failed,
    /// The last mail may have been sent
    Uncertain,
    /// No mail was ever tried
    NotInvited,
    /// No mail was ever sent: none was tried, or all failed
    NeverSent,
    /// The last link ended, because what it was sent on is no longer true
    Ended,
}

/// Moves accounts with a pending invitation to another organization: all of them or none
#[derive(Debug, Args)]
struct Move {
    /// The accounts
    #[arg(required = true, value_name = "ACCOUNT")]
    accounts: Vec<String>,
    /// The new organization, by its exact name
    #[arg(long = "to", value_name = "NAME")]
    dest: String,
    /// The permission group they get, by its exact name [default: that of the organization, else each keeps its own]
    #[arg(long, value_name = "NAME")]
    permission_group: Option<String>,
    /// Judges each account, and moves nothing: its pending invitation, the organization, the group, the numbers that are
    /// needed. Ends with status 5 if the move would be refused
    #[arg(long)]
    check: bool,
}

impl Invitations {
    pub(super) fn check(&self) -> Result<(), Failure> {
        list::check_place(self.verb.is_some(), &self.list)
    }

    pub(super) async fn run(self, session: &Session<'_>) -> CliResult {
        match self.verb.unwrap_or(Verb::List(self.list)) {
            Verb::List(List { state, user, limit }) => {
                Known::User.remark(session, user.as_deref()).await?;
                let params = json!({"state": &state, "user": &user});
                let done = list::show(session, "invitations", params, limit, INVITATIONS).await?;
                let shows_present = session.check_current("invitations").is_ok();
                if shows_present && state.is_none_or(|state| state == "failed") {
                    unreached::note(session, user.as_deref()).await?;
                }
                Ok(done)
            }
            Verb::Resend(resend) => resend.run(session).await,
            Verb::Revoke { user, channel } => {
                let done = format!("the invitation of {user} is revoked");
                let body = json!({"user": user, "channel": channel});
                list::submit_and_print(session, "RevokeInvitation", body, &done).await
            }
            Verb::Move(moving) => moving.run(session).await,
        }
    }
}

impl Resend {
    async fn run(self, session: &Session<'_>) -> CliResult {
        let (filter, is_preview, consent) = (self.people.filter, self.preview, self.consent);
        let body = self.body();
        let done = if is_preview {
            start::show_preview(session, "ResendInvitation", consent, body).await
        } else {
            Self::send(session, consent, body).await
        };
        done.map_err(|failure| match filter {
            Some(filter) => of_filter(failure, filter),
            None => failure,
        })
    }

    fn body(self) -> Value {
        let mut body = json!({});
        if let Some(channel) = self.channel {
            set(&mut body, "channel", channel);
        }
        match self.people.filter {
            Some(filter) => set(&mut body, "filter", filter.name()),
            None => set(&mut body, "users", self.people.users),
        }
        if let Some(limit) = self.limit {
            set(&mut body, "limit", limit);
        }
        body
    }

    async fn send(session: &Session<'_>, consent: Consent, mut body: Value) -> CliResult {
        // A repeat gets the first answer, also if the filter finds other people now.
        if start::repeated_total(session, None).await?.is_none() {
            let mut shown = body.clone();
            consent.add_to(&mut shown);
            let preview = start::previewed(session, "ResendInvitation", shown).await?;
            if !start::agreed(session, "invitations resend", consent, &preview, None).await? {
                session.out.line("no invitations were sent");
                return Ok(Done::Completely);
            }
            // With --id a repeat must have the same body, and the hash of the plan changes with the run.
            if session.given_id().is_none() {
                set(&mut body, "plan_hash", text(&preview.result, "plan_hash"));
            }
        }
        match consent.submit(session, "ResendInvitation", body).await? {
            Some(accepted) => start::finish(session, &accepted).await,
            None => {
                session.out.line("no invitations were sent");
                Ok(Done::Completely)
            }
        }
    }
}

impl Filter {
    /// The name in the option and in the contract.
    fn name(self) -> String {
        self.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
    }
}

impl Move {
    async fn run(self, session: &Session<'_>) -> CliResult {
        let mut body = json!({"accounts": &self.accounts, "dest": &self.dest});
        if let Some(group) = self.permission_group {
            set(&mut body, "permission_group", group);
        }
        if !self.check {
            let accepted = session.submit("MovePendingInvitations", body).await?;
            session.settle().await?;
            let moved = number(&accepted.result, "moved");
            let done = format!("{} moved to {}", counted(moved, "account", "accounts"), self.dest);
            list::print_accepted(session.out, &accepted, &done);
            if moved == 0 {
                session.out.note(&in_destination(self.accounts.len() as u64, &self.dest));
                return Ok(Done::Completely);
            }
            if !session.out.is_json() {
                let accounts = accepted.result.get("accounts").and_then(Value::as_array);
                session.out.table(MOVED, accounts.map(Vec::as_slice).unwrap_or_default());
            }
            return Ok(Done::Completely);
        }
        let row = session.row("can_move", body).await?;
        let is_allowed = row.get("allowed") == Some(&Value::Bool(true));
        if session.out.is_json() {
            session.out.document(&row);
        } else {
            show_judgement(session, &row, &self.dest, is_allowed);
        }
        Ok(Done::with_failures(u64::from(!is_allowed)))
    }
}

/// Says that accounts are in the destination of a move already.
fn in_destination(accounts: u64, dest: &str) -> String {
    let accounts = match accounts {
        1 => "1 account is".to_owned(),
        many => format!("{many} accounts are"),
    };
    format!("{accounts} in {dest} already, so there is nothing to move")
}

/// Prints whether the accounts can be moved, and the judgement of each.
fn show_judgement(session: &Session<'_>, row: &Value, dest: &str, is_allowed: bool) {
    let out = session.out;
    let list = |name: &str| row.get(name).and_then(Value::as_array).cloned().unwrap_or_default();
    let judged = list("judged");
    let judged_count = judged.len();
    let named = counted(judged_count as u64, "account", "accounts");
    let [needed, available] = ["needed", "available"].map(|name| number(row, name));
    let numbers = format!("{needed} needed, {available} available");
    if is_allowed && list("accounts").is_empty() {
        out.line(&in_destination(judged.len() as u64, dest));
        return;
    }
    if is_allowed {
        let moving = list("accounts").len() as u64;
        let staying = judged.len() as u64 - moving.min(judged.len() as u64);
        let named = counted(moving, "account", "accounts");
        if staying > 0 {
            out.line(&in_destination(staying, dest));
        }
        out.line(&format!("{named} can be moved to {dest} (numbers: {numbers})"));
        out.table(MOVED, &list("accounts"));
        return;
    }
    let (code, message) = (text(row, "code"), text(row, "message"));
    let refused = list("judged").iter().filter(|one| text(one, "outcome") == "refused").count();
    let who = match (refused, judged_count - refused) {
        (0, _) | (_, 0) => format!("{named} cannot be moved to {dest}"),
        _ => format!("{refused} of {named} cannot be moved to {dest}, so none is moved"),
    };
    out.line(&format!("{who}: {message} [{code}]"));
    if code == Code::NumberInsufficientInDestination.as_str() {
        out.line(&format!("numbers in {dest}: {numbers}"));
    }
    // The advice is about the lines above, and the table may be long.
    if let Some(advice) = out.advice(code, &Value::Null) {
        out.line(&format!("  {advice}"));
    }
    out.table(JUDGED, &judged);
    out.note("nothing was moved: a move takes all accounts that are named, or none");
}
