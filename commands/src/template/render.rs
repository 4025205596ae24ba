//! Fills in a template: unknown variables fail, the work is limited, values are never read as templates.

use std::fmt;

use minijinja::{AutoEscape, Environment, UndefinedBehavior, Value};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::facts::MailFacts;
use super::isolate::{has_right_to_left, settled, write_value};
use super::mail_template::MailTemplate;
use super::part::MailPart;
use super::text::one_line;
use super::variables::{MailValues, html_values, plain_values};

/// The most work for one part of a mail, in MiniJinja instructions: a hundred times what the longest built-in mail
/// needs, and stopped within two milliseconds.
const FUEL_INSTRUCTIONS: u64 = 50_000;
/// How deep macros of a template may call each other, in calls. A mail needs one level.
const RECURSION_LIMIT_CALLS: usize = 16;
/// The longest part of a finished mail, in bytes. Mail servers refuse only much longer ones.
const MAX_PART_BYTES: usize = 256 * 1024;
/// The longest text message, in characters: gateways split a text into at most ten parts, and a part has 67 characters
/// in most scripts.
pub const MAX_TEXT_MESSAGE_CHARS: usize = 670;

/// A finished mail. The subject has no line break.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Rendered {
    pub subject: String,
    pub text: String,
    pub html: String,
}

impl fmt::Debug for Rendered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Rendered(***)")
    }
}

/// Why a template could not be filled in. A checked template does not fail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RenderError {
    /// `subject`, `text` or `html`.
    pub part: &'static str,
    /// The line in that part, from 1; none if unknown.
    pub line: Option<usize>,
    pub message: String,
}

impl fmt::Display for RenderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "{}, line {line}: {}", self.part, self.message),
            None => write!(f, "{}: {}", self.part, self.message),
        }
    }
}

impl std::error::Error for RenderError {}

impl RenderError {
    pub(super) fn of(part: MailPart, error: &minijinja::Error) -> Self {
        let message = match error.detail() {
            Some(detail) => format!("{}: {detail}", error.kind()),
            None => error.kind().to_string(),
        };
        Self { part: part.name(), line: error.line(), message }
    }
}

/// A template that is parsed once and filled in for many people.
#[derive(Debug)]
pub struct Renderer {
    facts: &'static MailFacts,
    language: String,
    subject: Environment<'static>,
    text: Environment<'static>,
    html: Environment<'static>,
}

impl Renderer {
    /// Parses a template.
    ///
    /// # Errors
    /// The part, line and cause of the first syntax error.
    pub fn new(facts: &'static MailFacts, template: &MailTemplate) -> Result<Self, RenderError> {
        Ok(Self {
            facts,
            language: template.language.clone(),
            subject: environment(MailPart::Subject, &template.subject)?,
            text: environment(MailPart::Text, &template.text)?,
            html: environment(MailPart::Html, &template.html)?,
        })
    }

    /// Fills in the template for one person.
    ///
    /// # Errors
    /// The part, line and cause: an unknown variable, or a limit of work or size.
    pub fn render(&self, values: &MailValues<'_>) -> Result<Rendered, RenderError> {
        let known = plain_values(self.facts, values);
        let plain = Value::from(known.clone());
        let html = Value::from(html_values(self.facts, &self.language, values, known));
        Ok(Rendered {
            subject: one_line(&self.part(MailPart::Subject, &self.subject, &plain)?),
            text: self.part(MailPart::Text, &self.text, &plain)?,
            html: self.part(MailPart::Html, &self.html, &html)?,
        })
    }

    fn part(
        &self,
        part: MailPart,
        environment: &Environment<'static>,
        known: &Value,
    ) -> Result<String, RenderError> {
        let filled = environment
            .get_template(part.name())
            .and_then(|ready| ready.render(known))
            .map_err(|error| RenderError::of(part, &error))?;
        let filled = settled(part, filled);
        if self.facts.is_text_message && part == MailPart::Text {
            return text_message(&filled);
        }
        if filled.len() <= MAX_PART_BYTES {
            return Ok(filled);
        }
        let message = format!("longer than {MAX_PART_BYTES} bytes");
        Err(RenderError { part: part.name(), line: None, message })
    }
}

/// A finished text message, without blank space at its ends.
fn text_message(filled: &str) -> Result<String, RenderError> {
    let text = filled.trim();
    // The marks around a name of another writing direction are not counted: the check does not know the name.
    let is_shown = |c: &char| !matches!(c, '\u{2066}'..='\u{2069}');
    let chars = text.chars().filter(is_shown).count();
    if chars <= MAX_TEXT_MESSAGE_CHARS {
        return Ok(text.to_owned());
    }
    let message =
        format!("{chars} characters long, a text message has at most {MAX_TEXT_MESSAGE_CHARS}");
    Err(RenderError { part: MailPart::Text.name(), line: None, message })
}

/// Parses a template and fills it in once.
///
/// # Errors
/// As [`Renderer::new`] and [`Renderer::render`].
pub fn render(
    facts: &'static MailFacts,
    template: &MailTemplate,
    values: &MailValues<'_>,
) -> Result<Rendered, RenderError> {
    Renderer::new(facts, template)?.render(values)
}

/// The parsed part: unknown variables fail, values are escaped and isolated, nothing is included from outside.
pub(super) fn environment(
    part: MailPart,
    source: &str,
) -> Result<Environment<'static>, RenderError> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_fuel(Some(FUEL_INSTRUCTIONS));
    environment.set_recursion_limit(RECURSION_LIMIT_CALLS);
    // With its own mode, a text that a template has collected stays as it is when it is shown.
    let plain = AutoEscape::Custom("plain".into());
    let escape = if part == MailPart::Html { AutoEscape::Html } else { plain };
    environment.set_auto_escape_callback(move |_| escape.clone());
    let both_ways = has_right_to_left(source);
    environment
        .set_formatter(move |out, state, value| write_value(part, both_ways, out, state, value));
    // Every value is escaped when it is shown, so these have nothing to do.
    for filter in ["safe", "escape", "e"] {
        environment.add_filter(filter, |value: Value| value);
    }
    environment
        .add_template_owned(part.name(), source.to_owned())
        .map_err(|error| RenderError::of(part, &error))?;
    Ok(environment)
}

#[cfg(test)]
mod tests;
