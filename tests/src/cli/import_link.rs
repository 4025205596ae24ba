//! The link in the administrator's mail about an import, followed from the command line.

use boarding_core::clock::Clock;
use serde_json::json;

use crate::support::mail_server::MailServer;
use crate::support::mail_text::{decoded, link_token};
use crate::support::program::Cli;

/// An import of two users and of one who is not created, without invitations. Returns the token of the mailed link.
fn imported(cli: &Cli) -> String {
    let settings = ["channels.whatsapp", "true", "network_admin_email", "admin@people.example"];
    cli.run(&[&["config", "set"], &settings[..]].concat()).expect_status(0);
    let rows = "email/login,Enabled\nann@people.example,TRUE\nbob@people.example,\ncid@people.example,FALSE\n";
    let file = cli.file("people.csv", rows);
    cli.run(&["import", &file, "--dialect", "officechat"]).expect_status(0);
    let mails = std::fs::read_dir(cli.outbox().join("notices")).unwrap();
    let [mail] = mails.map(Result::unwrap).collect::<Vec<_>>().try_into().unwrap();
    link_token(&decoded(&std::fs::read_to_string(mail.path()).unwrap()))
}

/// Follows a link of the administrator, and returns how the run ended.
fn follow(cli: &Cli, token: &str) -> String {
    let start = ["runs", "start", "--channel", "whatsapp", "--yes", "--link", token];
    cli.run(&start).expect_status(5).stdout
}

/// Mails the administrator a new link of the newest import, its link of this number. Returns the mail.
fn renewed(cli: &Cli, generation: u32) -> String {
    cli.run(&["imports", "link", "latest"]).expect_status(0);
    let mails = std::fs::read_dir(cli.outbox().join("notices")).unwrap().map(Result::unwrap);
    let name = format!("_{generation}@");
    let mail = mails.map(|mail| mail.path()).find(|path| path.to_string_lossy().contains(&name));
    decoded(&std::fs::read_to_string(mail.unwrap()).unwrap())
}

/// A mail server that refuses every recipient for good, in a company whose mails may leave by one.
fn refusing_server(cli: &Cli) -> MailServer {
    let sender = ["mail_from", "Acme <hr@people.example>"];
    let base = ["link_base_url", "https://link.people.example/link/"];
    cli.run(&[&["config", "set"], &sender[..], &base].concat()).expect_status(0);
    MailServer::start(&["--refuse", "554"])
}

/// OC-14: the verb follows the whole link or its token, shows the number first, and says how the run ended.
#[test]
fn link_of_an_import_is_followed_by_a_verb() {
    let cli = Cli::new();
    let token = imported(&cli);
    let link = format!("https://boarding.invalid/link/{token}\r\n");
    let start = ["runs", "start", "--channel", "whatsapp", "--link"];
    // Text around the link, as it is copied from a mail.
    for mark in [".", ">", ")", "?from=mail", "/"] {
        let link = format!("{}{mark}", link.trim());
        cli.run(&[&start[..], &[&link, "--preview"]].concat()).expect_status(0);
    }
    let import = cli.rows(&["imports"])[0]["import"].as_str().unwrap().to_owned();
    let preview = cli.run(&[&start[..], &[&link, "--preview"]].concat()).expect_status(0);
    let named = format!("of import {import}, people.csv");
    assert!(preview.stderr.contains(&named), "{}", preview.stderr);
    let answer = cli.json(&[&start[..], &[&link, "--preview"]].concat());
    assert_eq!(answer["result"]["import"], import.as_str());
    let shown = preview.stdout;
    assert!(shown.contains("to 3 users") && shown.contains("2 will be invited"), "{shown}");
    let output = cli.run(&[&start[..], &[&link, "--yes"]].concat()).expect_status(5);
    assert!(output.stdout.contains("is completed: 3 people: 2 invited"), "{}", output.stdout);
    assert!(output.stderr.contains(&named), "{}", output.stderr);
    let again = cli.refused(&[&start[..], &[&token, "--yes"]].concat());
    assert_eq!(again["code"], "invitation.already_used");
    let enable = ["channels.whatsapp", "false", "channels.imessage", "true"];
    cli.run(&[&["config", "set"], &enable[..]].concat()).expect_status(0);
    let hint = cli.run(&["imports", "link", "latest"]).expect_status(0).stderr;
    assert!(hint.contains("--channel imessage --link LINK"), "{hint}");
}

/// OC-14: a command that starts a run prints how the run ended, and who failed and why. The answer has its state at
/// the start, so JSON has the end on stderr.
#[test]
fn command_that_starts_a_run_prints_its_end() {
    let cli = Cli::new();
    let token = imported(&cli);
    let body = json!({"source": {"token": token}, "channel": "whatsapp", "mode": "confirmed"});
    let words = ["command", "StartBulkIntegration", &body.to_string()];
    let text = cli.run(&words).expect_status(5).stdout;
    assert!(text.contains("is completed: 3 people: 2 invited, 0 skipped, 1 failed"), "{text}");
    assert!(text.contains("recipient.user_not_created") && !text.contains("running"), "{text}");
    let body = json!({"source": {"users": ["ann@people.example"]}, "channel": "whatsapp", "mode": "confirmed", "expected_recipients": 1});
    let words = ["command", "StartBulkIntegration", &body.to_string(), "--json"];
    let output = cli.run(&words).expect_status(0);
    assert_eq!(output.json()["outcome"], "accepted");
    assert!(output.stderr.contains("is completed: 1 person: "), "{}", output.stderr);
}

/// OC-14: a later mail counts the runs since the import, and says why a user has no working link. Its link invites
/// only these users, and it has no link if there are none.
#[test]
fn renewed_mail_counts_later_runs_and_ended_links() {
    let cli = Cli::new();
    let token = imported(&cli);
    follow(&cli, &token);
    let mail = renewed(&cli, 2);
    for shown in ["Invited already: 2", "Invitation failed: 1", "Not invited: 0"] {
        assert!(mail.contains(shown), "{shown}: {mail}");
    }
    assert!(mail.contains("(recipient.user_not_created)") && !mail.contains("/link/"), "{mail}");
    for change in ["deactivate", "reactivate"] {
        cli.run(&["users", change, "ann@people.example"]).expect_status(0);
    }
    let mail = renewed(&cli, 3);
    assert!(mail.contains("Invited already: 1") && mail.contains("Not invited: 1"), "{mail}");
    assert!(mail.contains("(invitation.user_inactive)"), "{mail}");
    let followed = follow(&cli, &link_token(&mail));
    assert!(
        followed.contains("is completed: 2 people: 1 invited, 0 skipped, 1 failed"),
        "{followed}"
    );
}

/// OC-14: after a link has expired, a mail that fails leaves no working invitation. The mail about the import says so,
/// and its link invites the person.
#[test]
fn failed_mail_after_an_expired_link_is_told() {
    let cli = Cli::new();
    let token = imported(&cli);
    follow(&cli, &token);
    let later = Clock::system().now().plus_seconds(40 * 24 * 3600);
    cli.run(&["command", "Tick", &json!({"now": later}).to_string()]).expect_status(0);
    let server = refusing_server(&cli);
    let ann = ["--user", "ann@people.example", "--smtp", &server.url(), "--yes"];
    cli.run(&[&["runs", "start", "--channel", "whatsapp"], &ann[..]].concat()).expect_status(5);
    let mail = renewed(&cli, 2);
    for shown in [
        "Invited already: 0",
        "Invitation failed: 2",
        "Not invited: 1",
        "Without a working invitation, and why:",
        "ann@people.example: ",
        "To invite the imported users who have no working invitation",
    ] {
        assert!(mail.contains(shown), "{shown}: {mail}");
    }
    let followed = follow(&cli, &link_token(&mail));
    assert!(followed.contains("is completed: 3 people: 2 invited"), "{followed}");
}

/// OC-14: a mail about an import counts the runs that were requested after it. Clients choose the ids of runs, so the
/// ids say nothing about their order.
#[test]
fn later_runs_are_counted_whatever_their_ids_are() {
    let cli = Cli::new();
    imported(&cli);
    let server = refusing_server(&cli);
    let fail = |run: &str, user: &str| {
        let source = json!({"users": [user]});
        let body = json!({"run": run, "source": source, "channel": "whatsapp", "mode": "confirmed", "expected_recipients": 1});
        let words = ["command", "StartBulkIntegration", &body.to_string(), "--smtp", &server.url()];
        cli.run(&words).expect_status(5);
    };
    fail("7ZZZZZZZZZZZZZZZZZZZZZZZZZ", "ann@people.example");
    let file = cli.file("again.csv", "email/login\nann@people.example\nbob@people.example\n");
    cli.run(&["import", &file, "--dialect", "officechat"]).expect_status(0);
    fail("00000000000000000000000001", "bob@people.example");
    let mail = renewed(&cli, 2);
    for shown in ["Invitation failed: 1", "Not invited: 1", "bob@people.example: "] {
        assert!(mail.contains(shown), "{shown}: {mail}");
    }
    assert!(!mail.contains("ann@people.example: "), "{mail}");
}

/// After an undo the word `latest` means an older import. The preview and the new link name it and its file.
#[test]
fn older_import_is_named_after_an_undo() {
    let cli = Cli::with_three_people();
    let newer = cli.import(&cli.people("newer.csv", &[("dee", "+84923448079")]));
    cli.run(&["imports", "undo", "latest", "--yes"]).expect_status(0);
    let words = "runs start --channel whatsapp --import latest --preview";
    let said = cli.run(&words.split(' ').collect::<Vec<_>>()).expect_status(0).stderr;
    let undone =
        format!("the newest import {}, newer.csv, is undone", newer["import"].as_str().unwrap());
    assert!(said.contains("of import ") && said.contains(", three.csv"), "{said}");
    assert!(said.contains(&undone), "{said}");
    cli.run(&["config", "set", "network_admin_email", "admin@people.example"]).expect_status(0);
    let link = cli.run(&["imports", "link", "latest"]).expect_status(0);
    let said = link.stderr;
    assert!(said.contains(", three.csv") && said.contains(&undone), "{said}");
    assert!(link.stdout.contains("is mailed to admin@people.example;"), "{}", link.stdout);
}
