//! Encodes a mail: equal input gives equal bytes, and no value can inject a header.

use std::fmt;
use std::time::{Duration, SystemTime};

use boarding_commands::company::InvitationClaim;
use boarding_commands::template::{QR_CODE_ID, Rendered};
use boarding_commands::values::email::with_ascii_domain;
use boarding_commands::values::{Code, CompanyId, Digest, Personal, Phone, RunId, Time, UserKey};
use lettre::Address;
use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::message::{Attachment, Mailbox, Message, MultiPart, SinglePart};
use thiserror::Error;

use super::qr_code;

/// The longest Message-ID, in characters: it fits in one header line of RFC 5322.
const MAX_MESSAGE_ID_CHARS: usize = 250;
/// The end of the year 9999, in seconds since 1970: the last date a mail can carry.
const LAST_DATE_SECONDS: u64 = 253_402_300_799;

/// The purpose of a mail; the outbox has a folder per purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// An invitation of this run.
    Run(RunId),
    /// A log-in mail to a new user.
    Welcome,
    /// Any other notification: to an administrator or a reminder to a user. Its folder is `notices`.
    Notification,
}

impl fmt::Display for Purpose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Run(run) => run.fmt(f),
            Self::Welcome => f.write_str("welcome"),
            Self::Notification => f.write_str("notices"),
        }
    }
}

/// A mail or text of an earlier process, by its Message-ID.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MailId {
    pub company: CompanyId,
    pub purpose: Purpose,
    pub message_id: String,
    pub is_text: bool,
}

/// A mail to one person.
#[derive(Clone, PartialEq, Eq)]
pub struct Mail {
    pub company: CompanyId,
    pub purpose: Purpose,
    /// `id@domain` without angle brackets: the key for deduplication.
    pub message_id: String,
    /// `Name <address>` or only an address, from the settings of the company.
    pub from: String,
    pub to: String,
    /// May be empty.
    pub to_name: String,
    pub date: Time,
    pub content: Rendered,
    /// The link that the HTML shows as a QR code, if it does.
    pub coded_link: Option<Personal<String>>,
    /// Set for a text message: its number and link. Then only the text of the content is sent.
    pub text_message: Option<TextMessage>,
    /// Set for an invitation, until its claim has a report.
    pub invitation: Option<OpenInvitation>,
}

/// The number and the link of a text message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TextMessage {
    pub number: Personal<Phone>,
    pub link: Personal<String>,
    /// A BCP 47 tag.
    pub language: String,
    /// The person's key in the company.
    pub user: UserKey,
    /// When the link expires, if it is sent now.
    pub expires_at: Time,
}

/// An invitation whose claim has no report, for external workers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenInvitation {
    pub claim: InvitationClaim,
    /// The phone with all but the last digits hidden.
    pub phone: String,
    /// A BCP 47 tag.
    pub language: String,
    pub link: Personal<String>,
    /// When the link expires, if it is sent now.
    pub expires_at: Time,
}

impl fmt::Debug for Mail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Mail({} of {})", self.message_id, self.company)
    }
}

/// An encoded mail.
pub struct EncodedMail {
    pub from: Address,
    pub to: Address,
    /// RFC 5322, lines ended by CR LF.
    pub bytes: Vec<u8>,
}

impl fmt::Debug for EncodedMail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EncodedMail({} bytes)", self.bytes.len())
    }
}

/// Why a mail cannot be encoded. The message never contains the value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum MailError {
    #[error("the Message-ID is not id@domain")]
    MessageId,
    #[error("the sender's address cannot be read; correct the setting mail_from")]
    From,
    #[error("the recipient's address cannot be read")]
    To,
    #[error("the {0} holds a line break or another control character")]
    ControlCharacter(&'static str),
    #[error("the mail cannot be encoded")]
    Unbuildable,
}

impl MailError {
    /// The code for the recipient.
    pub fn code(self) -> Code {
        match self {
            Self::To | Self::ControlCharacter("recipient's address") => Code::RecipientEmailMissing,
            Self::MessageId | Self::From | Self::ControlCharacter(_) | Self::Unbuildable => {
                Code::DeliveryRefused
            }
        }
    }
}

impl Mail {
    pub(super) fn id(&self) -> MailId {
        MailId {
            company: self.company.clone(),
            purpose: self.purpose,
            message_id: self.message_id.clone(),
            is_text: self.text_message.is_some(),
        }
    }

    /// Encodes the mail as multipart/alternative, plain text first.
    ///
    /// # Errors
    /// Which part is invalid, for example a control character in a header.
    pub fn letter(&self) -> Result<EncodedMail, MailError> {
        self.check()?;
        let mut from: Mailbox = self.from.parse().map_err(|_| MailError::From)?;
        let sender = with_ascii_domain(from.email.as_ref());
        from.email = sender.parse().map_err(|_| MailError::From)?;
        let to: Address = with_ascii_domain(&self.to).parse().map_err(|_| MailError::To)?;
        let name = Some(self.to_name.trim().to_owned()).filter(|name| !name.is_empty());
        let content = &self.content;
        let html = SinglePart::html(content.html.clone());
        let parts = MultiPart::alternative()
            .boundary(self.boundary("text"))
            .singlepart(SinglePart::plain(content.text.clone()));
        let code = self.coded_link.as_ref().and_then(|link| qr_code::png(link));
        let parts = match code {
            None => parts.singlepart(html),
            Some(image) => {
                let image = Attachment::new_inline(QR_CODE_ID.to_owned()).body(
                    image,
                    ContentType::parse("image/png").map_err(|_| MailError::Unbuildable)?,
                );
                let related = MultiPart::related().boundary(self.boundary("image"));
                parts.multipart(related.singlepart(html).singlepart(image))
            }
        };
        let letter = Message::builder()
            .message_id(Some(format!("<{}>", self.message_id)))
            .date(date(self.date))
            .from(from.clone())
            .to(Mailbox::new(name, to.clone()))
            .subject(content.subject.clone())
            .raw_header(auto_submitted_header())
            .multipart(parts)
            .map_err(|_| MailError::Unbuildable)?;
        Ok(EncodedMail { from: from.email, to, bytes: letter.formatted() })
    }

    fn check(&self) -> Result<(), MailError> {
        let headers = [
            ("sender's address", &self.from),
            ("recipient's address", &self.to),
            ("recipient's name", &self.to_name),
            ("subject", &self.content.subject),
        ];
        for (name, value) in headers {
            if value.chars().any(|c| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}')) {
                return Err(MailError::ControlCharacter(name));
            }
        }
        let plain = |part: &str| {
            !part.is_empty()
                && part.chars().all(|c| c.is_ascii_alphanumeric() || "._-+=".contains(c))
        };
        let fits = self.message_id.len() <= MAX_MESSAGE_ID_CHARS;
        match self.message_id.split_once('@') {
            Some((id, domain)) if fits && plain(id) && plain(domain) => Ok(()),
            _ => Err(MailError::MessageId),
        }
    }

    /// A MIME boundary. It is derived from the Message-ID, so that a repeated mail has the same bytes.
    fn boundary(&self, of: &str) -> String {
        boundary(&self.message_id, of)
    }
}

fn boundary(message_id: &str, of: &str) -> String {
    let digest = Digest::of(message_id.as_bytes());
    format!("boarding-{of}-{digest}").chars().take(60).collect()
}

/// The last line of an encoded mail with this Message-ID. A torn mail does not end with it.
pub(super) fn last_line(message_id: &str) -> String {
    format!("--{}--\r\n", boundary(message_id, "text"))
}

/// Prevents automatic replies (RFC 3834).
fn auto_submitted_header() -> HeaderValue {
    let name = HeaderName::new_from_ascii_str("Auto-Submitted");
    HeaderValue::new(name, "auto-generated".to_owned())
}

fn date(time: Time) -> SystemTime {
    let seconds = u64::try_from(time.0.div_euclid(1000)).unwrap_or(0).min(LAST_DATE_SECONDS);
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mail() -> Mail {
        Mail {
            company: "acme".parse().unwrap(),
            purpose: Purpose::Welcome,
            message_id: "01JD.abc@boarding.invalid".to_owned(),
            from: "Acme Ünboarding <onboarding@acme.example>".to_owned(),
            to: "jane@acme.example".to_owned(),
            to_name: "Jane Hudson".to_owned(),
            date: "2026-11-21T08:00:00Z".parse().unwrap(),
            content: Rendered {
                subject: "Verknüpfen".to_owned(),
                text: "Guten Tag\n.\n日本\n".to_owned(),
                html: "<p>Guten Tag</p>".to_owned(),
            },
            coded_link: None,
            text_message: None,
            invitation: None,
        }
    }

    fn text(mail: &Mail) -> String {
        String::from_utf8(mail.letter().unwrap().bytes).unwrap()
    }

    #[test]
    fn equal_mails_have_equal_bytes() {
        assert_eq!(mail().letter().unwrap().bytes, mail().letter().unwrap().bytes);
        let other = Mail { message_id: "other@boarding.invalid".to_owned(), ..mail() };
        assert_ne!(mail().boundary("text"), other.boundary("text"));
    }

    /// A torn mail is known by its end, with and without an image.
    #[test]
    fn mail_ends_with_its_last_line() {
        let coded = Mail { coded_link: Some(Personal("https://x.example/a".to_owned())), ..mail() };
        for mail in [mail(), coded] {
            assert!(text(&mail).ends_with(&last_line(&mail.message_id)));
        }
    }

    #[test]
    fn coded_link_is_an_image_beside_the_html() {
        let link = "https://link.acme.example/abc".to_owned();
        let text = text(&Mail { coded_link: Some(Personal(link)), ..mail() });
        assert!(text.contains("multipart/related"), "{text}");
        assert!(text.contains("Content-ID: <qr-code>\r\n"), "{text}");
        assert!(text.contains("Content-Type: image/png\r\n"), "{text}");
    }

    #[test]
    fn mail_has_its_headers_and_both_parts_in_ascii() {
        let text = text(&mail());
        assert!(text.is_ascii(), "{text}");
        assert!(text.contains("Message-ID: <01JD.abc@boarding.invalid>\r\n"), "{text}");
        assert!(text.contains("Date: Sat, 21 Nov 2026 08:00:00 +0000\r\n"), "{text}");
        assert!(text.contains("To: \"Jane Hudson\" <jane@acme.example>\r\n"), "{text}");
        assert!(text.contains("Subject: =?utf-8?b?"), "{text}");
        assert!(text.contains("Auto-Submitted: auto-generated\r\n"), "{text}");
        assert!(text.contains("multipart/alternative"), "{text}");
        let plain = text.find("text/plain").unwrap();
        assert!(plain < text.find("text/html").unwrap(), "{text}");
        assert!(!text.replace("\r\n", "").contains(['\r', '\n']), "{text}");
    }

    /// N56: a line break in any header is rejected.
    #[test]
    fn a_line_break_in_a_header_is_rejected() {
        let evil = "x\r\nBcc: all@acme.example";
        for bad in ["\r\n", "\n", "\r", "\0", "\u{85}", "\u{2028}"] {
            let evil = evil.replace("\r\n", bad);
            let refused = [
                Mail { to_name: evil.clone(), ..mail() },
                Mail { to: evil.clone(), ..mail() },
                Mail { from: evil.clone(), ..mail() },
                Mail { message_id: evil.clone(), ..mail() },
                Mail { content: Rendered { subject: evil, ..mail().content }, ..mail() },
            ];
            for mail in refused {
                assert!(mail.letter().is_err(), "{bad:?}");
            }
        }
    }

    /// N66: quotes, commas and angle brackets stay a part of the name.
    #[test]
    fn a_hostile_name_stays_one_recipient() {
        for name in
            ["\"Jane\" <evil@x.example>, b", "a\\", "Jane, evil@x.example", "<script>", "()"]
        {
            let letter = text(&Mail { to_name: name.to_owned(), ..mail() });
            let to = letter.lines().find(|line| line.starts_with("To: ")).unwrap();
            assert!(to.ends_with(" <jane@acme.example>"), "{to}");
            let inner = to.trim_start_matches("To: ").trim_end_matches(" <jane@acme.example>");
            assert!(
                inner.starts_with('"') && inner.ends_with('"') || inner.starts_with("=?"),
                "{to}"
            );
        }
    }

    #[test]
    fn an_address_that_cannot_be_read_is_the_recipients_failure() {
        let bad = Mail { to: "nobody".to_owned(), ..mail() }.letter().unwrap_err();
        assert_eq!((bad, bad.code()), (MailError::To, Code::RecipientEmailMissing));
        let bad = Mail { from: "nobody".to_owned(), ..mail() }.letter().unwrap_err();
        assert_eq!((bad, bad.code()), (MailError::From, Code::DeliveryRefused));
    }

    /// LX-30: every valid sender setting can be used in a mail.
    #[test]
    fn every_valid_sender_setting_can_be_encoded() {
        for from in [
            "onboarding@acme.example",
            "<on@acme.example>",
            "Acme <on@acme.example>",
            "Acme Inc. Ünboarding & Co <jürgen@exämple.org>",
            "A.B. C . D <o'neil+tag@acme.example>",
            "\"Acme, Inc. <x@y.z>\" <on@acme.example>",
            "\"\" <on@acme.example>",
            "\"Ü\"<on@acme.example>",
            "日本 <on@acme.example>",
            " Acme <on@acme.example>",
        ] {
            assert!(boarding_commands::values::email::is_mailbox(from), "{from}");
            assert!(Mail { from: from.to_owned(), ..mail() }.letter().is_ok(), "{from}");
        }
    }

    #[test]
    fn debug_shows_no_person() {
        assert_eq!(format!("{:?}", mail()), "Mail(01JD.abc@boarding.invalid of acme)");
    }
}
