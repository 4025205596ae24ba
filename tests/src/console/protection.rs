//! What other sites, other pages and hostile values cannot do.

use std::fs;

use super::browser::{Browser, SESSION};
use super::form::{Form, coded};
use crate::support::program::Cli;
use crate::support::running_engine::{Engine, issue};

const PEOPLE: &str = "username,first_name,last_name,email,phone_number,org_unit,role\ndan,Dan,Doe,dan@acme.example,+84923448079,Fixed Income Desk,\n";

/// The version of the company and the number of its uploads: what a form with an effect changes.
fn effects(engine: &Engine<'_>, token: &str) -> (serde_json::Value, usize) {
    let status = engine.run(token, &["query", "company_status"]).json();
    let uploads = fs::read_dir(engine.cli.data().join("uploads/acme"));
    (status["row"]["version"].clone(), uploads.map_or(0, Iterator::count))
}

/// Every form of the console that has an effect, filled in.
fn forms(browser: &mut Browser) -> Vec<Form> {
    let import = browser.form("/console/imports/new", "/preview").file("dan.csv", PEOPLE);
    let preview = browser.submit(&import).expect(200);
    let confirm = "/console/runs/confirm?source=users&users=ann&channel=whatsapp";
    let imports = browser.open("/console/imports").expect(200);
    let undo = format!(
        "/console/imports/{}/undo",
        imports.between("/console/imports/01", "\"").replacen("", "01", 1)
    );
    let phone = browser.form("/console/phones", "/phones").set("phone", "+84923448075");
    vec![
        import,
        Form::of(&preview, "/commit"),
        browser.form("/console/runs/new", "/confirm"),
        browser.form(confirm, "/start"),
        phone.set("user", "ann"),
        browser.form(&undo, "/undo"),
        browser.form("/console/", "/sign-out"),
    ]
}

/// A form without a proof, with that of another session, or from another site is refused and changes nothing.
#[test]
fn form_of_another_site_changes_nothing() {
    let cli = Cli::with_three_people();
    let token = issue(&cli, "olga@local");
    let engine = Engine::start(&cli, &[]);
    let mut browser = Browser::signed_in(&engine, &token);
    let mut other = Browser::signed_in(&engine, &token);
    let foreign = other.form("/console/phones", "/phones").value("proof").to_owned();
    let forms = forms(&mut browser);
    let before = effects(&engine, &token);
    for form in &forms {
        for proof in
            ["", "x", &foreign, form.value("proof").trim_end_matches(char::is_alphanumeric)]
        {
            let page = browser.send(&form.clone().set("proof", proof)).expect(401);
            page.shows(&["not sent from a page of this session"]);
        }
        browser.send(&form.clone().without("proof")).expect(401);
        for header in [
            ("origin", "https://evil.example"),
            ("origin", "http://127.0.0.1:1"),
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-site", "same-site"),
        ] {
            browser.headers.push((header.0, header.1.to_owned()));
            browser.send(form).expect(401);
            browser.headers.pop();
        }
    }
    assert_eq!(effects(&engine, &token), before);
    // From a page of the console, each of the same forms has its effect.
    browser.headers.push(("origin", engine.url.clone()));
    browser.headers.push(("sec-fetch-site", "same-origin".to_owned()));
    for form in &forms {
        let status = browser.send(form).status;
        assert!(matches!(status, 200 | 303), "{status} {form:?}");
    }
    assert_ne!(effects(&engine, &token).0, before.0);
    assert!(!browser.cookies.contains_key(SESSION));
}

/// Another site cannot sign an operator in with the token of an attacker.
#[test]
fn sign_in_from_another_site_begins_no_session() {
    let cli = Cli::with_company();
    let token = issue(&cli, "olga@local");
    let engine = Engine::start(&cli, &[]);
    let mut browser = Browser::of(&engine);
    let filled = browser.form("/console/sign-in", "/sign-in");
    let filled = filled.set("company", "acme").set("token", &token);
    let foreign = Browser::of(&engine).form("/console/sign-in", "/sign-in");
    browser.send(&filled.clone().set("proof", foreign.value("proof"))).expect(401);
    browser.send(&filled.clone().without("proof")).expect(401);
    browser.headers.push(("sec-fetch-site", "cross-site".to_owned()));
    browser.send(&filled).expect(401);
    browser.headers.pop();
    Browser::of(&engine).send(&filled).expect(401);
    assert!(!browser.cookies.contains_key(SESSION));
    browser.send(&filled).expect(303);
    assert!(browser.cookies.contains_key(SESSION));
}

/// Also redirects, errors, downloads and streams: nothing is stored, framed, or taken for another type.
#[test]
fn every_answer_of_the_console_has_its_headers() {
    let cli = Cli::with_three_people();
    let token = issue(&cli, "olga@local");
    let engine = Engine::start(&cli, &["--public-url", "https://people.example/boarding"]);
    let paths = [
        ("/console", 200),
        ("/console/", 200),
        ("/console/sign-in", 200),
        ("/console/people", 200),
        ("/console/people?cursor=wrong", 400),
        ("/console/person?user=unknown", 400),
        ("/console/imports/preview", 405),
        ("/console/nothing/here", 404),
        ("/console/%FF", 404),
        ("/console/download/phone_list", 200),
        ("/console/download/users?format=spreadsheet", 200),
        ("/console/download/permissions", 404),
        ("/console/download/import_rows?import=wrong", 400),
    ];
    let mut guest = Browser::of(&engine);
    guest.headers.push(("cookie", "boarding_session=x".to_owned()));
    let mut operator = Browser::of(&engine);
    let page = operator.get("/console/sign-in");
    let mut form = Form::of(&page, "/sign-in").set("company", "acme").set("token", &token);
    assert_eq!(form.action, "/boarding/console/sign-in");
    form.action = "/console/sign-in".to_owned();
    let signed_in = operator.send(&form).expect(303);
    for cookie in signed_in.headers.get_all("set-cookie") {
        let cookie = cookie.to_str().unwrap();
        let rules = "; Path=/boarding/console; HttpOnly; SameSite=Strict; Secure";
        assert!(cookie.ends_with(rules), "{cookie}");
    }
    for (path, status) in paths {
        for (browser, is_guest) in [(&mut operator, false), (&mut guest, true)] {
            let page = browser.get(path);
            let is_open = !is_guest || path == "/console/sign-in";
            assert_eq!(page.status, if is_open { status } else { 303 }, "{path}");
            let header = |name: &str| page.headers[name].to_str().unwrap();
            assert_eq!(header("cache-control"), "no-store", "{path}");
            assert_eq!(header("x-content-type-options"), "nosniff", "{path}");
            assert_eq!(header("referrer-policy"), "no-referrer", "{path}");
            assert_eq!(header("x-frame-options"), "DENY", "{path}");
            let policy = header("content-security-policy");
            assert!(policy.contains("default-src 'none'"), "{path}: {policy}");
            assert!(policy.contains("frame-ancestors 'none'"), "{path}: {policy}");
            assert!(!policy.contains("unsafe") && !policy.contains("http"), "{path}: {policy}");
        }
    }
}

/// The texts that an attacker may have put into a name. Each has a part that runs where it is not escaped.
const HOSTILE: [&str; 3] =
    ["<script>alert(1)</script>", "\"><img src=x onerror=alert(1)>", "'onfocus='alert(1)"];

/// Names, org units, file names, notes and searches are shown as they are, on every page.
#[test]
fn hostile_text_is_escaped_on_every_page() {
    let cli = Cli::with_company();
    let mut rows = "username,first_name,last_name,email,phone_number,org_unit,role\n".to_owned();
    for (n, text) in HOSTILE.iter().enumerate() {
        cli.run(&["org-units", "define", text, "--role", "Account Manager"]).expect_status(0);
        let cell = text.replace('"', "\"\"");
        rows +=
            &format!("u{n},\"{cell}\",\"{cell}\",u{n}@acme.example,+8492344810{n},\"{cell}\",\n");
        rows += &format!("\"{cell}\",A,B,\"{cell}\",\"{cell}\",\"{cell}\",\"{cell}\"\n");
    }
    cli.run(&["config", "set", "company_name", HOSTILE[1]]).expect_status(0);
    let token = cli.json(&["tokens", "issue", "--for", "olga<b>", "--note", HOSTILE[0]]);
    let engine = Engine::start(&cli, &[]);
    let mut browser = Browser::signed_in(&engine, token["secret"].as_str().unwrap());
    let form = browser.form("/console/imports/new", "/preview");
    let file = "<img src=x onerror=alert(1)>.csv";
    let preview = browser.submit(&form.file(file, &rows)).expect(200);
    let imported = browser.submit(&Form::of(&preview, "/commit")).expect(200);
    let start = browser.form("/console/runs/new", "/confirm");
    let confirm = browser.submit(&start).expect(200);
    let run = browser.submit(&Form::of(&confirm, "/start")).expect(200);
    let mut pages = vec![preview, imported, confirm, run];
    for text in HOSTILE {
        let value = coded(text);
        for path in [
            "people?search=",
            "people?org_unit=",
            "phones?search=",
            "person?user=",
            "runs/new?users=",
            "runs/new?import=",
            "runs?state=",
            "imports/new?dialect=",
            "history?to=",
            "people?after=",
            "runs/confirm?channel=whatsapp&source=users&users=",
            "runs/confirm?source=",
            "imports/",
            "runs/confirm?source=users&users=u0&channel=",
            "runs/",
            "download/",
            "sign-in?ended=",
        ] {
            pages.push(browser.open(&format!("/console/{path}{value}")));
        }
    }
    let paths = [
        "",
        "imports",
        "runs",
        "phones",
        "people",
        "person?user=u0",
        "history",
        "access",
        "settings",
    ];
    pages.extend(paths.map(|path| browser.open(&format!("/console/{path}")).expect(200)));
    for page in &pages {
        page.hides(&["<script>", "<img", "'onfocus", "olga<b>"]);
    }
    let all: String = pages.iter().map(|page| page.text.as_str()).collect();
    for shown in
        ["&lt;script&gt;alert(1)&lt;/script&gt;", "&quot;&gt;&lt;img src=x", "&#x27;onfocus"]
    {
        assert!(all.matches(shown).count() > 10, "{shown} is not shown");
    }
}
