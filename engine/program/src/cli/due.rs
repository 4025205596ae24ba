//! Says what the operator must do next: runs that are due, mails that wait for their transport.

use super::session::Session;
use super::words::counted;

/// Prints the work that a command has left. A verb that only reads prints nothing.
pub(super) async fn print(session: &Session<'_>) {
    if !session.has_submitted() {
        return;
    }
    let Some(due) = session.due_work().await else { return };
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
