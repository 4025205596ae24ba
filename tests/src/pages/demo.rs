//! `boarding demo --serve`: the mails of the demo, and everything that their links lead to.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Stdio};

use serde_json::Value;

use super::reader::{address_in, open, send};
use crate::support::program::Cli;
use crate::support::running_engine::Engine;

/// A process that is killed when the value is dropped.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A person opens a mail of the demo, its link, and confirms on the simulated phone.
#[test]
fn demo_is_served_from_its_mails_to_a_linked_phone() {
    let cli = Cli::new();
    let words = ["demo", "--serve", "--http", "127.0.0.1:0", "--json"];
    let mut demo = Killed(cli.command(&words).stderr(Stdio::null()).spawn().unwrap());
    let lines = BufReader::new(demo.0.stdout.take().unwrap()).lines();
    let mut documents = lines.map(|line| serde_json::from_str::<Value>(&line.unwrap()).unwrap());
    let ready = documents.find(|document| document["ready"] == true).unwrap();
    let url = ready["http"].as_str().unwrap();
    let console = open(ready["console"].as_str().unwrap()).expect(303);
    assert_eq!(console.headers["location"], "/console/sign-in");
    assert!(ready["token"].as_str().unwrap().starts_with("boarding_"));
    let mailbox = open(ready["mailbox"].as_str().unwrap()).expect(200);
    let path = mailbox.between("href=\"/mailbox/mail/", "\"").to_owned();
    let mail = open(&format!("{url}/mailbox/mail/{path}")).expect(200);
    let html = open(&format!("{url}/mailbox/html/{path}")).expect(200);
    assert!(html.headers["content-security-policy"].to_str().unwrap().contains("sandbox"));
    assert!(!html.text.contains("cid:"), "{html:?}");
    let link = address_in(&mail.text, &format!("{url}/i/")).unwrap_or_else(|| panic!("{mail:?}"));
    html.shows(&[&link]);
    let phone = open(&link).expect(200).between("<a href=\"", "\"").to_owned();
    send(&phone, "").expect(200);
    open(&link).expect(410).shows(&["Activation completed"]);
    for outside in ["../secret", "..%2f..%2fsecret", "%2fetc%2fpasswd", "acme"] {
        open(&format!("{url}/mailbox/mail/{outside}")).expect(404);
    }
    let token = ready["token"].as_str().unwrap();
    let mut runs = cli.command(&["runs", "--json", "--url", url]);
    let runs = runs.env("BOARDING_TOKEN", token).output().unwrap();
    assert_eq!(String::from_utf8(runs.stdout).unwrap().lines().count(), 2);
}

#[test]
fn mailbox_is_open_in_a_demo_only() {
    let cli = Cli::with_three_people();
    let engine = Engine::start(&cli, &["--simulated-provider"]);
    for path in ["/mailbox", "/mailbox/mail/x.eml", "/mailbox/html/x.eml"] {
        open(&format!("{}{path}", engine.url)).expect(404);
    }
    let words = ["demo", "--serve", "--http", "0.0.0.0:0"];
    let refused = cli.run(&words).expect_status(2);
    assert!(refused.stderr.contains("an address of this machine only"), "{refused:?}");
}
