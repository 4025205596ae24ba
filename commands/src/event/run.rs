//! Runs as events describe them: the channel, the recipients' source, the delivery.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::person::Who;
use crate::schema::{json_schema, scalar};
use crate::values::{ImportId, Personal, Phone};

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

    /// The documented spellings; [`Channel::read`] ignores case and spaces.
    pub const SPELLINGS: &[&str] =
        &["whatsapp", "imessage", "WhatsApp", "WhatsApp Native", "iMessage", "iMessage Native"];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Whatsapp => "whatsapp",
            Self::Imessage => "imessage",
        }
    }

    /// Reads the channel's name in any of the spellings the products use.
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
}

/// The filter of a resend without names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ResendFilter {
    Bounced,
    Expired,
    NotInvited,
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
