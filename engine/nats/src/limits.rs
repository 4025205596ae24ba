//! The limits of the NATS side: each named with its unit, and a sentence why.

/// How long an engine is taken to live after it last said so, in seconds: its companies wait that long
/// if it dies, and go on elsewhere within ten.
pub const LEASE_SECONDS: u64 = 5;

/// How often an engine says that it lives, in times a lease: some may be lost.
pub const RENEWALS_PER_LEASE: u32 = 5;

/// How long an engine goes on while no engine can renew its lease, since the cluster chooses a leader, in
/// seconds: longer than it was seen to need.
pub const LEADERLESS_SECONDS_MAX: u64 = 15;

/// How many renewals an engine waits after that before it takes another for gone, which may renew later.
pub const SETTLE_RENEWALS: u32 = 3;

/// How long an engine waits for the one that it handed a command on to, in seconds: less than those who
/// ask wait themselves, so that they are told.
pub const FORWARD_SECONDS_MAX: u64 = 8;

/// How often an engine tries to take a company while others change its owner, in times.
pub const CLAIM_OWNER_TRIES: usize = 5;

/// The most events of the feed that are on their way to NATS at once, in events: at a millisecond an
/// acknowledgement, far more than the log takes.
pub const FEED_IN_FLIGHT_EVENTS: usize = 256;

/// The most bytes of the feed that are on their way at once, in bytes: four of the largest messages.
pub const FEED_IN_FLIGHT_BYTES: usize = 4 * 1024 * 1024;

/// How many events the feed reads from the log before it publishes them, in events; a commit stays whole.
pub const FEED_READ_EVENTS: usize = 512;

/// How long NATS may take to acknowledge an event, in seconds: what is lost is looked up after that.
pub const FEED_ACK_SECONDS_MAX: u64 = 2;

/// How long one question of the feed to NATS waits for its answer, in milliseconds: a stream without a leader
/// never answers, and it is asked again.
pub const FEED_ASK_MILLIS_MAX: u64 = 1_000;

/// The first wait before the feed asks a NATS that failed it again, in milliseconds; it doubles from there.
pub const FEED_RETRY_MILLIS: u64 = 100;

/// The longest wait before the feed asks again, in milliseconds: after a cluster has found a new leader, news
/// are late by no more than this.
pub const FEED_RETRY_MILLIS_MAX: u64 = 200;

/// How long the feed stands back after another engine has published, in milliseconds.
pub const FEED_YIELD_MILLIS: u64 = 1_000;

/// The most recipients of one run that workers outside may have in their hands at once, in people: what
/// they do within the deadline of a recipient, 15 minutes, if each takes 4 seconds.
pub const WORK_OPEN_MAX: usize = 200;

/// How many pieces of work are on their way to NATS at once, in pieces: a server takes 50 batches a stream.
pub const WORK_IN_FLIGHT: usize = 16;

/// How long NATS may take to acknowledge a piece of work, in seconds: then it is handed in again.
pub const WORK_ACK_SECONDS_MAX: u64 = 3;

/// The first wait before work that did not arrive is handed in again, in milliseconds; it doubles.
pub const WORK_RETRY_MILLIS: u64 = 100;

/// The longest wait before work is handed in again, in milliseconds.
pub const WORK_RETRY_MILLIS_MAX: u64 = 2_000;

/// How long after its claim a recipient may be handed to a worker, in seconds: a week, far longer than
/// anybody lets a recipient wait.
pub const WORK_CLAIM_SECONDS_MAX: u64 = 7 * 24 * 3600;

/// How long it is remembered what was handed to workers, in seconds: a day longer than work may be
/// handed in, whatever two clocks say.
pub const WORK_REMEMBERED_SECONDS: u64 = WORK_CLAIM_SECONDS_MAX + 24 * 3600;

/// The most requests from NATS that are worked at, in requests: two full inboxes and as many queries;
/// more is `overloaded`.
pub const NATS_REQUESTS_MAX: usize = 4_096;

/// The most of them for one company, in requests: half, so that no company takes the places of all.
pub const NATS_REQUESTS_OF_COMPANY_MAX: usize = NATS_REQUESTS_MAX / 2;

/// The most bytes of requests from NATS that are worked at, in bytes: what they are read into takes a
/// multiple of it.
pub const NATS_REQUEST_BYTES_MAX: u32 = 64 * 1024 * 1024;

/// The largest request that is still looked into for its id when there is no place for it, in bytes: a
/// refusal has to be cheaper than the work.
pub const NATS_SUMMARY_BYTES_MAX: usize = 64 * 1024;

/// How long it may take to tell a request that there is no place for it, in milliseconds: whoever hears
/// nothing comes again as well, and the others wait meanwhile.
pub const OVERLOAD_REPLY_MILLIS_MAX: u64 = 100;

/// The deepest that a request may be nested, in levels: far more than any command, far less than a stack.
pub const REQUEST_LEVELS_MAX: usize = 128;

/// What the headers of an answer may take of a message's size, in bytes.
pub const ANSWER_HEADER_BYTES: usize = 1_024;

/// How long an engine that stops goes on answering what it has taken, in milliseconds: mails get the rest
/// of the ten seconds of a service.
pub const DRAIN_MILLIS_MAX: u64 = 1_200;

/// How long the last answers may take to be sent once that time is over, in milliseconds.
pub const LAST_ANSWERS_MILLIS_MAX: u64 = 400;

/// The most commands left in the queue that are worked at, in commands.
pub const QUEUE_COMMANDS_MAX: usize = 64;

/// How long a command of the queue may be worked at before it says that it still is, in seconds.
pub const QUEUE_PROGRESS_SECONDS: u64 = 5;

/// How long the queue waits for a sign of life before another engine gets the command, in seconds.
pub const QUEUE_ACK_SECONDS_MAX: u64 = 15;

/// The most that the queue may hold, in bytes: then leaving a command there is refused, and nothing is lost.
pub const QUEUE_BYTES_MAX: i64 = 1024 * 1024 * 1024;

/// The first wait before a command of the queue that failed is tried again, in milliseconds; it doubles.
pub const QUEUE_RETRY_MILLIS: u64 = 500;

/// The longest such wait, in milliseconds.
pub const QUEUE_RETRY_MILLIS_MAX: u64 = 60_000;

/// How long after a fault of JetStream it is tried again, in milliseconds.
pub const JETSTREAM_RETRY_MILLIS: u64 = 2_000;

/// The most files that are fetched from the object store at once, in files: each takes a thread.
pub const OBJECTS_AT_ONCE_MAX: usize = 8;

/// The longest silence of an object store while a file is fetched, in seconds.
pub const OBJECT_SILENCE_SECONDS_MAX: u64 = 5;

/// How long the object store keeps a file, in days: it holds people's data, and once imported the engine
/// has a copy of its own.
pub const OBJECTS_KEPT_DAYS: u64 = 30;
