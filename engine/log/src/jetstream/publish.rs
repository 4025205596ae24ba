//! One append: published again until its outcome is certain or the time is up.

use std::sync::Arc;
use std::time::Duration;

use boarding_commands::values::{CompanyId, Digest};
use bytes::Bytes;

use super::api::Published;
use super::frame::{self, Message, SEQUENCE_MAX};
use super::pages::read_from_leader;
use super::shared::Inner;
use crate::check::{check_chain, check_size};
use crate::limits::{NATS_APPEND_SECONDS_MAX, RETRY_MILLIS};
use crate::{AppendError, Appended, Encoded, ReadError};

/// Appends the commits of one company. Appends of one company run one after the other.
pub(super) async fn append(
    inner: Arc<Inner>,
    commits: Vec<Encoded>,
) -> Result<Vec<Appended>, AppendError> {
    check_size(&commits, inner.append_bytes_max)?;
    let Some(company) = one_company(&commits)? else { return Ok(Vec::new()) };
    // The lock is held until the outcome is known, because the next append expects the sequence of this one. The view
    // is locked only for moments meanwhile, so reads continue.
    let turn = inner.append_lock(&company);
    let _turn = turn.lock().await;
    inner.check_undamaged()?;
    let company_head = inner.view().company_head(&company);
    check_chain(&commits, |_| company_head.head)?;
    inner.check_room()?;
    let payload = frame::encode(&commits);
    let mut attempt = Attempt {
        subject: inner.api.subject(&company),
        id: frame::digest(&payload).unwrap_or_default(),
        expected: company_head.sequence,
        known: inner.view().sequence,
        company: &company,
        inner: &inner,
        payload,
        doubt: Doubt::default(),
    };
    let Some(sequence) = attempt.store().await? else {
        let expected = check_expectation(&commits);
        let actual = inner.view().company_head(&company).head;
        return Err(AppendError::Conflict { company, expected, actual });
    };
    let Attempt { subject, payload, .. } = attempt;
    let message = Message { sequence, subject: subject.into(), payload };
    inner.apply(&message).map_err(|what| inner.damaged(what))?;
    Ok(appended(&commits, sequence))
}

/// The company of all commits, or `None` if there are no commits.
fn one_company(commits: &[Encoded]) -> Result<Option<CompanyId>, AppendError> {
    let mut companies = commits.iter().map(|commit| &commit.commit().company);
    let Some(first) = companies.next() else { return Ok(None) };
    match companies.find(|other| *other != first) {
        None => Ok(Some(first.clone())),
        Some(second) => {
            let (first, second) = (first.clone(), second.clone());
            Err(AppendError::SeveralCompanies { first, second })
        }
    }
}

/// The head on which the first commit was decided.
fn check_expectation(commits: &[Encoded]) -> crate::Head {
    commits.first().map_or_else(crate::Head::default, |first| crate::Head {
        version: first.commit().first_version - 1,
        hash: first.commit().previous,
    })
}

fn appended(commits: &[Encoded], sequence: u64) -> Vec<Appended> {
    let mut offset = 0;
    let location = |(encoded, index): (&Encoded, u64)| {
        let (commit, position) = (encoded.commit(), frame::position(sequence, offset));
        offset += commit.span();
        Appended {
            position,
            last_position: position + commit.span() - 1,
            last_version: commit.last_version(),
            hash: encoded.hash(),
            location: frame::location(sequence, index),
        }
    };
    commits.iter().zip(0..).map(location).collect()
}

/// A message that is published until its outcome is known.
struct Attempt<'a> {
    inner: &'a Inner,
    company: &'a CompanyId,
    subject: String,
    /// The sequence of the company's last message before the append.
    expected: u64,
    /// The last known sequence of the stream before the append.
    known: u64,
    id: Digest,
    payload: Bytes,
    doubt: Doubt,
}

/// What is known when the time is up.
#[derive(Debug, Default)]
struct Doubt {
    why: String,
    /// Whether an attempt may have been stored.
    perhaps_stored: bool,
    /// The sequence of the company's last message at the leader, if it is before `expected`.
    behind: Option<u64>,
}

impl Attempt<'_> {
    /// Returns the sequence of the stored message, or `None` if another writer appended first. In that case
    /// the view has the append of the other writer.
    async fn store(&mut self) -> Result<Option<u64>, AppendError> {
        let limit = Duration::from_secs(NATS_APPEND_SECONDS_MAX);
        if let Ok(known) = tokio::time::timeout(limit, self.keep_trying()).await {
            return known;
        }
        let Doubt { why, perhaps_stored, behind } = std::mem::take(&mut self.doubt);
        // A new leader may lack the last messages for a moment. So this is damage only now, when the time is up.
        if let Some(last) = behind {
            let (company, expected) = (self.company, self.expected);
            return Err(self.inner.damaged(format!(
                "the last message of company {company} was {expected} and is {last}: \
                 acknowledged messages are gone"
            )));
        }
        let why = format!("no certain answer within {NATS_APPEND_SECONDS_MAX} s: {why}");
        Err(if perhaps_stored { self.unknown(why) } else { self.unavailable(why) })
    }

    /// Publishes until the outcome is certain. The time limit is that of [`Self::store`]. Each attempt has the same
    /// message id and expected sequence, so the server stores at most one.
    async fn keep_trying(&mut self) -> Result<Option<u64>, AppendError> {
        loop {
            let (inner, expected) = (self.inner, self.expected);
            // Set before the publish, because the time limit may drop this future before the acknowledgement.
            let before = std::mem::replace(&mut self.doubt.perhaps_stored, true);
            let published =
                inner.api.publish(&self.subject, expected, self.id, self.payload.clone()).await;
            match published {
                Published::Stored { sequence, duplicate } => {
                    return self.check_new(sequence, duplicate).map(|()| Some(sequence));
                }
                Published::WrongLastSequence => {
                    self.doubt.perhaps_stored = before;
                    if let Some(known) = self.read_outcome().await? {
                        return Ok(known);
                    }
                }
                Published::NotNow(why) => {
                    self.doubt.perhaps_stored = before;
                    self.doubt.why = why;
                }
                Published::Unknown(why) => self.doubt.why = why,
                // An earlier attempt may have been stored, and this refusal says nothing about that attempt.
                Published::Refused(why) if before => return Err(self.unknown(why)),
                Published::Refused(why) => return Err(self.unavailable(why)),
            }
            tokio::time::sleep(Duration::from_millis(RETRY_MILLIS)).await;
        }
    }

    /// Reads the outcome from the last messages of the company. Returns `None` while the outcome is unknown,
    /// `Some(None)` if another writer appended, and `Some(Some(sequence))` if our own message is stored.
    async fn read_outcome(&mut self) -> Result<Option<Option<u64>>, AppendError> {
        let last = match self.inner.api.last(&self.subject).await {
            Ok(last) => last,
            Err(why) => {
                self.doubt.why = why;
                return Ok(None);
            }
        };
        self.doubt.behind = (last < self.expected).then_some(last);
        if last <= self.expected {
            // An append is in flight, perhaps our own, or a new leader does not have the last message yet.
            "another append of the company is in flight".clone_into(&mut self.doubt.why);
            return Ok(None);
        }
        match self.catch_up(last).await {
            Ok(ours) => Ok(Some(ours)),
            Err(error) if error.is_transient() => {
                self.doubt.why = crate::error_chain(&error);
                Ok(None)
            }
            Err(error) => Err(self.inner.damaged(crate::error_chain(&error))),
        }
    }

    /// Reads the appends of other writers to the company. Returns the sequence of our own message, if it is
    /// among them.
    async fn catch_up(&self, last: u64) -> Result<Option<u64>, ReadError> {
        let (mut next, mut ours) = (self.expected + 1, None);
        while next <= last {
            let api = &self.inner.api;
            let message = read_from_leader(api, next, Some(&self.subject), last).await?;
            if message.payload == self.payload {
                ours = Some(message.sequence);
            }
            self.inner.apply(&message).map_err(|what| ReadError::DamagedStream {
                stream: api.name.clone(),
                sequence: message.sequence,
                what,
            })?;
            next = message.sequence + 1;
        }
        Ok(ours)
    }

    /// Detects a stream that lost its end, by a loss of power or an old backup. Such a stream gives new messages
    /// the sequences of lost ones.
    fn check_new(&self, sequence: u64, duplicate: bool) -> Result<(), AppendError> {
        if duplicate || sequence > self.known {
            return Ok(());
        }
        Err(self.inner.damaged(format!(
            "it went on to message {} and took a new one as message {sequence}: acknowledged messages are gone",
            self.known
        )))
    }

    fn unknown(&self, why: String) -> AppendError {
        let (company, stream) = (self.company.clone(), self.inner.api.name.clone());
        AppendError::Unknown { company, stream, why }
    }

    fn unavailable(&self, why: String) -> AppendError {
        let (company, stream) = (self.company.clone(), self.inner.api.name.clone());
        AppendError::Unavailable { company, stream, why }
    }
}

impl Inner {
    /// Rejects an append when the positions reach the largest number that JSON holds.
    fn check_room(&self) -> Result<(), AppendError> {
        let sequence = self.view().sequence;
        if sequence < SEQUENCE_MAX {
            return Ok(());
        }
        Err(AppendError::Full { stream: self.api.name.clone() })
    }
}
