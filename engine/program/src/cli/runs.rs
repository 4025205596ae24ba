//! `boarding runs`: lists, starts, retries, withdraws and resumes runs.

use clap::{Args, Subcommand};
use serde_json::json;

use super::columns::{QUEUE, RUNS};
use super::failure::{CliResult, Done, Failure};
use super::fields::{number, set, text};
use super::list::{self, CsvExport, Limit};
use super::retry::Retry;
use super::session::Session;
use super::start::{self, Start};
use super::watch;
use super::words::counted;
use super::{latest, notifications, run_report, runs_ahead};

/// Lists, starts, retries, withdraws and resumes runs, which invite many people
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  boarding runs --company acme
  boarding runs start --company acme --channel whatsapp --import latest
  boarding runs start --company acme --channel whatsapp --org-unit 'Europe' --include-descendants
  boarding runs start --company acme --channel imessage --user jane --user ann --yes
  boarding runs retry latest --company acme
  boarding runs queue --company acme
  boarding runs --spreadsheet -o runs.csv --company acme
  boarding runs withdraw 01JD0000000000000000000000 --company acme
  boarding runs give-up latest --company acme")]
pub(super) struct Runs {
    #[command(subcommand)]
    verb: Option<Verb>,
    #[command(flatten)]
    list: List,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Lists all runs, the newest first
    List(List),
    /// Shows the state and the counts of a run
    Show {
        /// The run's id, or `latest`
        id: String,
    },
    /// Lists the running run and the runs that wait for it
    Queue(Limit),
    Start(Box<Start>),
    Retry(Retry),
    /// Withdraws a run that has not started
    Withdraw {
        /// The run's id, or `latest`
        id: String,
    },
    /// Ends a run that waits for its mail server: people without a mail are failed
    #[command(after_help = "\
Examples:
  boarding runs give-up latest --company acme
  boarding runs give-up 01JD0000000000000000000000 --company acme --json

Nothing is sent. A run that is sending cannot be stopped. To go on instead, repair the mail server, then:
boarding runs resume --smtp URL")]
    GiveUp {
        /// The run's id, or `latest`
        id: String,
    },
    /// Continues interrupted imports and runs, and starts the runs that are due
    Resume,
}

#[derive(Debug, Default, PartialEq, Args)]
struct List {
    /// Only runs in this state: scheduled, pending, running, completed, withdrawn
    #[arg(long, value_name = "STATE")]
    state: Option<String>,
    #[command(flatten)]
    limit: Limit,
    #[command(flatten)]
    export: CsvExport,
}

impl Runs {
    pub(super) fn check(&self) -> Result<(), Failure> {
        list::check_place(self.verb.is_some(), &self.list)
    }

    pub(super) async fn run(self, session: &Session<'_>) -> CliResult {
        match self.verb.unwrap_or(Verb::List(self.list)) {
            Verb::List(List { state, limit, export }) => {
                let params = json!({"state": state});
                list::show_or_write(session, "runs", params, limit, RUNS, &export).await
            }
            Verb::Show { id } => {
                let run = latest::run(session, id).await?;
                let mut row = session.row("run", json!({"run": run})).await?;
                let awaited = watch::awaited(session, &row).filter(|_| !session.out.is_json());
                if let Some(awaited) = awaited {
                    let options = resume_options(session, text(&row, "run")).await?;
                    set(&mut row, "waiting_for", awaited);
                    session.out.note(&format!("to try now: boarding runs resume {options}"));
                }
                let again = watch::refused_for_now(session, &row);
                if let (false, Some(row)) = (session.out.is_json(), row.as_object_mut()) {
                    row.remove("tried_again");
                }
                let done = list::show_row(session.out, &row)?;
                if let Some(again) = again {
                    session.out.say(&again);
                    let options = resume_options(session, text(&row, "run")).await?;
                    session.out.note(&format!("to go on: boarding runs resume {options}"));
                }
                Ok(done)
            }
            Verb::Queue(limit) => queue(session, limit).await,
            Verb::Start(start) => start.run(session).await,
            Verb::Retry(retry) => retry.run(session).await,
            Verb::Withdraw { id } => {
                let id = latest::run(session, id).await?;
                let done = format!("run {id} is withdrawn");
                list::submit_and_print(session, "CancelRun", json!({"run": id}), &done).await
            }
            Verb::GiveUp { id } => give_up(session, id).await,
            Verb::Resume => resume(session).await,
        }
    }
}

/// The options that continue a run: with a mail server if the run was started with one.
async fn resume_options(session: &Session<'_>, run: &str) -> Result<String, Failure> {
    let options = session.location_options();
    // A running engine sends as it was started.
    if session.is_remote() {
        return Ok(options);
    }
    Ok(match session.run_via(run).await?.as_str() {
        "smtp" => format!("{options} --smtp URL"),
        _ => options,
    })
}

/// Prints the queue, and the number of runs that enter it later.
async fn queue(session: &Session<'_>, limit: Limit) -> CliResult {
    let done = list::show(session, "queue", json!({}), limit, QUEUE).await?;
    let scheduled = session.rows("runs", json!({"state": "scheduled"}), None).await?.len() as u64;
    if scheduled > 0 {
        let runs = counted(scheduled, "run is", "runs are");
        let options = session.location_options();
        let list = format!("boarding runs list --state scheduled {options}");
        session.out.note(&format!("{runs} scheduled for later: {list}"));
    }
    Ok(done)
}

async fn give_up(session: &Session<'_>, id: String) -> CliResult {
    let run = latest::run(session, id).await?;
    let accepted = session.submit("GiveUpRun", json!({"run": run})).await?;
    session.settle().await?;
    let row = session.row("run", json!({"run": run})).await?;
    if session.out.is_json() {
        session.out.document(&start::merged(&accepted.document, &row));
    } else {
        run_report::print(session, &row, Some(run_report::SHOWN_PEOPLE)).await?;
        session.out.note(&list::receipt(&accepted));
    }
    Ok(Done::with_failures(number(&row, "failed")))
}

/// Starts the scheduled runs whose time has come, so that the queue has them.
async fn start_due(session: &Session<'_>) -> Result<(), Failure> {
    // A running engine starts them itself.
    if session.is_remote() {
        return session.caught_up().await;
    }
    loop {
        let now = session.now();
        let ticked = session.submit_new("Tick", json!({"now": now})).await?;
        if ticked.result.get("due") != Some(&json!(true)) {
            return session.caught_up().await;
        }
    }
}

async fn resume(session: &Session<'_>) -> CliResult {
    runs_ahead::carry(session).await;
    let mails = notifications::retry_deferred(session).await?;
    let scheduled = session.rows("runs", json!({"state": "scheduled"}), None).await?;
    start_due(session).await?;
    let mut open = session.rows("queue", json!({}), None).await?;
    for run in &open {
        watch::run(session, text(run, "run")).await?;
    }
    session.settle().await?;
    // The time of a scheduled run may have come since the queue was read. Then the settling has ended it.
    for run in scheduled {
        let is_new = open.iter().all(|one| one.get("run") != run.get("run"));
        let row = session.row("run", json!({"run": run.get("run")})).await?;
        if is_new && !matches!(text(&row, "state"), "scheduled" | "withdrawn") {
            open.push(row);
        }
    }
    let mut failed = 0;
    for run in &open {
        let row = session.row("run", json!({"run": run.get("run")})).await?;
        failed += number(&row, "failed");
        if session.out.is_json() {
            session.out.document(&row);
        } else {
            run_report::print(session, &row, Some(run_report::SHOWN_PEOPLE)).await?;
        }
    }
    if let Some(mails) = mails {
        mails.report(session).await?;
    }
    if open.is_empty() {
        session.out.note("no run was interrupted or waiting");
    }
    if let Some((import, why)) = session.blocked_imports().await?.first() {
        return Err(watch::blocked(import, why));
    }
    Ok(Done::with_failures(failed))
}
