//! Requests that are repeated until an engine answers.

use std::time::Duration;

use async_nats::Request;
use serde_json::{Value, json};

use super::caller::Caller;
use crate::support::wait::eventually;

/// How often a command is repeated at most: more than a minute.
const TRIES_MAX: usize = 3_000;

/// Sends one request. Returns nothing if no answer comes within two seconds.
pub(super) async fn request(
    caller: &Caller,
    kind: &str,
    name: &str,
    value: Value,
) -> Option<Value> {
    let (headers, bytes) = caller.encode(&value);
    let subject = caller.subject(kind, name);
    // A suspended engine gets requests too and does not answer them.
    let timeout = Some(Duration::from_secs(2));
    let request = Request::new().headers(headers).payload(bytes.into()).timeout(timeout);
    let answer = caller.client.send_request(subject, request).await.ok()?;
    serde_json::from_slice(&answer.payload).ok()
}

/// Repeats a command under one id until it is accepted, as the contract requires of clients.
pub(super) async fn command_until_accepted(caller: &Caller, name: &str, body: Value) -> Value {
    send_until_accepted(caller, name, &caller.envelope(&body)).await
}

/// As `command_until_accepted`, with this envelope.
pub(super) async fn send_until_accepted(caller: &Caller, name: &str, envelope: &Value) -> Value {
    let mut interval = tokio::time::interval(Duration::from_millis(20));
    for _ in 0..TRIES_MAX {
        interval.tick().await;
        let Some(answer) = request(caller, "command", name, envelope.clone()).await else {
            continue;
        };
        assert_ne!(answer["outcome"], "refused", "{answer}");
        if answer["outcome"] == "accepted" {
            return answer;
        }
    }
    panic!("{name} is not accepted");
}

/// All rows of a query, page by page.
pub(super) async fn all_rows(caller: &Caller, name: &str, params: Value) -> Vec<Value> {
    let (mut rows, mut cursor) = (Vec::new(), Value::Null);
    loop {
        let mut params = params.clone();
        params["limit"] = json!(500);
        if !cursor.is_null() {
            params["cursor"] = cursor;
        }
        let page = eventually("a page is answered", async || {
            request(caller, "query", name, params.clone())
                .await
                .filter(|page| page["rows"].is_array())
        })
        .await;
        rows.extend(page["rows"].as_array().unwrap().clone());
        cursor = page["next"].clone();
        if cursor.is_null() {
            return rows;
        }
    }
}
