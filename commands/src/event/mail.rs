//! Mails as events describe them: kind, wording, addressee, topic.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};

use super::person::Who;
use super::run::Channel;
use crate::schema::{growing_list, json_schema, scalar};
use crate::values::{ImportId, InvitationId, Personal, RunId, Time};

/// Why a mail is sent.
#[derive(Debug, PartialEq, Eq)]
enum Purpose {
    /// A run invites its recipients.
    Invitation,
    Notification,
}

/// How a mail is sent.
#[derive(Debug, PartialEq, Eq)]
enum Form {
    Mail,
    /// One plain text, without a subject.
    TextMessage,
}

/// Declares the kinds of mails in the order of the contract: stored name, purpose, form.
macro_rules! mail_kinds {
    ($( $(#[$doc:meta])* $kind:ident $name:literal $purpose:ident as $form:ident )*) => {
        /// The kinds of mails and text messages. A company may word each itself.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
        pub enum MailKind {
            $( $(#[$doc])* #[serde(rename = $name)] $kind, )*
        }

        impl MailKind {
            pub const ALL: [Self; [$($name),*].len()] = [$(Self::$kind),*];

            pub fn as_str(self) -> &'static str {
                match self {
                    $( Self::$kind => $name, )*
                }
            }

            fn purpose(self) -> Purpose {
                match self {
                    $( Self::$kind => Purpose::$purpose, )*
                }
            }

            fn form(self) -> Form {
                match self {
                    $( Self::$kind => Form::$form, )*
                }
            }
        }
    };
}

mail_kinds! {
    ChannelInvitation "channel_invitation" Invitation as Mail
    Welcome "welcome" Notification as Mail
    /// To an administrator, with the link that invites the people of an import.
    ImportCompleted "import_completed" Notification as Mail
    /// The report of an import, to the designated administrators.
    BatchReport "batch_report" Notification as Mail
    /// A waiting run has started, to the actor who requested it.
    RunStarted "run_started" Notification as Mail
    /// A run has completed, to the actor who requested it.
    RunCompleted "run_completed" Notification as Mail
    /// An organization's numbers are running out, to the designated administrators.
    NumberThreshold "number_threshold" Notification as Mail
    /// Pending invitations need more numbers than there are, to the designated administrators.
    InvitationsExceedNumbers "invitations_exceed_numbers" Notification as Mail
    /// An invitation is still open, to the person invited.
    Reminder "reminder" Notification as Mail
    /// Invitations came to nothing, to the designated administrators.
    ExpiredDigest "expired_digest" Notification as Mail
    /// The invitation of an account of MultiLine: its link activates the account.
    AccountInvitation "account_invitation" Invitation as Mail
    /// The invitation of an account that is a device, as a text message.
    TextInvitation "text_invitation" Invitation as TextMessage
    /// The reminder of an invitation, as a text message to a device.
    TextReminder "text_reminder" Notification as TextMessage
}

impl MailKind {
    /// Whether recipients of runs get the mail. All other mails are notifications.
    pub fn is_invitation(self) -> bool {
        self.purpose() == Purpose::Invitation
    }

    /// Whether it is a text message: one plain text, without a subject.
    pub fn is_text_message(self) -> bool {
        self.form() == Form::TextMessage
    }
}

/// The id of an outbox. Another folder of mails has another id.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(transparent)]
pub struct OutboxId(pub u32);

/// A transport that gets mails.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct HandedTo {
    /// The name of the transport.
    pub via: String,
    /// None if the transport is no outbox.
    pub outbox: Option<OutboxId>,
}

/// Which wording of a mail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Wording {
    /// A BCP 47 tag.
    pub language: String,
    /// How often the company had set its own wording in this language; 0 is ours.
    pub version: u64,
}

/// The recipient of a mail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum MailTo {
    /// At the address on record when it goes out.
    User(Who),
    /// An address, which need not belong to a user of the company.
    Address(Personal<String>),
}

/// What a mail is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Topic {
    Import(ImportId),
    Run(RunId),
    /// An organization's numbers as they stood; none is the company's own stock.
    Numbers {
        org_unit: Option<String>,
        total: u64,
        /// The assigned numbers.
        used: u64,
        /// Those that invitations may still be sent on.
        available: u64,
        /// How many pending invitations wait for one.
        needed: u64,
    },
    /// The invitation that a person is reminded of, by its own link.
    Invitation {
        channel: Channel,
        invitation: InvitationId,
        generation: u32,
        /// Counts the reminders of this link, from 1.
        reminder: u32,
    },
    /// Invitations that expired from the one time to the other.
    Expired {
        since: Time,
        until: Time,
        whatsapp: u64,
        imessage: u64,
        /// The first of the people.
        people: Vec<Who>,
    },
}

/// The key of the welcome mail that a row of an import asked for.
pub fn welcome_key(import: ImportId, row: u64) -> String {
    format!("welcome.{import}.{row}")
}

/// The key of the mail that tells an administrator that an import is over. `generation` counts its links, from 1.
pub fn import_completed_key(import: ImportId, generation: u32) -> String {
    match generation {
        0 | 1 => format!("import_completed.{import}"),
        later => format!("import_completed.{import}.{later}"),
    }
}

/// The Message-ID, without brackets and domain, of a run's mail to the recipient with this number.
pub fn message_id(run: RunId, place: u32) -> String {
    format!("{run}.{place}")
}

/// The run and the recipient's number of a Message-ID, with or without brackets and domain. None if it is not ours.
pub fn recipient_of(message_id: &str) -> Option<(RunId, u32)> {
    let bare = message_id.trim_start_matches('<').split('@').next()?;
    let (run, place) = bare.split_once('.')?;
    Some((run.parse().ok()?, place.parse().ok()?))
}

/// The mails whose wording could be set in the first version of the contract.
#[derive(Debug, Clone, Copy)]
pub struct FirstMail;

scalar! {
    FirstMail, "FirstMail": json_schema!({"type": "string", "enum": ["channel_invitation", "welcome"]});
}

/// A request must give a kind of the list; an answer may give one that was added later.
impl JsonSchema for MailKind {
    fn schema_name() -> Cow<'static, str> {
        // The name in the first version of the contract. Clients may have generated types from it.
        "TemplateKind".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let kinds: Vec<_> = Self::ALL.iter().map(|kind| kind.as_str()).collect();
        growing_list(
            generator,
            &kinds,
            "^[a-z0-9_]+$",
            "The mails a company may word itself.",
            "The list grows.",
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_of_invitations_and_texts_are_known() {
        let of = |is: fn(MailKind) -> bool| {
            MailKind::ALL
                .into_iter()
                .filter(|kind| is(*kind))
                .map(MailKind::as_str)
                .collect::<Vec<_>>()
        };
        let invitations = ["channel_invitation", "account_invitation", "text_invitation"];
        assert_eq!(of(MailKind::is_invitation), invitations);
        assert_eq!(of(MailKind::is_text_message), ["text_invitation", "text_reminder"]);
    }
}
