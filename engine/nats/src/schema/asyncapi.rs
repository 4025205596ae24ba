//! AsyncAPI 3.0: where on NATS each part of the contract is sent, with which headers, and what comes back.

use boarding_commands::decide::NAMES;
use boarding_commands::event::Channel;
use boarding_commands::values::CompanyId;
use serde_json::{Map, Value, json};

use super::{definitions, plain};
use crate::names;
use boarding_core::queries::query_schemas;

mod headers;

/// The version of AsyncAPI.
const ASYNCAPI: &str = "3.0.0";

/// The NATS subjects of the contract as an AsyncAPI document.
pub fn asyncapi() -> Value {
    let schemas = definitions::all();
    let mut wire = Wire::default();
    let events: Vec<_> = schemas.keys().filter_map(|name| name.strip_prefix("event.")).collect();
    NAMES.iter().for_each(|name| wire.command(name));
    query_schemas().iter().for_each(|shape| wire.query(shape.name));
    events.iter().for_each(|name| wire.event(name));
    wire.work();
    let headers = headers::all().into_iter().map(|(name, schema)| (name.to_owned(), schema));
    let schemas = plain::components(schemas.into_iter().chain(headers));
    json!({
        "asyncapi": ASYNCAPI,
        "id": "urn:boarding:v1",
        "info": {"title": "Boarding", "version": "1.0.0", "description": ABOUT, "license": {"name": "Apache-2.0"}},
        "defaultContentType": "application/json",
        "servers": {"nats": {"host": "127.0.0.1:4222", "protocol": "nats", "description": "The NATS server of the engine."}},
        "channels": wire.channels,
        "operations": wire.operations,
        "components": {
            "parameters": {"company": {"description": "The company: a NATS token of 1 to 63 of a-z, 0-9 and -, not beginning with -."}},
            "messages": wire.messages,
            "schemas": schemas,
        },
    })
}

const ABOUT: &str = "\
Bulk user onboarding over NATS. Commands and queries are request/reply, JSON or MessagePack as the header \
`Content-Type` says (absent means JSON); the answer comes in the same. Commands may also be left in a JetStream \
stream when no engine is up. Events are published once durable, in the order of their versions: a gap never \
occurs, a repeat may, with the same `Nats-Msg-Id`.";

/// The document's sections as they grow.
#[derive(Default)]
struct Wire {
    channels: Map<String, Value>,
    operations: Map<String, Value>,
    messages: Map<String, Value>,
}

/// Who acts, as the engine sees it.
#[derive(Clone, Copy)]
enum Action {
    Receive,
    Send,
}

impl Wire {
    /// Asked, and left for later: the same command, and the same answer.
    fn command(&mut self, name: &str) {
        let (asked, left, answer) =
            (format!("command.{name}"), format!("queue.{name}"), format!("command.{name}.answer"));
        let payload = json!({"allOf": [
            schema("command"),
            {"type": "object", "properties": {"actor": {"type": "string"}, "body": schema(name)}, "required": ["actor", "body"]},
        ]});
        self.message(&asked, "headers.asked", &payload);
        self.message(&left, "headers.left", &payload);
        self.message(&answer, "headers.answer", &schema(&format!("{name}.answer")));
        self.channel(&asked, Some(subject(names::command, name)), &asked);
        self.channel(&left, Some(subject(names::queue, name)), &left);
        self.channel(&answer, None, &answer);
        self.operation(&asked, Action::Receive, Some(on_channel(&answer)));
        let mut reply_to = on_channel(&answer);
        if let Some(reply_to) = reply_to.as_object_mut() {
            reply_to.insert(
                "address".to_owned(),
                json!({"location": "$message.header#/Boarding-Reply-To"}),
            );
        }
        self.operation(&left, Action::Receive, Some(reply_to));
    }

    fn query(&mut self, name: &str) {
        let (asked, answer) = (format!("query.{name}"), format!("query.{name}.answer"));
        self.message(&asked, "headers.asked", &schema(&asked));
        let ways = [schema(&answer), schema("query.refused"), schema("query.failed")];
        self.message(&answer, "headers.answer", &json!({"anyOf": ways}));
        self.channel(&asked, Some(subject(names::query, name)), &asked);
        self.channel(&answer, None, &answer);
        self.operation(&asked, Action::Receive, Some(on_channel(&answer)));
    }

    fn event(&mut self, name: &str) {
        let published = format!("event.{name}");
        self.message(&published, "headers.event", &schema(&published));
        self.channel(&published, Some(subject(names::event, name)), &published);
        self.operation(&published, Action::Send, None);
    }

    fn work(&mut self) {
        self.message("work", "headers.work", &schema("work"));
        for channel in Channel::ALL {
            let name = format!("work.{}", channel.as_str());
            self.channel(&name, Some(subject(names::work, channel.as_str())), "work");
            self.operation(&name, Action::Send, None);
        }
        let name = format!("work.{}", names::TEXT_LANE);
        self.message(&name, "headers.work", &schema(&name));
        self.channel(&name, Some(subject(names::work, names::TEXT_LANE)), &name);
        self.operation(&name, Action::Send, None);
    }

    fn message(&mut self, name: &str, headers: &str, payload: &Value) {
        let message = json!({
            "name": name,
            "contentType": "application/json",
            "headers": schema(headers),
            "payload": payload,
        });
        self.messages.insert(name.to_owned(), message);
    }

    /// A subject, or an inbox that the asker chooses, and the message that goes there.
    fn channel(&mut self, name: &str, address: Option<String>, message: &str) {
        let messages = json!({MESSAGE: {"$ref": format!("#/components/messages/{message}")}});
        let mut channel = json!({"address": address, "messages": messages});
        if let (Some(fields), Some(_)) = (channel.as_object_mut(), address) {
            let company = json!({"company": {"$ref": "#/components/parameters/company"}});
            fields.insert("parameters".to_owned(), company);
        }
        self.channels.insert(name.to_owned(), channel);
    }

    fn operation(&mut self, name: &str, action: Action, reply: Option<Value>) {
        let action = match action {
            Action::Receive => "receive",
            Action::Send => "send",
        };
        let mut operation = json!({"action": action});
        if let (Some(fields), Value::Object(on)) = (operation.as_object_mut(), on_channel(name)) {
            fields.extend(on);
            fields.extend(reply.map(|reply| ("reply".to_owned(), reply)));
        }
        self.operations.insert(name.to_owned(), operation);
    }
}

/// The name of a channel's one message.
const MESSAGE: &str = "message";

fn schema(name: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{name}")})
}

fn on_channel(name: &str) -> Value {
    json!({
        "channel": {"$ref": format!("#/channels/{name}")},
        "messages": [{"$ref": format!("#/channels/{name}/messages/{MESSAGE}")}],
    })
}

/// The subject with a place for the company, from the function that the engine itself asks.
fn subject(of: fn(&CompanyId, &str) -> String, name: &str) -> String {
    "company".parse().map_or_else(
        |_| String::new(),
        |company| of(&company, name).replacen(".company.", ".{company}.", 1),
    )
}
