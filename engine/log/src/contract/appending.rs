//! The contract of appending: expected versions, atomicity, hash chain, positions.

use boarding_commands::values::{CompanyId, Digest};

use super::{Backend, append, drain, encoded, sample};
use crate::codec::{self, Encoded};
use crate::{APPEND_COMMITS_MAX, AppendError, Head};

pub async fn commits_are_read_back_as_they_were_appended(backend: &impl Backend) {
    let log = backend.open().await;
    let acme = sample::company("acme");
    let mut all_appended = Vec::new();
    for events in [1, 3, 2] {
        let commit = sample::next(&*log, &acme, events);
        let appended = log.append(vec![commit.clone()]).await.unwrap()[0];
        assert_eq!(appended.hash, commit.hash());
        all_appended.push((appended, commit.into_commit()));
    }
    for entries in [drain(&mut *log.read_all(1)), drain(&mut *log.read_company(&acme, 1))] {
        let read: Vec<_> = entries.iter().map(|e| e.recorded.commit.clone()).collect();
        let commits: Vec<_> = all_appended.iter().map(|(_, commit)| commit.clone()).collect();
        assert_eq!(read, commits);
        for (entry, (appended, _)) in entries.iter().zip(&all_appended) {
            assert_eq!(
                (entry.location, entry.recorded.position),
                (appended.location, appended.position)
            );
            assert_eq!(entry.recorded.hash, appended.hash);
            assert_eq!(entry.recorded.last_position(), appended.last_position);
            assert_eq!(entry.recorded.commit.last_version(), appended.last_version);
        }
    }
}

pub async fn an_append_at_a_stale_or_future_version_is_a_conflict(backend: &impl Backend) {
    let log = backend.open().await;
    let acme = sample::company("acme");
    let end = append(&*log, &acme, 2).await.last_position;
    let head = log.head(&acme);
    for first_version in [1, 2, 4, 9] {
        let commit = encoded(sample::commit(&acme, first_version, head.hash, 1));
        let error = log.append(vec![commit]).await.unwrap_err();
        let AppendError::Conflict { company, expected, actual } = &error else {
            panic!("version {first_version}: {error}")
        };
        assert_eq!((company, actual), (&acme, &head));
        assert_eq!(expected.version, first_version - 1);
        assert!(!error.is_transient());
    }
    assert_eq!((log.head(&acme), log.end()), (head, end));
    append(&*log, &acme, 1).await;
    assert_eq!(log.head(&acme).version, 3);
}

pub async fn a_first_append_that_expects_a_later_version_is_a_conflict(backend: &impl Backend) {
    let log = backend.open().await;
    let acme = sample::company("acme");
    let commit = encoded(sample::commit(&acme, 2, Digest::default(), 1));
    let error = log.append(vec![commit]).await.unwrap_err();
    assert!(matches!(error, AppendError::Conflict { actual: Head { version: 0, .. }, .. }));
    assert_eq!((log.end(), log.companies()), (0, vec![]));
}

pub async fn an_append_with_a_wrong_previous_hash_is_a_conflict(backend: &impl Backend) {
    let log = backend.open().await;
    let acme = sample::company("acme");
    let commit = encoded(sample::commit(&acme, 1, Digest([1; 32]), 1));
    assert!(matches!(log.append(vec![commit]).await, Err(AppendError::Conflict { .. })));
    let end = append(&*log, &acme, 1).await.last_position;
    let commit = encoded(sample::commit(&acme, 2, Digest::default(), 1));
    assert!(matches!(log.append(vec![commit]).await, Err(AppendError::Conflict { .. })));
    assert_eq!(log.end(), end);
}

/// Two concurrent appends expect the same version: one succeeds, the other gets a conflict.
pub async fn of_two_appends_at_one_version_exactly_one_wins(backend: &impl Backend) {
    let log = backend.open().await;
    let acme = sample::company("acme");
    for round in 0..20 {
        let head = log.head(&acme);
        let commit = |events| encoded(sample::commit(&acme, head.version + 1, head.hash, events));
        let (first, second) =
            tokio::join!(log.append(vec![commit(1)]), log.append(vec![commit(2)]));
        assert!(first.is_ok() != second.is_ok(), "round {round}: {first:?} {second:?}");
        let won = first.as_ref().or(second.as_ref()).unwrap()[0];
        assert_eq!(log.head(&acme), Head { version: won.last_version, hash: won.hash });
        let lost = first.err().or(second.err()).unwrap();
        let AppendError::Conflict { actual, .. } = lost else { panic!("{lost}") };
        assert_eq!(actual, log.head(&acme));
    }
}

pub async fn an_append_is_all_or_nothing(backend: &impl Backend) {
    let log = backend.open().await;
    let acme = sample::company("acme");
    let end = append(&*log, &acme, 1).await.last_position;
    let good = sample::next(&*log, &acme, 1);
    let next = encoded(sample::commit(&acme, 3, good.hash(), 2));
    let stale = encoded(sample::commit(&acme, 2, Digest::default(), 1));
    for commits in [
        vec![good.clone(), stale.clone()],
        vec![good.clone(), next.clone(), stale.clone()],
        vec![stale, good.clone(), next.clone()],
        vec![next.clone(), good.clone()],
    ] {
        assert!(matches!(log.append(commits).await, Err(AppendError::Conflict { .. })));
        assert_eq!((log.end(), log.companies()), (end, vec![acme.clone()]));
        assert_eq!(drain(&mut *log.read_all(1)).len(), 1);
    }
    let appended = log.append(vec![good, next]).await.unwrap();
    assert_eq!(log.end(), appended[1].last_position);
}

pub async fn an_append_may_hold_commits_that_follow_each_other(backend: &impl Backend) {
    let log = backend.open().await;
    let acme = sample::company("acme");
    let first = encoded(sample::commit(&acme, 1, Digest::default(), 2));
    let second = encoded(sample::commit(&acme, 3, first.hash(), 0));
    let third = encoded(sample::commit(&acme, 3, second.hash(), 3));
    let appended = log.append(vec![first, second, third.clone()]).await.unwrap();
    let start = appended[0].position;
    let locations: Vec<_> = appended.iter().map(|a| (a.position - start, a.last_version)).collect();
    assert_eq!(locations, [(0, 2), (2, 2), (3, 5)]);
    assert_eq!(log.head(&acme), Head { version: 5, hash: third.hash() });
    assert_eq!(drain(&mut *log.read_all(0)).len(), 3);
}

/// Commits of other companies do not change the stream of a company.
pub async fn interleaved_companies_keep_their_own_versions_and_chains(backend: &impl Backend) {
    let log = backend.open().await;
    let companies: Vec<_> = (0..7).map(|n| sample::company(&format!("c-{n}"))).collect();
    for round in 0..6 {
        let appends = companies.iter().enumerate().map(|(n, company)| {
            let commit = sample::next(&*log, company, (n + round) % 3);
            log.append(vec![commit])
        });
        let pending: Vec<_> = appends.collect();
        for append in pending {
            append.await.unwrap();
        }
    }
    assert_eq!(log.companies(), companies);
    for company in &companies {
        let entries = drain(&mut *log.read_company(company, 1));
        assert_eq!(entries.len(), 6, "{company}");
        let mut head = Head::default();
        for entry in entries {
            let commit = &entry.recorded.commit;
            assert_eq!((&commit.company, commit.first_version), (company, head.version + 1));
            assert_eq!(commit.previous, head.hash);
            head = Head { version: commit.last_version(), hash: entry.recorded.hash };
        }
        assert_eq!(log.head(company), head);
    }
}

pub async fn positions_rise_and_have_no_gaps_within_an_append(backend: &impl Backend) {
    let log = backend.open().await;
    let companies = [sample::company("acme"), sample::company("zeta")];
    let mut last = 0;
    for round in 0..12 {
        let first = sample::next(&*log, &companies[round % 2], round % 4);
        let version = first.commit().last_version() + 1;
        let second = encoded(sample::commit(&companies[round % 2], version, first.hash(), 2));
        let appended = log.append(vec![first, second]).await.unwrap();
        assert!(appended[0].position > last);
        assert_eq!(appended[1].position, appended[0].last_position + 1);
        last = appended[1].last_position;
        assert_eq!(log.end(), last);
    }
    assert!(last < 1 << 53, "JSON numbers are exact only below 2^53");
    let entries = drain(&mut *log.read_all(1));
    assert_eq!(entries.len(), 24);
    for (one, next) in entries.iter().zip(&entries[1..]) {
        assert!(next.recorded.position > one.recorded.last_position());
    }
}

/// More than the contract promises: only some backends have no gaps.
pub async fn positions_have_no_gaps(backend: &impl Backend) {
    let log = backend.open().await;
    let companies = [sample::company("acme"), sample::company("zeta")];
    for round in 0..12 {
        append(&*log, &companies[round % 2], round % 4).await;
    }
    let mut next = 1;
    for entry in drain(&mut *log.read_all(1)) {
        assert_eq!(entry.recorded.position, next);
        next = entry.recorded.last_position() + 1;
    }
    assert_eq!(log.end(), next - 1);
}

pub async fn a_commit_without_events_takes_a_position_and_no_version(backend: &impl Backend) {
    let log = backend.open().await;
    let acme = sample::company("acme");
    let first = append(&*log, &acme, 0).await;
    assert_eq!((first.last_position, first.last_version), (first.position, 0));
    assert_eq!(log.head(&acme), Head { version: 0, hash: first.hash });
    let second = append(&*log, &acme, 1).await;
    assert!(second.position > first.last_position);
    assert_eq!(second.last_version, 1);
    let third = append(&*log, &acme, 0).await;
    assert!(third.position > second.last_position);
    assert_eq!((third.last_position, third.last_version), (third.position, 1));
    assert_eq!(log.end(), third.last_position);
}

pub async fn an_empty_append_changes_nothing(backend: &impl Backend) {
    let log = backend.open().await;
    assert_eq!(log.append(Vec::new()).await.unwrap(), []);
    assert_eq!((log.end(), log.companies()), (0, vec![]));
}

pub async fn an_append_of_too_many_commits_is_refused_whole(backend: &impl Backend) {
    let log = backend.open().await;
    let acme = sample::company("acme");
    let mut commits = chained(&acme, 0, APPEND_COMMITS_MAX + 1);
    let error = log.append(commits.clone()).await.unwrap_err();
    assert!(matches!(error, AppendError::TooLarge { .. }), "{error}");
    assert_eq!(log.end(), 0);
    commits.pop();
    let appended = log.append(commits).await.unwrap();
    assert_eq!(appended.len(), APPEND_COMMITS_MAX);
    assert_eq!(log.end(), appended.last().unwrap().last_position);
}

pub async fn an_append_is_accepted_up_to_the_byte_limit(backend: &impl Backend) {
    let log = backend.open().await;
    let acme = sample::company("acme");
    assert!(log.append_bytes_max() >= codec::COMMIT_BYTES_MAX);
    let large = codec::COMMIT_BYTES_MAX - 1_024;
    // As many commits of the maximum size as fit, although these commits are a bit smaller.
    let fit = log.append_bytes_max() / codec::COMMIT_BYTES_MAX;
    let mut commits = chained(&acme, large, log.append_bytes_max() / large + 1);
    let error = log.append(commits.clone()).await.unwrap_err();
    assert!(matches!(error, AppendError::TooLarge { .. }), "{error}");
    assert_eq!(log.end(), 0);
    commits.truncate(fit);
    let appended = log.append(commits.clone()).await.unwrap();
    let entries = drain(&mut *log.read_all(1));
    assert_eq!(entries.len(), fit);
    assert_eq!(log.read_at(appended[fit - 1].location).unwrap(), entries[fit - 1].recorded);
}

/// The first `count` commits of a company, each with one event and `extra_bytes` more bytes.
fn chained(company: &CompanyId, extra_bytes: usize, count: usize) -> Vec<Encoded> {
    let mut head = Head::default();
    let mut next = || {
        let mut commit = sample::commit(company, head.version + 1, head.hash, 1);
        commit.traceparent = Some("x".repeat(extra_bytes));
        let commit = encoded(commit);
        head = Head { version: commit.commit().last_version(), hash: commit.hash() };
        commit
    };
    (0..count).map(|_| next()).collect()
}

/// The hash of a commit is the hash of its canonical bytes, and each commit names the previous hash.
pub async fn the_hash_chain_verifies(backend: &impl Backend) {
    let log = backend.open().await;
    let acme = sample::company("acme");
    for events in [1, 0, 2, 5] {
        append(&*log, &acme, events).await;
        append(&*log, &sample::company("zeta"), events).await;
    }
    let mut previous = Digest::default();
    for entry in drain(&mut *log.read_company(&acme, 1)) {
        assert_eq!(entry.recorded.commit.previous, previous);
        let again = encoded(entry.recorded.commit);
        assert_eq!(codec::hash(again.bytes()), entry.recorded.hash);
        previous = entry.recorded.hash;
    }
    assert_eq!(log.head(&acme).hash, previous);
}
