//! What the command line says when a running engine cannot be used.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;

use serde_json::{Value, json};

use crate::support::program::{Cli, Output};
use crate::support::running_engine::{Engine, issue, on, output};

/// A token that no engine has issued.
const UNKNOWN: &str =
    "boarding_01JD0000000000000000000000_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

fn users(cli: &Cli, url: &str, token: &str) -> Output {
    output(cli.command(&on(&["users"], url)).env("BOARDING_TOKEN", token))
}

/// A server that gives these responses, one to each connection, and the last one to all later connections.
fn answering(responses: &[&str]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let responses: Vec<_> = responses.iter().map(|one| (*one).to_owned()).collect();
    std::thread::spawn(move || {
        for (number, stream) in listener.incoming().enumerate() {
            let (mut stream, response) = (stream.unwrap(), number.min(responses.len() - 1));
            let _ = stream.read(&mut [0; 4096]);
            let _ = stream.write_all(responses[response].as_bytes());
        }
    });
    url
}

/// A response with this status line, headers and document.
fn response(head: &str, document: &Value) -> String {
    let body = document.to_string();
    format!("HTTP/1.1 {head}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

/// A response of an engine that cannot answer now.
fn busy(head: &str) -> String {
    let (code, message) = ("unavailable", "The engine is busy.");
    response(head, &json!({"outcome": "failed", "command": null, "code": code, "message": message}))
}

#[test]
fn wrong_token_is_refused_and_not_shown() {
    let cli = Cli::with_three_people();
    let token = issue(&cli, "ann");
    let globex = cli.json(&["tokens", "issue", "--for", "ann", "--company", "globex"]);
    let engine = Engine::start(&cli, &[]);
    for wrong in [UNKNOWN, globex["secret"].as_str().unwrap()] {
        let refused = engine.run(wrong, &["users"]).expect_status(1);
        assert!(refused.stderr.contains("refused: auth.unauthenticated"), "{refused:?}");
        assert!(refused.stderr.contains("check --token"), "{refused:?}");
        assert!(!refused.stderr.contains(wrong), "{refused:?}");
        let document = engine.run(wrong, &["users", "--json"]).expect_status(1).json();
        assert_eq!(document["code"], "auth.unauthenticated");
    }
    for words in [&["users"][..], &["users", "-vv"], &["import", "three.csv", "--dialect", "x"]] {
        let shown = engine.run(&token, words);
        assert!(!format!("{shown:?}").contains(&token), "{words:?}: {shown:?}");
    }
    let other = engine.run(&token, &["users", "add", "x", "--actor", "eve"]).expect_status(1);
    assert!(other.stderr.contains("auth.actor_not_bound"), "{other:?}");
}

#[test]
fn token_is_read_from_its_file() {
    let cli = Cli::with_three_people();
    let token = cli.file("token", &format!("{}\n", issue(&cli, "ann")));
    let engine = Engine::start(&cli, &[]);
    let at_file = format!("@{token}");
    let shown = output(&mut cli.command(&on(&["users", "--token", &at_file], &engine.url)));
    assert!(shown.expect_status(0).stdout.contains("cid"));
    for wrong in ["@missing", "secret-of-ann"] {
        let typed = on(&["users", "--token", wrong], &engine.url);
        let refused = output(&mut cli.command(&typed)).expect_status(2);
        assert!(!refused.stderr.contains("secret-of-ann"), "{refused:?}");
    }
    let none = output(&mut cli.command(&on(&["users"], &engine.url))).expect_status(2);
    assert!(none.stderr.contains("no access token is given"), "{none:?}");
}

#[test]
fn unreachable_engine_is_named_with_what_to_do() {
    let cli = Cli::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let closed = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let refused = users(&cli, &closed, UNKNOWN).expect_status(4);
    let expected = format!("cannot reach the engine at {closed}");
    assert!(refused.stderr.contains(&expected), "{refused:?}");
    assert!(refused.stderr.contains("check --url"), "{refused:?}");
    let nowhere = users(&cli, "http://nowhere.invalid:1", UNKNOWN).expect_status(4);
    assert!(nowhere.stderr.contains("cannot reach the engine"), "{nowhere:?}");
}

#[test]
fn other_server_is_no_engine() {
    let cli = Cli::new();
    for response in [
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello",
        "HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}",
        "SSH-2.0-OpenSSH_9.6\r\n",
    ] {
        let refused = users(&cli, &answering(&[response]), UNKNOWN).expect_status(4);
        assert!(refused.stderr.contains("is no Boarding engine"), "{response}: {refused:?}");
    }
    let away = "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    let refused = users(&cli, &answering(&[away]), UNKNOWN).expect_status(4);
    assert!(refused.stderr.contains("redirects to http://127.0.0.1:1/x"), "{refused:?}");
}

/// A command whose answer is lost may be stored, so the message names its id.
#[test]
fn lost_answer_says_how_to_repeat_the_command() {
    let cli = Cli::new();
    let url = answering(&[&busy("503 Busy")]);
    let words = on(&["users", "archive", "ann", "--id", "01JD0000000000000000000001"], &url);
    let lost = output(cli.command(&words).env("BOARDING_TOKEN", UNKNOWN)).expect_status(4);
    assert!(lost.stderr.contains("repeat it with --id 01JD0000000000000000000001"), "{lost:?}");
}

/// A request is sent again after a broken connection, and after the pause that a busy engine names.
#[test]
fn request_is_repeated_while_engine_is_busy() {
    let cli = Cli::new();
    let rows = json!({"position": 1, "rows": [{"user": "ann", "state": "active"}], "next": null});
    let found = response("200 OK", &rows);
    let url = answering(&[&busy("503 Busy\r\nRetry-After: 0"), "", &found]);
    let shown = users(&cli, &url, UNKNOWN).expect_status(0);
    assert!(shown.stdout.contains("ann"), "{shown:?}");
}

/// An operator who finds the folder in use learns the address of its engine.
#[test]
fn locked_folder_names_the_address_of_its_engine() {
    let cli = Cli::with_three_people();
    let engine = Engine::start(&cli, &[]);
    let locked = cli.run(&["users", "add", "dan"]).expect_status(4);
    let expected = format!("in use by process {}", engine.process());
    assert!(locked.stderr.contains(&expected), "{locked:?}");
    assert!(locked.stderr.contains(&format!("--url {}", engine.url)), "{locked:?}");
    engine.stop();
    cli.run(&["users"]).expect_status(0);
}

/// An actor sees what the owner of the token may see.
#[test]
fn permission_is_that_of_the_owner_of_the_token() {
    let cli = Cli::with_three_people();
    let (ann, bob) = (issue(&cli, "ann"), issue(&cli, "bob"));
    cli.run(&["permissions", "grant", "ann", "administer", "accounts"]).expect_status(0);
    let engine = Engine::start(&cli, &[]);
    engine.run(&ann, &["users", "add", "dan"]).expect_status(0);
    let denied = engine.run(&bob, &["users", "add", "eve", "--json"]).expect_status(1).json();
    assert_eq!(
        (&denied["outcome"], &denied["code"]),
        (&json!("refused"), &json!("auth.permission_denied"))
    );
    for query in ["company_status", "unreached_people", "near_name user=dan"] {
        let words: Vec<_> = ["query"].into_iter().chain(query.split(' ')).collect();
        let denied = engine.run(&bob, &words).expect_status(1);
        assert!(denied.stderr.contains("auth.permission_denied"), "{query}: {denied:?}");
    }
    let wording = engine.run(&bob, &["query", "mail_wording", "kind=welcome"]).expect_status(0);
    assert!(wording.json()["row"].get("text").is_some_and(Value::is_string));
}

/// A proxy may answer a command that has arrived, so the message names the id of the command.
#[test]
fn answer_of_a_proxy_names_the_id_of_the_command() {
    let cli = Cli::new();
    for answer in [
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello",
        "HTTP/1.1 504 Gateway Timeout\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 5000\r\nConnection: close\r\n\r\n{",
    ] {
        let url = answering(&[answer]);
        let words = on(&["users", "archive", "ann", "--id", "01JD0000000000000000000001"], &url);
        let lost = output(cli.command(&words).env("BOARDING_TOKEN", UNKNOWN)).expect_status(4);
        assert!(lost.stderr.contains("repeat it with --id 01JD0000000000000000000001"), "{lost:?}");
    }
}

#[test]
fn password_in_the_address_is_not_shown() {
    let cli = Cli::new();
    let refused = users(&cli, "http://user:hunter2@acme.example", UNKNOWN).expect_status(2);
    assert!(!refused.stderr.contains("hunter2"), "{refused:?}");
    let mut list = cli.command(&["query"]);
    output(list.env("BOARDING_URL", "nonsense")).expect_status(0);
}
