//! The products whose files are read: one file each, and the list of them.

mod leapxpert;
mod mangoapps;
mod multiline;
mod ocm;
mod officechat;

use boarding_csv::Limits;
use serde_json::json;

use crate::event::Person;
use crate::schema::{json_schema, scalar};
pub use crate::user_file::{Dialect, ImportRules, Known, RunLimit};
use crate::user_file::{FileError, ParsedRow, ReadOptions, rows, template_line};
use crate::values::{Code, Refusal};

/// Every dialect, in the order in which people see them. A new dialect comes last.
pub const ALL: &[&dyn Dialect] = &[
    &leapxpert::Leapxpert,
    &officechat::Officechat,
    &multiline::Multiline,
    &ocm::Ocm,
    &mangoapps::Mangoapps,
];

/// The attribute of an account that names its group of permissions.
pub const PERMISSION_GROUP: &str = "permission_group";

/// The name of a dialect, in the contract's JSON Schema.
#[derive(Debug, Clone, Copy)]
pub struct DialectName;

scalar! {
    DialectName, "DialectName": json_schema!({"type": "string", "enum": names()});
}

fn names() -> Vec<&'static str> {
    ALL.iter().map(|dialect| dialect.name()).collect()
}

/// The dialect of that name.
pub fn find(name: &str) -> Option<&'static dyn Dialect> {
    ALL.iter().copied().find(|dialect| dialect.name() == name)
}

/// The dialect of that name.
///
/// # Errors
/// `import.unknown_dialect`, with the known names.
pub fn known(name: &str) -> Result<&'static dyn Dialect, Refusal> {
    find(name).ok_or_else(|| {
        let known = names();
        Refusal::new(Code::ImportUnknownDialect)
            .saying(&known.join(", "))
            .hinting(name, known.iter().copied())
            .with(json!({"known": known}))
    })
}

/// Reads one row of a dialect from its cells, as a file with these columns would be read.
///
/// # Errors
/// The refusal of such a file.
pub(crate) fn read_one(
    dialect: &dyn Dialect,
    cells: &[(&str, &str)],
    assume_plus: bool,
) -> Result<ParsedRow, Refusal> {
    let names = template_line(cells.iter().map(|(name, _)| *name));
    let values = template_line(cells.iter().map(|(_, value)| *value));
    let text = format!("{names}\n{values}\n");
    let options = ReadOptions { assume_plus, ..ReadOptions::default() };
    let mut read = rows(text.as_bytes(), dialect, &options, &Limits::default()).map_err(refused)?;
    match read.next() {
        Some(row) => row.map_err(refused),
        None => Err(Code::ImportHeaderOnly.into()),
    }
}

fn refused(error: FileError) -> Refusal {
    match error {
        FileError::Refused(refusal) => refusal,
        // A text in memory is always readable.
        FileError::Io(error) => Refusal::new(Code::EnvelopeMalformed).saying(&error.to_string()),
    }
}

/// Whether the values of this attribute are unique within a company: one dialect is enough.
pub(crate) fn is_unique(attribute: &str) -> bool {
    ALL.iter().any(|one| one.unique().contains(&attribute))
}

/// The values of a person that are unique within a company, with their attributes.
pub(crate) fn unique_values(person: &Person) -> impl Iterator<Item = (&str, &str)> {
    let values = person.attributes.iter().filter(|(name, _)| is_unique(name));
    values.map(|(name, value)| (name.as_str(), value.as_str()))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::user_file::scan;

    #[test]
    fn every_dialect_is_found_by_its_name() {
        for dialect in ALL {
            assert_eq!(find(dialect.name()).unwrap().name(), dialect.name());
        }
        assert!(find("unknown").is_none());
    }

    #[test]
    fn no_two_columns_of_a_dialect_share_a_name() {
        for dialect in ALL {
            let mut seen = HashSet::new();
            for column in dialect.format().columns {
                for name in column.aliases.iter().chain([&column.name]) {
                    let plain: String = name.chars().filter(|c| c.is_alphanumeric()).collect();
                    assert!(seen.insert(plain.to_lowercase()), "{}: {name}", dialect.name());
                }
            }
        }
    }

    /// P17: the rule finds the holder of a unique value only if the fold indexes the attribute.
    #[test]
    fn the_fold_indexes_every_unique_attribute() {
        for dialect in ALL {
            for attribute in dialect.unique() {
                let is_indexed = crate::company::INDEXED.contains(attribute);
                assert!(is_indexed, "{}: {attribute}", dialect.name());
            }
        }
    }

    /// N40: each template is a valid file, but its example person is never created.
    #[test]
    fn example_row_of_every_template_is_rejected() {
        let (options, limits) = (ReadOptions::default(), Limits::default());
        for dialect in ALL {
            let template = dialect.template();
            let summary = scan(template.as_bytes(), *dialect, &options, &limits).unwrap();
            let only_notes = summary.warnings.iter().all(|one| one.code == Code::CsvNoteRowIgnored);
            assert!(summary.rows == 1 && only_notes, "{:?}", summary.warnings);
            let mut read = rows(template.as_bytes(), *dialect, &options, &limits).unwrap();
            let row = read.next().unwrap().unwrap();
            assert_eq!(row.problems.len(), 1);
            let never_taken =
                [Code::FieldInvalidEmail, Code::FieldSpecialCharacters, Code::FieldNotEmailOrPhone];
            assert!(never_taken.contains(&row.problems[0].code), "{}", dialect.name());
        }
    }

    /// The values of the template's example row.
    fn example(dialect: &dyn Dialect) -> crate::user_file::RowValues {
        let (options, limits) = (ReadOptions::default(), Limits::default());
        let template = dialect.template();
        let mut read = rows(template.as_bytes(), dialect, &options, &limits).unwrap();
        read.next().unwrap().unwrap().values
    }

    #[test]
    fn every_dialect_reads_all_columns_of_its_example() {
        use boarding_csv::CellValue;
        let text = |text: &str| CellValue::Value(text.to_owned());
        for dialect in ALL {
            let (name, values) = (dialect.name(), example(*dialect));
            let first = if name == "ocm" { "John" } else { "Jane" };
            assert_eq!(
                (&values.first_name, &values.last_name),
                (&text(first), &text("Doe")),
                "{name}"
            );
            let phone = match name {
                "ocm" | "multiline" => CellValue::Absent,
                _ => CellValue::Value(Ok(crate::values::Phone::parse("+84923448071").unwrap())),
            };
            assert_eq!(values.phone, phone, "{name}");
        }
        let values = example(find("leapxpert").unwrap());
        let roles = CellValue::Value(vec!["User".to_owned()]);
        assert_eq!((values.org_unit, values.roles), (text("Sales"), roles));
        let values = example(find("officechat").unwrap());
        assert_eq!(values.manager.unwrap().key.as_str(), "john.roe@example.invalid");
        let expected =
            [("manager", "john.roe@example.invalid"), ("name", "Jane Doe"), ("title", "Director")];
        let expected = expected.map(|(name, value)| (name.to_owned(), text(value)));
        assert_eq!(values.attributes, expected.into());
        let values = example(find("mangoapps").unwrap());
        assert_eq!(values.manager.unwrap().key.as_str(), "john.roe@example.invalid");
    }

    #[test]
    fn unknown_dialect_is_refused_with_the_known_ones() {
        let refusal = known("leapexpert").unwrap_err();
        let names: Vec<_> = ALL.iter().map(|dialect| dialect.name()).collect();
        assert_eq!(refusal.details["known"], serde_json::json!(names));
        assert!(refusal.message.contains("leapxpert"), "{}", refusal.message);
        assert!(known("leapxpert").is_ok());
    }

    #[test]
    fn plain_dialect_has_one_template_for_all_settings() {
        let settings = crate::settings::Settings::default();
        let leapxpert = find("leapxpert").unwrap();
        assert_eq!(leapxpert.template_for(&settings), leapxpert.template());
        assert!(leapxpert.withheld(&settings).is_empty());
    }

    #[test]
    fn columns_are_named_in_the_spelling_of_their_dialect() {
        let spelling = |dialect: &str, name| find(dialect).unwrap().spelling(name);
        assert_eq!(spelling("multiline", "email"), spelling("multiline", "mobile"));
        assert_eq!(spelling("multiline", "number"), "multiline_number");
        assert_eq!(spelling("multiline", "firstname"), "firstname");
        assert_eq!(find("mangoapps").unwrap().phone_column(), Some("mobile"));
        assert_eq!(find("ocm").unwrap().phone_column(), None);
    }
}
