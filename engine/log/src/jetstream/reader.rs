//! Readers: read whole messages and yield their commits, each checked against the previous one.

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
    of: Scope,
    pages: Pages,
    ready: VecDeque<Entry>,
    /// Whether a consumer delivered an unexpected message: then the leader is read.
    doubt: bool,
    /// Whether the reader has reached the end once.
    follows: bool,
}

#[derive(Debug)]
enum Scope {
    /// From this position on.
    All { position: u64 },
    Company {
        company: CompanyId,
        version: u64,
        /// The head of the company after the last message; `None` before the first.
        head: Option<Head>,
        /// Whether the message of the version was found.
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
        let of = Scope::Company { company, version, head: None, found: version <= 1 };
        Self::at(inner, of, pages)
    }

    fn at(inner: Arc<Inner>, of: Scope, pages: Pages) -> Self {
        Self { inner, of, pages, ready: VecDeque::new(), doubt: false, follows: false }
    }

    /// The sequence of the last message to read.
    fn target(&self) -> u64 {
        let view = self.inner.view();
        match &self.of {
            Scope::All { .. } => view.sequence,
            Scope::Company { company, .. } => view.company_head(company).sequence,
        }
    }

    /// The next messages from the cache, for a reader at the end of the stream. A reader of older history gets
    /// the messages that the stream holds now.
    fn cached(&self) -> Vec<Message> {
        match self.of {
            Scope::All { .. } if self.follows && !self.doubt => {
                self.inner.view().recent.run(self.pages.next, NATS_PAGE_MESSAGES)
            }
            _ => Vec::new(),
        }
    }

    /// Reads at least one message.
    fn read_on(&mut self, target: u64) -> Result<(), ReadError> {
        let cached = self.cached();
        if !cached.is_empty() {
            return self.accept_all(cached, target);
        }
        let next = self.pages.next;
        let mut pages = std::mem::replace(&mut self.pages, Pages::at(None, next));
        let subject = pages.subject.clone();
        let (inner, sure) = (Arc::clone(&self.inner), self.doubt);
        let reading = async move {
            let page = pages.page(&inner.api, target, sure).await;
            (pages, page)
        };
        let read = self.inner.wait(next, reading);
        let (pages, page) = read.inspect_err(|_| self.pages.subject = subject)?;
        self.pages = pages;
        self.accept_all(page?, target)
    }

    /// Nothing behind `target`: what the log has not taken note of yet, its commands are not found of either,
    /// and who decided from it would refuse as new what was done before.
    fn accept_all(&mut self, page: Vec<Message>, target: u64) -> Result<(), ReadError> {
        for (location, message) in page.into_iter().enumerate() {
            // The first one stands there up to `target`; if it does not, that is for it to tell.
            if location > 0 && message.sequence > target {
                break;
            }
            match self.accept(&message) {
                Ok(()) => self.pages.next = message.sequence + 1,
                Err(ReadFailure::Damage(_)) if !self.doubt => {
                    self.doubt = true;
                    return Ok(());
                }
                Err(ReadFailure::Damage(what)) => {
                    let (stream, sequence) = (self.inner.api.name.clone(), message.sequence);
                    return Err(ReadError::DamagedStream { stream, sequence, what });
                }
                Err(ReadFailure::Read(error)) => return Err(error),
            }
        }
        self.doubt = false;
        Ok(())
    }

    /// Makes a message's commits ready, if it is the one that should come.
    fn accept(&mut self, message: &Message) -> Result<(), ReadFailure> {
        let stored = message.stored().map_err(ReadFailure::Damage)?;
        let mut next_head = None;
        if let Scope::Company { head, version, .. } = &self.of
            && let (Some(first), Some(last)) = (stored.first(), stored.last())
        {
            check_next(*head, *version, first).map_err(ReadFailure::Damage)?;
            next_head = Some(Head { version: last.envelope.last_version(), hash: last.hash });
        }
        let wanted = stored.iter().filter(|one| !self.of.is_before(one));
        let entries: Result<Vec<Entry>, ReadError> = wanted
            .map(|one| Ok(Entry { location: one.location, recorded: one.recorded()? }))
            .collect();
        self.ready.extend(entries.map_err(ReadFailure::Read)?);
        if let Scope::Company { head, .. } = &mut self.of {
            *head = next_head;
        }
        Ok(())
    }

    /// Finds the message to begin with: the company's first one that does not end before the version.
    fn find(&mut self, target: u64) -> Result<(), ReadError> {
        let Scope::Company { version, found: false, .. } = self.of else { return Ok(()) };
        let (inner, subject) = (Arc::clone(&self.inner), self.pages.subject.clone());
        let next = self.pages.next;
        let finding =
            async move { find_version(&inner, subject.as_deref(), version, target).await };
        self.pages.next = self.inner.wait(next, finding)??;
        if let Scope::Company { found, .. } = &mut self.of {
            *found = true;
        }
        Ok(())
    }
}

enum ReadFailure {
    Damage(String),
    Read(ReadError),
}

impl Scope {
    /// Whether a reader passes over this commit.
    fn is_before(&self, stored: &Stored<'_>) -> bool {
        match self {
            Self::All { position } => stored.last_position() < *position,
            Self::Company { version, .. } => ends_before(stored, *version),
        }
    }
}

fn ends_before(stored: &Stored<'_>, version: u64) -> bool {
    stored.envelope.first_version < version && stored.envelope.last_version() < version
}

/// Whether a message's first commit may come next: what is between is gone otherwise.
fn check_next(head: Option<Head>, version: u64, first: &Stored<'_>) -> Result<(), String> {
    match head {
        Some(head) => check_follows(head, first),
        None if first.envelope.first_version <= version.max(1) => Ok(()),
        None => Err(format!(
            "it begins at version {} of company {}: those before are gone",
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
                self.follows = true;
                return Ok(None);
            }
            self.find(target)?;
            if self.pages.next <= target {
                self.read_on(target)?;
            }
        }
    }
}

/// The company's first message that does not end before the version: halving what is left, since versions
/// rise with the sequence. Without one, the message behind `target`.
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

/// Reads one commit again: from the cache, or else from the leader.
pub(super) fn stored_at<T>(
    inner: &Arc<Inner>,
    at: Location,
    look: impl FnOnce(&Stored<'_>) -> Result<T, ReadError>,
) -> Result<T, ReadError> {
    let (sequence, index) = frame::parts(at.0);
    let nothing = ReadError::NoSuchLocation { location: at };
    let (last, recent) = {
        let view = inner.view();
        (view.sequence, view.recent.get(sequence))
    };
    if sequence == 0 || sequence > last {
        return Err(nothing);
    }
    let message = match recent {
        Some(message) => message,
        None => {
            let asked = Arc::clone(inner);
            let reading =
                async move { read_from_leader(&asked.api, sequence, None, sequence).await };
            inner.wait(sequence, reading)??
        }
    };
    let stream = inner.api.name.clone();
    let stored = message.stored();
    let stored = stored.map_err(|what| ReadError::DamagedStream { stream, sequence, what })?;
    let found = usize::try_from(index).ok().and_then(|index| stored.get(index));
    look(found.ok_or(nothing)?)
}
