//! A reader of pages: gets the links of mails, opens them, and sends the forms of the pages.

use std::path::Path;

use ureq::Agent;
use ureq::http::Request;

use crate::support::mail_text::read;
use crate::support::page::Page;
use crate::support::program::Cli;

fn agent() -> Agent {
    Agent::config_builder().http_status_as_error(false).max_redirects(0).build().new_agent()
}

/// Opens an address as a browser that prefers this language.
#[track_caller]
pub(super) fn open_in(language: &str, address: &str) -> Page {
    let request = Request::get(address).header("Accept-Language", language).body(()).unwrap();
    Page::of(agent().run(request).unwrap())
}

#[track_caller]
pub(super) fn open(address: &str) -> Page {
    open_in("en", address)
}

/// Asks for the headers of an address only.
pub(super) fn head(address: &str) -> Page {
    Page::of(agent().run(Request::head(address).body(()).unwrap()).unwrap())
}

/// Sends a form.
pub(super) fn send(address: &str, form: &str) -> Page {
    let kind = "application/x-www-form-urlencoded";
    let request = Request::post(address).header("Content-Type", kind);
    Page::of(agent().run(request.body(form.to_owned()).unwrap()).unwrap())
}

/// The address that begins with this one and stands first in a text.
pub(super) fn address_in(text: &str, base: &str) -> Option<String> {
    let rest = text.split_once(base)?.1;
    let token = rest.chars().take_while(|c| c.is_ascii_alphanumeric() || "-_".contains(*c));
    Some(format!("{base}{}", token.collect::<String>()))
}

/// The links below this base in the mails to an address, the oldest mail first.
pub(super) fn links(outbox: &Path, to: &str, base: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![outbox.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap()) {
            if entry.file_type().unwrap().is_dir() {
                folders.push(entry.path());
                continue;
            }
            let mail = read(&std::fs::read_to_string(entry.path()).unwrap());
            if mail.to.contains(to)
                && let Some(link) = address_in(&mail.text, base)
            {
                found.push((entry.metadata().unwrap().modified().unwrap(), link));
            }
        }
    }
    found.sort();
    found.into_iter().map(|(_, link)| link).collect()
}

/// The newest link below `base` in the mails of a company to this address.
#[track_caller]
pub(super) fn newest_link(cli: &Cli, to: &str, base: &str) -> String {
    links(&cli.outbox(), to, base).pop().expect("no mail with a link")
}
