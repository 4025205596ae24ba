//! Devices: accounts with a phone in place of an address are invited by text messages.

use std::path::Path;

use serde_json::{Value, json};

use crate::support::mail_server::MailServer;
use crate::support::mail_text::link_token;
use crate::support::paths::files_under;
use crate::support::program::Cli;

const DEVICE: &str = "+84923448071";
const HEADER: &str =
    "firstname,lastname,email address or device,social_messaging,monitor_calls,monitor_sms";

fn meridian() -> Cli {
    let cli = Cli::new();
    let enabled = ["config", "set", "channels.whatsapp", "true", "company_name", "Meridian"];
    cli.run(&enabled).expect_status(0);
    cli.run(&["org-units", "define", "EMEA"]).expect_status(0);
    cli.run(&["permission-groups", "define", "Traders"]).expect_status(0);
    let numbers = ["+1 212 555 0001", "+1 212 555 0002", "+1 212 555 0003"];
    cli.run(&[&["numbers", "add"], &numbers[..], &["--org-unit", "EMEA"]].concat())
        .expect_status(0);
    cli
}

/// Imports Ann, who has an address, and a device, and invites both.
fn invited(cli: &Cli, options: &[&str], status: i32) -> Value {
    let rows = "Ann,Lee,ann@meridian.example,No,off,off\nBob,Ray,+84 923 448 071,No,off,off\n";
    let file = cli.file("accounts.csv", &format!("{HEADER}\n{rows}"));
    let place = ["--organization", "EMEA", "--permission-group", "Traders", "--invite"];
    let words = ["import", &file, "--dialect", "multiline", "--channel", "whatsapp", "--json"];
    cli.run(&[&words[..], &place, options].concat()).expect_status(status).json()
}

/// The files of text messages in a folder and its folders.
fn texts(folder: &Path) -> Vec<String> {
    let files = files_under(folder).into_iter();
    let files = files.filter(|path| path.extension().is_some_and(|end| end == "txt"));
    let mut texts: Vec<_> = files.map(|path| std::fs::read_to_string(path).unwrap()).collect();
    texts.sort();
    texts
}

fn account(cli: &Cli, key: &str) -> Value {
    cli.json(&["accounts", "show", key])
}

/// A44, ML-09: Import & Invite sends a device a text with the number, the words and a link that works.
#[test]
fn device_is_invited_by_a_text_message() {
    let cli = meridian();
    let import = invited(&cli, &[], 0);
    let run = cli.json(&["runs", "show", import["run"].as_str().unwrap()]);
    assert_eq!((&run["passed"], &run["failed"]), (&json!(2), &json!(0)));
    let sent = texts(&cli.outbox());
    let [text] = sent.as_slice() else { panic!("{sent:?}") };
    let (head, body) = text.split_once("\n\n").unwrap();
    assert!(head.contains(&format!("To: {DEVICE}\n")), "{text}");
    let link = head.lines().find_map(|line| line.strip_prefix("Link: ")).unwrap();
    assert!(body.starts_with("Meridian: Activate your MultiLine account"), "{text}");
    assert!(body.contains(link) && body.chars().count() <= 670, "{text}");
    let log = cli.rows(&["log", "latest"]);
    let of_device = log.iter().find(|row| row["username"] == DEVICE).unwrap();
    assert_eq!((&of_device["email"], &of_device["device"]), (&json!(null), &json!(DEVICE)));
    assert_eq!(account(&cli, DEVICE)["status"], "invited");
    let token = json!({"token": link_token(text)}).to_string();
    cli.run(&["command", "LinkCompleted", &token]).expect_status(0);
    assert_eq!(account(&cli, DEVICE)["status"], "active");
}

/// A44: with a mail server and no text gateway the device fails and the reason says what to do. With a folder for
/// texts it can be invited again.
#[test]
fn device_without_a_text_gateway_fails_with_its_remedy() {
    let cli = meridian();
    let server = MailServer::start(&[]);
    let smtp = server.url();
    let base = ["config", "set", "link_base_url", "https://meridian.example/link", "mail_from"];
    cli.run(&[&base[..], &["boarding@meridian.example"]].concat()).expect_status(0);
    invited(&cli, &["--smtp", &smtp], 5);
    let failed = account(&cli, DEVICE);
    assert_eq!(
        (&failed["status"], &failed["code"]),
        (&json!("invitation_failed"), &json!("delivery.no_text_gateway"))
    );
    let log = cli.rows(&["log", "latest", "--status", "failed"]);
    assert!(log[0]["reason"].as_str().unwrap().contains("--text-outbox DIR"), "{log:?}");
    let folder = cli.path().join("texts");
    let gateway = ["--smtp", &smtp, "--text-outbox", folder.to_str().unwrap()];
    let retry = ["runs", "retry", "latest", "--yes"];
    let output = cli.run(&[&retry[..], &gateway].concat()).expect_status(0);
    let asked = "invitation texts to 1 user for them to activate MultiLine";
    assert!(output.stdout.contains(asked), "{}", output.stdout);
    assert_eq!((texts(&folder).len(), server.received().len()), (1, 1));
}

/// A37, A44: the link of a text ends when the device gets another number. The next text goes to the new one.
#[test]
fn link_of_a_text_ends_with_its_number() {
    let cli = meridian();
    invited(&cli, &[], 0);
    let old = link_token(&texts(&cli.outbox())[0]);
    cli.run(&["accounts", "edit", DEVICE, "--address", "+84 923 448 099"]).expect_status(0);
    let refusal = cli.refused(&["command", "LinkCompleted", &json!({"token": old}).to_string()]);
    assert_eq!(refusal["code"], "invitation.phone_changed");
    cli.run(&["invitations", "resend", "--user", "+84 923 448 071", "--yes"]).expect_status(0);
    let sent = texts(&cli.outbox());
    assert!(sent.iter().any(|text| text.contains("To: +84923448099\n")), "{sent:?}");
}

/// ML-03, A44: the wording of a text is checked for its link and its length, and is used for the next text.
#[test]
fn wording_of_a_text_is_checked_and_used() {
    let cli = meridian();
    let set = |text: &str| {
        let file = cli.file("text.txt", text);
        let words = ["templates", "set", "text_invitation", "--language", "en", "--text", &file];
        words.map(str::to_owned)
    };
    let words = set("Come to MultiLine");
    let missing = cli.refused(&words.each_ref().map(String::as_str));
    assert_eq!(missing["code"], "template.missing_required_variable");
    let words = set(&format!("{{{{ link_url }}}} {}", "long ".repeat(140)));
    let long = cli.refused(&words.each_ref().map(String::as_str));
    assert!(long["message"].as_str().unwrap().contains("at most 670"), "{long}");
    for start in ["Subject: Hello", "\n SUBJECT: Hello"] {
        let words = set(&format!("{start}\n\n{{{{ link_url }}}}"));
        let with_subject = cli.refused(&words.each_ref().map(String::as_str));
        assert_eq!(with_subject["code"], "template.invalid");
        let message = with_subject["message"].as_str().unwrap();
        assert!(message.contains("a text message has no subject; remove the line"), "{message}");
    }
    let words = set("Hello {{ full_name }}, open {{ link_url }}");
    cli.run(&words.each_ref().map(String::as_str)).expect_status(0);
    invited(&cli, &[], 0);
    let sent = texts(&cli.outbox());
    assert!(sent[0].contains("\n\nHello Bob Ray, open http"), "{sent:?}");
}
