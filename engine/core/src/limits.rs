//! The limits of the engine, each with its unit and reason.

/// The most queued commands of one company: the work of one second. Further commands are answered `overloaded`.
pub const INBOX_COMMANDS_MAX: usize = 1_024;

/// The most commands of one batch: half an inbox, so that replies are not delayed.
pub const BATCH_COMMANDS_MAX: usize = 512;

/// The most bytes of one batch, unless the log allows only fewer. Larger batches would delay replies.
pub const BATCH_BYTES_MAX: usize = 1024 * 1024;

/// The first pause of a run whose mails cannot be sent, in seconds. Each further pause is twice as long: a mail server that
/// limits the rate is ready after a second.
pub const TRANSPORT_PAUSE_SECONDS: u64 = 1;

/// The longest pause of such a run, in seconds: the run goes on a minute after the mail server is back at the latest.
pub const TRANSPORT_PAUSE_SECONDS_MAX: u64 = 60;

/// How often commands are decided again after conflicts. A few times are enough, because a company has two writers
/// only during a takeover.
pub const CONFLICTS_MAX: usize = 5;

/// The companies in memory from which on idle ones are evicted: a million users need about 200 MB, so few are kept.
pub const LOADED_COMPANIES_MAX: usize = 64;

/// A company at rest gets a new snapshot after this many events. Replaying them takes about 0.1 s.
pub const SNAPSHOT_AFTER_EVENTS: u64 = 20_000;

/// A company at rest with many people gets a new snapshot only if its new events are more than its people divided by
/// this number.
pub const SNAPSHOT_PEOPLE_PER_EVENT: u64 = 20;

/// A busy company gets a new snapshot after this many events, or as many as it has people, whichever is more.
pub const SNAPSHOT_BUSY_EVENTS: u64 = 200_000;

/// How long a company gets no command before it is at rest, in seconds.
pub const SNAPSHOT_REST_SECONDS: u64 = 3;

/// How many links are remembered with their companies, in links: some 100 bytes each.
pub const KNOWN_LINKS_MAX: usize = 100_000;

/// How long a link that was not seen before waits for its turn to be looked up, in milliseconds.
pub const LINK_SEARCH_MILLIS_MAX: u64 = 2_000;

/// The most requests with tokens that no company has made, at a time. More are refused at once.
pub const UNKNOWN_LINKS_MAX: usize = 32;

/// The pause after a token that no company has made, in milliseconds: guessing tokens must not use up the processor.
pub const UNKNOWN_LINK_PAUSE_MILLIS: u64 = 20;

/// How long an activation code is shown, in seconds. Then the page shows a new one.
pub const ACTIVATION_CODE_SECONDS: u64 = 60;

/// How long an activation code works after it was shown, in seconds: the report of the provider takes a moment.
pub const ACTIVATION_GRACE_SECONDS: u64 = 60;

/// The most numbers that the page of a link offers.
pub const OFFERED_NUMBERS_MAX: usize = 5;

/// The most people that the page of an administrator's link names.
pub const LISTED_PEOPLE_MAX: usize = 200;

/// How often the position up to which commands were answered is written beside the log while the engine serves, in
/// seconds: what was answered longer ago cannot be lost unseen. It is one small file, and nothing while no command comes.
pub const ACKNOWLEDGED_SECONDS: u64 = 1;

/// How long the engine waits after it could not write that position, in seconds.
pub const ACKNOWLEDGED_RETRY_SECONDS: u64 = 30;

/// How often a checkpoint of the log is signed while the engine serves, in seconds: what was acknowledged longer ago cannot
/// be cut off unseen. A checkpoint takes about 300 bytes, so a busy year takes 160 MB.
pub const CHECKPOINT_SECONDS: u64 = 60;

/// How often the read models of a folder in use are copied until a copy is whole. They are mostly written in less time than a
/// copy takes. Otherwise they are made again from the log, which takes longer.
pub const DERIVED_COPIES_MAX: usize = 3;

/// The buffer for writing a snapshot, in bytes.
pub const SNAPSHOT_BUFFER_BYTES: usize = 256 * 1024;

/// The most events that read models apply in one batch: few batches, of a few MB in memory.
pub const PROJECT_EVENTS_MAX: u64 = 2_000;

/// How long read models leave the processor to commands after a batch, in milliseconds, if no query waits
/// for rows.
pub const PROJECT_PAUSE_MILLIS: u64 = 50;

/// How many events read models may be behind the log and still pause. Farther behind, they work without a pause.
pub const PROJECT_BEHIND_EVENTS_MAX: u64 = 20_000;

/// How often read models poll the log for appends of other engines, in milliseconds. Appends of the same engine
/// notify them at once.
pub const POLL_LOG_MILLIS: u64 = 200;

/// How many bytes of changed rows stay in memory before they are written: many rows together are written much faster.
pub const UNWRITTEN_BYTES_MAX: usize = 16 * 1024 * 1024;

/// How many batches of changed rows stay in memory, if no pause comes before. After a kill the log gives again what was
/// not written.
pub const UNWRITTEN_BATCHES_MAX: u32 = 256;

/// Changes up to this size, in bytes, are written in one step. Larger ones are first stored as they are.
pub const ONE_STEP_BYTES_MAX: usize = 256 * 1024;

/// The bytes of blocks that are written in one step: queries wait meanwhile.
pub const STEP_BYTES: usize = 512 * 1024;

/// How many bytes of new values are given to the store before its thread waits until they are on the disk. The library
/// itself sets no limit: an import of 100,000 rows kept 26 MB waiting in memory.
pub const UNFLUSHED_BYTES_MAX: usize = 4 * 1024 * 1024;

/// The bytes of a part of stored changes. The store is slow with long values, and puts very long ones into files.
pub const REDO_PART_BYTES: usize = 4 * 1024;

/// How many parts of stored changes are written in one step.
pub const REDO_BATCH_PARTS: u32 = 64;

/// The usual size of a block of rows, in bytes. Sixteen blocks may share a page of the store, which must stay below
/// 128 KiB: it puts larger ones into files.
pub const BLOCK_BYTES: usize = 4 * 1024;

/// The largest size of a block of more than one row, in bytes, before it is split.
pub const BLOCK_BYTES_MAX: usize = 6 * 1024;

/// How often the store is tried again while it cannot be opened, in milliseconds: a full disk may get free space
/// at any time.
pub const REPAIR_MILLIS: u64 = 1_000;

/// How long closing the store may take, in milliseconds. It takes some milliseconds unless the disk has failed, and
/// `serve` stops within ten seconds.
pub const STORE_CLOSE_MILLIS: u64 = 4_000;

/// How long opening the store waits for its former user, in milliseconds: the library releases its file a moment after
/// the last use.
pub const STORE_RELEASE_MILLIS: u64 = 5_000;

/// How often one process rebuilds damaged read models: more often the disk itself is broken.
pub const REPAIRS_MAX: u32 = 5;

/// The cache size of the store, in bytes: small, because an engine with a million users must fit in 512 MiB.
pub const STORE_CACHE_BYTES: u64 = 16 * 1024 * 1024;

/// The flush interval of the store, in milliseconds. The store frees disk space only when it flushes.
pub const STORE_FLUSH_MILLIS: u64 = 500;

/// The longest wait of a query for `min_position`, in seconds. Before it, a query may wait as long for the rows after a
/// start of the engine.
pub const VISIBLE_SECONDS_MAX: u64 = 5;

/// How far `min_position` may be ahead of the end of the log, in positions: more than an engine can be behind the
/// others of its log, which append some 60,000 a second.
pub const POSITIONS_AHEAD_MAX: u64 = 1_000_000;

/// The largest file that a command may carry inline, in bytes.
pub const INLINE_FILE_BYTES_MAX: usize = 512 * 1024;

/// The most rows that one command applies.
pub const IMPORT_ROWS_PER_COMMAND: usize =
    boarding_commands::decide::imports::import_rows::ROWS_PER_COMMIT;

/// The most bytes of cells that one command applies: events are larger than cells, and a commit holds 256 KiB.
pub const IMPORT_BYTES_PER_COMMAND: usize = 64 * 1024;

/// A picture must be smaller than this, in bytes.
pub const PICTURE_BYTES_BELOW: u64 = 5 * 1024 * 1024;

/// The most pictures of one archive: as many as a company of this size takes from its directory.
pub const PICTURES_PER_ARCHIVE_MAX: usize = 10_000;

/// The most pictures of one command: their outcomes must fit in one commit of 256 KiB.
pub const PICTURES_PER_COMMIT: usize = 1_000;

/// The most pictures that are unpacked for the next command while another one is appended.
pub const PICTURES_AHEAD: usize = 500;

/// The most entries of one archive: it may also have folders, and the extra file of macOS for each picture.
pub const ARCHIVE_ENTRIES_MAX: usize = 25_000;

/// The most bytes of a picture in one answer: in Base64 they fit in a message of 1 MiB.
pub const PICTURE_PART_BYTES: usize = 512 * 1024;

/// The largest directory of an archive, in bytes: the most entries with long names.
pub const ARCHIVE_DIRECTORY_BYTES_MAX: u64 = 8 * 1024 * 1024;

/// The largest unpacked size of one archive, in bytes: ten thousand pictures of 100 KiB, or a thousand of 1 MiB.
pub const PICTURES_BYTES_MAX: u64 = 1024 * 1024 * 1024;

/// The largest compression ratio of an archive: pictures hardly compress, archive bombs do a thousandfold.
pub const PICTURES_RATIO_MAX: u64 = 100;

/// The unpacked size that is allowed at any ratio, in bytes: a dozen of the largest pictures. So an archive with a
/// few pictures that compress well is accepted.
pub const PICTURES_FREE_BYTES: u64 = 64 * 1024 * 1024;

/// The most pixels of a picture, as of a camera with 25 megapixels: decoding takes up to six bytes for each.
pub const PICTURE_PIXELS_MAX: usize = 25_000_000;

/// The longest side of a picture, in pixels: a narrower picture than the most pixels allow is no portrait.
pub const PICTURE_SIDE_PIXELS_MAX: usize = 16_384;

/// The most memory of the PNG decoder, in bytes: some lines of the widest picture, and its text chunks.
pub const PICTURE_DECODER_BYTES_MAX: usize = 32 * 1024 * 1024;

/// The longest stored name of a picture, in characters: an Agent ID has at most 64.
pub const PICTURE_NAME_CHARS_MAX: usize = 100;

/// The most rows that a preview shows.
pub const PREVIEW_ROWS: usize = 100;

/// The most additional rows of each kind of problem in a preview: they fit on a screen with the counts.
pub const PREVIEW_ATTENTION_ROWS: usize = 10;

/// The most import plans at once: each holds a copy of its company in memory.
pub const PLANS_AT_ONCE: usize = 2;

/// How often an import is planned again because its company has changed. After that the client must retry.
pub const PLANS_PER_COMMAND: usize = 4;

/// The most recipients of one claim, for any transport: their events must fit in a commit of 256 KiB.
pub const CLAIM_MAX: usize = 500;

/// The most notifications of one claim.
pub const NOTIFICATION_CLAIM_MAX: usize = 64;

/// How long a closing engine waits for mails in flight, in seconds. A stop may take ten seconds, and open requests
/// are answered before.
pub const CLOSE_SECONDS_MAX: u64 = 7;

/// The longest sleep before the clock is read again, in seconds: an operator may have changed the clock.
pub const TIMER_SECONDS_MAX: u64 = 60;

/// The wait before a retry after a temporary fault, in milliseconds: five attempts a second are no load.
pub const RETRY_MILLIS: u64 = 200;

/// The most commands that run at once, and the most queries. More get `overloaded`. Companies
/// share them.
pub const REQUESTS_MAX: usize = 4_096;

/// The most bytes of running commands, and of queries: parsed requests need a multiple of it.
pub const REQUEST_BYTES_MAX: usize = 64 * 1024 * 1024;

/// The most queries that wait for a position of the log: they need memory only. More get `overloaded`.
pub const WAITING_QUERIES_MAX: usize = 4_096;

/// The deepest nesting of a request, in levels: more than any command needs, and safe for the stack.
pub const REQUEST_LEVELS_MAX: usize = 128;

/// How long an upload waits for the command that names it, in seconds: a day. It holds personal data.
pub const UPLOAD_SECONDS_MAX: u64 = 24 * 3600;

/// The most bytes of uploads that one company has at a time.
pub const UPLOADS_BYTES_MAX: u64 = 1024 * 1024 * 1024;

/// The most uploads that one company has at a time: one each two minutes of a day.
pub const UPLOADS_MAX: usize = 1_000;

/// How often uploads whose time is over are removed, in seconds.
pub const UPLOADS_SWEEP_SECONDS: u64 = 3600;
