//! Every page that the console links to: its weight, its language, and what assistive programs need.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::browser::Browser;
use super::form::Form;
use crate::support::page::Page;
use crate::support::program::Cli;
use crate::support::running_engine::{Engine, issue};

/// The most bytes of a page after compression.
const PAGE_BYTES_MAX: usize = 60 * 1024;

/// The most bytes of a page with its style and its script, compressed.
const ALL_BYTES_MAX: usize = 150 * 1024;

fn compressed(text: &str) -> usize {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap().len()
}

/// The kind of a page: its path with the ids left out.
fn kind(path: &str) -> String {
    let is_id = |part: &&str| part.len() == 26 && part.starts_with("01");
    path.split('?')
        .next()
        .unwrap()
        .split('/')
        .map(|part| if is_id(&part) { "<id>" } else { part })
        .collect::<Vec<_>>()
        .join("/")
}

/// The pages behind all links from the first page on, one for each kind and list of parameters.
fn crawl(browser: &mut Browser) -> BTreeMap<String, Page> {
    let (mut found, mut waiting) = (BTreeMap::new(), vec!["/console/".to_owned()]);
    let mut seen = BTreeSet::new();
    while let Some(path) = waiting.pop() {
        let names = path.split_once('?').map_or("", |(_, query)| query).split('&');
        let names: Vec<_> = names.map(|pair| pair.split('=').next().unwrap()).collect();
        if !seen.insert((kind(&path), names.concat())) {
            continue;
        }
        let page = browser.get(&path);
        assert_eq!(page.status, 200, "{path}: {page:?}");
        let links = page.text.split("href=\"").skip(1).map(|rest| rest.split('"').next().unwrap());
        waiting.extend(
            links.filter(|to| to.starts_with("/console")).map(|to| to.replace("&amp;", "&")),
        );
        found.insert(path, page);
    }
    found
}

/// What a reader with a keyboard or a screen reader needs.
fn check_access(path: &str, page: &Page) {
    let text = &page.text;
    assert_eq!(text.matches("<h1>").count(), 1, "{path}");
    assert!(text.contains("<a class=\"skip\" href=\"#main\">"), "{path}");
    assert!(text.find("<h1>") < text.find("<h2>").or(Some(usize::MAX)), "{path}");
    assert!(!text.contains("<h3"), "{path}");
    assert!(text.split("<th ").skip(1).all(|head| head.starts_with("scope=")), "{path}");
    assert!(
        !text.contains("<th>") && !text.contains(" onclick") && !text.contains(" style="),
        "{path}"
    );
    for element in ["<input ", "<select ", "<textarea "] {
        for (at, _) in text.match_indices(element) {
            let (before, field) = text.split_at(at);
            let tag = field.split('>').next().unwrap();
            let id = tag.split_once("id=\"").map(|(_, rest)| rest.split('"').next().unwrap());
            let has_label = id.is_some_and(|id| text.contains(&format!("<label for=\"{id}\"")));
            let is_inside = before.rfind("<label>") > before.rfind("</label>");
            assert!(tag.contains("hidden") || has_label || is_inside, "{path}: no label for {tag}");
        }
    }
    let ids: Vec<_> = text.split(" id=\"").skip(1).map(|rest| rest.split('"').next()).collect();
    assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len(), "{path}: an id twice");
}

/// The pages work in both languages, are small, and every link opens a page.
#[test]
fn every_page_is_linked_small_and_accessible() {
    let cli = Cli::with_many_people(120);
    cli.start(&["--user", "u0", "--user", "nobody"]);
    let bad = cli.people("bad.csv", &[("x 1", "12"), ("u1", "+12122009999")]);
    cli.run(&["import", &bad, "--dialect", "leapxpert", "--add-phones"]);
    let token = issue(&cli, "olga@local");
    let engine = Engine::start(&cli, &[]);
    let mut browser = Browser::signed_in(&engine, &token);
    let assets: usize = ["/assets/console.css", "/assets/console.js"]
        .map(|path| compressed(&browser.get(path).expect(200).text))
        .iter()
        .sum();
    let english = crawl(&mut browser);
    browser.headers[0].1 = "de-AT,de;q=0.9,en;q=0.5".to_owned();
    let german = crawl(&mut browser);
    let kinds: BTreeSet<_> = english.keys().map(|path| kind(path)).collect();
    for expected in [
        "/console/imports/<id>",
        "/console/imports/new",
        "/console/runs/<id>",
        "/console/imports/<id>/undo",
        "/console/runs/new",
        "/console/runs/confirm",
        "/console/person",
        "/console/history",
        "/console/access",
        "/console/settings",
        "/console/download/failed_rows",
        "/console/download/phone_list",
        "/console/download/integration_log",
        "/console/download/users",
    ] {
        assert!(kinds.contains(expected), "{expected} is not linked: {kinds:?}");
    }
    for (language, pages) in [("en", &english), ("de", &german)] {
        for (path, page) in pages.iter().filter(|(path, _)| !path.contains("/download/")) {
            assert!(page.text.contains(&format!("<html lang=\"{language}\">")), "{path}");
            check_access(path, page);
            let bytes = compressed(&page.text);
            println!(
                "{language} {bytes:>6} bytes compressed, {:>6} as sent: {path}",
                page.text.len()
            );
            assert!(bytes <= PAGE_BYTES_MAX && bytes + assets <= ALL_BYTES_MAX, "{path}: {bytes}");
        }
    }
    german["/console/"].shows(&["<h1>Start</h1>", "Braucht Aufmerksamkeit"]);
    println!("style and script: {assets} bytes compressed");
}

/// Lists go on over pages whose addresses hold the filter.
#[test]
fn list_is_read_page_by_page_with_its_filter() {
    let cli = Cli::with_many_people(120);
    let token = issue(&cli, "olga@local");
    let engine = Engine::start(&cli, &[]);
    let mut browser = Browser::signed_in(&engine, &token);
    let (mut path, mut users) = ("/console/people?search=u&state=active".to_owned(), Vec::new());
    loop {
        let page = browser.open(&path).expect(200);
        let rows = page.text.split("<tbody>").nth(1).unwrap().split("person?user=").skip(1);
        users.extend(rows.map(|rest| rest.split('"').next().unwrap().to_owned()));
        let Some((before, _)) = page.text.split_once("\" rel=\"next\"") else { break };
        path = before.rsplit_once('"').unwrap().1.replace("&amp;", "&");
        assert!(path.contains("search=u&") && path.contains("state=active"), "{path}");
    }
    assert_eq!(users.len(), 120, "{users:?}");
    assert_eq!(users.iter().collect::<BTreeSet<_>>().len(), 120);
    let events = browser.open("/console/history").expect(200);
    let older = Form::of(&events, "/sign-out");
    assert!(older.is_post);
    let older = events.between("href=\"/console/history?", "\"").to_owned();
    browser.open(&format!("/console/history?{older}")).expect(200).shows(&["rel=\"first\""]);
}
