//! Parameters of queries: what the schema takes, the program takes; what it does not, is refused by name.

use serde_json::{Map, Value, json};

use super::journey::Stage;
use super::proof::Proof;

/// Values of every kind, to be tried on every parameter.
fn values() -> Vec<Value> {
    let text =
        ["", "x", "7", "running", "01JD0000000000000000000000", "run:01JD0000000000000000000000"];
    let more =
        [json!(null), json!(7), json!(0), json!(501), json!(-1), json!(true), json!([]), json!({})];
    text.map(Value::from).into_iter().chain(more).collect()
}

/// Whether the program could read the parameters. Nothing of that name, or a cursor of no page, is another matter.
fn is_read(answer: &Result<Value, Value>, parameter: &str) -> bool {
    let Err(refusal) = answer else { return true };
    refusal["code"] != json!("query.malformed") || !refusal.to_string().contains(parameter)
}

/// Contract, section 3.
#[tokio::test]
async fn a_query_takes_what_its_schema_says_and_nothing_else() {
    let stage = Stage::empty().await;
    let mut proof = Proof::new();
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
            // A cursor is a word of the program's own, and a position that is not there yet is waited for.
            if matches!(name, "cursor" | "min_position") {
                continue;
            }
            for value in values() {
                let mut params = required.clone();
                params.insert(name.to_owned(), value);
                let params = Value::Object(params);
                let fits = proof.objection(&part, &params).is_none();
                let answer = stage.try_query(query, params.clone()).await;
                let exempt = lenient(query, name, &params[name]) || is_missing(&answer);
                assert!(
                    exempt || fits == is_read(&answer, name),
                    "{query} {params}: {fits}, {answer:?}"
                );
                tried += 1;
            }
        }
        if !required.is_empty() {
            proof.objects(&part, &json!({}));
            assert!(stage.try_query(query, json!({})).await.is_err(), "{query} without parameters");
        }
    }
    assert!(tried > 500, "{tried}");
    stage.close().await;
}

/// Whether the program stopped reading because the thing itself is not there.
fn is_missing(answer: &Result<Value, Value>) -> bool {
    answer.as_ref().is_err_and(|refusal| refusal["code"] == json!("query.not_found"))
}

fn required(schema: &Value) -> Map<String, Value> {
    let names = schema["required"].as_array().unwrap().iter().filter_map(Value::as_str);
    let value = |name: &str| match name {
        "run" | "import" => "01JD0000000000000000000000",
        "dialect" => "leapxpert",
        _ => "ann",
    };
    names.map(|name| (name.to_owned(), value(name).into())).collect()
}

/// Where the program reads more than the contract says.
fn lenient(query: &str, name: &str, value: &Value) -> bool {
    let in_text = name == "limit" && value.is_string();
    // Which dialects and files there are is told in the refusal.
    let of_template =
        query == "template" && (value.is_string() || name == "dialect" && value.is_null());
    in_text || of_template
}
