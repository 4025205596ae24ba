//! `boarding import`: a file in, its outcome row by row, and what to do next (LX-08, LX-09, LX-11 … LX-13).

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use boarding_commands::dialect::{self, Dialect};
use boarding_commands::values::ImportId;
use clap::Args;
use serde_json::{Map, Value, json};

use super::advice;
use super::common::one_of_the_dialects;
use super::exit_counts;
use super::failure::{Done, Ending, Failure};
use super::list::{self, number, text};
use super::session::{Accepted, Session};
use super::watch;

mod preview;
mod report;

pub(super) use report::report;

/// Imports people from a file, and says what became of each row
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  boarding import people.csv --company acme --dialect leapxpert --add-phones
  boarding import people.csv --company acme --dialect leapxpert --existing update
  boarding import export.csv --company acme --dialect leapxpert --encoding windows-1252 \\
      --delimiter ';' --column 'E-Mail=email' --column 'Login=username'
  boarding import people.csv --company acme --dialect leapxpert --preview
  boarding import userdetails.csv featuredetails.csv channelcountdetails.csv --company acme --dialect ocm
  boarding import people.csv --company acme --dialect leapxpert --plan-hash HASH
  boarding import people.csv --company acme --dialect officechat --auto-invite --channel whatsapp
  boarding import staff.csv --company acme --dialect mangoapps --existing update
  boarding import accounts.csv --company acme --dialect multiline --organization EMEA --permission-group Traders

--preview shows what would become of each row and changes nothing; the hash it tells imports exactly that,
or nothing if it would come out otherwise by now.
The file's columns: boarding template leapxpert. Rows that are refused do not hold up the others:
boarding imports failed-rows latest gives them back, to be mended and imported again.")]
pub(super) struct Import {
    /// The file, or all that the dialect takes together; - reads the standard input
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    #[arg(long, value_name = "DIALECT", help = format!("How the file is to be read: {}", one_of_the_dialects()))]
    dialect: String,
    /// Puts each person's number on the corporate phone list
    #[arg(long)]
    add_phones: bool,
    /// What happens to people who are there already [default: the dialect's own rule]
    #[arg(long, value_parser = ["skip", "update"])]
    existing: Option<String>,
    /// What a blank cell does in an update [default: the company's setting]
    #[arg(long, value_parser = ["keep", "clear"])]
    blank_means: Option<String>,
    /// What an invalid row does: it is left out, or the whole file is refused [default: continue]
    #[arg(long, value_parser = ["continue", "reject_file"])]
    on_error: Option<String>,
    /// The file's encoding, e.g. windows-1252 [default: UTF-8, or what its mark says]
    #[arg(long, value_name = "NAME")]
    encoding: Option<String>,
    /// What separates the cells: one character, or tab [default: the dialect's own]
    #[arg(long, value_name = "CHARACTER")]
    delimiter: Option<String>,
    /// Reads the file's column THEIRS as our column OURS; may be given several times
    #[arg(long = "column", value_name = "THEIRS=OURS")]
    columns: Vec<String>,
    /// Sends new people a log-in mail
    #[arg(long)]
    send_welcome_email: bool,
    /// Invites those whom the file creates, once it is imported
    #[arg(long, conflicts_with = "invite")]
    auto_invite: bool,
    /// Invites everybody the file names, once it is imported
    #[arg(long)]
    invite: bool,
    /// Where to invite people: whatsapp, imessage [default: the only one that is enabled]
    #[arg(long, value_name = "CHANNEL")]
    channel: Option<String>,
    /// The organization that the accounts of a multiline file belong to
    #[arg(long, value_name = "ORG_UNIT")]
    organization: Option<String>,
    /// The group of user permissions that they get
    #[arg(long, value_name = "GROUP")]
    permission_group: Option<String>,
    /// Shows what the file would come to, and imports nothing
    #[arg(long, conflicts_with = "plan_hash")]
    preview: bool,
    /// Imports exactly what the preview with this hash showed; refused if it would come out otherwise
    #[arg(long, value_name = "HASH")]
    plan_hash: Option<String>,
    /// The id that the import is to have [default: the command's]
    #[arg(long = "import", value_name = "ULID")]
    import: Option<ImportId>,
}

impl Import {
    pub(super) fn check(&self) -> Result<(), Failure> {
        self.delimiter()?;
        self.columns()?;
        self.files.iter().try_for_each(|file| open(file).map(drop))
    }

    pub(super) async fn run(self, session: &Session<'_>) -> Ending {
        let mut kept = Vec::new();
        for file in &self.files {
            let content = open(file)?;
            let name = name_of(file, "csv");
            let keep = || session.engine.keep_file(&name, content);
            let file = tokio::task::block_in_place(keep)?;
            kept.push(json!({"name": file.name, "sha256": file.sha256}));
        }
        let body = self.body(kept)?;
        if self.preview {
            return preview::show(session, &self, body).await;
        }
        let accepted = session.submit("ImportFile", body).await?;
        let row = carry(session, &accepted).await?;
        let out = session.out;
        if out.is_json() {
            out.document(&row);
        } else {
            report(session, &row).await?;
            out.note(&list::receipt(&accepted));
            match self.auto_invite || self.invite {
                true => tell_invites(session, &row),
                false if has_addresses(&self.dialect) => {
                    hint_next(session, &row, self.lacks_phones());
                }
                false => {}
            }
        }
        let failed = exit_counts::of_run(session, text(&row, "run")).await?;
        Ok(Done::losing(exit_counts::of_import(&row) + failed))
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

    /// Whether people come in without the numbers that they are invited with.
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
            _ => Err(Failure::Usage("--delimiter takes one character, or tab".to_owned())),
        }
    }

    fn columns(&self) -> Result<Map<String, Value>, Failure> {
        let read = |text: &String| list::pair(text).map(|(theirs, ours)| (theirs, json!(ours)));
        self.columns.iter().map(read).collect()
    }
}

/// Sees an accepted import through to its end, and gives its row.
pub(super) async fn carry(session: &Session<'_>, accepted: &Accepted) -> Result<Value, Failure> {
    let import = accepted.id("import");
    watch::import(session, &import).await?;
    session.settle().await?;
    session.row("import", json!({"import": import})).await
}

/// Whether the dialect's people can be invited: a mail needs an address.
fn has_addresses(dialect: &str) -> bool {
    let known = dialect::find(dialect);
    known.is_some_and(|one| one.format().columns.iter().any(|column| column.name.contains("mail")))
}

/// The run that invites the import's people, or why there is none.
fn tell_invites(session: &Session<'_>, row: &Value) {
    match row.pointer("/not_invited/message").and_then(Value::as_str) {
        Some(why) => {
            session.out.note(&format!("nobody was invited: {why}"));
            let code = row.pointer("/not_invited/code").and_then(Value::as_str);
            if let Some(advice) = code.and_then(|code| advice::on(code, &Value::Null)) {
                session.out.note(&format!(
                    "  {advice}; then boarding runs start --channel CHANNEL --import {} {}",
                    text(row, "import"),
                    session.place()
                ));
            }
        }
        None => session.out.note(&format!(
            "they are invited by a run: boarding log {} {}",
            text(row, "run"),
            session.place()
        )),
    }
}

fn hint_next(session: &Session<'_>, row: &Value, lacks_phones: bool) {
    if number(row, "created") + number(row, "updated") + number(row, "skipped") == 0 {
        return;
    }
    if lacks_phones {
        session.out.note(
            "no numbers were put on the corporate phone list (--add-phones does); nobody without one can be invited",
        );
    }
    session.out.note(&format!(
        "next, invite them: boarding runs start --channel whatsapp --import {} {}",
        text(row, "import"),
        session.place()
    ));
}

pub(super) fn open(file: &Path) -> Result<Box<dyn Read>, Failure> {
    if file.as_os_str() == "-" {
        return Ok(Box::new(io::stdin()));
    }
    let failed = |why: String| Failure::Usage(format!("read {}: {why}", file.display()));
    let content = File::open(file).map_err(|error| failed(error.to_string()))?;
    let is_folder = content.metadata().is_ok_and(|metadata| metadata.is_dir());
    if is_folder {
        return Err(failed("it is a folder".to_owned()));
    }
    Ok(Box::new(content))
}

/// The file's name; what comes by the standard input is called by what it is.
pub(super) fn name_of(file: &Path, extension: &str) -> String {
    match file.file_name() {
        Some(name) if name != "-" => name.to_string_lossy().into_owned(),
        _ => format!("stdin.{extension}"),
    }
}
