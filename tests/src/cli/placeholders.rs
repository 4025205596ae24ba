//! Mails with a dead link or an invalid sender: a mail server gets none, and the outbox gets them with a note.

use serde_json::json;

use crate::support::mail_server::MailServer;
use crate::support::mail_text::{decoded, link_token};
use crate::support::program::{Cli, Output};

const LINK: [&str; 2] = ["link_base_url", "https://link.acme.example/"];
const SENDER: [&str; 2] = ["mail_from", "on@acme.example"];
const UNSET: &str = "config.link_base_url_unset";

/// A company with Ann, who can be invited, and a run of Bob, who has failed. It has only these settings of mails.
fn with_settings(settings: &[[&str; 2]]) -> Cli {
    let cli = Cli::new();
    let mut set = vec![["channels.whatsapp", "true"]];
    set.extend(settings);
    cli.run(&[&["config", "set"][..], set.as_flattened()].concat()).expect_status(0);
    let header = "username,email,phone_number\n";
    let people = format!("{header}ann,ann@acme.example,+84923448071\nbob,bob@acme.example,\n");
    cli.run(&["import", &cli.file("a.csv", &people), "--dialect", "leapxpert", "--add-phones"])
        .expect_status(0);
    cli.run(&["runs", "start", "--channel", "whatsapp", "--user", "bob", "--yes"]).expect_status(5);
    cli.run(&["config", "set", "network_admin_email", "una@acme.example"]).expect_status(0);
    cli
}

/// The verbs that send mails with a link. Files of people are new for each.
fn verbs(cli: &Cli) -> Vec<Vec<String>> {
    let leapxpert =
        cli.file("b.csv", "username,email,phone_number\ncid,cid@acme.example,+84923448072\n");
    let officechat = cli.file("c.csv", "email/login\ndan@acme.example\n");
    let words = [
        "runs retry latest --yes-again".to_owned(),
        "runs start --channel whatsapp --user ann --yes".to_owned(),
        "invitations resend --channel whatsapp --filter not_invited --yes".to_owned(),
        "invitations resend --channel whatsapp --user ann --yes".to_owned(),
        "imports link latest".to_owned(),
        format!(
            "import {leapxpert} --dialect leapxpert --add-phones --invite --channel whatsapp --yes-again"
        ),
        format!("import {leapxpert} --dialect leapxpert --add-phones --send-welcome-email"),
        format!("import {officechat} --dialect officechat --auto-invite --channel whatsapp"),
    ];
    words.iter().map(|line| line.split(' ').map(str::to_owned).collect()).collect()
}

/// LX-30: with only one of the two settings unset, every verb that mails a link by a mail server is refused, and the
/// message has the command for the one that is missing.
#[test]
fn one_unset_setting_refuses_every_verb_that_mails_links() {
    let server = MailServer::start(&[]);
    let smtp = server.url();
    for (set, unset, other) in [(SENDER, LINK, SENDER), (LINK, SENDER, LINK)] {
        let cli = with_settings(&[set]);
        for verb in verbs(&cli) {
            let verb: Vec<_> = verb.iter().map(String::as_str).collect();
            let refused = cli.refused(&[&verb[..], &["--smtp", &smtp]].concat());
            assert_eq!(refused["code"], UNSET, "{verb:?}");
            let message = refused["message"].as_str().unwrap();
            let command = |setting: &str| format!("boarding config set {setting} ");
            assert!(message.contains(&command(unset[0])), "{verb:?}: {message}");
            assert!(!message.contains(&command(other[0])), "{verb:?}: {message}");
        }
    }
    assert_eq!(server.received().len(), 0);
}

/// LX-30: the outbox may show placeholders, and every verb that writes such a mail says so each time.
#[test]
fn outbox_says_each_time_that_mails_show_a_placeholder() {
    let cli = with_settings(&[SENDER]);
    for verb in verbs(&cli).iter().chain(&verbs(&cli)[1..5]) {
        let verb: Vec<_> = verb.iter().map(String::as_str).collect();
        let said = cli.run(&verb).stderr;
        assert!(said.contains("is a placeholder"), "{verb:?}: {said}");
        assert!(said.contains("boarding config set link_base_url "), "{verb:?}: {said}");
        assert_eq!(said.matches("is a placeholder").count(), 1, "{verb:?}: {said}");
    }
    let set = [&["config", "set"][..], &LINK].concat();
    cli.run(&set).expect_status(0);
    let output = cli.run(&["runs", "start", "--channel", "whatsapp", "--user", "ann", "--yes"]);
    assert!(!output.stderr.contains("placeholder"), "{}", output.stderr);
}

/// Imports a file of Office Chat in a company that has set a sender and no link page. Mails go to the server.
fn imported_without_link_page(people: &str) -> (Cli, MailServer, Output) {
    let (server, cli) = (MailServer::start(&[]), with_settings(&[SENDER]));
    let file = cli.file("c.csv", people);
    let import = ["import", &file, "--dialect", "officechat", "--smtp", &server.url()];
    let output = cli.run(&import).expect_status(0);
    (cli, server, output)
}

/// LX-30: the administrator's link of Office Chat is not mailed with a placeholder. The program says so, and the mail
/// can be sent once the settings are right.
#[test]
fn link_of_the_administrator_is_not_mailed_with_a_placeholder() {
    let (cli, server, output) = imported_without_link_page("email/login\ndan@acme.example\n");
    let said = "1 mail about this import failed: boarding notifications --state failed";
    assert!(output.stderr.contains(said), "{}", output.stderr);
    assert_eq!(cli.notifications(), [json!(["import_completed", "failed", UNSET])]);
    let reason = cli.rows(&["notifications"])[0]["reason"].clone();
    assert!(reason.as_str().unwrap().contains("boarding config set link_base_url "), "{reason}");
    assert_eq!(server.received().len(), 0);

    cli.run(&[&["config", "set"][..], &LINK].concat()).expect_status(0);
    let resent = cli.resend_notifications(&["--state", "failed"], &server.url());
    assert_eq!(resent, json!([1, 1, 0, 0]));
    let [mail] = server.received().try_into().unwrap();
    assert!(decoded(&mail.data).contains("https://link.acme.example/"), "{}", mail.data);
}

/// LX-30: the mail about an import whose people cannot be invited has no link. It needs a sender and no link page.
#[test]
fn mail_without_a_link_needs_only_a_sender() {
    let people = "email/login,Enabled\ndan@acme.example,FALSE\n";
    let (cli, server, _) = imported_without_link_page(people);
    assert_eq!(cli.notifications(), [json!(["import_completed", "sent", null])]);
    cli.run(&["imports", "link", "latest", "--smtp", &server.url()]).expect_status(0);
    let mails = server.received();
    assert_eq!(mails.len(), 2);
    assert!(mails.iter().all(|mail| !decoded(&mail.data).contains("/link/")));
}

/// LX-30: a reminder is not mailed with a placeholder. The same link is mailed once the setting is right again.
#[test]
fn reminder_is_not_mailed_with_a_placeholder() {
    let server = MailServer::start(&[]);
    let by_smtp = ["--smtp", &server.url()];
    let cli = with_settings(&[LINK, SENDER]);
    let settings = ["reminder_after_days", "1", "invitation_ttl_hours.whatsapp", "96"];
    cli.run(&[&["config", "set"][..], &settings].concat()).expect_status(0);
    let start = ["runs", "start", "--channel", "whatsapp", "--user", "ann", "--yes"];
    cli.run(&[&start[..], &by_smtp].concat()).expect_status(0);
    let link = |at: usize| decoded(&server.received()[at].data);
    let token = link_token(&link(0).replace("link.acme.example/", "x/link/"));
    cli.run(&["config", "unset", "link_base_url"]).expect_status(0);
    let tomorrow = boarding_core::clock::Clock::system().now().plus_seconds(24 * 3600 + 60);
    let tick = json!({"now": tomorrow}).to_string();
    cli.run(&[&["command", "Tick", &tick][..], &by_smtp].concat()).expect_status(0);
    assert_eq!(cli.notifications(), [json!(["reminder", "failed", UNSET])]);
    assert_eq!(server.received().len(), 1, "only the invitation was sent");

    cli.run(&[&["config", "set"][..], &LINK].concat()).expect_status(0);
    let resent = cli.resend_notifications(&["--state", "failed"], by_smtp[1]);
    assert_eq!(resent, json!([1, 1, 0, 0]));
    assert!(link(1).contains(&format!("https://link.acme.example/{token}")), "{}", link(1));
}

/// LX-30: a report without a link needs only a real sender.
#[test]
fn report_needs_only_a_sender() {
    for (settings, state) in [(SENDER, "sent"), (LINK, "failed")] {
        let server = MailServer::start(&[]);
        let smtp = server.url();
        let cli = with_settings(&[settings, ["designated_admin_emails", "[\"uwe@acme.example\"]"]]);
        let file = cli.file("b.csv", "username,email\ncid,cid@acme.example\n");
        cli.run(&["import", &file, "--dialect", "leapxpert", "--smtp", &smtp]).expect_status(0);
        let rows = cli.notifications();
        assert_eq!((&rows[0][0], &rows[0][1]), (&json!("batch_report"), &json!(state)));
        assert_eq!(server.received().len(), usize::from(state == "sent"));
    }
}

/// LX-30: a resend speaks of the mails that it sends again, and not of newer ones.
#[test]
fn resend_of_a_report_says_nothing_of_a_link() {
    let cli = with_settings(&[SENDER]);
    cli.run(&["config", "set", "designated_admin_emails", r#"["una@acme.example"]"#])
        .expect_status(0);
    let refusing = MailServer::start(&["--refuse", "554"]);
    let file = cli.people("report.csv", &[("zoe", "+84923448099")]);
    cli.run(&["import", &file, "--dialect", "leapxpert", "--smtp", &refusing.url()]);
    let failed = cli.rows(&["notifications", "--state", "failed"]);
    assert_eq!(failed[0]["kind"], "batch_report", "{failed:?}");
    cli.run(&["config", "unset", "designated_admin_emails"]).expect_status(0);
    let file = cli.file("network.csv", "email/login\nyan@acme.example\n");
    cli.run(&["import", &file, "--dialect", "officechat"]).expect_status(0);
    let resend = ["notifications", "resend", failed[0]["key"].as_str().unwrap()];
    let said = cli.run(&resend).expect_status(0).stderr;
    assert!(said.contains("files in the outbox") && !said.contains("placeholder"), "{said}");
}
