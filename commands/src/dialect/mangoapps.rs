//! MangoApps, the form Office Chat has grown into: more columns, people known by an employee ID, and some who leave.
//!
//! It follows the public help of the vendor: `DELETED` archives a person, and a file never restores one. Approval of
//! rows and fetched files are not supported. Values of further columns are stored as attributes.

use std::collections::BTreeMap;

use boarding_csv::{CellValue, Column, FileFormat, QuoteRule};

use crate::user_file::{
    Cells, Dialect, ImportRules, Known, RowValues, RunLimit, UserRef, user_format,
};
use crate::values::{Code, UserKey};

/// The dialect `mangoapps`.
#[derive(Debug)]
pub(super) struct Mangoapps;

const NAME: usize = 0;
const FIRSTNAME: usize = 1;
const LASTNAME: usize = 2;
const LOGIN: usize = 3;
const EMPLOYEE_ID: usize = 4;
const TITLE: usize = 5;
const MOBILE: usize = 6;
const MANAGER: usize = 7;
const ORGANIZATION: usize = 8;
const PHONE: usize = 9;
const DESKTOP_EXTENSION: usize = 10;
const DOB: usize = 11;
const GENDER: usize = 12;
const LOCALE: usize = 13;
const OFFICE_LOCATIONS: usize = 14;
const ENABLED: usize = 15;

const fn column(
    name: &'static str,
    aliases: &'static [&'static str],
    example: &'static str,
) -> Column {
    Column { name, aliases, required: false, example }
}

const COLUMNS: [Column; 16] = [
    column("name", &["full name", "display name"], "Jane Doe"),
    column("firstname", &["given name", "forename"], "Jane"),
    column("lastname", &["surname", "family name"], "Doe"),
    column(
        "email/login",
        &["email", "login", "email address", "email or login", "login id"],
        "jane.doe@example.invalid",
    ),
    column("employee id", &["employee number"], "E1001"),
    column("title", &["job title"], "Director"),
    column("mobile", &["mobile number", "mobile phone"], "+84923448071"),
    column("manager", &["manager email", "manager login"], "john.roe@example.invalid"),
    column("organization", &[], "Sales"),
    column("phone", &["office phone", "work phone"], "+84 24 3936 0001"),
    column("desktop_extension", &["extension"], "4711"),
    column("dob", &["date of birth"], ""),
    column("gender", &[], ""),
    column("locale", &[], "en"),
    column("Office Locations", &["office location"], "Hanoi"),
    column("Enabled", &[], "TRUE"),
];

/// The unique attributes besides the key.
const ID_ATTRIBUTE: &str = "employee_id";
/// The longest employee ID, in characters.
const MAX_ID_CHARS: usize = 64;

/// Columns that are kept as they are written, by the names of their attributes.
const KEPT: [(&str, usize); 9] = [
    ("title", TITLE),
    ("manager", MANAGER),
    ("organization", ORGANIZATION),
    ("phone", PHONE),
    ("desktop_extension", DESKTOP_EXTENSION),
    ("dob", DOB),
    ("gender", GENDER),
    ("locale", LOCALE),
    ("office_locations", OFFICE_LOCATIONS),
];

/// Beside Office Chat's two words, the one for people who are gone.
const DELETED: &str = "DELETED";

static FORMAT: FileFormat = FileFormat {
    key_columns: &[LOGIN, EMPLOYEE_ID],
    stray_quote: QuoteRule::Problem,
    quote_in_value: QuoteRule::Warning,
    ..user_format(&COLUMNS)
};

impl Dialect for Mangoapps {
    fn name(&self) -> &'static str {
        "mangoapps"
    }

    fn format(&self) -> &'static FileFormat {
        &FORMAT
    }

    /// The column "phone" is the phone of the office.
    fn phone_column(&self) -> Option<&'static str> {
        COLUMNS.get(MOBILE).map(|column| column.name)
    }

    fn read(&self, cells: &mut Cells<'_>) -> RowValues {
        let employee_id = cells.id(EMPLOYEE_ID, MAX_ID_CHARS);
        let (user, email) = who(cells, &employee_id);
        let state = cells.one_of(ENABLED, &["TRUE", "FALSE", DELETED]).value();
        let first_name = cells.person_name(FIRSTNAME);
        let last_name = cells.person_name(LASTNAME);
        let phone = cells.phone(MOBILE);
        let mut attributes: BTreeMap<_, _> =
            KEPT.iter().map(|(name, column)| ((*name).to_owned(), cells.text(*column))).collect();
        attributes.insert("name".to_owned(), cells.person_name(NAME));
        attributes.insert(ID_ATTRIBUTE.to_owned(), employee_id);
        let manager = match attributes.get("manager") {
            Some(CellValue::Value(key)) => Some(UserRef::named(UserKey::new(key))),
            _ => None,
        };
        RowValues {
            user,
            first_name,
            last_name,
            email,
            phone,
            enabled: state.filter(|word| *word != DELETED).map(|word| word == "TRUE"),
            archived: state == Some(DELETED),
            manager,
            attributes,
            ..RowValues::default()
        }
    }
}

impl ImportRules for Mangoapps {
    fn run_limit(&self) -> RunLimit {
        RunLimit::Unlimited
    }

    /// A row without an address or login means the person with its employee ID.
    fn known_as(&self, row: &RowValues, known: &dyn Known) -> Option<UserKey> {
        let Some(CellValue::Value(id)) = row.attributes.get(ID_ATTRIBUTE) else { return None };
        let named_by_it = row.user.as_ref()?.folded() == UserKey::new(id).folded();
        named_by_it.then(|| known.holder(ID_ATTRIBUTE, id)).flatten()
    }

    fn unique(&self) -> &'static [&'static str] {
        &[ID_ATTRIBUTE]
    }

    fn refers_ahead(&self) -> bool {
        true
    }

    fn needs_corporate_phone(&self) -> bool {
        false
    }
}

/// The key is the address or login, and the employee ID where there is none.
fn who(
    cells: &mut Cells<'_>,
    employee_id: &CellValue<String>,
) -> (Option<UserKey>, CellValue<String>) {
    if let CellValue::Value(_) = cells.raw(LOGIN) {
        return cells.email_or_login(LOGIN);
    }
    match employee_id {
        CellValue::Value(_) if cells.refuse_null_word(EMPLOYEE_ID) => (None, CellValue::Absent),
        CellValue::Value(id) => (Some(UserKey::new(id)), CellValue::Absent),
        CellValue::Blank | CellValue::Absent => {
            // What is wrong with an ID that stands there is said already.
            if !matches!(cells.raw(EMPLOYEE_ID), CellValue::Value(_)) {
                cells.problem(LOGIN, Code::FieldRequired);
            }
            (None, CellValue::Absent)
        }
    }
}

#[cfg(test)]
mod tests {
    use boarding_csv::Limits;

    use super::*;
    use crate::decide::ImportRows;
    use crate::decide::imports::import_file::testing::{accepted, import_id};
    use crate::decide::testing::{Given as Story, given};
    use crate::event::{Event, Existing, RowOutcome};
    use crate::user_file::{ParsedRow, ReadOptions, rows};

    fn read(text: &str) -> Vec<ParsedRow> {
        let (options, limits) = (ReadOptions::default(), Limits::default());
        rows(text.as_bytes(), &Mangoapps, &options, &limits).unwrap().map(Result::unwrap).collect()
    }

    /// A company that has accepted a file of so many rows which updates people.
    fn company(total: u64) -> Story {
        let mut file = accepted(total, false, Existing::Update);
        if let Event::ImportAccepted { options, .. } = &mut file {
            options.dialect = "mangoapps".to_owned();
        }
        given([file])
    }

    fn import(text: &str) -> ImportRows {
        ImportRows::alone(import_id(), read(text))
    }

    /// N67, N68: Enabled is one of three words, in any case. Blank says nothing, and other words are invalid.
    #[test]
    fn enabled_column_accepts_deleted() {
        let parsed = |word: &str| {
            let row = read(&format!("email/login,Enabled\nann,{word}\n")).remove(0);
            (row.values.enabled, row.values.archived, row.problems.len())
        };
        assert_eq!(parsed("true"), (Some(true), false, 0));
        assert_eq!(parsed("FALSE"), (Some(false), false, 0));
        assert_eq!(parsed("Deleted "), (None, true, 0));
        assert_eq!(parsed(""), (None, false, 0));
        assert_eq!(parsed("gone"), (None, false, 1));
    }

    /// The same person by address and by employee ID, in the same commit and a later one.
    #[test]
    fn employee_id_names_the_person_who_has_it() {
        let header = "email/login,employee id,title,Enabled\n";
        let first = format!("{header}ann@acme.example,E1,Clerk,TRUE\n,e1,Boss,\n,E2,Clerk,\n");
        let events = company(4).when(import(&first)).events();
        let outcomes: Vec<_> = events.iter().filter_map(Event::row).map(|(one, _)| one).collect();
        assert_eq!(outcomes, [RowOutcome::Created, RowOutcome::Duplicate, RowOutcome::Created]);
        let after = company(4).after(import(&first));
        let (_, two) = after.0.users.created("E2").unwrap();
        assert_eq!(two.person().attributes["employee_id"], "E2");
        let taken = format!("{header}x,X1,,\nx,X1,,\nx,X1,,\nbob@acme.example,E1,,\n");
        let events = after.when(import(&taken)).events();
        let Some(Event::RowRefused { problems, .. }) = events.first() else { panic!("{events:?}") };
        assert_eq!(problems[0].code, Code::FieldNotUnique);
        assert_eq!(problems[0].column.as_deref(), Some("employee id"));
    }

    /// `DELETED` archives an existing person, ignores other values, and creates no one.
    #[test]
    fn deleted_people_are_archived() {
        let header = "email/login,title,Enabled\n";
        let both = format!("{header}ann@acme.example,Clerk,TRUE\nbob@acme.example,Clerk,DELETED\n");
        let then = company(2).when(import(&both));
        assert_eq!(then.names(), ["UserCreated", "RowRefused", "ImportCompleted"]);
    }

    #[test]
    fn one_of_the_two_keys_must_be_a_column() {
        let (options, limits) = (ReadOptions::default(), Limits::default());
        let refused = rows(&b"name,Enabled\nAnn,TRUE\n"[..], &Mangoapps, &options, &limits);
        let Err(crate::user_file::FileError::Refused(refusal)) = refused else { panic!() };
        assert_eq!(refusal.code, Code::CsvMissingColumn);
        assert!(rows(&b"employee id\nE1\n"[..], &Mangoapps, &options, &limits).is_ok());
    }
}
