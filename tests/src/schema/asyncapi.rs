//! The AsyncAPI document is consistent, and its addresses are the subjects of the engine.

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

/// Collects all references in a value.
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

/// Asserts that all references of a document resolve, and returns them.
#[track_caller]
fn check_references(document: &Value) -> BTreeSet<String> {
    let mut found = Vec::new();
    references(document, &mut found);
    for to in &found {
        let target = to.strip_prefix('#').and_then(|pointer| document.pointer(pointer));
        assert!(target.is_some(), "{to} does not resolve");
    }
    found.into_iter().collect()
}

#[test]
fn references_resolve_and_messages_are_used() {
    let document = document();
    let used = check_references(&document);
    for kind in ["messages", "parameters"] {
        for (name, _) in section(&document, &format!("/components/{kind}")) {
            assert!(
                used.contains(&format!("#/components/{kind}/{name}")),
                "{kind}/{name} is not used"
            );
        }
    }
    check_references(&schema::json_schema());
}

#[test]
fn parts_of_both_documents_are_complete() {
    for document in [document(), schema::json_schema()] {
        for name in schema::names(&document) {
            check_references(&schema::part(&document, name).unwrap());
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

/// The messages of an operation belong to its channel. Each subject has exactly one operation.
#[test]
fn operations_match_their_channels() {
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

/// LX-01: The addresses are exactly the subjects of the engine.
#[test]
fn addresses_are_the_subjects_of_the_engine() {
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
    expected.extend(["whatsapp", "imessage", "text"].map(|channel| names::work(&acme, channel)));
    let addresses =
        section(&document, "/channels").filter_map(|(_, channel)| channel["address"].as_str());
    let found: BTreeSet<String> =
        addresses.map(|address| address.replace("{company}", "acme")).collect();
    assert_eq!(found, expected);
}

/// Requests have both encodings, answers have error headers, events have CloudEvents.
#[test]
fn messages_have_the_headers_of_the_contract() {
    let document = document();
    let headers = |message: &str| {
        let to = document["components"]["messages"][message]["headers"]["$ref"].as_str().unwrap();
        document.pointer(to.strip_prefix('#').unwrap()).unwrap()["properties"].clone()
    };
    let request = headers("command.ImportFile");
    assert_eq!(request["Content-Type"]["enum"], json!(["application/json", "application/msgpack"]));
    assert!(request["traceparent"].is_object() && request["Boarding-Reply-To"].is_null());
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
