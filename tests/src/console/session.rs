//! Sign-in and sign-out, and what ends a session.

use std::thread;
use std::time::Duration;

use super::browser::{Browser, SESSION};
use super::form::Form;
use crate::support::page::Page;
use crate::support::program::Cli;
use crate::support::running_engine::{Engine, issue};
use crate::support::wait::Stopwatch;

/// A page of a form without what differs each time.
fn comparable(page: &Page, company: &str) -> String {
    let proof = page.between("name=\"proof\" value=\"", "\"");
    page.text.replace(proof, "").replace(&format!("value=\"{company}\""), "")
}

#[track_caller]
fn is_signed_out(page: &Page) {
    assert_eq!(page.status, 303, "{page:?}");
    let to = page.headers["location"].to_str().unwrap();
    assert!(to.starts_with("/console/sign-in"), "{to}");
}

#[test]
fn operator_signs_in_and_out() {
    let cli = Cli::with_company();
    let token = issue(&cli, "olga@acme.example");
    let engine = Engine::start(&cli, &[]);
    let mut browser = Browser::of(&engine);
    is_signed_out(&browser.get("/console/"));
    let home = browser.sign_in("acme", &token).expect(200);
    home.shows(&["<h1>Home</h1>", "<span>acme</span>", "olga@acme.example"]);
    assert!(!home.text.contains(&token));
    let before = browser.clone();
    let form = Form::of(&home, "/sign-out");
    browser.submit(&form).expect(200).shows(&["<h1>Sign in</h1>"]);
    assert!(!browser.cookies.contains_key(SESSION));
    for mut browser in [browser, before] {
        is_signed_out(&browser.get("/console/people"));
    }
}

/// The answer tells neither which part was wrong, nor whether the company exists, and takes the same time.
#[test]
fn wrong_company_and_wrong_token_get_the_same_answer() {
    let cli = Cli::with_company();
    let token = issue(&cli, "olga@local");
    let globex = cli.json(&["--company", "globex", "tokens", "issue", "--for", "olga@local"]);
    let revoked = cli.json(&["tokens", "issue", "--for", "olga@local"]);
    cli.run(&["tokens", "revoke", revoked["token"].as_str().unwrap()]).expect_status(0);
    let secret = |issued: &serde_json::Value| issued["secret"].as_str().unwrap().to_owned();
    let changed = format!("{}{}", &token[..token.len() - 4], "aaaa");
    let engine = Engine::start(&cli, &[]);
    let attempts = [
        ("acme", "boarding_wrong"),
        ("acme", &changed),
        ("acme", &secret(&globex)),
        ("acme", &secret(&revoked)),
        ("nothere", &token),
        ("no company", &token),
    ];
    let answers = attempts.map(|(company, token)| {
        let mut browser = Browser::of(&engine);
        let form = browser.form("/console/sign-in", "/sign-in");
        let form = form.set("company", company).set("token", token);
        let watch = Stopwatch::start();
        let page = browser.send(&form).expect(401);
        assert!(watch.elapsed() >= Duration::from_millis(300), "{company}");
        assert!(!browser.cookies.contains_key(SESSION) && !page.text.contains(token));
        comparable(&page, company)
    });
    assert!(answers[0].contains("Company or access token is wrong"), "{}", answers[0]);
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
}

/// Also a page that is open gets no more updates.
#[test]
fn session_ends_when_its_token_is_revoked() {
    let cli = Cli::with_company();
    let (token, other) = (issue(&cli, "olga@local"), issue(&cli, "admin@local"));
    let engine = Engine::start(&cli, &[]);
    let mut browser = Browser::signed_in(&engine, &token);
    browser.open("/console/people").expect(200);
    let watching = browser.begin("/console/events");
    let id = token.split('_').nth(1).unwrap();
    engine.run(&other, &["tokens", "revoke", id]).expect_status(0);
    assert_eq!(Page::of(watching).text, "", "the stream has ended without a position");
    is_signed_out(&browser.get("/console/people"));
    assert!(!browser.cookies.contains_key(SESSION));
    let page = browser.open("/console/sign-in?ended=1").expect(200);
    page.shows(&["Your session has ended"]);
    browser.sign_in("acme", &token).expect(401);
    Browser::signed_in(&engine, &other);
}

#[test]
fn session_ends_when_the_server_stops() {
    let cli = Cli::with_company();
    let token = issue(&cli, "olga@local");
    let engine = Engine::start(&cli, &[]);
    let mut browser = Browser::signed_in(&engine, &token);
    engine.stop();
    let engine = Engine::start(&cli, &[]);
    browser.root.clone_from(&engine.url);
    is_signed_out(&browser.get("/console/people"));
    browser.sign_in("acme", &token).expect(200);
}

#[test]
fn session_id_from_outside_is_never_accepted() {
    let cli = Cli::with_company();
    let token = issue(&cli, "olga@local");
    let engine = Engine::start(&cli, &[]);
    let chosen = "A".repeat(43);
    let mut browser = Browser::of(&engine);
    browser.cookies.insert(SESSION.to_owned(), chosen.clone());
    let mut attacker = browser.clone();
    let page = browser.open("/console/sign-in").expect(200);
    browser.cookies.insert(SESSION.to_owned(), chosen.clone());
    let form = Form::of(&page, "/sign-in").set("company", "acme").set("token", &token);
    browser.submit(&form).expect(200).shows(&["<h1>Home</h1>"]);
    assert_ne!(browser.cookies[SESSION], chosen);
    is_signed_out(&attacker.get("/console/"));
    // A second sign-in ends the session before it, and has another id again.
    let mut before = browser.clone();
    browser.sign_in("acme", &token).expect(200);
    assert_ne!(browser.cookies[SESSION], before.cookies[SESSION]);
    is_signed_out(&before.get("/console/"));
}

/// Nor does the right token sign in then. Sessions that are open go on, and so do other companies.
#[test]
fn sign_ins_are_refused_after_ten_that_failed() {
    let cli = Cli::with_company();
    let token = issue(&cli, "olga@local");
    let globex = cli.json(&["--company", "globex", "tokens", "issue", "--for", "olga@local"]);
    let engine = Engine::start(&cli, &[]);
    let mut open = Browser::signed_in(&engine, &token);
    let attempts: Vec<_> = (0..10)
        .map(|_| {
            let mut browser = Browser::of(&engine);
            thread::spawn(move || browser.sign_in("acme", "wrong").expect(401).status)
        })
        .collect();
    attempts.into_iter().for_each(|attempt| assert_eq!(attempt.join().unwrap(), 401));
    let refused = Browser::of(&engine).sign_in("acme", &token).expect(429);
    refused.shows(&["Too many sign-ins have failed"]);
    let seconds: u64 = refused.headers["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((1..=60).contains(&seconds), "{seconds}");
    open.open("/console/").expect(200).shows(&["<h1>Home</h1>"]);
    Browser::signed_in_to(&engine, "globex", globex["secret"].as_str().unwrap());
}
