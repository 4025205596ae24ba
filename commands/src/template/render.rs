//! Filling in a template: strict about names, bounded in work, and never reading a value as a template.

use std::collections::BTreeMap;
use std::fmt;

use chrono::{DateTime, Utc};
use minijinja::{AutoEscape, Environment, UndefinedBehavior, Value};

use super::about::About;
use super::builtin::{button_label, channel_name, invite_label};
use super::{Template, check::Part};
use crate::event::{Channel, TemplateKind};
use crate::values::Time;

/// The most work one part of a mail may cost, in MiniJinja instructions: a hundred times what the
/// longest mail of ours needs, and still stopped within a millisecond or two.
const FUEL_INSTRUCTIONS: u64 = 50_000;
/// How deep a template may call macros or itself, in calls: no mail needs a second level of macros.
const RECURSION_LIMIT_CALLS: usize = 16;
/// The longest part of a finished mail, in bytes: relays begin to refuse far above this.
const MAX_PART_BYTES: usize = 256 * 1024;

/// What a template may show. Values are shown as they are, never expanded again (N66).
#[derive(Debug, Clone, Copy)]
pub struct Values<'a> {
    pub first_name: &'a str,
    pub last_name: &'a str,
    pub username: &'a str,
    /// Empty where the company has told no name.
    pub company_name: &'a str,
    pub channel: Channel,
    /// As [`crate::values::Phone::masked`] writes it.
    pub masked_phone: &'a str,
    pub link_url: &'a str,
    pub expires_hours: u64,
    pub expires_at: Time,
    pub about: About<'a>,
}

/// A mail's three parts, filled in. The subject has no line break.
#[derive(Clone, PartialEq, Eq)]
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

/// A template could not be filled in; only one that was never checked can come to this.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RenderError {
    /// `subject`, `text` or `html`.
    pub part: &'static str,
    /// The line in that part, from 1, where it is known.
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
    pub(super) fn of(part: Part, error: &minijinja::Error) -> Self {
        let message = match error.detail() {
            Some(detail) => format!("{}: {detail}", error.kind()),
            None => error.kind().to_string(),
        };
        Self { part: part.name(), line: error.line(), message }
    }
}

/// A template read once, to be filled in for many people.
#[derive(Debug)]
pub struct Renderer {
    kind: TemplateKind,
    language: String,
    subject: Environment<'static>,
    text: Environment<'static>,
    html: Environment<'static>,
}

impl Renderer {
    /// Reads a template.
    ///
    /// # Errors
    /// The part, line and cause of the first syntax error.
    pub fn new(kind: TemplateKind, template: &Template) -> Result<Self, RenderError> {
        Ok(Self {
            kind,
            language: template.language.clone(),
            subject: environment(Part::Subject, &template.subject)?,
            text: environment(Part::Text, &template.text)?,
            html: environment(Part::Html, &template.html)?,
        })
    }

    /// Fills it in for one person.
    ///
    /// # Errors
    /// The part, line and cause, when the template asks for what it may not or costs too much.
    pub fn render(&self, values: &Values<'_>) -> Result<Rendered, RenderError> {
        Ok(Rendered {
            subject: one_line(&self.part(Part::Subject, &self.subject, values)?),
            text: self.part(Part::Text, &self.text, values)?,
            html: self.part(Part::Html, &self.html, values)?,
        })
    }

    fn part(
        &self,
        part: Part,
        environment: &Environment<'static>,
        values: &Values<'_>,
    ) -> Result<String, RenderError> {
        let known = known_values(self.kind, part, &self.language, values);
        let filled = environment
            .get_template(part.name())
            .and_then(|ready| ready.render(known))
            .map_err(|error| RenderError::of(part, &error))?;
        if filled.len() <= MAX_PART_BYTES {
            return Ok(filled);
        }
        let message = format!("longer than {MAX_PART_BYTES} bytes");
        Err(RenderError { part: part.name(), line: None, message })
    }
}

/// Reads a template and fills it in once.
///
/// # Errors
/// As [`Renderer::new`] and [`Renderer::render`].
pub fn render(
    kind: TemplateKind,
    template: &Template,
    values: &Values<'_>,
) -> Result<Rendered, RenderError> {
    Renderer::new(kind, template)?.render(values)
}

/// One part, read by the rules of all: unknown names fail, HTML escapes, nothing is loaded from elsewhere.
pub(super) fn environment(part: Part, source: &str) -> Result<Environment<'static>, RenderError> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_fuel(Some(FUEL_INSTRUCTIONS));
    environment.set_recursion_limit(RECURSION_LIMIT_CALLS);
    let escape = if part == Part::Html { AutoEscape::Html } else { AutoEscape::None };
    environment.set_auto_escape_callback(move |_| escape.clone());
    environment
        .add_template_owned(part.name(), source.to_owned())
        .map_err(|error| RenderError::of(part, &error))?;
    Ok(environment)
}

/// The names a part may use, with their values.
pub(super) fn known_values(
    kind: TemplateKind,
    part: Part,
    language: &str,
    values: &Values<'_>,
) -> BTreeMap<&'static str, Value> {
    let mut known = values.about.known();
    known.insert("company_name", one_line(values.company_name).into());
    if has_reader(kind) {
        add_reader(&mut known, values);
    }
    use TemplateKind as K;
    if matches!(kind, K::ChannelInvitation | K::Reminder | K::RunStarted | K::RunCompleted) {
        known.insert("channel_name", channel_name(values.channel).into());
    }
    if matches!(kind, K::ChannelInvitation | K::Reminder) {
        known.insert("masked_phone", one_line(values.masked_phone).into());
    }
    if kind == K::ChannelInvitation {
        known.insert("expires_hours", values.expires_hours.into());
    }
    let label = match kind {
        K::ChannelInvitation | K::Reminder => button_label(language, values.channel),
        K::ImportCompleted => invite_label(language).to_owned(),
        _ => return known,
    };
    known.insert("link_url", link(part, values.link_url));
    known.insert("expires_at", shown(values.expires_at).into());
    if part == Part::Html {
        known.insert("link_button", button(&label, values));
    }
    known
}

/// Whether the mail is to one of the company's people: of an administrator only the address is known.
fn has_reader(kind: TemplateKind) -> bool {
    use TemplateKind as K;
    matches!(kind, K::ChannelInvitation | K::Welcome | K::Reminder)
}

fn add_reader(known: &mut BTreeMap<&'static str, Value>, values: &Values<'_>) {
    let plain = |text: &str| Value::from(one_line(text));
    let full_name = one_line(&format!("{} {}", values.first_name, values.last_name));
    let named = if full_name.is_empty() { plain(values.username) } else { full_name.into() };
    known.extend([
        ("first_name", plain(values.first_name)),
        ("last_name", plain(values.last_name)),
        ("username", plain(values.username)),
        ("full_name", named),
    ]);
}

/// In HTML the link is escaped by us, with its slashes left readable.
fn link(part: Part, url: &str) -> Value {
    let url = one_line(url);
    if part == Part::Html { Value::from_safe_string(escaped(&url)) } else { url.into() }
}

fn button(label: &str, values: &Values<'_>) -> Value {
    let url = escaped(&one_line(values.link_url));
    Value::from_safe_string(format!(
        "<a href=\"{url}\" style=\"display:inline-block;padding:12px 24px;background:#1a5fb4;\
         color:#ffffff;text-decoration:none;border-radius:4px\">{}</a>",
        escaped(label)
    ))
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#x27;"),
            c => out.push(c),
        }
    }
    out
}

pub(super) fn shown(time: Time) -> String {
    let time = DateTime::<Utc>::from_timestamp_millis(time.0).unwrap_or_default();
    time.format("%Y-%m-%d %H:%M UTC").to_string()
}

/// The text without line breaks and other controls, so that no value can begin a line of its own (N56).
pub(super) fn one_line(text: &str) -> String {
    let plain = text.replace(|c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}'), " ");
    plain.trim().to_owned()
}

#[cfg(test)]
#[path = "render_tests.rs"]
mod tests;
