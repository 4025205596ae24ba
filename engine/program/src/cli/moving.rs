//! `boarding move`: a whole log from a data folder to JetStream, or back, verified at the end.

use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use super::common::Common;
use super::failure::{Done, Ending, Failure};
use super::nats_options::{NatsOptions, of_connection};
use super::output::{Out, Progress as Bar};
use crate::migration::folder::{FolderError, Moved, Options, Way, move_folder};
use crate::migration::{MoveError, Progress};
use boarding_core::clock::Clock;
use boarding_core::engine::EngineError;

/// Moves a whole log from a data folder to JetStream, or back
#[derive(Debug, Args)]
#[command(
    group = clap::ArgGroup::new("way").required(true).args(["to", "from"]),
    after_help = "\
Examples:
  boarding move --to jetstream --data /var/lib/boarding --nats nats://nats.example:4222 \\
                --nats-monitor http://nats.example:8222
  boarding move --from jetstream --data /var/lib/boarding --nats nats://nats.example:4222 \\
                --nats-monitor http://nats.example:8222

Nothing else may work on either meanwhile: stop every engine first. Order, versions, ids and the
chain of hashes stay as they are; only positions, the numbers that count all events, are new in each
log. At the end both logs are read again and compared. A move that was interrupted goes on when it is
asked again. Logs are never merged: what a log moves into is empty, or holds a beginning of it.

After a move to JetStream the folder keeps its files of the log, and its file MOVED says where the log
is; the program refuses to go on with those files until the log is moved back."
)]
pub(super) struct Move {
    /// Where the log moves to
    #[arg(long, value_enum, value_name = "LOG")]
    to: Option<Place>,
    /// Where the log moves from
    #[arg(long, value_enum, value_name = "LOG")]
    from: Option<Place>,
    #[command(flatten)]
    nats: NatsOptions,
}

/// A place of a log besides the data folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Place {
    Jetstream,
}

impl Move {
    pub(super) async fn run(self, common: &Common, out: &Out) -> Ending {
        let way = if self.to.is_some() { Way::ToJetStream } else { Way::FromJetStream };
        let (data, jetstream) = (common.data(), self.nats.log()?);
        let options = Options { data, way, jetstream, clock: Clock::system() };
        let mut shown = Shown::new(out);
        let moving = Box::pin(move_folder(options, |progress| shown.show(progress)));
        let moved = tokio::select! {
            moved = moving => moved.map_err(failure)?,
            _ = tokio::signal::ctrl_c() => {
                let text = "interrupted; the same again goes on from there";
                return Err(Failure::Interrupted(text.to_owned()));
            }
        };
        drop(shown);
        tell(out, common, way, &moved);
        Ok(Done::Well)
    }
}

/// Two bars, one after the other.
struct Shown<'a> {
    out: &'a Out,
    bar: Bar,
    verifies: bool,
}

impl<'a> Shown<'a> {
    fn new(out: &'a Out) -> Self {
        Self { out, bar: out.progress("moving"), verifies: false }
    }

    fn show(&mut self, now: Progress) {
        let commits = now.found + now.moved;
        if now.verified == 0 {
            self.bar.at(commits, expected(commits, now.position, now.end), "commits");
            return;
        }
        if !self.verifies {
            self.bar = self.out.progress("verifying");
            self.verifies = true;
        }
        self.bar.at(now.verified, commits, "commits");
    }
}

/// How many commits there will be, if the rest is like what has been seen: a log counts positions.
fn expected(commits: u64, position: u64, end: u64) -> u64 {
    let all = u128::from(commits) * u128::from(end);
    let all = all.checked_div(u128::from(position)).unwrap_or_default();
    u64::try_from(all).unwrap_or(u64::MAX).max(commits)
}

/// Says what was moved, and what did not move with it.
fn tell(out: &Out, common: &Common, way: Way, moved: &Moved) {
    let data = common.data();
    let Moved { progress, companies, stream, servers, .. } = moved;
    let along = along(way, moved);
    if out.is_json() {
        let place = |way_is: Way| if way == way_is { "jetstream" } else { "files" };
        out.document(&json!({
            "from": place(Way::FromJetStream), "to": place(Way::ToJetStream),
            "data": data, "stream": stream, "nats": servers,
            "commits": progress.verified, "events": progress.events, "companies": companies,
            "found": progress.found, "moved": progress.moved, "verified": true,
            "take_along": along.iter().map(|(path, _)| json!(path)).collect::<Value>(),
            "published_positions_are_old": moved.has_published,
        }));
        return;
    }
    let (commits, events) = (progress.verified, progress.events);
    let noun = if *companies == 1 { "company" } else { "companies" };
    out.line(&format!(
        "{commits} commits, {events} events of {companies} {noun} moved and verified"
    ));
    let place = format!("stream {stream} at {}", servers.join(","));
    let data = data.display();
    match way {
        Way::ToJetStream => {
            out.say(&format!(
                "the log is in {place} now; {data} keeps its old files and refuses to go on with them"
            ));
            out.say(&format!("an engine on another machine needs these parts of {data} as well:"));
            along.iter().for_each(|(path, why)| out.say(&format!("  {path:7} {why}")));
        }
        Way::FromJetStream => out.say(&format!(
            "the log is in {data} now; no engine may go on with {place}: remove the stream, or keep it only to move the log there again"
        )),
    }
    if moved.has_published {
        out.warn("note: events that were published before the move have the positions of the old log; versions, ids and hashes stay, and the events go on after the last one");
    }
}

/// What stays in the folder and is needed wherever an engine works on the log: the path, and why.
fn along(way: Way, moved: &Moved) -> Vec<(&'static str, &'static str)> {
    let mut along = Vec::new();
    if way == Way::ToJetStream {
        along.push(("secret", "or links in mails that were sent do not work there"));
        if moved.has_files {
            along.push(("files/", "or imports that are not completed cannot go on there"));
        }
    }
    along
}

fn failure(error: FolderError) -> Failure {
    let text = boarding_log::error_chain(&error);
    match error {
        FolderError::Folder(error) => EngineError::Folder(error).into(),
        FolderError::Files(error) => EngineError::Log(error).into(),
        FolderError::JetStream(boarding_log::jetstream::OpenError::Connect(error))
        | FolderError::Connect(error) => of_connection(&error),
        FolderError::JetStream(error) => EngineError::JetStream(error).into(),
        FolderError::MovedAlready { .. } => refused("move.moved_already", text),
        FolderError::OwnLog { .. } => refused("move.own_log", text),
        FolderError::Move(MoveError::Merge { .. }) => refused("move.other_history", text),
        FolderError::Move(MoveError::Ahead { .. }) => refused("move.target_ahead", text),
        FolderError::Move(error) if error.is_damage() => Failure::Damaged(text),
        FolderError::Move(_)
        | FolderError::Idle(_)
        | FolderError::NothingHere { .. }
        | FolderError::NothingThere { .. } => Failure::Unavailable(text),
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
    fn the_number_of_commits_is_guessed_from_positions() {
        assert_eq!(expected(10, 50, 100), 20);
        assert_eq!(expected(10, 0, 0), 10);
        assert_eq!(expected(7, u64::MAX, u64::MAX), 7);
    }
}
