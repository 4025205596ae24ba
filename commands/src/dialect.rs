//! The products whose files are read: each is a list of columns and how a row of them is understood.

mod leapxpert;
mod mangoapps;
mod multiline;
mod ocm;
mod officechat;

use std::fmt::Debug;

use crate::code::Problem;
use crate::company::Company;
use crate::csv_file::{Cells, Manager, RowValues, same_name};
use crate::id::UserKey;
use crate::settings::Settings;

/// Every dialect, in the order people are shown them.
pub const ALL: &[&dyn Dialect] = &[
    &leapxpert::Leapxpert,
    &officechat::Officechat,
    &multiline::Multiline,
    &ocm::Ocm,
    &mangoapps::Mangoapps,
    // Whoever looks at the list looks for what was there yesterday: a new one comes last.
];

/// The attribute of an account that names its group of permissions.
pub(crate) const PERMISSION_GROUP: &str = "permission_group";

/// The dialect of that name.
pub fn find(name: &str) -> Option<&'static dyn Dialect> {
    ALL.iter().copied().find(|dialect| dialect.name() == name)
}

/// A column of a dialect's files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Column {
    /// The name that templates, problems and events use.
    pub name: &'static str,
    /// Other names it goes by. Case, blanks and punctuation never count, so only other words are listed.
    pub aliases: &'static [&'static str],
    /// Whether a file without it is refused.
    pub required: bool,
    /// What the template's example row has in it; addresses are at `example.invalid`, which is never imported.
    pub example: &'static str,
}

/// The company as a row finds it: what earlier rows of its file did is done.
pub trait Known {
    fn company(&self) -> &Company;

    /// Who has this value of an attribute that no two people share.
    fn holder(&self, attribute: &str, value: &str) -> Option<UserKey>;

    /// Whether a row may refer to this person (A23).
    fn may_refer_to(&self, other: &Manager) -> bool;
}

/// One of several files that a product takes together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    /// What it is called.
    pub name: &'static str,
    /// What its file's name has in it, without blanks and punctuation.
    pub word: &'static str,
    /// Its columns in the order of its template; the dialect's own columns where there are none.
    pub header: &'static [&'static str],
}

/// What a dialect says of a quote in a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OddQuote {
    Fine,
    Warning,
    Problem,
}

/// One product's files. Everything that is no matter of columns and their meaning is the same for all.
pub trait Dialect: Sync + Send + Debug {
    fn name(&self) -> &'static str;

    /// The columns, in the template's order; a column is known by its place in this list.
    fn columns(&self) -> &'static [Column];

    /// Reads the values of one row; what is wrong with them is noted in `cells`.
    fn read(&self, cells: &mut Cells<'_>) -> RowValues;

    /// The most data rows of one file, where the product has a limit of its own.
    fn row_limit(&self) -> Option<u64> {
        None
    }

    /// Whether a row begins as instructions do; such rows are passed over, but for the header and for
    /// whoever is somebody all the same.
    fn is_note(&self, _cells: &mut dyn Iterator<Item = &str>) -> bool {
        false
    }

    /// Whether a row that begins as instructions do is somebody.
    fn is_somebody(&self, _cells: &mut Cells<'_>) -> bool {
        false
    }

    /// What a bare quote within a value is (N19).
    fn stray_quote(&self) -> OddQuote {
        OddQuote::Warning
    }

    /// What a doubled quote within a quoted value is (N20).
    fn quote_in_value(&self) -> OddQuote {
        OddQuote::Fine
    }

    /// The columns that people are known by, where any one of them will do: a file without all of them is refused.
    fn key_columns(&self) -> &'static [usize] {
        &[]
    }

    /// The key of the person whom a row names by something else.
    fn known_as(&self, _row: &RowValues, _known: &dyn Known) -> Option<UserKey> {
        None
    }

    /// What is wrong with a key by the company's settings; a row without a usable key names nobody.
    fn check_key(&self, _key: &UserKey, _settings: &Settings) -> Option<Problem> {
        None
    }

    /// What makes a row invalid that only the company can tell, beyond its org unit and roles.
    fn check(&self, _row: &RowValues, _known: &dyn Known) -> Vec<Problem> {
        Vec::new()
    }

    /// Those of its attributes whose values no two people of a company share.
    fn unique(&self) -> &'static [&'static str] {
        &[]
    }

    /// Whether a row that names somebody who exists is a duplicate, whatever else it says (A25).
    fn existing_is_duplicate(&self) -> bool {
        false
    }

    /// The files that are taken together, the one with the people first; none where that is the only one.
    fn parts(&self) -> &'static [Part] {
        &[]
    }

    /// The name of the dialect's column that holds what the model calls so.
    fn spelling(&self, name: &'static str) -> &'static str {
        let goes_by = |column: &&Column| {
            let mut names = column.aliases.iter().chain([&column.name]);
            names.any(|one| same_name(one, name))
        };
        self.columns().iter().find(goes_by).map_or(name, |column| column.name)
    }

    /// Whether a file has no more people than one run of the company may have (LX-07, A1).
    fn is_held_to_run_limit(&self) -> bool {
        false
    }

    /// Whether its rows name people whom later rows may create: who they are is read before the rows.
    fn refers_ahead(&self) -> bool {
        false
    }

    /// Whether its people can be invited by an import of them.
    fn invites(&self) -> bool {
        true
    }

    /// Whether its files have phones in them.
    fn has_phones(&self) -> bool {
        true
    }

    /// Whether its people can be invited only with a corporate phone (LX-28).
    fn needs_corporate_phone(&self) -> bool {
        true
    }

    /// Whether a further run sends a new link to people whose link still lives, unless the company says
    /// otherwise (A11); else they are skipped.
    fn supersedes_live_invitation(&self) -> bool {
        false
    }

    /// Whether its people are accounts of one organization, with numbers of the pool.
    fn opens_accounts(&self) -> bool {
        false
    }

    /// Columns that belong to a feature which the company does not have: a file with one of them is refused.
    fn withheld(&self, _settings: &Settings) -> Vec<&'static str> {
        Vec::new()
    }

    /// The template as it is for a company with these settings.
    fn template_for(&self, _settings: &Settings) -> String {
        self.template()
    }

    /// A file to start from: the header and one example row, which is refused if it is left in (N40).
    fn template(&self) -> String {
        let line = |cell: fn(&Column) -> &'static str| line_of(self.columns().iter(), cell);
        format!("{}\r\n{}\r\n", line(|column| column.name), line(|column| column.example))
    }
}

/// A line of a template.
fn line_of<'c>(
    columns: impl Iterator<Item = &'c Column>,
    cell: fn(&Column) -> &'static str,
) -> String {
    columns.map(|column| quoted(cell(column))).collect::<Vec<_>>().join(",")
}

fn quoted(cell: &str) -> String {
    if cell.contains(['"', ',', '\r', '\n']) {
        format!("\"{}\"", cell.replace('"', "\"\""))
    } else {
        cell.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::code::Code;
    use crate::csv_file::{Limits, Options, rows, scan};

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
            for column in dialect.columns() {
                for name in column.aliases.iter().chain([&column.name]) {
                    let plain: String = name.chars().filter(|c| c.is_alphanumeric()).collect();
                    assert!(seen.insert(plain.to_lowercase()), "{}: {name}", dialect.name());
                }
            }
        }
    }

    /// N40: the template is a good file, but its example person is never created.
    #[test]
    fn n40_every_template_reads_well_and_its_example_row_is_refused() {
        let (options, limits) = (Options::default(), Limits::default());
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
}
