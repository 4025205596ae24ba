//! The packed rows behave as one map of keys and rows, also after a kill in the middle of a write.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use boarding_commands::values::CompanyId;
use boarding_projections::rows::Table;
use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

/// What is done to the store.
#[derive(Debug, Clone)]
enum Step {
    /// New bytes by company and number of the key; none removes the row.
    Add(Vec<(bool, u16, Option<usize>)>),
    Write,
    /// Opens the same folder again and keeps the changes, as after a full disk.
    Reopen,
    /// Opens the folder after a kill, or after a restart of the machine. The changes since the last write are lost. With a
    /// number, the kill comes after the changes were stored and that many of them were merged.
    Kill {
        merged: Option<usize>,
        has_restarted: bool,
    },
}

fn step() -> impl Strategy<Value = Step> {
    let change = (any::<bool>(), 0..400u16, prop::option::weighted(0.8, 0..3_000usize));
    prop_oneof![
        6 => vec(change, 1..200).prop_map(Step::Add),
        3 => Just(Step::Write),
        1 => Just(Step::Reopen),
        2 => (prop::option::of(0..200usize), any::<bool>())
            .prop_map(|(merged, has_restarted)| Step::Kill { merged, has_restarted }),
    ]
}

fn key_of(other: bool, number: u16) -> Vec<u8> {
    let company: CompanyId = if other { "acme-2" } else { "acme" }.parse().unwrap();
    keys::row(Table::Users, 0, &company, format!("user{number}").as_bytes())
}

type Model = BTreeMap<Vec<u8>, Vec<u8>>;

fn open(folder: &Path) -> Store {
    Store::open(folder).unwrap().0
}

fn merge_some(store: &Store, changes: &unwritten::Changes, mut stored: StoredMeta) {
    let mut batch = store.new_batch().unwrap();
    store
        .guard("write", |tree| {
            packed::merge(tree, changes, &mut batch, &mut |_| Ok(()))?;
            batch.write(tree, &mut stored)
        })
        .unwrap();
}

/// Changes the mark of a folder that is not in use as a restart of the machine does.
fn restart_machine(folder: &Path) {
    std::fs::write(folder.join("MARK"), "open since another start").unwrap();
}

fn scanned(store: &Store, prefix: &[u8], from: &[u8], most: usize) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut rows = Vec::new();
    store
        .scan_rows(prefix, from, &mut |key, row| {
            rows.push((key.to_vec(), row.to_vec()));
            if rows.len() < most { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })
        .unwrap();
    rows
}

fn check(store: &Store, model: &Model) {
    for other in [false, true] {
        let group = keys::group(&key_of(other, 0)).to_vec();
        for (prefix, from) in [
            (group.clone(), vec![]),
            ([&group[..], b"user1"].concat(), vec![]),
            (group.clone(), key_of(other, 222)),
        ] {
            let wanted = model.iter().filter(|(key, _)| key.starts_with(&prefix) && **key >= from);
            let wanted: Vec<_> = wanted.map(|(key, row)| (key.clone(), row.clone())).collect();
            assert_eq!(scanned(store, &prefix, &from, usize::MAX), wanted);
            assert_eq!(scanned(store, &prefix, &from, 3), wanted[..wanted.len().min(3)]);
        }
        for number in 0..400 {
            let key = key_of(other, number);
            assert_eq!(store.get_row(&key).unwrap().as_ref(), model.get(&key));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn packed_rows_are_one_map(steps in vec(step(), 1..24)) {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().join("derived");
        let mut store = open(&folder);
        let (mut live, mut written) = (Model::new(), Model::new());
        let mut meta = Meta::empty();
        for (n, step) in (0u8..).zip(steps) {
            match step {
                Step::Add(changes) => {
                    let rows = changes.iter().map(|(other, number, length)| {
                        (key_of(*other, *number), length.map(|length| vec![n; length]))
                    });
                    for (key, row) in rows.clone() {
                        match row {
                            Some(row) => live.insert(key, row),
                            None => live.remove(&key),
                        };
                    }
                    store.add(rows.map(|(key, row)| (key, row.map(Arc::from))).collect());
                    meta.position += 1;
                }
                Step::Write => {
                    store.write(&meta).unwrap();
                    written = live.clone();
                }
                Step::Reopen => {
                    assert_eq!(store.reopen(&meta).unwrap(), meta);
                    written = live.clone();
                }
                Step::Kill { merged, has_restarted } => {
                    if let Some(merged) = merged {
                        let (number, changes) = store.inner.unwritten.begin_writing();
                        let stored = store.store_changes(&changes, &meta, number).unwrap();
                        let some = changes.iter().take(merged);
                        let some = some.map(|(key, row)| (key.clone(), row.clone())).collect();
                        merge_some(&store, &some, stored);
                        written = live.clone();
                    }
                    drop(store);
                    if has_restarted {
                        restart_machine(&folder);
                    }
                    let (reopened, opened) = Store::open(&folder).unwrap();
                    assert_eq!(opened, Opened::Kept);
                    store = reopened;
                    live = written.clone();
                    meta = store.read_meta().unwrap();
                }
            }
            check(&store, &live);
        }
    }
}

#[test]
fn rows_of_the_first_layout_are_not_called_damaged() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().join("derived");
    let (store, _) = Store::open(&folder).unwrap();
    let mut batch = sled::Batch::default();
    batch.insert(keys::META, rmp_serde::to_vec(&Meta::empty()).unwrap());
    store.apply(batch).unwrap();
    drop(store);
    let (store, opened) = Store::open(&folder).unwrap();
    assert_eq!(opened, Opened::Empty { set_aside: None });
    assert_eq!(store.read_meta().unwrap(), Meta::empty());
    assert_eq!(store.get_raw(keys::META).unwrap(), None);
}

#[test]
fn scan_goes_on_while_blocks_are_split() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder.path().join("derived"));
    let rows = |step: usize| {
        (0..4_000u16).step_by(step).map(|n| (key_of(false, n), Some(vec![7; 90].into()))).collect()
    };
    store.add(rows(2));
    store.write(&Meta::empty()).unwrap();
    let group = keys::group(&key_of(false, 0)).to_vec();
    let mut found = Vec::new();
    store
        .scan_rows(&group, &[], &mut |key, _| {
            found.push(key.to_vec());
            if found.len() == 500 {
                store.add(rows(1));
                store.write(&Meta::empty()).unwrap();
            }
            ControlFlow::Continue(())
        })
        .unwrap();
    assert!(found.is_sorted_by(|a, b| a < b), "a row came twice");
    let mut old = (0..4_000).step_by(2).map(|n| key_of(false, n));
    assert!(old.all(|key| found.binary_search(&key).is_ok()), "a row was missed");
}

/// A power cut may take what the disk has not got yet: a value, or its last change.
#[test]
fn tree_that_has_lost_a_value_is_set_aside() {
    for loses_all in [true, false] {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().join("derived");
        let store = open(&folder);
        let rows =
            |fill: u8| (0..500).map(|n| (key_of(false, n), Some(vec![fill; 90].into()))).collect();
        store.add(rows(1));
        store.write(&Meta::empty()).unwrap();
        let earlier = store.guard("read", |tree| Ok(tree.iter().nth(3).transpose()?)).unwrap();
        let (key, earlier) = earlier.unwrap();
        store.add(rows(2));
        store.write(&Meta::empty()).unwrap();
        let mut batch = sled::Batch::default();
        if loses_all {
            batch.remove(key);
        } else {
            batch.insert(key, earlier);
        }
        store.apply(batch).unwrap();
        drop(store);
        restart_machine(&folder);
        let opened = Store::open(&folder).unwrap().1;
        assert!(matches!(opened, Opened::Empty { set_aside: Some(_) }), "{opened:?}");
    }
}

/// An earlier program has written no digest.
#[test]
fn tree_without_a_digest_gets_it_at_its_first_opening() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().join("derived");
    let store = open(&folder);
    store.add((0..500).map(|n| (key_of(false, n), Some(vec![1; 90].into()))).collect());
    store.write(&Meta::empty()).unwrap();
    let mut batch = sled::Batch::default();
    let stored = store.read_stored_meta().unwrap();
    let without = (2, &stored.meta, stored.write, stored.redo_parts);
    batch.insert(keys::META, rmp_serde::to_vec(&without).unwrap());
    store.apply(batch).unwrap();
    drop(store);
    assert_eq!(Store::open(&folder).unwrap().1, Opened::Kept);
    restart_machine(&folder);
    assert_eq!(Store::open(&folder).unwrap().1, Opened::Kept);
}
