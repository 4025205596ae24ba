//! Errors of opening a log in JetStream; each says what to do.

use crate::ReadError;
use crate::connect::ConnectError;
use crate::limits::OLDEST_SERVER;

/// The log was not opened, and nothing was appended.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error(transparent)]
    Connect(#[from] ConnectError),
    #[error("start the threads of the log")]
    Threads(#[source] std::io::Error),
    #[error(
        "open the log: nats-server {server} has version {version}, and versions before {}.{} can lose acknowledged messages; use nats-server {0}.{1} or newer",
        OLDEST_SERVER.0, OLDEST_SERVER.1
    )]
    OldServer { server: String, version: String },
    #[error(
        "open the log: the server allows messages of at most {max_payload} bytes, and a commit needs {needed}; set `max_payload: 1MB` in its configuration"
    )]
    SmallMessages { max_payload: usize, needed: usize },
    #[error(
        "open the log: the server has no JetStream ({why}); add `jetstream {{ store_dir: \"…\", sync_interval: always }}` to its configuration"
    )]
    NoJetStream { why: String },
    #[error("open the log: open or create stream {stream}: {why}")]
    Stream { stream: String, why: String },
    #[error(
        "open the log: stream {stream} may lose or change messages: {problems}; if no messages are lost yet, correct it with `nats stream edit`; otherwise restore it from a backup"
    )]
    Config { stream: String, problems: String },
    #[error(
        "open the log: stream {stream} has only one replica in a cluster, and is lost with its server; give it three (`nats stream edit {stream} --replicas 3`), or accept it with --accept-one-copy"
    )]
    OneCopy { stream: String },
    #[error(
        "open the log: nats-server {server} can lose acknowledged messages at a power failure, because it syncs only every {seconds} s; set `sync_interval: always` in its jetstream block"
    )]
    UnsafeSync { server: String, seconds: u64 },
    #[error(
        "open the log: the sync setting of nats-server {server} is unknown, so a loss of power could lose acknowledged messages; give its monitoring address with --nats-monitor http://host:8222, or accept it with --accept-unknown-sync"
    )]
    UnknownSync { server: String },
    #[error("open the log: ask the server at {address} for its settings: {why}")]
    Monitor { address: String, why: String },
    /// Messages are missing or differ from the appended ones. The log never drops them silently.
    #[error("open the log: stream {stream} is damaged: {what}; restore it from a backup")]
    Damaged { stream: String, what: String },
    #[error(
        "open the log: stream {stream} ends at position {end}, but this data folder has seen position {seen}: the stream has lost messages, or it is another stream; restore it from a backup, or use the data folder that belongs to it"
    )]
    Behind { stream: String, seen: u64, end: u64 },
    #[error("open the log")]
    Read(#[from] ReadError),
}

impl OpenError {
    /// Whether the stored messages differ from the appended ones.
    pub fn is_damage(&self) -> bool {
        match self {
            Self::Damaged { .. } | Self::Behind { .. } => true,
            Self::Read(error) => !error.is_transient(),
            _ => false,
        }
    }
}
