//! A NATS client that sends commands and queries as the contract says.

use std::path::Path;
use std::time::Duration;

use async_nats::{Client, HeaderMap};
use boarding_commands::values::CommandId;
use boarding_core::clock::Clock;
use boarding_log::connect::ServerAddress;
use futures_util::StreamExt as _;
use serde_json::{Value, json};

use crate::support::answers::{check_command, check_query};
use crate::support::paths::fixture;

/// The header of a CSV file of the dialect `leapxpert`.
pub(crate) const HEADER: &str = "username,first_name,last_name,email,phone_number,org_unit,role\n";

/// How long the test waits for the answer of a queued command, or of a call.
pub(crate) const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);

/// A client for one company.
#[derive(Clone)]
pub(crate) struct Caller {
    pub(crate) client: Client,
    clock: Clock,
    pub(crate) company: String,
    /// Whether requests are encoded in MessagePack.
    msgpack: bool,
}

/// An answer: its value, its bytes, its headers.
#[derive(Debug, Clone)]
pub(crate) struct Response {
    pub(crate) value: Value,
    pub(crate) bytes: Vec<u8>,
    headers: HeaderMap,
}

impl Response {
    pub(crate) fn of(message: &async_nats::Message) -> Self {
        let headers = message.headers.clone().unwrap_or_default();
        let value = match headers.get("Content-Type").map(|kind| kind.as_str()) {
            Some("application/msgpack") => rmp_serde::from_slice(&message.payload).ok(),
            _ => serde_json::from_slice(&message.payload).ok(),
        };
        let bytes = message.payload.to_vec();
        Self { value: value.unwrap_or_default(), bytes, headers }
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.as_str())
    }

    pub(crate) fn code(&self) -> &str {
        self.value["code"].as_str().unwrap_or_default()
    }

    /// Asserts that the command was accepted and returns the answer.
    #[track_caller]
    pub(crate) fn accepted(self) -> Value {
        assert_eq!(self.value["outcome"], "accepted", "{}", self.value);
        assert_eq!(self.header("Nats-Service-Error-Code"), None);
        self.value
    }

    /// Asserts that the answer is an error with this code and status, in body and headers, and returns it.
    #[track_caller]
    pub(crate) fn error(self, code: &str, status: u16) -> Value {
        assert_eq!(self.code(), code, "{}", self.value);
        assert_eq!(self.header("Nats-Service-Error-Code"), Some(&*status.to_string()));
        let error = self.header("Nats-Service-Error").unwrap();
        assert!(error.starts_with(&format!("{code}: ")), "{error}");
        assert!(!self.value["message"].as_str().unwrap().is_empty());
        self.value
    }
}

impl Caller {
    /// A client for the company `acme` that encodes in JSON.
    pub(crate) async fn connect(url: &str) -> Self {
        Self::at(&ServerAddress { url: url.to_owned(), ..ServerAddress::default() }).await
    }

    /// As `connect`, with other ways to log in.
    pub(crate) async fn at(address: &ServerAddress) -> Self {
        let client = address.connect("caller").await.unwrap();
        Self { client, clock: Clock::system(), company: "acme".to_owned(), msgpack: false }
    }

    /// The same client, encoding in MessagePack.
    pub(crate) fn with_msgpack(&self) -> Self {
        Self { msgpack: true, ..self.clone() }
    }

    /// The same client for another company.
    pub(crate) fn for_company(&self, company: &str) -> Self {
        Self { company: company.to_owned(), ..self.clone() }
    }

    pub(crate) fn id(&self) -> CommandId {
        self.clock.id()
    }

    pub(crate) fn subject(&self, kind: &str, name: &str) -> String {
        format!("boarding.v1.{}.{kind}.{name}", self.company)
    }

    /// The headers and the payload of a request with this value.
    pub(crate) fn encode(&self, value: &Value) -> (HeaderMap, Vec<u8>) {
        let mut headers = HeaderMap::new();
        let bytes = if self.msgpack {
            headers.insert("Content-Type", "application/msgpack");
            rmp_serde::to_vec_named(value).unwrap()
        } else {
            headers.insert("Content-Type", "application/json");
            value.to_string().into_bytes()
        };
        (headers, bytes)
    }

    /// Sends a request and waits for the answer.
    pub(crate) async fn request(
        &self,
        subject: String,
        headers: HeaderMap,
        bytes: Vec<u8>,
    ) -> Response {
        let [kind, name] = {
            let mut words = subject.rsplitn(3, '.').map(str::to_owned);
            let name = words.next().unwrap();
            [words.next().unwrap_or_default(), name]
        };
        let request = async_nats::Request::new().headers(headers).payload(bytes.into());
        let request = request.timeout(Some(ANSWER_TIMEOUT));
        let response = Response::of(&self.client.send_request(subject, request).await.unwrap());
        // CSV has no value.
        match kind.as_str() {
            "command" => check_command(&name, &response.value),
            "query" if !response.value.is_null() => check_query(&name, &response.value),
            _ => {}
        }
        response
    }

    /// Sends a command with this envelope.
    pub(crate) async fn send_command(&self, name: &str, envelope: &Value) -> Response {
        let (headers, bytes) = self.encode(envelope);
        self.request(self.subject("command", name), headers, bytes).await
    }

    /// Leaves a command with this envelope in the queue, and waits for its answer.
    pub(crate) async fn queue(&self, name: &str, envelope: &Value) -> Response {
        let inbox = self.client.new_inbox();
        let mut answers = self.client.subscribe(inbox.clone()).await.unwrap();
        let (mut headers, bytes) = self.encode(envelope);
        headers.insert("Boarding-Reply-To", inbox.as_str());
        let subject = self.subject("queue", name);
        self.client.publish_with_headers(subject, headers, bytes.into()).await.unwrap();
        let answer = tokio::time::timeout(ANSWER_TIMEOUT, answers.next()).await.expect("no answer");
        Response::of(&answer.unwrap())
    }

    /// An envelope with a new id and the actor `admin`.
    pub(crate) fn envelope(&self, body: &Value) -> Value {
        json!({"id": self.id(), "actor": "admin", "body": body})
    }

    /// Sends a command with a new id and the actor `admin`.
    pub(crate) async fn command(&self, name: &str, body: Value) -> Response {
        self.send_command(name, &self.envelope(&body)).await
    }

    pub(crate) async fn query(&self, name: &str, params: Value) -> Response {
        let (headers, bytes) = self.encode(&params);
        self.request(self.subject("query", name), headers, bytes).await
    }

    /// The rows of a query, read at this position or later.
    pub(crate) async fn rows(&self, name: &str, mut params: Value, position: &Value) -> Vec<Value> {
        params["min_position"] = position.clone();
        let answer = self.query(name, params).await.value;
        answer["rows"].as_array().unwrap_or_else(|| panic!("{name}: {answer}")).clone()
    }

    /// Defines the sample company.
    pub(crate) async fn define_company(&self) {
        let commands = std::fs::read_to_string(Path::new(&fixture("company/acme.json"))).unwrap();
        for command in serde_json::from_str::<Vec<Value>>(&commands).unwrap() {
            let name = command["command"].as_str().unwrap();
            self.command(name, command["body"].clone()).await.accepted();
        }
    }
}

/// A CSV file with this many valid people.
pub(crate) fn people(count: usize) -> String {
    let row =
        |n| format!("user{n},First,Last,user{n}@acme.example,+84912{n:06},Fixed Income Desk,\n");
    HEADER.to_owned() + &(0..count).map(row).collect::<String>()
}
