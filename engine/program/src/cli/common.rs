//! Options of all verbs: data folder, company, actor, output format, transport of mails.

use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use boarding_commands::dialect;
use boarding_commands::values::{CommandId, CompanyId, Time, check_actor};
use clap::Args;

use super::engine_url::{EngineUrl, Token};
use super::failure::Failure;
use super::words::quoted;
use boarding_core::delivery::Transport;
use boarding_core::delivery::outbox::Outbox;
use boarding_core::delivery::smtp::SmtpTransport;
use boarding_core::engine::OwnLinkPage;

/// The names of all dialects for a help text: `a, b or c`.
pub(super) fn one_of_the_dialects() -> String {
    let names: Vec<_> = dialect::ALL.iter().map(|dialect| dialect.name()).collect();
    match names.split_last() {
        Some((last, others)) if !others.is_empty() => format!("{} or {last}", others.join(", ")),
        _ => names.concat(),
    }
}

/// The data folder if none is given.
pub(super) const DEFAULT_DATA: &str = "./boarding-data";

#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Common options")]
pub(super) struct Common {
    /// The company
    #[arg(long, global = true, env = "BOARDING_COMPANY", value_name = "COMPANY", value_parser = optional::<CompanyId>)]
    pub company: Option<Optional<CompanyId>>,
    /// A running engine (boarding serve --http), such as http://127.0.0.1:8080, instead of a data folder; if both
    /// BOARDING_URL and BOARDING_DATA are set, type --url or --data
    #[arg(long, global = true, env = "BOARDING_URL", value_name = "URL", value_parser = optional::<String>)]
    pub url: Option<Optional<String>>,
    /// The access token for --url, or @FILE with it; other users of the machine can see a typed token, so set
    /// BOARDING_TOKEN or use @FILE
    #[arg(long, global = true, env = "BOARDING_TOKEN", hide_env_values = true, value_name = "TOKEN|@FILE", value_parser = optional::<Token>)]
    pub token: Option<Optional<Token>>,
    /// The data folder [default: ./boarding-data]
    #[arg(long, global = true, env = "BOARDING_DATA", value_name = "DIR", value_parser = optional::<PathBuf>)]
    pub data: Option<Optional<PathBuf>>,
    /// Who acts [default: <login name>@local; with --url the owner of the token]
    #[arg(long, global = true, value_name = "NAME")]
    pub actor: Option<String>,
    /// Shows an earlier state: at a position of the log, or at a time (RFC 3339)
    #[arg(long, global = true, value_name = "POSITION|TIME")]
    pub as_of: Option<String>,
    /// Prints JSON: one document, or one line per row
    #[arg(long, global = true)]
    pub json: bool,
    /// Prints all columns of a table, however wide
    #[arg(long, global = true)]
    pub wide: bool,
    /// Writes mails as files into this folder [default: <data>/outbox]
    #[arg(long, global = true, value_name = "DIR")]
    pub outbox: Option<PathBuf>,
    /// Sends mails by this server, smtp://[user:password@]host[:port] or smtps://…; --outbox overrides it
    #[arg(long, global = true, env = "BOARDING_SMTP", hide_env_values = true, value_name = "URL")]
    pub smtp: Option<String>,
    /// Writes text messages to devices as files into this folder [default: the outbox of the mails; none beside --smtp]
    #[arg(long, global = true, env = "BOARDING_TEXT_OUTBOX", value_name = "DIR", value_parser = optional::<PathBuf>)]
    pub text_outbox: Option<Optional<PathBuf>>,
    /// Continues runs that were started with another mail transport (--smtp or an outbox); mails that may have been
    /// sent are not sent again
    #[arg(long, global = true)]
    pub adopt_runs: bool,
    /// The page of this engine that links in mails lead to.
    #[arg(skip)]
    pub link_page: Option<OwnLinkPage>,
    /// The command's id, a ULID: a repeat of the command with the same id changes nothing
    #[arg(long = "id", global = true, value_name = "ULID")]
    pub command_id: Option<CommandId>,
    /// Logs more to stderr; BOARDING_LOG=… sets the log filter
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
    /// Prints results and errors only
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub quiet: bool,
}

/// A value that counts as not given if it is empty, as of `BOARDING_COMPANY=`.
#[derive(Debug, Clone)]
pub(super) struct Optional<T>(pub(super) Option<T>);

impl<T> From<T> for Optional<T> {
    fn from(value: T) -> Self {
        Self(Some(value))
    }
}

impl<T> Optional<T> {
    /// Sets the value, unless one is given.
    pub(super) fn fill(given: &mut Option<Self>, value: Option<T>) {
        if given.as_ref().is_none_or(|one| one.0.is_none()) {
            *given = Some(Self(value));
        }
    }
}

/// Reads a value; an empty one counts as not given.
///
/// # Errors
/// When the value cannot be read.
pub(super) fn optional<T: FromStr>(text: &str) -> Result<Optional<T>, T::Err> {
    if text.is_empty() { Ok(Optional(None)) } else { text.parse().map(|one| Optional(Some(one))) }
}

/// Reads a time.
///
/// # Errors
/// An example of a time.
pub(super) fn time(text: &str) -> Result<Time, String> {
    let example =
        "write a time with its zone, such as 2030-01-31T08:00:00Z or 2030-01-31T08:00:00+01:00";
    text.trim().parse().map_err(|_| example.to_owned())
}

impl Common {
    /// The address of the running engine that is given. It was checked when the place was chosen.
    pub(super) fn given_url(&self) -> Option<EngineUrl> {
        self.url.as_ref()?.0.as_ref()?.parse().ok()
    }

    /// The secret of the access token.
    ///
    /// # Errors
    /// A usage failure if none is given, or it cannot be read.
    pub(super) fn secret(&self) -> Result<String, Failure> {
        let given = self.token.clone().and_then(|token| token.0);
        let token = given.ok_or_else(|| {
            let text = "no access token is given; add --token @FILE, or set BOARDING_TOKEN; to make one: boarding tokens issue";
            Failure::Usage(text.to_owned())
        })?;
        token.secret()
    }

    /// The data folder that is given.
    pub(super) fn given_data(&self) -> Option<PathBuf> {
        self.data.clone().and_then(|data| data.0)
    }

    /// Sets the data folder, unless one is given.
    pub(super) fn fill_data(&mut self, data: Option<PathBuf>) {
        Optional::fill(&mut self.data, data);
    }

    pub(super) fn data(&self) -> PathBuf {
        self.given_data().unwrap_or_else(|| DEFAULT_DATA.into())
    }

    /// Checks that the data folder exists: a verb that only reads creates none.
    ///
    /// # Errors
    /// A usage failure that names the folder.
    pub(super) fn check_data_exists(&self) -> Result<(), Failure> {
        self.company()?;
        let data = self.data();
        if data.exists() {
            return Ok(());
        }
        Err(Failure::Usage(format!(
            "there is no data folder {}; give another with --data, or create it with a verb that writes, such as import",
            data.display()
        )))
    }

    /// The options that a suggested command needs, each with its name and its words. What the environment says, or is
    /// the default, needs none.
    pub(super) fn place(&self) -> Vec<(&'static str, String)> {
        let environment = |name: &str| std::env::var(name).unwrap_or_default();
        let mut place = Vec::new();
        if let Some(company) = self.given_company() {
            let company = company.to_string();
            if company != environment("BOARDING_COMPANY") {
                place.push(("--company", format!("--company {company}")));
            }
        }
        if let Some(url) = self.given_url() {
            let set: Option<EngineUrl> = environment("BOARDING_URL").parse().ok();
            if set.as_ref() != Some(&url) {
                place.push(("--url", format!("--url {}", url.text())));
            }
        } else if let Some(data) = self.given_data() {
            let data = data.to_string_lossy().into_owned();
            let of_environment = environment("BOARDING_DATA");
            let same = if of_environment.is_empty() { DEFAULT_DATA } else { &of_environment };
            if data != same {
                place.push(("--data", format!("--data {}", quoted(&data))));
            }
        }
        place
    }

    /// The company, if one is given.
    pub(super) fn given_company(&self) -> Option<CompanyId> {
        self.company.clone().and_then(|company| company.0)
    }

    /// The company.
    ///
    /// # Errors
    /// A usage failure if no company is given.
    pub(super) fn company(&self) -> Result<CompanyId, Failure> {
        self.given_company().ok_or_else(|| {
            let text = "no company is given; add --company COMPANY, or set BOARDING_COMPANY";
            Failure::Usage(text.to_owned())
        })
    }

    /// The actor: `--actor`, or the login name of the operator.
    ///
    /// # Errors
    /// A refusal if no actor may have this name.
    pub(super) fn actor(&self) -> Result<String, Failure> {
        let actor = self.actor.clone().unwrap_or_else(|| format!("{}@local", login_name()));
        check_actor(&actor)?;
        Ok(actor)
    }

    /// The transport of text messages, or none for that of the mails.
    pub(super) fn texts(&self) -> Result<Option<Arc<dyn Transport>>, Failure> {
        self.given_text_outbox().map(|folder| open_outbox(&folder)).transpose()
    }

    /// The folder of text messages that is given.
    pub(super) fn given_text_outbox(&self) -> Option<PathBuf> {
        self.text_outbox.clone().and_then(|folder| folder.0)
    }

    /// Sets the folder of text messages, unless one is given.
    pub(super) fn fill_text_outbox(&mut self, folder: Option<PathBuf>) {
        Optional::fill(&mut self.text_outbox, folder);
    }

    /// The outbox in the data folder.
    pub(super) fn own_outbox(&self) -> PathBuf {
        self.data().join("outbox")
    }

    /// The transport of mails, or none for the outbox in the data folder.
    pub(super) fn transport(&self) -> Result<Option<Arc<dyn Transport>>, Failure> {
        if let Some(folder) = &self.outbox {
            return open_outbox(folder).map(Some);
        }
        let Some(url) = self.smtp.as_ref().filter(|url| !url.is_empty()) else { return Ok(None) };
        let transport = SmtpTransport::new(url).map_err(|error| {
            Failure::Usage(format!("--smtp: {}", boarding_log::error_chain(&error)))
        })?;
        Ok(Some(Arc::new(transport)))
    }
}

/// Opens or creates an outbox.
///
/// # Errors
/// A failure that names the folder.
pub(super) fn open_outbox(folder: &Path) -> Result<Arc<dyn Transport>, Failure> {
    let outbox = Outbox::open(folder).map_err(|error| {
        Failure::Unavailable(format!("cannot open the outbox {}: {error}", folder.display()))
    })?;
    Ok(Arc::new(outbox))
}

fn login_name() -> String {
    let named = |name| std::env::var(name).ok().filter(|value| !value.trim().is_empty());
    let user = rustix::process::getuid().as_raw();
    named("USER")
        .or_else(|| named("LOGNAME"))
        .or_else(|| name_of_user(user))
        .unwrap_or_else(|| format!("uid-{user}"))
}

/// The login name of a user id in `/etc/passwd`.
fn name_of_user(number: u32) -> Option<String> {
    let users = std::fs::read_to_string("/etc/passwd").ok()?;
    let number = number.to_string();
    users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)? == number).then(|| name.to_owned())
    })
}
