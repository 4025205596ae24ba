//! A log that cannot be written any more: the program says so and ends; the next start goes on.

use serde_json::json;

use super::run::{check_runs_are_completed, start};
use super::sample_folder::{SampleFolder, id};
use super::{history, mails};
use crate::support::disk::forbid_writes;
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
    let accepted = format!("run {run} is accepted; `boarding runs resume` goes on");
    for text in [&accepted, "the log cannot be written", ".log"] {
        assert!(output.stderr.contains(text), "{text}: {}", output.stderr);
    }
    folder.run(&["runs", "resume"]);
    check_runs_are_completed(&folder);
    let received = mails::on_server(server.received().into_iter().map(|mail| mail.data));
    assert!(received[&run].values().all(|&count| count == 1), "two mails to one person");
    history::check_run_laws(&folder);
}
