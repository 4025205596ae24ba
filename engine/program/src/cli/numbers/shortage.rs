//! Says why accounts have no number to choose, and warns of it.

use boarding_commands::values::Phone;
use serde_json::{Value, json};

use crate::cli::failure::{CliResult, Done, Failure};
use crate::cli::fields::{number, text};
use crate::cli::list;
use crate::cli::session::Session;
use crate::cli::words::counted;

/// What to do where no number is available.
const ADD: &str = "add numbers: boarding numbers add NUMBER";

/// Submits a command that makes a number unavailable, and warns if invited accounts have too few numbers now.
pub(super) async fn kept_back(
    session: &Session<'_>,
    command: &str,
    body: Value,
    done: &str,
) -> CliResult {
    let wanted = text(&body, "number").to_owned();
    let (accepted, is_unchanged) = list::settled(session, command, body).await?;
    if session.out.is_json() {
        session.out.document(&accepted.document);
        return Ok(Done::Completely);
    }
    // The warning is about the number in this line, so it comes before the receipt.
    session.out.line(done);
    if let Some(warning) = shortage(session, &wanted).await? {
        session.out.warn(&session.out.placed(&warning));
    }
    list::print_receipt(session.out, &accepted);
    if is_unchanged {
        session.out.note(list::UNCHANGED);
    }
    Ok(Done::Completely)
}

/// The warning that invited accounts lack a number in the organization of this number. None if there are enough.
async fn shortage(session: &Session<'_>, wanted: &str) -> Result<Option<String>, Failure> {
    let Ok(phone) = Phone::parse(wanted) else { return Ok(None) };
    let params = json!({"search": phone.to_string()});
    let found = session.rows("numbers", params, Some(1)).await?;
    let org_unit = found.first().and_then(|row| row.get("org_unit")).cloned();
    let Some(owner) = owner(session, &org_unit.unwrap_or_default()).await? else {
        return Ok(None);
    };
    let [available, waiting] =
        ["available", "pending_without_number"].map(|name| number(&owner, name));
    let warning = || {
        format!(
            "{} for a number {}, and {} available without a tag; {ADD}",
            counted(waiting, "invited account waits", "invited accounts wait"),
            place_of(&owner),
            counted_are(available),
        )
    };
    Ok((waiting > available).then(warning))
}

/// Why no number of an organization is suggested, and what to do.
pub(super) async fn why_none(session: &Session<'_>, org_unit: &Value) -> Result<String, Failure> {
    let owner = owner(session, org_unit).await?.unwrap_or_else(|| json!({"org_unit": org_unit}));
    let states = ["reserved", "assigned", "registered", "cooling"];
    let used = states.map(|name| (name, number(&owner, name)));
    let used = used.iter().filter(|(_, count)| *count > 0);
    let used: Vec<_> = used.map(|(name, count)| format!("{count} {name}")).collect();
    let used = if used.is_empty() { "there are none".to_owned() } else { used.join(", ") };
    let unreserve = match number(&owner, "reserved") {
        0 => "",
        _ => ", or end a reservation: boarding numbers unreserve NUMBER",
    };
    let why = format!("no number is available {}: {used}; {ADD}{unreserve}", place_of(&owner));
    Ok(session.out.placed(&why))
}

/// The utilisation of an organization, or of the company's own stock. None if it has no numbers.
async fn owner(session: &Session<'_>, org_unit: &Value) -> Result<Option<Value>, Failure> {
    let rows = session.rows("number_utilisation", json!({}), None).await?;
    Ok(rows.into_iter().find(|row| row.get("org_unit") == Some(org_unit)))
}

fn place_of(owner: &Value) -> String {
    match text(owner, "org_unit") {
        "" => "in the company's own stock".to_owned(),
        name => format!("in {name}"),
    }
}

fn counted_are(count: u64) -> String {
    if count == 1 { "1 is".to_owned() } else { format!("{count} are") }
}
