//! A mail server that is down and comes back: what people have got, and what is sent when it is back.

use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::process::Command;

use serde_json::{Value, json};

use crate::support::mail_server::MailServer;
use crate::support::mail_text::{decoded, link_token};
use crate::support::program::Cli;

const START: [&str; 7] = ["runs", "start", "--channel", "whatsapp", "--import", "latest", "--yes"];

/// The sample company with three imported people who have phones: ann, bob and cid.
fn with_three_people() -> Cli {
    let cli = Cli::with_company();
    let people = [("ann", "+84923448071"), ("bob", "+84923448072"), ("cid", "+84923448073")];
    cli.import(&cli.people("three.csv", &people));
    cli
}

fn closed_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn smtp(port: u16) -> String {
    format!("smtp://127.0.0.1:{port}")
}

/// Runs the program until it says that its run waits, and interrupts it as Ctrl-C does.
fn interrupt_when_waiting(cli: &Cli, args: &[&str]) {
    let mut child = cli.command(args).spawn().unwrap();
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    let mut text = String::new();
    while !text.contains("waits for the mail server") {
        assert_ne!(stderr.read_line(&mut text).unwrap(), 0, "{text}");
    }
    let interrupt = Command::new("kill").args(["-INT", &child.id().to_string()]).status();
    assert!(interrupt.unwrap().success());
    assert_eq!(child.wait().unwrap().code(), Some(130), "{text}");
}

/// Follows the link with this token, and returns the answer.
fn follow(cli: &Cli, token: &str) -> Value {
    let body = json!({"token": token}).to_string();
    cli.run(&["command", "LinkCompleted", &body, "--json"]).json()
}

/// A31: when the server goes down in the middle of a run and the run is given up, whoever was sent to stays invited.
#[test]
fn people_stay_invited_when_their_run_is_given_up() {
    let cli = with_three_people();
    let server = MailServer::start(&["--mails", "1"]);
    interrupt_when_waiting(&cli, &[&START[..], &["--smtp", &smtp(server.port)]].concat());
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
    let mails = server.received();
    assert_eq!(mails.len(), 1);
    let answer = follow(&cli, &link_token(&decoded(&mails[0].data)));
    assert_eq!(answer["outcome"], "accepted", "{answer}");
    let again = cli.run(&["runs", "retry", "latest", "--preview"]).expect_status(0).stdout;
    assert!(again.contains("invitation emails to 2 users"), "{again}");
}

/// A36: an outage and a run lock nobody out. The link of the mail before works while the run waits, and after it has
/// ended without a mail.
#[test]
fn outage_and_one_run_lock_nobody_out() {
    let cli = with_three_people();
    let server = MailServer::start(&[]);
    cli.run(&[&START[..], &["--smtp", &smtp(server.port)]].concat()).expect_status(0);
    let mails = server.received();
    let token = |user: &str| {
        let to = format!("{user}@acme.example");
        let mail = mails.iter().find(|mail| mail.to == [to.clone()]).unwrap();
        link_token(&decoded(&mail.data))
    };
    let (url, port) = (smtp(server.port), server.port);
    let tokens = ["ann", "bob", "cid"].map(token);
    drop(server);
    interrupt_when_waiting(&cli, &[&START[..], &["--smtp", &url]].concat());
    let during = follow(&cli, &tokens[0]);
    assert_eq!(during["outcome"], "accepted", "{during}");
    cli.run(&["runs", "give-up", "latest"]).expect_status(5);
    let after = follow(&cli, &tokens[1]);
    assert_eq!(after["outcome"], "accepted", "{after}");

    // Only a newer mail that was sent ends the older link.
    let server = MailServer::start(&["--port", &port.to_string()]);
    cli.run(&["runs", "start", "--channel", "whatsapp", "--user", "cid", "--yes", "--smtp", &url])
        .expect_status(0);
    assert_eq!(follow(&cli, &tokens[2])["code"], "invitation.superseded");
    let newer = link_token(&decoded(&server.received()[0].data));
    assert_eq!(follow(&cli, &newer)["outcome"], "accepted");
}

/// The kind, the state and the code of each mail that is no invitation.
fn notifications(cli: &Cli) -> Vec<Value> {
    let rows = cli.rows(&["notifications"]);
    rows.iter().map(|row| json!([row["kind"], row["state"], row["code"]])).collect()
}

fn resend<'a>(words: &[&'a str], by_smtp: [&'a str; 2]) -> Vec<&'a str> {
    [&["notifications", "resend"], words, &by_smtp].concat()
}

/// A31: a mail that was refused is listed as failed, and the verb sends it again, by its key or by its state, once.
#[test]
fn failed_notifications_are_sent_again_by_the_verb() {
    let cli = Cli::with_company();
    let admins = r#"["una@acme.example", "uwe@acme.example"]"#;
    cli.run(&["config", "set", "designated_admin_emails", admins]).expect_status(0);
    let refusing = MailServer::start(&["--refuse", "554"]);
    let file = cli.people("people.csv", &[("ann", "+84923448071")]);
    let import = ["import", &file, "--dialect", "leapxpert", "--smtp", &smtp(refusing.port)];
    cli.run(&import).expect_status(0);
    let refused = json!(["batch_report", "failed", "delivery.refused"]);
    assert_eq!(notifications(&cli), [refused.clone(), refused]);
    let row = &cli.rows(&["notifications", "--state", "failed"])[0];
    assert!(row["reason"].as_str().unwrap().contains("554"), "{row}");

    let server = MailServer::start(&[]);
    let by_smtp = ["--smtp", &smtp(server.port)];
    let key = row["key"].as_str().unwrap();
    assert_eq!(cli.json(&resend(&[key], by_smtp)), json!({"queued": 1, "failed": 0}));
    assert_eq!(server.received().len(), 1);
    let twice = cli.refused(&resend(&[key], by_smtp));
    assert_eq!(twice["code"], "notification.not_resendable");
    let output = cli.run(&resend(&["--state", "failed"], by_smtp)).expect_status(0);
    assert!(output.stdout.contains("1 mail was tried again, 0 failed"), "{}", output.stdout);
    let sent = json!(["batch_report", "sent", null]);
    assert_eq!(notifications(&cli), [sent.clone(), sent]);
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
    let by_smtp = ["--smtp", &smtp(port)];
    let import = ["import", &file, "--dialect", "officechat"];
    let output = cli.run(&[&import[..], &by_smtp].concat()).expect_status(0);
    assert!(output.stderr.contains("1 mail that could not be sent waits"), "{}", output.stderr);
    let waiting = json!(["import_completed", "waiting", "delivery.server_unavailable"]);
    assert_eq!(notifications(&cli), std::slice::from_ref(&waiting));
    let resend = resend(&["--state", "waiting"], by_smtp);
    cli.json(&resend);
    assert_eq!(notifications(&cli), [waiting]);
    let server = MailServer::start(&["--port", &port.to_string()]);
    assert_eq!(cli.json(&resend), json!({"queued": 1, "failed": 0}));
    assert_eq!(cli.json(&resend), json!({"queued": 0, "failed": 0}));
    assert_eq!(notifications(&cli), [json!(["import_completed", "sent", null])]);
    let [mail] = server.received().try_into().unwrap();
    assert!(decoded(&mail.data).contains("https://link.acme.example/link/"), "{}", mail.data);
}
