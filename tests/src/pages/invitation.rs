//! The page of an invited person.

use serde_json::{Value, json};

use super::reader::{head, links, newest_link, open, open_in, send};
use crate::support::page::Page;
use crate::support::program::Cli;
use crate::support::running_engine::{Engine, issue};

const START: &[&str] = &["runs", "start", "--channel", "whatsapp", "--yes", "--user"];

/// The sample company without the setting of its link page.
fn company() -> Cli {
    let cli = Cli::with_three_people();
    cli.run(&["config", "unset", "link_base_url"]).expect_status(0);
    cli
}

/// Invites a person through a running engine, and returns the mailed link.
#[track_caller]
fn invited(engine: &Engine<'_>, token: &str, user: &str) -> String {
    engine.run(token, &[START, &[user]].concat()).expect_status(0);
    let address = format!("{user}@acme.example");
    newest_link(engine.cli, &address, &format!("{}/i/", engine.url))
}

/// The events about a person, by their names.
fn events(engine: &Engine<'_>, token: &str, user: &str) -> Vec<Value> {
    let words = ["history", &format!("user:{user}"), "--json"];
    engine.run(token, &words).expect_status(0).rows()
}

fn count(events: &[Value], name: &str) -> usize {
    events.iter().filter(|event| event["event"] == name).count()
}

/// LX-31: opening the link uses nothing up, and its first click is recorded once.
#[test]
fn opening_a_link_uses_nothing_up() {
    let cli = company();
    let token = issue(&cli, "olga@local");
    let engine = Engine::start(&cli, &[]);
    let link = invited(&engine, &token, "ann");
    head(&link).expect(200);
    assert_eq!(count(&events(&engine, &token, "ann"), "InvitationClicked"), 0);
    for _ in 0..3 {
        let page = open(&link).expect(200);
        page.shows(&["Hello ann,", "WhatsApp", "********071", "<svg", "Your activation code"]);
        page.hides(&["923448071", "ann@acme.example"]);
        let header = |name: &str| page.headers[name].to_str().unwrap();
        assert_eq!(header("cache-control"), "no-store");
        assert_eq!(header("referrer-policy"), "no-referrer");
        assert!(header("content-security-policy").contains("frame-ancestors 'none'"));
    }
    let events = events(&engine, &token, "ann");
    assert_eq!(count(&events, "InvitationClicked"), 1, "{events:?}");
    let clicked = events.iter().find(|event| event["event"] == "InvitationClicked").unwrap();
    assert_eq!(clicked["actor"], "person:ann");
    assert!(clicked["authenticated"].as_str().unwrap().starts_with("link:"), "{clicked}");
    assert_eq!(open(&format!("{link}/state")).text, "{\"state\":\"open\"}");
    let moved = open(&link.replace("/i/", "/link/")).expect(308);
    assert!(link.ends_with(moved.headers["location"].to_str().unwrap()), "{moved:?}");
}

/// LX-31, P21: the person confirms on the phone, the page says so, and the link cannot be used again.
#[test]
fn person_links_the_channel_with_the_shown_code() {
    let cli = company();
    let token = issue(&cli, "olga@local");
    let engine = Engine::start(&cli, &["--simulated-provider"]);
    let link = invited(&engine, &token, "ann");
    let page = open(&link).expect(200);
    let phone = page.between("<a href=\"", "\"").to_owned();
    open(&phone).expect(200).hides(&["ann", "923448071"]);
    assert_eq!(open(&format!("{link}/state")).text, "{\"state\":\"open\"}");
    send(&phone, "").expect(200).shows(&["The phone is linked"]);
    assert_eq!(open(&format!("{link}/state")).text, "{\"state\":\"used\"}");
    open(&link).expect(410).shows(&["Activation completed", "cannot be used again"]);
    send(&phone, "").expect(410);
    open(&format!("{link}/code")).expect(410);
    let phones = engine.run(&token, &["phones", "--search", "ann", "--json"]).rows();
    assert_eq!(phones[0]["channels"]["whatsapp"], "linked");
    assert_eq!(count(&events(&engine, &token, "ann"), "UserLinked"), 1);
}

/// Each end of a link has its page, and none of them names the person, the phone or the company.
#[test]
fn page_of_an_ended_link_reveals_nothing() {
    let cli = company();
    let token = issue(&cli, "olga@local");
    let engine = Engine::start(&cli, &[]);
    let check = |page: Page, status: u16, said: &str| {
        let page = page.expect(status);
        page.shows(&[said]);
        page.hides(&["ann", "bob", "cid", "Acme", "acme", "071", "<svg"]);
    };
    let old = invited(&engine, &token, "ann");
    let new = invited(&engine, &token, "ann");
    check(open(&old), 410, "newer link has replaced");
    let revoke = json!({"user": "ann", "channel": "whatsapp"}).to_string();
    engine.run(&token, &["command", "RevokeInvitation", &revoke]).expect_status(0);
    check(open(&new), 410, "was revoked");
    let left = invited(&engine, &token, "bob");
    engine.run(&token, &["users", "deactivate", "bob"]).expect_status(0);
    check(open(&left), 410, "does not fit your account");
    let changed =
        format!("{}{}", &left[..left.len() - 1], if left.ends_with('A') { "B" } else { "A" });
    for unknown in
        [changed, format!("{}/i/x", engine.url), format!("{}/i/{}", engine.url, "A".repeat(48))]
    {
        check(open(&unknown), 404, "This link is not valid");
        check(open(&format!("{unknown}/code")), 404, "This link is not valid");
    }
    let expiring = invited(&engine, &token, "cid");
    engine.stop();
    let later = boarding_core::clock::Clock::system().now().plus_seconds(2 * 24 * 3600);
    cli.run(&["command", "Tick", &json!({"now": later}).to_string()]).expect_status(0);
    let engine = Engine::start(&cli, &[]);
    let path = expiring.split_once("/i/").unwrap().1;
    check(open(&format!("{}/i/{path}", engine.url)), 410, "has expired");
}

/// Callers choose the ids of imports. So another company may have an import with the id of an invitation, and each link
/// opens its own page.
#[test]
fn one_id_in_two_companies_opens_two_pages() {
    let cli = company();
    let token = issue(&cli, "olga@local");
    let engine = Engine::start(&cli, &[]);
    let link = invited(&engine, &token, "ann");
    let list = engine.run(&token, &["invitations", "--json"]).rows();
    let id = list[0]["invitation"].as_str().unwrap().to_owned();
    engine.stop();
    let globex = |words: &[&str]| {
        cli.run(&[&["--company", "globex"], words].concat()).expect_status(0);
    };
    let settings = ["channels.whatsapp", "true", "network_admin_email", "admin@globex.example"];
    globex(&[&["config", "set"], &settings[..]].concat());
    let file = cli.file("people.csv", "email/login\nbob@globex.example\n");
    globex(&["import", &file, "--dialect", "officechat", "--id", &id]);
    let engine = Engine::start(&cli, &[]);
    let base = "https://boarding.invalid/link/";
    let other =
        links(&cli.data().join("outbox/globex"), "admin@globex.example", base).pop().unwrap();
    let at_engine = |link: &str| format!("{}/i/{}", engine.url, link.rsplit('/').next().unwrap());
    open(&at_engine(&other)).expect(200).shows(&["people.csv"]);
    open(&at_engine(&link)).expect(200).shows(&["Hello ann,"]);
    open(&at_engine(&other)).expect(200).shows(&["people.csv"]);
}

/// The page has the language of the mail. The page of an ended link has that of the reader's browser.
#[test]
fn page_has_the_language_of_the_mail() {
    let cli = company();
    cli.run(&["config", "set", "language", "de"]).expect_status(0);
    let token = issue(&cli, "olga@local");
    let engine = Engine::start(&cli, &[]);
    let link = invited(&engine, &token, "ann");
    let page = open_in("fr", &link).expect(200);
    page.shows(&["<html lang=\"de\">", "Hallo ann,", "Scannen Sie diesen Code"]);
    let unknown = open_in("fr-CH, en;q=0.5", &format!("{}/i/x", engine.url)).expect(404);
    unknown.shows(&["<html lang=\"fr\">", "Ce lien n’est pas valable"]);
}

/// Values that people write are shown as text, and a name that holds a link is not shown at all.
#[test]
fn names_on_a_page_are_shown_as_text() {
    let cli = company();
    let company = "<script>alert(1)</script> & \"Co\"";
    cli.run(&["config", "set", "company_name", company]).expect_status(0);
    for (user, name) in [("eve", "<img src=x onerror=alert(1)>"), ("mal", "www.evil.com")] {
        let words = ["users", "add", user, "--first-name", name, "--email"];
        let address = format!("{user}@acme.example");
        cli.run(&[&words[..], &[&address]].concat()).expect_status(0);
        let phone = if user == "eve" { "+84923448077" } else { "+84923448078" };
        cli.run(&["phones", "add", phone, user]).expect_status(0);
    }
    let token = issue(&cli, "olga@local");
    let engine = Engine::start(&cli, &[]);
    let page = open(&invited(&engine, &token, "eve")).expect(200);
    page.shows(&["&lt;script&gt;alert(1)", "&lt;img src=x onerror=alert(1)&gt;"]);
    page.hides(&["<script>alert", "<img"]);
    let page = open(&invited(&engine, &token, "mal")).expect(200);
    page.shows(&["<p>Hello,</p>"]);
    page.hides(&["evil.com"]);
}

/// ML-15: an account without a number chooses one of those that are free, and then activates.
#[test]
fn account_chooses_its_number_on_the_page() {
    let cli = Cli::with_company_of("company/multiline.json");
    cli.run(&["config", "unset", "link_base_url"]).expect_status(0);
    let place = [
        "--organization",
        "EMEA",
        "--permission-group",
        "Traders",
        "--invite",
        "--channel",
        "whatsapp",
    ];
    let token = issue(&cli, "olga@local");
    let engine = Engine::start(&cli, &["--simulated-provider"]);
    for user in ["ann", "bob"] {
        let address = format!("{user}@meridian.example");
        let words = [&["accounts", "add", &address], &place[..]].concat();
        engine.run(&token, &words).expect_status(0);
    }
    let base = format!("{}/i/", engine.url);
    let link = |user: &str| newest_link(&cli, &format!("{user}@meridian.example"), &base);
    let page = open(&link("ann")).expect(200);
    page.shows(&["Choose your number", "type=\"radio\""]);
    page.hides(&["<svg"]);
    let number = page.between("name=\"number\" value=\"", "\"").to_owned();
    let choose = |user: &str, number: &str| {
        let form = format!("number={}", number.replace('+', "%2B"));
        send(&format!("{}/number", link(user)), &form)
    };
    choose("ann", &number).expect(303);
    let page = open(&link("ann")).expect(200);
    page.shows(&["<svg", &format!("********{}", &number[number.len() - 3..])]);
    // The same number is not free for anybody else, and a number outside of the pool is not taken.
    let taken = choose("bob", &number).expect(409);
    taken.shows(&["not free any more"]);
    taken.hides(&[&format!("value=\"{number}\"")]);
    choose("bob", "+12125559999").expect(409);
    // Only an administrator gives numbers of the company's own stock to an organization.
    engine.run(&token, &["numbers", "add", "+1 212 555 0090"]).expect_status(0);
    choose("bob", "+12125550090").expect(409);
    choose("bob", "").expect(400);
    let phone = page.between("<a href=\"", "\"").to_owned();
    send(&phone, "").expect(200);
    let account =
        engine.run(&token, &["accounts", "show", "ann@meridian.example", "--json"]).json();
    assert_eq!((&account["status"], &account["number"]), (&json!("active"), &json!(number)));
    choose("ann", "+12125550009").expect(410);
}
