//! Runs as events describe them: the channel, the recipients' source, the delivery.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::person::Who;
use crate::schema::{json_schema, scalar};
use crate::values::{ImportId, Personal, Phone, RunId};

/// Where people are invited to.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Channel {
    Whatsapp,
    Imessage,
}

impl Channel {
    pub const ALL: [Self; 2] = [Self::Whatsapp, Self::Imessage];

    /// The documented spellings. [`Channel::read`] ignores case, blanks and punctuation.
    pub const SPELLINGS: &[&str] =
        &["whatsapp", "imessage", "WhatsApp", "WhatsApp Native", "iMessage", "iMessage Native"];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Whatsapp => "whatsapp",
            Self::Imessage => "imessage",
        }
    }

    /// The channel of a name, in any spelling of the products. None if the name is unknown.
    pub fn read(text: &str) -> Option<Self> {
        let plain: String = text.chars().filter(char::is_ascii_alphanumeric).collect();
        match plain.to_ascii_lowercase().as_str() {
            "whatsapp" | "whatsappnative" => Some(Self::Whatsapp),
            "imessage" | "imessagenative" | "iossmsimessage" => Some(Self::Imessage),
            _ => None,
        }
    }
}

/// The source of recipients of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    Import(ImportId),
    OrgUnits {
        org_units: Vec<String>,
        include_descendants: bool,
    },
    Users(Vec<Who>),
    /// A resend: to the people named, or to those whose last invitation is in this state.
    Resend {
        users: Vec<Who>,
        filter: Option<ResendFilter>,
    },
    /// A retry: the people of a run whose last mail failed or is uncertain.
    FailedOf {
        run: RunId,
        outcomes: Vec<RetryOutcome>,
    },
}

impl Source {
    /// Whether a run with this source replaces working links, even if the setting `live_invitation`
    /// keeps them.
    pub fn replaces_live_links(&self) -> bool {
        matches!(self, Self::Resend { .. } | Self::FailedOf { .. })
    }

    /// The import whose people the run invites; none for another source.
    pub fn import(&self) -> Option<ImportId> {
        match self {
            Self::Import(import) => Some(*import),
            Self::OrgUnits { .. }
            | Self::Users(_)
            | Self::Resend { .. }
            | Self::FailedOf { .. } => None,
        }
    }
}

/// The outcome of the people that a retry invites.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum RetryOutcome {
    /// The mail was certainly not sent.
    Failed,
    /// The mail may have been sent.
    Uncertain,
}

/// The filter of a resend without names: active people without a link, by what became of their last mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ResendFilter {
    /// The last mail was sent and came back for good.
    Bounced,
    /// The last link has expired.
    Expired,
    /// No mail was ever tried.
    NotInvited,
    /// The last mail certainly failed.
    Failed,
    /// The last mail may have been sent.
    Uncertain,
    /// No mail was ever sent: none was tried, or all failed.
    NeverSent,
}

/// The corporate phone that an invitation was sent on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SentOn {
    /// None if the person had no corporate phone and needed none.
    pub phone: Option<Personal<Phone>>,
    /// Whether it was also the phone on the person's record.
    pub on_record: bool,
}

/// The delivery of a sent mail. It does not change the outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Delivery {
    Delivered,
    BouncedHard,
    BouncedSoft,
    Complained,
}

/// A channel's name in any of the accepted spellings.
#[derive(Debug, Clone, Copy)]
pub struct ChannelName;

scalar! {
    ChannelName, "ChannelName": json_schema!({"type": "string", "enum": Channel::SPELLINGS});
}

#[cfg(test)]
mod tests {
    use super::*;

    /// LX-19: every spelling that the schema names is read.
    #[test]
    fn every_spelling_of_a_channel_is_read() {
        for spelling in Channel::SPELLINGS {
            assert!(Channel::read(spelling).is_some(), "{spelling}");
        }
        for channel in Channel::ALL {
            assert!(Channel::SPELLINGS.contains(&channel.as_str()));
        }
    }
}
