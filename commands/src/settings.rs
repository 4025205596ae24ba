//! A company's settings: each with a name, a default, a unit and the values that it may have.

mod allowed;
mod change;
mod notify;
mod schema;
mod texts;

#[cfg(test)]
mod tests;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use allowed::IMPORT_ROWS_MAX;
pub use notify::Notify;
pub(crate) use schema::change_schema;
pub use texts::link_address;

use crate::event::{BlankMeans, Channel};
use crate::values::email::ascii_domain;

/// The link page until one is set: a domain that never exists, so that a link of a trial opens no other site.
const LINK_BASE_URL_PLACEHOLDER: &str = "https://boarding.invalid/link/";
/// The sender until one is set.
const MAIL_FROM_PLACEHOLDER: &str = "Boarding <onboarding@boarding.invalid>";

/// The longest wait between two attempts, in seconds: an hour, so that a run ends within the day.
const MAX_BACKOFF_SECONDS: u64 = 3600;

/// What a company may set with `SetCompanyConfig`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Settings {
    /// The name people know the company by; shown in mails.
    pub company_name: Option<String>,
    /// The most recipients of one run, in people. The default is the vendor's.
    pub bulk_integration_max_records: u64,
    /// Whether the limit above also holds for the rows of an imported `leapxpert` file.
    pub enforce_run_limit_at_import: bool,
    /// Whether a run that waits may be withdrawn. A running run cannot.
    pub allow_withdraw_pending: bool,
    /// Channels people may be invited to; none until an administrator enables it.
    pub channels: Channels,
    /// How long a link lives, in hours (the vendor's mails: 24 for WhatsApp, 48 for iMessage).
    pub invitation_ttl_hours: PerChannel,
    /// What a run does with a person who has a valid link.
    pub live_invitation: LiveInvitation,
    /// Reads a phone number without a plus sign as if it had one.
    pub assume_plus: bool,
    /// Whether a blank cell keeps or clears the old value in an update.
    pub blank_means: BlankMeans,
    /// Whether gzip-compressed files are accepted.
    pub accept_gzip: bool,
    /// The language of mails to people who have none set: a BCP 47 tag.
    pub language: String,
    /// Where links lead: the token is appended, after a slash unless the address has a query or a fragment.
    pub link_base_url: String,
    /// What the QR code on the page of a link opens: the activation code is appended as the token is to `link_base_url`.
    /// Without it the QR code holds the activation code alone.
    pub activation_url: Option<String>,
    /// The sender's address of the company's mails.
    pub mail_from: String,
    /// Where the app of accounts is found: shown in the invitation of an account.
    pub app_download_link: Option<String>,
    /// Where the app runs in a browser: a variable for your own wording of that invitation.
    pub web_app_link: Option<String>,
    /// The address of the logo: a variable for your own wording of that invitation.
    pub logo_url: Option<String>,
    /// The code of the market that the app asks for: a variable for your own wording of that invitation.
    pub market_code: Option<String>,
    /// The most attempts to send one mail. With the default, `delivery_retry_minutes` ends the attempts first.
    pub max_attempts: u32,
    /// How long a mail that is refused for now is tried again, in minutes: four hours outlast greylisting and a full
    /// mailbox that is cleared within a working day.
    pub delivery_retry_minutes: u64,
    /// How long a run waits for a mail server that cannot be used, in minutes: a day, so that an administrator notices
    /// an outage of the night.
    pub relay_wait_minutes: u64,
    /// The wait before the second attempt, in seconds; it doubles from there.
    pub retry_backoff_seconds: u64,
    /// How long a claimed recipient may stay without a report, in seconds. Then the recipient fails.
    pub recipient_deadline_seconds: u64,
    /// The most runs that may wait, in runs.
    pub max_pending_runs: u64,
    /// The people that a row may name as a supervisor.
    pub reference_resolution: ReferenceResolution,
    /// What LAN IDs and Agent IDs may hold beside letters and digits: ASCII punctuation marks.
    pub id_extra_characters: Option<String>,
    /// The CRM names that a row may have; none means that they are not checked.
    pub crm_names: Vec<String>,
    /// The greeting templates of text chats that a row may name; none means that they are not checked.
    pub greeting_templates: Vec<String>,
    /// Whether accounts' data is offloaded by SMTP: they then need an e-mail address.
    pub smtp_offload: bool,
    /// Whether accounts may use social messaging: WhatsApp, WeChat and LINE.
    pub social_messaging: bool,
    /// The domains of people's e-mail addresses; none means all.
    pub allowed_email_domains: Vec<String>,
    /// Whether one number may be promised to several pending invitations.
    pub number_overbooking: bool,
    /// How long a released number is not assigned again, in seconds.
    pub number_cooling_seconds: u64,
    /// The organization is warned from this share of its numbers in use, in percent.
    pub number_threshold_percent: u64,
    /// The address that is notified of every completed import, with a link that invites its people.
    pub network_admin_email: Option<String>,
    /// How long that link lives, in hours.
    pub import_link_ttl_hours: u64,
    /// The fingerprint of the secret that makes the links of mails. The first mail records it. If it is
    /// unset, the next mail records the secret of its engine. Links made with another secret end then.
    pub link_secret: Option<String>,
    /// The most data rows of an imported file, for all dialects.
    pub import_max_rows: u64,
    /// The addresses of administrators who are notified of events in the company.
    pub designated_admin_emails: Vec<String>,
    /// The optional notifications.
    pub notify: Notify,
    /// How long after the last mail a person is reminded of an open invitation, in days; 0 means never. A link with a
    /// shorter lifetime has no reminder.
    pub reminder_after_days: u64,
    /// The most reminders of one link, in mails.
    pub reminder_max: u64,
    /// How long expired invitations are collected before administrators are notified, in hours.
    pub expired_digest_hours: u64,
    /// Whether only NATS users that are bound to actors may send commands and queries.
    pub require_bound_users: bool,
}

/// The people that a row may refer to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReferenceResolution {
    /// People that no row of the same file created.
    Strict,
    /// Also people that an earlier row of the file created.
    FileOrder,
    /// Also people of later rows, if those rows are valid: the file is read for them before its rows are applied.
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

/// What a run does with a person who has a valid link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LiveInvitation {
    /// Does what the product of the last file that named the person does. If no file did, sends a new link.
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
            link_base_url: LINK_BASE_URL_PLACEHOLDER.to_owned(),
            mail_from: MAIL_FROM_PLACEHOLDER.to_owned(),
            app_download_link: None,
            web_app_link: None,
            activation_url: None,
            logo_url: None,
            market_code: None,
            max_attempts: 1_000,
            delivery_retry_minutes: 240,
            relay_wait_minutes: 1_440,
            retry_backoff_seconds: 10,
            recipient_deadline_seconds: 900,
            max_pending_runs: 100,
            reference_resolution: ReferenceResolution::FileOrder,
            id_extra_characters: None,
            crm_names: Vec::new(),
            greeting_templates: Vec::new(),
            smtp_offload: false,
            social_messaging: false,
            allowed_email_domains: Vec::new(),
            number_overbooking: false,
            number_cooling_seconds: 0,
            number_threshold_percent: 80,
            network_admin_email: None,
            link_secret: None,
            import_link_ttl_hours: 168,
            import_max_rows: IMPORT_ROWS_MAX,
            designated_admin_emails: Vec::new(),
            notify: Notify::default(),
            reminder_after_days: 0,
            reminder_max: 1,
            expired_digest_hours: 24,
            require_bound_users: false,
        }
    }
}

impl Settings {
    /// The pause after this many refused attempts at a mail, in seconds. It doubles with each.
    pub(crate) fn backoff_seconds(&self, refusals: u32) -> u64 {
        let doubled = 1u64.checked_shl(refusals.saturating_sub(1)).unwrap_or(u64::MAX);
        self.retry_backoff_seconds.saturating_mul(doubled).min(MAX_BACKOFF_SECONDS)
    }

    pub fn channel_enabled(&self, channel: Channel) -> bool {
        match channel {
            Channel::Whatsapp => self.channels.whatsapp,
            Channel::Imessage => self.channels.imessage,
        }
    }

    /// The address that links in mails begin with: the company's own, else that of the engine's page for links.
    pub fn link_base<'a>(&'a self, own_page: Option<&'a str>) -> &'a str {
        let is_set = self.link_base_url != LINK_BASE_URL_PLACEHOLDER;
        own_page.filter(|_| !is_set).unwrap_or(&self.link_base_url)
    }

    /// The settings of mails that still have a placeholder, each with an example of its value for a shell. For mails
    /// without a link only their sender counts.
    pub fn mail_placeholders(&self, has_link: bool) -> Vec<(&'static str, &'static str)> {
        let unset = [
            (
                has_link && self.link_base_url == LINK_BASE_URL_PLACEHOLDER,
                ("link_base_url", "https://link.example.com/"),
            ),
            (
                self.mail_from == MAIL_FROM_PLACEHOLDER,
                ("mail_from", "'Onboarding <onboarding@example.com>'"),
            ),
        ];
        unset.into_iter().filter(|(is_unset, _)| *is_unset).map(|(_, setting)| setting).collect()
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

    /// How long after the last mail a person is reminded, in seconds; 0 means never.
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
        let allowed = &self.allowed_email_domains;
        if allowed.is_empty() {
            return true;
        }
        let domain = ascii_domain(email.rsplit('@').next().unwrap_or_default());
        allowed.iter().any(|one| ascii_domain(one) == domain)
    }
}
