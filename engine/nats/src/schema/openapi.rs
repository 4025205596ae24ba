//! OpenAPI 3.1: the paths over HTTP, with their parameters, bodies and answers.

use boarding_commands::decide::NAMES;
use boarding_core::queries::{QuerySchema, query_schemas};
use serde_json::{Map, Value, json};

use super::{definitions, plain};

/// The version of OpenAPI.
const OPENAPI: &str = "3.1.0";

/// The tag of paths that need no access token.
const STATUS: &str = "status";

/// The paths of the contract as an OpenAPI document.
pub fn openapi() -> Value {
    let schemas = definitions::all();
    let mut paths = Map::new();
    for name in NAMES {
        paths.insert(format!("/v1/{{company}}/commands/{name}"), json!({"post": command(name)}));
    }
    paths.insert("/v1/{company}/files".to_owned(), json!({"post": upload()}));
    paths.insert("/v1/{company}/files/{upload}".to_owned(), json!({"delete": remove_upload()}));
    paths.insert("/v1/{company}/events".to_owned(), json!({"get": events()}));
    for shape in query_schemas() {
        let parameters = schemas.get(&format!("query.{}", shape.name));
        let operation = query(&shape, parameters.unwrap_or(&Value::Null));
        paths.insert(format!("/v1/{{company}}/{}", shape.name), json!({"get": operation}));
    }
    for (path, name, said, content_type) in STATUS_PATHS {
        let kind = if content_type == JSON { "object" } else { "string" };
        let content = json!({content_type: {"schema": {"type": kind}}});
        let mut operation = json!({
            "operationId": name, "tags": [STATUS], "summary": said, "security": [],
            "responses": {"200": {"description": said, "content": content}},
        });
        if path == "/readyz"
            && let Some(responses) =
                operation.pointer_mut("/responses").and_then(Value::as_object_mut)
        {
            let content = json!({content_type: {"schema": {"type": "string"}}});
            let why = json!({"description": "Not ready, and why.", "content": content});
            responses.insert("503".to_owned(), why);
        }
        paths.insert(path.to_owned(), json!({"get": operation}));
    }
    json!({
        "openapi": OPENAPI,
        "info": {"title": "Boarding", "version": "1.0.0", "description": ABOUT, "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"}},
        "servers": [{"url": "/", "description": "The engine that gives this document."}],
        "security": [{"token": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer", "description": "An access token of the company: boarding tokens issue."}},
            "parameters": {"company": {
                "name": "company", "in": "path", "required": true,
                "schema": {"type": "string", "pattern": "^[a-z0-9][a-z0-9-]{0,62}$"},
                "description": "The company: 1 to 63 of a-z, 0-9 and -, not beginning with -.",
            }},
            "responses": {
                "refused": refused("Refused: the code and the message say why and what to do. The status follows from the code."),
                "failed": failed(),
            },
            "schemas": plain::components(schemas),
        },
    })
}

const ABOUT: &str = "\
Bulk user onboarding over HTTP. Each command and each query of the contract has its path; bodies are JSON or \
MessagePack as the header `Content-Type` says, and the answer comes in the same. The actor of a command is the owner \
of the access token. The status of an answer is 200, or follows from the code of the refusal or failure.";

/// The paths that need no access token: path, name, what they say, and their content type.
const STATUS_PATHS: [(&str, &str, &str, &str); 4] = [
    ("/healthz", "healthz", "The process answers.", "text/plain"),
    ("/readyz", "readyz", "Commands and queries can be answered now.", "text/plain"),
    ("/metrics", "metrics", "Metrics in the text format of Prometheus.", "text/plain"),
    ("/openapi.json", "openapi", "This document.", JSON),
];

const JSON: &str = "application/json";
const MESSAGE_PACK: &str = "application/msgpack";

fn schema(name: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{name}")})
}

fn company() -> Value {
    json!({"$ref": "#/components/parameters/company"})
}

/// The same schema in both encodings.
fn both(schema: &Value) -> Value {
    json!({JSON: {"schema": schema}, MESSAGE_PACK: {"schema": schema}})
}

fn refused(description: &str) -> Value {
    let ways = json!({"anyOf": [schema("answer.refused"), schema("query.refused")]});
    json!({"description": description, "content": both(&ways)})
}

fn failed() -> Value {
    // A few codes with these statuses are refusals: to send the same request again does not help before something ends.
    let names = ["answer.failed", "query.failed", "answer.refused", "query.refused"];
    let ways = json!({"anyOf": names.map(schema)});
    let retry = json!({"description": "After how many seconds to try again.", "schema": {"type": "integer"}});
    json!({
        "description": "Failed: the same request may be sent again, after the time in `Retry-After` if there is one. Or refused, with a code that says so.",
        "headers": {"Retry-After": retry},
        "content": both(&ways),
    })
}

/// The responses of a path: this one for 200 or 201, refusals and failures for the others.
fn responses(status: &str, success: &Value) -> Value {
    let mut all = Map::from_iter([(status.to_owned(), success.clone())]);
    for refusal in ["400", "401", "403", "404", "405", "408", "409", "413"] {
        all.insert(refusal.to_owned(), json!({"$ref": "#/components/responses/refused"}));
    }
    for failure in ["429", "500", "503"] {
        all.insert(failure.to_owned(), json!({"$ref": "#/components/responses/failed"}));
    }
    all.into()
}

fn command(name: &str) -> Value {
    let fields =
        json!({"type": "object", "properties": {"body": schema(name)}, "required": ["body"]});
    let envelope = json!({"allOf": [schema("command"), fields]});
    let answer = json!({"description": "Accepted: the events are durable.", "content": both(&schema(&format!("{name}.answer")))});
    json!({
        "operationId": name,
        "tags": ["commands"],
        "description": "The actor is the owner of the access token; leave `actor` out.",
        "parameters": [company()],
        "requestBody": {"required": true, "content": both(&envelope)},
        "responses": responses("200", &answer),
    })
}

/// A query: each parameter of the contract as a parameter of the query string.
fn query(shape: &QuerySchema, parameters: &Value) -> Value {
    let required = parameters.get("required").and_then(Value::as_array);
    let is_required =
        |name: &str| required.is_some_and(|all| all.iter().any(|one| one.as_str() == Some(name)));
    let properties = parameters.get("properties").and_then(Value::as_object);
    let in_query = properties.into_iter().flatten().map(|(name, schema)| {
        json!({"name": name, "in": "query", "required": is_required(name), "schema": schema})
    });
    let all: Vec<_> = std::iter::once(company()).chain(in_query).collect();
    let mut content = both(&schema(&format!("query.{}.answer", shape.name)));
    let has_format = properties.is_some_and(|all| all.contains_key("format"));
    if let (true, Some(content)) = (has_format, content.as_object_mut()) {
        content.insert("text/csv".to_owned(), json!({"schema": {"type": "string"}}));
    }
    json!({
        "operationId": format!("query.{}", shape.name),
        "tags": ["queries"],
        "parameters": all,
        "responses": responses("200", &json!({"description": "The answer.", "content": content})),
    })
}

fn upload() -> Value {
    let file = json!({"type": "string", "format": "binary"});
    let form = json!({"type": "object", "properties": {"file": file}, "required": ["file"]});
    let stored = json!({
        "type": "object",
        "properties": {
            "upload": {"type": "string", "description": "The id by which a command names the file: {\"upload\": ID}."},
            "sha256": {"type": "string", "description": "The SHA-256 of the file, in hexadecimal."},
            "bytes": {"type": "integer", "minimum": 0},
            "ends_at": {"type": "string", "format": "date-time", "description": "Until when commands can name the file. It is removed within an hour after that."},
        },
        "required": ["upload", "sha256", "bytes", "ends_at"],
    });
    let success =
        json!({"description": "Stored, and durable.", "content": {JSON: {"schema": stored}}});
    json!({
        "operationId": "upload",
        "tags": ["files"],
        "summary": "Stores a file for a command of the same company, for a day.",
        "parameters": [company()],
        "requestBody": {"required": true, "content": {
            "application/octet-stream": {"schema": file},
            "text/csv": {"schema": file},
            "multipart/form-data": {"schema": form},
        }},
        "responses": responses("201", &success),
    })
}

fn remove_upload() -> Value {
    let said = "The id of the upload.";
    let upload = json!({"name": "upload", "in": "path", "required": true, "schema": {"type": "string"}, "description": said});
    json!({
        "operationId": "removeUpload",
        "tags": ["files"],
        "summary": "Removes an upload of the company. Commands that were accepted keep its content.",
        "parameters": [company(), upload],
        "responses": responses("204", &json!({"description": "Removed."})),
    })
}

fn events() -> Value {
    let position = json!({"type": "integer", "minimum": 0});
    let said = "Begins after this position of the log; without it, with the first event.";
    let after = json!({"name": "after", "in": "query", "schema": position, "description": said});
    let said = "The position of the last event that the client has: a browser sends it when it connects again.";
    let seen =
        json!({"name": "Last-Event-ID", "in": "header", "schema": position, "description": said});
    let said = "Only events about this import, run, user or phone, as in the query `history`.";
    let entity =
        json!({"name": "entity", "in": "query", "schema": {"type": "string"}, "description": said});
    let content = json!({"text/event-stream": {"schema": {"type": "string"}}});
    let success = json!({"description": "Server-sent events without end: `event` is the event's name, `id` its position, `data` the row of the query `history`.", "content": content});
    json!({
        "operationId": "events",
        "tags": ["events"],
        "summary": "The events of the company as they become durable, in the order of their versions.",
        "parameters": [company(), after, seen, entity],
        "responses": responses("200", &success),
    })
}
