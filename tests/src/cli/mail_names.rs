//! Names of people in mails: links and writing directions in a name do no harm.

use serde_json::{Value, json};

use crate::support::mail_server::MailServer;
use crate::support::mail_text::{ReadMail, read};
use crate::support::paths::fixture;
use crate::support::program::Cli;

/// The import of a field case, and the mails that its people got from a real mail server.
fn invited(file: &str) -> (Value, Vec<ReadMail>) {
    let server = MailServer::start(&[]);
    let smtp = server.url();
    let cli = Cli::with_company_of("company/field.json");
    let settings = ["link_base_url", "https://acme.example/link", "mail_from", "on@acme.example"];
    cli.run(&[&["config", "set"][..], &settings].concat()).expect_status(0);
    let import = cli.import(&fixture(&format!("field/{file}.csv")));
    let run = ["runs", "start", "--channel", "whatsapp", "--import", "latest", "--yes"];
    cli.run(&[&run[..], &["--smtp", &smtp]].concat()).expect_status(0);
    let rows = json!(cli.rows(&["imports", "rows", "latest"]));
    let mails = server.received();
    (json!({"import": import, "rows": rows}), mails.iter().map(|mail| read(&mail.data)).collect())
}

/// N96: A name that is or holds a link is imported with a warning. Its mail greets without the name.
#[test]
fn name_that_is_a_link_is_not_in_the_mail() {
    let (imported, mails) = invited("32-name-is-a-link");
    assert_eq!(imported["import"]["warnings"], 2, "{imported}");
    for (row, user) in [(0, "link"), (1, "link2")] {
        let warnings = &imported["rows"][row]["warnings"];
        let warned = (&warnings[0]["column"], &warnings[0]["code"]);
        assert_eq!(warned, (&json!("first_name"), &json!("name.looks_like_link")));
        let greets = |mail: &&ReadMail| mail.text.contains(&format!("Dear {user},"));
        let mail = mails.iter().find(greets).unwrap();
        for part in [&mail.to, &mail.subject, &mail.text, &mail.html] {
            assert!(!part.contains("evil") && !part.contains("locked"), "{part}");
        }
    }
}

/// N96: Names of other writing directions are isolated in every part of the mail, and joiners stay.
#[test]
fn names_are_isolated_in_mails() {
    for (file, names) in [
        ("29-rtl-names", ["ليلى حداد", "נועה לוי (QA)"].as_slice()),
        ("28-emoji", ["👩\u{200d}👩\u{200d}👧 Ana Lee🏳\u{fe0f}\u{200d}🌈"].as_slice()),
    ] {
        let (_, mails) = invited(file);
        assert_eq!(mails.len(), names.len());
        for name in names {
            let mail = mails.iter().find(|mail| mail.text.contains(name)).unwrap();
            assert!(mail.text.starts_with(&format!("Dear \u{2068}{name}\u{2069},")), "{mail:?}");
            assert!(mail.html.contains(&format!("Dear <bdi>{name}</bdi>,")), "{mail:?}");
            assert!(
                mail.to.starts_with(name) || mail.to.contains(&format!("{name}\"")),
                "{mail:?}"
            );
            assert!(!mail.text.contains("\u{2069}https://") && mail.text.contains("\nhttps://"));
        }
    }
}

/// N96: A person who is added or edited alone gets the same warning.
#[test]
fn single_commands_warn_of_a_name_that_is_a_link() {
    let cli = Cli::new();
    let added = cli.run(&["users", "add", "ann", "--first-name", "www.evil.example"]);
    let added = added.expect_status(0);
    assert!(added.stderr.contains("name.looks_like_link"), "{}", added.stderr);
    let body = json!({"user": "bob", "last_name": "evil.example"}).to_string();
    let answer = cli.json(&["command", "AddUser", &body]);
    assert_eq!(answer["result"]["warnings"][0]["column"], "last_name");
}
