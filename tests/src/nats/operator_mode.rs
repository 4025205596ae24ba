//! NATS in operator mode: what `boarding nats-config --operator-mode` writes, for a running server and an older one.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use boarding_log::connect::ServerAddress;
use boarding_nats::server_config::nats_conf;
use serde_json::{Value, json};

use super::caller::Caller;
use super::permissions::{lines, server, url};
use super::serve_process::ServeProcess;
use crate::support::nats::Server;
use crate::support::paths::files_under;
use crate::support::program::Cli;
use crate::support::wait::eventually;

/// The folder that the program wrote with these arguments, and its answer.
fn write(cli: &Cli, arguments: &[&str]) -> (PathBuf, Value) {
    let folder = cli.path().join("nats");
    let shown = folder.display().to_string();
    let words = [&["nats-config"], arguments, &["--operator-mode", &shown, "--json"]].concat();
    (folder, cli.run(&words).json())
}

fn configuration(folder: &Path) -> String {
    lines(&std::fs::read_to_string(folder.join("nats.conf")).unwrap())
}

fn credentials(folder: &Path, user: &str) -> PathBuf {
    folder.join("credentials").join(format!("{user}.creds"))
}

fn address(server: &Server, folder: &Path, user: &str) -> ServerAddress {
    let credentials = Some(credentials(folder, user));
    ServerAddress { url: server.url(), credentials, ..ServerAddress::default() }
}

/// A company is added to a running server: by the same command and a reload. The accounts, keys and settings that are
/// there stay as they are.
#[tokio::test]
async fn company_is_added_by_one_command_and_a_reload() {
    let cli = Cli::new();
    let (folder, first) = write(&cli, &["acme"]);
    let server = Server::with(&configuration(&folder));
    let mut serving = ServeProcess::at(server.url());
    let engine = credentials(&folder, "engine").display().to_string();
    serving.restart(&["--nats-credentials", &engine]);
    let acme = Caller::at(&address(&server, &folder, "acme-publisher")).await;
    let named = json!({"company_name": "Acme"});
    acme.command("SetCompanyConfig", named.clone()).await.accepted();
    let seeds = |folder: &Path| -> Vec<_> {
        let keys = files_under(&folder.join("keys")).into_iter();
        keys.map(|path| (path.clone(), std::fs::read_to_string(path).unwrap())).collect()
    };
    let kept = seeds(&folder);
    let config = folder.join("nats.conf");
    let before = std::fs::read_to_string(&config).unwrap();
    std::fs::write(&config, format!("# Our own line.\n{before}")).unwrap();

    let (_, second) = write(&cli, &["globex"]);
    let after = std::fs::read_to_string(&config).unwrap();
    assert!(after.starts_with("# Our own line.\n"));
    let lost: Vec<_> = before.lines().filter(|line| !after.contains(line)).collect();
    assert!(lost.is_empty(), "changed: {lost:?}");
    assert_eq!(second["accounts"]["BOARDING"], first["accounts"]["BOARDING"]);
    let now = seeds(&folder);
    assert!(kept.iter().all(|key| now.contains(key)) && now.len() > kept.len());
    let globex = address(&server, &folder, "globex-publisher");
    assert!(globex.connect("too early").await.is_err());
    server.reload(&configuration(&folder));
    let globex = eventually("the new user connects", async || globex.connect("x").await.ok()).await;
    drop(globex);
    let globex = Caller::at(&address(&server, &folder, "globex-publisher")).await;
    globex.for_company("globex").command("SetCompanyConfig", named.clone()).await.accepted();
    acme.command("SetCompanyConfig", json!({"company_name": "Acme Ltd"})).await.accepted();
    for file in files_under(&folder) {
        let mode = std::fs::metadata(&file).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{}", file.display());
    }
}

/// Renewed credentials work after a reload, and the old ones do not, also those of the engine.
#[tokio::test]
async fn renewed_user_connects_with_new_credentials_only() {
    let cli = Cli::new();
    let (folder, _) = write(&cli, &["acme"]);
    let server = Server::with(&configuration(&folder));
    for user in ["acme-worker", "engine"] {
        let stolen = cli.path().join("stolen.creds");
        std::fs::copy(credentials(&folder, user), &stolen).unwrap();
        let (url, credentials) = (server.url(), Some(stolen));
        let stolen = ServerAddress { url, credentials, ..ServerAddress::default() };
        drop(stolen.connect("before").await.unwrap());
        write(&cli, &["--renew", user]);
        server.reload(&configuration(&folder));
        let new = address(&server, &folder, user);
        eventually("the new ones work", async || new.connect("new").await.ok()).await;
        assert!(stolen.connect("after").await.is_err(), "{user}");
    }
    let refused =
        cli.run(&["nats-config", "--operator-mode", "nats", "acme", "--renew", "unknown"]);
    assert!(refused.expect_status(2).stderr.contains("acme-publisher"));
}

/// A server with passwords moves to operator mode with all its streams: by another name of one folder.
#[tokio::test]
async fn installation_with_passwords_moves_to_operator_mode() {
    let mut server = server(&nats_conf(&["acme".parse().unwrap()]));
    let mut serving = ServeProcess::at(url(&server, "engine"));
    let monitor = server.monitor_url();
    let options = ["--log", "jetstream", "--nats-monitor", &monitor];
    serving.restart(&options);
    let caller = Caller::connect(&url(&server, "operator")).await;
    let named = caller.command("SetCompanyConfig", json!({"company_name": "A"})).await.accepted();
    serving.stop().await;
    server.kill();

    let cli = Cli::new();
    let (folder, made) = write(&cli, &["acme"]);
    let streams = server.store().join("jetstream");
    let account = made["accounts"]["BOARDING"].as_str().unwrap();
    std::fs::rename(streams.join("BOARDING"), streams.join(account)).unwrap();
    server.configure(&configuration(&folder));
    let mut serving = ServeProcess::at(server.url());
    let engine = credentials(&folder, "engine").display().to_string();
    serving.restart(&[&options[..], &["--nats-credentials", &engine]].concat());
    let caller = Caller::at(&address(&server, &folder, "operator")).await;
    let next = caller.command("SetCompanyConfig", json!({"company_name": "B"})).await.accepted();
    assert_eq!(next["version"], json!(named["version"].as_u64().unwrap() + 1));
}

/// A key of another kind in the folder is an error that names it, and nothing is written.
#[test]
fn key_of_another_kind_is_refused() {
    let cli = Cli::new();
    let (folder, _) = write(&cli, &["acme"]);
    let keys = folder.join("keys");
    std::fs::copy(keys.join("accounts/auditor.nk"), keys.join("users/auditor.nk")).unwrap();
    let before = std::fs::read_to_string(folder.join("nats.conf")).unwrap();
    let shown = folder.display().to_string();
    let output = cli.run(&["nats-config", "acme", "globex", "--operator-mode", &shown]);
    let output = output.expect_status(4);
    assert!(output.stderr.contains("the user auditor"), "{}", output.stderr);
    assert_eq!(std::fs::read_to_string(folder.join("nats.conf")).unwrap(), before);
}
