//! The values that each setting may have, by the setting's name.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;

use boarding_csv::has_control;
use serde_json::Value;

use super::texts;
use crate::values::{email, fold};

/// The most rows of any file: an import of these needs a few minutes and fits in the engine's memory.
pub const IMPORT_ROWS_MAX: u64 = boarding_csv::ROWS_MAX;
/// The largest number of any setting: far above every use, and far from an overflow.
pub(super) const MAX_NUMBER: u64 = 10_000_000;
/// The most domains: more than any company has.
const MAX_DOMAINS: usize = 100;
/// The most administrators: each gets a mail, and these must fit in the last commit of an import beside its rows.
const MAX_ADMINS: usize = 20;
/// The most CRM names or greeting templates: far more than a company has, and the list fits in one event.
const MAX_NAMES: usize = 500;
/// The longest text of a setting, in characters.
pub(super) const MAX_TEXT_CHARS: usize = 255;

/// The allowed words of a setting; `None` if it accepts other values.
pub(super) fn words(name: &str) -> Option<&'static [&'static str]> {
    match name {
        "live_invitation" => Some(&["by_dialect", "supersede", "skip"]),
        "blank_means" => Some(&["keep", "clear"]),
        "reference_resolution" => Some(&["strict", "file_order", "two_pass"]),
        _ => None,
    }
}

/// The most entries of a setting that is a list.
pub(super) fn most(name: &str) -> usize {
    match name {
        ADMINS => MAX_ADMINS,
        "crm_names" | "greeting_templates" => MAX_NAMES,
        _ => MAX_DOMAINS,
    }
}

/// The allowed numbers of a setting.
pub(super) fn range(name: &str) -> RangeInclusive<u64> {
    match name {
        "number_cooling_seconds" => 0..=MAX_NUMBER,
        "number_threshold_percent" => 1..=100,
        "import_max_rows" => 1..=IMPORT_ROWS_MAX,
        "reminder_after_days" => 0..=365,
        "reminder_max" => 1..=10,
        "expired_digest_hours" => 1..=720,
        // A week: who was refused for so long needs help, not another attempt.
        "delivery_retry_minutes" | "relay_wait_minutes" => 1..=10_080,
        _ => 1..=MAX_NUMBER,
    }
}

/// The description of a setting's allowed values, for refusals. `current` is its value now, which shows the type.
pub(super) fn description(name: &str, current: &Value) -> String {
    let range = range(name);
    match (words(name), current) {
        (Some(words), _) => words.join(" or "),
        (_, Value::Bool(_)) => "true or false".to_owned(),
        (_, Value::Number(_)) => {
            format!("a whole number from {} to {}", range.start(), range.end())
        }
        (_, Value::Array(_)) if name == ADMINS => {
            format!("a list of up to {MAX_ADMINS} plain e-mail addresses, each once")
        }
        (_, Value::Array(_)) if most(name) == MAX_NAMES => {
            format!("a list of up to {MAX_NAMES} names, each once")
        }
        (_, Value::Array(_)) => format!("a list of up to {MAX_DOMAINS} domains such as acme.com"),
        _ if name == EXTRA_CHARACTERS => "ASCII punctuation marks, or null for none".to_owned(),
        _ if name == "network_admin_email" => "one plain e-mail address, or null".to_owned(),
        _ => texts::expected(name).map_or_else(any_text, str::to_owned),
    }
}

fn any_text() -> String {
    format!("a text of 1 to {MAX_TEXT_CHARS} characters without line breaks")
}

/// The settings that may be unset.
const NULLABLE: [&str; 9] = [
    "company_name",
    "activation_url",
    EXTRA_CHARACTERS,
    "network_admin_email",
    "link_secret",
    "app_download_link",
    "web_app_link",
    "logo_url",
    "market_code",
];
const EXTRA_CHARACTERS: &str = "id_extra_characters";
const ADMINS: &str = "designated_admin_emails";

/// Whether these are different plain addresses.
fn are_addresses(list: &[Value]) -> bool {
    let mut folded = BTreeSet::new();
    list.iter().all(|address| {
        let address = address.as_str().filter(|address| email::check(address).is_ok());
        address.is_some_and(|address| folded.insert(fold(address)))
    })
}

/// Whether these are different single-line names.
fn are_names(list: &[Value]) -> bool {
    let mut seen = BTreeSet::new();
    list.iter().filter_map(Value::as_str).all(|name| {
        let fits =
            !name.trim().is_empty() && name.chars().count() <= MAX_TEXT_CHARS && !has_control(name);
        fits && seen.insert(name)
    }) && list.iter().all(Value::is_string)
}

/// Whether the text is a valid domain of an address, without the sign `@`.
fn is_domain(domain: &Value) -> bool {
    let address = domain.as_str().map(|domain| format!("a@{domain}"));
    address.is_some_and(|address| email::check(&address).is_ok())
}

/// Whether a setting accepts this value. `current` is its value now, which shows the type.
pub(super) fn fits(name: &str, current: &Value, value: &Value) -> bool {
    let text =
        |text: &str| (1..=MAX_TEXT_CHARS).contains(&text.chars().count()) && !has_control(text);
    match (current, value) {
        (Value::Bool(_), Value::Bool(_)) => true,
        (Value::Number(_), Value::Number(number)) => {
            number.as_u64().is_some_and(|number| range(name).contains(&number))
        }
        (Value::Array(_), Value::Array(list)) => {
            let fits = |list: &[Value]| match name {
                ADMINS => are_addresses(list),
                _ if most(name) == MAX_NAMES => are_names(list),
                _ => list.iter().all(is_domain),
            };
            list.len() <= most(name) && fits(list)
        }
        (Value::String(_) | Value::Null, Value::Null) => NULLABLE.contains(&name),
        (_, Value::String(given)) if name == EXTRA_CHARACTERS => {
            text(given) && given.bytes().all(|byte| byte.is_ascii_punctuation())
        }
        (_, Value::String(given)) if name == "network_admin_email" => email::check(given).is_ok(),
        (Value::String(_) | Value::Null, Value::String(given)) => {
            text(given) && texts::fits(name, given)
        }
        _ => false,
    }
}
