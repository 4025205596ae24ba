//! Whether a template may be used: it can be read, uses known variables only, and shows the required ones.

use std::collections::BTreeSet;

use serde_json::json;

use super::facts::MailFacts;
use super::language::LAST_LANGUAGE;
use super::mail_template::MailTemplate;
use super::part::MailPart;
use super::render::{RenderError, environment, render};
use super::topic_variables::TopicVariables;
use super::variables::{AppAddresses, MailValues, known_values};
use crate::event::Channel;
use crate::values::{Code, Refusal, Time};

/// The longest subject, in characters: one header line of RFC 5322 with room for its name.
const MAX_SUBJECT_CHARS: usize = 255;
/// The start of the first line in the text file of a mail.
const SUBJECT_LINE: &str = "subject:";
/// The longest text or HTML part of a template, in bytes. An event must carry it.
const MAX_SOURCE_BYTES: usize = 64 * 1024;

/// Checks a template before a company may use it.
///
/// A required variable must be visible in the finished mail. The check fills in the template twice: for a person whose
/// values are all known, and for a person with only a user name.
///
/// # Errors
/// `template.invalid` with `part` and `line` for a syntax error or an unknown variable.
/// `template.missing_required_variable` with `missing: ["text: link_url", …]`.
pub fn check(
    facts: &'static MailFacts,
    about: &TopicVariables,
    subject: &str,
    text: &str,
    html: &str,
) -> Result<(), Refusal> {
    let samples = samples(about);
    let parts = [(MailPart::Subject, subject), (MailPart::Text, text), (MailPart::Html, html)];
    for (part, source) in parts {
        check_size(facts, part, source)?;
        check_names(facts, part, source, &samples[0])?;
    }
    let template = MailTemplate {
        language: LAST_LANGUAGE.to_owned(),
        subject: subject.to_owned(),
        text: text.to_owned(),
        html: html.to_owned(),
    };
    let mut missing = BTreeSet::new();
    let longest = longest(about);
    if facts.is_text_message {
        // The names of a person must not make a text too long after it was accepted.
        render(facts, &template, &longest).map_err(|error| invalid(&error))?;
    }
    for sample in &samples {
        let mail = render(facts, &template, sample).map_err(|error| invalid(&error))?;
        if mail.subject.is_empty() && !facts.is_text_message {
            return Err(refuse(MailPart::Subject, None, "the subject is empty"));
        }
        for (part, shown) in [(MailPart::Text, &mail.text), (MailPart::Html, &mail.html)] {
            let unseen = unseen(facts, part, shown, sample);
            missing.extend(unseen.into_iter().map(|name| (part.name(), name)));
        }
    }
    if missing.is_empty() {
        return Ok(());
    }
    let to_add: Vec<_> =
        missing.iter().map(|(part, name)| format!("{part}: {}", to_add(facts, name))).collect();
    let missing: Vec<_> = missing.iter().map(|(part, name)| format!("{part}: {name}")).collect();
    Err(Refusal::new(Code::TemplateMissingRequiredVariable)
        .saying(&to_add.join("; "))
        .with(json!({"missing": missing})))
}

/// What to write into a template that does not show a required variable to every person.
fn to_add(facts: &MailFacts, name: &str) -> String {
    match name {
        "link_button" if facts.shows_app => {
            "{{ link_button }} or {{ sign_in_btn }}, the link as a button".to_owned()
        }
        "link_button" => "{{ link_button }}, the link as a button".to_owned(),
        "link_url" => "{{ link_url }}, the link as text that can be copied".to_owned(),
        name => format!("{{{{ {name} }}}}"),
    }
}

/// Whether the text begins with the subject line of a mail, as files of mails do.
fn starts_with_subject(text: &str) -> bool {
    let start = text.trim_start().get(..SUBJECT_LINE.len());
    start.is_some_and(|start| start.eq_ignore_ascii_case(SUBJECT_LINE))
}

fn check_size(facts: &MailFacts, part: MailPart, source: &str) -> Result<(), Refusal> {
    match part {
        MailPart::Subject | MailPart::Html if facts.is_text_message => {
            let message = "a text message has no subject and no HTML; leave both empty";
            if source.is_empty() { Ok(()) } else { Err(refuse(part, None, message)) }
        }
        MailPart::Text if facts.is_text_message && starts_with_subject(source) => {
            let message = "a text message has no subject; remove the line `Subject: …`";
            Err(refuse(part, Some(1), message))
        }
        MailPart::Subject if source.trim().is_empty() => {
            Err(refuse(part, None, "the subject is empty"))
        }
        MailPart::Subject if source.chars().any(char::is_control) => {
            Err(refuse(part, None, "a subject is one line without control characters"))
        }
        MailPart::Subject if source.chars().count() > MAX_SUBJECT_CHARS => {
            Err(refuse(part, None, &format!("longer than {MAX_SUBJECT_CHARS} characters")))
        }
        MailPart::Text | MailPart::Html if source.len() > MAX_SOURCE_BYTES => {
            Err(refuse(part, None, &format!("longer than {MAX_SOURCE_BYTES} bytes")))
        }
        _ => Ok(()),
    }
}

/// Every variable that is used must be known. A name in a comment is not used.
fn check_names(
    facts: &MailFacts,
    part: MailPart,
    source: &str,
    sample: &MailValues<'_>,
) -> Result<(), Refusal> {
    let environment = environment(part, source).map_err(|error| invalid(&error))?;
    let template = environment
        .get_template(part.name())
        .map_err(|error| invalid(&RenderError::of(part, &error)))?;
    let known = known_values(facts, part, LAST_LANGUAGE, sample);
    let is_global = |name: &str| environment.globals().any(|(global, _)| global == name);
    let used = template.undeclared_variables(false);
    let mut unknown: Vec<_> =
        used.iter().filter(|name| !known.contains_key(name.as_str()) && !is_global(name)).collect();
    unknown.sort();
    let Some(first) = unknown.first() else { return Ok(()) };
    let takes: Vec<_> = known.keys().copied().collect();
    let text = match first.as_str() {
        "pwd" => {
            "pwd cannot be shown: accounts have no password, the link activates them".to_owned()
        }
        _ => format!("{first} is not known here; known are {}", takes.join(", ")),
    };
    Err(refuse(part, line_of(source, first), &text)
        .with(json!({"part": part.name(), "unknown": unknown, "known": takes})))
}

/// The first line that contains the variable's name, from 1. The name may be there for another reason.
fn line_of(source: &str, name: &str) -> Option<usize> {
    source.lines().position(|line| line.contains(name)).map(|index| index + 1)
}

/// The required variables that are not visible in a finished part.
fn unseen(
    facts: &MailFacts,
    part: MailPart,
    shown: &str,
    sample: &MailValues<'_>,
) -> Vec<&'static str> {
    let button = format!("href=\"{}\"", sample.link_url);
    let known = known_values(facts, part, LAST_LANGUAGE, sample);
    let is_seen = |name: &&str| match *name {
        "link_button" => shown.contains(&button),
        // The button holds the link too. The link must also be visible as text.
        "link_url" => shown.replace(&button, "").contains(sample.link_url),
        name => known.get(name).is_some_and(|value| shown.contains(&value.to_string())),
    };
    facts.required_in(part).into_iter().filter(|name| !is_seen(name)).collect()
}

/// Two sets of values for the check: a person whose values are all known, and one with a user name only.
fn samples(about: &TopicVariables) -> [MailValues<'_>; 2] {
    let full = MailValues {
        first_name: "Jane",
        last_name: "Hudson",
        username: "jane",
        company_name: "Acme",
        channel: Channel::Whatsapp,
        masked_phone: "********071",
        link_url: "https:sample-link",
        expires_hours: 24,
        expires_at: Time(0),
        app: AppAddresses { download_link: "https:sample-app", ..AppAddresses::default() },
        about,
    };
    let bare = MailValues { app: AppAddresses::default(), ..full };
    let bare = MailValues { first_name: "", last_name: "", company_name: "", ..bare };
    [full, MailValues { channel: Channel::Imessage, ..bare }]
}

/// The longest values of a text message: names as long as they may be shown, and a link of 120 characters.
fn longest(about: &TopicVariables) -> MailValues<'_> {
    const NAME: &str = "abcdefghijabcdefghijabcdefghijabcdefghij";
    const LINK: &str = "https://abcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabcdefghij\
        abcdefghijabcdefghijabcdefghij12";
    let [full, _] = samples(about);
    let named = MailValues { first_name: NAME, last_name: NAME, username: NAME, ..full };
    let app = AppAddresses { download_link: LINK, web_link: LINK, ..AppAddresses::default() };
    MailValues { company_name: NAME, link_url: LINK, app, ..named }
}

fn invalid(error: &RenderError) -> Refusal {
    let part = error.part;
    Refusal::new(Code::TemplateInvalid)
        .saying(&error.to_string())
        .with(json!({"part": part, "line": error.line}))
}

fn refuse(part: MailPart, line: Option<usize>, message: &str) -> Refusal {
    invalid(&RenderError { part: part.name(), line, message: message.to_owned() })
}

#[cfg(test)]
mod tests;
