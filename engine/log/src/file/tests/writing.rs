//! Tests of the writer on failing disks, and of the files in its folder.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Waker};

use super::*;

/// Opens a log in which one step of this kind fails with this error. `nth` counts from 0.
fn open_failing(folder: &Path, step: Step, nth: usize, kind: io::ErrorKind) -> FileLog {
    let seen = AtomicUsize::new(0);
    let steps = Steps::new(move |now| {
        let fails = now == step && seen.fetch_add(1, Ordering::Relaxed) == nth;
        if fails { Err(kind.into()) } else { Ok(()) }
    });
    let options = Options { segment_bytes: 900, steps, ..Options::new(Time(0)) };
    FileLog::open(folder, options).unwrap().log
}

/// After a failed write or sync no append is acknowledged, even if the disk works again.
#[tokio::test]
async fn failed_write_or_sync_stops_the_log_until_reopened() {
    for step in [Step::Write, Step::Sync] {
        let folder = tempfile::tempdir().unwrap();
        drop(open(folder.path(), 900));
        let log = open_failing(folder.path(), step, 2, io::ErrorKind::Other);
        let (acme, zeta) = (sample::company("acme"), sample::company("zeta"));
        let mut kept = 0;
        while log.append(vec![sample::next(&log, &acme, 1)]).await.is_ok() {
            kept += 1;
        }
        assert!(kept > 0);
        let failed = log.failed().await.to_string();
        assert!(failed.contains("segment") && failed.contains(".log"), "{failed}");
        for company in [&acme, &zeta] {
            let error = log.append(vec![sample::next(&log, company, 1)]).await.unwrap_err();
            assert!(matches!(error, AppendError::Broken { .. }), "{error}");
            assert!(!error.is_transient());
        }
        assert_eq!((log.end(), drain(&mut *log.read_all(1)).len()), (kept as u64, kept));
        drop(log);
        let log = open(folder.path(), 900).unwrap().log;
        assert!(log.end() >= kept as u64, "what was acknowledged is there");
        log.append(vec![sample::next(&log, &acme, 1)]).await.unwrap();
    }
}

/// A full disk rejects one append. Later appends succeed, because the disk has space again.
#[tokio::test]
async fn appends_succeed_again_after_a_full_disk() {
    let folder = tempfile::tempdir().unwrap();
    let log = open_failing(folder.path(), Step::Create, 1, io::ErrorKind::StorageFull);
    let acme = sample::company("acme");
    let mut rejected = 0;
    for _ in 0..9 {
        if let Err(error) = log.append(vec![sample::next(&log, &acme, 1)]).await {
            assert!(matches!(error, AppendError::NoSpace { .. }) && error.is_transient());
            rejected += 1;
        }
    }
    assert_eq!((rejected, log.head(&acme).version), (1, 8));
    drop(log);
    assert_eq!(open(folder.path(), 900).unwrap().log.end(), 8);
}

/// Appends that arrive while a frame is written go into the next frame together.
#[test]
fn queued_appends_are_written_as_one_frame() {
    let folder = tempfile::tempdir().unwrap();
    let (syncs, gate) = (Arc::new(AtomicUsize::new(0)), Arc::new(Mutex::new(())));
    let (counter, closed_gate) = (Arc::clone(&syncs), Arc::clone(&gate));
    let steps = Steps::new(move |step| {
        if step == Step::Sync {
            counter.fetch_add(1, Ordering::Relaxed);
            // The writer waits here until the test opens the gate.
            drop(closed_gate.lock());
        }
        Ok(())
    });
    let log = FileLog::open(folder.path(), Options { steps, ..Options::new(Time(0)) }).unwrap().log;
    let closed = gate.lock().unwrap();
    let appends = (0..50).map(|n| sample::company(&format!("c-{n}")));
    let mut appends: Vec<_> =
        appends.map(|company| log.append(vec![sample::next(&log, &company, 1)])).collect();
    let mut context = Context::from_waker(Waker::noop());
    for append in &mut appends {
        assert!(append.as_mut().poll(&mut context).is_pending(), "acknowledged before the sync");
    }
    assert_eq!(log.end(), 0);
    drop(closed);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    for append in appends {
        runtime.block_on(append).unwrap();
    }
    assert_eq!(log.end(), 50);
    assert!(syncs.load(Ordering::Relaxed) <= 3, "{syncs:?}");
}

#[tokio::test]
async fn sealed_segments_hold_no_unused_space() {
    let folder = tempfile::tempdir().unwrap();
    let was = fill(folder.path(), 900, 6).await;
    let paths = segments(folder.path());
    let (last, sealed) = paths.split_last().unwrap();
    for path in sealed {
        let bytes = fs::read(path).unwrap();
        assert_eq!(tail::last_used(&bytes), bytes.len());
    }
    assert!(fs::metadata(last).unwrap().len() >= 900);
    let first_of_last = segment::position_of(last.file_name().unwrap().to_str().unwrap());
    assert!(was.iter().any(|entry| Some(entry.recorded.position) == first_of_last));
}

/// Temporary files of an interrupted creation do not disturb the next opening.
#[tokio::test]
async fn unfinished_files_are_removed_on_opening() {
    let folder = tempfile::tempdir().unwrap();
    let was = fill(folder.path(), 900, 3).await;
    for name in ["00000000000000000007.log.tmp", "heads.tmp"] {
        fs::write(folder.path().join(name), [0; 10]).unwrap();
    }
    let opened = open(folder.path(), 900).unwrap();
    assert_eq!(drain(&mut *opened.log.read_all(1)), was);
    let names = fs::read_dir(folder.path()).unwrap().map(|e| e.unwrap().file_name());
    assert!(!names.into_iter().any(|name| name.to_string_lossy().ends_with(".tmp")));
}

#[tokio::test]
async fn unused_space_after_a_crash_is_not_damage() {
    let folder = tempfile::tempdir().unwrap();
    let was = fill(folder.path(), 900, 6).await;
    let sealed = &segments(folder.path())[0];
    let file = fs::OpenOptions::new().write(true).open(sealed).unwrap();
    file.set_len(4_000).unwrap();
    assert_eq!(drain(&mut *open(folder.path(), 900).unwrap().log.read_all(1)), was);
}

#[tokio::test]
async fn commands_in_the_callers_index_are_not_found() {
    let folder = tempfile::tempdir().unwrap();
    let was = fill(folder.path(), 900, 4).await;
    let options = Options { commands_indexed_up_to: 4, ..Options::new(Time(0)) };
    let log = FileLog::open(folder.path(), options).unwrap().log;
    let found: Vec<_> = was
        .iter()
        .map(|entry| &entry.recorded.commit)
        .map(|commit| log.find_command(&commit.company, commit.command).unwrap().is_some())
        .collect();
    assert_eq!(found, [false, false, true, true]);
    log.forget_commands_up_to(8);
    let last = &was[3].recorded.commit;
    assert_eq!(log.find_command(&last.company, last.command).unwrap(), None);
    assert_eq!(log.read_at(was[3].location).unwrap(), was[3].recorded);
}

#[tokio::test]
async fn reader_stops_at_bytes_damaged_while_open() {
    let folder = tempfile::tempdir().unwrap();
    let was = fill(folder.path(), 4_096, 3).await;
    let log = open(folder.path(), 4_096).unwrap().log;
    let segment = segments(folder.path()).pop().unwrap();
    let mut bytes = fs::read(&segment).unwrap();
    bytes[offset_of(&was[1]) + 100] ^= 1;
    fs::write(&segment, bytes).unwrap();
    let mut reader = log.read_all(1);
    assert_eq!(reader.next().unwrap().as_ref(), Some(&was[0]));
    // The second read tries the same bytes again.
    for _ in 0..2 {
        assert!(matches!(reader.next(), Err(ReadError::Damaged { .. })));
    }
    assert!(log.read_at(was[1].location).is_err());
    assert_eq!(log.read_at(was[2].location).unwrap(), was[2].recorded);
    let head = Head { version: 4, hash: was[2].recorded.hash };
    assert_eq!(log.head(&sample::company("acme")), head);
}

/// An operator replaces a segment while the process runs. A further commit would be lost, so the log rejects it.
#[tokio::test]
async fn append_to_a_replaced_segment_is_rejected() {
    let folder = tempfile::tempdir().unwrap();
    let log = open(folder.path(), 4_096).unwrap().log;
    let acme = sample::company("acme");
    log.append(vec![sample::next(&log, &acme, 1)]).await.unwrap();
    let segment = segments(folder.path()).pop().unwrap();
    let copy = segment.with_extension("copy");
    fs::copy(&segment, &copy).unwrap();
    fs::rename(&copy, &segment).unwrap();
    let error = log.append(vec![sample::next(&log, &acme, 1)]).await.unwrap_err();
    assert!(matches!(error, AppendError::Broken { .. }), "{error}");
}
