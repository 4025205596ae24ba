//! Commits to append in tests.

use boarding_commands::commit::{Commit, SCHEMA};
use boarding_commands::event::Event;
use boarding_commands::values::{CommandId, CompanyId, Digest, Time, UserKey};
use serde_json::json;
use ulid::Ulid;

use crate::EventLog;
use crate::codec::Encoded;

/// A company with this name.
pub fn company(name: &str) -> CompanyId {
    name.parse().unwrap()
}

/// A commit with this many events and these expectations. The command id is derived from them.
pub fn commit(company: &CompanyId, first_version: u64, previous: Digest, events: usize) -> Commit {
    let seed = Digest::of(format!("{company} {first_version} {previous} {events}").as_bytes());
    let id = seed.0.iter().take(16).fold(0u128, |id, &byte| id << 8 | u128::from(byte));
    let user = |n: usize| UserKey::new(&format!("person-{n}@acme.example"));
    Commit {
        company: company.clone(),
        first_version,
        command: CommandId(Ulid(id)),
        body: seed,
        actor: "jane@acme.example".to_owned().into(),
        at: Time(1_795_248_000_000),
        correlation: Some(Ulid(7)),
        causation: None,
        traceparent: None,
        schema: SCHEMA,
        result: json!({ "count": events }),
        previous,
        events: (0..events).map(|n| Event::UserArchived { user: user(n).into() }).collect(),
        authenticated: None,
    }
}

/// A commit with this many events at the head of the company.
pub fn next(log: &dyn EventLog, company: &CompanyId, events: usize) -> Encoded {
    let head = log.head(company);
    Encoded::of(commit(company, head.version + 1, head.hash, events)).unwrap()
}
