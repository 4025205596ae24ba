//! The AsyncAPI document holds together: references, channels, operations, messages, and the engine's own subjects.

use std::collections::BTreeSet;

use boarding_commands::decide::NAMES;
use boarding_commands::values::CompanyId;
use boarding_nats::names;
use boarding_nats::schema;
use serde_json::{Value, json};

fn document() -> Value {
    schema::asyncapi()
}

fn section<'a>(
    document: &'a Value,
    pointer: &str,
) -> impl Iterator<Item = (&'a String, &'a Value)> {
    document.pointer(pointer).and_then(Value::as_object).unwrap().iter()
}

/// Every reference in a value, with what it leads to.
fn references(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            found.extend(fields.get("$ref").and_then(Value::as_str).map(str::to_owned));
            fields.values().for_each(|inner| references(inner, found));
        }
        Value::Array(items) => items.iter().for_each(|inner| references(inner, found)),
        _ => {}
    }
}

#[track_caller]
fn resolves(document: &Value) -> BTreeSet<String> {
    let mut found = Vec::new();
    references(document, &mut found);
    for to in &found {
        let target = to.strip_prefix('#').and_then(|pointer| document.pointer(pointer));
        assert!(target.is_some(), "{to} leads nowhere");
    }
    found.into_iter().collect()
}

#[test]
fn every_reference_leads_somewhere_and_every_message_is_used() {
    let document = document();
    let used = resolves(&document);
    for kind in ["messages", "parameters"] {
        for (name, _) in section(&document, &format!("/components/{kind}")) {
            assert!(
                used.contains(&format!("#/components/{kind}/{name}")),
                "{kind}/{name} is not used"
            );
        }
    }
    resolves(&schema::json_schema());
}

#[test]
fn a_part_of_either_document_stands_alone() {
    for document in [document(), schema::json_schema()] {
        for name in schema::names(&document) {
            resolves(&schema::part(&document, name).unwrap());
        }
    }
    let document = document();
    let part = schema::part(&document, "StartBulkIntegration").unwrap();
    assert_eq!(
        schema::names(&part),
        ["command.StartBulkIntegration", "command.StartBulkIntegration.answer"]
    );
    assert_eq!(section(&part, "/operations").count(), 1);
}

/// What an operation names is what its channel has; every subject has exactly one operation.
#[test]
fn channels_operations_and_messages_fit() {
    let document = document();
    let mut with_operation = BTreeSet::new();
    for (name, operation) in section(&document, "/operations") {
        let sides = [Some(operation), operation.get("reply")];
        for side in sides.into_iter().flatten() {
            let channel = side["channel"]["$ref"].as_str().unwrap();
            for message in side["messages"].as_array().unwrap() {
                let to = message["$ref"].as_str().unwrap();
                assert!(to.starts_with(&format!("{channel}/messages/")), "{name}: {to}");
            }
        }
        let sent = operation["action"] == json!("send");
        assert_eq!(sent, name.starts_with("event.") || name.starts_with("work."), "{name}");
        assert_eq!(sent, operation.get("reply").is_none(), "{name}");
        let channel = operation["channel"]["$ref"].as_str().unwrap();
        assert!(with_operation.insert(channel.to_owned()), "{channel} has two operations");
    }
    for (name, channel) in section(&document, "/channels") {
        let has = with_operation.contains(&format!("#/channels/{name}"));
        assert_eq!(has, channel["address"].is_string(), "{name}");
        assert_eq!(channel["messages"].as_object().unwrap().len(), 1, "{name}");
    }
}

/// The addresses are the engine's own subjects, and each is there: LX-01 and on are asked nowhere else.
#[test]
fn the_addresses_are_the_subjects_that_the_engine_serves() {
    let document = document();
    let acme: CompanyId = "acme".parse().unwrap();
    let mut expected = BTreeSet::new();
    for name in NAMES {
        expected.insert(names::command(&acme, name));
        expected.insert(names::queue(&acme, name));
    }
    let parts = schema::json_schema();
    for name in schema::names(&parts) {
        if let Some(event) = name.strip_prefix("event.") {
            expected.insert(names::event(&acme, event));
        } else if let Some(query) =
            name.strip_prefix("query.").and_then(|name| name.strip_suffix(".answer"))
        {
            expected.insert(names::query(&acme, query));
        }
    }
    expected.extend(["whatsapp", "imessage"].map(|channel| names::work(&acme, channel)));
    let addresses =
        section(&document, "/channels").filter_map(|(_, channel)| channel["address"].as_str());
    let found: BTreeSet<String> =
        addresses.map(|address| address.replace("{company}", "acme")).collect();
    assert_eq!(found, expected);
}

/// Contract, sections 2 and 4: both encodings where something is asked, the error headers, CloudEvents.
#[test]
fn messages_have_the_headers_of_the_contract() {
    let document = document();
    let headers = |message: &str| {
        let to = document["components"]["messages"][message]["headers"]["$ref"].as_str().unwrap();
        document.pointer(to.strip_prefix('#').unwrap()).unwrap()["properties"].clone()
    };
    let asked = headers("command.ImportFile");
    assert_eq!(asked["Content-Type"]["enum"], json!(["application/json", "application/msgpack"]));
    assert!(asked["traceparent"].is_object() && asked["Boarding-Reply-To"].is_null());
    assert!(headers("queue.ImportFile")["Boarding-Reply-To"].is_object());
    for answer in ["command.ImportFile.answer", "query.runs.answer"] {
        assert!(headers(answer)["Nats-Service-Error-Code"].is_object());
        assert!(headers(answer)["Nats-Service-Error"].is_object());
    }
    let event = headers("event.InviteSent");
    for name in
        ["ce-id", "ce-type", "ce-source", "ce-time", "ce-subject", "Nats-Msg-Id", "traceparent"]
    {
        assert!(event[name].is_object(), "{name}");
    }
}
