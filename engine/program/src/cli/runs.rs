//! `boarding runs`: starts runs, shows how they get on, withdraws those that wait (LX-15 … LX-21, LX-32 … LX-34).

use boarding_commands::values::{Code, Refusal};
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::columns::{QUEUE, RUNS, UNREACHED};
use super::failure::{Done, Ending, Failure};
use super::list::{self, Limit, number, text};
use super::session::Session;
use super::start::Start;

/// Runs: invite many people at once, one run at a time
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  boarding runs --company acme
  boarding runs start --company acme --channel whatsapp --import latest
  boarding runs start --company acme --channel whatsapp --org-unit 'Europe' --include-descendants
  boarding runs start --company acme --channel imessage --user jane --user ann --yes
  boarding runs queue --company acme
  boarding runs withdraw 01JD0000000000000000000000 --company acme")]
pub(super) struct Runs {
    #[command(subcommand)]
    verb: Option<Verb>,
    #[command(flatten)]
    list: List,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Shows all runs, the newest first
    List(List),
    /// Shows one: its counts and where it stands
    Show {
        /// The run's id, or `latest`
        id: String,
    },
    /// Shows the run that is going on, and those that wait for it
    Queue(Limit),
    Start(Box<Start>),
    /// Withdraws a run that has not started
    Withdraw {
        /// The run's id
        id: String,
    },
    /// Goes on with what was interrupted: imports, runs and those that wait
    Resume,
}

#[derive(Debug, Default, PartialEq, Args)]
struct List {
    /// Only runs in this state: scheduled, pending, running, completed, withdrawn
    #[arg(long, value_name = "STATE")]
    state: Option<String>,
    #[command(flatten)]
    limit: Limit,
}

impl Runs {
    pub(super) fn check(&self) -> Result<(), Failure> {
        list::check_place(self.verb.is_some(), &self.list)?;
        match &self.verb {
            Some(Verb::Start(start)) => start.check(),
            _ => Ok(()),
        }
    }

    pub(super) async fn run(self, session: &Session<'_>) -> Ending {
        match self.verb.unwrap_or(Verb::List(self.list)) {
            Verb::List(List { state, limit }) => {
                list::show(session, "runs", json!({"state": state}), limit, RUNS).await
            }
            Verb::Show { id } => {
                let run = resolve(session, id).await?;
                let row = session.row("run", json!({"run": run})).await?;
                list::show_row(session.out, &row)
            }
            Verb::Queue(limit) => list::show(session, "queue", json!({}), limit, QUEUE).await,
            Verb::Start(start) => start.run(session).await,
            Verb::Withdraw { id } => {
                let done = format!("run {id} is withdrawn");
                list::change(session, "CancelRun", json!({"run": id}), &done).await
            }
            Verb::Resume => resume(session).await,
        }
    }
}

async fn resume(session: &Session<'_>) -> Ending {
    let open = session.rows("queue", json!({}), None).await?;
    session.engine.actor(&session.company).await;
    for run in &open {
        super::watch::run(session, text(run, "run")).await?;
    }
    session.settle().await?;
    let mut failed = 0;
    for run in &open {
        let row = session.row("run", json!({"run": run.get("run")})).await?;
        failed += number(&row, "failed");
        if session.out.is_json() {
            session.out.document(&row);
        } else {
            summarise(session, &row, Some(SHOWN_PEOPLE)).await?;
        }
    }
    if open.is_empty() {
        session.out.note("no run was under way");
    }
    if let Some((import, why)) = session.stuck().await.first() {
        return Err(super::watch::cannot_go_on(&import.to_string(), why));
    }
    Ok(Done::losing(failed))
}

/// How many people without a mail are shown at once, in people.
pub(super) const SHOWN_PEOPLE: usize = 20;

/// Shows how a run ended: its counts, and who got no mail and why, so many of each (LX-21, LX-25).
pub(super) async fn summarise(
    session: &Session<'_>,
    row: &Value,
    shown: Option<usize>,
) -> Result<(), Failure> {
    let out = session.out;
    out.line(&sentence(row));
    let run = text(row, "run");
    for status in ["failed", "skipped"] {
        let count = number(row, status);
        if count == 0 {
            continue;
        }
        let params = json!({"run": run, "status": status});
        let people = session.rows("integration_log", params, shown).await?;
        out.line(&format!("\n{status}:"));
        out.table(UNREACHED, &people);
        let more = count.saturating_sub(people.len() as u64);
        if more > 0 {
            out.line(&format!("… and {more} more"));
        }
    }
    out.note(&format!("everybody: boarding log {run} {}", session.place()));
    Ok(())
}

fn sentence(row: &Value) -> String {
    let [total, passed, skipped, failed, left] =
        ["total", "passed", "skipped", "failed", "remaining"].map(|name| number(row, name));
    let left = if left == 0 { String::new() } else { format!(", {left} left") };
    format!(
        "run {} on {} is {}: {total} people: {passed} invited, {skipped} skipped, {failed} failed{left}",
        text(row, "run"),
        text(row, "channel"),
        text(row, "state"),
    )
}

/// `latest` as the id of the newest run; anything else as it is.
pub(super) async fn resolve(session: &Session<'_>, id: String) -> Result<String, Failure> {
    if id != "latest" {
        return Ok(id);
    }
    let newest = session.rows("runs", json!({}), Some(1)).await?;
    let none = || Failure::from(Refusal::new(Code::RunNotFound));
    newest.first().map(|row| text(row, "run").to_owned()).ok_or_else(none)
}
