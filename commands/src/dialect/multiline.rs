//! MultiLine: one row per account, keyed by e-mail address or device, with the vendor's columns.

use std::collections::BTreeMap;

use boarding_csv::{CellValue, Column, FileFormat, NoteRows, Row, trim};

use crate::settings::Settings;
use crate::user_file::{
    Cells, Dialect, ImportRules, RowValues, RunLimit, quoted, template_line, user_format,
};
use crate::values::{Code, Phone, UserKey, email};

/// The dialect `multiline`.
#[derive(Debug)]
pub(super) struct Multiline;

const FIRSTNAME: usize = 0;
const LASTNAME: usize = 1;
const ADDRESS: usize = 2;
const SOCIAL_MESSAGING: usize = 3;
const NUMBER: usize = 4;
const MONITOR_CALLS: usize = 5;
const MONITOR_SMS: usize = 6;
const FORWARDING_NUMBER: usize = 7;
const RESTRICT: usize = 8;
const LANGUAGE: usize = 9;
const PRIMARY_NUMBER: usize = 10;

/// The column that says who an account is.
const ACCOUNT_ADDRESS: &str = "email address or device";
/// The column of the number asked for.
const MULTILINE_NUMBER: &str = "multiline_number";
const RESTRICT_NAME: &str = "restrict_incoming_social_messaging";

/// The most accounts of one file; a longer file is rejected whole.
const ACCOUNTS_MAX: u64 = 1_000;
/// A forwarding number with its country code, in digits.
const FORWARDING_DIGITS: std::ops::RangeInclusive<usize> = 4..=18;

/// The Note row of the template: instructions. A Note row left in a file is ignored with a warning.
const NOTE: &str = "Note: delete this row before uploading. Fill in one row for each account, at most 1000. \
    social_messaging is Yes or No, monitor_calls auto or off, monitor_sms on or off.";

const fn column(name: &'static str, required: bool, example: &'static str) -> Column {
    Column { name, aliases: &[], required, example }
}

const COLUMNS: [Column; 11] = [
    Column { aliases: &["given name", "forename"], ..column("firstname", false, "Jane") },
    Column { aliases: &["surname", "family name"], ..column("lastname", false, "Doe") },
    Column {
        aliases: &[
            "email address",
            "email",
            "device",
            "email or device",
            "email or phone",
            "email address/device",
            "email/device",
        ],
        ..column(ACCOUNT_ADDRESS, true, "jane.doe@example.invalid")
    },
    column("social_messaging", true, "No"),
    column(MULTILINE_NUMBER, false, ""),
    column("monitor_calls", true, "auto"),
    column("monitor_sms", true, "on"),
    Column { aliases: &["forward number"], ..column("forwarding_number", false, "") },
    column(RESTRICT_NAME, false, ""),
    column("Language", false, "English"),
    // The text beside the vendor's table uses this name for `multiline_number`.
    column("primary_number", false, ""),
];

/// What a mandatory cell may hold, by its column.
const YES_NO: [&str; 2] = ["Yes", "No"];
const AUTO_OFF: [&str; 2] = ["auto", "off"];
const ON_OFF: [&str; 2] = ["on", "off"];

static FORMAT: FileFormat = FileFormat {
    row_limit: Some(ACCOUNTS_MAX),
    notes: Some(NoteRows { looks_like_note, is_data: is_device }),
    ..user_format(&COLUMNS)
};

impl Dialect for Multiline {
    fn name(&self) -> &'static str {
        "multiline"
    }

    fn format(&self) -> &'static FileFormat {
        &FORMAT
    }

    fn read(&self, cells: &mut Cells<'_>) -> RowValues {
        let (user, email, phone) = address(cells);
        let mut attributes = BTreeMap::new();
        let social = word(cells, SOCIAL_MESSAGING, &YES_NO);
        let restrict = restriction(cells, social);
        for (name, given) in [
            ("social_messaging", social.map(str::to_owned)),
            ("monitor_calls", word(cells, MONITOR_CALLS, &AUTO_OFF).map(str::to_owned)),
            ("monitor_sms", word(cells, MONITOR_SMS, &ON_OFF).map(str::to_owned)),
            ("forwarding_number", forwarding_number(cells)),
            (RESTRICT_NAME, restrict.map(str::to_owned)),
            ("language", language(cells)),
        ] {
            if given != CellValue::Absent {
                attributes.insert(name.to_owned(), given);
            }
        }
        RowValues {
            user,
            first_name: cells.person_name(FIRSTNAME),
            last_name: cells.person_name(LASTNAME),
            email,
            phone,
            number: number(cells),
            attributes,
            ..RowValues::default()
        }
    }

    fn spelling(&self, name: &'static str) -> &'static str {
        match name {
            "email" | "mobile" => ACCOUNT_ADDRESS,
            "number" => MULTILINE_NUMBER,
            other => other,
        }
    }

    fn withheld(&self, settings: &Settings) -> Vec<&'static str> {
        if settings.social_messaging { Vec::new() } else { vec![RESTRICT_NAME] }
    }

    /// The header, the Note row and an example row.
    fn template_for(&self, settings: &Settings) -> String {
        let withheld = self.withheld(settings);
        let shown =
            |column: &&Column| !withheld.contains(&column.name) && column.name != "primary_number";
        let columns: Vec<_> = COLUMNS.iter().filter(shown).collect();
        let names = template_line(columns.iter().map(|column| column.name));
        let example = template_line(columns.iter().map(|column| column.example));
        format!("{names}\r\n{}\r\n{example}\r\n", quoted(NOTE))
    }

    fn template(&self) -> String {
        self.template_for(&Settings::default())
    }
}

impl ImportRules for Multiline {
    fn run_limit(&self) -> RunLimit {
        RunLimit::Product(ACCOUNTS_MAX)
    }

    fn opens_accounts(&self) -> bool {
        true
    }
}

/// Whether the first cell is the word "note", alone or before a colon or a blank, and no cell is an address.
///
/// A sentence that begins so may also be the only filled cell of the row, in any column. The word alone may be a name.
fn looks_like_note(cells: &mut dyn Iterator<Item = &str>) -> bool {
    let mut filled = cells.map(trim).enumerate().filter(|(_, cell)| !cell.is_empty());
    let Some((column, first)) = filled.next() else { return false };
    let is_word = first.get(..4).is_some_and(|head| head.eq_ignore_ascii_case("note"));
    let behind = first.get(4..).and_then(|rest| rest.chars().next());
    let is_sentence = behind.is_some_and(|c| matches!(c, ':' | '：') || c.is_whitespace());
    let others: Vec<&str> = filled.map(|(_, cell)| cell).collect();
    let at_its_place = if column == 0 {
        is_sentence || behind.is_none()
    } else {
        is_sentence && others.is_empty()
    };
    is_word && at_its_place && others.iter().all(|cell| email::check(cell).is_err())
}

/// Whether the account is a device. Then a row that begins like a note is an account nevertheless.
fn is_device(row: &Row<'_>) -> bool {
    // A device may have lost its plus sign. The row is an account, and its problem says what is wrong.
    let mut cells = Cells::new(*row, true);
    matches!(cells.exact_phone(ADDRESS), CellValue::Value(Ok(_)))
}

/// Who the account is: an e-mail address, or the phone number of the device, in one spelling.
fn address(
    cells: &mut Cells<'_>,
) -> (Option<UserKey>, CellValue<String>, CellValue<Result<Phone, Code>>) {
    let none = (None, CellValue::Absent, CellValue::Absent);
    let looks_like_mail =
        matches!(cells.raw(ADDRESS), CellValue::Value(text) if text.contains('@'));
    if looks_like_mail {
        let Some(key) = cells.key(ADDRESS) else { return none };
        if let Err(why) = email::check(key.as_str()) {
            cells.problem_saying(ADDRESS, Code::FieldNotEmailOrPhone, why);
            return none;
        }
        let email = CellValue::Value(key.as_str().to_owned());
        return (Some(key), email, CellValue::Absent);
    }
    match cells.exact_phone(ADDRESS) {
        CellValue::Value(Ok(phone)) => {
            (Some(UserKey::new(&phone.to_string())), CellValue::Absent, CellValue::Value(Ok(phone)))
        }
        CellValue::Value(Err(not)) => {
            let code = match not.code {
                Code::PhoneInvalid => Code::FieldNotEmailOrPhone,
                other => other,
            };
            cells.phone_problem(ADDRESS, not, code);
            none
        }
        CellValue::Blank | CellValue::Absent => {
            cells.problem(ADDRESS, Code::FieldRequired);
            none
        }
    }
}

/// The requested number, from either of its two columns. Two different values are a conflict.
fn number(cells: &mut Cells<'_>) -> CellValue<Phone> {
    let mut read = |column: usize| match cells.exact_phone(column) {
        CellValue::Value(Ok(number)) => CellValue::Value(number),
        CellValue::Value(Err(not)) => {
            cells.phone_problem(column, not, not.code);
            CellValue::Absent
        }
        CellValue::Blank => CellValue::Blank,
        CellValue::Absent => CellValue::Absent,
    };
    let (number, primary) = (read(NUMBER), read(PRIMARY_NUMBER));
    match (number, primary) {
        (CellValue::Value(one), CellValue::Value(other)) if one != other => {
            cells.problem(NUMBER, Code::FieldConflict);
            CellValue::Absent
        }
        (CellValue::Value(one), _) | (_, CellValue::Value(one)) => CellValue::Value(one),
        (CellValue::Blank, _) | (_, CellValue::Blank) => CellValue::Blank,
        (CellValue::Absent, CellValue::Absent) => CellValue::Absent,
    }
}

/// 4 to 18 digits with the country code: longer and shorter than a phone number may be.
fn forwarding_number(cells: &mut Cells<'_>) -> CellValue<String> {
    match cells.digits(FORWARDING_NUMBER) {
        CellValue::Absent => return CellValue::Absent,
        CellValue::Blank => return CellValue::Blank,
        CellValue::Value(Ok(digits)) if FORWARDING_DIGITS.contains(&digits.len()) => {
            return CellValue::Value(format!("+{digits}"));
        }
        CellValue::Value(Ok(_)) => {
            cells.problem_saying(FORWARDING_NUMBER, Code::FieldLength, "4 to 18 digits");
        }
        CellValue::Value(Err(not)) => cells.phone_problem(FORWARDING_NUMBER, not, not.code),
    }
    CellValue::Absent
}

/// One of the words that a mandatory cell may hold.
fn word(cells: &mut Cells<'_>, column: usize, allowed: &[&'static str]) -> CellValue<&'static str> {
    cells.word(column, allowed).map_or(CellValue::Absent, CellValue::Value)
}

/// It restricts what `social_messaging` has enabled, and says nothing where that is not.
fn restriction(cells: &mut Cells<'_>, social: CellValue<&'static str>) -> CellValue<&'static str> {
    let given = cells.one_of(RESTRICT, &["true", "false"]);
    if matches!(given, CellValue::Value(_)) && social == CellValue::Value("No") {
        cells.warning(RESTRICT, Code::FieldIgnoredNotApplicable);
        return CellValue::Absent;
    }
    given
}

fn language(cells: &mut Cells<'_>) -> CellValue<String> {
    let languages = ["English", "Italian", "German", "French", "Spanish"];
    cells.one_of(LANGUAGE, &languages).map(str::to_owned)
}

#[cfg(test)]
mod tests;
