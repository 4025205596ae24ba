//! Names the runs in which people failed before an invitation was made. The list of invitations lacks these people.

use serde_json::json;

use super::failure::Failure;
use super::fields::{number, text};
use super::session::Session;
use super::words::counted;

/// The most runs that one list names, so that it fits on a screen.
const SHOWN_RUNS: usize = 5;

/// Prints each run in which people failed before an invitation was made, with the command that lists these people.
/// With `user`, counts only that person.
pub(super) async fn note(session: &Session<'_>, user: Option<&str>) -> Result<(), Failure> {
    let runs = session.rows_now("unreached_people", json!({"user": user})).await?;
    for row in runs.iter().take(SHOWN_RUNS) {
        session.out.note(&format!(
            "{} failed before an invitation was made: boarding log {} --status failed {}",
            counted(number(row, "people"), "person", "people"),
            text(row, "run"),
            session.location_options()
        ));
    }
    Ok(())
}
