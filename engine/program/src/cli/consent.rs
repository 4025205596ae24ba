//! The consent of the operator to a run, and to a second mail for people of an unfinished run.

use boarding_commands::values::{Code, Refusal};
use clap::Args;
use serde_json::{Value, json};

use super::failure::Failure;
use super::fields::{is_unfinished, number, set, text};
use super::runs_ahead;
use super::session::{Accepted, Session};
use super::words::counted;

/// How many of the newest imports are compared with a file that is imported again.
const IMPORTS_COMPARED: usize = 100;

/// What a verb that starts a run does, and the word for it, for [`check_can_ask`].
pub(super) const SENDS: (&str, &str) = ("sends mails", "start");

/// Refuses a verb that cannot ask before it does something: without `--yes` and without a terminal.
pub(super) fn check_can_ask(
    verb: &str,
    (does, word): (&str, &str),
    yes: bool,
) -> Result<(), Failure> {
    use std::io::IsTerminal as _;
    let can_ask = std::io::stdin().is_terminal() && std::io::stderr().is_terminal();
    if yes || can_ask {
        return Ok(());
    }
    Err(Failure::Usage(format!(
        "{verb} asks before it {does}, and there is no terminal to ask on; add --yes to {word} without asking"
    )))
}

/// The options `--yes` and `--yes-again` of a verb that sends mails.
#[derive(Debug, Clone, Copy, Args)]
pub(super) struct Consent {
    /// Sends without asking, unless some people are in a run that has not ended
    #[arg(short, long)]
    pub(super) yes: bool,
    /// Sends without asking, also to people in a run that has not ended: they get a second mail
    #[arg(long)]
    pub(super) yes_again: bool,
}

impl Consent {
    /// Whether the verb sends without asking.
    pub(super) fn yes(self) -> bool {
        self.yes || self.yes_again
    }

    /// Adds to a command that requests a run whether people of an unfinished run get a second mail.
    pub(super) fn add_to(self, body: &mut Value) {
        // The key is there in any case: with --id a repeat must have the same body.
        if !self.yes_again {
            set(body, "again", false);
        }
    }

    /// Submits a command that requests a run. If an unfinished run has some of the people already, asks a second
    /// time, or refuses without `--yes-again`. Returns nothing if the answer is no.
    pub(super) async fn submit(
        self,
        session: &Session<'_>,
        name: &str,
        mut body: Value,
    ) -> Result<Option<Accepted>, Failure> {
        self.add_to(&mut body);
        if self.yes_again {
            return session.submit(name, body).await.map(Some);
        }
        match session.submit(name, body.clone()).await {
            Err(Failure::Refused { code, message, .. })
                if code == Code::RunPeopleInUnfinishedRun.as_str() && !self.yes =>
            {
                let question = format!("{message} Send a second mail to them?");
                if session.out.confirm(&question).await != Some(true) {
                    return Ok(None);
                }
                set(&mut body, "again", true);
                session.submit(name, body).await.map(Some)
            }
            answer => answer.map(Some),
        }
    }

    /// The refusal to import a file and invite its people while an import of the same file or a run of its people sends
    /// mails.
    pub(super) async fn import_refusal(
        self,
        session: &Session<'_>,
        sha256: &str,
        body: &Value,
    ) -> Result<Option<Refusal>, Failure> {
        if self.yes_again {
            return Ok(None);
        }
        let unfinished = match unfinished_import(session, sha256).await? {
            None => people_in_unfinished_runs(session, body).await?,
            known => known,
        };
        let refusal = |why: String| Refusal::new(Code::RunPeopleInUnfinishedRun).saying(&why);
        Ok(unfinished.map(refusal))
    }

    /// Checks that no unfinished import or run of the same file sends mails already. Asks otherwise, or refuses
    /// without `--yes-again`. Returns whether the file may be imported and its people invited.
    pub(super) async fn to_import(
        self,
        session: &Session<'_>,
        sha256: &str,
        body: &Value,
    ) -> Result<bool, Failure> {
        let Some(refusal) = self.import_refusal(session, sha256, body).await? else {
            return Ok(true);
        };
        if self.yes {
            return Err(refusal.into());
        }
        let question = format!("{} Send a second mail to them?", refusal.message);
        match session.out.confirm(&question).await {
            Some(answer) => Ok(answer),
            None => Err(refusal.into()),
        }
    }
}

/// How many people of an import are in runs that have not ended, as a text. Only a plan of the import knows its people.
async fn people_in_unfinished_runs(
    session: &Session<'_>,
    body: &Value,
) -> Result<Option<String>, Failure> {
    if runs_ahead::all(session).await?.is_empty() {
        return Ok(None);
    }
    let plan = session.preview(body.clone()).await?;
    let people = number(&plan.invites(), "in_unfinished_runs");
    Ok((people > 0).then(|| {
        let people = counted(people, "person of the file is", "people of the file are");
        format!("{people} in a run that has not ended: boarding runs list")
    }))
}

/// The import of this file that is not over, or whose run is not, as a text.
async fn unfinished_import(session: &Session<'_>, sha256: &str) -> Result<Option<String>, Failure> {
    let imports = session.rows("imports", json!({}), Some(IMPORTS_COMPARED)).await?;
    for import in imports.iter().filter(|import| text(import, "sha256") == sha256) {
        let id = text(import, "import");
        if text(import, "state") == "processing" {
            return Ok(Some(format!("import {id} of the same file is processing")));
        }
        let run = text(import, "run");
        if run.is_empty() {
            continue;
        }
        let row = session.row("run", json!({"run": run})).await?;
        if is_unfinished(&row) {
            let state = text(&row, "state");
            return Ok(Some(format!("run {run} of the same file is {state}")));
        }
    }
    Ok(None)
}
