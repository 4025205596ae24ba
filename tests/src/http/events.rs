//! The stream of events.

use serde_json::json;

use super::client::Served;

const PEOPLE: &str = "username,first_name,last_name,email\nbob,Bob,Doe,bob@acme.example\ncid,Cid,Doe,cid@acme.example\n";

/// A stream continues where its reader stopped, also inside a commit, with no event left out and none twice.
#[test]
fn stream_continues_after_the_last_seen_event() {
    let (served, token) = Served::start();
    let file = json!({"name": "people.csv", "text": PEOPLE});
    let import = json!({"dialect": "leapxpert", "files": [file]});
    let imported = served.command("ImportFile", &token, import).expect(200);
    let all: Vec<u64> = {
        // Without a position, the answer may be older than the import.
        let path = format!("/v1/acme/history?min_position={}", imported["position"]);
        let history = served.get(&path, &token).expect(200);
        let rows = history["rows"].as_array().unwrap();
        rows.iter().map(|row| row["position"].as_u64().unwrap()).collect()
    };
    assert!(all.len() > 3, "{all:?}");
    for (n, last) in all.iter().enumerate() {
        let after = format!("?after={last}");
        for (query, last) in [(after.as_str(), None), ("", Some(*last))] {
            let mut stream = served.events(query, &token, last);
            let rest: Vec<u64> = (n + 1..all.len()).map(|_| stream.next().unwrap().0).collect();
            assert_eq!(rest, all[n + 1..]);
        }
    }
    // A stream with all events gets the next one when it is durable.
    let mut stream = served.events("", &token, all.last().copied());
    let added = served.command("AddUser", &token, json!({"user": "last"})).expect(200);
    let last = stream.next().unwrap();
    assert_eq!((json!(last.0), last.1.as_str()), (added["position"].clone(), "UserCreated"));
}

/// A stream does not outlive its token.
#[test]
fn stream_ends_when_its_token_is_revoked() {
    let (served, token) = Served::start();
    let mut stream = served.events("", &token, None);
    assert_eq!(stream.next().unwrap().1, "TokenIssued");
    let own = json!({"token": token.split('_').nth(1).unwrap()});
    served.command("RevokeToken", &token, own).expect(200);
    assert_eq!(stream.next(), None, "the event of the revocation is not sent");
    assert!(!stream.is_broken);
}

#[test]
fn stream_of_one_person_has_no_other_events() {
    let (served, token) = Served::start();
    for user in ["bob", "cid", "bob2"] {
        served.command("AddUser", &token, json!({"user": user})).expect(200);
    }
    served.command("ArchiveUser", &token, json!({"user": "cid"})).expect(200);
    let mut stream = served.events("?entity=user%3Acid", &token, None);
    let names: Vec<_> =
        std::iter::from_fn(|| stream.next()).take(2).map(|(_, name)| name).collect();
    assert_eq!(names, ["UserCreated", "UserArchived"]);
}

/// A stopping engine ends its streams, so that it stops in time.
#[tokio::test]
async fn stop_ends_open_streams() {
    let (mut served, token) = Served::start();
    let mut stream = served.events("", &token, None);
    assert!(stream.next().is_some(), "the event of the token");
    assert!(served.process.stop().await.success());
    assert_eq!(stream.next(), None);
    assert!(!stream.is_broken, "the stream ends before the connection does");
}
