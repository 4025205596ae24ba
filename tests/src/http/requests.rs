//! Commands and queries.

use std::io::{Read as _, Write as _};

use boarding_core::access_token::AccessToken;
use flate2::read::GzDecoder;
use serde_json::{Value, json};

use super::client::{Served, id, issue};
use crate::nats::serve_process::ServeProcess;
use crate::support::wait::eventually;

/// The actor is the owner of the token, and the history names the token.
#[test]
fn command_has_the_owner_of_its_token() {
    let (served, token) = Served::start();
    let (command, other) = (id(), id());
    let envelope = json!({"id": command, "body": {"user": "bob", "first_name": "Bob"}});
    let first = served.envelope("AddUser", &token, &envelope).expect(200);
    assert_eq!((&first["outcome"], &first["duplicate"]), (&json!("accepted"), &json!(false)));
    let again = served.envelope("AddUser", &token, &envelope).expect(200);
    assert_eq!((&again["duplicate"], &again["position"]), (&json!(true), &first["position"]));
    // Its owner may also be named, in any spelling.
    let named = json!({"id": other, "actor": "Ann", "body": {"user": "cid"}});
    served.envelope("AddUser", &token, &named).expect(200);
    let position = &first["position"];
    let path = format!("/v1/acme/user?user=bob&min_position={position}");
    let row = served.get(&path, &token).expect(200);
    assert_eq!(row["row"]["first_name"], "Bob");
    let history = served.get("/v1/acme/history?entity=user%3Abob", &token).expect(200);
    let event = &history["rows"][0];
    let token_id = token.split('_').nth(1).unwrap();
    assert_eq!((&event["actor"], &event["command"]), (&json!("ann"), &json!(command)));
    assert_eq!(event["authenticated"], format!("token:{token_id}"));
}

#[test]
fn message_pack_is_answered_in_message_pack() {
    let (served, token) = Served::start();
    let envelope = json!({"id": id(), "body": {"user": "bob"}});
    let packed = rmp_serde::to_vec_named(&envelope).unwrap();
    let path = "/v1/acme/commands/AddUser";
    let answer = served.packed(path, &token, Some(&packed));
    assert_eq!(answer["outcome"], "accepted");
    let path = format!("/v1/acme/users?min_position={}", answer["position"]);
    assert_eq!(served.packed(&path, &token, None)["rows"][0]["user"], "bob");
}

#[test]
fn csv_of_a_query_is_a_file() {
    let (served, token) = Served::start();
    let added = served.command("AddUser", &token, json!({"user": "bob"})).expect(200);
    let path = format!("/v1/acme/phone_list?format=csv&min_position={}", added["position"]);
    let list = served.get(&path, &token);
    assert_eq!((list.status, list.content_type.as_str()), (200, "text/csv; charset=utf-8"));
    assert!(list.text.to_lowercase().contains("phone"), "{list:?}");
}

/// The tag of an answer stays while its rows do, also when other companies append events.
#[test]
fn unchanged_answer_is_not_sent_again() {
    let process = ServeProcess::without_nats();
    let (acme, globex) = (issue(&process, "acme", "ann"), issue(&process, "globex", "ann"));
    let served = Served::of(process, &[]);
    let add = |company: &str, token: &str, user: &str| {
        let envelope = json!({"id": id(), "body": {"user": user}}).to_string();
        let path = format!("/v1/{company}/commands/AddUser");
        served.post(&path, token, "application/json", envelope.as_bytes()).expect(200)["position"]
            .clone()
    };
    let get = |position: &Value, tag: &str| {
        let path = format!("/v1/acme/users?min_position={position}");
        let (status, headers, bytes) = served.raw(&path, &acme, &[("If-None-Match", tag)]);
        (status, headers["etag"].to_str().unwrap().to_owned(), bytes.len())
    };
    let (status, tag, _) = get(&add("acme", &acme, "bob"), "");
    assert_eq!(status, 200);
    let position = add("globex", &globex, "bob");
    assert_eq!(get(&position, &tag), (304, tag.clone(), 0));
    assert_eq!(get(&position, &format!("\"x\", W/{tag}")), (304, tag.clone(), 0));
    let (status, changed, _) = get(&add("acme", &acme, "cid"), &tag);
    assert_eq!((status, changed == tag), (200, false));
    let packed = [("If-None-Match", tag.as_str()), ("Accept", "application/msgpack")];
    assert_eq!(served.raw("/v1/acme/users", &acme, &packed).0, 200);
}

#[test]
fn answer_is_compressed_for_a_client_that_accepts_it() {
    let (served, token) = Served::start();
    for user in 0..50 {
        served.command("AddUser", &token, json!({"user": format!("user-{user}")})).expect(200);
    }
    let path = "/v1/acme/users?min_position=50";
    let (_, headers, plain) = served.raw(path, &token, &[("Accept-Encoding", "identity")]);
    assert!(!headers.contains_key("content-encoding"), "{headers:?}");
    let (_, headers, packed) = served.raw(path, &token, &[("Accept-Encoding", "gzip")]);
    assert_eq!(headers["content-encoding"], "gzip");
    assert!(packed.len() * 2 < plain.len(), "{} of {}", packed.len(), plain.len());
    let mut unpacked = Vec::new();
    GzDecoder::new(&packed[..]).read_to_end(&mut unpacked).unwrap();
    assert_eq!(unpacked, plain);
}

/// A command goes on when its client closes the connection. A stop waits for it, and the next start has its events.
#[tokio::test]
async fn engine_closes_after_the_command_of_a_gone_client() {
    let (mut served, token) = Served::start();
    let limit = json!({"bulk_integration_max_records": 2_000});
    served.command("SetCompanyConfig", &token, limit).expect(200);
    let rows: String = (0..2_000).map(|n| format!("u{n},U,Doe,u{n}@acme.example\n")).collect();
    let text = format!("username,first_name,last_name,email\n{rows}");
    let file = json!({"name": "people.csv", "text": text});
    let body = json!({"dialect": "leapxpert", "files": [file]});
    let envelope = json!({"id": id(), "body": body}).to_string();
    let path = "/v1/acme/commands/ImportFile";
    let stream = served.begin(path, &token, envelope.len(), &envelope);
    let begun = async || {
        let files = std::fs::read_dir(served.process.data().join("files"));
        (files.map_or(0, Iterator::count) > 0).then_some(())
    };
    eventually("the command has begun", begun).await;
    drop(stream);
    assert!(served.process.stop().await.success());
    assert!(!served.process.log().contains("stopped while requests"), "{}", served.process.log());
    let served = Served::of(served.process, &[]);
    let imported = async || {
        let response = served.get("/v1/acme/import?import=latest", &token);
        (response.status == 200 && response.json()["row"]["state"] == "completed").then_some(())
    };
    eventually("the import is completed", imported).await;
}

/// A token that is revoked while the command arrives does not permit it.
#[test]
fn token_is_checked_when_the_command_is_decided() {
    let (served, token) = Served::start();
    let other = issue_over_http(&served, &token);
    let envelope = json!({"id": id(), "body": {"user": "bob"}}).to_string();
    let (half, rest) = envelope.split_at(20);
    let path = "/v1/acme/commands/AddUser";
    let mut stream = served.begin(path, &other, envelope.len(), half);
    // The answer to another request shows that the server has read the head of this one.
    served.get("/v1/acme/users", &other).expect(200);
    let own = json!({"token": other.split('_').nth(1).unwrap()});
    served.command("RevokeToken", &token, own).expect(200);
    stream.write_all(rest.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 401 "), "{answer}");
    assert_eq!(served.get("/v1/acme/users", &token).json()["rows"], json!([]));
}

fn issue_over_http(served: &Served, token: &str) -> String {
    let new = AccessToken::new(id().parse().unwrap()).unwrap();
    let body = json!({"token": new.id(), "actor": "ann", "secret_sha256": new.sha256_hex()});
    served.command("IssueToken", token, body).expect(200);
    new.text().to_owned()
}

/// Commands with the same id at the same time are executed once.
#[test]
fn same_command_at_once_is_executed_once() {
    let (served, token) = Served::start();
    let envelope = json!({"id": id(), "body": {"user": "bob"}});
    let answers: Vec<_> = std::thread::scope(|scope| {
        let send = || served.envelope("AddUser", &token, &envelope).expect(200);
        let sending: Vec<_> = (0..8).map(|_| scope.spawn(send)).collect();
        sending.into_iter().map(|one| one.join().unwrap()).collect()
    });
    let first = answers.iter().filter(|answer| answer["duplicate"] == json!(false)).count();
    assert_eq!(first, 1, "{answers:?}");
    assert!(answers.iter().all(|answer| answer["position"] == answers[0]["position"]));
}
