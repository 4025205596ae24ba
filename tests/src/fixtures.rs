//! The files in `fixtures/leapxpert`: made here, and checked to be what is committed.
//!
//! `UPDATE_FIXTURES=1 cargo test -p boarding-tests fixtures` writes them anew. What must come of each file
//! follows from how its rows were spoiled; no engine is asked.

mod file;
mod spoil;

use std::path::{Path, PathBuf};

use boarding_program::sample_data::{self, ORG_UNITS, ROLES};
use serde_json::{Value, json};

use self::file::{Expected, Look, Refused, SEED, SampleFile};
use self::spoil::{BAD_PHONES, BAD_ROWS};

/// What the company's limit is raised to where a file is larger than the default of 100 people.
const RAISED_LIMIT: u64 = 10_000;

/// Where the fixtures are, wherever the tests are run from.
fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures")
}

fn all_files() -> Vec<SampleFile> {
    vec![
        plain("people-5", 5, Look::UNIX),
        plain("people-100", 100, Look { bom: true, ..Look::EXCEL }),
        over_the_limit(),
        plain("people-10000", 10_000, Look::EXCEL).with_limit(RAISED_LIMIT),
        thirty_bad_rows(),
        first_demo(),
        second_demo(),
    ]
}

fn plain(name: &'static str, people: u64, look: Look) -> SampleFile {
    let mut file = SampleFile::new(name, look);
    (0..people).for_each(|n| file.good(n));
    file
}

/// LX-07: one person more than the default limit, so nobody is imported.
fn over_the_limit() -> SampleFile {
    let mut file = plain("people-101", 101, Look::EXCEL);
    file.refused = Some(Refused {
        code: "import.too_many_rows",
        details: json!({"limit": 100, "actual": 101, "legacy_code": 20001}),
    });
    file
}

/// 1,000 rows, 30 of which nobody comes from; beyond these, some people whose phone is not taken.
fn thirty_bad_rows() -> SampleFile {
    let mut file = SampleFile::new("people-1000-30-bad", Look::EXCEL).with_limit(RAISED_LIMIT);
    spread(&mut file, 20_000, 1_000, &BAD_ROWS, &BAD_PHONES);
    file
}

/// The first file of `boarding demo`.
fn first_demo() -> SampleFile {
    let look = Look { bom: true, spaced_phones: true, ..Look::EXCEL };
    let mut file = SampleFile::new("demo-1", look).with_limit(RAISED_LIMIT);
    let bad: Vec<_> = BAD_ROWS.iter().step_by(3).copied().collect();
    spread(&mut file, 30_000, 400, &bad, &BAD_PHONES[..4]);
    file
}

/// The second: 50 people of the first, some of them changed, and 100 new ones, as saved by another
/// program with other headings and blank lines at the end.
fn second_demo() -> SampleFile {
    let look = Look { friendly_header: true, blank_rows_at_end: 2, ..Look::UNIX };
    let mut file = SampleFile::new("demo-2", look).with_limit(RAISED_LIMIT).after("demo-1");
    let first = first_demo();
    let known = first.clean_people().into_iter().take(50);
    for (n, place) in known.zip(0..) {
        if place % 5 == 0 { file.known_and_changed(n) } else { file.known_and_unchanged(n) }
    }
    let bad: Vec<_> = BAD_ROWS.iter().skip(1).step_by(6).copied().collect();
    spread(&mut file, 40_000, 100, &bad, &BAD_PHONES[..2]);
    file
}

/// Adds `rows` rows of the people from `first` on, with the bad ones spread evenly among them.
fn spread(
    file: &mut SampleFile,
    first: u64,
    rows: u64,
    bad_rows: &[spoil::BadRow],
    bad_phones: &[spoil::BadPhone],
) {
    let every = rows / (bad_rows.len() + bad_phones.len() + 1) as u64;
    let (mut bad_rows, mut bad_phones) = (bad_rows.iter(), bad_phones.iter());
    for (n, place) in (first..).zip(1..=rows) {
        let bad_phone_next = place % (4 * every) == 0;
        if place % every != 0 {
            file.good(n);
        } else if let Some(bad) = bad_phone_next.then(|| bad_phones.next()).flatten() {
            file.bad_phone(n, bad);
        } else if let Some(bad) = bad_rows.next() {
            file.bad_row(n, bad);
        } else if let Some(bad) = bad_phones.next() {
            file.bad_phone(n, bad);
        } else {
            file.good(n);
        }
    }
    assert!(bad_rows.next().is_none() && bad_phones.next().is_none(), "a row found no place");
}

/// Compares with what is committed, or writes it if asked to.
fn check(path: &Path, made: &[u8]) {
    if std::env::var_os("UPDATE_FIXTURES").is_some() {
        std::fs::write(path, made).unwrap();
    }
    let kept = std::fs::read(path).unwrap_or_default();
    let same = kept == made;
    assert!(same, "{} differs from what is made; UPDATE_FIXTURES=1 writes it anew", path.display());
}

#[test]
fn the_committed_files_are_the_ones_made_here() {
    for file in all_files() {
        let folder = fixtures().join("leapxpert");
        check(&folder.join(format!("{}.csv", file.name)), &file.bytes());
        let expected = serde_json::to_string_pretty(&file.expected()).unwrap() + "\n";
        check(&folder.join(format!("{}.expected.json", file.name)), expected.as_bytes());
    }
}

#[test]
fn the_expected_counts_add_up() {
    for file in all_files() {
        for Expected { counts, rows, phones, .. } in file.expected().imports {
            let sum = counts.created + counts.updated + counts.unchanged + counts.skipped;
            assert_eq!(counts.total, sum + counts.duplicate + counts.invalid, "{}", file.name);
            let bad = rows.iter().filter(|row| matches!(row.outcome, "invalid" | "duplicate"));
            assert_eq!(counts.duplicate + counts.invalid, bad.count() as u64, "{}", file.name);
            assert_eq!(counts.phones_failed, phones.len() as u64, "{}", file.name);
        }
    }
}

#[test]
fn the_file_of_thirty_bad_rows_has_thirty() {
    let expected = thirty_bad_rows().expected();
    let counts = &expected.imports[0].counts;
    assert_eq!((counts.total, counts.created), (1_000, 970));
    assert_eq!(counts.duplicate + counts.invalid, 30);
    assert_eq!(counts.phones_failed, BAD_PHONES.len() as u64);
}

#[test]
fn a_large_file_is_what_the_benchmarks_write() {
    let mut streamed = Vec::new();
    sample_data::write_csv(&mut streamed, SEED, 10_000).unwrap();
    let file = plain("people-10000", 10_000, Look::EXCEL);
    assert!(streamed == file.bytes(), "write_csv writes another file than people-10000.csv");
}

/// Also: one of its teams has no role that lets a run select it, for the refusal to have an example.
#[test]
fn the_sample_company_knows_the_units_and_roles_of_its_people() {
    let text = std::fs::read_to_string(fixtures().join("company/acme.json")).unwrap();
    let commands: Vec<Value> = serde_json::from_str(&text).unwrap();
    let bodies = |name: &str| -> Vec<&Value> {
        commands.iter().filter(|c| c["command"] == name).map(|c| &c["body"]).collect()
    };
    let (units, roles) = (bodies("DefineOrgUnit"), bodies("DefineRole"));
    let may_integrate = |unit: &Value| {
        unit["roles"].as_array().into_iter().flatten().any(|held| {
            let role = roles.iter().find(|role| role["role"] == *held).unwrap();
            role["permissions"].as_array().unwrap().contains(&json!("bulk_integration"))
        })
    };
    for name in ORG_UNITS {
        let unit = units.iter().find(|unit| unit["org_unit"] == name).unwrap();
        assert_eq!(unit["level"], "team", "{name}");
        assert!(may_integrate(unit), "{name}");
    }
    for name in ROLES {
        assert!(roles.iter().any(|role| role["role"] == name), "{name}");
    }
    assert!(units.iter().any(|unit| unit["level"] == "team" && !may_integrate(unit)));
    for (place, unit) in units.iter().enumerate().skip(1) {
        let earlier = &units[..place];
        let parent = earlier.iter().find(|earlier| earlier["org_unit"] == unit["parent"]);
        assert!(parent.is_some(), "{}: its parent comes first", unit["org_unit"]);
    }
}

#[test]
fn the_sample_company_has_settings_that_are_taken() {
    let text = std::fs::read_to_string(fixtures().join("company/acme.json")).unwrap();
    let commands: Vec<Value> = serde_json::from_str(&text).unwrap();
    let asked = commands[0]["body"].as_object().unwrap();
    let settings = boarding_commands::settings::Settings::default();
    let changes = settings.check(asked).unwrap_or_else(|refusal| panic!("{refusal}"));
    for channel in ["channels.whatsapp", "channels.imessage"] {
        assert!(changes.contains(&(channel.to_owned(), json!(true))), "{channel}");
    }
}
