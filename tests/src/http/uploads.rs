//! Uploaded files, and the commands that name them.

use serde_json::{Value, json};

use super::client::id;
use super::client::{Response, Served, issue};
use crate::nats::serve_process::ServeProcess;
use crate::support::wait::eventually;

const PEOPLE: &str = "username,first_name,last_name,email\nbob,Bob,Doe,bob@acme.example\n";

fn import(upload: &Value) -> Value {
    let file = json!({"name": "people.csv", "upload": upload});
    json!({"dialect": "leapxpert", "files": [file]})
}

/// Uploads as a raw body and as a form are the same file.
#[test]
fn uploaded_file_is_imported_by_its_id() {
    let (served, token) = Served::start();
    let raw = served.post("/v1/acme/files", &token, "text/csv", PEOPLE.as_bytes()).expect(201);
    let form = format!(
        "--b\r\nContent-Disposition: form-data; name=\"note\"\r\n\r\nfirst\r\n--b\r\n\
         Content-Disposition: form-data; name=\"file\"; filename=\"people.csv\"\r\n\r\n{PEOPLE}\r\n--b--\r\n"
    );
    let kind = "multipart/form-data; boundary=b";
    let form = served.post("/v1/acme/files", &token, kind, form.as_bytes()).expect(201);
    assert_eq!((&raw["sha256"], &raw["bytes"]), (&form["sha256"], &form["bytes"]));
    assert_eq!(raw["bytes"], PEOPLE.len());
    let envelope = json!({"id": id(), "body": import(&form["upload"])});
    let first = served.envelope("ImportFile", &token, &envelope).expect(200);
    let path = format!("/v1/acme/import?import=latest&min_position={}", first["position"]);
    let row = served.get(&path, &token).expect(200);
    assert_eq!((&row["row"]["created"], &row["row"]["sha256"]), (&json!(1), &raw["sha256"]));
    // The same command gets its first answer, however the file was sent.
    let again = json!({"id": envelope["id"], "body": import(&raw["upload"])});
    let again = served.envelope("ImportFile", &token, &again).expect(200);
    assert_eq!((&again["duplicate"], &again["position"]), (&json!(true), &first["position"]));
    // Another file under the same id is another command.
    let other = served.post("/v1/acme/files", &token, "text/csv", b"username\ncid\n").expect(201);
    let other = json!({"id": envelope["id"], "body": import(&other["upload"])});
    let refused = served.envelope("ImportFile", &token, &other).expect(409);
    assert_eq!(refused["code"], "command.duplicate_conflict");
}

/// An upload is removed by its company only, and what was imported from it stays.
#[test]
fn upload_is_removed_by_its_company() {
    let process = ServeProcess::without_nats();
    let (acme, globex) = (issue(&process, "acme", "ann"), issue(&process, "globex", "ann"));
    let served = Served::of(process, &[]);
    let upload = || served.post("/v1/acme/files", &acme, "text/csv", PEOPLE.as_bytes()).expect(201);
    let (used, unused) = (upload()["upload"].clone(), upload()["upload"].clone());
    let imported = served.command("ImportFile", &acme, import(&used)).expect(200);
    let path =
        |company: &str, upload: &Value| format!("/v1/{company}/files/{}", upload.as_str().unwrap());
    let refused = |response: Response| {
        assert_eq!(response.expect(400)["code"], "import.upload_not_found");
    };
    assert_eq!(served.delete(&path("acme", &unused), "wrong").status, 401);
    assert_eq!(served.delete(&path("acme", &unused), &globex).status, 401);
    refused(served.delete(&path("globex", &unused), &globex));
    for upload in [&used, &unused] {
        assert_eq!(served.delete(&path("acme", upload), &acme).status, 204);
        refused(served.delete(&path("acme", upload), &acme));
    }
    let again = served.command("ImportFile", &acme, import(&unused)).expect(400);
    assert_eq!(again["code"], "import.upload_not_found");
    let rows = format!("/v1/acme/import_rows?import=latest&min_position={}", imported["position"]);
    assert_eq!(served.get(&rows, &acme).expect(200)["rows"].as_array().unwrap().len(), 1);
}

/// Companies share the places of uploads: slow ones of one company stop no other.
#[tokio::test]
async fn slow_uploads_of_one_company_stop_no_other() {
    let process = ServeProcess::without_nats();
    let (acme, globex) = (issue(&process, "acme", "ann"), issue(&process, "globex", "ann"));
    let served = Served::of(process, &[]);
    let begin = |_| served.begin("/v1/acme/files", &acme, 1_000, "half");
    let slow: Vec<_> = (0..8).map(begin).collect();
    let folder = served.process.data().join("uploads/acme");
    let begun = async || (std::fs::read_dir(&folder).map_or(0, Iterator::count) == 8).then_some(());
    eventually("the company has its share", begun).await;
    let refused = served.post("/v1/acme/files", &acme, "text/csv", b"x").expect(429);
    assert_eq!(refused["code"], "overloaded");
    served.post("/v1/globex/files", &globex, "text/csv", b"x").expect(201);
    drop(slow);
    let accepted = async || {
        let response = served.post("/v1/acme/files", &acme, "text/csv", b"x");
        (response.status == 201).then_some(())
    };
    eventually("the places are free again", accepted).await;
}

/// A form has its file near its beginning: the memory holds what comes before it.
#[test]
fn form_with_a_long_beginning_is_refused() {
    let (served, token) = Served::start();
    let kind = "multipart/form-data; boundary=b";
    let form = |note: usize| {
        format!(
            "--b\r\nContent-Disposition: form-data; name=\"note\"\r\n\r\n{}\r\n--b\r\n\
             Content-Disposition: form-data; name=\"file\"; filename=\"people.csv\"\r\n\r\n{PEOPLE}\r\n--b--\r\n",
            "n".repeat(note)
        )
    };
    served.post("/v1/acme/files", &token, kind, form(1_000).as_bytes()).expect(201);
    let refused = served.post("/v1/acme/files", &token, kind, form(300_000).as_bytes());
    assert_eq!(refused.expect(400)["code"], "envelope.malformed");
}

/// An upload survives a restart.
#[tokio::test]
async fn upload_belongs_to_one_company_and_survives_restart() {
    let process = ServeProcess::without_nats();
    let (acme, globex) = (issue(&process, "acme", "ann"), issue(&process, "globex", "ann"));
    let mut served = Served::of(process, &[]);
    let upload = served.post("/v1/globex/files", &globex, "text/csv", PEOPLE.as_bytes());
    let upload = upload.expect(201)["upload"].clone();
    let refused = served.command("ImportFile", &acme, import(&upload)).expect(400);
    assert_eq!(refused["code"], "import.upload_not_found");
    assert!(served.process.stop().await.success());
    let served = Served::of(served.process, &[]);
    let envelope = json!({"id": id(), "body": import(&upload)}).to_string();
    let path = "/v1/globex/commands/ImportFile";
    let answer = served.post(path, &globex, "application/json", envelope.as_bytes());
    assert_eq!(answer.expect(200)["outcome"], "accepted");
}

/// A client that ends its connection early leaves no upload, and nothing in the folder.
#[tokio::test]
async fn upload_that_ends_early_leaves_nothing() {
    let (served, token) = Served::start();
    let stream = served.begin("/v1/acme/files", &token, 1_000, "half");
    let folder = served.process.data().join("uploads/acme");
    let files = || std::fs::read_dir(&folder).map_or(0, Iterator::count);
    let begun = async || (files() == 1).then_some(());
    eventually("the upload has begun", begun).await;
    drop(stream);
    let gone = async || (files() == 0).then_some(());
    eventually("the upload is removed", gone).await;
}
