//! A reader of pages: gets the links of mails, opens them, and sends the forms of the pages.

use std::path::Path;

use ureq::http::{HeaderMap, Request};
use ureq::{Agent, Body};

use crate::support::mail_text::read;
use crate::support::program::Cli;

/// A page with its status and headers.
#[derive(Debug)]
pub(super) struct Page {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) text: String,
}

impl Page {
    #[track_caller]
    pub(super) fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{self:?}");
        self
    }

    /// The text between two marks of the page.
    #[track_caller]
    pub(super) fn between(&self, before: &str, after: &str) -> &str {
        let rest = self.text.split_once(before).unwrap_or_else(|| panic!("{before}: {self:?}")).1;
        rest.split_once(after).unwrap().0
    }

    /// Asserts that the page shows all of these texts.
    #[track_caller]
    pub(super) fn shows(&self, texts: &[&str]) {
        for text in texts {
            assert!(self.text.contains(text), "{text}: {self:?}");
        }
    }

    /// Asserts that the page shows none of these texts.
    #[track_caller]
    pub(super) fn hides(&self, texts: &[&str]) {
        for text in texts {
            assert!(!self.text.contains(text), "{text}: {self:?}");
        }
    }
}

fn agent() -> Agent {
    Agent::config_builder().http_status_as_error(false).max_redirects(0).build().new_agent()
}

fn page(response: ureq::http::Response<Body>) -> Page {
    let (head, body) = response.into_parts();
    let text = body.into_with_config().lossy_utf8(true).read_to_string().unwrap();
    // As a browser reads it.
    let text = text.replace("&#x2f;", "/");
    Page { status: head.status.as_u16(), headers: head.headers, text }
}

/// Opens an address as a browser that prefers this language.
#[track_caller]
pub(super) fn open_in(language: &str, address: &str) -> Page {
    let request = Request::get(address).header("Accept-Language", language).body(()).unwrap();
    page(agent().run(request).unwrap())
}

#[track_caller]
pub(super) fn open(address: &str) -> Page {
    open_in("en", address)
}

/// Asks for the headers of an address only.
pub(super) fn head(address: &str) -> Page {
    page(agent().run(Request::head(address).body(()).unwrap()).unwrap())
}

/// Sends a form.
pub(super) fn send(address: &str, form: &str) -> Page {
    let kind = "application/x-www-form-urlencoded";
    let request = Request::post(address).header("Content-Type", kind);
    page(agent().run(request.body(form.to_owned()).unwrap()).unwrap())
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
