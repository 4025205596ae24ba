//! Says how the mails about an import ended.

use serde_json::{Value, json};

use crate::cli::failure::{Failure, if_shown};
use crate::cli::fields::{id_in_key, text};
use crate::cli::session::Session;
use crate::cli::watch;
use crate::cli::words::counted;

/// How many of the newest mails are searched for mails about the import. Mails of its run may be newer.
const MAILS_COMPARED: usize = 1_000;

/// Says that mails about an import show a placeholder, and how many have failed. Says nothing to an actor who may not
/// see the mails.
pub(super) async fn note(session: &Session<'_>, row: &Value) -> Result<(), Failure> {
    if_shown(note_all(session, row).await)
}

async fn note_all(session: &Session<'_>, row: &Value) -> Result<(), Failure> {
    let import = text(row, "import");
    let mut mails = session.rows("notifications", json!({}), Some(MAILS_COMPARED)).await?;
    mails.retain(|mail| is_about(mail, import));
    if mails.is_empty() {
        return Ok(());
    }
    // A run has said it already.
    if text(row, "run").is_empty() {
        watch::note_placeholders(session, watch::has_links(&mails)).await?;
    }
    let failed = failed(session, import).await?;
    if failed > 0 {
        session.out.remark(&format!(
            "{} about this import failed: boarding notifications --state failed {} (shows why); to send all failed mails again: boarding notifications resend --state failed {}",
            counted(failed, "mail", "mails"),
            session.location_options(),
            session.sending_options()
        ));
    }
    Ok(())
}

/// How many mails about an import have failed. Reads all pages: a large import may have many welcome mails.
async fn failed(session: &Session<'_>, import: &str) -> Result<u64, Failure> {
    let mut failed = 0;
    let count = |mails: Vec<Value>| {
        failed += mails.iter().filter(|mail| is_about(mail, import)).count() as u64;
    };
    session.pages("notifications", json!({"state": "failed"}), None, count).await?;
    Ok(failed)
}

/// Whether the key of a mail names the import, as in `welcome.01J….2`.
fn is_about(mail: &Value, import: &str) -> bool {
    id_in_key(mail) == Some(import)
}
