//! The parameters of a measurement on NATS, and its errors.

use std::path::Path;

use boarding_commands::values::IdError;

use crate::bench::setup;
use boarding_core::engine::EngineError;
use boarding_log::codec::EncodeError;
use boarding_log::connect::ConnectError;
use boarding_log::jetstream;
use boarding_log::{AppendError, ReadError};
use boarding_nats::server::ServeError;

/// The number of rounds. The median counts, so that one slow second does not matter.
pub(super) const ROUNDS: usize = 3;

/// The number of concurrent clients that do not saturate the feed.
pub(super) const FEW_CLIENTS: usize = 16;

/// The parameters of a measurement.
#[derive(Debug)]
pub struct Job<'a> {
    /// A new folder for data.
    pub data: &'a Path,
    /// The servers and the settings of streams. The names of streams in it are not used.
    pub log: jetstream::Options,
    /// The number of companies that commands are for.
    pub companies: usize,
    /// The number of concurrent commands or queries.
    pub clients: usize,
    /// The largest number of commands, queries or appends of a round.
    pub commands: usize,
    /// The number of events of the import whose memory is measured. 0 skips this measurement.
    pub events: u64,
}

/// Why the bench failed.
#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    #[error(transparent)]
    Connect(#[from] ConnectError),
    #[error(
        "these servers have the stream {stream}, which an engine may need; use other servers or another account, or remove the stream if a killed bench left it"
    )]
    InUse { stream: String },
    #[error("cannot {operation} the stream {stream}")]
    Stream {
        operation: &'static str,
        stream: String,
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    #[error("cannot open the measured log")]
    Open(#[from] jetstream::OpenError),
    #[error("cannot append to the measured log")]
    Append(#[from] AppendError),
    #[error("cannot read the measured log")]
    Read(#[from] ReadError),
    #[error("cannot publish to the stream for comparison")]
    Publish(#[from] async_nats::jetstream::context::PublishError),
    #[error(transparent)]
    Engine(#[from] EngineError),
    #[error(transparent)]
    Serve(#[from] ServeError),
    #[error(transparent)]
    Import(#[from] setup::BenchError),
    #[error("no answer to {subject}")]
    Request { subject: String, source: async_nats::RequestError },
    #[error("unexpected answer to {subject}: {answer}")]
    NotAccepted { subject: String, answer: String },
    #[error("cannot subscribe to the events")]
    Subscribe(#[from] async_nats::SubscribeError),
    #[error("{0} events were not received")]
    MissingEvents(usize),
    #[error("there is no company for client {0}")]
    NoCompany(usize),
    #[error("invalid company name")]
    Company(#[from] IdError),
    #[error("cannot encode a commit")]
    Encode(#[from] EncodeError),
    #[error("a task of the bench failed")]
    Join(#[from] tokio::task::JoinError),
}
