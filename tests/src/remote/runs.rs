//! Runs that a running engine carries: a verb waits for its own run only.

use std::io::{BufRead as _, BufReader};
use std::process::Command;

use crate::support::mail_server::{MailServer, closed_port, smtp_url};
use crate::support::program::Cli;
use crate::support::running_engine::{Engine, issue, on};

const START: &[&str] = &["runs", "start", "--channel", "whatsapp", "--user", "ann", "--yes"];

/// Ctrl-C ends the waiting, and the engine keeps the run. Other verbs do not wait for it.
#[test]
fn interrupted_verb_leaves_its_run_to_the_engine() {
    let cli = Cli::with_three_people();
    let token = issue(&cli, "olga@local");
    let port = closed_port();
    let engine = Engine::start(&cli, &["--smtp", &smtp_url(port)]);
    let mut verb =
        cli.command(&on(START, &engine.url)).env("BOARDING_TOKEN", &token).spawn().unwrap();
    let mut stderr = BufReader::new(verb.stderr.take().unwrap());
    let mut text = String::new();
    while !text.contains("waits for the mail server") {
        assert_ne!(stderr.read_line(&mut text).unwrap(), 0, "{text}");
    }
    let interrupt = Command::new("kill").args(["-INT", &verb.id().to_string()]).status();
    assert!(interrupt.unwrap().success());
    std::io::Read::read_to_string(&mut stderr, &mut text).unwrap();
    assert_eq!(verb.wait().unwrap().code(), Some(130), "{text}");
    assert!(text.contains("interrupted; the engine goes on"), "{text}");

    let added = engine.run(&token, &["users", "add", "dan"]).expect_status(0);
    assert!(!added.stderr.contains("due"), "{added:?}");
    let shown = engine.run(&token, &["runs", "show", "latest"]).expect_status(0);
    let resume = format!("boarding runs resume --company acme --url {}", engine.url);
    assert!(shown.stderr.contains(&resume), "{shown:?}");
    let _server = MailServer::on(port, &[]);
    let resumed = engine.run(&token, &["runs", "resume"]).expect_status(0);
    assert!(resumed.stdout.contains("1 invited"), "{resumed:?}");
}

/// Mails that are sent again and refused are counted as they are, not as sent.
#[test]
fn resent_mail_that_is_refused_is_not_counted_as_sent() {
    let cli = Cli::with_three_people();
    let token = issue(&cli, "olga@local");
    let text = "username,first_name,last_name,email,phone_number\nfay,Fay,Lee,fay@acme.example,+84923448079\n";
    let _ = cli.file("new.csv", text);
    let settings = ["link_base_url", "https://acme.example/link", "mail_from", "on@acme.example"];
    cli.run(&[&["config", "set"][..], &settings].concat()).expect_status(0);
    let engine = Engine::start(&cli, &["--smtp", &smtp_url(closed_port())]);
    let import = ["import", "new.csv", "--dialect", "leapxpert", "--send-welcome-email"];
    engine.run(&token, &import).expect_status(0);
    let resent = engine.run(&token, &["notifications", "resend", "--state", "waiting"]);
    let resent = resent.expect_status(0);
    assert!(
        resent.stdout.contains("1 mail tried again: 0 sent, 1 still waiting, 0 failed"),
        "{resent:?}"
    );
    let resumed = engine.run(&token, &["runs", "resume"]).expect_status(0);
    assert!(resumed.stdout.contains("0 sent, 1 still waiting"), "{resumed:?}");
}
