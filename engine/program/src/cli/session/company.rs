//! What verbs have to know of a company beside its rows.

use boarding_commands::decide::check_mail_placeholders;
use boarding_commands::template::MailTemplate;
use boarding_commands::values::{CommandId, CompanyId, Problem};
use serde_json::{Value, json};

use super::{Backend, Session};
use crate::cli::failure::Failure;
use crate::cli::fields::{number, text};

/// Work that a verb did not do.
#[derive(Debug)]
pub(in crate::cli) struct DueWork {
    pub runs: u64,
    /// The transport that the running run started with.
    pub via: Option<String>,
    pub mails: u64,
    /// Whether some of the mails wait for a mail server.
    pub mails_by_smtp: bool,
}

/// The wording of a mail, and how often the company has set it: 0 is ours.
#[derive(Debug)]
pub(in crate::cli) struct Wording {
    pub mail: MailTemplate,
    pub version: u64,
}

impl Session<'_> {
    /// The row of the query `company_status`.
    pub(super) async fn status(&self, params: Value) -> Result<Value, Failure> {
        self.row_now("company_status", params).await
    }

    /// The row of a query about the current state, also with `--as-of`.
    pub(in crate::cli) async fn row_now(
        &self,
        name: &str,
        params: Value,
    ) -> Result<Value, Failure> {
        let mut answer = self.query_now(name, params).await?.into_value();
        Ok(answer.get_mut("row").map(Value::take).unwrap_or_default())
    }

    /// The rows of a query about the current state, also with `--as-of`.
    pub(in crate::cli) async fn rows_now(
        &self,
        name: &str,
        params: Value,
    ) -> Result<Vec<Value>, Failure> {
        let mut answer = self.query_now(name, params).await?.into_value();
        match answer.get_mut("rows").map(Value::take) {
            Some(Value::Array(rows)) => Ok(rows),
            _ => Ok(Vec::new()),
        }
    }

    /// The companies of the data folder. A running engine shows that of the token only.
    pub(in crate::cli) fn companies(&self) -> Vec<CompanyId> {
        match &self.backend {
            Backend::Folder(folder) => folder.companies(),
            Backend::Remote(_) => vec![self.company.clone()],
        }
    }

    /// The number of the company's last event; none if it cannot be read.
    pub(in crate::cli) async fn version(&self) -> Option<u64> {
        self.status(json!({})).await.ok().map(|status| number(&status, "version"))
    }

    /// The newest import that is completed and not undone.
    pub(in crate::cli) async fn latest_import(&self) -> Result<Option<String>, Failure> {
        let status = self.status(json!({})).await?;
        Ok(Some(text(&status, "latest_import").to_owned()).filter(|import| !import.is_empty()))
    }

    /// The name of the transport of mails.
    pub(in crate::cli) async fn transport_name(&self) -> Result<String, Failure> {
        Ok(text(&self.status(json!({})).await?, "transport").to_owned())
    }

    /// Whether mails leave by a mail server.
    pub(in crate::cli) async fn sends_by_mail_server(&self) -> Result<bool, Failure> {
        match &self.backend {
            Backend::Folder(folder) => Ok(folder.sends_by_mail_server()),
            Backend::Remote(_) => {
                let status = self.status(json!({})).await?;
                Ok(status.get("by_mail_server") == Some(&json!(true)))
            }
        }
    }

    /// The other transport with which the running run was started, if it waits for that transport.
    pub(in crate::cli) async fn other_transport(&self) -> Result<Option<String>, Failure> {
        let status = self.status(json!({})).await?;
        Ok(Some(text(&status, "other_transport").to_owned()).filter(|name| !name.is_empty()))
    }

    /// The transport with which a run was started.
    pub(in crate::cli) async fn run_via(&self, run: &str) -> Result<String, Failure> {
        Ok(text(&self.status(json!({"run": run})).await?, "run_via").to_owned())
    }

    /// The company's imports of people and of pictures that cannot continue, with reasons.
    pub(in crate::cli) async fn blocked_imports(&self) -> Result<Vec<(String, String)>, Failure> {
        let status = self.status(json!({})).await?;
        let blocked = status.get("blocked").and_then(Value::as_array).into_iter().flatten();
        let blocked =
            blocked.map(|one| (text(one, "import").to_owned(), text(one, "reason").to_owned()));
        Ok(blocked.collect())
    }

    /// Why an import that is processing cannot continue, because its file is missing. None if it can.
    pub(in crate::cli) async fn missing_file(
        &self,
        import: &str,
        sha256: &str,
    ) -> Result<Option<String>, Failure> {
        match &self.backend {
            Backend::Folder(folder) => Ok(folder.missing_file(sha256)),
            Backend::Remote(_) => {
                let blocked = self.blocked_imports().await?;
                Ok(blocked.into_iter().find(|(id, _)| id == import).map(|(_, why)| why))
            }
        }
    }

    /// The last position of the command with this id, if it was accepted.
    pub(in crate::cli) async fn position_of(&self, id: CommandId) -> Result<Option<u64>, Failure> {
        let status = self.status(json!({"command": id.to_string()})).await?;
        Ok(status.get("command_position").and_then(Value::as_u64))
    }

    /// How many waiting mails can be tried again now.
    pub(in crate::cli) async fn mails_waiting_here(&self) -> Result<u64, Failure> {
        Ok(number(&self.status(json!({})).await?, "mails_waiting_here"))
    }

    /// The work that is left in the company; none if it cannot be read. A running engine does its runs itself.
    pub(in crate::cli) async fn due_work(&self) -> Option<DueWork> {
        let status = self.status(json!({})).await.ok()?;
        let via = status.get("running_via").and_then(Value::as_str);
        Some(DueWork {
            runs: if self.is_remote() { 0 } else { number(&status, "due_runs") },
            via: via.map(str::to_owned),
            mails: number(&status, "mails_waiting"),
            mails_by_smtp: !self.is_remote() && number(&status, "mails_waiting_by_smtp") > 0,
        })
    }

    /// The settings of mails that are placeholders, each with an example. Without a link in the mails, that of links does
    /// not matter.
    pub(in crate::cli) async fn mail_placeholders(
        &self,
        has_link: bool,
    ) -> Result<Vec<(String, String)>, Failure> {
        let status = self.status(json!({})).await?;
        let unset = status.get("placeholders").and_then(Value::as_array).into_iter().flatten();
        let unset =
            unset.map(|one| (text(one, "setting").to_owned(), text(one, "example").to_owned()));
        Ok(unset.filter(|(setting, _)| has_link || setting != "link_base_url").collect())
    }

    /// Refuses placeholders in mails that a mail server sends.
    ///
    /// # Errors
    /// `config.link_base_url_unset`.
    pub(in crate::cli) async fn check_mail_settings(&self) -> Result<(), Failure> {
        let unset = self.mail_placeholders(true).await?;
        let unset: Vec<_> = unset.iter().map(|(name, example)| (&**name, &**example)).collect();
        Ok(check_mail_placeholders(&self.company, unset)?)
    }

    /// The warning that the accounts of an import need more numbers than there are.
    pub(in crate::cli) async fn shortage(&self, import: &str) -> Option<Problem> {
        let status = self.status(json!({"import": import})).await.ok()?;
        serde_json::from_value(status.get("shortage")?.clone()).ok()
    }

    /// The wording of a mail that a person with this language gets.
    pub(in crate::cli) async fn wording(
        &self,
        kind: &str,
        language: Option<&str>,
    ) -> Result<Wording, Failure> {
        let row = self.row_now("mail_wording", json!({"kind": kind, "language": language})).await?;
        let field = |name: &str| text(&row, name).to_owned();
        let mail = MailTemplate {
            language: field("language"),
            subject: field("subject"),
            text: field("text"),
            html: field("html"),
        };
        Ok(Wording { mail, version: number(&row, "version") })
    }
}
