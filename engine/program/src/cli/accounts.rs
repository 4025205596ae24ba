//! `boarding accounts`: lists, shows, adds and edits accounts.

use boarding_commands::values::{Code, Refusal};
use boarding_projections::csv_export::csv_line;
use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};

use super::columns::{ACCOUNTS, text_of};
use super::definition::print_differences;
use super::failure::{CliResult, Done, Failure};
use super::fields::{set, text};
use super::import;
use super::known::Known;
use super::list::{self, CsvExport, Limit};
use super::session::Session;
use super::words::quoted;

/// Lists, shows, adds and edits accounts of MultiLine
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  boarding accounts --company acme
  boarding accounts list --status invitation_failed --company acme
  boarding accounts show ann@acme.example --company acme
  boarding accounts add ann@acme.example --organization EMEA --permission-group Traders \\
      --first-name Ann --number '+1 212 555 0001' --company acme
  boarding accounts edit ann@acme.example --address ann.lee@acme.example --company acme")]
pub(super) struct Accounts {
    #[command(subcommand)]
    verb: Option<Verb>,
    #[command(flatten)]
    list: List,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Lists the accounts
    #[command(after_help = "\
Example:
  boarding accounts list --organization EMEA --status not_invited --company acme")]
    List(List),
    /// Shows an account with its settings
    #[command(after_help = "\
Example:
  boarding accounts show ann@acme.example --company acme")]
    Show {
        /// The address or device of the account
        account: String,
    },
    Add(Add),
    Edit(Edit),
}

#[derive(Debug, Default, PartialEq, Args)]
struct List {
    /// Only accounts with this text in the address, name or number
    #[arg(long, value_name = "TEXT")]
    search: Option<String>,
    /// Only accounts of this organization, by its exact name
    #[arg(long, value_name = "NAME", alias = "org-unit")]
    organization: Option<String>,
    /// Only accounts of this permission group, by its exact name
    #[arg(long, value_name = "NAME")]
    permission_group: Option<String>,
    /// Only accounts in this status: active, invited, not_invited, invitation_failed, suspended
    #[arg(long, value_name = "STATUS")]
    status: Option<String>,
    #[command(flatten)]
    limit: Limit,
    #[command(flatten)]
    export: CsvExport,
}

/// Adds an account, as a file with one row would
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  boarding accounts add ann@acme.example --organization EMEA --permission-group Traders --company acme
  boarding accounts add '+84 923 448 071' --organization EMEA --permission-group Traders --invite --company acme")]
struct Add {
    /// The e-mail address, or the phone number of a device
    address: String,
    /// The organization, by its exact name
    #[arg(long, value_name = "NAME")]
    organization: String,
    /// The permission group, by its exact name
    #[arg(long, value_name = "NAME")]
    permission_group: String,
    #[command(flatten)]
    values: Values,
    /// A number of the pool that is available
    #[arg(long, value_name = "NUMBER")]
    number: Option<String>,
    /// Invites the account at once
    #[arg(long)]
    invite: bool,
    /// The channel of the invitation [default: the only enabled channel]
    #[arg(long, value_name = "CHANNEL")]
    channel: Option<String>,
}

/// Changes the named values of an account; an empty text removes a value that is not required
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  boarding accounts edit ann@acme.example --address ann.lee@acme.example --company acme
  boarding accounts edit ann@acme.example --permission-group Advisers --language German --company acme")]
struct Edit {
    /// The address or device by which the account is known
    account: String,
    /// The new e-mail address, or the new phone number of the device; the account keeps its key
    #[arg(long, value_name = "ADDRESS")]
    address: Option<String>,
    /// The permission group, by its exact name
    #[arg(long, value_name = "NAME")]
    permission_group: Option<String>,
    #[command(flatten)]
    values: Values,
}

/// The values of an account besides its address, organization and group.
#[derive(Debug, Default, Args)]
struct Values {
    /// The first name, for mails
    #[arg(long, value_name = "NAME")]
    first_name: Option<String>,
    /// The last name, for mails
    #[arg(long, value_name = "NAME")]
    last_name: Option<String>,
    /// Yes or No
    #[arg(long, value_name = "WORD")]
    social_messaging: Option<String>,
    /// auto or off
    #[arg(long, value_name = "WORD")]
    monitor_calls: Option<String>,
    /// on or off
    #[arg(long, value_name = "WORD")]
    monitor_sms: Option<String>,
    /// 4 to 18 digits with the country code
    #[arg(long, value_name = "NUMBER")]
    forwarding_number: Option<String>,
    /// true or false; only with the setting social_messaging
    #[arg(long, value_name = "WORD")]
    restrict_incoming_social_messaging: Option<String>,
    /// English, Italian, German, French or Spanish
    #[arg(long, value_name = "NAME")]
    language: Option<String>,
}

impl Values {
    /// The values with their names. Commands and the columns of files use the same names.
    fn named(self) -> [(&'static str, Option<String>); 8] {
        [
            ("first_name", self.first_name),
            ("last_name", self.last_name),
            ("social_messaging", self.social_messaging),
            ("monitor_calls", self.monitor_calls),
            ("monitor_sms", self.monitor_sms),
            ("forwarding_number", self.forwarding_number),
            ("restrict_incoming_social_messaging", self.restrict_incoming_social_messaging),
            ("language", self.language),
        ]
    }
}

impl Accounts {
    pub(super) fn check(&self) -> Result<(), Failure> {
        list::check_place(self.verb.is_some(), &self.list)
    }

    pub(super) async fn run(self, session: &Session<'_>) -> CliResult {
        match self.verb.unwrap_or(Verb::List(self.list)) {
            Verb::List(list) => {
                Known::OrgUnit.remark(session, list.organization.as_deref()).await?;
                Known::PermissionGroup.remark(session, list.permission_group.as_deref()).await?;
                let params = json!({
                    "search": list.search, "org_unit": list.organization, "status": list.status,
                    "permission_group": list.permission_group,
                });
                let export = &list.export;
                list::show_or_write(session, "accounts", params, list.limit, ACCOUNTS, export).await
            }
            Verb::Show { account } => {
                let row = session.row("account", json!({"user": account})).await?;
                list::show_row(session.out, &row)
            }
            Verb::Add(add) => add.run(session).await,
            Verb::Edit(edit) => edit.run(session).await,
        }
    }
}

impl Add {
    /// A CSV file whose only row is the account.
    fn file(&self, values: [(&'static str, Option<String>); 8]) -> String {
        let default_of = |name: &str| match name {
            "social_messaging" => Some("No"),
            "monitor_calls" | "monitor_sms" => Some("off"),
            _ => None,
        };
        let mut cells = vec![("email address or device", self.address.clone())];
        cells.extend(self.number.clone().map(|number| ("multiline_number", number)));
        for (name, given) in values {
            let given = given.or_else(|| default_of(name).map(str::to_owned));
            cells.extend(given.map(|text| (name, text)));
        }
        let (names, values): (Vec<_>, Vec<_>) = cells.into_iter().unzip();
        let names = names.into_iter().map(str::to_owned);
        let lines = [csv_line(names, b','), csv_line(values.into_iter(), b',')].concat();
        String::from_utf8(lines).unwrap_or_default()
    }

    async fn run(mut self, session: &Session<'_>) -> CliResult {
        let values = std::mem::take(&mut self.values).named();
        let file = self.file(values);
        let mut body = json!({
            "dialect": "multiline", "files": [{"name": "account.csv", "text": file}],
            "organization": self.organization, "permission_group": self.permission_group,
            "action": if self.invite { "import_and_invite" } else { "import" },
        });
        if let Some(channel) = self.channel {
            set(&mut body, "channel", channel);
        }
        // A repeated command gets the first answer. A preview would refuse it, because the account exists already.
        let is_repeat = match session.given_id() {
            Some(id) => session.row("import", json!({"import": id.to_string()})).await.is_ok(),
            None => false,
        };
        if !is_repeat {
            // Refuses an invalid row here, because its import would be recorded although it creates no account.
            let plan = session.preview(body.clone()).await?;
            let planned = plan.listed("rows").first().cloned().unwrap_or_default();
            if text(&planned, "outcome") != "created" {
                return Err(refused(&planned, &self.address).into());
            }
        }
        let accepted = session.submit("ImportFile", body).await?;
        let import = import::wait(session, &accepted).await?;
        let of_import = json!({"import": text(&import, "import")});
        let rows = session.rows("import_rows", of_import, Some(1)).await?;
        let row = rows.first().cloned().unwrap_or_default();
        let account = session.row("account", json!({"user": text(&row, "key")})).await?;
        list::show_row(session.out, &account)?;
        list::warn_of_values(session.out, &row);
        let invited = !self.invite || text(&account, "status") == "invited";
        if !invited {
            let why = not_invited(&import, &account);
            let key = quoted(text(&row, "key"));
            let options = session.sending_options();
            session.out.warn(&format!(
                "no invitation was sent: {why}\n  to invite the account later: boarding invitations resend --user {key} {options}"
            ));
        }
        Ok(Done::with_failures(u64::from(!invited)))
    }
}

/// The refusal of a row with problems: the code of the first problem, and the messages of all. If the account exists,
/// the refusal names the command that edits it.
fn refused(row: &Value, address: &str) -> Refusal {
    let problems = row.get("problems").and_then(Value::as_array).cloned().unwrap_or_default();
    let code = problems.first().and_then(|problem| Code::find(text(problem, "code")));
    let message_of = |problem: &Value| match problem.get("column").and_then(Value::as_str) {
        Some(column) => format!("{column}: {}", text(problem, "message")),
        None => text(problem, "message").to_owned(),
    };
    let message = problems.iter().map(message_of).collect::<Vec<_>>().join(" ");
    let code = code.unwrap_or(Code::ImportInvalidRows);
    let message = match code {
        Code::RowUserExists => {
            let edit = format!("boarding accounts edit {}", quoted(address));
            format!("The account exists already.\n  to change it: {edit}")
        }
        _ => message,
    };
    Refusal { message, ..Refusal::new(code) }
}

/// Why the account was not invited: the refusal of the import's run, or the account's own code.
fn not_invited(import: &Value, account: &Value) -> String {
    let refused = import.get("not_invited").filter(|problem| problem.is_object());
    let code = text(account, "code");
    let reason = || Code::find(code).map(|known| format!("{} [{code}]", known.text()));
    refused.map(text_of).or_else(reason).unwrap_or_else(|| code.to_owned())
}

impl Edit {
    async fn run(self, session: &Session<'_>) -> CliResult {
        let done = format!("{} is changed", self.account);
        let mut body = Map::from_iter([("account".to_owned(), json!(self.account))]);
        let own = [("address", self.address), ("permission_group", self.permission_group)];
        for (name, value) in own.into_iter().chain(self.values.named()) {
            body.extend(value.map(|value| (name.to_owned(), json!(value))));
        }
        if body.len() == 1 {
            return Err(Failure::Usage("name at least one value to change".to_owned()));
        }
        let before = session.row("account", json!({"user": self.account})).await.ok();
        let (accepted, is_unchanged) =
            list::settled(session, "EditAccount", Value::Object(body)).await?;
        list::print_accepted(session.out, &accepted, &done);
        if session.out.is_json() || accepted.is_repeat() {
            return Ok(Done::Completely);
        }
        if is_unchanged {
            session.out.line(&format!("  {}", list::UNCHANGED));
        } else if let Some(before) = before {
            let key = json!({"user": text(&before, "user")});
            let after = session.row("account", key).await?;
            print_differences(session.out, &before, &after);
        }
        Ok(Done::Completely)
    }
}
