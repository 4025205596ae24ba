//! Copies of a folder in use: they are completed from the original, and only from it.

use super::*;

/// A segment size that holds some commits of a test, in bytes.
const SEGMENT: u64 = 2_500;

/// A folder that goes on after a part of it was copied. Returns the original, the copy and all entries.
async fn copied_in_use(rounds: usize) -> (tempfile::TempDir, tempfile::TempDir, Vec<Entry>) {
    let original = memory_dir();
    fill(original.path(), SEGMENT, 3).await;
    let copy = plain_copy_of(original.path());
    let all = fill(original.path(), SEGMENT, rounds).await;
    (original, copy, all)
}

/// Copies one file of the original as it is now.
fn copy_later(original: &tempfile::TempDir, copy: &tempfile::TempDir, name: &str) {
    fs::copy(original.path().join(name), copy.path().join(name)).unwrap();
}

fn entries(folder: &Path) -> (Vec<Entry>, Option<PathBuf>) {
    let opened = open(folder, SEGMENT).unwrap();
    (drain(&mut *opened.log.read_all(1)), opened.completed_from)
}

#[tokio::test]
async fn copy_with_newer_heads_is_completed() {
    for rounds in [1, 2] {
        let (original, copy, all) = copied_in_use(rounds).await;
        copy_later(&original, &copy, heads::NAME);
        assert!(matches!(verify(copy.path()), Err(OpenError::Shorter { .. })), "{rounds}");
        let (found, from) = entries(copy.path());
        assert_eq!(found, all, "{rounds}");
        assert_eq!(from, Some(fs::canonicalize(original.path()).unwrap()));
        assert_eq!(entries(copy.path()), (all, None), "opened again");
    }
}

/// Another file of the data folder, such as a checkpoint, names a position that the copied segments lack.
#[tokio::test]
async fn copy_is_completed_up_to_the_expected_position() {
    let (_original, copy, all) = copied_in_use(4).await;
    let options = |expected_end| Options {
        segment_bytes: SEGMENT,
        expected_end,
        ..Options::new(Time(1_795_248_000_000))
    };
    let opened = FileLog::open(copy.path(), options(8)).unwrap();
    assert_eq!(drain(&mut *opened.log.read_all(1)), all[..4]);
    drop(opened);
    let later = FileLog::open(copy.path(), options(8)).unwrap();
    assert_eq!((later.log.end(), later.completed_from), (8, None));
}

/// The copy has a later part of a segment, but not the frame before it.
#[tokio::test]
async fn missing_frame_within_a_copy_is_filled() {
    let original = memory_dir();
    let all = fill(original.path(), 1 << 20, 8).await;
    let copy = plain_copy_of(original.path());
    let segment = segments(copy.path()).pop().unwrap();
    let mut bytes = fs::read(&segment).unwrap();
    let frame = |at: usize| offset_of(&all[at]) - frame::FRAME_HEADER;
    // The rest of the first sector, as if the frame there was written after the sector was read.
    bytes[frame(1)..512].fill(0);
    fs::write(&segment, bytes).unwrap();
    assert!(matches!(verify(copy.path()), Err(OpenError::Damaged { .. })));
    assert_eq!(entries(copy.path()).0, all);
}

#[tokio::test]
async fn segment_that_was_copied_before_the_next_one_is_completed() {
    let (original, copy, all) = copied_in_use(20).await;
    for later in segments(original.path()).into_iter().skip(segments(copy.path()).len()) {
        copy_later(&original, &copy, later.file_name().unwrap().to_str().unwrap());
    }
    remove_heads(copy.path());
    let (found, _) = entries(copy.path());
    assert_eq!(found, all);
}

/// A changed byte, and a segment that is missing in the middle, are no moment of the original.
#[tokio::test]
async fn damaged_copy_is_refused() {
    let (original, copy, _) = copied_in_use(20).await;
    let last = segments(copy.path()).pop().unwrap();
    let intact = fs::read(&last).unwrap();
    for at in [70, 130, tail::last_used(&intact) - 1] {
        let mut bytes = intact.clone();
        bytes[at] ^= 0x81;
        fs::write(&last, bytes).unwrap();
        assert!(open(copy.path(), SEGMENT).is_err(), "byte {at}");
    }
    fs::write(&last, intact).unwrap();
    copy_later(&original, &copy, heads::NAME);
    assert!(matches!(open(copy.path(), SEGMENT), Err(OpenError::Shorter { .. })), "no segment");
    for path in segments(original.path()).iter().skip(2) {
        fs::copy(path, copy.path().join(path.file_name().unwrap())).unwrap();
    }
    fs::remove_file(&segments(copy.path())[1]).unwrap();
    assert!(matches!(open(copy.path(), SEGMENT), Err(OpenError::Damaged { .. })));
}

/// A copy of a log that has lost its end is no copy of a log in use.
#[tokio::test]
async fn copy_of_a_cut_log_is_refused() {
    for removes in [false, true] {
        let (original, copy, _) = copied_in_use(4).await;
        copy_later(&original, &copy, heads::NAME);
        if removes {
            drop(original);
        } else {
            for path in segments(original.path()) {
                fs::remove_file(&path).unwrap();
                let name = path.file_name().unwrap();
                if copy.path().join(name).exists() {
                    fs::copy(copy.path().join(name), path).unwrap();
                }
            }
        }
        let error = open(copy.path(), SEGMENT).unwrap_err();
        assert!(matches!(error, OpenError::Shorter { .. }), "{error}");
        assert!(error.to_string().contains("copy that one again"), "{error}");
    }
}

/// The original itself is never completed, and neither is a folder that went another way.
#[tokio::test]
async fn cut_original_and_forked_copy_are_refused() {
    let (original, copy, _) = copied_in_use(4).await;
    let fork = plain_copy_of(copy.path());
    let log = open(fork.path(), SEGMENT).unwrap().log;
    log.append(vec![sample::next(&log, &sample::company("acme"), 3)]).await.unwrap();
    drop(log);
    fs::copy(copy.path().join(NAME), fork.path().join(NAME)).unwrap();
    copy_later(&original, &fork, heads::NAME);
    assert!(matches!(open(fork.path(), SEGMENT), Err(OpenError::Shorter { .. })));
    for path in segments(original.path()).into_iter().skip(1) {
        fs::remove_file(path).unwrap();
    }
    copy_later(&copy, &original, segments(copy.path())[0].file_name().unwrap().to_str().unwrap());
    assert!(matches!(open(original.path(), SEGMENT), Err(OpenError::Shorter { .. })));
}

const NAME: &str = copied::NAME;
