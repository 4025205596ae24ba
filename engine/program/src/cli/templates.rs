//! `boarding templates`: shows, previews, sets and removes the wording of mails.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use boarding_commands::event::{Channel, MailKind};
use boarding_commands::mail_kinds;
use boarding_commands::settings::link_address;
use boarding_commands::template::{
    self, AppAddresses, MAX_TEXT_MESSAGE_CHARS, MailTemplate, MailValues,
};
use boarding_commands::values::{Code, Refusal};
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::columns::TEMPLATES;
use super::failure::{CliResult, Done, Failure};
use super::fields::{self, text};
use super::input;
use super::list::{self, Limit};
use super::session::{Session, Wording};
use super::words::did_you_mean;
use boarding_commands::values::nearest;

/// The start of a text file: its first line is the subject.
const SUBJECT: &str = "Subject: ";
/// How long the link of a previewed mail works, in hours: LeapXpert's links to WhatsApp work so long.
const SAMPLE_HOURS: u64 = 24;

/// Shows, previews, sets and removes the wording of mails
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  boarding templates --company acme                                  lists your own wordings
  boarding templates show channel_invitation --company acme          prints the wording in force
  boarding templates show welcome --language de -o mails --company acme
  boarding templates preview welcome \\
      --text mails/welcome.de.txt --html mails/welcome.de.html --company acme
  boarding templates set welcome --language de \\
      --text mails/welcome.de.txt --html mails/welcome.de.html --company acme
  boarding templates unset welcome --language de --company acme

The text file starts with the line `Subject: …` and an empty line, as `show -o` writes it. A text message to a device
(text_invitation, text_reminder) has neither a subject nor HTML:
  boarding templates set text_invitation --language en --text text_invitation.en.txt --company acme")]
pub(super) struct Templates {
    #[command(subcommand)]
    verb: Option<Verb>,
    #[command(flatten)]
    limit: Limit,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Lists the company's own wordings
    #[command(after_help = "Example:\n  boarding templates list --company acme")]
    List(Limit),
    Show(Show),
    Preview(Preview),
    Set(Set),
    /// Removes the company's own wording of a mail in one language: the built-in one is in force again
    #[command(after_help = "\
Example:
  boarding templates unset welcome --language de --company acme")]
    Unset(Mail),
}

/// The mail and its language.
#[derive(Debug, Args)]
struct Mail {
    #[arg(help = kind_help())]
    kind: String,
    /// The language, for example de or pt-BR [default: the company's setting `language`]
    #[arg(long, value_name = "TAG")]
    language: Option<String>,
}

/// Prints the wording that a person with this language gets, or writes it into two files
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  boarding templates show run_completed --company acme
  boarding templates show welcome --language de -o mails --company acme")]
struct Show {
    #[command(flatten)]
    mail: Mail,
    /// Writes KIND.LANGUAGE.txt and KIND.LANGUAGE.html into this folder
    #[arg(short, long, value_name = "DIR")]
    output: Option<PathBuf>,
}

/// Prints a mail with sample values: the wording in force, or that of the files
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  boarding templates preview channel_invitation --company acme
  boarding templates preview welcome --text welcome.en.txt --html welcome.en.html --company acme")]
struct Preview {
    #[command(flatten)]
    mail: Mail,
    /// The file of the text part, with the subject in its first line
    #[arg(long, value_name = "FILE")]
    text: Option<PathBuf>,
    /// The file of the HTML part; not for a text message
    #[arg(long, value_name = "FILE", requires = "text")]
    html: Option<PathBuf>,
}

/// Sets the company's own wording of a mail in one language
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  boarding templates set welcome --language en --text welcome.en.txt --html welcome.en.html --company acme")]
struct Set {
    #[command(flatten)]
    mail: Mail,
    /// The file of the text part, with the subject in its first line
    #[arg(long, value_name = "FILE")]
    text: PathBuf,
    /// The file of the HTML part; not for a text message
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
}

impl Templates {
    pub(super) fn check(&self) -> Result<(), Failure> {
        list::check_place(self.verb.is_some(), &self.limit)?;
        match &self.verb {
            Some(Verb::Set(Set { mail, text, html })) => {
                check_files(mail.kind()?, html.is_some())?;
                let files = [Some(text), html.as_ref()].into_iter().flatten();
                files.map(|file| input::open(file)).try_for_each(|opened| opened.map(drop))
            }
            Some(Verb::Show(Show { mail, .. }) | Verb::Unset(mail)) => mail.kind().map(drop),
            Some(Verb::Preview(Preview { mail, text, html })) => {
                let kind = mail.kind()?;
                if text.is_some() {
                    check_files(kind, html.is_some())?;
                }
                let files = [text, html].into_iter().flatten();
                files.map(|file| input::open(file)).try_for_each(|opened| opened.map(drop))
            }
            Some(Verb::List(_)) | None => Ok(()),
        }
    }

    pub(super) async fn run(self, session: &Session<'_>) -> CliResult {
        match self.verb.unwrap_or(Verb::List(self.limit)) {
            Verb::List(limit) => {
                list::show(session, "mail_templates", json!({}), limit, TEMPLATES).await
            }
            Verb::Show(verb) => verb.run(session).await,
            Verb::Preview(verb) => verb.run(session).await,
            Verb::Set(verb) => verb.run(session).await,
            Verb::Unset(mail) => unset(session, mail).await,
        }
    }
}

impl Mail {
    fn kind(&self) -> Result<MailKind, Failure> {
        let found = MailKind::ALL.into_iter().find(|kind| kind.as_str() == self.kind);
        found.ok_or_else(|| {
            let known: Vec<_> = MailKind::ALL.into_iter().map(MailKind::as_str).collect();
            let near = did_you_mean(nearest(&self.kind, known.iter().copied()));
            let (kind, known) = (&self.kind, known.join(", "));
            Failure::Usage(format!("there is no mail {kind}{near}; the mails are {known}"))
        })
    }

    /// The wording that a person with this language gets, and how often the company has set it: 0 is ours.
    async fn in_force(&self, session: &Session<'_>) -> Result<(MailTemplate, u64), Failure> {
        session.check_current("templates")?;
        let kind = self.kind()?.as_str();
        let Wording { mail, version } = session.wording(kind, self.language.as_deref()).await?;
        Ok((mail, version))
    }

    /// The language of `--language`, or the company's.
    async fn language(&self, session: &Session<'_>) -> Result<String, Failure> {
        match &self.language {
            Some(language) => Ok(language.clone()),
            None => Ok(text(&session.row("config", json!({})).await?, "language").to_owned()),
        }
    }
}

impl Show {
    async fn run(self, session: &Session<'_>) -> CliResult {
        let out = session.out;
        let (mail, version) = self.mail.in_force(session).await?;
        let MailTemplate { language, subject, text, html } = &mail;
        let kind = &self.mail.kind;
        let is_text_message = self.mail.kind()?.is_text_message();
        if let Some(folder) = &self.output {
            let path = |extension| folder.join(format!("{kind}.{language}.{extension}"));
            std::fs::create_dir_all(folder).map_err(|error| {
                Failure::Unavailable(format!("cannot create {}: {error}", folder.display()))
            })?;
            if is_text_message {
                out.file(format!("{text}\n").as_bytes(), Some(&path("txt")))?;
            } else {
                let with_subject = format!("{SUBJECT}{subject}\n\n{text}");
                out.file(with_subject.as_bytes(), Some(&path("txt")))?;
                out.file(html.as_bytes(), Some(&path("html")))?;
            }
        } else if out.is_json() {
            let row = json!({"kind": kind, "language": language, "subject": subject, "text": text, "html": html, "version": version});
            out.document(&row);
        } else if is_text_message {
            out.line(text);
        } else {
            out.line(&format!("{SUBJECT}{subject}\n\n{text}\n{html}"));
        }
        out.note(&format!("this is {}", whose(language, version)));
        Ok(Done::Completely)
    }
}

impl Preview {
    async fn run(self, session: &Session<'_>) -> CliResult {
        let (kind, out) = (self.mail.kind()?, session.out);
        let template = match &self.text {
            None => self.mail.in_force(session).await?.0,
            Some(text) => {
                let language = self.mail.language(session).await?;
                MailTemplate { language, ..read_mail(text, self.html.as_deref())? }
                    .with_double_braces()
            }
        };
        let declared = mail_kinds::of(kind);
        let (facts, about) = (declared.facts(), declared.sample());
        let MailTemplate { subject, text, html, .. } = &template;
        template::check(facts, &about, subject, text, html)?;
        let config = session.row("config", json!({})).await?;
        let link_url = link_address(fields::text(&config, "link_base_url"), "SAMPLE");
        let hours = config.pointer("/invitation_ttl_hours/whatsapp").and_then(Value::as_u64);
        let hours = hours.unwrap_or(SAMPLE_HOURS);
        let values = MailValues {
            first_name: "Jane",
            last_name: "Hudson",
            username: "jane.hudson",
            company_name: fields::text(&config, "company_name"),
            channel: Channel::Whatsapp,
            masked_phone: "********071",
            link_url: &link_url,
            expires_hours: hours,
            expires_at: session.now().plus_seconds(3600 * hours),
            app: AppAddresses {
                download_link: fields::text(&config, "app_download_link"),
                web_link: fields::text(&config, "web_app_link"),
                logo: fields::text(&config, "logo_url"),
                market_code: fields::text(&config, "market_code"),
            },
            about: &about,
        };
        let mail = template::render(facts, &template, &values)
            .map_err(|error| Refusal::new(Code::TemplateInvalid).saying(&error.to_string()))?;
        if out.is_json() {
            out.document(&json!(mail));
        } else if kind.is_text_message() {
            out.line(&mail.text);
            let chars = mail.text.chars().count();
            out.note(&format!("{chars} of at most {MAX_TEXT_MESSAGE_CHARS} characters"));
        } else {
            out.line(&format!("{SUBJECT}{}\n\n{}\n{}", mail.subject, mail.text, mail.html));
        }
        Ok(Done::Completely)
    }
}

impl Set {
    async fn run(self, session: &Session<'_>) -> CliResult {
        let MailTemplate { subject, text, html, .. } = read_mail(&self.text, self.html.as_deref())?;
        let (kind, language) = (&self.mail.kind, self.mail.language(session).await?);
        let body = json!({"kind": kind, "language": language, "subject": subject, "text": text, "html": html});
        let accepted = session.submit("SetTemplate", body).await?;
        session.settle().await?;
        let is = |name: &str| accepted.result.get(name).and_then(Value::as_bool).unwrap_or(true);
        let done = match (is("created"), is("changed")) {
            (true, _) => format!("{kind} has your own wording in the language {language}"),
            (false, true) => format!(
                "{kind} has a new wording in the language {language}; it replaces your earlier one"
            ),
            (false, false) => {
                format!("your wording of {kind} in the language {language} is unchanged")
            }
        };
        list::print_accepted(session.out, &accepted, &done);
        if accepted.result.get("is_used") == Some(&json!(false)) {
            session.out.warn(&session.out.placed(&format!(
                "no mail uses it yet: neither the company nor a person has the language {language}; to use it for the company: boarding config set language {language}"
            )));
        }
        Ok(Done::Completely)
    }
}

/// Removes the company's own wording, and says which one is in force then.
async fn unset(session: &Session<'_>, mail: Mail) -> CliResult {
    let language = mail.language(session).await?;
    let mail = Mail { language: Some(language.clone()), ..mail };
    let kind = &mail.kind;
    let body = json!({"kind": kind, "language": language});
    let accepted = session.submit("UnsetTemplate", body).await?;
    session.settle().await?;
    let done = match accepted.result.get("changed") {
        Some(Value::Bool(false)) => {
            format!("{kind} has no wording of your own in the language {language}")
        }
        _ => format!("your own wording of {kind} in the language {language} is removed"),
    };
    list::print_accepted(session.out, &accepted, &done);
    let (template, version) = mail.in_force(session).await?;
    session.out.note(&format!("in force now: {}", whose(&template.language, version)));
    Ok(Done::Completely)
}

/// Says whose wording it is, by the number of times that the company has set it.
fn whose(language: &str, version: u64) -> String {
    match version {
        0 => format!("the built-in wording in the language {language}"),
        _ => format!("your own wording in the language {language}"),
    }
}

/// Checks that a mail has a file of its HTML part, and a text message has none.
fn check_files(kind: MailKind, has_html: bool) -> Result<(), Failure> {
    let name = kind.as_str();
    match (kind.is_text_message(), has_html) {
        (true, true) => Err(Failure::Usage(format!("{name} is a text message; leave out --html"))),
        (false, false) => Err(Failure::Usage(format!("{name} is a mail; add --html FILE"))),
        _ => Ok(()),
    }
}

/// Reads the parts of a mail. The text file has the subject in its first line. A text message is one file, and has
/// no subject.
fn read_mail(text: &Path, html: Option<&Path>) -> Result<MailTemplate, Failure> {
    let text_part = read_text(text)?.replace("\r\n", "\n");
    let Some(html) = html else {
        let (language, subject, html) = Default::default();
        let text = text_part.trim_end().to_owned();
        return Ok(MailTemplate { language, subject, text, html });
    };
    let html = read_text(html)?;
    let first = text_part.strip_prefix(SUBJECT).and_then(|rest| rest.split_once('\n'));
    let Some((subject, text_part)) = first else {
        let file = text.display();
        return Err(Failure::Usage(format!(
            "{file} does not start with the line `{SUBJECT}…`; `boarding templates show KIND -o DIR` writes such a file"
        )));
    };
    let text_part = text_part.strip_prefix('\n').unwrap_or(text_part).to_owned();
    let subject = subject.trim().to_owned();
    Ok(MailTemplate { language: String::new(), subject, text: text_part, html })
}

fn read_text(file: &Path) -> Result<String, Failure> {
    let mut text = String::new();
    input::open(file)?
        .read_to_string(&mut text)
        .map_err(|error| Failure::Usage(format!("cannot read {}: {error}", file.display())))?;
    Ok(text)
}

/// Lists the kinds of mails.
fn kind_help() -> String {
    let names: Vec<_> = MailKind::ALL.into_iter().map(MailKind::as_str).collect();
    format!("The mail: {}", names.join(", "))
}
