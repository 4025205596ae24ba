//! Says what the operator must do next: runs that are due, mails that wait for their transport.

use boarding_commands::company::{Company, RunState};
use boarding_commands::values::Time;

use super::session::Session;
use super::words::counted;

/// Work that the verb did not do.
struct Due {
    runs: u64,
    /// The transport that the running run started with.
    via: Option<String>,
    mails: u64,
    /// Whether some of the mails wait for a mail server.
    mails_by_smtp: bool,
}

/// Prints the work that a command has left. A verb that only reads prints nothing.
pub(super) async fn print(session: &Session<'_>) {
    if !session.has_submitted() {
        return;
    }
    let now = session.engine.clock().now();
    let actor = session.engine.actor(&session.company).await;
    let Some(due) = actor.inspect(move |company| Due::of(company, now)).await else { return };
    let smtp = |by_smtp: bool| if by_smtp { " --smtp URL" } else { "" };
    let options = session.location_options();
    if due.runs > 0 {
        let are = if due.runs == 1 { "is" } else { "are" };
        session.out.remark(&format!(
            "{} {are} due: boarding runs resume{} {options}",
            counted(due.runs, "run", "runs"),
            smtp(due.via.as_deref() == Some("smtp"))
        ));
    }
    if due.mails > 0 {
        let wait = if due.mails == 1 { "waits" } else { "wait" };
        session.out.remark(&format!(
            "{} that could not be sent {wait}: boarding notifications --state waiting {options} shows why, boarding runs resume{} {options} tries again",
            counted(due.mails, "mail", "mails"),
            smtp(due.mails_by_smtp)
        ));
    }
}

impl Due {
    fn of(company: &Company, now: Time) -> Self {
        let is_due = |run: &&boarding_commands::company::Run| match run.state {
            RunState::Running | RunState::Pending => true,
            RunState::Scheduled => run.not_before.is_some_and(|at| at <= now),
            RunState::Requested | RunState::Completed | RunState::Withdrawn => false,
        };
        let running = company.lock.holder().and_then(|holder| company.runs.get(&holder.run));
        Self {
            runs: company.runs.values().filter(is_due).count() as u64,
            via: running.and_then(|run| run.via.as_deref()).map(str::to_owned),
            mails: company.deferred_notifications.len() as u64,
            mails_by_smtp: company.deferred_notifications.count("smtp") > 0,
        }
    }
}
