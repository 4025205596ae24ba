//! The SMTP session, step by step, so that each failure has a definite meaning.
//!
//! ```text
//! connect … MAIL, RCPT, DATA      lost or late: certainly not sent
//! the lines of the mail           lost or late: certainly not sent, without the last dot
//! the last dot … its reply        lost or late: uncertain
//! any reply 4yz / 5yz             certainly not sent: temporary / permanent
//! ```

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use boarding_commands::decide::outcome::MailOutcome;
use boarding_commands::values::Code;
use lettre::Address;
use lettre::transport::smtp::Error;
use lettre::transport::smtp::authentication::Mechanism;
use lettre::transport::smtp::client::AsyncSmtpConnection;
use lettre::transport::smtp::commands::{Data, Mail, Rcpt, Rset};
use lettre::transport::smtp::extension::{ClientId, Extension, MailBodyParameter, MailParameter};
use tokio::time::timeout;

use super::server::{Encryption, SmtpServer};
use super::stream;
use super::timeouts::Timeouts;
use crate::delivery::mail::EncodedMail;

/// The most stored characters of a server reply.
const MAX_DETAIL_CHARS: usize = 200;

/// The outcome of a mail, and the connection after it.
pub(super) struct SmtpAttempt {
    pub(super) sent: MailOutcome,
    pub(super) connection: ConnectionState,
}

/// The state of a connection after a mail.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum ConnectionState {
    /// It can carry the next mail.
    Good,
    Lost,
    /// The server did not answer in time, so others need not wait for it too.
    Silent,
}

/// The step of the session at which the server rejected the mail.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Step {
    Sender,
    Recipient,
    Announcement,
    Content,
}

impl Step {
    fn name(self) -> &'static str {
        match self {
            Self::Sender => "at the sender's address",
            Self::Recipient => "at the recipient's address",
            Self::Announcement => "before the mail",
            Self::Content => "after the mail",
        }
    }
}

/// Connects, encrypts as the URL says, and logs in.
///
/// # Errors
/// A text with the cause, for the operator.
pub(super) async fn connect(
    server: &SmtpServer,
    timeouts: &Timeouts,
) -> Result<AsyncSmtpConnection, String> {
    match timeout(timeouts.connect, greet(server)).await {
        Ok(Ok(line)) => Ok(line),
        Ok(Err(why)) => Err(format!("the mail server could not be used: {}", clipped(&why))),
        Err(_) => Err(late("connecting", timeouts.connect)),
    }
}

async fn greet(server: &SmtpServer) -> Result<AsyncSmtpConnection, String> {
    let text = |error: Error| error.to_string();
    let hello = ClientId::default();
    let tls = match &server.encryption {
        Encryption::FromFirstByte(tls) => Some(tls),
        _ => None,
    };
    let stream = stream::open(&server.host, server.port, tls).await;
    let stream = stream.map_err(|error| error.to_string())?;
    let line = AsyncSmtpConnection::connect_with_transport(stream, &hello).await;
    let mut line = line.map_err(text)?;
    let start_tls = match &server.encryption {
        Encryption::Required(parameters) => Some(parameters),
        Encryption::Opportunistic(parameters) if line.can_starttls() => Some(parameters),
        _ => None,
    };
    if let Some(parameters) = start_tls {
        line.starttls(parameters.clone(), &hello).await.map_err(text)?;
    }
    if let Some(credentials) = &server.credentials {
        line.auth(&[Mechanism::Plain, Mechanism::Login], credentials).await.map_err(text)?;
    }
    Ok(line)
}

/// Whether an idle connection still responds. This also resets its state.
pub(super) async fn reset(line: &mut AsyncSmtpConnection, within: Duration) -> bool {
    matches!(timeout(within, line.command(Rset)).await, Ok(Ok(_)))
}

/// Sends one mail.
pub(super) async fn hand_over(
    line: &mut AsyncSmtpConnection,
    letter: &EncodedMail,
    timeouts: &Timeouts,
) -> SmtpAttempt {
    let parameters = match parameters(line, letter) {
        Ok(parameters) => parameters,
        Err(sent) => return SmtpAttempt { sent, connection: ConnectionState::Good },
    };
    let sender = Mail::new(Some(letter.from.clone()), parameters).to_string();
    let recipient = Rcpt::new(letter.to.clone(), Vec::new()).to_string();
    let commands = [
        (Step::Sender, sender),
        (Step::Recipient, recipient),
        (Step::Announcement, Data.to_string()),
    ];
    for (step, command) in commands {
        match timeout(timeouts.command, line.command(command)).await {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => return said_no(step, &error, &letter.to),
            Err(_) => {
                let detail = late(step.name(), timeouts.command);
                return unsent(detail, ConnectionState::Silent);
            }
        }
    }
    give(line, letter, timeouts).await
}

/// Sends the content and the last dot, and waits for the reply.
async fn give(
    line: &mut AsyncSmtpConnection,
    letter: &EncodedMail,
    timeouts: &Timeouts,
) -> SmtpAttempt {
    let all_given = AtomicBool::new(false);
    let end = std::iter::from_fn(|| {
        // From here on the last dot may reach the server, so a failure is uncertain.
        all_given.store(true, Ordering::Relaxed);
        None
    });
    let lines = std::iter::once(letter.bytes.as_slice()).chain(end);
    let answer = timeout(timeouts.data, line.message_iter(lines)).await;
    let (detail, connection) = match answer {
        Ok(Ok(_)) => {
            return SmtpAttempt { sent: MailOutcome::SENT, connection: ConnectionState::Good };
        }
        Ok(Err(error)) if error.status().is_some() => {
            return said_no(Step::Content, &error, &letter.to);
        }
        Ok(Err(error)) => (words(&error), ConnectionState::Lost),
        Err(_) => (late("its acknowledgement", timeouts.data), ConnectionState::Silent),
    };
    if all_given.load(Ordering::Relaxed) {
        let detail = format!("the mail was sent and not acknowledged: {detail}");
        return SmtpAttempt { sent: MailOutcome::uncertain(detail), connection };
    }
    unsent(detail, connection)
}

/// The options of the MAIL command, or why this server cannot send the mail.
fn parameters(
    line: &AsyncSmtpConnection,
    letter: &EncodedMail,
) -> Result<Vec<MailParameter>, MailOutcome> {
    if letter.bytes.is_ascii() && [&letter.from, &letter.to].iter().all(|a| is_ascii(a)) {
        return Ok(Vec::new());
    }
    let server = line.server_info();
    let can = |extension| server.supports_feature(extension);
    if can(Extension::SmtpUtfEight) && can(Extension::EightBitMime) {
        let eight_bits = MailParameter::Body(MailBodyParameter::EightBitMime);
        return Ok(vec![MailParameter::SmtpUtfEight, eight_bits]);
    }
    // Domains are in A-labels, so the letters beyond ASCII are before the sign.
    let (code, detail) = if is_ascii(&letter.to) {
        let detail = "the sender's address has letters beyond ASCII before the @, which the mail server does not accept; correct the setting mail_from";
        (Code::DeliveryRefused, detail)
    } else {
        let detail = "the address has letters beyond ASCII before the @, which the mail server does not accept (it has no SMTPUTF8)";
        (Code::RecipientEmailUndeliverable, detail)
    };
    Err(MailOutcome::Failed { code, detail: Some(detail.to_owned()) })
}

fn is_ascii(address: &Address) -> bool {
    AsRef::<str>::as_ref(address).is_ascii()
}

fn said_no(step: Step, error: &Error, to: &Address) -> SmtpAttempt {
    let Some(status) = error.status() else { return unsent(words(error), ConnectionState::Lost) };
    let status = status.to_string();
    let reply = reply(error);
    let shown = without(&reply, to);
    let detail = clipped(&format!("the mail server said {}: {status} {shown}", step.name()));
    // A refusal of the sender or of the connection does not concern the recipient.
    let all = status == "421" || step == Step::Sender;
    let sent = if error.is_transient() {
        if all { MailOutcome::unavailable(detail) } else { MailOutcome::retry(detail) }
    } else {
        MailOutcome::Failed { code: verdict(step, &status, &reply), detail: Some(detail) }
    };
    // 421 means that the server closes the connection.
    let is_closed = status == "421";
    SmtpAttempt {
        sent,
        connection: if is_closed { ConnectionState::Lost } else { ConnectionState::Good },
    }
}

/// Whether a permanent rejection concerns the address of the recipient.
///
/// The enhanced code decides if there is one (RFC 3463: 5.1.x addressing, 5.2.1 mailbox disabled). Otherwise the
/// plain code (RFC 5321, 4.2.3) decides, at the step of the recipient only.
fn verdict(step: Step, status: &str, reply: &str) -> Code {
    let about_recipient = match (step, enhanced(reply)) {
        // 5.1.7 and 5.1.8 concern the sender.
        (Step::Recipient | Step::Content, Some((1, detail))) => !matches!(detail, 7 | 8),
        (Step::Recipient | Step::Content, Some((2, 1))) => true,
        (Step::Recipient, None | Some((0, _))) => matches!(status, "550" | "551" | "553"),
        _ => false,
    };
    if about_recipient { Code::RecipientEmailUndeliverable } else { Code::DeliveryRefused }
}

/// Subject and detail of an enhanced code `5.subject.detail` at the start of a reply.
fn enhanced(reply: &str) -> Option<(u16, u16)> {
    let mut numbers = reply.split_whitespace().next()?.split('.');
    if numbers.next()? != "5" {
        return None;
    }
    let subject = numbers.next()?.parse().ok()?;
    let detail = numbers.next()?.parse().ok()?;
    numbers.next().is_none().then_some((subject, detail))
}

/// The outcome if the connection failed and the mail was certainly not sent.
fn unsent(detail: String, connection: ConnectionState) -> SmtpAttempt {
    SmtpAttempt { sent: MailOutcome::unavailable(detail), connection }
}

fn late(what: &str, limit: Duration) -> String {
    format!("no answer within {} s: {what}", limit.as_secs_f32())
}

/// The text of a server reply without its code.
fn reply(error: &Error) -> String {
    std::error::Error::source(error).map(ToString::to_string).unwrap_or_default()
}

fn words(error: &Error) -> String {
    clipped(&error.to_string())
}

/// Removes the address from a reply: servers often repeat it, but neither the event log nor the program's log lines may contain it.
fn without(reply: &str, to: &Address) -> String {
    let address = AsRef::<str>::as_ref(to).to_ascii_lowercase();
    let lower = reply.to_ascii_lowercase();
    let mut shown = String::with_capacity(reply.len());
    let mut from = 0;
    for (at, found) in lower.match_indices(&address) {
        shown.push_str(reply.get(from..at).unwrap_or_default());
        shown.push_str("(recipient)");
        from = at + found.len();
    }
    shown + reply.get(from..).unwrap_or_default()
}

fn clipped(text: &str) -> String {
    let plain = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    plain.take(MAX_DETAIL_CHARS).collect::<String>().trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rejected_recipient_is_distinguished_from_other_rejections() {
        let address = Code::RecipientEmailUndeliverable;
        let other = Code::DeliveryRefused;
        for (step, status, reply, expected) in [
            (Step::Recipient, "550", "no such user", address),
            (Step::Recipient, "551", "not local", address),
            (Step::Recipient, "553", "bad name", address),
            (Step::Recipient, "550", "5.1.1 no such user", address),
            (Step::Recipient, "554", "5.1.2 bad system", address),
            (Step::Recipient, "550", "5.2.1 disabled", address),
            (Step::Recipient, "550", "5.7.1 relay denied", other),
            (Step::Recipient, "552", "5.2.2 full", other),
            (Step::Recipient, "554", "no", other),
            (Step::Recipient, "550", "5.1.8 sender's domain", other),
            (Step::Sender, "550", "5.1.1 who are you", other),
            (Step::Announcement, "554", "no valid recipients", other),
            (Step::Content, "550", "spam", other),
            (Step::Content, "550", "5.1.1 no such user", address),
        ] {
            assert_eq!(verdict(step, status, reply), expected, "{status} {reply}");
        }
    }

    #[test]
    fn replies_are_stored_without_the_address() {
        let to: Address = "jane.h@acme.example".parse().unwrap();
        let shown = without("<Jane.H@Acme.example> ünknown, jane.h@acme.example", &to);
        assert_eq!(shown, "<(recipient)> ünknown, (recipient)");
        assert_eq!(clipped(&"x\r\n".repeat(500)).chars().count(), MAX_DETAIL_CHARS - 1);
    }
}
