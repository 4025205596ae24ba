//! The SMTP transport on a real mail server: the outcome of each answer and each silence of the server.

use std::time::Duration;

use boarding_commands::decide::outcome::MailOutcome;
use boarding_commands::template::Rendered;
use boarding_commands::values::{Code, Time};
use boarding_core::delivery::mail::{Mail, Purpose};
use boarding_core::delivery::smtp::{SmtpTransport, Timeouts};
use boarding_core::delivery::{Transport as _, TransportAnswer};

use crate::support::mail_server::{MailServer, ReceivedMail, smtp_url};
use crate::support::paths::tests_folder;

/// Long enough for a busy machine.
const LONG_TIMEOUTS: Timeouts = Timeouts {
    connect: Duration::from_secs(20),
    command: Duration::from_secs(20),
    data: Duration::from_secs(20),
};
/// The timeout of the step at which a test's server stays silent.
const SHORT_TIMEOUT: Duration = Duration::from_millis(300);

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
        coded_link: None,
        text_message: None,
        invitation: None,
    }
}

fn transport(server: &MailServer, timeouts: Timeouts) -> SmtpTransport {
    let url = format!("smtp://127.0.0.1:{}?connections=4", server.port);
    SmtpTransport::with_timeouts(&url, timeouts).unwrap()
}

async fn send(server: &MailServer, recipient: &str) -> TransportAnswer {
    transport(server, LONG_TIMEOUTS).send_batch(vec![mail(recipient)]).await.remove(0)
}

#[track_caller]
fn is_permanent(sent: &TransportAnswer, expected: Code) {
    assert!(
        matches!(sent, TransportAnswer::Outcome(MailOutcome::Failed { code, .. }) if *code == expected),
        "{sent:?}"
    );
}

fn is_uncertain(sent: &TransportAnswer) -> bool {
    let expected = Code::DeliveryUncertain;
    matches!(sent, TransportAnswer::Outcome(MailOutcome::Failed { code, .. }) if *code == expected)
}

/// The mail may be sent again. `expected` says whether the refusal concerns the person or the whole server.
#[track_caller]
fn is_temporary(sent: &TransportAnswer, expected: Code) {
    assert!(
        matches!(sent, TransportAnswer::Outcome(MailOutcome::Retry { code, .. }) if *code == expected),
        "{sent:?}"
    );
}

#[tokio::test]
async fn mail_arrives_unchanged() {
    let server = MailServer::start(&[]);
    assert_eq!(send(&server, "ok").await, TransportAnswer::SENT);
    let received = server.received();
    assert_eq!(received.len(), 1);
    assert_eq!(received[0].from, "onboarding@acme.example");
    assert_eq!(received[0].to, ["ok@people.example"]);
    let expected = String::from_utf8(mail("ok").letter().unwrap().bytes).unwrap();
    // The line end before the final dot belongs to the protocol, so ends are not compared.
    assert_eq!(received[0].data.trim_end(), expected.trim_end());
}

#[tokio::test]
async fn batch_is_answered_in_order_over_few_connections() {
    let server = MailServer::start(&[]);
    let transport = transport(&server, LONG_TIMEOUTS);
    let names: Vec<String> =
        (0..60).map(|n| if n % 3 == 0 { format!("r550.{n}") } else { format!("ok.{n}") }).collect();
    let sent = transport.send_batch(names.iter().map(|name| mail(name)).collect()).await;
    for (at, sent) in sent.iter().enumerate() {
        if at % 3 == 0 {
            is_permanent(sent, Code::RecipientEmailUndeliverable);
        } else {
            assert_eq!(*sent, TransportAnswer::SENT, "{at}");
        }
    }
    let received = server.received();
    let mut connections: Vec<u64> =
        received.iter().map(|mail: &ReceivedMail| mail.connection).collect();
    connections.sort_unstable();
    connections.dedup();
    assert_eq!(received.len(), 40);
    assert!(connections.len() <= 4, "{} connections", connections.len());
}

/// LX-27, fault row 30: The server refuses the address permanently.
#[tokio::test]
async fn permanently_refused_address_is_undeliverable() {
    let server = MailServer::start(&[]);
    for name in ["r550", "r551", "r553", "r550-5.1.1", "r554-5.1.2"] {
        let sent = send(&server, name).await;
        is_permanent(&sent, Code::RecipientEmailUndeliverable);
        assert!(!format!("{sent:?}").contains("people.example"), "{sent:?}");
    }
    assert_eq!(server.received().len(), 0);
}

/// Fault row 30: The server refuses the mail permanently, for a reason other than the address.
#[tokio::test]
async fn permanently_refused_mail_is_a_refused_delivery() {
    let server = MailServer::start(&[]);
    for name in ["r554", "r550-5.7.1", "r552-5.2.2", "d554", "d550-5.7.1"] {
        is_permanent(&send(&server, name).await, Code::DeliveryRefused);
    }
}

/// Fault row 29: The server refuses temporarily.
#[tokio::test]
async fn temporarily_refused_mail_is_a_temporary_failure() {
    let server = MailServer::start(&[]);
    for name in ["r450", "r451", "r452", "d451", "d452"] {
        is_temporary(&send(&server, name).await, Code::DeliveryTemporaryFailure);
    }
    // With 421 the server closes the connection, for any recipient.
    for name in ["r421", "bye"] {
        is_temporary(&send(&server, name).await, Code::DeliveryServerUnavailable);
    }
    assert_eq!(server.received().len(), 0);
}

/// Fault row 32: The connection is lost before the mail's content, so the mail was not sent.
#[tokio::test]
async fn connection_lost_before_the_content_is_a_temporary_failure() {
    let server = MailServer::start(&[]);
    is_temporary(&send(&server, "cut").await, Code::DeliveryServerUnavailable);
    assert_eq!(server.received().len(), 0);
}

/// Fault row 33: The server has the mail, but its answer is lost. The mail must not be sent again.
#[tokio::test]
async fn connection_lost_after_the_content_is_uncertain() {
    let server = MailServer::start(&[]);
    let sent = send(&server, "lost").await;
    assert!(is_uncertain(&sent), "{sent:?}");
    assert_eq!(server.received().len(), 1);
    assert!(!transport(&server, LONG_TIMEOUTS).deduplicates());
}

/// Fault rows 28 and 33: The server does not answer after the content.
#[tokio::test]
async fn silence_after_the_content_is_uncertain() {
    let server = MailServer::start(&[]);
    let transport = transport(&server, Timeouts { data: SHORT_TIMEOUT, ..LONG_TIMEOUTS });
    let sent = transport.send_batch(vec![mail("silent")]).await.remove(0);
    assert!(is_uncertain(&sent), "{sent:?}");
    // The transport does not use that connection again.
    assert_eq!(transport.send_batch(vec![mail("ok")]).await, [TransportAnswer::SENT]);
}

/// Fault row 28: The server accepts the connection and sends no greeting.
#[tokio::test]
async fn missing_greeting_is_a_temporary_failure() {
    let server = MailServer::start(&["--greeting", "silent"]);
    let transport = transport(&server, Timeouts { connect: SHORT_TIMEOUT, ..LONG_TIMEOUTS });
    is_temporary(
        &transport.send_batch(vec![mail("ok")]).await.remove(0),
        Code::DeliveryServerUnavailable,
    );
}

/// Fault rows 27 and 29: No server, an unknown host name, and a server that refuses connections.
#[tokio::test]
async fn unavailable_server_is_a_temporary_failure() {
    let busy = MailServer::start(&["--greeting", "421"]);
    is_temporary(&send(&busy, "ok").await, Code::DeliveryServerUnavailable);
    let port = {
        let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        closed.local_addr().unwrap().port()
    };
    for url in [smtp_url(port), "smtp://no-such-host.invalid:25".to_owned()] {
        let transport = SmtpTransport::with_timeouts(&url, LONG_TIMEOUTS).unwrap();
        is_temporary(
            &transport.send_batch(vec![mail("ok")]).await.remove(0),
            Code::DeliveryServerUnavailable,
        );
    }
}

#[tokio::test]
async fn closed_idle_connection_is_replaced() {
    let server = MailServer::start(&[]);
    let transport = transport(&server, LONG_TIMEOUTS);
    assert_eq!(transport.send_batch(vec![mail("ok")]).await, [TransportAnswer::SENT]);
    let port = server.port;
    drop(server);
    is_temporary(
        &transport.send_batch(vec![mail("ok")]).await.remove(0),
        Code::DeliveryServerUnavailable,
    );
    let restarted = MailServer::on(port, &[]);
    assert_eq!(transport.send_batch(vec![mail("ok")]).await, [TransportAnswer::SENT]);
    assert_eq!(restarted.received().len(), 1);
}

#[tokio::test]
async fn address_beyond_ascii_needs_smtputf8() {
    let with_smtputf8 = MailServer::start(&[]);
    assert_eq!(send(&with_smtputf8, "ok.jürgen").await, TransportAnswer::SENT);
    let without = MailServer::start(&["--plain-addresses"]);
    is_permanent(&send(&without, "ok.jürgen").await, Code::RecipientEmailUndeliverable);
    assert_eq!(without.received().len(), 0);
}

/// A domain beyond ASCII goes out in A-labels, so only letters before the `@` need SMTPUTF8.
#[tokio::test]
async fn domain_beyond_ascii_needs_no_smtputf8() {
    let server = MailServer::start(&["--plain-addresses"]);
    let to = |to: &str| Mail { to: to.to_owned(), ..mail("ok") };
    let mails =
        ["ok.a@münchen.example", "ok.b@xn--mnchen-3ya.example", "ok.jürgen@exämple.example"];
    let from = "Acme <onboarding@münchen.example>".to_owned();
    let mails = mails.map(|address| Mail { from: from.clone(), ..to(address) });
    let sent = transport(&server, LONG_TIMEOUTS).send_batch(mails.into()).await;
    assert_eq!(sent[..2], [TransportAnswer::SENT, TransportAnswer::SENT]);
    is_permanent(&sent[2], Code::RecipientEmailUndeliverable);
    assert!(format!("{:?}", sent[2]).contains("before the @"), "{sent:?}");
    let mut received: Vec<_> = server.received().into_iter().flat_map(|mail| mail.to).collect();
    received.sort();
    assert_eq!(received, ["ok.a@xn--mnchen-3ya.example", "ok.b@xn--mnchen-3ya.example"]);
}

/// A server with STARTTLS that requires a login.
fn secure_server() -> MailServer {
    encrypted_server(&[])
}

fn encrypted_server(more: &[&str]) -> MailServer {
    let file = |name: &str| tests_folder().join("smtp_sink").join(name).display().to_string();
    let (certificate, key) = (file("certificate.pem"), file("key.pem"));
    let options = ["--tls", &certificate, &key, "--login", "jane", "s@fe"];
    MailServer::start(&[&options, more].concat())
}

#[tokio::test]
async fn mail_is_sent_encrypted_from_the_first_byte() {
    let server = encrypted_server(&["--from-first-byte"]);
    let ca = tests_folder().join("smtp_sink/authority.pem").display().to_string();
    let send = async |parts: &str| {
        let url = format!("smtps://jane:s%40fe@localhost:{}{parts}", server.port);
        let transport = SmtpTransport::with_timeouts(&url, LONG_TIMEOUTS).unwrap();
        transport.send_batch(vec![mail("ok")]).await.remove(0)
    };
    is_temporary(&send("").await, Code::DeliveryServerUnavailable);
    assert_eq!(send(&format!("?ca={ca}")).await, TransportAnswer::SENT);
    assert_eq!(server.received().len(), 1);
}

#[tokio::test]
async fn mail_is_sent_encrypted_after_login() {
    let server = secure_server();
    let ca = tests_folder().join("smtp_sink/authority.pem").display().to_string();
    let url = format!("smtp://jane:s%40fe@localhost:{}?tls=required&ca={ca}", server.port);
    let transport = SmtpTransport::with_timeouts(&url, LONG_TIMEOUTS).unwrap();
    assert_eq!(transport.send_batch(vec![mail("ok")]).await, [TransportAnswer::SENT]);
    assert_eq!(server.received().len(), 1);
}

#[tokio::test]
async fn untrusted_certificate_gets_no_mail() {
    let server = secure_server();
    let url = format!("smtp://jane:s%40fe@localhost:{}?tls=required", server.port);
    let transport = SmtpTransport::with_timeouts(&url, LONG_TIMEOUTS).unwrap();
    is_temporary(
        &transport.send_batch(vec![mail("ok")]).await.remove(0),
        Code::DeliveryServerUnavailable,
    );
    assert_eq!(server.received().len(), 0);
}

#[tokio::test]
async fn server_without_required_encryption_gets_no_mail() {
    let server = MailServer::start(&[]);
    let url = format!("smtp://127.0.0.1:{}?tls=required", server.port);
    let transport = SmtpTransport::with_timeouts(&url, LONG_TIMEOUTS).unwrap();
    is_temporary(
        &transport.send_batch(vec![mail("ok")]).await.remove(0),
        Code::DeliveryServerUnavailable,
    );
    assert_eq!(server.received().len(), 0);
}

/// P31: A refused login is a temporary failure, and its text does not contain the password.
#[tokio::test]
async fn refused_login_is_temporary_and_hides_the_password() {
    let server = secure_server();
    let ca = tests_folder().join("smtp_sink/authority.pem");
    let url = format!("smtp://jane:wrong@localhost:{}?ca={}", server.port, ca.display());
    let transport = SmtpTransport::with_timeouts(&url, LONG_TIMEOUTS).unwrap();
    let sent = transport.send_batch(vec![mail("ok")]).await.remove(0);
    is_temporary(&sent, Code::DeliveryServerUnavailable);
    assert!(format!("{sent:?}").contains("535"), "{sent:?}");
    assert!(!format!("{sent:?} {transport:?}").contains("wrong"), "{sent:?} {transport:?}");
}
