//! P31: what the program says of itself carries no phone, address, token or file content.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use boarding_commands::values::Code;
use boarding_core::delivery::DeliveryOutcome;
use serde_json::json;
use tracing_subscriber::fmt::MakeWriter;

use super::held_channel::HeldChannel;
use super::{EngineHarness, import_body, ok};

/// All that was logged.
#[derive(Clone, Default)]
struct Said(Arc<Mutex<Vec<u8>>>);

impl Write for Said {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Said {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

/// A user name is no secret: a refusal may say whose a phone is.
const SECRETS: [&str; 5] = ["912345678", "912345679", "Geheimrat", "people.example", "SECRETNOTE"];

#[track_caller]
fn is_clean(what: &str, text: &str) {
    for secret in SECRETS {
        assert!(!text.contains(secret), "{what} says {secret}: {text}");
    }
}

/// P31: the log of a run with every kind of mishap, and every refusal on the way.
#[tokio::test]
async fn p31_neither_logs_nor_refusals_carry_what_is_personal() {
    let said = Said::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing_subscriber::filter::LevelFilter::TRACE)
        .with_writer(said.clone())
        .finish();
    let guard = tracing_subscriber::util::SubscriberInitExt::set_default(subscriber);
    let channel = HeldChannel::new(false);
    let mut harness = EngineHarness::acme(Some(channel.clone())).await;
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
        is_clean(&format!("{name} {code:?}"), &format!("{message} {details}"));
    }
    ok(&harness
        .submit(
            "StartBulkIntegration",
            json!({"source": {"import": "latest"}, "channel": "whatsapp", "mode": "confirmed"}),
        )
        .await);
    channel.wait_for_mails(2).await;
    let links: Vec<_> = channel.mails().into_iter().map(|mail| mail.content.text).collect();
    harness.crash().await;
    channel.release_all();
    harness.open().await;
    harness.settle().await;
    harness.channel = Some(HeldChannel::answering(
        false,
        DeliveryOutcome::PermanentFailure { code: Code::DeliveryRefused, detail: "no".into() },
    ));
    harness.restart().await;
    let debug = format!("{:?}", harness.engine());
    harness.close().await;
    drop(guard);
    let text = String::from_utf8(said.0.lock().unwrap().clone()).unwrap();
    assert!(text.contains("claims of an earlier process"), "the log was listened to: {text}");
    is_clean("the log", &text);
    is_clean("Debug", &debug);
    for link in links {
        let token = link.split("/link/").nth(1).unwrap().chars().take(48).collect::<String>();
        assert!(token.len() == 48 && !text.contains(&token));
    }
}
