//! Where links in mails lead: the company's page, the engine's own page, or nowhere, and then no mail leaves.

use super::reader::{address_in, links, open};
use crate::support::mail_server::MailServer;
use crate::support::program::Cli;
use crate::support::running_engine::{Engine, issue};

const START: &[&str] = &["runs", "start", "--channel", "whatsapp", "--user", "ann", "--yes"];

fn company() -> Cli {
    let cli = Cli::with_three_people();
    cli.run(&["config", "unset", "link_base_url"]).expect_status(0);
    cli
}

/// A mail server gets no link to a page that other machines do not reach.
#[test]
fn mail_with_a_link_to_this_machine_does_not_leave() {
    let cli = company();
    let token = issue(&cli, "olga@local");
    let server = MailServer::start(&[]);
    let engine = Engine::start(&cli, &["--smtp", &server.url()]);
    let refused = engine.run(&token, START).expect_status(1);
    assert!(refused.stderr.contains("config.link_base_url_unset"), "{refused:?}");
    assert!(refused.stderr.contains("config set link_base_url"), "{refused:?}");
    assert!(server.received().is_empty());
}

/// With a public address, links lead to the engine's own page. The address may have a path.
#[test]
fn mailed_link_leads_to_the_public_address() {
    let cli = company();
    let token = issue(&cli, "olga@local");
    let server = MailServer::start(&[]);
    let public = "https://people.example/boarding/";
    let engine = Engine::start(&cli, &["--smtp", &server.url(), "--public-url", public]);
    engine.run(&token, START).expect_status(0);
    let mail = server.received().pop().unwrap();
    let mail = crate::support::mail_text::read(&mail.data);
    let link = address_in(&mail.text, &format!("{public}i/")).unwrap_or_else(|| panic!("{mail:?}"));
    let path = link.strip_prefix(public).unwrap();
    let page = open(&format!("{}/{path}", engine.url)).expect(200);
    page.shows(&["href=\"/boarding/assets/page.css\"", "data-state=\"/boarding/i/"]);
}

/// A company's own page comes first, and the engine's own page knows its links too.
#[test]
fn page_of_the_company_comes_before_that_of_the_engine() {
    let cli = company();
    let own = "https://link.acme.example/l?token=";
    cli.run(&["config", "set", "link_base_url", own]).expect_status(0);
    let token = issue(&cli, "olga@local");
    let engine = Engine::start(&cli, &["--public-url", "https://people.example"]);
    engine.run(&token, START).expect_status(0);
    let link = links(&cli.outbox(), "ann@acme.example", own).pop().unwrap();
    open(&format!("{}/i/{}", engine.url, link.strip_prefix(own).unwrap())).expect(200);
}

#[test]
fn public_address_that_is_none_is_a_usage_error() {
    let cli = Cli::new();
    let words = ["serve", "--http", "127.0.0.1:0", "--public-url", "people.example"];
    let refused = cli.run(&words).expect_status(2);
    assert!(refused.stderr.contains("--public-url takes an address"), "{refused:?}");
}
