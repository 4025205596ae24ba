//! `boarding import`: imports files, prints the outcome of the rows, and suggests the next command.

use std::path::PathBuf;

use boarding_commands::dialect::{self, Dialect};
use boarding_commands::values::ImportId;
use clap::Args;
use serde_json::{Map, Value, json};

use super::common::one_of_the_dialects;
use super::consent::Consent;
use super::exit_counts;
use super::failure::{CliResult, Done, Failure, if_shown};
use super::fields::text;
use super::input;
use super::list;
use super::runs_ahead;
use super::session::{Accepted, Session};
use super::watch;
use super::words::{pair, quoted};

mod mails;
mod next_steps;
mod preview;
mod report;

pub(super) use report::print as print_report;

/// The dialect whose product notifies a network administrator of each import.
const OFFICE_CHAT: &str = "officechat";

/// Imports people from a file and shows the outcome of the rows
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  boarding import people.csv --company acme --dialect leapxpert --add-phones
  boarding import people.csv --company acme --dialect leapxpert --existing update
  boarding import export.csv --company acme --dialect leapxpert --encoding windows-1252 \\
      --delimiter ';' --column 'E-Mail=email' --column 'Login=username'
  boarding import people.csv --company acme --dialect leapxpert --preview
  boarding import userdetails.csv featuredetails.csv channelcountdetails.csv \\
      --company acme --dialect ocm
  boarding import people.csv --company acme --dialect leapxpert --plan-hash HASH
  boarding import people.csv --company acme --dialect officechat --auto-invite --channel whatsapp
  boarding import staff.csv --company acme --dialect mangoapps --existing update
  boarding import accounts.csv --company acme --dialect multiline \\
      --organization EMEA --permission-group Traders

--preview shows the outcome of each row and changes nothing. It prints a hash; --plan-hash HASH imports exactly
these rows, and is refused if their outcome has changed.
boarding template leapxpert prints the columns of a dialect. Invalid rows do not stop the other rows.
boarding imports failed-rows latest writes them to a file, which you can correct and import.")]
pub(super) struct Import {
    /// The file, or all files that the dialect needs together; - reads the standard input
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    #[arg(long, value_name = "DIALECT", help = format!("The dialect of the file: {}", one_of_the_dialects()))]
    dialect: String,
    /// Puts each person's phone on the corporate phone list
    #[arg(long)]
    add_phones: bool,
    /// Skips or updates people who exist already [default: the dialect's rule]
    #[arg(long, value_parser = ["skip", "update"])]
    existing: Option<String>,
    /// Keeps or clears the old value where a cell is blank in an update [default: the company's setting]
    #[arg(long, value_parser = ["keep", "clear"])]
    blank_means: Option<String>,
    /// Leaves out invalid rows, or refuses the whole file [default: continue]
    #[arg(long, value_parser = ["continue", "reject_file"])]
    on_error: Option<String>,
    /// The file's encoding, for example windows-1252 [default: UTF-8, or the encoding of its byte order mark]
    #[arg(long, value_name = "NAME")]
    encoding: Option<String>,
    /// The delimiter of cells: one character, or tab [default: the dialect's delimiter]
    #[arg(long, value_name = "CHARACTER")]
    delimiter: Option<String>,
    /// Reads a column of the file as a column of the dialect; may be given several times
    #[arg(long = "column", value_name = "FILE COLUMN=DIALECT COLUMN")]
    columns: Vec<String>,
    /// Sends a welcome mail to new people
    #[arg(long)]
    send_welcome_email: bool,
    /// Invites the people that the import creates
    #[arg(long, conflicts_with = "invite")]
    auto_invite: bool,
    /// Invites all people of the file after the import; of a multiline file only the new accounts
    #[arg(long)]
    invite: bool,
    /// Invites without asking, unless some people are in a run that has not ended
    #[arg(short, long)]
    yes: bool,
    /// Invites them although a run of the same file has not ended: they get a second mail
    #[arg(long, requires = "invite")]
    yes_again: bool,
    /// The channel of invitations: whatsapp or imessage [default: the only enabled channel]
    #[arg(long, value_name = "CHANNEL")]
    channel: Option<String>,
    /// The organization of the accounts of a multiline file
    #[arg(long, value_name = "ORG_UNIT")]
    organization: Option<String>,
    /// The permission group of the accounts of a multiline file
    #[arg(long, value_name = "GROUP")]
    permission_group: Option<String>,
    /// Shows the outcome of the rows and imports nothing
    #[arg(long, conflicts_with = "plan_hash")]
    preview: bool,
    /// Imports exactly the rows of the preview with this hash; refused if their outcome has changed
    #[arg(long, value_name = "HASH")]
    plan_hash: Option<String>,
    /// The id of the import [default: the id of the command]
    #[arg(long = "import", value_name = "ULID")]
    import: Option<ImportId>,
}

impl Import {
    pub(super) fn check(&self) -> Result<(), Failure> {
        self.delimiter()?;
        self.columns()?;
        if self.channel.is_some() && !self.carries_runs() {
            let text = "--channel is for an import that invites: add --auto-invite (the people that the file creates) or --invite (all of its people), or leave --channel out";
            return Err(Failure::Usage(text.to_owned()));
        }
        self.files.iter().try_for_each(|file| input::open(file).map(drop))
    }

    /// Whether the import starts a run.
    pub(super) fn carries_runs(&self) -> bool {
        self.invite || self.auto_invite
    }

    pub(super) async fn run(self, session: &Session<'_>) -> CliResult {
        let mut kept = Vec::new();
        let result = self.import(session, &mut kept).await;
        // A file stays only for an accepted import.
        if self.preview || matches!(result, Err(Failure::Refused { .. })) {
            kept.iter().for_each(|sha256| session.discard_file(sha256));
        }
        result
    }

    async fn import(&self, session: &Session<'_>, kept: &mut Vec<String>) -> CliResult {
        let mut stored = Vec::new();
        for file in &self.files {
            let content = input::open(file)?;
            let name = input::name_of(file, "csv");
            let file = session.keep_file(&name, content).await?;
            stored.push(file.body);
            kept.push(file.sha256);
        }
        let digest = kept.first().cloned().unwrap_or_default();
        let body = self.body(stored)?;
        let consent = Consent { yes: self.yes, yes_again: self.yes_again };
        if self.preview {
            let done = preview::show(session, &self.arguments(), body.clone()).await?;
            if self.invite
                && let Some(refusal) = consent.import_refusal(session, &digest, &body).await?
            {
                let would = "without --yes-again, the import would be refused";
                session.out.note(&format!("{would}: {} [{}]", refusal.message, refusal.code));
            }
            return Ok(done);
        }
        let agrees = self.agrees(session, consent, &digest, &body).await?;
        if !agrees {
            session.out.line("nothing was imported");
            kept.iter().for_each(|sha256| session.discard_file(sha256));
            return Ok(Done::Completely);
        }
        let accepted = session.submit("ImportFile", body).await?;
        let row = wait(session, &accepted).await?;
        let out = session.out;
        if out.is_json() {
            out.document(&row);
        } else {
            report::print(session, &row).await?;
            if !self.invite {
                next_steps::print_shortage(session, &accepted.id("import")).await;
            }
            out.note(&list::receipt(&accepted));
            match self.auto_invite || self.invite {
                true => next_steps::print_invitations(session, &row).await?,
                false if next_steps::has_addresses(&self.dialect) => {
                    next_steps::suggest_run(session, &row, self.lacks_phones()).await?;
                }
                false => {}
            }
        }
        if self.dialect == OFFICE_CHAT {
            next_steps::note_missing_admin(session).await?;
        }
        mails::note(session, &row).await?;
        let run = text(&row, "run");
        let failed = exit_counts::of_run(session, run).await?
            + runs_ahead::report_carried(session, run).await?;
        Ok(Done::with_failures(exit_counts::of_import(&row) + failed))
    }

    /// Whether the operator agrees to the invitations of the import. With --id the import may be a repeat, which gets
    /// the first answer.
    async fn agrees(
        &self,
        session: &Session<'_>,
        consent: Consent,
        sha256: &str,
        body: &Value,
    ) -> Result<bool, Failure> {
        if !self.carries_runs() || session.given_id().is_some() {
            return Ok(true);
        }
        if self.invite && !consent.to_import(session, sha256, body).await? {
            return Ok(false);
        }
        preview::agreed(session, body.clone(), consent.yes()).await
    }

    fn body(&self, files: Vec<Value>) -> Result<Value, Failure> {
        let mut body = Map::new();
        let mut set = |name: &str, value: Value| drop(body.insert(name.to_owned(), value));
        set("dialect", json!(self.dialect));
        set("files", files.into());
        if self.add_phones {
            set("add_to_corporate_phones", json!(true));
        }
        if self.send_welcome_email {
            set("send_welcome_email", json!(true));
        }
        if self.auto_invite {
            set("auto_invite", json!(true));
        }
        if self.invite {
            set("action", json!("import_and_invite"));
        }
        for (name, value) in [
            ("existing", &self.existing),
            ("blank_means", &self.blank_means),
            ("on_error", &self.on_error),
            ("encoding", &self.encoding),
            ("channel", &self.channel),
            ("organization", &self.organization),
            ("permission_group", &self.permission_group),
            ("plan_hash", &self.plan_hash),
        ] {
            if let Some(value) = value {
                set(name, json!(value));
            }
        }
        if let Some(delimiter) = self.delimiter()? {
            set("delimiter", json!(delimiter));
        }
        if !self.columns.is_empty() {
            set("columns", Value::Object(self.columns()?));
        }
        if let Some(import) = self.import {
            set("import", json!(import));
        }
        Ok(Value::Object(body))
    }

    /// Whether the dialect needs corporate phones for invitations and the import does not add them.
    fn lacks_phones(&self) -> bool {
        let has_phones = |one: &dyn Dialect| one.needs_corporate_phone() && !one.opens_accounts();
        !self.add_phones && dialect::find(&self.dialect).is_some_and(has_phones)
    }

    fn delimiter(&self) -> Result<Option<char>, Failure> {
        let Some(text) = &self.delimiter else { return Ok(None) };
        let mut chars = text.chars();
        match (text.as_str(), chars.next(), chars.next()) {
            ("tab" | "\\t", ..) => Ok(Some('\t')),
            (_, Some(one), None) => Ok(Some(one)),
            _ => Err(Failure::Usage("--delimiter must be one character, or tab".to_owned())),
        }
    }

    fn columns(&self) -> Result<Map<String, Value>, Failure> {
        let read =
            |text: &String| pair(text).map(|(in_file, in_dialect)| (in_file, json!(in_dialect)));
        self.columns.iter().map(read).collect()
    }

    /// The files and the options that change the result, as an operator types them.
    fn arguments(&self) -> String {
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

/// Waits until an accepted import and all that follows from it is done, and returns its row.
pub(super) async fn wait(session: &Session<'_>, accepted: &Accepted) -> Result<Value, Failure> {
    let import = accepted.id("import");
    watch::import(session, &import).await?;
    let row = session.row("import", json!({"import": import})).await?;
    if let Some(run) = row.get("run").and_then(Value::as_str) {
        runs_ahead::remark(session, run).await?;
        runs_ahead::carry(session).await;
        // An actor who may import need not see runs.
        if_shown(watch::run(session, run).await)?;
    }
    session.settle().await?;
    session.row("import", json!({"import": import})).await
}
