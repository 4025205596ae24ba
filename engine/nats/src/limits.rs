//! The limits of the NATS crate, each with its unit and reason.

/// The length of a lease, in seconds. If an engine dies, its companies wait this long and continue on another
/// engine within ten seconds.
pub const LEASE_SECONDS: u64 = 5;

/// How often an engine renews, per lease: some renewals may be lost.
pub const RENEWALS_PER_LEASE: u32 = 5;

/// How long an engine continues without a leader of the bucket, in seconds: longer than the longest observed
/// election.
pub const LEADERLESS_SECONDS_MAX: u64 = 15;

/// How many renewals an engine waits after an election before a missing entry means a dead engine.
pub const SETTLE_RENEWALS: u32 = 3;

/// The lease on serving of an engine with its own log, in seconds: longer than most elections, and short enough to
/// wait for after a crash.
pub const LOG_LEASE_SECONDS: u64 = 10;

/// The lease on serving of engines that share a log, in seconds: they continue without a leader of the bucket for
/// `LEADERLESS_SECONDS_MAX` after their own lease, and a part of the lease is not used.
pub const SHARED_LOG_LEASE_SECONDS: u64 = 25;

/// The part of the lease on serving that its engine does not use: one in so many. Clocks may run at different
/// speeds, and an answer takes some time.
pub const LEASE_UNUSED_PART: u32 = 5;

/// How often an engine renews the lease on serving, in milliseconds: several renewals of a lease may be lost.
pub const LOG_LEASE_RENEWAL_MILLIS: u64 = 1_000;

/// How often a waiting engine reads the lease of another one, in milliseconds: it sees a living one in a second.
pub const LEASE_POLL_MILLIS: u64 = 200;

/// How often an engine tries to change the lease on serving while others change it: engines of one log renew it in
/// turn, and each failure means that another one succeeded.
pub const LOG_LEASE_TRIES: usize = 20;

/// How long a forwarded command waits for its answer, in seconds: less than clients wait, so that they get
/// an answer.
pub const FORWARD_SECONDS_MAX: u64 = 8;

/// How often an engine tries to acquire a company while its owner changes: each failure means that another engine was
/// faster, so the company has an owner soon.
pub const ACQUIRE_OWNER_TRIES: usize = 5;

/// The most single feed events in flight if the stream takes no batches: with one millisecond per
/// acknowledgement, more than such a stream stores.
pub const FEED_IN_FLIGHT_EVENTS: usize = 256;

/// The most batches and single events in flight if the stream takes batches. While that many wait, further events
/// collect for one large batch.
pub const FEED_IN_FLIGHT_PUBLISHES: usize = 16;

/// The most bytes of feed events in flight: four of the largest messages.
pub const FEED_IN_FLIGHT_BYTES: usize = 4 * 1024 * 1024;

/// The most events in a batch: nats-server accepts 1,000 messages.
pub const FEED_BATCH_EVENTS_MAX: usize = 1_000;

/// The fewest events in a batch. A server that syncs each write needs as long for a batch as for this many messages.
pub const FEED_BATCH_EVENTS_MIN: usize = 8;

/// The most bytes in a batch, so that several are in flight. An event that is larger is published alone.
pub const FEED_BATCH_BYTES_MAX: usize = 1024 * 1024;

/// How many events are published one by one after the server has refused a batch. Then a batch is tried again: one refused
/// batch costs little beside so many messages.
pub const FEED_SINGLE_EVENTS: usize = 1_000;

/// How often the feed tries to allow batches on the stream of an earlier version, until the engine starts again.
/// Without batches it publishes the events one by one, so only speed is lost.
pub const FEED_ALLOW_TRIES_MAX: u32 = 5;

/// How many events the feed reads from the log at once; it does not split a commit.
pub const FEED_READ_EVENTS: usize = FEED_BATCH_EVENTS_MAX;

/// After how many tries without progress a fault that may pass becomes a warning: longer than an election.
pub const FEED_WARN_TRIES: u32 = 50;

/// How long an event waits for its acknowledgement, in seconds: then the feed reads the end of the stream.
pub const FEED_ACK_SECONDS_MAX: u64 = 2;

/// How long a batch of events may be sent, and then wait for its acknowledgement, in seconds. A server may sync each of
/// its events, and forgets an unfinished batch after this time.
pub const FEED_BATCH_SECONDS_MAX: u64 = 10;

/// How long one request of the feed waits, in milliseconds: a stream without a leader never answers.
pub const FEED_ASK_MILLIS_MAX: u64 = 1_000;

/// The first wait before the feed retries, in milliseconds; it doubles.
pub const FEED_RETRY_MILLIS: u64 = 100;

/// The longest wait before the feed retries, in milliseconds: after an election, events are late by at most
/// this time.
pub const FEED_RETRY_MILLIS_MAX: u64 = 200;

/// How long the feed waits after another engine has published, in milliseconds.
pub const FEED_YIELD_MILLIS: u64 = 1_000;

/// The most recipients of one run that external workers have at once: what they finish within the deadline
/// of 15 minutes, at 4 seconds each.
pub const WORK_OPEN_MAX: usize = 200;

/// The most work items in flight to NATS: a server accepts 50 batches per stream.
pub const WORK_IN_FLIGHT: usize = 16;

/// How long a reminder by text is tried to be queued, in seconds, before it waits for its next attempt.
pub const TEXT_REMINDER_WAIT_SECONDS: u64 = 30;

/// How long a work item waits for its acknowledgement, in seconds, before a retry: a server that is alive needs less.
pub const WORK_ACK_SECONDS_MAX: u64 = 3;

/// The first wait before a work item is retried, in milliseconds; it doubles. It is short, because most faults are a change of
/// leader.
pub const WORK_RETRY_MILLIS: u64 = 100;

/// The longest wait before a work item is retried, in milliseconds: so late is work at most after NATS is back.
pub const WORK_RETRY_MILLIS_MAX: u64 = 2_000;

/// How long after its claim a recipient may be given to a worker, in seconds: a week, far longer than any
/// deadline.
pub const WORK_CLAIM_SECONDS_MAX: u64 = 7 * 24 * 3600;

/// How long records of attempts are kept, in seconds: a day longer than work may be queued, which covers
/// clock differences.
pub const WORK_REMEMBERED_SECONDS: u64 = WORK_CLAIM_SECONDS_MAX + 24 * 3600;

/// The largest rejected request whose id is still read, in bytes: a rejection must be cheaper than the work.
pub const NATS_SUMMARY_BYTES_MAX: usize = 64 * 1024;

/// How long sending an `overloaded` answer may take, in milliseconds. Clients without an answer retry as well,
/// and other requests wait meanwhile.
pub const OVERLOAD_REPLY_MILLIS_MAX: u64 = 100;

/// The space for headers in a response, in bytes.
pub const ANSWER_HEADER_BYTES: usize = 1_024;

/// How long a stopping engine answers accepted requests, in milliseconds. Mails get the rest of the ten
/// seconds that a stop may take.
pub const DRAIN_MILLIS_MAX: u64 = 1_200;

/// How long an engine whose log has failed sends its last answers, in milliseconds: a supervisor restarts it
/// within a second.
pub const ABORT_MILLIS_MAX: u64 = 300;

/// How long sending the last answers may take after that, in milliseconds.
pub const LAST_ANSWERS_MILLIS_MAX: u64 = 400;

/// The most queued commands that run at once.
pub const QUEUE_COMMANDS_MAX: usize = 64;

/// How often a running queued command reports progress, in seconds.
pub const QUEUE_PROGRESS_SECONDS: u64 = 5;

/// How long the queue waits for progress before another engine gets the command, in seconds.
pub const QUEUE_ACK_SECONDS_MAX: u64 = 15;

/// The size limit of the queue, in bytes. Above it the server rejects new commands, and nothing is lost.
pub const QUEUE_BYTES_MAX: i64 = 1024 * 1024 * 1024;

/// The first wait before a failed queued command is retried, in milliseconds; it doubles. It is short, because most
/// faults end soon.
pub const QUEUE_RETRY_MILLIS: u64 = 500;

/// The longest wait before a failed queued command is retried, in milliseconds: so late is the command at most after the fault
/// has ended.
pub const QUEUE_RETRY_MILLIS_MAX: u64 = 60_000;

/// How often a queued command may fail by a fault of the engine itself (`internal`), before it is given up. Tries
/// without such a fault do not count. With the waits between, this lasts about nine minutes: a fault that lasts longer rarely
/// ends without help.
pub const QUEUE_FAULTS_MAX: u32 = 16;

/// The most refused commands of one company that are kept: two pages of a query.
pub const REFUSED_OF_COMPANY_MAX: i64 = 1_000;

/// The most refused commands of all companies that are kept: 100 companies with as many as one may have.
pub const REFUSED_COMMANDS_MAX: i64 = 100 * REFUSED_OF_COMPANY_MAX;

/// The most bytes of kept refused commands: as many, each with the longest texts that are usual.
pub const REFUSED_BYTES_MAX: i64 = 128 * 1024 * 1024;

/// How long a refused command is kept, in days: as long as a file, because it names persons.
pub const REFUSED_KEPT_DAYS: u64 = OBJECTS_KEPT_DAYS;

/// The longest kept reason of a refused command, in characters: longer than any message of a refusal.
pub const REFUSED_REASON_CHARS_MAX: usize = 1_000;

/// The longest kept actor or command name, in characters.
pub const REFUSED_ACTOR_CHARS_MAX: usize = 256;

/// The longest wait for refused commands, in seconds: less than clients wait for an answer.
pub const REFUSED_WAIT_SECONDS: u64 = 5;

/// The wait before a retry after a fault of JetStream, in milliseconds: such faults last for seconds.
pub const JETSTREAM_RETRY_MILLIS: u64 = 2_000;

/// The most files that are fetched from the object store at once: each needs a thread.
pub const OBJECTS_AT_ONCE_MAX: usize = 8;

/// The longest pause of the object store while a file is fetched, in seconds.
pub const OBJECT_SILENCE_SECONDS_MAX: u64 = 5;

/// The size limit of one bucket of files in the object store, in bytes. Above it the server rejects more. The server
/// reserves as much of its disk for each company's bucket.
pub const FILES_BYTES_MAX: i64 = 1024 * 1024 * 1024;

/// The most calls of the JetStream API that are answered at once for users of other accounts.
pub const API_CALLS_MAX: usize = 64;

/// The longest wait for the server's answer to such a call, in seconds.
pub const API_CALL_SECONDS_MAX: u64 = 5;

/// After how many seconds an event that a follower has not acknowledged is delivered again.
pub const FOLLOW_ACK_SECONDS_MAX: u64 = 5;

/// How long the object store keeps a file, in days: it holds personal data, and the engine has its own copy
/// after the import.
pub const OBJECTS_KEPT_DAYS: u64 = 30;
