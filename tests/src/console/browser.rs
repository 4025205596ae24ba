//! A browser without scripts: it keeps cookies, follows redirects and sends the forms of pages.

use std::collections::BTreeMap;
use std::time::Duration;

use ureq::http::request::Builder;
use ureq::http::{Request, Response};
use ureq::{Agent, Body};

use super::form::Form;
use crate::support::page::Page;
use crate::support::running_engine::Engine;

/// The name of the cookie with the id of the session.
pub(super) const SESSION: &str = "boarding_session";

/// How long an answer may take. A passing test waits much shorter.
const ANSWER_MAX: Duration = Duration::from_secs(60);

/// A browser with its cookies. Clones are the same operator in other browsers.
#[derive(Debug, Clone)]
pub(super) struct Browser {
    agent: Agent,
    pub(super) root: String,
    pub(super) cookies: BTreeMap<String, String>,
    /// Headers of each request.
    pub(super) headers: Vec<(&'static str, String)>,
}

impl Browser {
    pub(super) fn of(engine: &Engine<'_>) -> Self {
        let config = Agent::config_builder().http_status_as_error(false).max_redirects(0);
        let config = config.timeout_global(Some(ANSWER_MAX));
        let headers = vec![("accept-language", "en".to_owned())];
        let (agent, root) = (config.build().new_agent(), engine.url.clone());
        Self { agent, root, cookies: BTreeMap::new(), headers }
    }

    /// A browser that has signed in to the company `acme`.
    #[track_caller]
    pub(super) fn signed_in(engine: &Engine<'_>, token: &str) -> Self {
        Self::signed_in_to(engine, "acme", token)
    }

    #[track_caller]
    pub(super) fn signed_in_to(engine: &Engine<'_>, company: &str, token: &str) -> Self {
        let mut browser = Self::of(engine);
        browser.sign_in(company, token).expect(200);
        browser
    }

    /// Sends the form of the sign-in, and returns the page after it.
    pub(super) fn sign_in(&mut self, company: &str, token: &str) -> Page {
        let page = self.open("/console/sign-in").expect(200);
        let form = Form::of(&page, "/sign-in").set("company", company).set("token", token);
        self.submit(&form)
    }

    /// The answer at a path, without following redirects.
    pub(super) fn get(&mut self, path: &str) -> Page {
        let response = self.begin(path);
        self.received(response)
    }

    /// The answer at a path as soon as it begins.
    pub(super) fn begin(&self, path: &str) -> Response<Body> {
        let request = self.with_headers(Request::get(self.address(path)));
        self.agent.run(request.body(()).unwrap()).unwrap()
    }

    /// The page at a path, after its redirects.
    pub(super) fn open(&mut self, path: &str) -> Page {
        let page = self.get(path);
        self.follow(page)
    }

    /// Sends a form, and returns the answer without following redirects.
    pub(super) fn send(&mut self, form: &Form) -> Page {
        if !form.is_post {
            return self.get(&format!("{}?{}", form.action, form.query()));
        }
        let (kind, body) = form.body();
        let request = self.with_headers(Request::post(self.address(&form.action)));
        let request = request.header("content-type", kind).body(body).unwrap();
        let response = self.agent.run(request).unwrap();
        self.received(response)
    }

    /// Sends a form, and returns the page after its redirects.
    pub(super) fn submit(&mut self, form: &Form) -> Page {
        let page = self.send(form);
        self.follow(page)
    }

    /// The form on a page of the console whose address ends with this.
    #[track_caller]
    pub(super) fn form(&mut self, page: &str, path: &str) -> Form {
        Form::of(&self.open(page).expect(200), path)
    }

    fn follow(&mut self, mut page: Page) -> Page {
        for _ in 0..5 {
            let Some(to) = page.headers.get("location") else { return page };
            page = self.get(to.to_str().unwrap());
        }
        panic!("too many redirects: {page:?}");
    }

    fn address(&self, path: &str) -> String {
        assert!(path.starts_with('/'), "{path} leads away");
        format!("{}{path}", self.root)
    }

    fn with_headers(&self, request: Builder) -> Builder {
        let cookies: Vec<_> =
            self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let request = match cookies.is_empty() {
            true => request,
            false => request.header("cookie", cookies.join("; ")),
        };
        self.headers.iter().fold(request, |request, (name, value)| request.header(*name, value))
    }

    fn received(&mut self, response: Response<Body>) -> Page {
        for cookie in response.headers().get_all("set-cookie") {
            let cookie = cookie.to_str().unwrap();
            let (pair, rules) = cookie.split_once(';').unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            match rules.contains("Max-Age=0") {
                true => self.cookies.remove(name),
                false => self.cookies.insert(name.to_owned(), value.to_owned()),
            };
        }
        Page::of(response)
    }
}
