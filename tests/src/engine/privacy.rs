//! P31: log lines of the program, refusals and `Debug` texts contain no phone, address, token or file content.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use boarding_commands::decide::outcome::MailOutcome;
use boarding_commands::values::Code;
use serde_json::json;
use tracing_subscriber::fmt::MakeWriter;

use super::held_transport::HeldTransport;
use super::{EngineHarness, import_body, ok};
use crate::support::mail_text::link_token;

/// A buffer for the log lines of the program.
#[derive(Clone, Default)]
struct LogBuffer(Arc<Mutex<Vec<u8>>>);

impl Write for LogBuffer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for LogBuffer {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

/// Parts of the personal data in this test. The user names of this test's product are not secret.
const SECRETS: [&str; 5] = ["912345678", "912345679", "Geheimrat", "people.example", "SECRETNOTE"];

#[track_caller]
fn assert_no_secret(source: &str, text: &str) {
    for secret in SECRETS {
        assert!(!text.contains(secret), "{source} contains {secret}: {text}");
    }
}

/// P31: a run with refusals, a crash and failed mails.
#[tokio::test]
async fn logs_and_refusals_contain_no_personal_data() {
    let log = LogBuffer::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing_subscriber::filter::LevelFilter::TRACE)
        .with_writer(log.clone())
        .finish();
    let guard = tracing_subscriber::util::SubscriberInitExt::set_default(subscriber);
    let transport = HeldTransport::new(false);
    let mut harness = EngineHarness::acme(Some(transport.clone())).await;
    let rows = "secretperson,Geheimrat,Geheimrat,secretperson@people.example,+84912345678,,\n\
                other,Geheimrat,Geheimrat,other@people.example,+84912345679,,\n";
    harness.import(rows).await;
    for (name, body) in [
        ("AddUser", json!({"user": "secretperson"})),
        ("AddCorporatePhone", json!({"phone": "+84912345678", "user": "other"})),
        ("AddCorporatePhone", json!({"phone": "84912345678x", "user": "other"})),
        ("AddCorporatePhone", json!({"phone": "+84912345670", "user": "Geheimrat"})),
        ("AddUser", json!({"user": "new", "email": "SECRETNOTE"})),
        ("AddUser", json!({"user": "new", "phone": "SECRETNOTE"})),
        ("AddUser", json!({"user": ["SECRETNOTE"]})),
        ("LinkCompleted", json!({"token": "SECRETNOTE"})),
        ("LinkCompleted", json!({"token": {"SECRETNOTE": 1}})),
        ("ImportFile", import_body("people.csv", "\"SECRETNOTE,+84912345678")),
        (
            "ImportFile",
            json!({"dialect": "leapxpert", "files": [{"name": "p.csv", "text": "SECRETNOTE,912345678\n1,2\n"}]}),
        ),
        (
            "ImportFile",
            json!({"dialect": "leapxpert", "files": [{"name": "p.csv", "base64": "SECRETNOTE!"}]}),
        ),
    ] {
        let answer = harness.submit(name, body.clone()).await;
        let boarding_commands::envelope::Answer::Refused { code, message, details, .. } = answer
        else {
            panic!("{name} {body}: {answer:?}");
        };
        assert_no_secret(&format!("{name} {code:?}"), &format!("{message} {details}"));
    }
    ok(&harness
        .submit(
            "StartBulkIntegration",
            json!({"source": {"import": "latest"}, "channel": "whatsapp", "mode": "confirmed", "expected_recipients": 2}),
        )
        .await);
    transport.wait_for_mails(2).await;
    let texts: Vec<_> = transport.mails().into_iter().map(|mail| mail.content.text).collect();
    harness.crash().await;
    transport.release_all();
    harness.open().await;
    harness.settle().await;
    harness.transport = Some(HeldTransport::answering(
        false,
        MailOutcome::Failed { code: Code::DeliveryRefused, detail: Some("no".into()) }.into(),
    ));
    harness.restart().await;
    let debug = format!("{:?}", harness.engine());
    harness.close().await;
    drop(guard);
    let text = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(text.contains("claims of an earlier process"), "the log was not captured: {text}");
    assert_no_secret("the log", &text);
    assert_no_secret("Debug", &debug);
    for mail in texts {
        let token = link_token(&mail);
        assert!(token.len() == 48 && !text.contains(&token));
    }
}
