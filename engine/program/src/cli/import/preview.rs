//! `boarding import --preview`: prints the outcome of a file, and the command that imports exactly that.

use serde_json::{Value, json};

use super::report::{print_phones, print_rows, print_warned};
use crate::cli::columns::{COUNTS, text_of};
use crate::cli::failure::{CliResult, Done};
use crate::cli::session::Session;
use boarding_core::preview::ImportPlan;

/// Prints the plan of an import with these arguments. Imports nothing.
pub(super) async fn show(session: &Session<'_>, arguments: &str, body: Value) -> CliResult {
    let plan = session.preview(body).await?;
    let out = session.out;
    if out.is_json() {
        out.document(&plan.result());
    } else {
        print(session, arguments, &plan);
    }
    Ok(Done::with_failures(plan.counts.invalid + plan.counts.lost))
}

fn print(session: &Session<'_>, arguments: &str, plan: &ImportPlan) {
    let out = session.out;
    out.table(COUNTS, &[json!(plan.counts)]);
    for warning in &plan.warnings {
        out.line(&format!("warning: {}", text_of(&json!(warning))));
    }
    let attention = &plan.attention;
    for (outcome, count, rows) in [
        ("invalid", plan.counts.invalid, &attention.invalid),
        ("duplicate", plan.counts.duplicate, &attention.duplicate),
        ("skipped", plan.counts.skipped, &attention.skipped),
    ] {
        if count > 0 {
            print_rows(out, outcome, count, rows);
        }
    }
    if plan.counts.phones_failed > 0 {
        let title = "imported without a phone:";
        print_phones(out, title, plan.counts.phones_failed, &attention.phone_refused);
    }
    print_warned(out, &attention.warned);
    if let Some(problem) = &plan.not_invited {
        out.line(&format!("no invitations would be sent: {}", problem.message));
    }
    out.line(&format!("\nnothing was imported; the hash of the plan is {}", plan.hash));
    out.line(&format!(
        "to import exactly this: boarding import {} --plan-hash {} {}",
        arguments,
        plan.hash,
        session.location_options()
    ));
}
