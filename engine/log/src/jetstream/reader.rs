//! Readers of all companies or of one: they load messages and return their commits.

use std::collections::VecDeque;
use std::sync::Arc;

use boarding_commands::values::CompanyId;

use super::frame::{self, Message, Stored};
use super::pages::{Pages, read_from_leader};
use super::shared::Inner;
use super::view::check_follows;
use crate::limits::NATS_PAGE_MESSAGES;
use crate::{Entry, Head, Location, ReadError, Reader};

/// Reads the whole stream, or the messages of one company.
#[derive(Debug)]
pub(super) struct StreamReader {
    inner: Arc<Inner>,
    scope: Scope,
    pages: Pages,
    /// The commits that were read and not returned yet.
    ready: VecDeque<Entry>,
    /// Whether the next message is read from the leader, because a consumer delivered an unexpected one.
    from_leader: bool,
    /// Whether the reader has reached the end once.
    reached_end: bool,
}

#[derive(Debug)]
enum Scope {
    /// All companies from this position on.
    All { position: u64 },
    /// One company from this version on.
    Company {
        company: CompanyId,
        version: u64,
        /// The head of the company after the last message; `None` before the first.
        head: Option<Head>,
        /// Whether the next message of the company from `pages.next` on holds the version.
        found: bool,
    },
}

impl StreamReader {
    pub(super) fn all(inner: Arc<Inner>, position: u64) -> Self {
        let pages = Pages::at(None, frame::parts(position).0);
        Self::at(inner, Scope::All { position }, pages)
    }

    pub(super) fn company(inner: Arc<Inner>, company: CompanyId, version: u64) -> Self {
        let pages = Pages::at(Some(inner.api.subject(&company)), 1);
        let scope = Scope::Company { company, version, head: None, found: version <= 1 };
        Self::at(inner, scope, pages)
    }

    fn at(inner: Arc<Inner>, scope: Scope, pages: Pages) -> Self {
        let ready = VecDeque::new();
        Self { inner, scope, pages, ready, from_leader: false, reached_end: false }
    }

    /// The sequence of the last message to read.
    fn target(&self) -> u64 {
        let view = self.inner.view();
        match &self.scope {
            Scope::All { .. } => view.sequence,
            Scope::Company { company, .. } => view.company_head(company).sequence,
        }
    }

    /// The next messages from the cache, for a reader of all companies that has reached the end once. Other readers
    /// read the stream itself, so that they find damage in the stream.
    fn cached(&self) -> Vec<Message> {
        match self.scope {
            Scope::All { .. } if self.reached_end && !self.from_leader => {
                self.inner.view().recent.run(self.pages.next, NATS_PAGE_MESSAGES)
            }
            _ => Vec::new(),
        }
    }

    /// Reads and accepts at least one message. If a consumer delivers an unexpected one, sets `from_leader` for the
    /// next call instead.
    fn read_page(&mut self, target: u64) -> Result<(), ReadError> {
        let cached = self.cached();
        if !cached.is_empty() {
            return self.accept_all(cached, target);
        }
        let next = self.pages.next;
        // The future runs on another thread, so it owns the pages. If the log is closed meanwhile, only the subject
        // and `next` are kept.
        let mut pages = std::mem::replace(&mut self.pages, Pages::at(None, next));
        let subject = pages.subject.clone();
        let (inner, from_leader) = (Arc::clone(&self.inner), self.from_leader);
        let reading = async move {
            let page = pages.page(&inner.api, target, from_leader).await;
            (pages, page)
        };
        let read = self.inner.wait(next, reading);
        let (pages, page) = read.inspect_err(|_| self.pages.subject = subject)?;
        self.pages = pages;
        self.accept_all(page?, target)
    }

    /// Accepts the messages of a page up to `target`, and leaves later ones for the next call.
    ///
    /// The view has not applied later messages yet, so `find_command` does not find their commands. An actor that
    /// loaded such a message would decide a repeated command as a new one.
    fn accept_all(&mut self, page: Vec<Message>, target: u64) -> Result<(), ReadError> {
        for (index, message) in page.into_iter().enumerate() {
            // A message up to `target` exists, so a later first message shows a gap. `accept` reports the gap.
            if index > 0 && message.sequence > target {
                break;
            }
            match self.accept(&message) {
                Ok(()) => self.pages.next = message.sequence + 1,
                Err(ReadFailure::Damage(_)) if !self.from_leader => {
                    self.from_leader = true;
                    return Ok(());
                }
                Err(ReadFailure::Damage(what)) => {
                    let (stream, sequence) = (self.inner.api.name.clone(), message.sequence);
                    return Err(ReadError::DamagedStream { stream, sequence, what });
                }
                Err(ReadFailure::Read(error)) => return Err(error),
            }
        }
        self.from_leader = false;
        Ok(())
    }

    /// Adds the commits of a message to `ready`, if the message is the expected one.
    fn accept(&mut self, message: &Message) -> Result<(), ReadFailure> {
        let stored = message.stored().map_err(ReadFailure::Damage)?;
        let mut next_head = None;
        if let Scope::Company { head, version, .. } = &self.scope
            && let (Some(first), Some(last)) = (stored.first(), stored.last())
        {
            check_next(*head, *version, first).map_err(ReadFailure::Damage)?;
            next_head = Some(Head { version: last.envelope.last_version(), hash: last.hash });
        }
        let wanted = stored.iter().filter(|one| !self.scope.is_before(one));
        let entries: Result<Vec<Entry>, ReadError> = wanted
            .map(|one| Ok(Entry { location: one.location, recorded: one.recorded()? }))
            .collect();
        self.ready.extend(entries.map_err(ReadFailure::Read)?);
        if let Scope::Company { head, .. } = &mut self.scope {
            *head = next_head;
        }
        Ok(())
    }

    /// Moves `pages.next` to the message that holds the version, or after `target` if there is none.
    fn find(&mut self, target: u64) -> Result<(), ReadError> {
        let Scope::Company { version, found: false, .. } = self.scope else { return Ok(()) };
        let (inner, subject) = (Arc::clone(&self.inner), self.pages.subject.clone());
        let next = self.pages.next;
        let finding =
            async move { find_version(&inner, subject.as_deref(), version, target).await };
        self.pages.next = self.inner.wait(next, finding)??;
        if let Scope::Company { found, .. } = &mut self.scope {
            *found = true;
        }
        Ok(())
    }
}

/// Why a message is not accepted.
enum ReadFailure {
    /// The message is not the expected one. The leader may have the right one.
    Damage(String),
    /// A commit cannot be decoded. The leader has the same bytes, so they are not read again.
    Read(ReadError),
}

impl Scope {
    /// Whether the reader skips this commit, because it ends before the start of the scope.
    fn is_before(&self, stored: &Stored<'_>) -> bool {
        match self {
            Self::All { position } => stored.last_position() < *position,
            Self::Company { version, .. } => ends_before(stored, *version),
        }
    }
}

/// Whether a commit ends before the version. The last version of a commit without events is below its first version, so
/// both are compared.
fn ends_before(stored: &Stored<'_>, version: u64) -> bool {
    stored.envelope.first_version < version && stored.envelope.last_version() < version
}

/// Checks that the first commit of a message follows the head. Without a head, checks that the commit begins at the
/// requested version or before.
fn check_next(head: Option<Head>, version: u64, first: &Stored<'_>) -> Result<(), String> {
    match head {
        Some(head) => check_follows(head, first),
        None if first.envelope.first_version <= version.max(1) => Ok(()),
        None => Err(format!(
            "it begins at version {} of company {}, and earlier commits are missing",
            first.envelope.first_version, first.envelope.company
        )),
    }
}

impl Reader for StreamReader {
    fn next(&mut self) -> Result<Option<Entry>, ReadError> {
        loop {
            if let Some(entry) = self.ready.pop_front() {
                return Ok(Some(entry));
            }
            let target = self.target();
            if self.pages.next > target {
                self.reached_end = true;
                return Ok(None);
            }
            self.find(target)?;
            if self.pages.next <= target {
                self.read_page(target)?;
            }
        }
    }
}

/// Finds a version by binary search, because versions rise with the sequence. Returns a sequence: the company's next
/// message from there on holds the version. Returns `target + 1` if no message does.
async fn find_version(
    inner: &Inner,
    subject: Option<&str>,
    version: u64,
    target: u64,
) -> Result<u64, ReadError> {
    let (mut low, mut high) = (1, target + 1);
    while low < high {
        let middle = low + (high - low) / 2;
        let message = read_from_leader(&inner.api, middle, subject, target).await?;
        let stored = message.stored().map_err(|what| ReadError::DamagedStream {
            stream: inner.api.name.clone(),
            sequence: message.sequence,
            what,
        })?;
        if stored.last().is_some_and(|last| ends_before(last, version)) {
            low = message.sequence + 1;
        } else {
            high = middle;
        }
    }
    Ok(low)
}

/// Reads one commit again, from the cache or from the leader.
pub(super) fn stored_at<T>(
    inner: &Arc<Inner>,
    at: Location,
    read: impl FnOnce(&Stored<'_>) -> Result<T, ReadError>,
) -> Result<T, ReadError> {
    let (sequence, index) = frame::parts(at.0);
    let missing = ReadError::NoSuchLocation { location: at };
    let (last, recent) = {
        let view = inner.view();
        (view.sequence, view.recent.get(sequence))
    };
    if sequence == 0 || sequence > last {
        return Err(missing);
    }
    let message = match recent {
        Some(message) => message,
        None => {
            let shared = Arc::clone(inner);
            let reading =
                async move { read_from_leader(&shared.api, sequence, None, sequence).await };
            inner.wait(sequence, reading)??
        }
    };
    let stream = inner.api.name.clone();
    let stored = message.stored();
    let stored = stored.map_err(|what| ReadError::DamagedStream { stream, sequence, what })?;
    let found = usize::try_from(index).ok().and_then(|index| stored.get(index));
    read(found.ok_or(missing)?)
}
