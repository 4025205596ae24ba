//! The log's limits: each named with its unit, and a sentence why.

/// The most commits of one append: the most that a company actor drains from its inbox at once.
pub const APPEND_COMMITS_MAX: usize = 1_024;

/// The most bytes of one append: sixteen commits of the largest size.
pub const APPEND_BYTES_MAX: usize = 4 * 1024 * 1024;

/// The most positions of one append, so that the place of an event in its append takes sixteen bits.
pub const APPEND_POSITIONS_MAX: u64 = 1 << 16;

/// How long the first connection to NATS may take, in seconds: after that the address is most likely wrong.
pub const NATS_CONNECT_SECONDS_MAX: u64 = 5;

/// The longest wait between two reconnects to NATS, in milliseconds: when a server is back, work continues
/// after this time at most.
pub const NATS_RECONNECT_MILLIS_MAX: u64 = 500;

/// How long one request to NATS waits for its response, in seconds: a killed leader never responds.
pub const NATS_ANSWER_SECONDS_MAX: u64 = 2;

/// How long one attempt of an append waits for its acknowledgement, in milliseconds, plus the time of the
/// slowest supported network, in bytes per second. Attempts are short, because a cluster may have no leader;
/// a repeated attempt is stored once only.
pub const NATS_APPEND_TRY_MILLIS: u64 = 1_000;
pub const NATS_BYTES_PER_SECOND_MIN: u64 = 512 * 1024;

/// How long an append with an unknown outcome is retried, in seconds: three times the longest observed
/// election of a leader.
pub const NATS_APPEND_SECONDS_MAX: u64 = 30;

/// How long a read is retried, in seconds: longer than the longest observed election of a leader.
pub const NATS_READ_SECONDS_MAX: u64 = 15;

/// How long opening waits for a cluster that has just started, in seconds.
pub const NATS_OPEN_SECONDS_MAX: u64 = 20;

/// How long one wait for messages of other writers lasts, in seconds; then the state of the stream is checked.
pub const NATS_POLL_SECONDS: u64 = 5;

/// When the server removes an unused consumer, in seconds: longer than any pause of a reader.
pub const NATS_CONSUMER_SECONDS: u64 = 60;

/// How many messages a reader gets one by one before it creates a consumer: a consumer costs about as much
/// as eight single reads.
pub const NATS_SINGLE_READS: u32 = 8;

/// The most messages of one page, and the most bytes: two appends of the largest size.
pub const NATS_PAGE_MESSAGES: usize = 512;
pub const NATS_PAGE_BYTES: usize = 9 * 1024 * 1024;

/// The size of the cache of the newest messages, in bytes: enough for commands that are sent again after a
/// slow response.
pub const NATS_RECENT_BYTES_MAX: usize = 16 * 1024 * 1024;

/// The most messages that a subscription buffers: a burst of several companies, until each has its answer or
/// `overloaded`. More are dropped, with a warning.
pub const NATS_BUFFER_MESSAGES_MAX: usize = 65_536;

/// The wait before a retry after a temporary fault, in milliseconds: five attempts a second are no load.
pub(crate) const RETRY_MILLIS: u64 = 200;

/// The oldest supported server: older ones do not check expected sequences reliably, or do not store reliably.
pub const OLDEST_SERVER: (u64, u64) = (2, 12);
