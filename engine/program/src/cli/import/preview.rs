//! `boarding import --preview`: prints the outcome of a file, and the command that imports exactly that.

use boarding_commands::values::Code;
use serde_json::{Value, json};

use super::report::{print_phones, print_rows, print_warned};
use crate::cli::announcement;
use crate::cli::columns::{CHANGES, COUNTS, text_of};
use crate::cli::consent;
use crate::cli::failure::{CliResult, Done, Failure, if_shown};
use crate::cli::fields::text;
use crate::cli::output::Out;
use crate::cli::runs_ahead;
use crate::cli::session::{Plan, Session};
use crate::cli::words::{counted, shown_of};
use boarding_core::limits::PREVIEW_ATTENTION_ROWS;

/// The most people whose keys are printed: they fit on some lines.
const PEOPLE_SHOWN: usize = 20;

/// How the rows that a preview does not show are listed later.
const AFTER_IMPORT: &str = "after the import, boarding imports rows latest";

/// The rows that a preview shows of `count` rows of one kind. The plan has one more than usually fits.
fn first(rows: &[Value], count: u64) -> &[Value] {
    rows.get(..shown_of(count, PREVIEW_ATTENTION_ROWS)).unwrap_or(rows)
}

/// Prints the plan of an import with these arguments. Imports nothing.
pub(super) async fn show(session: &Session<'_>, arguments: &str, body: Value) -> CliResult {
    let plan = session.preview(body).await?;
    let out = session.out;
    if out.is_json() {
        out.document(&plan.result);
    } else {
        let ahead = if plan.invites().is_null() { Vec::new() } else { ahead(session).await? };
        print(session, arguments, &plan, &ahead);
    }
    Ok(Done::with_failures(plan.count("invalid") + plan.count("lost")))
}

/// The lines about the runs that start with the run of the import. None for an actor who may not see runs.
async fn ahead(session: &Session<'_>) -> Result<Vec<String>, Failure> {
    let started = if_shown(runs_ahead::started(session).await)?;
    Ok(runs_ahead::lines(session, &started))
}

/// Prints a warning about the file or its numbers.
pub(super) fn print_warning(out: &Out, warning: &Value) {
    out.line(&format!("warning: {}", text_of(warning)));
    // The other warnings are about the file, and say themselves what to do.
    if text(warning, "code") == Code::ImportNumbersShort.as_str() {
        let advice = out.advice(Code::ImportNumbersShort.as_str(), &Value::Null);
        advice.iter().for_each(|advice| out.line(&format!("  {advice}")));
    }
}

fn print(session: &Session<'_>, arguments: &str, plan: &Plan, ahead: &[String]) {
    let out = session.out;
    out.table(COUNTS, &[plan.result.get("counts").cloned().unwrap_or_default()]);
    if plan.count("lost") > 0 {
        out.line(&format!("lost: {}", plan.losses()));
    }
    for warning in plan.listed("warnings") {
        print_warning(out, warning);
    }
    for outcome in ["invalid", "duplicate", "skipped"] {
        let (count, rows) = (plan.count(outcome), plan.attention(outcome));
        if count > 0 {
            let all = format!("{AFTER_IMPORT} --outcome {outcome}");
            print_rows(out, outcome, count, first(rows, count), &all);
        }
    }
    for outcome in ["activated", "deactivated"] {
        let (count, rows) = (plan.count(outcome), plan.attention(outcome));
        if count > 0 {
            print_people(out, outcome, count, first(rows, count));
        }
    }
    let count = plan.count("phones_failed");
    if count > 0 {
        let title = "imported without a phone:";
        let rows = plan.attention("phone_refused");
        let all = format!("{AFTER_IMPORT} --phone rejected");
        print_phones(out, title, count, first(rows, count), &all);
    }
    print_warned(out, plan.warned());
    print_changes(out, plan);
    let invites = plan.invites();
    if !invites.is_null() {
        out.line(&format!("\n{}", invites_text(&invites)));
        ahead.iter().for_each(|line| out.line(line));
    }
    if let Some(why) = plan.not_invited() {
        out.line(&format!("no invitations would be sent: {why}"));
    }
    out.line(&format!("\nnothing was imported; the hash of the plan is {}", plan.hash()));
    out.line(&format!(
        "to import exactly this: boarding import {} --plan-hash {} {}",
        arguments,
        plan.hash(),
        session.sending_options()
    ));
}

/// Prints the people that the import would activate or deactivate.
fn print_people(out: &Out, outcome: &str, count: u64, rows: &[Value]) {
    let names: Vec<&str> = rows.iter().map(|row| text(row, "key")).collect();
    let more = match count.saturating_sub(names.len() as u64) {
        0 => String::new(),
        more => format!(" and {more} more: {AFTER_IMPORT} --outcome {outcome}"),
    };
    out.line(&format!("would be {outcome}: {}{more}", names.join(", ")));
}

/// Prints the old and the new value of each cell that the import changes.
fn print_changes(out: &Out, plan: &Plan) {
    let changed = plan.listed("changes");
    if changed.is_empty() {
        return;
    }
    out.line("\nchanged values:");
    let lines = changed.iter().flat_map(|row| {
        let changes = row.get("changes").and_then(Value::as_array).into_iter().flatten();
        changes.map(|change| {
            json!({
                "row": row.get("row"), "key": row.get("key"), "field": change.get("field"),
                "old": change.get("old"), "new": change.get("new"),
            })
        })
    });
    out.table(CHANGES, &lines.collect::<Vec<_>>());
    let rest = plan.changed_rows().saturating_sub(changed.len() as u64);
    if rest > 0 {
        let rows = counted(rest, "more row changes", "more rows change");
        out.line(&format!("… and {rows}: {AFTER_IMPORT} --outcome updated"));
    }
}

/// How many people would be invited, who they are, why others would not, and what is known of their earlier mails.
fn invites_text(invites: &Value) -> String {
    let invite = invites.pointer("/expected/invite").and_then(Value::as_u64).unwrap_or(0);
    let listed = |field: &str| invites.get(field).and_then(Value::as_array).cloned();
    let people = listed("people").unwrap_or_default();
    let shown = shown_of(invite, PEOPLE_SHOWN);
    let names: Vec<&str> = people.iter().take(shown).filter_map(Value::as_str).collect();
    let more = match invite.saturating_sub(names.len() as u64) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let named =
        if names.is_empty() { String::new() } else { format!(" ({}{more})", names.join(", ")) };
    let mut lines = vec![format!("to be invited now: {invite}{named}")];
    lines.extend(announcement::others(invites));
    lines.extend(announcement::earlier(invites));
    lines.join("\n  ")
}

/// Asks whether the people of a file may be invited, with their number. Returns the answer. It is yes without a question
/// if `--yes` is given, there is no terminal, or no person would be invited.
pub(super) async fn agreed(session: &Session<'_>, body: Value, yes: bool) -> Result<bool, Failure> {
    if consent::check_can_ask("import", consent::SENDS, false).is_err() || yes {
        return Ok(true);
    }
    let plan = session.preview(body).await?;
    let invites = plan.invites();
    if invites.pointer("/expected/invite").and_then(Value::as_u64).unwrap_or(0) == 0 {
        return Ok(true);
    }
    let ahead: String = ahead(session).await?.iter().map(|line| format!("\n  {line}")).collect();
    let question = format!("{}{ahead}\nImport the file and invite them?", invites_text(&invites));
    Ok(session.out.confirm(&question).await == Some(true))
}
