//! The engine's limits and settings: each named with its unit, and a sentence why.

/// The most commands that wait for one company, in commands: a second's work; more is `overloaded`.
pub const INBOX_COMMANDS_MAX: usize = 1_024;

/// The most commands decided and appended as one, in commands: half an inbox, so that answers flow.
pub const BATCH_COMMANDS_MAX: usize = 512;

/// The most bytes of commits appended as one, in bytes, if the log takes as many: more makes answers wait.
pub const BATCH_BYTES_MAX: usize = 1024 * 1024;

/// How often the commands of one append are decided anew because another writer was faster, in times: two
/// writers for one company are a moment of taking over, not a state.
pub const CONFLICTS_MAX: usize = 5;

/// The most companies whose state stays in memory without work, in companies.
pub const HOT_COMPANIES_MAX: usize = 64;

/// A company's state is snapshotted when its tail is longer, in events: what replays in about 50 ms.
pub const SNAPSHOT_AFTER_EVENTS: u64 = 20_000;

/// The part of a snapshot that one row of the store holds, in bytes: sled keeps rows, not blobs.
pub const SNAPSHOT_PART_BYTES: usize = 4 * 1024;

/// How often a snapshot on its way to the store is handed to the operating system, in parts: what the
/// store holds back is memory, and a snapshot of a million people is 200 MB.
pub const SNAPSHOT_FLUSH_PARTS: u32 = 256;

/// The most events that read models take in one batch, in events.
pub const PROJECT_EVENTS_MAX: u64 = 2_000;

/// How often the read models look for what other engines appended, in milliseconds: they are told at once of
/// what their own engine did, and before a query that waits for a position.
pub const LOOK_MILLIS: u64 = 200;

/// How often read models are handed to the operating system while they catch up, in batches: what the
/// store holds back is memory, and a slow disk lets it grow.
pub const FLUSH_AFTER_BATCHES: u32 = 8;

/// The memory that the store of read models may use for its cache, in bytes.
pub const STORE_CACHE_BYTES: u64 = 16 * 1024 * 1024;

/// How often the store writes to the disk, in milliseconds; it reclaims space only then.
pub const STORE_FLUSH_MILLIS: u64 = 500;

/// The longest that a query waits for `min_position`, in seconds (contract, section 3).
pub const VISIBLE_SECONDS_MAX: u64 = 5;

/// The largest file that a command may carry inline, in bytes (contract, section 2).
pub const INLINE_FILE_BYTES_MAX: usize = 512 * 1024;

/// The most rows of a file that one command applies, in rows.
pub const IMPORT_ROWS_PER_COMMAND: usize = boarding_commands::decide::import_rows::ROWS_PER_COMMIT;

/// The most bytes of cells that one command applies, in bytes: events add names and envelopes to them,
/// and a commit holds 256 KiB.
pub const IMPORT_BYTES_PER_COMMAND: usize = 64 * 1024;

/// The most recipients claimed at once, in people, whatever a channel could take.
pub const CLAIM_MAX: usize = 500;

/// The most welcome mails claimed at once, in mails.
pub const WELCOME_CLAIM_MAX: usize = 64;

/// How long a closing engine waits for mails that are on their way, in seconds: a service is given ten.
pub const CLOSE_SECONDS_MAX: u64 = 8;

/// The longest sleep before the clock is looked at again, in seconds: it may have been set.
pub const NAP_SECONDS: u64 = 60;

/// The wait before a process manager asks again after a fault that may pass, in milliseconds.
pub const RETRY_MILLIS: u64 = 200;

/// How long a first connection to NATS may take, in seconds: longer, and the address is wrong.
pub const NATS_CONNECT_SECONDS_MAX: u64 = 5;

/// How long one question to NATS waits for its answer, in seconds: a leader that was killed never answers.
pub const NATS_ANSWER_SECONDS_MAX: u64 = 2;

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
