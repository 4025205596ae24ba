//! The link secret of a log in JetStream: a folder without it starts no engine, and stores no new one.

use std::io::BufRead as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use async_nats::jetstream;
use serde_json::json;

use super::caller::{Caller, people};
use super::retries::command_until_accepted;
use super::serve_process::ServeProcess;
use crate::support::mail_text::{decoded, link_token};
use crate::support::nats::Server;
use crate::support::paths::files_under;
use crate::support::program::{Cli, program};
use crate::support::wait::eventually;

/// A company that has mailed a link, with its log moved to the server.
async fn moved(server: &Server) -> Cli {
    let url = server.url();
    let moving = move || {
        let cli = Cli::with_company();
        cli.import(&cli.people("people.csv", &[("ann", "+84923448001")]));
        cli.start(&["--user", "ann"]);
        let mut command = Command::new(program());
        command.args(["move", "--to", "jetstream", "--nats", &url, "--accept-unknown-sync"]);
        let output = command.env("BOARDING_DATA", cli.data()).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        cli
    };
    tokio::task::spawn_blocking(moving).await.unwrap()
}

/// Starts an engine, which must refuse. Returns its log.
async fn refused(serving: &mut ServeProcess, options: &[&str]) -> String {
    let before = serving.log().len();
    drop(serving.spawn(options));
    let status = serving.ended().await;
    assert_eq!(status.code(), Some(4), "{}", serving.log());
    serving.log()[before..].to_owned()
}

async fn stored(server: &Server) -> Option<Vec<u8>> {
    let jetstream = jetstream::new(async_nats::connect(server.url()).await.unwrap());
    let bucket = jetstream.get_key_value("BOARDING_SECRETS").await.ok()?;
    bucket.get("links").await.unwrap().map(|secret| secret.to_vec())
}

fn copy_secret(from: &Path, to: &Path) {
    std::fs::copy(from.join("secret"), to.join("secret")).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn log_with_companies_gets_no_new_link_secret() {
    let server = Server::start();
    let cli = moved(&server).await;
    let options = ["--log", "jetstream", "--accept-unknown-sync"];
    let mut serving = ServeProcess::not_started(&server);
    for _ in 0..2 {
        let log = refused(&mut serving, &options).await;
        let file = serving.data().join("secret");
        let place = format!(
            "put the file `secret` of the folder that the log was moved from, or of a backup, to {}",
            file.display()
        );
        assert!(log.contains("neither in bucket BOARDING_SECRETS nor in"), "{log}");
        assert!(log.contains(&place), "{log}");
        assert!(!file.exists(), "a new secret was made");
    }
    // That of another folder.
    let other = tokio::task::spawn_blocking(Cli::with_company).await.unwrap();
    copy_secret(&other.data(), &serving.data());
    let log = refused(&mut serving, &options).await;
    assert!(log.contains("is not the one that made the links of company acme"), "{log}");
    assert_eq!(stored(&server).await, None);

    copy_secret(&cli.data(), &serving.data());
    serving.restart(&options);
    let secret = std::fs::read(cli.data().join("secret")).unwrap();
    assert_eq!(stored(&server).await, Some(secret));
    // Other engines need no secret of their own.
    let mut second = ServeProcess::not_started(&server);
    second.restart(&options);
    assert!(!second.data().join("secret").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn lost_link_secret_is_replaced_only_when_asked() {
    let server = Server::start();
    let _cli = moved(&server).await;
    let options = ["--log", "jetstream", "--accept-unknown-sync", "--new-link-secret"];
    let mut serving = ServeProcess::not_started(&server);
    serving.restart(&options);
    let secret = stored(&server).await.unwrap();
    serving.restart(&options);
    assert_eq!(stored(&server).await, Some(secret));
}

/// Of engines that start at the same moment one stores its new secret, and the others use it.
#[tokio::test(flavor = "multi_thread")]
async fn engines_that_start_at_the_same_moment_use_one_secret() {
    let options = ["--log", "jetstream", "--accept-unknown-sync"];
    for round in 1..=3 {
        let server = Server::start();
        let mut engines = [(); 3].map(|()| ServeProcess::not_started(&server));
        let outputs = engines.each_mut().map(|engine| engine.spawn(&options));
        for (engine, mut output) in engines.iter().zip(outputs) {
            let mut ready = String::new();
            output.read_line(&mut ready).unwrap();
            assert!(ready.starts_with("ready: "), "{ready} {}", engine.log());
        }
        assert!(stored(&server).await.is_some());
        if round == 3 {
            check_link_of_another(&server, &mut engines).await;
        }
    }
}

/// Asserts that engines accept the link in a mail of another one, which has ended.
async fn check_link_of_another(server: &Server, engines: &mut [ServeProcess]) {
    let caller = Caller::connect(&server.url()).await;
    caller.define_company().await;
    let files = json!([{"name": "people.csv", "text": people(1)}]);
    let import = json!({"dialect": "leapxpert", "add_to_corporate_phones": true, "files": files});
    command_until_accepted(&caller, "ImportFile", import).await;
    let invite = json!({"users": ["user0"], "channel": "whatsapp"});
    command_until_accepted(&caller, "ResendInvitation", invite).await;
    let (owner, mail) = eventually("the mail is in an outbox", async || {
        let mails_of = |engine: &ServeProcess| files_under(&engine.data().join("outbox/acme"));
        let is_mail = |path: &PathBuf| path.extension().is_some_and(|end| end == "eml");
        let mail = |engine| mails_of(engine).into_iter().find(is_mail);
        engines.iter().enumerate().find_map(|(n, engine)| Some((n, mail(engine)?)))
    })
    .await;
    let token = link_token(&decoded(&std::fs::read_to_string(mail).unwrap()));
    engines[owner].kill();
    command_until_accepted(&caller, "LinkCompleted", json!({"token": token})).await;
}
