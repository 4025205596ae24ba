//! The comparison on made-up pairs of contracts: what breaks is named, what is added passes.

use serde_json::{Value, json};

use super::{broken, broken_on_the_wire};

/// A small contract with one of everything.
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

/// The contract with something else, or nothing, at a place.
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
fn breaks(pointer: &str, value: &Value, named: &str) {
    let found = broken(&contract(), &with(pointer, value));
    assert!(found.iter().any(|one| one.contains(named)), "{pointer} = {value}: {found:?}");
}

#[track_caller]
fn passes(pointer: &str, value: &Value) {
    let found = broken(&contract(), &with(pointer, value));
    assert!(found.is_empty(), "{pointer} = {value}: {found:?}");
}

const NOTHING: Value = Value::Null;

#[test]
fn the_same_contract_breaks_nothing() {
    assert_eq!(broken(&contract(), &contract()), [""; 0]);
}

#[test]
fn what_is_removed_is_missed() {
    breaks("/$defs/Fly", &NOTHING, "Fly: it was removed");
    breaks("/$defs/event.Flown", &NOTHING, "event.Flown: it was removed");
    breaks("/$defs/query.flights", &NOTHING, "query.flights: it was removed");
    breaks("/$defs/Fly/properties/bags", &NOTHING, "Fly.bags: the key was removed");
    breaks("/$defs/event.Flown/properties/code", &NOTHING, "event.Flown.code: the key was removed");
}

#[test]
fn what_is_asked_may_not_be_narrowed() {
    breaks(
        "/$defs/Fly/required",
        &json!(["to", "bags"]),
        "Fly.bags: the key may no longer be left out",
    );
    breaks("/$defs/Fly/properties/to/type", &json!("integer"), "Fly.to: its type changed");
    breaks("/$defs/Fly/properties/speed/type", &json!("integer"), "Fly.speed: its type changed");
    breaks(
        "/$defs/Fly/properties/speed/maximum",
        &json!(8),
        "Fly.speed: maximum was narrowed to 8",
    );
    breaks(
        "/$defs/Fly/properties/speed/minimum",
        &json!(2),
        "Fly.speed: minimum was narrowed to 2",
    );
    breaks("/$defs/Fly/properties/to/pattern", &json!("^a"), "Fly.to: pattern changed");
    breaks("/$defs/Fly/properties/to/maxLength", &json!(9), "Fly.to: maxLength was narrowed");
    breaks(
        "/$defs/Fly/properties/bags/items/type",
        &json!("integer"),
        "Fly.bags[]: its type changed",
    );
    breaks(
        "/$defs/asked.Mood/enum",
        &json!(["glad"]),
        r#"Fly.mood: the value "sad" is no longer accepted"#,
    );
    breaks(
        "/$defs/query.flights/required",
        &json!(["to"]),
        "query.flights.to: the key may no longer",
    );
}

#[test]
fn what_is_told_may_not_be_widened() {
    breaks(
        "/$defs/event.Flown/required",
        &json!(["to"]),
        "event.Flown.mood: the key may now be absent",
    );
    breaks(
        "/$defs/event.Flown/properties/to/type",
        &json!(["string", "null"]),
        "event.Flown.to: its type changed",
    );
    breaks(
        "/$defs/event.Flown/properties/height/minimum",
        &json!(-1),
        "event.Flown.height: minimum was widened to -1",
    );
    breaks(
        "/$defs/event.Flown/properties/height/type",
        &json!("number"),
        "event.Flown.height: its type changed",
    );
    breaks(
        "/$defs/told.Mood/enum",
        &json!(["glad", "sad", "grim"]),
        r#"event.Flown.mood: the value "grim" could not come"#,
    );
    breaks(
        "/$defs/told.Code/x-known-values",
        &json!(["late"]),
        r#"event.Flown.code: the value "lost" was removed"#,
    );
    breaks("/$defs/told.Code/pattern", &NOTHING, "event.Flown.code: pattern changed");
    let numbers = json!({"type": "integer"});
    breaks(
        "/$defs/event.Flown/properties/bags/additionalProperties",
        &numbers,
        "event.Flown.bags.*: its type changed",
    );
}

#[test]
fn what_cannot_be_judged_is_told() {
    breaks(
        "/$defs/Fly/dependentRequired",
        &json!({"to": ["bags"]}),
        "dependentRequired changed, which cannot be judged",
    );
}

#[test]
fn additions_pass() {
    passes("/$defs/Land", &json!({"type": "object"}));
    passes("/$defs/Fly/properties/via", &json!({"type": "string"}));
    passes("/$defs/Fly/properties/speed/maximum", &json!(10));
    passes("/$defs/Fly/properties/to/type", &json!(["string", "integer"]));
    passes("/$defs/Fly/required", &json!([]));
    passes("/$defs/asked.Mood/enum", &json!(["glad", "sad", "grim"]));
    passes("/$defs/event.Flown/properties/via", &json!({"type": "string"}));
    passes("/$defs/event.Flown/required", &json!(["to", "mood", "height"]));
    passes("/$defs/event.Flown/properties/mood", &json!({"$ref": "#/$defs/told.Mood"}));
    passes("/$defs/told.Mood/enum", &json!(["glad"]));
    passes("/$defs/told.Code/x-known-values", &json!(["late", "lost", "found"]));
    passes("/$defs/Fly/description", &json!("In other words."));
    let new_source = json!({"oneOf": [{"$ref": "#/$defs/asked.Mood"}, {"type": "integer"}]});
    passes("/$defs/Fly/properties/mood", &new_source);
}

#[test]
fn a_message_that_asks_for_more_or_tells_less_is_missed() {
    let wire = |name: &str, payload: &Value| {
        let schemas = json!({"Fly": {"type": "object", "properties": {"to": {"type": "string"}}}});
        let messages = json!({name: {"payload": payload, "headers": true}});
        json!({"components": {"messages": messages, "schemas": schemas}})
    };
    let plain = json!({"$ref": "#/components/schemas/Fly"});
    let strict = json!({"allOf": [plain, {"required": ["to"]}]});
    for (name, before, now) in [("command.Fly", &plain, &strict), ("event.Flown", &strict, &plain)]
    {
        let found = broken_on_the_wire(&wire(name, before), &wire(name, now));
        assert_eq!(found.len(), 1, "{name}: {found:?}");
        assert!(found[0].contains(&format!("{name}/payload.to: the key may")), "{found:?}");
        assert!(broken_on_the_wire(&wire(name, now), &wire(name, before)).is_empty(), "{name}");
    }
}

#[test]
fn a_subject_that_moves_or_goes_is_missed() {
    let wire = |channels: Value| json!({"channels": channels, "operations": {}, "components": {"schemas": {}}});
    let before = wire(json!({"event.Flown": {"address": "v1.event.Flown"}}));
    assert!(broken_on_the_wire(&before, &before).is_empty());
    let moved = wire(json!({"event.Flown": {"address": "v1.events.Flown"}}));
    assert_eq!(broken_on_the_wire(&before, &moved), ["/channels/event.Flown: its address changed"]);
    assert_eq!(
        broken_on_the_wire(&before, &wire(json!({}))),
        ["/channels/event.Flown: it was removed"]
    );
    let more = wire(
        json!({"event.Flown": {"address": "v1.event.Flown"}, "event.Landed": {"address": "x"}}),
    );
    assert!(broken_on_the_wire(&before, &more).is_empty());
}
