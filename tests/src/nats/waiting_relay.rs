//! What operators of `boarding serve` see while a mail server is down: log lines and metrics.

use std::path::Path;

use serde_json::{Value, json};

use super::caller::{Caller, people};
use super::serve_process::ServeProcess;
use crate::support::mail_server::{MailServer, closed_port, smtp_url};
use crate::support::nats::Server;
use crate::support::wait::eventually;

/// The value of a metric for the company `acme`; none if the file does not have it.
fn metric(file: &Path, name: &str) -> Option<u64> {
    let text = std::fs::read_to_string(file).unwrap();
    let line = format!("{name}{{company=\"acme\"}} ");
    text.lines().find_map(|one| one.strip_prefix(&line)).map(|value| value.parse().unwrap())
}

async fn import_people(caller: &Caller, count: usize) {
    let import = json!({
        "dialect": "leapxpert", "files": [{"name": "people.csv", "text": people(count)}],
        "add_to_corporate_phones": true,
    });
    caller.command("ImportFile", import).await.accepted();
}

/// The body that confirms a run of the people of the newest import.
fn start_body(people: usize) -> Value {
    json!({
        "source": {"import": "latest"}, "channel": "whatsapp", "mode": "confirmed",
        "expected_recipients": people,
    })
}

/// The body that confirms a run of the newest import as its preview shows it now.
async fn new_plan(caller: &Caller) -> Value {
    let mut body =
        json!({"source": {"import": "latest"}, "channel": "whatsapp", "mode": "preview"});
    let shown = caller.command("StartBulkIntegration", body.clone()).await.accepted();
    body["mode"] = json!("confirmed");
    body["plan_hash"] = shown["result"]["plan_hash"].clone();
    body
}

/// The first line of the log that has this text.
fn log_line(serving: &ServeProcess, text: &str) -> Option<String> {
    serving.log().lines().find(|line| line.contains(text)).map(str::to_owned)
}

/// A31: the log says when a run waits for its mail server and when it goes on. The metrics file says it too.
#[tokio::test]
async fn waiting_relay_is_in_the_log_and_in_the_metrics() {
    let server = Server::start();
    let port = closed_port();
    let (smtp, folder) = (smtp_url(port), tempfile::tempdir().unwrap());
    let file = folder.path().join("boarding.prom");
    let mut serving = ServeProcess::not_started(&server);
    serving.restart(&["--smtp", &smtp, "--metrics-file", file.to_str().unwrap()]);
    let caller = Caller::connect(&server.url()).await;
    caller.define_company().await;
    import_people(&caller, 2).await;
    let started = caller.command("StartBulkIntegration", start_body(2)).await.accepted();
    let run = started["result"]["run"].as_str().unwrap().to_owned();
    let line = eventually("the wait is logged", async || log_line(&serving, "run waits")).await;
    for field in ["WARN", "company=acme", &*run, "what=\"mail server\"", "could not be used"] {
        assert!(line.contains(field), "{field}: {line}");
    }
    let waits = "boarding_mail_server_waiting";
    eventually("the metrics show the wait", async || {
        (metric(&file, waits) == Some(1)).then_some(())
    })
    .await;
    let since = json!({"run": run});
    let since = caller.query("run", since).await.value["row"]["waiting_for"]["since"].clone();
    let since: boarding_commands::values::Time = since.as_str().unwrap().parse().unwrap();
    let seconds = u64::try_from(since.0 / 1000).unwrap();
    assert_eq!(metric(&file, &format!("{waits}_since_seconds")), Some(seconds));
    for (name, value) in [("runs_waiting", 1), ("run_active", 1), ("run_recipients_remaining", 2)] {
        assert_eq!(metric(&file, &format!("boarding_{name}")), Some(value), "{name}");
    }

    let mails = MailServer::on(port, &[]);
    let line = eventually("the return is logged", async || log_line(&serving, "run goes on")).await;
    assert!(line.contains("company=acme") && line.contains(&*run), "{line}");
    eventually("the mails are sent", async || (mails.received().len() == 2).then_some(())).await;
    assert_eq!(serving.stop().await.code(), Some(0), "{}", serving.log());
    assert_eq!(metric(&file, waits), Some(0), "the file is written at the stop");
    assert_eq!(metric(&file, &format!("{waits}_since_seconds")), None);
    let left = std::fs::read_dir(folder.path()).unwrap().count();
    assert_eq!(left, 1, "no temporary file is left");
}

/// LX-30: a run by a mail server is refused while the link is a placeholder. A run that was confirmed before waits for the
/// setting, and the log says so.
#[tokio::test]
async fn placeholder_link_refuses_a_run_and_stops_a_confirmed_one() {
    let (server, mails) = (Server::start(), MailServer::start(&[]));
    let mut serving = ServeProcess::not_started(&server);
    serving.restart(&["--smtp", &mails.url()]);
    let caller = Caller::connect(&server.url()).await;
    caller.define_company().await;
    import_people(&caller, 2).await;
    let mut start = start_body(2);
    let soon = boarding_core::clock::Clock::system().now().plus_seconds(2);
    start["not_before"] = json!(soon);
    let scheduled = caller.command("StartBulkIntegration", start).await.accepted();
    let run = json!({"run": scheduled["result"]["run"]});
    let unset = json!({"link_base_url": "https://boarding.invalid/link/"});
    caller.command("SetCompanyConfig", unset).await.accepted();
    let refused = caller.command("StartBulkIntegration", start_body(2)).await;
    let refused = refused.error("config.link_base_url_unset", 400);
    assert!(refused["message"].as_str().unwrap().contains("config set link_base_url"), "{refused}");
    eventually("the run waits for the setting", async || {
        let row = caller.query("run", run.clone()).await.value["row"].clone();
        (row["waiting_for"]["what"] == "settings").then_some(())
    })
    .await;
    let line = log_line(&serving, "run waits").unwrap();
    assert!(line.contains("link_base_url"), "{line}");
    let set = json!({"link_base_url": "https://link.acme.example/"});
    caller.command("SetCompanyConfig", set).await.accepted();
    eventually("the run is completed", async || {
        let row = caller.query("run", run.clone()).await.value["row"].clone();
        (row["passed"] == 2).then_some(())
    })
    .await;
    assert_eq!(mails.received().len(), 2);
}

/// LX-05: after the channel was disabled, a run that has started and a run that waits for its turn send nothing more.
#[tokio::test]
async fn disabled_channel_fails_running_and_pending_runs() {
    let (server, mails) = (Server::start(), MailServer::start(&["--mails", "1"]));
    let port = mails.port;
    let mut serving = ServeProcess::not_started(&server);
    serving.restart(&["--smtp", &smtp_url(port)]);
    let caller = Caller::connect(&server.url()).await;
    caller.define_company().await;
    import_people(&caller, 3).await;
    let mut runs = Vec::new();
    for _ in 0..2 {
        let started = caller.command("StartBulkIntegration", new_plan(&caller).await).await;
        runs.push(json!({"run": started.accepted()["result"]["run"]}));
    }
    let row = async |run: &Value| caller.query("run", run.clone()).await.value["row"].clone();
    eventually("the first run waits for its server", async || {
        row(&runs[0]).await["waiting_for"].is_object().then_some(())
    })
    .await;
    assert_eq!(row(&runs[1]).await["state"], "pending");
    let disabled = json!({"channels": {"whatsapp": false}});
    caller.command("SetCompanyConfig", disabled).await.accepted();
    drop(mails);
    let mails = MailServer::on(port, &[]);
    for (run, passed) in runs.iter().zip([1, 0]) {
        eventually("the run is completed", async || {
            (row(run).await["state"] == "completed").then_some(())
        })
        .await;
        let shown = row(run).await;
        assert_eq!((&shown["passed"], &shown["failed"]), (&json!(passed), &json!(3 - passed)));
        let log = caller.query("integration_log", run.clone()).await.value["rows"].clone();
        for row in log.as_array().unwrap().iter().filter(|row| row["status"] == "failed") {
            assert_eq!(row["code"], "channel.not_enabled", "{row}");
        }
    }
    assert_eq!(mails.received().len(), 0, "nothing was sent after the channel was disabled");
}

/// A metrics file that cannot be written ends the start with a message that names it.
#[test]
fn metrics_file_that_cannot_be_written_is_refused_at_start() {
    let server = Server::start();
    let serving = ServeProcess::not_started(&server);
    for path in ["/nowhere/boarding.prom", "/"] {
        let output = serving.command(&["--metrics-file", path]).output().unwrap();
        let log = serving.log();
        assert_eq!(output.status.code(), Some(2), "{log}");
        assert!(log.contains(&format!("cannot write the metrics file {path}: ")), "{log}");
        assert!(!serving.data().exists(), "a data folder was created");
    }
    let mut by_environment = serving.command(&[]);
    by_environment.env("BOARDING_METRICS_FILE", "/nowhere/other.prom");
    assert_eq!(by_environment.output().unwrap().status.code(), Some(2));
    assert!(serving.log().contains("/nowhere/other.prom"), "{}", serving.log());
}
