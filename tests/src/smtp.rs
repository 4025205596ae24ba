//! The mail channel against a real mail server: what each of its answers, and each silence, comes to.

use std::time::Duration;

use boarding_commands::template::Rendered;
use boarding_commands::values::{Code, Time};
use boarding_core::delivery::mail::{Mail, Purpose};
use boarding_core::delivery::smtp::{SmtpChannel, Timeouts};
use boarding_core::delivery::{Channel as _, DeliveryOutcome};

use crate::support::mail_server::{MailServer, ReceivedMail};
use crate::support::paths::tests_folder;

/// Long enough for a loaded machine, short enough to wait for when a server says nothing.
const PATIENCE: Timeouts = Timeouts {
    connect: Duration::from_secs(20),
    command: Duration::from_secs(20),
    data: Duration::from_secs(20),
};
/// For the tests in which the server stays silent at one step: how long that step may take.
const SHORT: Duration = Duration::from_millis(300);

fn mail(recipient: &str) -> Mail {
    Mail {
        company: "acme".parse().unwrap(),
        purpose: Purpose::Welcome,
        message_id: format!("{}@boarding.test", recipient.replace('ü', "ue")),
        from: "Acme <onboarding@acme.example>".to_owned(),
        to: format!("{recipient}@people.example"),
        to_name: "Zoë Hudson".to_owned(),
        date: Time(0),
        content: Rendered {
            subject: "Willkommen, Zoë".to_owned(),
            text: "Guten Tag\n.\n..zwei\nEnde".to_owned(),
            html: "<p>Guten Tag</p>".to_owned(),
        },
        claim: None,
    }
}

fn channel(sink: &MailServer, timeouts: Timeouts) -> SmtpChannel {
    let url = format!("smtp://127.0.0.1:{}?connections=4", sink.port);
    SmtpChannel::with_timeouts(&url, timeouts).unwrap()
}

async fn send(sink: &MailServer, recipient: &str) -> DeliveryOutcome {
    channel(sink, PATIENCE).send_batch(vec![mail(recipient)]).await.remove(0)
}

#[track_caller]
fn is_permanent(sent: &DeliveryOutcome, expected: Code) {
    assert!(
        matches!(sent, DeliveryOutcome::PermanentFailure { code, .. } if *code == expected),
        "{sent:?}"
    );
}

#[track_caller]
fn is_temporary(sent: &DeliveryOutcome) {
    let expected = Code::DeliveryTemporaryFailure;
    assert!(
        matches!(sent, DeliveryOutcome::TemporaryFailure { code, .. } if *code == expected),
        "{sent:?}"
    );
}

#[tokio::test]
async fn a_mail_arrives_as_it_was_made() {
    let sink = MailServer::start(&[]);
    assert_eq!(send(&sink, "ok").await, DeliveryOutcome::Sent);
    let kept = sink.received();
    assert_eq!(kept.len(), 1);
    assert_eq!(kept[0].from, "onboarding@acme.example");
    assert_eq!(kept[0].to, ["ok@people.example"]);
    let made = String::from_utf8(mail("ok").letter().unwrap().bytes).unwrap();
    // aiosmtpd hands lines over as they came; the last line's end is the dot's.
    assert_eq!(kept[0].data.trim_end(), made.trim_end());
}

#[tokio::test]
async fn a_batch_is_answered_in_its_order_over_few_connections() {
    let sink = MailServer::start(&[]);
    let channel = channel(&sink, PATIENCE);
    let names: Vec<String> =
        (0..60).map(|n| if n % 3 == 0 { format!("r550.{n}") } else { format!("ok.{n}") }).collect();
    let sent = channel.send_batch(names.iter().map(|name| mail(name)).collect()).await;
    for (at, sent) in sent.iter().enumerate() {
        if at % 3 == 0 {
            is_permanent(sent, Code::RecipientEmailUndeliverable);
        } else {
            assert_eq!(*sent, DeliveryOutcome::Sent, "{at}");
        }
    }
    let kept = sink.received();
    let mut connections: Vec<u64> =
        kept.iter().map(|kept: &ReceivedMail| kept.connection).collect();
    connections.sort_unstable();
    connections.dedup();
    assert_eq!(kept.len(), 40);
    assert!(connections.len() <= 4, "{} connections", connections.len());
}

/// LX-27, fault row 30: the address is refused for good.
#[tokio::test]
async fn lx_27_a_refused_address_is_the_recipients_failure() {
    let sink = MailServer::start(&[]);
    for name in ["r550", "r551", "r553", "r550-5.1.1", "r554-5.1.2"] {
        let sent = send(&sink, name).await;
        is_permanent(&sent, Code::RecipientEmailUndeliverable);
        assert!(!format!("{sent:?}").contains("people.example"), "{sent:?}");
    }
    assert_eq!(sink.received().len(), 0);
}

/// Fault row 30: the mail is refused for good, for a reason that is not the address.
#[tokio::test]
async fn a_refused_mail_is_not_the_addresss_fault() {
    let sink = MailServer::start(&[]);
    for name in ["r554", "r550-5.7.1", "r552-5.2.2", "d554", "d550-5.7.1"] {
        is_permanent(&send(&sink, name).await, Code::DeliveryRefused);
    }
}

/// Fault row 29: later perhaps.
#[tokio::test]
async fn a_temporary_no_may_be_tried_again() {
    let sink = MailServer::start(&[]);
    for name in ["r421", "r450", "r451", "r452", "d451", "d452", "bye"] {
        is_temporary(&send(&sink, name).await);
    }
    assert_eq!(sink.received().len(), 0);
}

/// Fault row 32: lost before the mail was asked for, so surely not sent.
#[tokio::test]
async fn a_connection_lost_before_the_mail_may_be_tried_again() {
    let sink = MailServer::start(&[]);
    is_temporary(&send(&sink, "cut").await);
    assert_eq!(sink.received().len(), 0);
}

/// Fault row 33: the server has the mail and its answer is lost; nobody may send it again.
#[tokio::test]
async fn a_connection_lost_after_the_last_dot_leaves_the_mail_in_doubt() {
    let sink = MailServer::start(&[]);
    let sent = send(&sink, "lost").await;
    assert!(matches!(sent, DeliveryOutcome::Uncertain { .. }), "{sent:?}");
    assert_eq!(sink.received().len(), 1);
    assert!(!channel(&sink, PATIENCE).deduplicates());
}

/// Fault rows 28 and 33: silence after the last dot is doubt as well.
#[tokio::test]
async fn silence_after_the_last_dot_leaves_the_mail_in_doubt() {
    let sink = MailServer::start(&[]);
    let channel = channel(&sink, Timeouts { data: SHORT, ..PATIENCE });
    let sent = channel.send_batch(vec![mail("silent")]).await.remove(0);
    assert!(matches!(sent, DeliveryOutcome::Uncertain { .. }), "{sent:?}");
    // The connection in doubt is not used again.
    assert_eq!(channel.send_batch(vec![mail("ok")]).await, [DeliveryOutcome::Sent]);
}

/// Fault row 28: a server that accepts the connection and says nothing.
#[tokio::test]
async fn a_silent_greeting_may_be_tried_again() {
    let sink = MailServer::start(&["--greeting", "silent"]);
    let channel = channel(&sink, Timeouts { connect: SHORT, ..PATIENCE });
    is_temporary(&channel.send_batch(vec![mail("ok")]).await.remove(0));
}

/// Fault rows 27 and 29: no server, no such name, a server that is too busy to greet.
#[tokio::test]
async fn a_server_that_is_down_may_be_tried_again() {
    let busy = MailServer::start(&["--greeting", "421"]);
    is_temporary(&send(&busy, "ok").await);
    let port = {
        let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        closed.local_addr().unwrap().port()
    };
    for url in [format!("smtp://127.0.0.1:{port}"), "smtp://no-such-host.invalid:25".to_owned()] {
        let channel = SmtpChannel::with_timeouts(&url, PATIENCE).unwrap();
        is_temporary(&channel.send_batch(vec![mail("ok")]).await.remove(0));
    }
}

/// A connection that died while it lay idle costs no mail.
#[tokio::test]
async fn an_idle_connection_that_died_is_replaced() {
    let sink = MailServer::start(&[]);
    let channel = channel(&sink, PATIENCE);
    assert_eq!(channel.send_batch(vec![mail("ok")]).await, [DeliveryOutcome::Sent]);
    let port = sink.port;
    drop(sink);
    is_temporary(&channel.send_batch(vec![mail("ok")]).await.remove(0));
    let back = MailServer::start(&["--port", &port.to_string()]);
    assert_eq!(channel.send_batch(vec![mail("ok")]).await, [DeliveryOutcome::Sent]);
    assert_eq!(back.received().len(), 1);
}

#[tokio::test]
async fn an_address_that_the_server_cannot_write_is_the_recipients_failure() {
    let able = MailServer::start(&[]);
    assert_eq!(send(&able, "ok.jürgen").await, DeliveryOutcome::Sent);
    let plain = MailServer::start(&["--plain-addresses"]);
    is_permanent(&send(&plain, "ok.jürgen").await, Code::RecipientEmailUndeliverable);
    assert_eq!(plain.received().len(), 0);
}

fn encrypted(url_end: &str, sink: &MailServer) -> SmtpChannel {
    let ca = tests_folder().join("smtp_sink/authority.pem");
    let url = format!("smtp://jane:s%40fe@localhost:{}?{url_end}&ca={}", sink.port, ca.display());
    SmtpChannel::with_timeouts(&url, PATIENCE).unwrap()
}

fn secure_sink() -> MailServer {
    let file = |name: &str| tests_folder().join("smtp_sink").join(name).display().to_string();
    let (certificate, key) = (file("certificate.pem"), file("key.pem"));
    MailServer::start(&["--tls", &certificate, &key, "--login", "jane", "s@fe"])
}

#[tokio::test]
async fn a_mail_goes_out_encrypted_after_logging_in() {
    let sink = secure_sink();
    let sent = encrypted("tls=required", &sink).send_batch(vec![mail("ok")]).await;
    assert_eq!(sent, [DeliveryOutcome::Sent]);
    assert_eq!(sink.received().len(), 1);
}

#[tokio::test]
async fn nothing_is_sent_to_a_server_that_cannot_prove_itself() {
    let sink = secure_sink();
    let url = format!("smtp://jane:s%40fe@localhost:{}?tls=required", sink.port);
    let distrustful = SmtpChannel::with_timeouts(&url, PATIENCE).unwrap();
    is_temporary(&distrustful.send_batch(vec![mail("ok")]).await.remove(0));
    assert_eq!(sink.received().len(), 0);
}

#[tokio::test]
async fn nothing_is_sent_in_the_clear_when_encryption_is_required() {
    let sink = MailServer::start(&[]);
    let url = format!("smtp://127.0.0.1:{}?tls=required", sink.port);
    let strict = SmtpChannel::with_timeouts(&url, PATIENCE).unwrap();
    is_temporary(&strict.send_batch(vec![mail("ok")]).await.remove(0));
    assert_eq!(sink.received().len(), 0);
}

/// P31: a wrong password is the administrator's to mend, and is shown to nobody.
#[tokio::test]
async fn p31_a_refused_login_may_be_tried_again_and_shows_no_password() {
    let sink = secure_sink();
    let ca = tests_folder().join("smtp_sink/authority.pem");
    let url = format!("smtp://jane:wrong@localhost:{}?ca={}", sink.port, ca.display());
    let channel = SmtpChannel::with_timeouts(&url, PATIENCE).unwrap();
    let sent = channel.send_batch(vec![mail("ok")]).await.remove(0);
    is_temporary(&sent);
    assert!(format!("{sent:?}").contains("535"), "{sent:?}");
    assert!(!format!("{sent:?} {channel:?}").contains("wrong"), "{sent:?} {channel:?}");
}
