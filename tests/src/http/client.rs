//! A client of `boarding serve --http`, and the tokens that it bears.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;
use std::process::Command;

use serde_json::{Value, json};
use ureq::http::{HeaderMap, Request};
use ureq::{Agent, Body, BodyReader};

use crate::nats::serve_process::ServeProcess;
use crate::support::program::program;
use boarding_core::access_token::AccessToken;
use boarding_core::clock::Clock;

/// A new id.
pub(super) fn id() -> String {
    Clock::system().id().to_string()
}

/// An engine that serves over HTTP on a free port.
pub(super) struct Served {
    pub(super) process: ServeProcess,
    base: String,
    agent: Agent,
}

/// The status and the document of a response.
#[derive(Debug)]
pub(super) struct Response {
    pub(super) status: u16,
    pub(super) content_type: String,
    pub(super) text: String,
}

impl Response {
    #[track_caller]
    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The document of a response with this status.
    #[track_caller]
    pub(super) fn expect(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{self:?}");
        self.json()
    }
}

/// Runs the program on the data folder of a process that does not run.
pub(super) fn run(process: &ServeProcess, company: &str, args: &[&str]) -> Value {
    let mut command = Command::new(program());
    command.args(args).args(["--json", "--company", company]).arg("--data").arg(process.data());
    let output = command.output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {stderr}"))
}

/// Issues a token for an actor of a company, and returns its text.
pub(super) fn issue(process: &ServeProcess, company: &str, actor: &str) -> String {
    let token = AccessToken::new(id().parse().unwrap()).unwrap();
    let body = json!({"token": token.id(), "actor": actor, "secret_sha256": token.sha256_hex()});
    run(process, company, &["command", "IssueToken", &body.to_string()]);
    token.text().to_owned()
}

impl Served {
    /// Starts an engine without NATS, with a token for `ann` of the company `acme`.
    pub(super) fn start() -> (Self, String) {
        let process = ServeProcess::without_nats();
        let token = issue(&process, "acme", "ann");
        (Self::of(process, &[]), token)
    }

    /// Starts the process with these options and a port for HTTP.
    pub(super) fn of(mut process: ServeProcess, options: &[&str]) -> Self {
        process.restart(&[&["--http", "127.0.0.1:0", "--json"], options].concat());
        let ready: Value = serde_json::from_str(&process.ready).unwrap();
        let base = ready["http"].as_str().unwrap().to_owned();
        let agent = Agent::config_builder().http_status_as_error(false).build().new_agent();
        Self { process, base, agent }
    }

    /// The address without the scheme.
    pub(super) fn address(&self) -> &str {
        self.base.strip_prefix("http://").unwrap()
    }

    fn send(&self, request: ureq::http::request::Builder, body: Vec<u8>) -> Response {
        let response = self.agent.run(request.body(body).unwrap()).unwrap();
        read(response)
    }

    pub(super) fn get(&self, path: &str, token: &str) -> Response {
        let request = Request::get(format!("{}{path}", self.base));
        let request = request.header("Authorization", format!("Bearer {token}"));
        read(self.agent.run(request.body(()).unwrap()).unwrap())
    }

    /// The status, the headers and the bytes of a response to a request with these headers.
    pub(super) fn raw(
        &self,
        path: &str,
        token: &str,
        headers: &[(&str, &str)],
    ) -> (u16, HeaderMap, Vec<u8>) {
        let mut request = Request::get(format!("{}{path}", self.base));
        request = request.header("Authorization", format!("Bearer {token}"));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (head, body) = self.agent.run(request.body(()).unwrap()).unwrap().into_parts();
        let bytes = body.into_with_config().read_to_vec().unwrap();
        (head.status.as_u16(), head.headers, bytes)
    }

    pub(super) fn delete(&self, path: &str, token: &str) -> Response {
        let request = Request::delete(format!("{}{path}", self.base));
        let request = request.header("Authorization", format!("Bearer {token}"));
        read(self.agent.run(request.body(()).unwrap()).unwrap())
    }

    /// Sends a body of this type.
    pub(super) fn post(&self, path: &str, token: &str, kind: &str, body: &[u8]) -> Response {
        let request = Request::post(format!("{}{path}", self.base));
        let request = request.header("Authorization", format!("Bearer {token}"));
        self.send(request.header("Content-Type", kind), body.to_vec())
    }

    /// Sends a command of the company `acme` with this envelope.
    pub(super) fn envelope(&self, name: &str, token: &str, envelope: &Value) -> Response {
        let path = format!("/v1/acme/commands/{name}");
        self.post(&path, token, "application/json", envelope.to_string().as_bytes())
    }

    /// Sends a command of the company `acme` under a new id.
    pub(super) fn command(&self, name: &str, token: &str, body: impl Into<Value>) -> Response {
        let body: Value = body.into();
        self.envelope(name, token, &json!({"id": id(), "body": body}))
    }

    /// Sends a command with this body in MessagePack, or a query, and returns the answer in MessagePack.
    pub(super) fn packed(&self, path: &str, token: &str, body: Option<&[u8]>) -> Value {
        let (url, bearer) = (format!("{}{path}", self.base), format!("Bearer {token}"));
        let packed = "application/msgpack";
        let response = match body {
            Some(body) => {
                let request = Request::post(url).header("Authorization", bearer);
                self.agent.run(request.header("Content-Type", packed).body(body.to_vec()).unwrap())
            }
            None => {
                let request = Request::get(url).header("Authorization", bearer);
                self.agent.run(request.header("Accept", packed).body(()).unwrap())
            }
        };
        let response = response.unwrap();
        assert_eq!(response.headers()["content-type"], packed);
        rmp_serde::from_slice(&response.into_body().read_to_vec().unwrap()).unwrap()
    }

    /// Opens a stream of events, from the first one on or after the last seen one.
    pub(super) fn events(&self, query: &str, token: &str, last: Option<u64>) -> EventLines {
        let request = Request::get(format!("{}/v1/acme/events{query}", self.base));
        let mut request = request.header("Authorization", format!("Bearer {token}"));
        if let Some(last) = last {
            request = request.header("Last-Event-ID", last.to_string());
        }
        let response = self.agent.run(request.body(()).unwrap()).unwrap();
        assert_eq!(response.status(), 200);
        let lines = BufReader::new(response.into_body().into_reader());
        EventLines { lines, is_broken: false }
    }

    /// Sends the beginning of a request with a body of this size, and keeps the connection open.
    pub(super) fn begin(&self, path: &str, token: &str, bytes: usize, body: &str) -> TcpStream {
        let mut stream = TcpStream::connect(self.address()).unwrap();
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer {token}\r\nContent-Length: {bytes}\r\n\r\n{body}"
        );
        stream.write_all(head.as_bytes()).unwrap();
        stream
    }
}

fn read(response: ureq::http::Response<Body>) -> Response {
    let status = response.status().as_u16();
    let kind = response.headers().get("content-type");
    let content_type = kind.map(|kind| kind.to_str().unwrap().to_owned()).unwrap_or_default();
    let text = response.into_body().read_to_string().unwrap();
    Response { status, content_type, text }
}

/// The events of a stream.
pub(super) struct EventLines {
    lines: BufReader<BodyReader<'static>>,
    /// Whether the connection broke before the stream ended.
    pub(super) is_broken: bool,
}

impl EventLines {
    /// The position and the name of the next event. None at the end of the stream.
    pub(super) fn next(&mut self) -> Option<(u64, String)> {
        let (mut position, mut name) = (None, None);
        loop {
            let mut line = String::new();
            match self.lines.read_line(&mut line) {
                Ok(0) => return None,
                Ok(_) => {}
                Err(_) => {
                    self.is_broken = true;
                    return None;
                }
            }
            match line.trim_end().split_once(": ") {
                Some(("id", text)) => position = text.parse().ok(),
                Some(("event", text)) => name = Some(text.to_owned()),
                _ => {}
            }
            if line.trim_end().is_empty()
                && let (Some(position), Some(name)) = (position, name.take())
            {
                return Some((position, name));
            }
        }
    }
}
