//! A company's settings: every one with a name, a default, a unit and the values it takes.

mod notify;
mod texts;

use std::collections::BTreeSet;
use std::ops::RangeInclusive;

use boarding_csv::has_control;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::event::{BlankMeans, Channel};
use crate::values::{Code, Refusal, email, fold};

pub use notify::Notify;

/// What a company may set with `SetCompanyConfig`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Settings {
    /// The name people know the company by; shown in mails.
    pub company_name: Option<String>,
    /// The most recipients of one run, in people (LX-06; the vendor's default).
    pub bulk_integration_max_records: u64,
    /// Whether the limit above also holds for the rows of an imported `leapxpert` file (A1).
    pub enforce_run_limit_at_import: bool,
    /// Whether a run that waits may be withdrawn (A6).
    pub allow_withdraw_pending: bool,
    /// Channels people may be invited to; none until an administrator enables it (LX-05).
    pub channels: Channels,
    /// How long a link lives, in hours (the vendor's mails: 24 for WhatsApp, 48 for iMessage).
    pub invitation_ttl_hours: PerChannel,
    /// What a run does to somebody whose earlier link still lives (A11).
    pub live_invitation: LiveInvitation,
    /// Reads a phone number without a plus sign as if it had one (N58).
    pub assume_plus: bool,
    /// What a blank cell does in an update (A14).
    pub blank_means: BlankMeans,
    /// Whether gzip-compressed files are taken (N79).
    pub accept_gzip: bool,
    /// The language of mails to people who have none set: a BCP 47 tag.
    pub language: String,
    /// Where links lead: the token is appended.
    pub link_base_url: String,
    /// The sender's address of the company's mails.
    pub mail_from: String,
    /// How often one mail is tried in all, in attempts.
    pub max_attempts: u32,
    /// The wait before the second attempt, in seconds; it doubles from there.
    pub retry_backoff_seconds: u64,
    /// How long a claimed recipient may stay without a report, in seconds (A7).
    pub recipient_deadline_seconds: u64,
    /// The most runs that may wait, in runs.
    pub max_pending_runs: u64,
    /// Whom a row of a file may refer to as a supervisor (A23).
    pub reference_resolution: ReferenceResolution,
    /// What LAN IDs and Agent IDs may hold beside letters and digits: ASCII punctuation marks (OCM-04).
    pub id_extra_characters: Option<String>,
    /// Whether accounts' data is offloaded by SMTP: they then need an e-mail address (ML-16).
    pub smtp_offload: bool,
    /// Whether accounts may use social messaging: WhatsApp, WeChat and LINE (ML-16).
    pub social_messaging: bool,
    /// The domains of people's e-mail addresses; none means all.
    pub allowed_email_domains: Vec<String>,
    /// Whether one number may be promised to several pending invitations (A19).
    pub number_overbooking: bool,
    /// How long a released number rests before somebody else gets it, in seconds.
    pub number_cooling_seconds: u64,
    /// The share of an organization's numbers in use from which it is to be warned, in percent.
    pub number_threshold_percent: u64,
    /// Who is told of every completed import, with a link that invites its people: an address (OC-14).
    pub network_admin_email: Option<String>,
    /// How long that link lives, in hours.
    pub import_link_ttl_hours: u64,
    /// The most data rows of an imported file, in rows, whatever its dialect (N45).
    pub import_max_rows: u64,
    /// The administrators who are told what happens in the company: addresses (ML-14).
    pub designated_admin_emails: Vec<String>,
    /// Which mails are sent beside those that are asked for one by one.
    pub notify: Notify,
    /// How long after its last mail somebody is reminded of an invitation that is still open, in days; 0 is
    /// never. A link that lives no longer than that is never reminded of.
    pub reminder_after_days: u64,
    /// The most reminders of one link, in mails.
    pub reminder_max: u64,
    /// How long expired invitations are gathered before administrators are told of them, in hours.
    pub expired_digest_hours: u64,
}

/// Whom a row of a file may refer to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReferenceResolution {
    /// Those whom no row of the same file created.
    Strict,
    /// Also those whom an earlier row of the file created.
    FileOrder,
    /// Also those whom a later row of the file names, if nothing is wrong with that row in itself: the file is
    /// read for them before its rows are applied in their order.
    TwoPass,
}

/// Which channels are enabled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Channels {
    pub whatsapp: bool,
    pub imessage: bool,
}

/// A number for each channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PerChannel {
    pub whatsapp: u64,
    pub imessage: u64,
}

/// What a run does to somebody whose earlier link still lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LiveInvitation {
    /// As the product does whose file named the person last; otherwise a new link is sent.
    ByDialect,
    /// Sends a new link; the old one dies.
    Supersede,
    /// Skips the person: `recipient.invitation_already_live`.
    Skip,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            company_name: None,
            bulk_integration_max_records: 100,
            enforce_run_limit_at_import: true,
            allow_withdraw_pending: true,
            channels: Channels::default(),
            invitation_ttl_hours: PerChannel { whatsapp: 24, imessage: 48 },
            live_invitation: LiveInvitation::ByDialect,
            assume_plus: false,
            blank_means: BlankMeans::Keep,
            accept_gzip: true,
            language: "en".to_owned(),
            link_base_url: "https://boarding.invalid/link/".to_owned(),
            mail_from: "Boarding <onboarding@boarding.invalid>".to_owned(),
            max_attempts: 3,
            retry_backoff_seconds: 10,
            recipient_deadline_seconds: 900,
            max_pending_runs: 100,
            reference_resolution: ReferenceResolution::FileOrder,
            id_extra_characters: None,
            smtp_offload: false,
            social_messaging: false,
            allowed_email_domains: Vec::new(),
            number_overbooking: false,
            number_cooling_seconds: 0,
            number_threshold_percent: 80,
            network_admin_email: None,
            import_link_ttl_hours: 168,
            import_max_rows: IMPORT_ROWS_MAX,
            designated_admin_emails: Vec::new(),
            notify: Notify::default(),
            reminder_after_days: 0,
            reminder_max: 1,
            expired_digest_hours: 24,
        }
    }
}

/// A vendor's key for one of our settings.
pub(crate) const ALIASES: [(&str, &str); 4] = [
    ("com.leapxpert.user.bulkintegration.records", "bulk_integration_max_records"),
    ("com.leapxpert.whatsapp.archived.channel.enabled", "channels.whatsapp"),
    ("com.leapxpert.whatsapp.archived.channel.enable", "channels.whatsapp"),
    ("com.leapxpert.imessage.archived.channel.enabled", "channels.imessage"),
];

/// The most rows that any file may have: an import of them stays within the engine's memory and a few minutes.
pub const IMPORT_ROWS_MAX: u64 = boarding_csv::ROWS_MAX;
/// The largest number any setting takes: far above every use, far below every overflow.
pub(crate) const MAX_NUMBER: u64 = 10_000_000;
/// The most domains: more than any company has.
const MAX_DOMAINS: usize = 100;
/// The most administrators: as many mails as the commit that ends an import has room for beside its rows.
const MAX_ADMINS: usize = 20;
/// The longest text a setting takes, in characters.
pub(crate) const MAX_TEXT_CHARS: usize = 255;

impl Settings {
    pub fn channel_enabled(&self, channel: Channel) -> bool {
        match channel {
            Channel::Whatsapp => self.channels.whatsapp,
            Channel::Imessage => self.channels.imessage,
        }
    }

    /// How long a link of the channel lives, in seconds.
    pub fn invitation_ttl_seconds(&self, channel: Channel) -> u64 {
        3600 * match channel {
            Channel::Whatsapp => self.invitation_ttl_hours.whatsapp,
            Channel::Imessage => self.invitation_ttl_hours.imessage,
        }
    }

    /// Whether people are reminded of invitations that are still open.
    pub fn reminds(&self) -> bool {
        self.reminder_after_days > 0
    }

    /// How long after its last mail somebody is reminded, in seconds; 0 is never.
    pub fn reminder_after_seconds(&self) -> u64 {
        const DAY_SECONDS: u64 = 86_400;
        self.reminder_after_days.saturating_mul(DAY_SECONDS)
    }

    /// Whether a LAN ID or Agent ID holds letters, digits and what the company allows besides.
    pub fn takes_id(&self, id: &str) -> bool {
        let extra = self.id_extra_characters.as_deref().unwrap_or_default();
        id.chars().all(|c| c.is_ascii_alphanumeric() || extra.contains(c))
    }

    /// Whether people may have an address of this domain.
    pub fn allows_domain_of(&self, email: &str) -> bool {
        let domain = email.rsplit('@').next().unwrap_or_default();
        let allowed = &self.allowed_email_domains;
        allowed.is_empty() || allowed.iter().any(|one| fold(one) == fold(domain))
    }

    /// The settings as a flat list: objects are named by their paths, `channels.whatsapp`.
    pub fn flat(&self) -> Vec<(String, Value)> {
        let mut out = Vec::new();
        flatten("", &serde_json::to_value(self).unwrap_or_default(), &mut out);
        out
    }

    /// The single settings that an asker's object names, checked: path and value of each.
    ///
    /// # Errors
    /// `config.unknown_setting` and `config.invalid_value`, naming the setting and what it takes.
    pub fn check(
        &self,
        asked: &serde_json::Map<String, Value>,
    ) -> Result<Vec<(String, Value)>, Refusal> {
        let mut changes = Vec::new();
        for (name, value) in asked {
            let name = ALIASES
                .iter()
                .find(|(alias, _)| alias == name)
                .map_or(name.as_str(), |(_, ours)| ours);
            flatten(name, value, &mut changes);
        }
        let known = self.flat();
        let mut after = self.clone();
        for (name, value) in &changes {
            let refuse = |code: Code, takes: &str| {
                Refusal::new(code)
                    .saying(&format!("{name}: {takes}"))
                    .with(json!({"setting": name, "takes": takes}))
            };
            let Some((_, today)) = known.iter().find(|(known, _)| known == name) else {
                let nearest = known
                    .iter()
                    .max_by(|a, b| likeness(name, &a.0).total_cmp(&likeness(name, &b.0)));
                let hint =
                    nearest.map(|(near, _)| format!("did you mean {near}?")).unwrap_or_default();
                return Err(refuse(Code::ConfigUnknownSetting, &hint));
            };
            let takes = takes(name, today);
            if !fits(name, today, value) || after.set(name, value).is_none() {
                return Err(refuse(Code::ConfigInvalidValue, &takes));
            }
        }
        Ok(changes)
    }

    /// Sets one setting by its path. None, and nothing changed, if the value does not fit: history is
    /// never refused, so a value that an older program accepted is kept out rather than failed on.
    pub fn set(&mut self, path: &str, value: &Value) -> Option<()> {
        let mut all = serde_json::to_value(&*self).ok()?;
        let pointer = format!("/{}", path.replace('.', "/"));
        *all.pointer_mut(&pointer)? = value.clone();
        *self = serde_json::from_value(all).ok()?;
        Some(())
    }
}

fn likeness(a: &str, b: &str) -> f64 {
    strsim::jaro_winkler(a, b)
}

fn flatten(path: &str, value: &Value, out: &mut Vec<(String, Value)>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                let inner = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                flatten(&inner, value, out);
            }
        }
        _ => out.push((path.to_owned(), value.clone())),
    }
}

/// The words that a setting takes, where it takes nothing else.
pub(crate) fn words(name: &str) -> Option<&'static [&'static str]> {
    match name {
        "live_invitation" => Some(&["by_dialect", "supersede", "skip"]),
        "blank_means" => Some(&["keep", "clear"]),
        "reference_resolution" => Some(&["strict", "file_order", "two_pass"]),
        _ => None,
    }
}

/// The most entries that a setting takes, where it takes a list.
pub(crate) fn most(name: &str) -> usize {
    if name == ADMINS { MAX_ADMINS } else { MAX_DOMAINS }
}

/// The numbers that a setting takes.
pub(crate) fn range(name: &str) -> RangeInclusive<u64> {
    match name {
        "number_cooling_seconds" => 0..=MAX_NUMBER,
        "number_threshold_percent" => 1..=100,
        "import_max_rows" => 1..=IMPORT_ROWS_MAX,
        "reminder_after_days" => 0..=365,
        "reminder_max" => 1..=10,
        "expired_digest_hours" => 1..=720,
        _ => 1..=MAX_NUMBER,
    }
}

fn takes(name: &str, today: &Value) -> String {
    let range = range(name);
    match (words(name), today) {
        (Some(words), _) => words.join(" or "),
        (_, Value::Bool(_)) => "true or false".to_owned(),
        (_, Value::Number(_)) => {
            format!("a whole number from {} to {}", range.start(), range.end())
        }
        (_, Value::Array(_)) if name == ADMINS => {
            format!("a list of up to {MAX_ADMINS} plain e-mail addresses, each once")
        }
        (_, Value::Array(_)) => format!("a list of up to {MAX_DOMAINS} domains such as acme.com"),
        _ if name == EXTRA_CHARACTERS => "ASCII punctuation marks, or null for none".to_owned(),
        _ if name == "network_admin_email" => "one plain e-mail address, or null".to_owned(),
        _ => texts::takes(name).map_or_else(any_text, str::to_owned),
    }
}

fn any_text() -> String {
    format!("a text of 1 to {MAX_TEXT_CHARS} characters without line breaks")
}

/// The settings that may be unset.
const NULLABLE: [&str; 3] = ["company_name", EXTRA_CHARACTERS, "network_admin_email"];
const EXTRA_CHARACTERS: &str = "id_extra_characters";
const ADMINS: &str = "designated_admin_emails";

/// Whether these are plain addresses, and no two the same.
fn are_addresses(list: &[Value]) -> bool {
    let mut folded = BTreeSet::new();
    list.iter().all(|address| {
        let address = address.as_str().filter(|address| email::check(address).is_ok());
        address.is_some_and(|address| folded.insert(fold(address)))
    })
}

/// Whether addresses can be of it: what stands behind the sign, and no more.
fn is_domain(domain: &Value) -> bool {
    let address = domain.as_str().map(|domain| format!("a@{domain}"));
    address.is_some_and(|address| email::check(&address).is_ok())
}

fn fits(name: &str, today: &Value, value: &Value) -> bool {
    let text =
        |text: &str| (1..=MAX_TEXT_CHARS).contains(&text.chars().count()) && !has_control(text);
    match (today, value) {
        (Value::Bool(_), Value::Bool(_)) => true,
        (Value::Number(_), Value::Number(number)) => {
            number.as_u64().is_some_and(|number| range(name).contains(&number))
        }
        (Value::Array(_), Value::Array(list)) => {
            let fits = |list: &[Value]| match name {
                ADMINS => are_addresses(list),
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

#[cfg(test)]
mod tests {
    use super::*;

    fn check(asked: &Value) -> Result<Vec<(String, Value)>, Refusal> {
        Settings::default().check(asked.as_object().unwrap())
    }

    /// LX-06: any positive number, 100 unless set.
    #[test]
    fn the_limit_takes_positive_numbers_only() {
        assert_eq!(Settings::default().bulk_integration_max_records, 100);
        assert!(check(&json!({"bulk_integration_max_records": 1})).is_ok());
        for bad in [json!(0), json!(-1), json!("100"), json!(1.5), json!(null), json!(true)] {
            let refusal = check(&json!({"bulk_integration_max_records": bad})).unwrap_err();
            assert_eq!(refusal.code, Code::ConfigInvalidValue);
        }
    }

    /// ML-16: a list of plain domains, and numbers within their own bounds.
    #[test]
    fn domains_percent_and_seconds_are_held_to_their_bounds() {
        assert!(check(&json!({"allowed_email_domains": ["acme.com", "Globex.example"]})).is_ok());
        assert!(check(&json!({"allowed_email_domains": []})).is_ok());
        assert!(
            check(&json!({"number_cooling_seconds": 0, "number_threshold_percent": 100})).is_ok()
        );
        for bad in [
            json!({"allowed_email_domains": ["jane@acme.com"]}),
            json!({"allowed_email_domains": ["acme"]}),
            json!({"allowed_email_domains": "acme.com"}),
            json!({"allowed_email_domains": vec!["acme.com"; 101]}),
            json!({"number_threshold_percent": 101}),
            json!({"number_threshold_percent": 0}),
            json!({"number_cooling_seconds": -1}),
        ] {
            assert_eq!(check(&bad).unwrap_err().code, Code::ConfigInvalidValue, "{bad}");
        }
        let allowed_email_domains = vec!["Acme.com".to_owned()];
        let settings = Settings { allowed_email_domains, ..Settings::default() };
        assert!(settings.allows_domain_of("jane@ACME.com"));
        assert!(!settings.allows_domain_of("jane@mail.acme.com"));
        assert!(Settings::default().allows_domain_of("jane@globex.example"));
    }

    /// LX-05: the vendor's keys, in both spellings, are ours under another name.
    #[test]
    fn the_vendors_keys_are_understood() {
        for key in ["enabled", "enable"] {
            let key = format!("com.leapxpert.whatsapp.archived.channel.{key}");
            assert_eq!(
                check(&json!({key: true})).unwrap(),
                [("channels.whatsapp".to_owned(), json!(true))]
            );
        }
    }

    #[test]
    fn a_name_that_was_set_can_be_unset_and_nothing_else_can() {
        let named = Settings { company_name: Some("Acme".to_owned()), ..Settings::default() };
        let check = |asked: &Value| named.check(asked.as_object().unwrap());
        assert!(check(&json!({"company_name": null})).is_ok());
        assert!(check(&json!({"language": null})).is_err());
    }

    /// OCM-04: letters and digits, and what the company adds; no setting lets blanks or other letters in.
    #[test]
    fn ocm_04_the_company_says_what_else_an_id_may_hold() {
        let mut settings = Settings::default();
        assert!(settings.takes_id("JohnDoe22") && !settings.takes_id("john.doe"));
        let changes = check(&json!({"id_extra_characters": ".-"})).unwrap();
        settings.set(&changes[0].0, &changes[0].1).unwrap();
        assert!(settings.takes_id("john.doe-2") && !settings.takes_id("john_doe"));
        for bad in [json!(" "), json!("é"), json!("a"), json!("1"), json!(""), json!("\n")] {
            assert!(check(&json!({"id_extra_characters": bad})).is_err(), "{bad}");
        }
        assert!(check(&json!({"id_extra_characters": null})).is_ok());
    }

    /// OC-14: the administrator's address is one, or none.
    #[test]
    fn oc_14_the_network_admin_is_one_address_or_none() {
        let check = |value: Value| check(&json!({"network_admin_email": value}));
        assert!(check(json!("admin@acme.example")).is_ok() && check(json!(null)).is_ok());
        for bad in [json!("admin"), json!("a@x.com, b@x.com"), json!(""), json!(1)] {
            assert!(check(bad.clone()).is_err(), "{bad}");
        }
    }

    /// History is not refused: a sender that was set before it was read still stands.
    #[test]
    fn what_was_set_before_still_stands() {
        let mut settings = Settings::default();
        settings.set("mail_from", &json!("x")).unwrap();
        assert_eq!(settings.mail_from, "x");
    }

    /// ML-14: the designated administrators are plain addresses, each named once, and nothing that could
    /// make a header of its own.
    #[test]
    fn ml_14_designated_administrators_are_addresses_each_once() {
        let check = |value: Value| check(&json!({"designated_admin_emails": value}));
        assert!(
            check(json!(["a@acme.example", "b@acme.example"])).is_ok() && check(json!([])).is_ok()
        );
        let many: Vec<_> = (0..21).map(|n| format!("a{n}@acme.example")).collect();
        assert!(check(json!(many[..20])).is_ok());
        for bad in [
            json!(["a@acme.example", "A@Acme.example"]),
            json!(["a@acme.example\r\nBcc: b@acme.example"]),
            json!(["acme.example"]),
            json!("a@acme.example"),
            json!(many),
        ] {
            assert!(check(bad.clone()).is_err(), "{bad}");
        }
    }

    #[test]
    fn an_unknown_setting_is_refused_with_a_hint() {
        let refusal = check(&json!({"chanels": {"whatsapp": true}})).unwrap_err();
        assert_eq!(refusal.code, Code::ConfigUnknownSetting);
        assert!(refusal.message.contains("channels.whatsapp"), "{refusal}");
    }
}
