//! `boarding import --preview`: what a file would come to, and the words that import exactly that.

use serde_json::{Value, json};

use super::Import;
use super::report::{list_phones, list_refused};
use crate::cli::columns::{COUNTS, text_of};
use crate::cli::failure::{Done, Ending};
use crate::cli::list::quoted;
use crate::cli::session::Session;
use boarding_core::preview::ImportPlan;

/// Shows what the file would come to; nothing is imported.
pub(super) async fn show(session: &Session<'_>, import: &Import, body: Value) -> Ending {
    let plan = session.preview(body).await?;
    let out = session.out;
    if out.is_json() {
        out.document(&plan.result());
    } else {
        tell(session, import, &plan);
    }
    Ok(Done::losing(plan.counts.invalid))
}

fn tell(session: &Session<'_>, import: &Import, plan: &ImportPlan) {
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
            list_refused(out, outcome, count, rows);
        }
    }
    if plan.counts.phones_failed > 0 {
        let title = "would come in without a listed number:";
        list_phones(out, title, plan.counts.phones_failed, &attention.phone_refused);
    }
    if let Some(problem) = &plan.not_invited {
        out.line(&format!("nobody would be invited: {}", problem.message));
    }
    out.line(&format!("\nnothing was imported; the plan is {}", plan.hash));
    out.line(&format!(
        "to import exactly this: boarding import {} --plan-hash {} {}",
        import.words(),
        plan.hash,
        session.place()
    ));
}

impl Import {
    /// The file and the options that make it what it is, as they are typed.
    fn words(&self) -> String {
        let mut words: Vec<String> = Vec::new();
        words.extend(self.files.iter().map(|file| quoted(&file.to_string_lossy())));
        let mut option = |name: &str, value: Option<&String>| {
            words.extend(value.map(|value| format!("{name} {}", quoted(value))));
        };
        option("--dialect", Some(&self.dialect));
        option("--existing", self.existing.as_ref());
        option("--blank-means", self.blank_means.as_ref());
        option("--on-error", self.on_error.as_ref());
        option("--encoding", self.encoding.as_ref());
        option("--delimiter", self.delimiter.as_ref());
        option("--organization", self.organization.as_ref());
        option("--permission-group", self.permission_group.as_ref());
        for column in &self.columns {
            option("--column", Some(column));
        }
        option("--channel", self.channel.as_ref());
        option("--import", self.import.map(|import| import.to_string()).as_ref());
        let switches = [
            ("--add-phones", self.add_phones),
            ("--send-welcome-email", self.send_welcome_email),
            ("--auto-invite", self.auto_invite),
            ("--invite", self.invite),
        ];
        words.extend(switches.iter().filter(|(_, on)| *on).map(|(name, _)| (*name).to_owned()));
        words.join(" ")
    }
}
