//! The log's limits: each named with its unit, and a sentence why.

/// How long a first connection to NATS may take, in seconds: longer, and the address is wrong.
pub const NATS_CONNECT_SECONDS_MAX: u64 = 5;

/// The longest wait before a lost connection to NATS is tried again, in milliseconds: after a server has come
/// back, work goes on that much later at most.
pub const NATS_RECONNECT_MILLIS_MAX: u64 = 500;

/// How long one question to NATS waits for its answer, in seconds: a leader that was killed never answers.
pub const NATS_ANSWER_SECONDS_MAX: u64 = 2;

/// How long one try of an append waits for its answer, in milliseconds, and the slowest line it allows for, in
/// bytes a second: while a cluster has no leader it is tried often, and what was slow is stored once.
pub const NATS_APPEND_TRY_MILLIS: u64 = 1_000;
pub const NATS_BYTES_PER_SECOND_MIN: u64 = 512 * 1024;

/// How long an append is tried again while nobody says what became of it, in seconds: three times what a
/// cluster was seen to need for a new leader.
pub const NATS_APPEND_SECONDS_MAX: u64 = 30;

/// How long a read is tried again, in seconds: longer than a cluster was seen to need for a new leader.
pub const NATS_READ_SECONDS_MAX: u64 = 15;

/// How long opening waits for a cluster that has just started, in seconds.
pub const NATS_OPEN_SECONDS_MAX: u64 = 20;

/// How long one wait for other writers' messages lasts, in seconds; then the stream is looked over.
pub const NATS_POLL_SECONDS: u64 = 5;

/// When the server forgets a consumer that nobody asks, in seconds: longer than any pause of a reader.
pub const NATS_CONSUMER_SECONDS: u64 = 60;

/// How many messages a reader takes one by one before it makes a consumer, in messages: one costs about
/// as much as eight of them.
pub const NATS_SINGLE_READS: u32 = 8;

/// The most messages of one page, in messages, and the most bytes: two appends of the largest size.
pub const NATS_PAGE_MESSAGES: usize = 512;
pub const NATS_PAGE_BYTES: usize = 9 * 1024 * 1024;

/// How many bytes of the newest messages of a log in JetStream an engine has in memory: enough for the
/// commands that are sent again because an answer was slow.
pub const NATS_RECENT_BYTES_MAX: usize = 16 * 1024 * 1024;

/// The most messages that wait for one of our tasks, in messages: two bursts; more are dropped, and said.
pub const NATS_BUFFER_MESSAGES_MAX: usize = 8_192;

/// The wait before NATS is asked again after a fault that may pass, in milliseconds.
pub(crate) const RETRY_MILLIS: u64 = 200;
