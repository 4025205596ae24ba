//! What is refused, with its status and code.

use boarding_core::access_token::AccessToken;
use boarding_core::clock::Clock;
use serde_json::{Value, json};

use super::client::id;
use super::client::{Served, issue, run};
use crate::nats::serve_process::ServeProcess;
use crate::support::wait::eventually;

fn code(document: &Value) -> &str {
    document["code"].as_str().unwrap_or_default()
}

/// A token opens its own company, while it is valid.
#[test]
fn only_valid_token_of_the_company_opens_it() {
    let process = ServeProcess::without_nats();
    let (good, globex) = (issue(&process, "acme", "ann"), issue(&process, "globex", "ann"));
    let revoked = issue(&process, "acme", "ann");
    let body = json!({"token": revoked.split('_').nth(1).unwrap()}).to_string();
    run(&process, "acme", &["command", "RevokeToken", &body]);
    let served = Served::of(process, &[]);
    served.get("/v1/acme/users", &good).expect(200);
    served.get("/v1/globex/users", &globex).expect(200);
    let forged = format!("{}{}", &good[..good.len() - 4], "aaaa");
    let no_such = good.replacen(&good[9..35], &id(), 1);
    for wrong in ["", "x", &globex, &forged, &no_such, &revoked, "boarding__"] {
        for company in ["acme", "nobody", "Acme", "%2e%2e"] {
            let response = served.get(&format!("/v1/{company}/users"), wrong);
            assert_eq!(code(&response.expect(401)), "auth.unauthenticated", "{company} {wrong}");
        }
        let denied = served.command("AddUser", wrong, json!({"user": "eve"})).expect(401);
        assert_eq!(code(&denied), "auth.unauthenticated");
        let denied = served.post("/v1/acme/files", wrong, "text/csv", b"username\neve\n");
        assert_eq!(code(&denied.expect(401)), "auth.unauthenticated");
        assert_eq!(code(&served.get("/v1/acme/events", wrong).expect(401)), "auth.unauthenticated");
    }
    assert_eq!(served.get("/v1/acme/users", &good).json()["rows"], json!([]));
}

#[tokio::test]
async fn token_ends_when_it_expires() {
    let (served, token) = Served::start();
    let short = AccessToken::new(id().parse().unwrap()).unwrap();
    let end = Clock::system().now().plus_seconds(5);
    let (id, digest) = (short.id(), short.sha256_hex());
    let issue = json!({"token": id, "actor": "ann", "secret_sha256": digest, "expires_at": end});
    served.command("IssueToken", &token, issue).expect(200);
    let status = || served.get("/v1/acme/users", short.text()).status;
    assert_eq!(status(), 200);
    eventually("the token has expired", async || (status() == 401).then_some(())).await;
    served.get("/v1/acme/users", &token).expect(200);
}

#[test]
fn permission_is_that_of_the_owner() {
    let process = ServeProcess::without_nats();
    let (ann, bob) = (issue(&process, "acme", "ann"), issue(&process, "acme", "bob"));
    let grant = json!({"actor": "ann", "permissions": ["administer", "accounts"]}).to_string();
    run(&process, "acme", &["command", "GrantPermissions", &grant]);
    let served = Served::of(process, &[]);
    served.command("AddUser", &ann, json!({"user": "cid"})).expect(200);
    let denied = served.command("AddUser", &bob, json!({"user": "dan"})).expect(403);
    assert_eq!(code(&denied), "auth.permission_denied");
    assert_eq!(code(&served.get("/v1/acme/users", &bob).expect(403)), "auth.permission_denied");
    assert_eq!(code(&served.get("/v1/acme/events", &bob).expect(403)), "auth.permission_denied");
    let as_ann = json!({"id": id(), "actor": "ann", "body": {"user": "dan"}});
    let denied = served.envelope("AddUser", &bob, &as_ann).expect(403);
    assert_eq!(code(&denied), "auth.actor_not_bound");
}

/// Bindings concern NATS users. The owner of a token is known already.
#[test]
fn token_needs_no_binding_of_a_user() {
    let process = ServeProcess::without_nats();
    let token = issue(&process, "acme", "ann");
    let grant =
        json!({"actor": "ann", "permissions": ["administer", "accounts", "bulk_import_users"]});
    run(&process, "acme", &["command", "GrantPermissions", &grant.to_string()]);
    let bind = json!({"nats_user": "portal", "actors": ["ann"]}).to_string();
    run(&process, "acme", &["command", "BindNatsUser", &bind]);
    let served = Served::of(process, &[]);
    served.command("SetCompanyConfig", &token, json!({"require_bound_users": true})).expect(200);
    served.command("AddUser", &token, json!({"user": "bob"})).expect(200);
    served.get("/v1/acme/users", &token).expect(200);
    let file = json!({"name": "people.csv", "text": "username,first_name,last_name,email\ncid,Cid,Doe,cid@acme.example\n"});
    let import = json!({"dialect": "leapxpert", "files": [file]});
    served.command("ImportFile", &token, import).expect(200);
}

#[test]
fn each_refusal_has_its_status_and_code() {
    let (served, token) = Served::start();
    let send = |path: &str, kind: &str, body: &[u8]| served.post(path, &token, kind, body);
    let json = "application/json";
    let add = "/v1/acme/commands/AddUser";
    let large = vec![b' '; 9 * 1024 * 1024];
    let command = id();
    let of = |user: &str| json!({"id": command, "body": {"user": user}}).to_string();
    send(add, json, of("bob").as_bytes()).expect(200);
    let cases = [
        (send(add, json, of("cid").as_bytes()), 409, "command.duplicate_conflict"),
        (send(add, json, b"{"), 400, "envelope.malformed"),
        (send(add, json, b""), 400, "envelope.malformed"),
        (send(add, json, b"[]"), 400, "envelope.malformed"),
        (send(add, json, br#"{"id":"x","body":{}}"#), 400, "envelope.malformed"),
        (send(add, "text/plain", b"{}"), 400, "envelope.unsupported_content_type"),
        (send(add, json, &large), 413, "http.too_large"),
        (send("/v1/acme/users", json, b"{}"), 405, "http.method_not_allowed"),
        (served.get(add, &token), 405, "http.method_not_allowed"),
        (served.get("/", &token), 404, "http.unknown_path"),
        (served.get("/v1/acme/a/b/c", &token), 404, "http.unknown_path"),
        (served.get("/v1/acme/nothing", &token), 400, "query.unknown"),
        (served.get("/v1/acme/users?limit=0", &token), 400, "query.malformed"),
        (served.get("/v1/acme/users?limit=1&limit=2", &token), 400, "query.malformed"),
        (served.get("/v1/acme/users?actor=eve", &token), 400, "query.malformed"),
        (served.get("/v1/acme/users?colour=red", &token), 400, "query.malformed"),
        (served.get("/v1/acme/events?after=now", &token), 400, "query.malformed"),
        (served.get("/v1/acme/run?run=latest", &token), 400, "run.not_found"),
    ];
    for (n, (response, status, expected)) in cases.into_iter().enumerate() {
        let document = response.expect(status);
        assert_eq!(code(&document), expected, "case {n}");
        assert!(!document["message"].as_str().unwrap().is_empty());
    }
    let unknown = send("/v1/acme/commands/Add%0aUser.x", json, of("bob").as_bytes());
    assert_eq!(unknown.status, 400, "{unknown:?}");
}
