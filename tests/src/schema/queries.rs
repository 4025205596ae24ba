//! The engine accepts exactly the query parameters that are valid by the schema.

use serde_json::{Map, Value, json};

use super::test_engine::TestEngine;
use crate::support::validator::SchemaValidator;

/// Values of each type, which are tried on each parameter.
fn values() -> Vec<Value> {
    let text = [
        "",
        "x",
        "7",
        "running",
        "latest",
        "01JD0000000000000000000000",
        "run:01JD0000000000000000000000",
    ];
    let more =
        [json!(null), json!(7), json!(0), json!(501), json!(-1), json!(true), json!([]), json!({})];
    text.map(Value::from).into_iter().chain(more).collect()
}

/// Whether the engine could read the parameter. Other refusals, such as an unknown run, do not count.
fn is_readable(answer: &Result<Value, Value>, parameter: &str) -> bool {
    let Err(refusal) = answer else { return true };
    refusal["code"] != json!("query.malformed") || !refusal.to_string().contains(parameter)
}

/// The engine and the schema accept the same parameters of each query.
#[tokio::test]
async fn query_accepts_exactly_the_parameters_of_its_schema() {
    let engine = TestEngine::new().await;
    let mut validator = SchemaValidator::new();
    let document = boarding_nats::schema::json_schema();
    let queries: Vec<String> = boarding_nats::schema::names(&document)
        .into_iter()
        .filter_map(|name| name.strip_prefix("query.")?.strip_suffix(".answer").map(str::to_owned))
        .collect();
    assert!(queries.len() > 15, "{queries:?}");
    let mut tried = 0;
    for query in &queries {
        let part = format!("query.{query}");
        let schema = boarding_nats::schema::part(&document, &part).unwrap();
        let required = required(&schema);
        for name in
            schema["properties"].as_object().unwrap().keys().map(String::as_str).chain(["colour"])
        {
            // A cursor is opaque, and a query waits for a position of the future.
            if matches!(name, "cursor" | "min_position") {
                continue;
            }
            for value in values() {
                let mut params = required.clone();
                // Another name stands in the place of the parameter.
                let description = schema["properties"][name]["description"].as_str();
                let same = description.and_then(|text| text.strip_prefix("The same as `"));
                let known_as = same.map_or(name, |same| same.trim_end_matches("`."));
                params.remove(known_as);
                params.insert(name.to_owned(), value);
                let params = Value::Object(params);
                let is_valid = validator.error(&part, &params).is_none();
                let answer = engine.query(query, params.clone()).await;
                let exempt = is_lenient(query, name, &params[name]) || is_missing(&answer);
                assert!(
                    exempt || is_valid == is_readable(&answer, known_as),
                    "{query} {params}: {is_valid}, {answer:?}"
                );
                tried += 1;
            }
        }
        if !required.is_empty() {
            validator.assert_invalid(&part, &json!({}));
            assert!(engine.query(query, json!({})).await.is_err(), "{query} without parameters");
        }
    }
    assert!(tried > 500, "{tried}");
    engine.close().await;
}

/// A parameter has other names, by which the engine and the schema know it too.
#[tokio::test]
async fn parameter_is_accepted_under_its_other_name() {
    let (engine, mut validator) = (TestEngine::new().await, SchemaValidator::new());
    let params = json!({"import_id": "01JD0000000000000000000000"});
    validator.assert_valid("query.import_progress", &params);
    assert!(is_missing(&engine.query("import_progress", params).await));
    validator.assert_invalid("query.import_progress", &json!({}));
    engine.close().await;
}

/// An alternative holds under the other names of its keys too.
#[test]
fn alternatives_of_a_command_hold_for_other_names() {
    let mut validator = SchemaValidator::new();
    for (body, is_valid) in [
        (json!({"org": "E", "qty": 5, "list": null}), true),
        (json!({"org": "E", "qty": null, "list": ["+1"]}), true),
        (json!({"org": "E", "quantity": 5, "list": ["+1"]}), false),
        (json!({"org": "E", "qty": null}), false),
    ] {
        assert_eq!(validator.error("AllocateNumbers", &body).is_none(), is_valid, "{body}");
    }
}

/// Whether the object of the query does not exist, so that the engine did not read all parameters.
fn is_missing(answer: &Result<Value, Value>) -> bool {
    answer.as_ref().is_err_and(|refusal| refusal["code"] == json!("query.not_found"))
}

fn required(schema: &Value) -> Map<String, Value> {
    let list = |schema: &Value| schema["required"].as_array().cloned().unwrap_or_default();
    // Of a parameter with other names, any one is required.
    let of_any = list(&schema["anyOf"][0]);
    // Of several groups of parameters, the first.
    let of_group = list(&schema["oneOf"][0]);
    let names: Vec<Value> = list(schema).into_iter().chain(of_any).chain(of_group).collect();
    let names = names.iter().filter_map(Value::as_str);
    let value = |name: &str| match name {
        "run" | "import" => "01JD0000000000000000000000",
        "dialect" => "leapxpert",
        "row" => "7",
        _ => "ann",
    };
    names.map(|name| (name.to_owned(), value(name).into())).collect()
}

/// Whether the engine accepts more than the contract says.
fn is_lenient(query: &str, name: &str, value: &Value) -> bool {
    let limit_as_text = name == "limit" && value.is_string();
    // The refusal of an unknown template lists the dialects and files.
    let of_template =
        query == "template" && (value.is_string() || name == "dialect" && value.is_null());
    // Refused commands are not in the log, so this query knows no earlier state. The parameter is common to all.
    let has_no_past = query == "queued_commands" && name == "as_of";
    limit_as_text || of_template || has_no_past
}
