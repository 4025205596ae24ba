//! Another program on NATS: asks commands and queries as the contract says, and looks at what comes back.

use std::path::Path;

use async_nats::{Client, HeaderMap};
use boarding_commands::values::CommandId;
use boarding_core::clock::Clock;
use boarding_log::connect::Server;
use serde_json::{Value, json};

use crate::support::paths::fixture;

/// The columns of a `leapxpert` file.
pub(crate) const HEADER: &str = "username,first_name,last_name,email,phone_number,org_unit,role\n";

/// A client of its own for one company.
#[derive(Clone)]
pub(crate) struct Caller {
    pub(crate) client: Client,
    clock: Clock,
    pub(crate) company: String,
    /// Whether it speaks MessagePack.
    packed: bool,
}

/// An answer with what its headers say.
#[derive(Debug, Clone)]
pub(crate) struct Told {
    pub(crate) value: Value,
    pub(crate) bytes: Vec<u8>,
    headers: HeaderMap,
}

impl Told {
    pub(crate) fn of(message: &async_nats::Message) -> Self {
        let headers = message.headers.clone().unwrap_or_default();
        let read = match headers.get("Content-Type").map(|kind| kind.as_str()) {
            Some("application/msgpack") => rmp_serde::from_slice(&message.payload).ok(),
            _ => serde_json::from_slice(&message.payload).ok(),
        };
        let bytes = message.payload.to_vec();
        Self { value: read.unwrap_or_default(), bytes, headers }
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.as_str())
    }

    pub(crate) fn code(&self) -> &str {
        self.value["code"].as_str().unwrap_or_default()
    }

    /// The result of an accepted command.
    #[track_caller]
    pub(crate) fn ok(self) -> Value {
        assert_eq!(self.value["outcome"], "accepted", "{}", self.value);
        assert_eq!(self.header("Nats-Service-Error-Code"), None);
        self.value
    }

    /// A "no" of this code and number, told in the body and in the headers.
    #[track_caller]
    pub(crate) fn no(self, code: &str, status: u16) -> Value {
        assert_eq!(self.code(), code, "{}", self.value);
        assert_eq!(self.header("Nats-Service-Error-Code"), Some(&*status.to_string()));
        let error = self.header("Nats-Service-Error").unwrap();
        assert!(error.starts_with(&format!("{code}: ")), "{error}");
        assert!(!self.value["message"].as_str().unwrap().is_empty());
        self.value
    }
}

impl Caller {
    pub(crate) async fn on(url: &str) -> Self {
        let address = Server { url: url.to_owned(), ..Server::default() };
        let client = address.connect("caller").await.unwrap();
        Self { client, clock: Clock::system(), company: "acme".to_owned(), packed: false }
    }

    /// The same in MessagePack.
    pub(crate) fn packed(&self) -> Self {
        Self { packed: true, ..self.clone() }
    }

    /// The same for another company.
    pub(crate) fn at(&self, company: &str) -> Self {
        Self { company: company.to_owned(), ..self.clone() }
    }

    pub(crate) fn id(&self) -> CommandId {
        self.clock.id()
    }

    pub(crate) fn subject(&self, kind: &str, name: &str) -> String {
        format!("boarding.v1.{}.{kind}.{name}", self.company)
    }

    /// A value as it is sent: headers and payload.
    pub(crate) fn written(&self, value: &Value) -> (HeaderMap, Vec<u8>) {
        let mut headers = HeaderMap::new();
        let bytes = if self.packed {
            headers.insert("Content-Type", "application/msgpack");
            rmp_serde::to_vec_named(value).unwrap()
        } else {
            headers.insert("Content-Type", "application/json");
            value.to_string().into_bytes()
        };
        (headers, bytes)
    }

    /// Sends what is given, and waits for the answer.
    pub(crate) async fn send(&self, subject: String, headers: HeaderMap, bytes: Vec<u8>) -> Told {
        let request = self.client.request_with_headers(subject, headers, bytes.into());
        Told::of(&request.await.unwrap())
    }

    pub(crate) async fn ask(&self, name: &str, envelope: &Value) -> Told {
        let (headers, bytes) = self.written(envelope);
        self.send(self.subject("command", name), headers, bytes).await
    }

    pub(crate) fn envelope(&self, body: &Value) -> Value {
        json!({"id": self.id(), "actor": "admin", "body": body})
    }

    /// A command by the administrator, under an id of its own.
    pub(crate) async fn command(&self, name: &str, body: Value) -> Told {
        self.ask(name, &self.envelope(&body)).await
    }

    pub(crate) async fn query(&self, name: &str, params: Value) -> Told {
        let (headers, bytes) = self.written(&params);
        self.send(self.subject("query", name), headers, bytes).await
    }

    /// The rows of a query, as they stand once all that was accepted can be seen.
    pub(crate) async fn rows(&self, name: &str, mut params: Value, position: &Value) -> Vec<Value> {
        params["min_position"] = position.clone();
        let told = self.query(name, params).await;
        told.value["rows"].as_array().unwrap_or_else(|| panic!("{name}: {}", told.value)).clone()
    }

    /// Defines the sample company.
    pub(crate) async fn define_company(&self) {
        let commands = std::fs::read_to_string(Path::new(&fixture("company/acme.json"))).unwrap();
        for command in serde_json::from_str::<Vec<Value>>(&commands).unwrap() {
            let name = command["command"].as_str().unwrap();
            self.command(name, command["body"].clone()).await.ok();
        }
    }
}

/// A file of so many people, all good.
pub(crate) fn people(count: usize) -> String {
    let row =
        |n| format!("user{n},First,Last,user{n}@acme.example,+84912{n:06},Fixed Income Desk,\n");
    HEADER.to_owned() + &(0..count).map(row).collect::<String>()
}
