//! The variables that each part of a mail may use, with their values.

use std::collections::BTreeMap;

use minijinja::Value;

use super::facts::{Link, MailFacts};
use super::labels::{activation_label, button_label, channel_name, invite_label};
use super::part::MailPart;
use super::text::{escaped, one_line, shown_time, unlinked, value};
use super::topic_variables::TopicVariables;
use crate::event::Channel;
use crate::values::Time;
use crate::values::links::{holds_link, without_links};

/// The values that fill in a template. Template syntax in a value has no effect.
#[derive(Debug, Clone, Copy)]
pub struct MailValues<'a> {
    pub first_name: &'a str,
    pub last_name: &'a str,
    pub username: &'a str,
    /// Empty if the company has set no name.
    pub company_name: &'a str,
    pub channel: Channel,
    /// The form of [`crate::values::Phone::masked`].
    pub masked_phone: &'a str,
    pub link_url: &'a str,
    pub expires_hours: u64,
    pub expires_at: Time,
    pub app: AppAddresses<'a>,
    pub about: &'a TopicVariables,
}

/// The addresses of the product's app, from the settings. Each is empty if it is not set.
#[derive(Debug, Clone, Copy, Default)]
pub struct AppAddresses<'a> {
    pub download_link: &'a str,
    pub web_link: &'a str,
    pub logo: &'a str,
    pub market_code: &'a str,
}

/// The Content-ID of the image that shows the link as a QR code. A mail whose HTML names it must carry the image.
pub const QR_CODE_ID: &str = "qr-code";

/// The variables of a part, with their values.
pub(super) type KnownValues = BTreeMap<&'static str, Value>;

/// The variables that a part may use, with their values.
pub(super) fn known_values(
    facts: &MailFacts,
    part: MailPart,
    language: &str,
    values: &MailValues<'_>,
) -> KnownValues {
    let plain = plain_values(facts, values);
    match part {
        MailPart::Html => html_values(facts, language, values, plain),
        MailPart::Subject | MailPart::Text => plain,
    }
}

/// The variables of the parts in plain text. Both parts show the same values.
pub(super) fn plain_values(facts: &MailFacts, values: &MailValues<'_>) -> KnownValues {
    let mut known = values.about.known();
    known.insert("company_name", value(values.company_name).into());
    if facts.names_person {
        add_person(&mut known, values);
    }
    if facts.is_text_message {
        shorten_names(&mut known);
    }
    if facts.names_channel {
        known.insert(
            "channel_name",
            Value::from_safe_string(channel_name(values.channel).to_owned()),
        );
    }
    if facts.shows_phone {
        known.insert("masked_phone", value(values.masked_phone).into());
    }
    if facts.shows_lifetime {
        known.insert("expires_hours", values.expires_hours.into());
    }
    if facts.link != Link::None {
        known.insert("link_url", own(values.link_url));
        known.insert("expires_at", Value::from_safe_string(shown_time(values.expires_at)));
        if facts.shows_app {
            add_app_names(&mut known, values);
        }
    }
    known
}

/// The variables of the part in HTML, made from those in plain text.
pub(super) fn html_values(
    facts: &MailFacts,
    language: &str,
    values: &MailValues<'_>,
    plain: KnownValues,
) -> KnownValues {
    let mut known = plain;
    let label = match facts.link {
        Link::None => return known,
        Link::Account => button_label(language, values.channel),
        Link::Activation => activation_label(language).to_owned(),
        Link::AccountOrActivation => match known.get("channel_name") {
            Some(name) if name.is_true() => button_label(language, values.channel),
            _ => activation_label(language).to_owned(),
        },
        Link::Invite => invite_label(language).to_owned(),
    };
    known.insert("link_url", own_in_html(values.link_url));
    known.insert("link_button", button(&label, values));
    if facts.shows_app {
        add_app_in_html(&mut known, &label, values);
    }
    known
}

/// Adds the product's own names: of the person, and of the app's addresses.
fn add_app_names(known: &mut KnownValues, values: &MailValues<'_>) {
    let same = [("f_name", "first_name"), ("l_name", "last_name"), ("u_name", "username")];
    for (name, ours) in same {
        let value = known.get(ours).cloned().unwrap_or_default();
        known.insert(name, value);
    }
    // The product's own templates cannot ask whether there is a name: without one they greet by the user name.
    if !["f_name", "l_name"].iter().any(|name| known.get(name).is_some_and(Value::is_true)) {
        known.insert("f_name", known.get("full_name").cloned().unwrap_or_default());
    }
    for (name, text) in app_addresses(values) {
        known.insert(name, own(text));
    }
}

/// The addresses of the app, by the names of their variables.
fn app_addresses<'a>(values: &MailValues<'a>) -> [(&'static str, &'a str); 3] {
    [
        ("app_download_link", values.app.download_link),
        ("web_app_link", values.app.web_link),
        ("market_code", values.app.market_code),
    ]
}

/// Adds the images and the button, and the app's addresses as HTML shows them.
fn add_app_in_html(known: &mut KnownValues, label: &str, values: &MailValues<'_>) {
    for (name, text) in app_addresses(values) {
        known.insert(name, own_in_html(text));
    }
    let image = |source: &str, width: u32, text: &str| {
        let (source, text) = (escaped(&one_line(source)), escaped(&one_line(text)));
        let image = format!("<img src=\"{source}\" alt=\"{text}\" width=\"{width}\">");
        Value::from_safe_string(image)
    };
    known.insert("sign_in_btn", button(label, values));
    known.insert("qr_code_img", image(&format!("cid:{QR_CODE_ID}"), QR_CODE_WIDTH, label));
    let logo = match values.app.logo {
        "" => Value::from(""),
        logo => image(logo, LOGO_WIDTH, values.company_name),
    };
    known.insert("logo_img", logo);
}

/// The longest name in a text message, in characters: it leaves room for the wording and the link.
pub(super) const MAX_NAME_CHARS: usize = 40;

/// Shortens the names that a text message shows, so that no name makes it longer than it may be.
fn shorten_names(known: &mut KnownValues) {
    for name in ["company_name", "first_name", "last_name", "username", "full_name"] {
        let Some(text) = known.get(name).map(Value::to_string) else { continue };
        if text.chars().count() > MAX_NAME_CHARS {
            let cut: String = text.chars().take(MAX_NAME_CHARS - 1).collect();
            known.insert(name, format!("{}…", cut.trim_end()).into());
        }
    }
}

/// How wide mails show the QR code and the logo, in CSS pixels: a phone reads the code from a screen at this size.
const QR_CODE_WIDTH: u32 = 185;
const LOGO_WIDTH: u32 = 160;

fn add_person(known: &mut KnownValues, values: &MailValues<'_>) {
    let names = PersonNames::of(values.first_name, values.last_name);
    let username = unlinked(values.username);
    let named = if names.full.is_empty() { username.clone() } else { names.full };
    known.extend([
        ("first_name", names.first.into()),
        ("last_name", names.last.into()),
        ("username", username.into()),
        ("full_name", named.into()),
    ]);
}

/// The names of a person as a mail shows them. All are empty if they hold a link: the mail greets without the name.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct PersonNames {
    pub first: String,
    last: String,
    /// Both names.
    pub full: String,
}

impl PersonNames {
    pub fn of(first_name: &str, last_name: &str) -> Self {
        let (first, last) = (value(first_name), value(last_name));
        let full = format!("{first} {last}").trim().to_owned();
        if holds_link(&full) {
            return Self::default();
        }
        // A mail program may know more domains than we do.
        let shown = |name: &str| without_links(name).into_owned();
        Self { first: shown(&first), last: shown(&last), full: shown(&full) }
    }
}

/// A link or another value of the settings: it is never isolated, because it is copied or pressed as it is.
fn own(text: &str) -> Value {
    Value::from_safe_string(one_line(text))
}

/// The same in HTML.
fn own_in_html(text: &str) -> Value {
    Value::from_safe_string(escaped(&one_line(text)))
}

fn button(label: &str, values: &MailValues<'_>) -> Value {
    let url = escaped(&one_line(values.link_url));
    Value::from_safe_string(format!(
        "<a href=\"{url}\" style=\"display:inline-block;padding:12px 24px;background:#1a5fb4;\
         color:#ffffff;text-decoration:none;border-radius:4px\">{}</a>",
        escaped(label)
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_name_is_shortened_in_a_text_message() {
        let name = |chars: usize| {
            let mut known = BTreeMap::from([("first_name", Value::from("x".repeat(chars)))]);
            shorten_names(&mut known);
            known["first_name"].to_string()
        };
        assert_eq!(name(MAX_NAME_CHARS), "x".repeat(MAX_NAME_CHARS));
        let shortened = format!("{}…", "x".repeat(MAX_NAME_CHARS - 1));
        assert_eq!(name(MAX_NAME_CHARS + 1), shortened);
    }
}
