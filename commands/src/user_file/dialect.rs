//! What a dialect is: how its files are read, and the rules of its imports.

use std::fmt::Debug;

use boarding_csv::{Column, FileFormat, same_name};

use super::cells::Cells;
use super::header_words::HEADER_WORDS;
use super::row::{RowValues, UserRef};
use crate::settings::Settings;
use crate::values::{Phone, Problem, UserKey};

/// The files of one product.
pub trait Dialect: ImportRules {
    /// The dialect's name in commands and events.
    fn name(&self) -> &'static str;

    /// The columns, quotes, notes and companion files.
    fn format(&self) -> &'static FileFormat;

    /// Reads the values of one row. Each check that fails adds a problem to `cells`.
    fn read(&self, cells: &mut Cells<'_>) -> RowValues;

    /// The dialect's column that holds this value of the model.
    fn spelling(&self, name: &'static str) -> &'static str {
        let has_name = |column: &&Column| {
            let mut names = column.aliases.iter().chain([&column.name]);
            names.any(|one| same_name(one, name))
        };
        self.format().columns.iter().find(has_name).map_or(name, |column| column.name)
    }

    /// The column of the phones that go to the corporate phone list, if the files have one.
    fn phone_column(&self) -> Option<&'static str> {
        let name = self.spelling("phone");
        self.format().column(name).map(|_| name)
    }

    /// Columns of a feature that the company has not enabled. A file with such a column is refused.
    fn withheld(&self, _settings: &Settings) -> Vec<&'static str> {
        Vec::new()
    }

    /// The template for a company with these settings.
    fn template_for(&self, _settings: &Settings) -> String {
        self.template()
    }

    /// A file to start from: the header and one example row. An import refuses the example row.
    fn template(&self) -> String {
        let columns = self.format().columns;
        let names = template_line(columns.iter().map(|column| column.name));
        let example = template_line(columns.iter().map(|column| column.example));
        format!("{names}\r\n{example}\r\n")
    }
}

/// How many people one run may invite.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum RunLimit {
    /// As many as the company's setting `bulk_integration_max_records` says.
    Setting,
    /// As many as the product allows, in people.
    Product(u64),
    /// As many as an import may have.
    Unlimited,
}

/// The rules of a dialect's imports: who is the same user, which rows are valid, what happens after.
pub trait ImportRules: Sync + Send + Debug {
    /// The key of the user that a row identifies by another value.
    fn known_as(&self, _row: &RowValues, _known: &dyn Known) -> Option<UserKey> {
        None
    }

    /// The problem of a key that the company's settings do not allow. The row then identifies no user.
    fn check_key(&self, _key: &UserKey, _settings: &Settings) -> Option<Problem> {
        None
    }

    /// The problems of a row that only the company's state shows, other than its org unit and roles.
    fn check(&self, _row: &RowValues, _known: &dyn Known) -> Vec<Problem> {
        Vec::new()
    }

    /// The attributes whose values are unique within a company.
    fn unique(&self) -> &'static [&'static str] {
        &[]
    }

    /// Whether every row of an existing user is a duplicate. Otherwise the import's options decide.
    fn existing_is_duplicate(&self) -> bool {
        false
    }

    /// How many users of this product one run may invite.
    fn run_limit(&self) -> RunLimit {
        RunLimit::Setting
    }

    /// Whether a file may have at most as many users as one run of the company.
    fn is_held_to_run_limit(&self) -> bool {
        false
    }

    /// Whether a row may refer to a user that a later row creates.
    fn refers_ahead(&self) -> bool {
        false
    }

    /// Whether an import may invite its users.
    fn invites(&self) -> bool {
        true
    }

    /// Whether the files have phone numbers.
    fn has_phones(&self) -> bool {
        true
    }

    /// Whether only users with a corporate phone can be invited.
    fn needs_corporate_phone(&self) -> bool {
        true
    }

    /// Whether a run sends a new link to a user whose link is still valid. Otherwise the user is skipped. The company's
    /// settings may say otherwise.
    fn supersedes_live_invitation(&self) -> bool {
        false
    }

    /// Whether the users are accounts of one organization, with numbers of the pool.
    fn opens_accounts(&self) -> bool {
        false
    }
}

/// The company's state as a row sees it, with the changes of the file's earlier rows.
pub trait Known {
    /// The user who has this value of a unique attribute.
    fn holder(&self, attribute: &str, value: &str) -> Option<UserKey>;

    /// Whether a row may refer to this user.
    fn may_refer_to(&self, other: &UserRef) -> bool;

    /// Whether the company's settings allow this text as a LAN ID or Agent ID.
    fn takes_id(&self, id: &str) -> bool;

    /// Whether the company has a role of this name.
    fn has_role(&self, role: &str) -> bool;

    /// Whether the company's settings allow this CRM name.
    fn takes_crm_name(&self, name: &str) -> bool;

    /// Whether the company's settings allow this greeting template.
    fn takes_greeting_template(&self, name: &str) -> bool;

    /// The level of the org unit of this name; none if there is no such unit.
    fn org_unit_level(&self, org_unit: &str) -> Option<Option<&str>>;
}

/// The format of a file of users. Only a value has an at sign or is a phone number, never a column's name.
pub(crate) const fn user_format(columns: &'static [Column]) -> FileFormat {
    FileFormat {
        words: HEADER_WORDS,
        is_value: |text| text.contains('@') || Phone::read(text, false).is_ok(),
        ..FileFormat::new(columns)
    }
}

/// A line of a template, without its line break.
pub(crate) fn template_line<'c>(cells: impl Iterator<Item = &'c str>) -> String {
    cells.map(quoted).collect::<Vec<_>>().join(",")
}

/// A cell of a template, in quotes if it needs them.
pub(crate) fn quoted(cell: &str) -> String {
    if cell.contains(['"', ',', '\r', '\n']) {
        format!("\"{}\"", cell.replace('"', "\"\""))
    } else {
        cell.to_owned()
    }
}
