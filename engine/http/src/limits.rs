//! The limits of the HTTP server, each with its unit and reason.

/// The most connections at a time. More wait until one ends: each holds a file descriptor.
pub const CONNECTIONS_MAX: usize = 1_024;

/// How long a connection may take to send the head of its next request, in seconds. Then it is closed.
pub const HEAD_SECONDS_MAX: u64 = 15;

/// How long the body of a command may take as a whole, in seconds.
pub const COMMAND_SECONDS_MAX: u64 = 60;

/// How long an upload may take as a whole, in seconds: the largest file at 150 kB a second.
pub const UPLOAD_SECONDS_MAX: u64 = 1_800;

/// How long a request may pause while it sends its body, in seconds.
pub const BODY_PAUSE_SECONDS_MAX: u64 = 30;

/// The largest command, in bytes: several files inside a command of 512 KiB each.
pub const COMMAND_BYTES_MAX: usize = 8 * 1024 * 1024;

/// The largest form of a page, in bytes: it has a number, or a channel and a digest.
pub const PAGE_FORM_BYTES_MAX: usize = 4 * 1024;

/// The most mails that the mailbox of a demo lists, the newest first.
pub const MAILBOX_MAILS_MAX: usize = 200;

/// How deep the folders of an outbox are searched for mails: company, run.
pub const MAILBOX_FOLDERS_DEPTH_MAX: usize = 3;

/// How many bytes of a refused request are still read, so that its client reads the refusal. Then the connection is
/// closed.
pub const DISCARDED_BYTES_MAX: usize = 16 * 1024 * 1024;

/// How long the rest of a refused request may take, in seconds.
pub const DISCARD_SECONDS_MAX: u64 = 5;

/// The most parts of an upload that wait for the disk. A part is what arrives from the network at once.
pub const UPLOAD_PARTS: usize = 16;

/// The most bytes of a form before its file. More would fill the memory.
pub const FORM_HEAD_BYTES_MAX: usize = 64 * 1024;

/// The most uploads at a time, which companies share: each needs a thread.
pub const UPLOADS_AT_ONCE_MAX: usize = 16;

/// The most streams of events at a time, which companies share.
pub const EVENT_STREAMS_MAX: usize = 256;

/// The most events that a stream reads from the log at once.
pub const EVENTS_READ_MAX: usize = 256;

/// The most commits that a stream reads at once: with `entity`, few events of a commit are wanted.
pub const COMMITS_READ_MAX: usize = 1_024;

/// How often a stream without events sends a comment, in seconds: proxies close a connection without traffic, most after
/// a minute.
pub const KEEP_ALIVE_SECONDS: u64 = 15;

/// How long a stopping server answers the requests it has, in milliseconds.
pub const DRAIN_MILLIS_MAX: u64 = 1_200;

/// The most commands, queries and uploads that run at a time, also those whose client has gone.
pub const WORK_MAX: u32 = 16_384;

/// How long a stopping server waits for the work of clients that have gone, in milliseconds.
pub const WORK_MILLIS_MAX: u64 = 2_500;

/// The wait after an error of the listener, in milliseconds: it has no file descriptor left, for example.
pub const ACCEPT_RETRY_MILLIS: u64 = 50;

/// How long a session of the console lasts without a request, in seconds: a browser that its operator has left.
pub const SESSION_IDLE_SECONDS_MAX: u64 = 30 * 60;

/// How long a session of the console lasts at most, in seconds: a working day.
pub const SESSION_SECONDS_MAX: u64 = 12 * 3_600;

/// The most sessions of the console at a time. Each needs less than a kilobyte.
pub const SESSIONS_MAX: usize = 4_096;

/// The most sessions of one access token: the browsers of one operator.
pub const SESSIONS_PER_TOKEN_MAX: usize = 8;

/// The most failed sign-ins of one company in [`FAILED_SIGN_INS_SECONDS`]. Then sign-ins to this company are refused.
pub const FAILED_SIGN_INS_OF_COMPANY_MAX: usize = 10;

/// The most failed sign-ins of all companies in [`FAILED_SIGN_INS_SECONDS`]. Then all sign-ins are refused.
pub const FAILED_SIGN_INS_MAX: usize = 120;

/// How long failed sign-ins are counted, in seconds.
pub const FAILED_SIGN_INS_SECONDS: u64 = 60;

/// When a sign-in is answered, in milliseconds after it has arrived: the answer takes no longer for a company that exists.
pub const SIGN_IN_MILLIS: u64 = 300;

/// The largest form of the console, in bytes: a list of users to invite is the longest.
pub const CONSOLE_FORM_BYTES_MAX: usize = 128 * 1024;

/// The largest form that starts a run, in bytes. It names the same users again, with more separators.
pub const CONSOLE_START_BYTES_MAX: usize = 3 * CONSOLE_FORM_BYTES_MAX;

/// The most rows of a list on a page of the console.
pub const CONSOLE_ROWS_MAX: usize = 50;

/// The most org units and imports that a form of the console offers.
pub const CONSOLE_CHOICES_MAX: usize = 500;

/// The most files of one import in the console: the dialect `ocm` needs three.
pub const CONSOLE_FILES_MAX: usize = 4;

/// The least time between two positions that a page of the console gets, in milliseconds: four updates a second.
pub const CONSOLE_UPDATE_MILLIS: u64 = 250;
