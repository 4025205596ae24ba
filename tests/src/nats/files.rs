//! Imports of files from the object store: fetched, checked, and only of the same company.

use async_nats::HeaderMap;
use async_nats::jetstream::object_store::{ObjectMetadata, ObjectStore};
use async_nats::jetstream::{self, stream::Stream};
use boarding_nats::names::FILES_BUCKET;
use futures_util::StreamExt as _;
use serde_json::{Value, json};

use super::caller::{Caller, HEADER, Response, people};
use super::serve_process::ServeProcess;
use crate::support::nats::Server;
use crate::support::wait::eventually;

const OTHER_DIGEST: &str = "SHA-256=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

async fn bucket(caller: &Caller) -> ObjectStore {
    jetstream::new(caller.client.clone()).get_object_store(FILES_BUCKET).await.unwrap()
}

async fn put(store: &ObjectStore, name: &str, content: &[u8]) -> String {
    let mut content = content;
    store.put(name, &mut content).await.unwrap().digest.unwrap()
}

fn body(object: &Value) -> Value {
    let object = json!([{"name": "people.csv", "object": object}]);
    json!({"dialect": "leapxpert", "files": object, "add_to_corporate_phones": true})
}

fn object(name: &str, digest: Option<&str>) -> Value {
    match digest {
        Some(digest) => json!({"bucket": FILES_BUCKET, "name": name, "digest": digest}),
        None => json!({"bucket": FILES_BUCKET, "name": name}),
    }
}

/// LX-08: A file that is too large for a message is imported from the object store.
#[tokio::test]
async fn file_is_imported_from_the_object_store() {
    let server = Server::start();
    let _serving = ServeProcess::start(&server);
    let caller = Caller::connect(&server.url()).await;
    caller.define_company().await;
    let limit = json!({"bulk_integration_max_records": 50_000});
    caller.command("SetCompanyConfig", limit).await.accepted();
    let store = bucket(&caller).await;
    let text = people(15_000);
    assert!(text.len() > 1024 * 1024, "the file fits into a message");
    let digest = put(&store, "acme/2026/people.csv", text.as_bytes()).await;
    let envelope = caller.envelope(&body(&object("acme/2026/people.csv", Some(&digest))));
    let done = caller.with_msgpack().send_command("ImportFile", &envelope).await.accepted();
    let import = json!({"import": done["result"]["import"]});
    let row = eventually("the import is completed", async || {
        let row = caller.query("import", import.clone()).await.value["row"].clone();
        (row["state"] == "completed").then_some(row)
    })
    .await;
    assert_eq!((&row["total"], &row["created"]), (&json!(15_000), &json!(15_000)), "{row}");

    // P10: A repeat is recognised even after the file was deleted from the store.
    store.delete("acme/2026/people.csv").await.unwrap();
    let again = caller.send_command("ImportFile", &envelope).await.accepted();
    assert_eq!((&again["duplicate"], &again["result"]), (&json!(true), &done["result"]));
    let mut without_digest = envelope.clone();
    without_digest["body"] = body(&object("acme/2026/people.csv", None));
    assert_eq!(
        caller.send_command("ImportFile", &without_digest).await.accepted()["duplicate"],
        true
    );
    let mut other = envelope.clone();
    other["body"] = body(&object("acme/2026/people.csv", Some(OTHER_DIGEST)));
    caller.send_command("ImportFile", &other).await.error("command.duplicate_conflict", 409);
}

/// P13: Files of another company, missing files and files with another digest are refused, and nothing is imported.
#[tokio::test]
async fn wrong_or_missing_object_is_refused() {
    let server = Server::start();
    let _serving = ServeProcess::start(&server);
    let caller = Caller::connect(&server.url()).await;
    caller.command("SetCompanyConfig", json!({"company_name": "Acme"})).await.accepted();
    let store = bucket(&caller).await;
    let text = people(2);
    let digest = put(&store, "acme/people.csv", text.as_bytes()).await;
    put(&store, "globex/people.csv", text.as_bytes()).await;
    put(&store, "acme/empty.csv", b"").await;
    let target = store.info("globex/people.csv").await.unwrap();
    store.add_link("acme/link.csv", &target).await.unwrap();

    let import = async |object: &Value| caller.command("ImportFile", body(object)).await;
    let malformed = [
        object("globex/people.csv", None),
        object("people.csv", None),
        object("acme/people.csv", Some("MD5=x")),
        json!({"bucket": "OTHER", "name": "acme/people.csv"}),
        json!({"bucket": FILES_BUCKET, "name": "acme/people.csv", "nuid": "x"}),
    ];
    for object in malformed {
        import(&object).await.error("envelope.malformed", 400);
    }
    import(&object("acme/nothing.csv", None)).await.error("import.object_not_found", 400);
    import(&object("acme/link.csv", None)).await.error("import.object_not_found", 400);
    import(&object("acme/empty.csv", None)).await.error("import.empty_file", 400);
    let wrong = import(&object("acme/people.csv", Some(OTHER_DIGEST))).await;
    wrong.error("import.checksum_mismatch", 400);
    let mut both = body(&object("acme/people.csv", None));
    both["files"][0]["text"] = json!(text);
    caller.command("ImportFile", both).await.error("envelope.malformed", 400);
    let mut announced = body(&object("acme/people.csv", Some(&digest)));
    announced["files"][0]["sha256"] = json!("00".repeat(32));
    caller.command("ImportFile", announced).await.error("import.checksum_mismatch", 400);

    // The metadata of an object may be wrong: the engine trusts the size and verifies the digest.
    forge(&caller, &store, "acme/people.csv", |entry| entry["size"] = json!(10_u64.pow(12))).await;
    import(&object("acme/people.csv", None)).await.error("import.too_large", 413);
    forge(&caller, &store, "acme/people.csv", |entry| {
        entry["size"] = json!(text.len());
        entry["digest"] = json!(OTHER_DIGEST);
    })
    .await;
    import(&object("acme/people.csv", None)).await.error("import.checksum_mismatch", 400);
    let imports = caller.query("imports", json!({})).await.value;
    assert_eq!(imports["rows"], json!([]));
    let last = caller.command("SetCompanyConfig", json!({"company_name": "B"})).await.accepted();
    assert_eq!(last["version"], 2, "an event was recorded");
}

/// The files that the engine keeps, as they hold people's data.
fn kept(serving: &ServeProcess) -> usize {
    let entries = std::fs::read_dir(serving.data().join("files")).unwrap();
    entries.filter(|entry| entry.as_ref().unwrap().file_type().unwrap().is_file()).count()
}

/// The engine keeps no file of a refused command, whether it came with a request or the queue, or only for a preview.
#[tokio::test]
async fn refused_objects_are_not_kept() {
    let server = Server::start();
    let serving = ServeProcess::start(&server);
    let caller = Caller::connect(&server.url()).await;
    caller.define_company().await;
    let store = bucket(&caller).await;
    put(&store, "acme/odd.csv", b"who,what\nann,x\n").await;
    put(&store, "acme/bad.csv", format!("{HEADER}ann,A,B,no-address,,,\n").as_bytes()).await;
    put(&store, "acme/good.csv", people(2).as_bytes()).await;
    let of = |name: &str, more: Value| {
        let mut body = body(&object(name, None));
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };
    for body in [
        of("acme/odd.csv", json!({})),
        of("acme/bad.csv", json!({"on_error": "reject_file"})),
        of("acme/good.csv", json!({"plan_hash": "x"})),
    ] {
        for queued in [false, true] {
            let envelope = caller.envelope(&body);
            let answer = match queued {
                true => caller.queue("ImportFile", &envelope).await,
                false => caller.send_command("ImportFile", &envelope).await,
            };
            assert_eq!(answer.value["outcome"], "refused", "{}", answer.value);
            assert_eq!(kept(&serving), 0, "{body}, queued: {queued}");
        }
    }
    let preview = of("acme/good.csv", json!({"mode": "preview"}));
    caller.command("ImportFile", preview).await.accepted();
    assert_eq!(kept(&serving), 0, "a preview");
    caller.command("ImportFile", of("acme/good.csv", json!({}))).await.accepted();
    assert_eq!(kept(&serving), 1);
}

async fn chunks_of(caller: &Caller) -> Stream {
    let jetstream = jetstream::new(caller.client.clone());
    jetstream.get_stream(format!("OBJ_{FILES_BUCKET}")).await.unwrap()
}

/// Overwrites the metadata of an object with wrong values.
async fn forge(caller: &Caller, store: &ObjectStore, name: &str, change: impl FnOnce(&mut Value)) {
    use base64::Engine as _;
    let mut entry = json!(store.info(name).await.unwrap());
    change(&mut entry);
    let encoded = base64::engine::general_purpose::URL_SAFE.encode(name);
    let mut headers = HeaderMap::new();
    headers.insert("Nats-Rollup", "sub");
    let subject = format!("$O.{FILES_BUCKET}.M.{encoded}");
    let bytes = serde_json::to_vec(&entry).unwrap();
    let jetstream = jetstream::new(caller.client.clone());
    let sent = jetstream.publish_with_headers(subject, headers, bytes.into()).await.unwrap();
    sent.await.unwrap();
}

/// A queued command is retried until its file can be read.
#[tokio::test]
async fn queued_command_is_retried_until_its_file_is_readable() {
    let server = Server::start();
    let serving = ServeProcess::start(&server);
    let caller = Caller::connect(&server.url()).await;
    caller.command("SetCompanyConfig", json!({"company_name": "Acme"})).await.accepted();
    let store = bucket(&caller).await;
    let text = people(2);
    put(&store, "acme/people.csv", text.as_bytes()).await;
    let stream = chunks_of(&caller).await;
    stream.purge().filter(format!("$O.{FILES_BUCKET}.C.>")).await.unwrap();

    let mut answers = caller.client.subscribe("answers.here").await.unwrap();
    caller.client.flush().await.unwrap();
    let (mut headers, bytes) =
        caller.encode(&caller.envelope(&body(&object("acme/people.csv", None))));
    headers.insert("Boarding-Reply-To", "answers.here");
    let jetstream = jetstream::new(caller.client.clone());
    let subject = caller.subject("queue", "ImportFile");
    jetstream.publish_with_headers(subject, headers, bytes.into()).await.unwrap().await.unwrap();
    eventually("the command was retried", async || {
        serving.log().contains("queued command failed, retrying").then_some(())
    })
    .await;
    let metadata = ObjectMetadata { name: "acme/people.csv".to_owned(), ..Default::default() };
    store.put(metadata, &mut text.as_bytes()).await.unwrap();
    let answer = tokio::time::timeout(std::time::Duration::from_secs(60), answers.next()).await;
    Response::of(&answer.unwrap().unwrap()).accepted();
    let log = serving.log();
    assert!(log.contains("unavailable"), "{log}");
}
