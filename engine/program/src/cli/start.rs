//! `boarding runs start`: shows the number of people, asks, starts a run and waits for its end.

use boarding_commands::values::{Code, Refusal, RunId, Time};
use clap::Args;
use serde_json::{Map, Value, json};

use super::announcement;
use super::columns::text_of;
use super::common::time;
use super::consent::{self, Consent};
use super::failure::{CliResult, Done, Failure};
use super::fields::{number, set, text};
use super::run_report;
use super::runs_ahead;
use super::session::{Accepted, Session};
use super::watch;
use super::{latest, list};

/// Starts a run: shows the number of people, asks, and waits for the run's end
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  boarding runs start --company acme --channel whatsapp --import latest
  boarding runs start --company acme --channel whatsapp --import latest --preview
  boarding runs start --company acme --channel whatsapp --org-unit 'Fixed Income Desk' --yes
  boarding runs start --company acme --channel whatsapp --import latest --not-before 2026-12-01T08:00:00Z
  boarding runs start --company acme --channel whatsapp --link https://link.acme.example/AaIoNzDQ3R3-oVJDPTrpkQ

With --json the program prints one document: the answer merged with the run's row at its end.")]
pub(super) struct Start {
    /// whatsapp or imessage
    #[arg(long, value_name = "CHANNEL")]
    channel: String,
    #[command(flatten)]
    source: Source,
    /// Also invites the people of sub-units
    #[arg(long, requires = "org_units")]
    include_descendants: bool,
    #[command(flatten)]
    options: RunOptions,
}

/// The options of a verb that starts a run.
#[derive(Debug, Args)]
pub(super) struct RunOptions {
    #[command(flatten)]
    pub(super) consent: Consent,
    /// Shows the number of people and its parts, and sends nothing
    #[arg(long)]
    pub(super) preview: bool,
    /// The id of the new run [default: the id of the command]
    #[arg(long, value_name = "ULID")]
    run: Option<RunId>,
    /// Schedules the run: it enters the queue at this time (RFC 3339)
    #[arg(long, value_name = "TIME", value_parser = time)]
    not_before: Option<Time>,
}

/// The people to invite: of an import, of org units, named users, or those of an administrator's link.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct Source {
    /// The people of an import: `latest`, or its id
    #[arg(long = "import", value_name = "latest|ID")]
    import: Option<String>,
    /// The people of an org unit, by its exact name; may be given several times
    #[arg(long = "org-unit", value_name = "NAME")]
    org_units: Vec<String>,
    /// This person; may be given several times
    #[arg(long = "user", value_name = "USER")]
    users: Vec<String>,
    /// The people of an import who have no working invitation: the link in the administrator's mail, or its token
    #[arg(long, value_name = "LINK")]
    link: Option<String>,
}

/// The token at the end of a link, without a query string and without marks of the text around the link. A token alone
/// is returned as it is.
fn token_of(link: &str) -> &str {
    let of_token = |letter: char| letter.is_ascii_alphanumeric() || "-_".contains(letter);
    let path = link.split(['?', '#']).next().unwrap_or(link);
    path.rsplit(|letter| !of_token(letter)).find(|part| !part.is_empty()).unwrap_or(link)
}

impl Start {
    pub(super) async fn run(self, session: &Session<'_>) -> CliResult {
        let mut source = Map::new();
        if let Some(import) = &self.source.import {
            source.insert("import".to_owned(), json!(import));
        }
        if !self.source.org_units.is_empty() {
            source.insert("org_units".to_owned(), json!(self.source.org_units));
        }
        if self.include_descendants {
            source.insert("include_descendants".to_owned(), json!(true));
        }
        if !self.source.users.is_empty() {
            source.insert("users".to_owned(), json!(self.source.users));
        }
        if let Some(link) = &self.source.link {
            source.insert("token".to_owned(), json!(token_of(link)));
        }
        let verb = "runs start";
        Request { verb, source, channel: self.channel, options: self.options }.start(session).await
    }
}

/// A run that the operator asks for: of a source, on a channel.
pub(super) struct Request {
    /// The verb that asks for it.
    pub(super) verb: &'static str,
    pub(super) source: Map<String, Value>,
    pub(super) channel: String,
    pub(super) options: RunOptions,
}

impl Request {
    /// Shows the number of people, asks, starts the run and waits for its end.
    pub(super) async fn start(self, session: &Session<'_>) -> CliResult {
        if let Some(import) = self.source.get("import").and_then(Value::as_str) {
            latest::say_import(session, import).await?;
        }
        if self.options.preview {
            let consent = self.options.consent;
            return show_preview(session, "StartBulkIntegration", consent, self.body()).await;
        }
        let body = match repeated_total(session, self.options.run).await? {
            Some(total) => Some(self.confirmed_for(total)),
            None => self.preview(session).await?,
        };
        let accepted = match body {
            Some(body) => {
                self.options.consent.submit(session, "StartBulkIntegration", body).await?
            }
            None => None,
        };
        match accepted {
            Some(accepted) => finish(session, &accepted).await,
            None => {
                session.out.line("no run was started");
                Ok(Done::Completely)
            }
        }
    }

    /// Shows the number of people and asks. Returns the confirmed body if the answer is yes.
    async fn preview(&self, session: &Session<'_>) -> Result<Option<Value>, Failure> {
        let mut body = self.body();
        self.options.consent.add_to(&mut body);
        let preview = previewed(session, "StartBulkIntegration", body).await?;
        if self.source.get("token").is_some() {
            say_import_of_link(session, &preview).await?;
        }
        let options = &self.options;
        let agrees = agreed(session, self.verb, options.consent, &preview, options.not_before);
        if !agrees.await? {
            return Ok(None);
        }
        if session.given_id().is_some() {
            return Ok(Some(self.confirmed_for(number(&preview.result, "recipient_count"))));
        }
        let mut body = self.body();
        set(&mut body, "plan_hash", text(&preview.result, "plan_hash"));
        Ok(Some(body))
    }

    /// The body that confirms the number of people. With `--id` a repeat must have the same body, and the number can be
    /// read from the run, while the hash of the plan cannot.
    fn confirmed_for(&self, recipients: u64) -> Value {
        let mut body = self.body();
        set(&mut body, "expected_recipients", recipients);
        body
    }

    fn body(&self) -> Value {
        let mut body = json!({"source": self.source, "channel": self.channel, "mode": "confirmed"});
        if let Some(run) = self.options.run {
            set(&mut body, "run", run.to_string());
        }
        if let Some(not_before) = self.options.not_before {
            set(&mut body, "not_before", not_before.to_string());
        }
        body
    }
}

/// The number of people of the run if the command with the id of `--id` was submitted before.
pub(super) async fn repeated_total(
    session: &Session<'_>,
    run: Option<RunId>,
) -> Result<Option<u64>, Failure> {
    let Some(id) = session.given_id() else { return Ok(None) };
    let run = run.map_or_else(|| id.to_string(), |run| run.to_string());
    match session.row("run", json!({"run": run})).await {
        Ok(row) => Ok(Some(number(&row, "total"))),
        Err(Failure::Refused { .. }) => Ok(None),
        Err(failure) => Err(failure),
    }
}

/// The preview of a command that requests a run.
pub(super) async fn previewed(
    session: &Session<'_>,
    command: &str,
    mut body: Value,
) -> Result<Accepted, Failure> {
    set(&mut body, "mode", "preview");
    session.submit_new(command, body).await
}

/// Names the import whose people an administrator's link invites: the link does not.
async fn say_import_of_link(session: &Session<'_>, preview: &Accepted) -> Result<(), Failure> {
    latest::say_import(session, &preview.id("import")).await
}

/// Shows what a command that requests a run would send, and why it would be refused. Sends nothing.
pub(super) async fn show_preview(
    session: &Session<'_>,
    command: &str,
    consent: Consent,
    mut body: Value,
) -> CliResult {
    consent.add_to(&mut body);
    let by_link = body.pointer("/source/token").is_some();
    let preview = previewed(session, command, body).await?;
    let out = session.out;
    if out.is_json() {
        out.document(&preview.document);
        return Ok(Done::Completely);
    }
    if by_link {
        say_import_of_link(session, &preview).await?;
    }
    out.line(&announcement::text(&preview.result));
    let ahead = runs_ahead::all(session).await?;
    runs_ahead::lines(session, &ahead).iter().for_each(|line| out.line(line));
    let refusals = preview.result.get("refusals").and_then(Value::as_array);
    for refusal in refusals.into_iter().flatten() {
        let start = match text(refusal, "when") {
            "by_mail_server" => "with --smtp, the start would be refused",
            _ => "with --yes, the start would be refused",
        };
        out.line(&format!("{start}: {}", out.placed(&text_of(refusal))));
        let advice = out.advice(text(refusal, "code"), &refusal["details"]);
        advice.iter().for_each(|advice| out.line(&format!("  {advice}")));
    }
    out.note("no invitations were sent: it was a preview");
    Ok(Done::Completely)
}

/// Shows what a run would send and asks. Returns whether the operator agrees. Asks nothing if nothing would be sent.
/// Without a terminal it fails: with the refusal of the start if the preview has one, as `--yes` would not help.
pub(super) async fn agreed(
    session: &Session<'_>,
    verb: &str,
    consent: Consent,
    preview: &Accepted,
    not_before: Option<Time>,
) -> Result<bool, Failure> {
    let mut shown = announcement::text(&preview.result);
    if let Some(at) = not_before {
        shown.push_str(&format!("\n  The run starts after {at}."));
    }
    let started = runs_ahead::started(session).await?;
    for line in runs_ahead::lines(session, &started) {
        shown.push_str("\n  ");
        shown.push_str(&line);
    }
    if consent.yes() {
        session.out.say(&shown);
        return Ok(true);
    }
    if let Err(cannot_ask) = consent::check_can_ask(verb, consent::SENDS, false) {
        return Err(refusal_of_start(preview).unwrap_or(cannot_ask));
    }
    if announcement::is_empty(&preview.result) {
        session.out.warn(&shown);
        session.out.note("to start the run all the same, for its log: add --yes");
        return Ok(false);
    }
    Ok(session.out.confirm(&format!("{shown}\nProceed?")).await == Some(true))
}

/// Why the start would be refused with `--yes`; none if it would not be.
fn refusal_of_start(preview: &Accepted) -> Option<Failure> {
    let mut refusals = preview.result.get("refusals")?.as_array()?.iter();
    let refusal = refusals.find(|refusal| text(refusal, "when") == "confirmed")?;
    let code = Code::find(text(refusal, "code"))?;
    let details = refusal.get("details").cloned().unwrap_or_default();
    Some(Refusal::new(code).worded(text(refusal, "message").to_owned()).with(details).into())
}

/// Waits until a run and the runs before it are completed, and prints the result.
pub(super) async fn finish(session: &Session<'_>, accepted: &Accepted) -> CliResult {
    let out = session.out;
    runs_ahead::carry(session).await;
    let run = accepted.id("run");
    if let Some(place) = accepted.result.get("queue_place").and_then(Value::as_u64) {
        out.note(&format!("run {run} is pending, place {place} in the queue"));
    }
    let row = watch::run(session, &run).await?;
    if text(&row, "state") == "scheduled" {
        out.note(
            &out.placed("the run is scheduled; to start it after that time: boarding runs resume"),
        );
    } else {
        session.settle().await?;
    }
    if out.is_json() {
        out.document(&merged(&accepted.document, &row));
    } else {
        run_report::print(session, &row, Some(run_report::SHOWN_PEOPLE)).await?;
        out.note(&list::receipt(accepted));
    }
    let failed = number(&row, "failed") + runs_ahead::report_carried(session, &run).await?;
    Ok(Done::with_failures(failed))
}

/// The fields of both in one document. Answer and row have no field in common.
pub(super) fn merged(answer: &Value, row: &Value) -> Value {
    let mut both = answer.clone();
    if let (Some(both), Some(row)) = (both.as_object_mut(), row.as_object()) {
        both.extend(row.clone());
    }
    both
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::super::common::Common;
    use super::super::output::Out;
    use super::*;

    #[derive(Debug, Parser)]
    struct Words {
        #[command(flatten)]
        common: Common,
        #[command(flatten)]
        start: Start,
    }

    /// LX-20, A40: the program confirms the plan that it has shown. If people have changed since, it names them.
    #[tokio::test]
    async fn changed_people_are_refused_by_the_plan_shown() {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        let words = ["boarding", "--company", "acme", "--data", data.to_str().unwrap()];
        let start = ["--channel", "whatsapp", "--org-unit", "Sales", "--yes"];
        let words = Words::parse_from([&words[..], &start].concat());
        let out = Out::new(false, true, false);
        let session = Session::open_new(&words.common, &out).await.unwrap();
        let role = json!({"role": "Adviser", "permissions": ["bulk_integration"]});
        for (name, body) in [
            ("DefineRole", role),
            ("DefineOrgUnit", json!({"org_unit": "Sales", "roles": ["Adviser"]})),
            ("SetCompanyConfig", json!({"channels.whatsapp": true})),
            ("AddUser", json!({"user": "ann", "org_unit": "Sales"})),
        ] {
            session.submit_new(name, body).await.unwrap();
        }
        let Start { channel, source, options, .. } = words.start;
        let source = Map::from_iter([("org_units".to_owned(), json!(source.org_units))]);
        let request = Request { verb: "runs start", source, channel, options };
        let body = request.preview(&session).await.unwrap().unwrap();
        session.submit_new("AddUser", json!({"user": "bob", "org_unit": "Sales"})).await.unwrap();
        let answer = request.options.consent.submit(&session, "StartBulkIntegration", body).await;
        let Err(Failure::Refused { document, code, .. }) = answer else { panic!("{answer:?}") };
        assert_eq!(code, "run.plan_changed");
        assert_eq!(document["details"]["added"], json!(["bob"]), "{document}");
        session.close().await;
    }
}
