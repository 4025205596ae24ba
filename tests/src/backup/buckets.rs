//! Backups in a bucket of a NATS object store.

use std::fs;

use async_nats::jetstream;
use serde_json::json;

use crate::support::nats::Server;
use crate::support::program::Cli;

/// Deletes an object of the bucket.
fn delete_object(server: &Server, bucket: &str, name: &str) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let client = async_nats::connect(server.url()).await.unwrap();
        let store = jetstream::new(client).get_object_store(bucket).await.unwrap();
        store.delete(name).await.unwrap();
    });
}

#[test]
fn backup_in_a_bucket_is_incremental_and_restored() {
    let (server, cli) = (Server::start(), Cli::with_three_people());
    let url = server.url();
    let backup =
        |data: &str| cli.run(&["backup", "nats:kept", "--nats", &url, "--data", data, "--json"]);
    let own = cli.data();
    let own = own.to_str().unwrap();
    let first = backup(own).expect_status(0).json();
    assert_eq!(first["kept"]["files"], 0);
    cli.run(&["users", "add", "dan"]).expect_status(0);
    let second = backup(own).expect_status(0).json();
    assert_eq!((&second["copied"]["files"], &second["signed"]), (&json!(2), &json!(true)));
    let restore = ["restore", "nats:kept", "--nats", &url, "--data", "new"];
    let dry = cli.json(&[&restore[..], &["--dry-run"]].concat());
    assert_eq!((&dry["verified"], &dry["position"]), (&json!(true), &second["position"]));
    assert!(!cli.path().join("new").exists());
    cli.run(&restore).expect_status(0);
    let verified = cli.json(&["audit", "verify", "--data", "new"]);
    assert_eq!(verified, cli.json(&["audit", "verify"]));
    assert_eq!(cli.rows(&["users", "--data", "new"]), cli.rows(&["users"]));
    let other = Cli::with_company();
    let refused = backup(other.data().to_str().unwrap()).expect_status(1).json();
    assert_eq!(refused["code"], "backup.other_log");
}

#[test]
fn damaged_bucket_is_refused_and_repaired() {
    let (server, cli) = (Server::start(), Cli::with_three_people());
    let url = server.url();
    let backup = ["backup", "nats:kept", "--nats", &url];
    cli.run(&backup).expect_status(0);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let manifest = runtime.block_on(async {
        use tokio::io::AsyncReadExt as _;
        let client = async_nats::connect(&url).await.unwrap();
        let store = jetstream::new(client).get_object_store("kept").await.unwrap();
        let (mut object, mut text) = (store.get("manifest").await.unwrap(), String::new());
        object.read_to_string(&mut text).await.unwrap();
        text
    });
    let manifest: serde_json::Value =
        serde_json::from_str(manifest.lines().next().unwrap()).unwrap();
    let secret = manifest["files"].as_array().unwrap().iter().find(|file| file["path"] == "secret");
    delete_object(&server, "kept", secret.unwrap()["sha256"].as_str().unwrap());
    let restore = ["restore", "nats:kept", "--nats", &url, "--data", "new", "--json"];
    let found = cli.run(&restore).expect_status(3).json();
    assert_eq!((&found["file"], &found["verified"]), (&json!("secret"), &json!(false)));
    assert!(!cli.path().join("new").exists());
    let again = cli.json(&backup);
    assert_eq!(again["copied"]["files"], 1);
    cli.run(&restore).expect_status(0);
    let restored = fs::read(cli.path().join("new/secret")).unwrap();
    assert_eq!(restored, fs::read(cli.data().join("secret")).unwrap());
    delete_object(&server, "kept", "manifest");
    let refused =
        cli.run(&["restore", "nats:kept", "--nats", &url, "--data", "x"]).expect_status(1);
    assert!(refused.stderr.contains("nats:kept is no backup"), "{}", refused.stderr);
    cli.run(&["backup", "nats:a.b", "--nats", &url]).expect_status(2);
    let own = cli.run(&["backup", "nats:BOARDING_FILES", "--nats", &url]).expect_status(1);
    assert!(own.stderr.contains("backup.other_content"), "{}", own.stderr);
    cli.run(&["backup", "nats:kept"]).expect_status(2);
}
