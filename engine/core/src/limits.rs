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
pub const LOADED_COMPANIES_MAX: usize = 64;

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
pub const POLL_LOG_MILLIS: u64 = 200;

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
pub const IMPORT_ROWS_PER_COMMAND: usize =
    boarding_commands::decide::imports::import_rows::ROWS_PER_COMMIT;

/// The most bytes of cells that one command applies, in bytes: events add names and envelopes to them,
/// and a commit holds 256 KiB.
pub const IMPORT_BYTES_PER_COMMAND: usize = 64 * 1024;

/// A picture has fewer bytes than this (OCM-17: below 5 MB).
pub const PICTURE_BYTES_BELOW: u64 = 5 * 1024 * 1024;

/// The most pictures of one archive, in pictures: what becomes of all of them is one commit, of 256 KiB.
pub const PICTURES_PER_ARCHIVE_MAX: usize = 1_000;

/// The most that one archive lists, in entries: folders, and what macOS adds to each picture, among them.
pub const ARCHIVE_ENTRIES_MAX: usize = 10_000;

/// The most that is read to learn what an archive lists, in bytes: that many entries with names of hundreds.
pub const ARCHIVE_DIRECTORY_BYTES_MAX: u64 = 8 * 1024 * 1024;

/// The most that one archive unpacks to, in bytes: a thousand pictures of a mebibyte.
pub const PICTURES_BYTES_MAX: u64 = 1024 * 1024 * 1024;

/// How many times its own size an archive may unpack to: pictures hardly shrink, bombs grow a thousandfold.
pub const PICTURES_RATIO_MAX: u64 = 100;

/// What an archive may unpack to whatever its size, in bytes: a dozen of the largest pictures, one at a time in
/// memory and a second's work, so that a picture may be as plain as it likes (OCM-17).
pub const PICTURES_FREE_BYTES: u64 = 64 * 1024 * 1024;

/// The longest name of a picture that is noted, in characters: an Agent ID has 64, and the rest is shown.
pub const PICTURE_NAME_CHARS_MAX: usize = 100;

/// The rows that a preview shows, in rows (contract, section 2).
pub const PREVIEW_ROWS: usize = 100;

/// The rows of each kind that need somebody's attention and that a preview keeps besides, in rows: what fits
/// on a screen beside the counts.
pub const PREVIEW_ATTENTION_ROWS: usize = 10;

/// The most imports planned at once, in plans: each holds a copy of its company in memory.
pub const PLANS_AT_ONCE: usize = 2;

/// How often an import is planned anew because its company moved meanwhile, in plans: whoever asks again
/// later finds a quieter company.
pub const PLANS_PER_COMMAND: usize = 4;

/// The most recipients claimed at once, in people, whatever a channel could take.
pub const CLAIM_MAX: usize = 500;

/// The most welcome mails claimed at once, in mails.
pub const WELCOME_CLAIM_MAX: usize = 64;

/// How long a closing engine waits for mails that are on their way, in seconds: a service is given ten,
/// and answers what it has taken first.
pub const CLOSE_SECONDS_MAX: u64 = 7;

/// The longest sleep before the clock is looked at again, in seconds: it may have been set.
pub const TIMER_SECONDS_MAX: u64 = 60;

/// The wait before a process manager asks again after a fault that may pass, in milliseconds.
pub const RETRY_MILLIS: u64 = 200;
