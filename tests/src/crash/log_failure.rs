//! A log or read models that cannot be written any more: the program says so and ends; the next start goes on.

use std::fs;

use serde_json::json;

use super::run::{check_runs_are_completed, start};
use super::sample_folder::{SampleFolder, id};
use super::{history, mails};
use crate::support::disk::{SmallDisk, forbid_writes};
use crate::support::mail_server::MailServer;
use crate::support::wait::eventually;

const PEOPLE: usize = 300;

/// Fault 8: After a failed write of the log the program ends with status 4, names the file, and says which run goes on.
#[tokio::test]
async fn run_ends_when_its_log_cannot_be_written() {
    let server = MailServer::start(&[]);
    let folder = SampleFolder::with_people(PEOPLE).with_mail_server(server.port);
    let run = id();
    let process = folder.start_with_write_errors(&start(&run));
    eventually("mails arrive", async || (!server.received().is_empty()).then_some(())).await;
    forbid_writes(process.id());
    let output = process.wait();

    let answer = output.lines(4).remove(0);
    assert_eq!((&answer["outcome"], &answer["result"]["run"]), (&json!("accepted"), &json!(run)));
    let accepted = format!("run {run} is accepted; to go on: boarding runs resume");
    for text in [&accepted, "the log cannot be written", ".log"] {
        assert!(output.stderr.contains(text), "{text}: {}", output.stderr);
    }
    folder.run(&["runs", "resume"]);
    check_runs_are_completed(&folder);
    let received = mails::on_server(server.received().into_iter().map(|mail| mail.data));
    assert!(received[&run].values().all(|&count| count == 1), "two mails to one person");
    history::check_run_laws(&folder);
}

/// Fault 6: A run goes to its end while the disk of the read models is full. The rows are written when there is space.
#[tokio::test]
async fn run_ends_while_the_disk_of_read_models_is_full() {
    let Some(disk) = SmallDisk::mount(4) else {
        println!("skipped: only root can mount a disk in memory");
        return;
    };
    let server = MailServer::start(&[]);
    let folder = SampleFolder::with_people(PEOPLE).with_mail_server(server.port);
    folder.move_read_models(&disk.path().join("derived"));
    let words = ["runs", "start", "--channel", "whatsapp", "--import", "latest", "--yes"];
    let process = folder.start(&words);
    eventually("mails arrive", async || (!server.received().is_empty()).then_some(())).await;
    let ballast = disk.fill();
    let output = process.wait();

    let answer = output.lines(0).remove(0);
    let run = answer["run"].as_str().unwrap().to_owned();
    assert_eq!((&answer["state"], &answer["passed"]), (&json!("completed"), &json!(PEOPLE)));
    assert!(!output.stderr.contains("the log"), "{}", output.stderr);
    fs::remove_file(ballast).unwrap();
    check_runs_are_completed(&folder);
    let received = mails::on_server(server.received().into_iter().map(|mail| mail.data));
    assert_eq!(received.keys().collect::<Vec<_>>(), [&run]);
    assert_eq!(received[&run].len(), PEOPLE);
    assert!(received[&run].values().all(|&count| count == 1), "two mails to one person");
    history::check_run_laws(&folder);
}
