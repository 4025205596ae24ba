//! Tests of the comparison on small contracts.

use serde_json::{Value, json};

use super::{asyncapi_breaks, schema_breaks};

/// A small contract with one part of each kind.
fn contract() -> Value {
    json!({"$defs": {
        "Fly": {
            "type": "object",
            "properties": {
                "to": {"type": "string"},
                "speed": {"type": ["integer", "null"], "minimum": 1, "maximum": 9},
                "mood": {"$ref": "#/$defs/asked.Mood"},
                "bags": {"type": "array", "items": {"type": "string"}},
            },
            "required": ["to"],
            "additionalProperties": false,
        },
        "asked.Mood": {"type": "string", "enum": ["glad", "sad"]},
        "told.Mood": {"type": "string", "enum": ["glad", "sad"]},
        "told.Code": {"type": "string", "pattern": "^[a-z]+$", "x-known-values": ["late", "lost"]},
        "event.Flown": {
            "type": "object",
            "properties": {
                "to": {"type": "string"},
                "mood": {"anyOf": [{"$ref": "#/$defs/told.Mood"}, {"type": "null"}]},
                "code": {"$ref": "#/$defs/told.Code"},
                "height": {"type": "integer", "minimum": 0},
                "bags": {"type": "object", "additionalProperties": {"type": "string"}},
            },
            "required": ["to", "mood"],
        },
        "query.flights": {"type": "object", "properties": {}, "additionalProperties": false},
    }})
}

/// The contract with another value at a pointer. Null removes the value.
fn with(pointer: &str, value: &Value) -> Value {
    let mut changed = contract();
    let (above, name) = pointer.rsplit_once('/').unwrap();
    let above = changed.pointer_mut(above).unwrap().as_object_mut().unwrap();
    if value.is_null() {
        above.remove(name);
    } else {
        above.insert(name.to_owned(), value.clone());
    }
    changed
}

#[track_caller]
fn assert_breaks(pointer: &str, value: &Value, expected: &str) {
    let found = schema_breaks(&contract(), &with(pointer, value));
    assert!(found.iter().any(|one| one.contains(expected)), "{pointer} = {value}: {found:?}");
}

#[track_caller]
fn assert_compatible(pointer: &str, value: &Value) {
    let found = schema_breaks(&contract(), &with(pointer, value));
    assert!(found.is_empty(), "{pointer} = {value}: {found:?}");
}

const NOTHING: Value = Value::Null;

#[test]
fn unchanged_contract_breaks_nothing() {
    assert_eq!(schema_breaks(&contract(), &contract()), [""; 0]);
}

#[test]
fn removed_parts_and_keys_are_breaks() {
    assert_breaks("/$defs/Fly", &NOTHING, "Fly: it was removed");
    assert_breaks("/$defs/event.Flown", &NOTHING, "event.Flown: it was removed");
    assert_breaks("/$defs/query.flights", &NOTHING, "query.flights: it was removed");
    assert_breaks("/$defs/Fly/properties/bags", &NOTHING, "Fly.bags: the key was removed");
    assert_breaks(
        "/$defs/event.Flown/properties/code",
        &NOTHING,
        "event.Flown.code: the key was removed",
    );
}

#[test]
fn narrower_requests_are_breaks() {
    assert_breaks(
        "/$defs/Fly/required",
        &json!(["to", "bags"]),
        "Fly.bags: the key may no longer be left out",
    );
    assert_breaks("/$defs/Fly/properties/to/type", &json!("integer"), "Fly.to: its type changed");
    assert_breaks(
        "/$defs/Fly/properties/speed/type",
        &json!("integer"),
        "Fly.speed: its type changed",
    );
    assert_breaks(
        "/$defs/Fly/properties/speed/maximum",
        &json!(8),
        "Fly.speed: maximum was narrowed to 8",
    );
    assert_breaks(
        "/$defs/Fly/properties/speed/minimum",
        &json!(2),
        "Fly.speed: minimum was narrowed to 2",
    );
    assert_breaks("/$defs/Fly/properties/to/pattern", &json!("^a"), "Fly.to: pattern changed");
    assert_breaks(
        "/$defs/Fly/properties/to/maxLength",
        &json!(9),
        "Fly.to: maxLength was narrowed",
    );
    assert_breaks(
        "/$defs/Fly/properties/bags/items/type",
        &json!("integer"),
        "Fly.bags[]: its type changed",
    );
    assert_breaks(
        "/$defs/asked.Mood/enum",
        &json!(["glad"]),
        r#"Fly.mood: the value "sad" is no longer accepted"#,
    );
    assert_breaks(
        "/$defs/query.flights/required",
        &json!(["to"]),
        "query.flights.to: the key may no longer",
    );
}

#[test]
fn wider_answers_and_events_are_breaks() {
    assert_breaks(
        "/$defs/event.Flown/required",
        &json!(["to"]),
        "event.Flown.mood: the key may now be absent",
    );
    assert_breaks(
        "/$defs/event.Flown/properties/to/type",
        &json!(["string", "null"]),
        "event.Flown.to: its type changed",
    );
    assert_breaks(
        "/$defs/event.Flown/properties/height/minimum",
        &json!(-1),
        "event.Flown.height: minimum was widened to -1",
    );
    assert_breaks(
        "/$defs/event.Flown/properties/height/type",
        &json!("number"),
        "event.Flown.height: its type changed",
    );
    assert_breaks(
        "/$defs/told.Mood/enum",
        &json!(["glad", "sad", "grim"]),
        r#"event.Flown.mood: the value "grim" is new"#,
    );
    assert_breaks(
        "/$defs/told.Code/x-known-values",
        &json!(["late"]),
        r#"event.Flown.code: the value "lost" was removed"#,
    );
    assert_breaks("/$defs/told.Code/pattern", &NOTHING, "event.Flown.code: pattern changed");
    let numbers = json!({"type": "integer"});
    assert_breaks(
        "/$defs/event.Flown/properties/bags/additionalProperties",
        &numbers,
        "event.Flown.bags.*: its type changed",
    );
}

#[test]
fn unknown_keyword_is_a_break() {
    assert_breaks(
        "/$defs/Fly/dependentRequired",
        &json!({"to": ["bags"]}),
        "dependentRequired changed, which this test cannot compare",
    );
}

#[test]
fn additions_are_compatible() {
    assert_compatible("/$defs/Land", &json!({"type": "object"}));
    assert_compatible("/$defs/Fly/properties/via", &json!({"type": "string"}));
    assert_compatible("/$defs/Fly/properties/speed/maximum", &json!(10));
    assert_compatible("/$defs/Fly/properties/to/type", &json!(["string", "integer"]));
    assert_compatible("/$defs/Fly/required", &json!([]));
    assert_compatible("/$defs/asked.Mood/enum", &json!(["glad", "sad", "grim"]));
    assert_compatible("/$defs/event.Flown/properties/via", &json!({"type": "string"}));
    assert_compatible("/$defs/event.Flown/required", &json!(["to", "mood", "height"]));
    assert_compatible("/$defs/event.Flown/properties/mood", &json!({"$ref": "#/$defs/told.Mood"}));
    assert_compatible("/$defs/told.Mood/enum", &json!(["glad"]));
    assert_compatible("/$defs/told.Code/x-known-values", &json!(["late", "lost", "found"]));
    assert_compatible("/$defs/Fly/description", &json!("In other words."));
    let new_source = json!({"oneOf": [{"$ref": "#/$defs/asked.Mood"}, {"type": "integer"}]});
    assert_compatible("/$defs/Fly/properties/mood", &new_source);
}

#[test]
fn message_with_more_or_fewer_required_keys_is_a_break() {
    let document = |name: &str, payload: &Value| {
        let schemas = json!({"Fly": {"type": "object", "properties": {"to": {"type": "string"}}}});
        let messages = json!({name: {"payload": payload, "headers": true}});
        json!({"components": {"messages": messages, "schemas": schemas}})
    };
    let plain = json!({"$ref": "#/components/schemas/Fly"});
    let strict = json!({"allOf": [plain, {"required": ["to"]}]});
    for (name, before, now) in [("command.Fly", &plain, &strict), ("event.Flown", &strict, &plain)]
    {
        let found = asyncapi_breaks(&document(name, before), &document(name, now));
        assert_eq!(found.len(), 1, "{name}: {found:?}");
        assert!(found[0].contains(&format!("{name}/payload.to: the key may")), "{found:?}");
        assert!(
            asyncapi_breaks(&document(name, now), &document(name, before)).is_empty(),
            "{name}"
        );
    }
}

#[test]
fn moved_or_removed_subject_is_a_break() {
    let document = |channels: Value| json!({"channels": channels, "operations": {}, "components": {"schemas": {}}});
    let before = document(json!({"event.Flown": {"address": "v1.event.Flown"}}));
    assert!(asyncapi_breaks(&before, &before).is_empty());
    let moved = document(json!({"event.Flown": {"address": "v1.events.Flown"}}));
    assert_eq!(asyncapi_breaks(&before, &moved), ["/channels/event.Flown: its address changed"]);
    assert_eq!(
        asyncapi_breaks(&before, &document(json!({}))),
        ["/channels/event.Flown: it was removed"]
    );
    let more = document(
        json!({"event.Flown": {"address": "v1.event.Flown"}, "event.Landed": {"address": "x"}}),
    );
    assert!(asyncapi_breaks(&before, &more).is_empty());
}
