//! Generates the sample files of `fixtures/leapxpert` and compares them with the committed ones.
//!
//! `UPDATE_FIXTURES=1 cargo test -p boarding-tests sample_files` writes them. The expected results follow from
//! the faults that the generator put into the rows, without an engine.

mod faults;
mod file;

use std::path::Path;

use boarding_program::sample_data::{self, ORG_UNITS, ROLES};
use serde_json::{Value, json};

use crate::support::paths::fixtures;

use self::faults::{INVALID_PHONES, INVALID_ROWS};
use self::file::{Expected, FileStyle, Refused, SEED, SampleFile};

/// The company's limit for files with more than the default of 100 people.
const RAISED_LIMIT: u64 = 10_000;

fn all_files() -> Vec<SampleFile> {
    vec![
        plain("people-5", 5, FileStyle::UNIX),
        plain("people-100", 100, FileStyle { bom: true, ..FileStyle::EXCEL }),
        over_the_limit(),
        plain("people-10000", 10_000, FileStyle::EXCEL).with_limit(RAISED_LIMIT),
        with_thirty_invalid_rows(),
        first_demo(),
        second_demo(),
    ]
}

fn plain(name: &'static str, people: u64, style: FileStyle) -> SampleFile {
    let mut file = SampleFile::new(name, style);
    (0..people).for_each(|n| file.valid(n));
    file
}

/// LX-07: One person more than the default limit, so that the file is refused.
fn over_the_limit() -> SampleFile {
    let mut file = plain("people-101", 101, FileStyle::EXCEL);
    file.refused = Some(Refused {
        code: "import.too_many_rows",
        details: json!({"limit": 100, "actual": 101, "legacy_code": 20001}),
    });
    file
}

/// 1,000 rows, of which 30 create no user. Some other rows create a user whose phone is rejected.
fn with_thirty_invalid_rows() -> SampleFile {
    let mut file = SampleFile::new("people-1000-30-bad", FileStyle::EXCEL).with_limit(RAISED_LIMIT);
    spread(&mut file, 20_000, 1_000, &INVALID_ROWS, &INVALID_PHONES);
    file
}

/// The first file of `boarding demo`.
fn first_demo() -> SampleFile {
    let style = FileStyle { bom: true, spaced_phones: true, ..FileStyle::EXCEL };
    let mut file = SampleFile::new("demo-1", style).with_limit(RAISED_LIMIT);
    let invalid: Vec<_> = INVALID_ROWS.iter().step_by(3).copied().collect();
    spread(&mut file, 30_000, 400, &invalid, &INVALID_PHONES[..4]);
    file
}

/// The second file of `boarding demo`: 50 people of the first file, some of them changed, and 100 new people, as
/// saved by another program with other column names and blank rows at the end.
fn second_demo() -> SampleFile {
    let style = FileStyle { friendly_header: true, blank_rows_at_end: 2, ..FileStyle::UNIX };
    let mut file = SampleFile::new("demo-2", style).with_limit(RAISED_LIMIT).after("demo-1");
    let first = first_demo();
    let existing = first.created_people().into_iter().take(50);
    for (n, index) in existing.zip(0..) {
        if index % 5 == 0 { file.existing_changed(n) } else { file.existing_unchanged(n) }
    }
    let invalid: Vec<_> = INVALID_ROWS.iter().skip(1).step_by(6).copied().collect();
    spread(&mut file, 40_000, 100, &invalid, &INVALID_PHONES[..2]);
    file
}

/// Adds `rows` rows of the people from `first` on, and spreads the invalid ones evenly among them.
fn spread(
    file: &mut SampleFile,
    first: u64,
    rows: u64,
    invalid_rows: &[faults::InvalidRow],
    invalid_phones: &[faults::InvalidPhone],
) {
    let every = rows / (invalid_rows.len() + invalid_phones.len() + 1) as u64;
    let (mut invalid_rows, mut invalid_phones) = (invalid_rows.iter(), invalid_phones.iter());
    for (n, index) in (first..).zip(1..=rows) {
        let is_phone_next = index % (4 * every) == 0;
        if index % every != 0 {
            file.valid(n);
        } else if let Some(invalid) = is_phone_next.then(|| invalid_phones.next()).flatten() {
            file.invalid_phone(n, invalid);
        } else if let Some(invalid) = invalid_rows.next() {
            file.invalid_row(n, invalid);
        } else if let Some(invalid) = invalid_phones.next() {
            file.invalid_phone(n, invalid);
        } else {
            file.valid(n);
        }
    }
    assert!(
        invalid_rows.next().is_none() && invalid_phones.next().is_none(),
        "an invalid row is missing"
    );
}

/// Compares a generated file with the committed one. Writes it first if `UPDATE_FIXTURES` is set.
fn check(path: &Path, generated: &[u8]) {
    if std::env::var_os("UPDATE_FIXTURES").is_some() {
        std::fs::write(path, generated).unwrap();
    }
    let committed = std::fs::read(path).unwrap_or_default();
    let same = committed == generated;
    assert!(
        same,
        "{} differs from the generated file; UPDATE_FIXTURES=1 writes it",
        path.display()
    );
}

#[test]
fn committed_sample_files_equal_the_generated_ones() {
    for file in all_files() {
        let folder = fixtures().join("leapxpert");
        check(&folder.join(format!("{}.csv", file.name)), &file.bytes());
        let expected = serde_json::to_string_pretty(&file.expected()).unwrap() + "\n";
        check(&folder.join(format!("{}.expected.json", file.name)), expected.as_bytes());
    }
}

#[test]
fn expected_counts_add_up() {
    for file in all_files() {
        for Expected { counts, rows, phones, .. } in file.expected().imports {
            let sum = counts.created + counts.updated + counts.unchanged + counts.skipped;
            assert_eq!(counts.total, sum + counts.duplicate + counts.invalid, "{}", file.name);
            let invalid = rows.iter().filter(|row| matches!(row.outcome, "invalid" | "duplicate"));
            assert_eq!(counts.duplicate + counts.invalid, invalid.count() as u64, "{}", file.name);
            assert_eq!(counts.phones_failed, phones.len() as u64, "{}", file.name);
        }
    }
}

#[test]
fn file_with_thirty_invalid_rows_has_thirty() {
    let expected = with_thirty_invalid_rows().expected();
    let counts = &expected.imports[0].counts;
    assert_eq!((counts.total, counts.created), (1_000, 970));
    assert_eq!(counts.duplicate + counts.invalid, 30);
    assert_eq!(counts.phones_failed, INVALID_PHONES.len() as u64);
}

#[test]
fn large_sample_file_equals_the_file_of_the_benchmarks() {
    let mut streamed = Vec::new();
    sample_data::write_csv(&mut streamed, SEED, 10_000).unwrap();
    let file = plain("people-10000", 10_000, FileStyle::EXCEL);
    assert!(streamed == file.bytes(), "write_csv writes another file than people-10000.csv");
}

/// One team of the sample company has no role with the permission for runs, as an example of the refusal.
#[test]
fn sample_company_defines_the_units_and_roles_of_its_people() {
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
    for (index, unit) in units.iter().enumerate().skip(1) {
        let earlier = &units[..index];
        let parent = earlier.iter().find(|earlier| earlier["org_unit"] == unit["parent"]);
        assert!(parent.is_some(), "{}: its parent is not defined before it", unit["org_unit"]);
    }
}

#[test]
fn settings_of_the_sample_company_are_valid() {
    let text = std::fs::read_to_string(fixtures().join("company/acme.json")).unwrap();
    let commands: Vec<Value> = serde_json::from_str(&text).unwrap();
    let body = commands[0]["body"].as_object().unwrap();
    let settings = boarding_commands::settings::Settings::default();
    let changes = settings.check(body).unwrap_or_else(|refusal| panic!("{refusal}"));
    for channel in ["channels.whatsapp", "channels.imessage"] {
        assert!(changes.contains(&(channel.to_owned(), json!(true))), "{channel}");
    }
}
