//! Golden bytes: `fixtures/log/` freezes the stored form of each event, one commit per file, in hexadecimal.
//!
//! `UPDATE_FIXTURES=1` rewrites the files. After the first release an existing file must not change. A field
//! added at the end gets a new file (`later_forms`); any other change needs a new schema.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

use boarding_commands::commit::{Commit, SCHEMA};
use boarding_commands::event::Event;
use boarding_commands::values::{CommandId, Digest, Time};
use serde_json::json;
use ulid::Ulid;

use super::golden_events::{events, later_forms, of};
use super::{Encoded, decode, hash};

const BYTES_A_LINE: usize = 32;

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/log")
}

/// A commit that holds this event, with every field of the envelope filled.
fn commit(events: Vec<Event>) -> Commit {
    Commit {
        company: "acme".parse().unwrap(),
        first_version: 42,
        command: CommandId(Ulid(0x0193_4c5a_7d00_1122_3344_5566_7788_99aa)),
        body: Digest([0xb0; 32]),
        actor: "jane@acme.example".to_owned().into(),
        at: Time(1_795_248_000_000),
        correlation: Some(Ulid(0x0193_4c5a_7d01_0000_0000_0000_0000_0001)),
        causation: Some(CommandId(Ulid(0x0193_4c5a_7d02_0000_0000_0000_0000_0002))),
        traceparent: Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".to_owned()),
        schema: 1,
        result: json!({"count": 3, "import": "01JD654ZA0000000000000000A", "share": 0.5, "list": [null, true, -7]}),
        previous: Digest([0xca; 32]),
        events,
        authenticated: None,
    }
}

/// A commit without events and with every field empty that can be.
fn bare() -> Commit {
    Commit {
        correlation: None,
        causation: None,
        traceparent: None,
        result: serde_json::Value::Null,
        previous: Digest::default(),
        first_version: 1,
        ..commit(Vec::new())
    }
}

/// A commit whose command came from a user that the NATS server has authenticated.
fn authenticated() -> Commit {
    let user = Some("acme-publisher".to_owned().into());
    Commit { authenticated: user, ..commit(vec![of("UserArchived")]) }
}

fn to_hex(bytes: &[u8]) -> String {
    bytes.chunks(BYTES_A_LINE).fold(String::new(), |mut text, line| {
        line.iter().for_each(|byte| write!(text, "{byte:02x}").unwrap());
        text + "\n"
    })
}

fn from_hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text
        .chars()
        .filter(|c| !c.is_whitespace())
        .map(|c| u8::try_from(c.to_digit(16).unwrap()).unwrap())
        .collect();
    digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

fn check(name: &str, commit: &Commit) {
    let path = folder().join(format!("{name}.v1.hex"));
    let encoded = Encoded::of(commit.clone()).unwrap();
    if std::env::var_os("UPDATE_FIXTURES").is_some() {
        fs::create_dir_all(folder()).unwrap();
        fs::write(&path, to_hex(encoded.bytes())).unwrap();
    }
    let golden = fs::read_to_string(&path).unwrap_or_else(|error| {
        panic!("{name} has no golden bytes in {}: {error}", path.display())
    });
    let golden = from_hex(&golden);
    assert_eq!(&decode(&golden).unwrap(), commit, "{name}: the golden bytes are another commit");
    assert_eq!(encoded.bytes(), golden, "{name}: the commit is stored otherwise now");
    assert_eq!(encoded.hash(), hash(&golden));
}

#[test]
fn every_event_is_stored_in_its_golden_bytes() {
    assert_eq!(
        SCHEMA, 1,
        "a new schema needs golden files of its own beside those of the old ones"
    );
    for event in events() {
        let name = event.name();
        check(name, &commit(vec![event]));
    }
    for (name, event) in later_forms() {
        check(name, &commit(vec![event]));
    }
    check("without-events", &bare());
    check("authenticated", &authenticated());
}

#[test]
fn no_event_is_without_golden_bytes() {
    let samples: BTreeSet<_> = events().iter().map(Event::name).collect();
    assert_eq!(samples.len(), events().len(), "one sample an event");
    assert_eq!(samples, Event::NAMES.iter().copied().collect());
    let files: BTreeSet<_> = fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter_map(|name| name.strip_suffix(".v1.hex").map(str::to_owned))
        .collect();
    let later = later_forms().into_iter().map(|(name, _)| name);
    let expected =
        Event::NAMES.iter().copied().chain(later).chain(["without-events", "authenticated"]);
    assert_eq!(files, expected.map(str::to_owned).collect());
}

/// Fields are only added at the end of an event, so commits without them can still be read. The files in
/// `fixtures/log_before` are named after the event and the missing field.
#[test]
fn what_was_stored_before_a_field_was_added_still_reads() {
    let before = |name: &str| {
        let path = folder().join(format!("../log_before/{name}.hex"));
        decode(&from_hex(&fs::read_to_string(path).unwrap())).unwrap().events
    };
    let mut dispatched = of("InviteDispatched");
    if let Event::InviteDispatched { template, .. } = &mut dispatched {
        *template = None;
    }
    assert_eq!(before("InviteDispatched.template"), [dispatched]);
}
