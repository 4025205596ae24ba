//! `boarding move`: migrates the log of a data folder to JetStream or back, and verifies it.

use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use super::common::Common;
use super::failure::{CliResult, Done, Failure};
use super::nats_options::{NatsOptions, connection_failure};
use super::output::{Out, Progress as Bar};
use super::words::counted;
use crate::migration::folder::{Direction, FolderError, Moved, Options, move_folder};
use crate::migration::{MoveError, Progress};
use boarding_core::clock::Clock;
use boarding_core::engine::EngineError;

/// Moves the log of a data folder to JetStream, or back
#[derive(Debug, Args)]
#[command(
    group = clap::ArgGroup::new("direction").required(true).args(["to", "from"]),
    after_help = "\
Examples:
  boarding move --to jetstream --data /var/lib/boarding --nats nats://nats.example:4222 \\
                --nats-monitor http://nats.example:8222
  boarding move --from jetstream --data /var/lib/boarding --nats nats://nats.example:4222 \\
                --nats-monitor http://nats.example:8222

Stop all engines first: nothing else may use either log. The move keeps the order, versions, ids and the
hash chain. Only positions, which count all events, change. At the end both logs are read again and
compared. Repeat an interrupted move to complete it. Logs are never merged: the target must be empty, or
hold the first commits of the same log.

After a move to JetStream the folder keeps the old files of the log, and its file MOVED names the new place
of the log. The program refuses to use the old files until the log is moved back."
)]
pub(super) struct Move {
    /// Moves the log from the data folder to this storage
    #[arg(long, value_enum, value_name = "LOG")]
    to: Option<Storage>,
    /// Moves the log back from this storage to the data folder
    #[arg(long, value_enum, value_name = "LOG")]
    from: Option<Storage>,
    #[command(flatten)]
    nats: NatsOptions,
}

/// The storage of a log outside the data folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Storage {
    Jetstream,
}

impl Move {
    pub(super) async fn run(self, common: &Common, out: &Out) -> CliResult {
        let direction =
            if self.to.is_some() { Direction::ToJetStream } else { Direction::FromJetStream };
        let (data, jetstream) = (common.data(), self.nats.log()?);
        let options = Options { data, direction, jetstream, clock: Clock::system() };
        let mut progress = ProgressOutput::new(out);
        let moving = Box::pin(move_folder(options, |state| progress.show(state)));
        let moved = tokio::select! {
            moved = moving => moved.map_err(failure)?,
            _ = tokio::signal::ctrl_c() => {
                let text = "interrupted; repeat the command to complete the move";
                return Err(Failure::Interrupted(text.to_owned()));
            }
        };
        drop(progress);
        print(out, common, direction, &moved);
        Ok(Done::Completely)
    }
}

/// The progress bar of the move, then of the verification.
struct ProgressOutput<'a> {
    out: &'a Out,
    bar: Bar,
    is_verifying: bool,
}

impl<'a> ProgressOutput<'a> {
    fn new(out: &'a Out) -> Self {
        Self { out, bar: out.progress("moving"), is_verifying: false }
    }

    fn show(&mut self, now: Progress) {
        let commits = now.found + now.moved;
        if now.verified == 0 {
            self.bar.at(commits, expected(commits, now.position, now.end), "commits");
            return;
        }
        if !self.is_verifying {
            self.bar = self.out.progress("verifying");
            self.is_verifying = true;
        }
        self.bar.at(now.verified, commits, "commits");
    }
}

/// The estimated number of all commits. It is an estimate because a log knows its last position, but not how many
/// commits it has.
fn expected(commits: u64, position: u64, end: u64) -> u64 {
    let all = u128::from(commits) * u128::from(end);
    let all = all.checked_div(u128::from(position)).unwrap_or_default();
    u64::try_from(all).unwrap_or(u64::MAX).max(commits)
}

/// Prints what was moved, and what the operator must copy.
fn print(out: &Out, common: &Common, direction: Direction, moved: &Moved) {
    let data = common.data();
    let Moved { progress, companies, stream, servers, .. } = moved;
    let to_copy = to_copy(direction, moved);
    if out.is_json() {
        let (from, to) = match direction {
            Direction::ToJetStream => ("files", "jetstream"),
            Direction::FromJetStream => ("jetstream", "files"),
        };
        out.document(&json!({
            "from": from, "to": to,
            "data": data, "stream": stream, "nats": servers,
            "commits": progress.verified, "events": progress.events, "companies": companies,
            "found": progress.found, "moved": progress.moved, "verified": true,
            "take_along": to_copy.iter().map(|(path, _)| json!(path)).collect::<Value>(),
            "published_positions_are_old": moved.has_published,
        }));
        return;
    }
    let (commits, events) = (progress.verified, progress.events);
    out.line(&format!(
        "{}, {} of {} moved and verified",
        counted(commits, "commit", "commits"),
        counted(events, "event", "events"),
        counted(*companies as u64, "company", "companies"),
    ));
    let place = format!("stream {stream} at {}", servers.join(","));
    let data = data.display();
    match direction {
        Direction::ToJetStream => {
            out.say(&format!(
                "the log is in {place} now; {data} keeps the old files, which no engine uses any more"
            ));
            out.say(&format!("copy these parts of {data} to each other machine with an engine:"));
            to_copy.iter().for_each(|(path, why)| out.say(&format!("  {path:7} {why}")));
        }
        Direction::FromJetStream => out.say(&format!(
            "the log is in {data} now; no engine may use {place} any more: remove the stream, or keep it only for another move"
        )),
    }
    if moved.has_published {
        out.warn("note: events that were published before the move have the positions of the old log; versions, ids and hashes are unchanged");
    }
}

/// The parts of the folder that engines on other machines need, each with the reason.
fn to_copy(direction: Direction, moved: &Moved) -> Vec<(&'static str, &'static str)> {
    let mut to_copy = Vec::new();
    if direction == Direction::ToJetStream {
        to_copy.push(("secret", "without it, links in mails that were sent do not work"));
        if moved.has_files {
            to_copy.push(("files/", "without it, imports in progress cannot continue"));
        }
    }
    to_copy
}

fn failure(error: FolderError) -> Failure {
    let text = boarding_log::error_chain(&error);
    match error {
        FolderError::Folder(error) => EngineError::Folder(error).into(),
        FolderError::Files(error) => EngineError::Log(error).into(),
        FolderError::JetStream(boarding_log::jetstream::OpenError::Connect(error))
        | FolderError::Connect(error) => connection_failure(&error),
        FolderError::JetStream(error) => EngineError::JetStream(error).into(),
        FolderError::MovedAlready { .. } => refused("move.moved_already", text),
        FolderError::OwnLog { .. } => refused("move.own_log", text),
        FolderError::Move(MoveError::Merge { .. }) => refused("move.other_history", text),
        FolderError::Move(MoveError::Ahead { .. }) => refused("move.target_ahead", text),
        FolderError::Damaged { .. } => Failure::Damaged(text),
        FolderError::Move(error) if error.is_damage() => Failure::Damaged(text),
        FolderError::Move(_)
        | FolderError::Idle(_)
        | FolderError::EmptyFolder { .. }
        | FolderError::EmptyStream { .. } => Failure::Unavailable(text),
    }
}

fn refused(code: &str, message: String) -> Failure {
    let document = json!({"outcome": "refused", "code": code, "message": message, "details": {}});
    Failure::Refused { document, code: code.to_owned(), message }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn number_of_commits_is_estimated_from_positions() {
        assert_eq!(expected(10, 50, 100), 20);
        assert_eq!(expected(10, 0, 0), 10);
        assert_eq!(expected(7, u64::MAX, u64::MAX), 7);
    }
}
