//! A provider of a channel: a program that completes links with the codes that people send to it.

use serde_json::json;

use super::reader::{newest_link, open};
use crate::support::program::Cli;
use crate::support::running_engine::{Engine, issue};

/// The code on the page is the token that a provider reports. It works for its own company only, and only for completing.
#[test]
fn provider_completes_a_link_with_its_code() {
    let cli = Cli::with_three_people();
    cli.run(&["config", "unset", "link_base_url"]).expect_status(0);
    let token = issue(&cli, "provider");
    cli.run(&["--company", "globex", "users", "add", "ann"]).expect_status(0);
    let other = cli.json(&["--company", "globex", "tokens", "issue", "--for", "provider"]);
    let engine = Engine::start(&cli, &[]);
    let start = ["runs", "start", "--channel", "whatsapp", "--yes", "--user", "ann"];
    engine.run(&token, &start).expect_status(0);
    let link = newest_link(&cli, "ann@acme.example", &format!("{}/i/", engine.url));
    let page = open(&link).expect(200);
    let code = page.between("<code>", "</code>").to_owned();
    open(&format!("{}/phone/{code}", engine.url)).expect(404);
    open(&format!("{}/i/{code}", engine.url)).expect(404);
    let body = json!({"token": code}).to_string();
    let globex = ["command", "LinkCompleted", &body, "--company", "globex", "--json"];
    let refused = engine.run(other["secret"].as_str().unwrap(), &globex).expect_status(1);
    assert_eq!(refused.json()["code"], "invitation.not_found");
    let click = engine.run(&token, &["command", "RecordClick", &body, "--json"]).expect_status(1);
    assert_eq!(click.json()["code"], "invitation.not_found");
    engine.run(&token, &["command", "LinkCompleted", &body]).expect_status(0);
    open(&link).expect(410).shows(&["Activation completed"]);
    let again = engine.run(&token, &["command", "LinkCompleted", &body, "--json"]).expect_status(1);
    assert_eq!(again.json()["code"], "invitation.already_used");
}

/// With an address of the provider, the QR code and the link for phones open it with the code.
#[test]
fn code_opens_the_address_of_the_provider() {
    let cli = Cli::with_three_people();
    cli.run(&["config", "unset", "link_base_url"]).expect_status(0);
    let provider = "https://wa.example/4930123456?text=";
    cli.run(&["config", "set", "activation_url", provider]).expect_status(0);
    let token = issue(&cli, "olga@local");
    let engine = Engine::start(&cli, &["--simulated-provider"]);
    let start = ["runs", "start", "--channel", "whatsapp", "--yes", "--user", "ann"];
    engine.run(&token, &start).expect_status(0);
    let link = newest_link(&cli, "ann@acme.example", &format!("{}/i/", engine.url));
    let address = open(&link).expect(200).between("<a href=\"", "\"").to_owned();
    let code = address.strip_prefix(provider).unwrap_or_else(|| panic!("{address}"));
    assert_eq!(code.len(), 54, "{address}");
}
