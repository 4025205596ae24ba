//! The state of the engine, and the description of the paths.

use boarding_commands::decide::NAMES;
use boarding_core::queries::query_schemas;
use serde_json::Value;

use super::client::Served;

#[test]
fn state_of_the_engine_needs_no_token() {
    let (served, _) = Served::start();
    for (path, words) in
        [("/healthz", "ok"), ("/readyz", "ready"), ("/metrics", "boarding_log_position 1")]
    {
        let response = served.get(path, "");
        assert!(response.text.contains(words) && response.status == 200, "{response:?}");
    }
}

/// Each path of the OpenAPI document is there with its method, and each reference names a part of the document.
#[test]
fn openapi_describes_the_paths_that_there_are() {
    let (served, token) = Served::start();
    let document = served.get("/openapi.json", "").expect(200);
    assert_eq!(document["openapi"], "3.1.0");
    let paths = document["paths"].as_object().unwrap();
    assert!(paths.len() > 80, "{}", paths.len());
    for (path, operations) in paths {
        let url = path.replace("{company}", "acme");
        let response = match operations.get("get") {
            // A stream has no end.
            Some(_) if url.ends_with("/events") => continue,
            Some(_) => served.get(&url, &token),
            None if operations.get("delete").is_some() => served.delete(&url, &token),
            None => served.post(&url, &token, "application/json", b"{}"),
        };
        assert!(!matches!(response.status, 404 | 405 | 500), "{path}: {response:?}");
        // The document itself has all codes in it.
        let words = ["query.unknown", "no command of this name"];
        let is_unknown = words.iter().any(|words| response.text.contains(words));
        let is_known = !path.starts_with("/v1/") || !is_unknown;
        assert!(is_known, "{path}: {}", response.text);
    }
    let count = |tag: &str| {
        let tags = paths.values().flat_map(|path| path.as_object().unwrap().values());
        tags.filter(|operation| operation["tags"][0] == tag).count()
    };
    assert_eq!((count("commands"), count("queries")), (NAMES.len(), query_schemas().len()));
    let mut references = Vec::new();
    collect(&document, &mut references);
    for reference in references {
        let pointer = reference.strip_prefix('#').unwrap();
        assert!(document.pointer(pointer).is_some(), "{reference}");
    }
}

fn collect<'a>(value: &'a Value, into: &mut Vec<&'a str>) {
    match value {
        Value::Object(fields) => {
            into.extend(fields.get("$ref").and_then(Value::as_str));
            fields.values().for_each(|field| collect(field, into));
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, into)),
        _ => {}
    }
}
