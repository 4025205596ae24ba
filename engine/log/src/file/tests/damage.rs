//! Damage of log files (P29): every cut, flipped, swapped or missing part is detected.

use super::*;

/// A segment size that holds all commits of a test, in bytes.
const ROOMY: u64 = 4_096;

/// Opens the log and returns its entries and its torn tail, or the error. For a log that is opened although it is damaged it
/// returns the error of the verification.
fn reopen(folder: &Path) -> Result<(Vec<Entry>, Option<TornTail>), OpenError> {
    let opened = open(folder, ROOMY)?;
    if opened.log.heads().is_none() {
        return Err(verify(folder).unwrap_err());
    }
    Ok((drain(&mut *opened.log.read_all(1)), opened.torn))
}

/// Asserts that the log is complete, or is rejected, or lacks only a reported torn tail.
#[track_caller]
fn assert_never_silently_different(folder: &Path, was: &[Entry], context: &str) {
    match reopen(folder) {
        Err(OpenError::Damaged { .. } | OpenError::Shorter { .. } | OpenError::Newer { .. }) => {}
        Err(error) => panic!("{context}: {error}"),
        Ok((now, None)) => assert_eq!(now, was, "{context}"),
        Ok((now, Some(torn))) => {
            assert!(now == was || now == was[..was.len() - 1], "{context}");
            assert!(torn.kept.exists() && torn.bytes > 0, "{context}");
        }
    }
}

/// P29
#[tokio::test]
async fn a_flip_of_any_byte_is_detected() {
    let folder = memory_dir();
    let was = fill(folder.path(), ROOMY, 4).await;
    let segment = segments(folder.path()).pop().unwrap();
    let intact = fs::read(&segment).unwrap();
    let used = tail::last_used(&intact);
    for heads in [true, false] {
        if !heads {
            remove_heads(folder.path());
        }
        // The flips in the unused space may look like a torn tail.
        for at in 0..used + 600 {
            let mut bytes = intact.clone();
            bytes[at] ^= 1 << (at % 8);
            let copy = copy_of(folder.path());
            fs::write(copy.path().join(segment.file_name().unwrap()), bytes).unwrap();
            assert_never_silently_different(
                copy.path(),
                &was,
                &format!("byte {at}, heads {heads}"),
            );
            if at < used {
                let copy = copy_of(copy.path());
                let rejected = reopen(copy.path()).is_err();
                assert!(rejected, "a flip of byte {at} in what was written is damage");
            }
        }
    }
}

#[tokio::test]
async fn a_truncated_file_keeps_complete_frames_and_reports_the_rest() {
    let folder = memory_dir();
    let was = fill(folder.path(), ROOMY, 3).await;
    remove_heads(folder.path());
    let segment = segments(folder.path()).pop().unwrap();
    let intact = fs::read(&segment).unwrap();
    let mut results = Vec::new();
    for length in 0..=intact.len() {
        let copy = copy_of(folder.path());
        fs::write(copy.path().join(segment.file_name().unwrap()), &intact[..length]).unwrap();
        let Ok((now, torn)) = reopen(copy.path()) else {
            assert!(length < frame::SEGMENT_HEADER, "cut at {length} is no damage");
            continue;
        };
        assert_eq!(now, was[..now.len()], "cut at {length}");
        let again = reopen(copy.path()).unwrap();
        assert_eq!(again, (now.clone(), None), "cut at {length}, opened again");
        results.push((now.len(), torn.is_some()));
    }
    assert!(results.is_sorted_by_key(|(commits, _)| *commits));
    let clean = results.iter().filter(|(_, torn)| !torn).count();
    let room = intact.len() - tail::last_used(&intact);
    assert_eq!(clean, 3 + 1 + room, "only cuts between frames and in unused room are clean");
}

/// One or two sectors of the last write are missing, in every combination.
#[tokio::test]
async fn a_last_write_with_missing_sectors_is_a_torn_tail() {
    let folder = memory_dir();
    let was = fill(folder.path(), ROOMY, 4).await;
    remove_heads(folder.path());
    let segment = segments(folder.path()).pop().unwrap();
    let intact = fs::read(&segment).unwrap();
    let start = offset_of(&was[3]) - frame::FRAME_HEADER;
    let used = tail::last_used(&intact);
    let sectors: Vec<_> = (start / 512..used.div_ceil(512)).collect();
    for (first, second) in sectors.iter().flat_map(|a| sectors.iter().map(move |b| (*a, *b))) {
        let mut bytes = intact.clone();
        for sector in [first, second] {
            bytes[start.max(sector * 512)..used.min(sector * 512 + 512)].fill(0);
        }
        let copy = copy_of(folder.path());
        fs::write(copy.path().join(segment.file_name().unwrap()), &bytes).unwrap();
        let (now, torn) = reopen(copy.path()).unwrap();
        assert_eq!(now, was[..3], "without sectors {first} and {second}");
        if tail::last_used(&bytes) > start {
            let torn = torn.unwrap();
            assert_eq!(fs::read(&torn.kept).unwrap(), bytes[start..tail::last_used(&bytes)]);
        }
    }
}

#[tokio::test]
async fn damage_names_segment_offset_company_and_version() {
    let folder = memory_dir();
    let was = fill(folder.path(), ROOMY, 4).await;
    let segment = segments(folder.path()).pop().unwrap();
    let mut bytes = fs::read(&segment).unwrap();
    let offset = offset_of(&was[1]);
    bytes[offset + 200] ^= 0x10;
    fs::write(&segment, &bytes).unwrap();
    let error = reopen(folder.path()).unwrap_err();
    let OpenError::Damaged { spot, .. } = &error else { panic!("{error}") };
    assert_eq!(spot.segment, "00000000000000000001.log");
    assert_eq!(spot.offset, offset as u64);
    assert_eq!((spot.company.clone(), spot.version), (Some(sample::company("zeta")), Some(1)));
    assert!(!error.is_transient());
    assert_eq!(fs::read(&segment).unwrap(), bytes);
}

#[tokio::test]
async fn missing_swapped_and_foreign_segments_are_detected() {
    let folder = memory_dir();
    fill(folder.path(), 900, 9).await;
    let paths = segments(folder.path());
    assert!(paths.len() > 3, "{paths:?}");
    for heads in [true, false] {
        if !heads {
            remove_heads(folder.path());
        }
        for (at, path) in paths.iter().enumerate() {
            let is_last = at + 1 == paths.len();
            let copy = copy_of(folder.path());
            fs::remove_file(copy.path().join(path.file_name().unwrap())).unwrap();
            assert_eq!(reopen(copy.path()).is_err(), heads || !is_last, "without segment {at}");
        }
        let copy = copy_of(folder.path());
        let [one, two] = [&paths[1], &paths[2]].map(|p| copy.path().join(p.file_name().unwrap()));
        fs::copy(&paths[2], &one).unwrap();
        fs::copy(&paths[1], &two).unwrap();
        assert!(matches!(reopen(copy.path()), Err(OpenError::Damaged { .. })));
        let other = memory_dir();
        fill(other.path(), 900, 9).await;
        let copy = copy_of(folder.path());
        let last = paths.last().unwrap().file_name().unwrap();
        fs::copy(other.path().join(last), copy.path().join(last)).unwrap();
        assert!(reopen(copy.path()).is_err());
    }
}

/// A log that was truncated between two frames looks complete. Only the heads file shows the loss.
#[tokio::test]
async fn a_log_shorter_than_its_heads_file_is_rejected() {
    let folder = memory_dir();
    let was = fill(folder.path(), ROOMY, 3).await;
    let segment = segments(folder.path()).pop().unwrap();
    let end_of_second_frame = offset_of(&was[2]) - frame::FRAME_HEADER;
    let bytes = fs::read(&segment).unwrap();
    fs::write(&segment, &bytes[..end_of_second_frame]).unwrap();
    let error = reopen(folder.path()).unwrap_err();
    assert!(error.to_string().contains("the log is shorter than"), "{error}");
    assert_eq!(fs::read(&segment).unwrap(), bytes[..end_of_second_frame]);
    fs::remove_file(&segment).unwrap();
    assert!(matches!(reopen(folder.path()), Err(OpenError::Shorter { .. })));
    assert_eq!(segments(folder.path()), Vec::<PathBuf>::new());
}

#[tokio::test]
async fn a_damaged_heads_file_is_moved_aside() {
    let folder = memory_dir();
    let was = fill(folder.path(), ROOMY, 3).await;
    let heads = folder.path().join(heads::NAME);
    let text = fs::read_to_string(&heads).unwrap();
    fs::write(&heads, text.replace("end 6", "end 5")).unwrap();
    let opened = open(folder.path(), ROOMY).unwrap();
    assert!(opened.heads_set_aside.is_some_and(|path| path.exists()));
    assert_eq!(drain(&mut *opened.log.read_all(1)), was);
}

/// The segment was replaced by that of another log with the same commits. The heads file has the id of the first log.
#[tokio::test]
async fn a_segment_of_another_log_is_detected() {
    let (folder, other) = (memory_dir(), memory_dir());
    fill(folder.path(), ROOMY, 3).await;
    fill(other.path(), ROOMY, 3).await;
    let (from, to) =
        (segments(other.path()).pop().unwrap(), segments(folder.path()).pop().unwrap());
    fs::copy(from, to).unwrap();
    assert!(matches!(reopen(folder.path()), Err(OpenError::Shorter { .. })));
}

#[tokio::test]
async fn a_newer_format_is_rejected_with_both_numbers() {
    let folder = memory_dir();
    fill(folder.path(), ROOMY, 1).await;
    let segment = segments(folder.path()).pop().unwrap();
    let mut bytes = fs::read(&segment).unwrap();
    bytes[8] = 2;
    let sum = crc32c::crc32c(&bytes[..60]);
    bytes[60..64].copy_from_slice(&sum.to_le_bytes());
    fs::write(&segment, bytes).unwrap();
    let error = reopen(folder.path()).unwrap_err().to_string();
    assert!(error.contains("format 2") && error.contains("format 1"), "{error}");
}

/// Frames with valid checksums whose commits do not follow the history: a broken hash chain, a missing version, a
/// missing position, a different previous frame.
#[tokio::test]
async fn commits_that_do_not_follow_are_damage() {
    let folder = memory_dir();
    let was = fill(folder.path(), ROOMY, 2).await;
    let segment = segments(folder.path()).pop().unwrap();
    let intact = fs::read(&segment).unwrap();
    let log: LogId = intact[16..32].try_into().unwrap();
    let end = tail::last_used(&intact);
    let second = offset_of(&was[1]) - frame::FRAME_HEADER;
    let previous = frame::FrameHeader::parse(&intact[second..], &log).unwrap().checksum;
    let hash = was[0].recorded.hash;
    let cases = [
        (3, hash, 5, previous, None),
        (3, was[1].recorded.hash, 5, previous, Some("chain is broken")),
        (4, hash, 5, previous, Some("version 3 of the company is expected")),
        (3, hash, 6, previous, Some("position 5 is expected")),
        (3, hash, 5, previous ^ 1, Some("position 5 is expected")),
    ];
    for (version, hash, position, previous, expected) in cases {
        let commit = sample::commit(&sample::company("acme"), version, hash, 1);
        let commit = Encoded::of(commit).unwrap();
        let mut frame = frame::FrameBuilder::new(0);
        frame.push(position, commit.hash(), commit.bytes());
        let (frame, _) = frame.finish(&log, position, previous);
        let mut bytes = intact.clone();
        bytes[end..end + frame.len()].copy_from_slice(&frame);
        fs::write(&segment, bytes).unwrap();
        match (reopen(folder.path()), expected) {
            (Ok((now, None)), None) => assert_eq!(now.len(), 3),
            (Err(error), Some(expected)) => {
                assert!(error.to_string().contains(expected), "{error}");
            }
            (other, _) => panic!("{expected:?}: {other:?}"),
        }
        fs::write(&segment, &intact).unwrap();
        // Without a valid heads file only the frames are checked.
        fs::write(folder.path().join(heads::NAME), "").unwrap();
    }
}

/// P29: a commit was changed and all checksums were corrected. Its hash still reveals the change.
#[tokio::test]
async fn a_changed_commit_with_right_checksums_fails_verification() {
    let folder = memory_dir();
    let was = fill(folder.path(), ROOMY, 1).await;
    let checked = verify(folder.path()).unwrap();
    assert_eq!((checked.end, checked.commits, checked.companies, checked.torn_bytes), (2, 1, 1, 0));
    let segment = segments(folder.path()).pop().unwrap();
    let mut bytes = fs::read(&segment).unwrap();
    let log: LogId = bytes[16..32].try_into().unwrap();
    let at = offset_of(&was[0]);
    let mut commit = was[0].recorded.commit.clone();
    commit.actor = "john@acme.example".to_owned().into();
    let forged = Encoded::of(commit).unwrap();
    let mut frame = frame::FrameBuilder::new(0);
    frame.push(1, was[0].recorded.hash, forged.bytes());
    let (frame, _) = frame.finish(&log, 1, 0);
    bytes[at - frame::FRAME_HEADER..][..frame.len()].copy_from_slice(&frame);
    fs::write(&segment, bytes).unwrap();
    let error = verify(folder.path()).unwrap_err();
    assert!(error.to_string().contains("hash"), "{error}");
}
