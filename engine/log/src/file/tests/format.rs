//! Tests that the example in `FORMAT.md` equals the bytes that the program writes.

use std::fmt::Write as _;

use super::*;
use boarding_commands::commit::{Commit, SCHEMA};
use boarding_commands::event::Event;
use boarding_commands::values::{CommandId, Digest, RunId};
use ulid::Ulid;

const FORMAT_MD: &str = include_str!("../../../FORMAT.md");

/// The bytes of the example: a segment with one commit. Ids and times are fixed, so the bytes never change.
fn example() -> Vec<u8> {
    let log: LogId = *b"an-example-log-1";
    let created = Time(1_795_248_000_000);
    let header = frame::SegmentHeader {
        log,
        first_position: 1,
        created: created.0,
        ordinal: 0,
        previous: 0,
    };
    let run = Ulid::from_string("01JD654ZA000000000000000RN").unwrap();
    let commit = Commit {
        company: sample::company("acme"),
        first_version: 1,
        command: CommandId(Ulid::from_string("01JD654ZA000000000000000CM").unwrap()),
        body: Digest([0xb0; 32]),
        actor: "jane".to_owned().into(),
        at: created,
        correlation: None,
        causation: None,
        traceparent: None,
        schema: SCHEMA,
        result: serde_json::Value::Null,
        previous: Digest::default(),
        events: vec![Event::RunQueued { run: RunId(run) }],
        authenticated: None,
    };
    let encoded = Encoded::of(commit).unwrap();
    let mut frame = frame::FrameBuilder::new(0);
    frame.push(1, encoded.hash(), encoded.bytes());
    let (frame, _) = frame.finish(&log, 1, 0);
    [header.to_bytes(), frame].concat()
}

#[test]
fn the_documented_example_equals_the_written_bytes() {
    let bytes = example();
    let mut hex = String::new();
    for (line, bytes) in bytes.chunks(16).enumerate() {
        write!(hex, "{:04x} ", line * 16).unwrap();
        bytes.iter().for_each(|byte| write!(hex, " {byte:02x}").unwrap());
        hex.push('\n');
    }
    assert!(FORMAT_MD.contains(&hex), "the example is now:\n{hex}");
}

#[test]
fn the_documented_example_opens_as_a_log() {
    let folder = memory_dir();
    fs::write(folder.path().join(segment::name(1)), example()).unwrap();
    let checked = verify(folder.path()).unwrap();
    assert_eq!((checked.end, checked.commits, checked.companies), (1, 1, 1));
}
