//! The page of an administrator's link: who of an import is left to invite.

use super::reader::{links, newest_link, open, send};
use crate::support::page::Page;
use crate::support::program::Cli;
use crate::support::running_engine::{Engine, issue};
use crate::support::wait::eventually;

/// Sends the first form of the page.
fn confirm(link: &str, page: &Page) -> Page {
    let hash = page.between("name=\"plan_hash\" value=\"", "\"");
    send(&format!("{link}/invite"), &format!("channel=whatsapp&plan_hash={hash}"))
}

/// OC-14: the link opens a page with the people and one button, which invites those who are left, once.
#[tokio::test]
async fn administrator_invites_the_imported_people_by_a_button() {
    let cli = Cli::new();
    let settings = ["channels.whatsapp", "true", "network_admin_email", "admin@people.example"];
    cli.run(&[&["config", "set"], &settings[..]].concat()).expect_status(0);
    let token = issue(&cli, "olga@local");
    let engine = Engine::start(&cli, &[]);
    let rows = "email/login,Enabled\nann@people.example,TRUE\nbob@people.example,\ncid@people.example,FALSE\n";
    cli.file("people.csv", rows);
    engine.run(&token, &["import", "people.csv", "--dialect", "officechat"]).expect_status(0);
    let link = newest_link(&cli, "admin@people.example", &format!("{}/i/", engine.url));
    let page = open(&link).expect(200);
    page.shows(&[
        "people.csv",
        "Invite by WhatsApp",
        "WhatsApp: 3 in the list, 2 of them to invite.",
    ]);
    page.shows(&[
        "<td>ann@people.example</td>",
        "<td>bob@people.example</td>",
        "Not invited</dt><dd>2",
    ]);
    // Who uses the link acts in the name of its addressee, also after the setting was changed.
    let changed = ["config", "set", "network_admin_email", "new@people.example"];
    engine.run(&token, &changed).expect_status(0);
    // The people change after the page was opened.
    engine.run(&token, &["users", "add", "cid@people.example"]).expect_status(0);
    let changed = send(&format!("{link}/invite"), "channel=whatsapp&plan_hash=old").expect(409);
    changed.shows(&["The people have changed meanwhile", "Invite by WhatsApp"]);
    let unknown = send(&format!("{link}/invite"), "channel=fax&plan_hash=x").expect(409);
    unknown.shows(&["The invitations were not started"]);
    confirm(&link, &changed).expect(200).shows(&["The invitations are on their way"]);
    let again = open(&link).expect(410);
    again.shows(&["cannot be used again"]);
    again.hides(&["ann@people.example", "people.csv"]);
    confirm(&link, &changed).expect(410);
    let runs = engine.run(&token, &["runs", "--json"]).rows();
    assert_eq!(runs.len(), 1);
    assert_eq!(runs[0]["requested_by"], "admin@people.example");
    let base = format!("{}/i/", engine.url);
    let mailed = async || links(&cli.outbox(), "ann@people.example", &base).pop();
    open(&eventually("the run has mailed the link", mailed).await).expect(200);
}
