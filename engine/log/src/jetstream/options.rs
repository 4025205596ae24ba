//! Settings for opening a log in JetStream.

use crate::connect::ServerAddress;

/// The default name of the stream.
const LOG_STREAM: &str = "BOARDING_LOG";

/// The prefix of the subjects of the log; a company id follows. Only engines may use them.
const SUBJECTS: &str = "boarding.log.v1";

/// Settings for opening a log in JetStream.
#[derive(Debug, Clone)]
pub struct Options {
    pub server: ServerAddress,
    pub stream: String,
    /// The prefix of its subjects; a company id follows.
    pub subjects: String,
    /// The number of replicas of a new stream; by default three in a cluster.
    pub copies: Option<usize>,
    /// Whether one replica in a cluster is accepted.
    pub accept_one_copy: bool,
    /// The monitoring addresses of the servers, `http://host[:port]`.
    pub monitors: Vec<String>,
    /// Whether a server without a monitoring address is accepted, although its sync setting is unknown.
    pub accept_unknown_sync: bool,
    /// A position that the log has reached before. The caller has an index of the commands up to it.
    pub indexed_up_to: u64,
}

impl Options {
    pub fn new(server: ServerAddress) -> Self {
        Self {
            server,
            stream: LOG_STREAM.to_owned(),
            subjects: SUBJECTS.to_owned(),
            copies: None,
            accept_one_copy: false,
            monitors: Vec::new(),
            accept_unknown_sync: false,
            indexed_up_to: 0,
        }
    }
}
