//! A mail server that is down and comes back: what people have got, and what is sent when it is back.

use boarding_commands::values::Time;
use boarding_core::clock::Clock;
use serde_json::{Value, json};

use crate::support::mail_server::{MailServer, closed_port, smtp_url};
use crate::support::mail_text::{decoded, link_token};
use crate::support::program::Cli;

const START: [&str; 7] = ["runs", "start", "--channel", "whatsapp", "--import", "latest", "--yes"];

/// A31: the server goes down in the middle of a run, and the run is given up. The people with a sent mail stay invited.
#[test]
fn people_stay_invited_when_their_run_is_given_up() {
    let cli = Cli::with_three_people();
    let server = MailServer::start(&["--mails", "1"]);
    cli.interrupt_when_waiting(&[&START[..], &["--smtp", &server.url()]].concat());
    let run = cli.run(&["runs", "give-up", "latest", "--json"]).expect_status(5).json();
    let counts = ["state", "passed", "failed", "remaining"].map(|name| run[name].clone());
    assert_eq!(json!(counts), json!(["completed", 1, 2, 0]));
    let log = cli.rows(&["log", "latest"]);
    let rows = log.iter().map(|row| json!([row["username"], row["status"], row["code"]]));
    let given_up = |user: &str| json!([user, "failed", "run.given_up"]);
    assert_eq!(
        rows.collect::<Value>(),
        json!([["ann", "success", null], given_up("bob"), given_up("cid")])
    );
    let invited = cli.rows(&["invitations", "list", "--state", "sent"]);
    let users = invited.iter().map(|row| row["user"].clone());
    assert_eq!(users.collect::<Value>(), json!(["ann"]));
    let bounced = cli.rows(&["invitations", "list", "--state", "bounced"]);
    assert_eq!(bounced, Vec::<Value>::new(), "a mail that never left has not bounced");
    let mails = server.received();
    assert_eq!(mails.len(), 1);
    let answer = cli.follow(&link_token(&decoded(&mails[0].data)));
    assert_eq!(answer["outcome"], "accepted", "{answer}");
    let again = cli.run(&["runs", "retry", "latest", "--preview"]).expect_status(0);
    assert!(again.stdout.contains("invitation emails to 2 users"), "{}", again.stdout);
    let import = cli.rows(&["imports"])[0]["import"].as_str().unwrap().to_owned();
    assert!(again.stderr.contains(&format!("of import {import}, three.csv")), "{}", again.stderr);
}

/// A36: an outage and a run end no link. The link of the mail before works while the run waits, and after it has
/// ended without a mail.
#[test]
fn outage_and_one_run_lock_nobody_out() {
    let cli = Cli::with_three_people();
    let server = MailServer::start(&[]);
    cli.run(&[&START[..], &["--smtp", &server.url()]].concat()).expect_status(0);
    let mails = server.received();
    let token = |user: &str| {
        let to = format!("{user}@acme.example");
        let mail = mails.iter().find(|mail| mail.to == [to.clone()]).unwrap();
        link_token(&decoded(&mail.data))
    };
    let (url, port) = (server.url(), server.port);
    let tokens = ["ann", "bob", "cid"].map(token);
    drop(server);
    cli.interrupt_when_waiting(&[&START[..], &["--smtp", &url]].concat());
    let during = cli.follow(&tokens[0]);
    assert_eq!(during["outcome"], "accepted", "{during}");
    cli.run(&["runs", "give-up", "latest"]).expect_status(5);
    let after = cli.follow(&tokens[1]);
    assert_eq!(after["outcome"], "accepted", "{after}");

    // Only a newer mail that was sent ends the older link.
    let server = MailServer::on(port, &[]);
    cli.run(&["runs", "start", "--channel", "whatsapp", "--user", "cid", "--yes", "--smtp", &url])
        .expect_status(0);
    assert_eq!(cli.follow(&tokens[2])["code"], "invitation.superseded");
    let newer = link_token(&decoded(&server.received()[0].data));
    assert_eq!(cli.follow(&newer)["outcome"], "accepted");
}

/// A31: a mail that was refused is listed as failed, and the verb sends it again, by its key or by its state, once.
#[test]
fn failed_notifications_are_sent_again_by_the_verb() {
    let cli = Cli::with_company();
    let admins = r#"["una@acme.example", "uwe@acme.example"]"#;
    cli.run(&["config", "set", "designated_admin_emails", admins]).expect_status(0);
    let refusing = MailServer::start(&["--refuse", "554"]);
    let file = cli.people("people.csv", &[("ann", "+84923448071")]);
    let import = ["import", &file, "--dialect", "leapxpert", "--smtp", &refusing.url()];
    cli.run(&import).expect_status(0);
    let refused = json!(["batch_report", "failed", "delivery.refused"]);
    assert_eq!(cli.notifications(), [refused.clone(), refused]);
    let row = &cli.rows(&["notifications", "--state", "failed"])[0];
    assert!(row["reason"].as_str().unwrap().contains("554"), "{row}");

    let server = MailServer::start(&[]);
    let (url, key) = (server.url(), row["key"].as_str().unwrap());
    assert_eq!(cli.resend_notifications(&[key], &url), json!([1, 1, 0, 0]));
    assert_eq!(server.received().len(), 1);
    let twice = cli.refused(&["notifications", "resend", key, "--smtp", &url]);
    assert_eq!(twice["code"], "notification.not_resendable");
    let resend = ["notifications", "resend", "--smtp", &url, "--state", "failed"];
    let output = cli.run(&resend).expect_status(0);
    let said = "1 mail tried again: 1 sent, 0 still waiting, 0 failed";
    assert!(output.stdout.contains(said), "{}", output.stdout);
    let sent = json!(["batch_report", "sent", null]);
    assert_eq!(cli.notifications(), [sent.clone(), sent]);
    let mut to: Vec<_> = server.received().into_iter().flat_map(|mail| mail.to).collect();
    to.sort();
    assert_eq!(to, ["una@acme.example", "uwe@acme.example"]);
}

/// A31: mails that wait for their server are listed so, and the verb tries them at once. A server that is still down
/// costs none of them.
#[test]
fn waiting_notifications_are_tried_now_by_the_verb() {
    let cli = Cli::with_company();
    cli.run(&["config", "set", "network_admin_email", "una@acme.example"]).expect_status(0);
    let (port, file) = (closed_port(), cli.file("people.csv", "email/login\nann@acme.example\n"));
    let by_smtp = ["--smtp", &smtp_url(port)];
    let import = ["import", &file, "--dialect", "officechat"];
    let output = cli.run(&[&import[..], &by_smtp].concat()).expect_status(0);
    assert!(output.stderr.contains("1 mail that could not be sent waits"), "{}", output.stderr);
    for log_line in ["WARN", "boarding_core"] {
        assert!(!output.stderr.contains(log_line), "{}", output.stderr);
    }
    let table = cli.run(&["notifications", "--state", "waiting", "--wide"]).expect_status(0).stdout;
    assert!(table.contains("mail server") && !table.contains("smtp"), "{table}");
    assert!(table.contains("refused"), "{table}");
    let waiting = json!(["import_completed", "waiting", "delivery.server_unavailable"]);
    assert_eq!(cli.notifications(), std::slice::from_ref(&waiting));
    let url = smtp_url(port);
    let waiting_now = ["--state", "waiting"];
    assert_eq!(cli.resend_notifications(&waiting_now, &url), json!([1, 0, 1, 0]));
    assert_eq!(cli.notifications(), [waiting]);
    let server = MailServer::on(port, &[]);
    assert_eq!(cli.resend_notifications(&waiting_now, &url), json!([1, 1, 0, 0]));
    assert_eq!(cli.resend_notifications(&waiting_now, &url), json!([0, 0, 0, 0]));
    assert_eq!(cli.notifications(), [json!(["import_completed", "sent", null])]);
    let [mail] = server.received().try_into().unwrap();
    assert!(decoded(&mail.data).contains("https://link.acme.example/link/"), "{}", mail.data);
}

/// A31: after a resend the program says what was sent, what still waits and for what, and when it is tried again.
#[test]
fn resend_says_what_still_waits_and_for_what() {
    let cli = Cli::with_company();
    let admins = r#"["una@acme.example", "uwe@acme.example"]"#;
    cli.run(&["config", "set", "designated_admin_emails", admins]).expect_status(0);
    let (port, file) = (closed_port(), cli.people("people.csv", &[("ann", "+84923448071")]));
    let smtp = smtp_url(port);
    cli.run(&["import", &file, "--dialect", "leapxpert", "--smtp", &smtp]).expect_status(0);
    let said = |words: &[&str], expected: &[&str]| {
        let output = cli.run(words).expect_status(0).stdout;
        for text in expected {
            assert!(output.contains(text), "{text}: {output}");
        }
    };
    let resend = ["notifications", "resend", "--state", "waiting"];
    let elsewhere = "2 mails wait for the mail server: add --smtp URL";
    said(&resend, &["no mail was tried again: none waits for the outbox", elsewhere]);
    let by_smtp = [&resend[..], &["--smtp", &smtp]].concat();
    let waiting =
        ["2 mails tried again: 0 sent, 2 still waiting, 0 failed", "for the mail server: "];
    said(&by_smtp, &[&waiting[..], &["next try: 2"]].concat());
    let row = &cli.rows(&["notifications"])[0];
    assert_eq!(row["waits_for"], "smtp");
    assert!(row["next_try"].as_str() > row["at"].as_str(), "{row}");
    let resume = ["runs", "resume", "--smtp", &smtp];
    said(&resume, &waiting);
    let _server = MailServer::on(port, &[]);
    said(&resume, &["2 mails tried again: 2 sent, 0 still waiting, 0 failed"]);
    let help = cli.run(&["notifications", "resend", "--help"]).expect_status(0).stdout;
    assert!(help.contains("failed:") && help.contains("waiting:"), "{help}");
    cli.run(&["notifications", "resend", "--state", "sent"]).expect_status(2);
}

/// A31: one person whose mail is refused for now is named by the live view and by `runs show`, with the next try, its
/// end, and the words of the server. Such a run sends, so it cannot be given up.
#[test]
fn person_who_is_tried_again_is_named() {
    let cli = Cli::with_company();
    let server = MailServer::start(&[]);
    let people = [("r451.ann", "+84923448071"), ("bob", "+84923448072")];
    cli.import(&cli.people("people.csv", &people));
    let url = server.url();
    let start = [&START[..], &["--smtp", &url]].concat();
    let said = cli.interrupt_at(&start, "runs resume");
    let shown = cli.run(&["runs", "show", "latest"]).expect_status(0).stdout;
    let named = "1 person is refused for now and tried again:\n  r451.ann: ";
    for text in [named, ", until 20", "451 selected"] {
        assert!(said.contains(text), "{text}: {said}");
        assert!(shown.contains(text), "{text}: {shown}");
    }
    assert!(said.contains("next try 20"), "{said}");
    let run = cli.run(&["runs", "show", "latest", "--json"]).expect_status(0).json();
    let again = &run["tried_again"][0];
    assert!(again["until"].as_str() > again["next_try"].as_str(), "{run}");
    assert_eq!((&run["passed"], &run["waiting_for"]), (&json!(1), &json!(null)));
    assert_eq!(cli.refused(&["runs", "give-up", "latest"])["code"], "run.cannot_be_stopped");
}

/// A31: an outage of the mail server moves the next try of a person who was refused for now, and the end of the tries.
#[test]
fn outage_moves_the_next_try_of_a_refused_person() {
    let cli = Cli::with_company();
    cli.run(&["config", "set", "retry_backoff_seconds", "3"]).expect_status(0);
    let server = MailServer::start(&[]);
    let people = [("r451.ann", "+84923448071"), ("bob", "+84923448072")];
    cli.import(&cli.people("people.csv", &people));
    let url = server.url();
    cli.interrupt_at(&[&START[..], &["--smtp", &url]].concat(), "runs resume");
    drop(server);
    let shown = || cli.run(&["runs", "show", "latest", "--json"]).expect_status(0).json();
    let time = |run: &Value, name: &str| {
        let text = run["tried_again"][0][name].as_str().unwrap();
        text.parse::<Time>().unwrap()
    };
    let next_try = time(&shown(), "next_try");
    while Clock::system().now() <= next_try {
        shown();
    }
    cli.interrupt_when_waiting(&["runs", "resume", "--smtp", &url]);
    let run = shown();
    assert_eq!(run["tried_again"][0]["user"], "r451.ann", "{run}");
    assert_eq!(run["tried_again"][0]["next_try"], run["waiting_for"]["next_try"], "{run}");
    let left = time(&run, "until").seconds_since(time(&run, "next_try"));
    // Of the four hours, only the pauses after refusals have passed.
    assert!((14_000..14_400).contains(&left), "{left}: {run}");
}

/// OC-14, A31: the administrator's mail about an import is sent after the import's run. While the run waits for the mail
/// server, the list says so.
#[test]
fn mail_that_waits_for_a_run_says_why() {
    let cli = Cli::with_company();
    cli.run(&["config", "set", "network_admin_email", "una@acme.example"]).expect_status(0);
    let file = cli.file("people.csv", "email/login\nann@acme.example\n");
    let import = ["import", &file, "--dialect", "officechat", "--auto-invite"];
    let by_smtp = ["--channel", "whatsapp", "--smtp", &smtp_url(closed_port())];
    cli.interrupt_when_waiting(&[&import[..], &by_smtp].concat());
    let run = cli.rows(&["runs"])[0]["run"].as_str().unwrap().to_owned();
    let table = cli.run(&["notifications", "--state", "waiting"]).expect_status(0).stdout;
    let said = format!("sent after the end of run {run}, which waits for the mail server since");
    assert!(table.contains(&said) && table.contains("refused"), "{table}");
}
