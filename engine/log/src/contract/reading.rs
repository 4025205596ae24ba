//! The contract of reading: order, locations, the tail, the watch, and reopening.

use boarding_commands::values::CommandId;
use ulid::Ulid;

use super::{Backend, append, drain, sample};
use crate::{Location, ReadError};

pub async fn a_reader_at_the_end_returns_later_commits(backend: &impl Backend) {
    let log = backend.open().await;
    let (acme, zeta) = (sample::company("acme"), sample::company("zeta"));
    let mut all = log.read_all(1);
    let mut own = log.read_company(&acme, 1);
    for round in 0..8 {
        assert_eq!(all.next().unwrap(), None);
        assert_eq!(own.next().unwrap(), None);
        let mine = append(&*log, &acme, round % 3).await;
        let other = append(&*log, &zeta, 1).await;
        let positions = |entries: Vec<crate::Entry>| -> Vec<u64> {
            entries.iter().map(|entry| entry.recorded.position).collect()
        };
        assert_eq!(positions(drain(&mut *all)), [mine.position, other.position]);
        assert_eq!(positions(drain(&mut *own)), [mine.position]);
    }
}

pub async fn reading_starts_at_any_position(backend: &impl Backend) {
    let log = backend.open().await;
    let acme = sample::company("acme");
    let mut all = Vec::new();
    for events in [2, 0, 1, 3, 0, 0, 4] {
        all.push(append(&*log, &acme, events).await);
    }
    // From each position of a commit, and from those between it and the previous one.
    let mut before = 0;
    for holder in &all {
        for position in [before + 1, holder.position - 1, holder.position, holder.last_position] {
            if position > before {
                let entry = log.read_all(position).next().unwrap().unwrap();
                assert_eq!(entry.recorded.position, holder.position, "from {position}");
            }
        }
        before = holder.last_position;
    }
    assert_eq!(log.read_all(0).next().unwrap().unwrap().recorded.position, all[0].position);
    let mut beyond = log.read_all(log.end() + 1);
    assert_eq!(beyond.next().unwrap(), None);
    let appended = append(&*log, &acme, 1).await;
    assert_eq!(beyond.next().unwrap().unwrap().recorded.position, appended.position);
}

pub async fn a_company_is_read_from_any_version(backend: &impl Backend) {
    let log = backend.open().await;
    let acme = sample::company("acme");
    for events in [2, 0, 1, 3, 0, 0, 4] {
        append(&*log, &acme, events).await;
        append(&*log, &sample::company("zeta"), 1).await;
    }
    for version in 1..=log.head(&acme).version {
        let entry = log.read_company(&acme, version).next().unwrap().unwrap();
        let commit = entry.recorded.commit;
        assert!(commit.first_version <= version, "from {version}");
        assert!(commit.last_version() >= version || commit.first_version == version);
    }
    assert_eq!(drain(&mut *log.read_company(&acme, 0)).len(), 7);
    assert_eq!(drain(&mut *log.read_company(&acme, 3)).len(), 6);
    assert_eq!(drain(&mut *log.read_company(&acme, 4)).len(), 4);
    let mut beyond = log.read_company(&acme, log.head(&acme).version + 1);
    assert_eq!(beyond.next().unwrap(), None);
    append(&*log, &acme, 1).await;
    assert!(beyond.next().unwrap().is_some());
    assert_eq!(log.read_company(&sample::company("nobody"), 1).next().unwrap(), None);
}

pub async fn the_watch_publishes_each_new_end(backend: &impl Backend) {
    let log = backend.open().await;
    let acme = sample::company("acme");
    let mut watch = log.watch();
    assert_eq!(*watch.borrow_and_update(), 0);
    let first = append(&*log, &acme, 3).await;
    watch.changed().await.unwrap();
    assert_eq!(*watch.borrow_and_update(), first.last_position);
    let second = append(&*log, &acme, 0).await;
    watch.changed().await.unwrap();
    assert_eq!(*watch.borrow_and_update(), second.last_position);
    assert_eq!(*log.watch().borrow(), log.end());
}

pub async fn a_commit_is_read_again_at_its_location(backend: &impl Backend) {
    let log = backend.open().await;
    let mut appended = Vec::new();
    for name in ["acme", "zeta", "acme"] {
        appended.push(append(&*log, &sample::company(name), 2).await);
    }
    let entries = drain(&mut *log.read_all(1));
    for (entry, appended) in entries.iter().zip(&appended) {
        assert_eq!(entry.location, appended.location);
        assert_eq!(log.read_at(entry.location).unwrap(), entry.recorded);
    }
    assert!(entries.is_sorted_by_key(|entry| entry.location));
    let error = log.read_at(Location(u64::MAX)).unwrap_err();
    assert!(matches!(error, ReadError::NoSuchLocation { .. }), "{error}");
}

pub async fn a_command_is_found_until_it_is_forgotten(backend: &impl Backend) {
    let log = backend.open().await;
    let (acme, zeta) = (sample::company("acme"), sample::company("zeta"));
    let old = append(&*log, &acme, 2).await;
    let commit = sample::next(&*log, &acme, 0).into_commit();
    let appended = append(&*log, &acme, 0).await;
    let found = log.find_command(&acme, commit.command).unwrap().unwrap();
    assert_eq!((found.location, found.position), (appended.location, appended.position));
    assert_eq!((found.first_version, found.body), (3, commit.body));
    assert_eq!(log.find_command(&zeta, commit.command).unwrap(), None);
    assert_eq!(log.find_command(&acme, CommandId(Ulid(1))).unwrap(), None);
    log.forget_commands_up_to(old.last_position);
    assert!(log.find_command(&acme, commit.command).unwrap().is_some());
}

pub async fn a_reopened_log_is_the_same(backend: &impl Backend) {
    let mut seen = Vec::new();
    let companies = [sample::company("acme"), sample::company("zeta")];
    for round in 0..5 {
        let log = backend.open().await;
        assert_eq!(drain(&mut *log.read_all(1)), seen, "round {round}");
        assert_eq!(log.end(), seen.last().map_or(0, |e| e.recorded.last_position()));
        for company in &companies {
            append(&*log, company, round).await;
            let mut last = log.read_company(company, log.head(company).version);
            assert!(drain(&mut *last).last().is_some());
        }
        for entry in &seen {
            let commit = &entry.recorded.commit;
            let found = log.find_command(&commit.company, commit.command).unwrap().unwrap();
            assert_eq!(found.location, entry.location);
        }
        seen = drain(&mut *log.read_all(1));
        assert_eq!(seen.len(), 2 * (round + 1));
    }
}
