//! A run by forms alone: the numbers before it, its log, the retry of its failures, and phones.

use serde_json::{Value, json};

use super::browser::Browser;
use super::form::{Form, coded};
use crate::support::program::Cli;
use crate::support::running_engine::{Engine, issue};
use crate::support::wait::wait_until;

/// ann and bob have phones, dan has none.
fn company() -> Cli {
    let cli = Cli::with_company();
    let people = [("ann", "+84923448071"), ("bob", "+84923448072"), ("dan", "")];
    cli.import(&cli.people("staff.csv", &people));
    cli
}

fn runs(engine: &Engine<'_>, token: &str) -> Vec<Value> {
    engine.run(token, &["runs", "--json"]).rows()
}

/// Waits until each of these runs has ended.
fn ended(engine: &Engine<'_>, token: &str, count: usize) -> Vec<Value> {
    wait_until("the runs have ended", || {
        let rows = runs(engine, token);
        let all = rows.len() == count && rows.iter().all(|row| row["state"] == "completed");
        all.then_some(rows)
    })
}

/// A link from a person, or from an old import, chooses exactly that: a mail to others cannot be unsent.
#[test]
fn form_of_a_run_keeps_what_its_link_has_chosen() {
    let cli = company();
    let token = issue(&cli, "olga@local");
    let engine = Engine::start(&cli, &[]);
    let mut browser = Browser::signed_in(&engine, &token);
    let form = browser.form("/console/runs/new?users=ann", "/confirm");
    assert_eq!((form.value("source"), form.value("users")), ("users", "ann"));
    browser.submit(&form).expect(200).shows(&["People: 1, by WhatsApp"]);
    let unknown = "01JD0000000000000000000001";
    let form = browser.form(&format!("/console/runs/new?import={unknown}"), "/confirm");
    assert_eq!((form.value("source"), form.value("import")), ("import", unknown));
    assert_ne!(browser.submit(&form).status, 200, "another import is chosen");
}

/// The confirmation has the number and its parts. Sent twice, the form starts one run.
#[test]
fn run_is_started_once_and_its_failures_are_retried() {
    let cli = company();
    let token = issue(&cli, "olga@local");
    let engine = Engine::start(&cli, &[]);
    let mut browser = Browser::signed_in(&engine, &token);
    let form = browser.form("/console/runs/new", "/confirm");
    assert_eq!((form.value("source"), form.value("channel")), ("latest", "whatsapp"));
    let page = browser.submit(&form).expect(200);
    page.shows(&["People: 3, by WhatsApp", "Will be invited</dt><dd>2", "Will fail</dt><dd>1"]);
    page.shows(&["No corporate phone number is listed", "Will be skipped</dt><dd>0"]);
    page.shows(&["Invited within 24 hours already</dt><dd>0", "In runs that wait</dt><dd>0"]);
    assert_eq!(runs(&engine, &token).len(), 0, "the confirmation has started no run");
    let form = Form::of(&page, "/start");
    let (first, again) = (browser.send(&form).expect(303), browser.send(&form).expect(303));
    assert_eq!(first.headers["location"], again.headers["location"]);
    let rows = ended(&engine, &token, 1);
    let numbers = ["total", "passed", "failed", "requested_by"].map(|name| rows[0][name].clone());
    assert_eq!(json!(numbers), json!([3, 2, 1, "olga@local"]));
    let run = rows[0]["run"].as_str().unwrap();
    let page = browser.open(&format!("/console/runs/{run}?status=failed&search=dan")).expect(200);
    page.shows(&[">dan</a>", "recipient.corporate_phone_missing", "Completed"]);
    page.hides(&[">ann</a>"]);
    let log = browser.get(&format!("/console/download/integration_log?run={run}")).expect(200);
    assert_eq!(log.text, engine.run(&token, &["log", run, "--csv"]).expect_status(0).stdout);
    assert_eq!(log.text.lines().count(), 4, "{log:?}");
    // The phone is added by a form too, once.
    let form = browser.form("/console/phones", "/phones").set("user", "dan").set("phone", "12");
    let refused = browser.submit(&form).expect(400);
    refused.shows(&["role=\"alert\""]);
    let form = Form::of(&refused, "/phones").set("phone", " +84 923 448 079 ");
    assert_eq!(form.value("user"), "dan");
    browser.submit(&form).expect(200).shows(&["+84923448079"]);
    browser.submit(&form).expect(200);
    assert_eq!(engine.run(&token, &["phones", "--json"]).rows().len(), 3);
    let page = browser.open(&format!("/console/runs/{run}")).expect(200);
    let retry = page.between("runs/confirm?", "\"").replace("&amp;", "&");
    let page = browser.open(&format!("/console/runs/confirm?{retry}")).expect(200);
    page.shows(&["People: 1, by WhatsApp", "Will be invited</dt><dd>1", "Failed people of"]);
    browser.submit(&Form::of(&page, "/start")).expect(200).shows(&["Failed people of"]);
    let rows = ended(&engine, &token, 2);
    assert_eq!((&rows[0]["passed"], &rows[0]["failed"]), (&json!(1), &json!(0)));
}

/// The numbers that were shown are not the numbers any more, so the operator confirms again.
#[test]
fn changed_plan_of_a_run_asks_again() {
    let cli = company();
    let token = issue(&cli, "olga@local");
    let engine = Engine::start(&cli, &[]);
    let mut browser = Browser::signed_in(&engine, &token);
    let start = browser.open("/console/runs/new").expect(200);
    let choices = start.between("<legend>Org units</legend>", "</fieldset>");
    let americas = choices.split_once("value=\"Americas\"").unwrap().1;
    assert!(americas.contains("<div class=\"depth-2\">"), "{choices}");
    let unit = coded("Fixed Income Desk");
    let chosen = format!("source=org_units&org_unit={unit}&include_descendants=1&channel=whatsapp");
    let page = browser.open(&format!("/console/runs/confirm?{chosen}")).expect(200);
    page.shows(&["People: 3, by WhatsApp", "Fixed Income Desk"]);
    let eve = ["users", "add", "eve", "--org-unit", "Fixed Income Desk"];
    engine.run(&token, &eve).expect_status(0);
    let again = browser.submit(&Form::of(&page, "/start")).expect(409);
    again.shows(&[
        "The data has changed meanwhile",
        "People: 4, by WhatsApp",
        "Will fail</dt><dd>2",
    ]);
    assert_eq!(runs(&engine, &token).len(), 0);
    browser.submit(&Form::of(&again, "/start")).expect(200).shows(&["<h1>Run</h1>"]);
    ended(&engine, &token, 1);
    // A person is invited from the page of the person.
    let person = browser.open("/console/person?user=ann").expect(200);
    person.shows(&["Invited", "Invite sent"]);
    let start = browser.form("/console/runs/new?users=ann", "/confirm");
    assert_eq!(start.value("users").trim(), "ann");
    let page = browser.submit(&start.set("source", "users")).expect(200);
    page.shows(&["People: 1, by WhatsApp", "Invited within 24 hours already</dt><dd>1"]);
}

/// Until then it can be withdrawn on its page. No mail leaves.
#[test]
fn run_is_scheduled_and_withdrawn() {
    let cli = company();
    let token = issue(&cli, "olga@local");
    let engine = Engine::start(&cli, &[]);
    let mut browser = Browser::signed_in(&engine, &token);
    let confirm = "/console/runs/confirm?source=users&users=ann&channel=whatsapp";
    let form = browser.form(confirm, "/start");
    browser.submit(&form.clone().set("not_before", "2020-12-24T08:00")).expect(400);
    let form = form.set("not_before", "2099-12-24T08:00");
    let page = browser.submit(&form).expect(200);
    page.shows(&["Scheduled", "2099-12-24 08:00 UTC"]);
    browser.open("/console/").expect(200).shows(&["2099-12-24 08:00 UTC"]);
    assert_eq!(runs(&engine, &token)[0]["not_before"], "2099-12-24T08:00:00.000Z");
    let form = Form::of(&page, "/withdraw");
    browser.send(&form.clone().set("proof", "x")).expect(401);
    browser.submit(&form).expect(200).shows(&["Withdrawn"]);
    browser.submit(&form).expect(200).hides(&["/withdraw"]);
    assert_eq!(runs(&engine, &token)[0]["state"], "withdrawn");
    assert!(!cli.outbox().exists());
}

/// A long list of users fits into the forms, and stands in no address.
#[test]
fn run_for_two_thousand_typed_users_is_confirmed() {
    let cli = company();
    cli.run(&["config", "set", "bulk_integration_max_records", "2000"]).expect_status(0);
    let token = issue(&cli, "olga@local");
    let engine = Engine::start(&cli, &[]);
    let mut browser = Browser::signed_in(&engine, &token);
    let names: Vec<_> =
        (0..2_000).map(|n| format!("a-person-with-a-rather-long-name-{n:04}")).collect();
    let form = browser.form("/console/runs/new", "/confirm").set("source", "users");
    let form = form.set("users", &names.join("\r\n"));
    assert!(form.is_post && form.query().len() > 80_000, "{}", form.query().len());
    let page = browser.submit(&form).expect(200);
    page.shows(&["People: 2000, by WhatsApp", "Will fail</dt><dd>2000"]);
    let run = browser.submit(&Form::of(&page, "/start")).expect(200);
    run.shows(&["<h1>Run</h1>", "Single users: 2000", "people: <strong>2000</strong>"]);
}
