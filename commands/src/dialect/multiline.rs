//! MultiLine: one row an account, keyed by e-mail address or device; columns as the vendor's table has them (ML-16).

use std::collections::BTreeMap;

use boarding_csv::{Column, FileFormat, Given, NoteRows, Row};

use super::{Dialect, ImportRules};
use crate::code::Code;
use crate::email;
use crate::id::UserKey;
use crate::phone::Phone;
use crate::settings::Settings;
use crate::user_file::{Cells, RowValues, quoted, template_line, user_format};

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

/// The most accounts of one file (ML-02).
const ACCOUNTS_MAX: u64 = 1_000;
/// A forwarding number with its country code, in digits.
const FORWARDING_DIGITS: std::ops::RangeInclusive<usize> = 4..=18;

/// The instructions of the template; a row that begins so is passed over (ML-08).
const NOTE: &str = "Note: delete this row before uploading. Fill in one row for each account, at most 1000. \
    social_messaging is Yes or No, monitor_calls auto or off, monitor_sms on or off.";

const fn column(name: &'static str, required: bool, example: &'static str) -> Column {
    Column { name, aliases: &[], required, example }
}

const COLUMNS: [Column; 11] = [
    Column { aliases: &["given name", "forename"], ..column("firstname", false, "Jane") },
    Column { aliases: &["surname", "family name"], ..column("lastname", false, "Doe") },
    Column {
        aliases: &["email address", "email", "device", "email or device", "email or phone"],
        ..column(ACCOUNT_ADDRESS, true, "jane.doe@example.invalid")
    },
    column("social_messaging", true, "No"),
    column(MULTILINE_NUMBER, false, ""),
    column("monitor_calls", true, "auto"),
    column("monitor_sms", true, "on"),
    Column { aliases: &["forward number"], ..column("forwarding_number", false, "") },
    column(RESTRICT_NAME, false, ""),
    column("Language", false, "English"),
    // The text beside the vendor's table calls the same thing so (A18).
    column("primary_number", false, ""),
];

/// What a mandatory cell may hold, by its column.
const YES_NO: [&str; 2] = ["Yes", "No"];
const AUTO_OFF: [&str; 2] = ["auto", "off"];
const ON_OFF: [&str; 2] = ["on", "off"];

static FORMAT: FileFormat = FileFormat {
    row_limit: Some(ACCOUNTS_MAX),
    notes: Some(NoteRows { looks_like_note, is_data: is_account }),
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
            if given != Given::Absent {
                attributes.insert(name.to_owned(), given);
            }
        }
        RowValues {
            user,
            first_name: cells.text(FIRSTNAME),
            last_name: cells.text(LASTNAME),
            email,
            phone,
            number: number(cells),
            attributes,
            ..RowValues::default()
        }
    }

    fn spelling(&self, name: &'static str) -> &'static str {
        match name {
            "email" => ACCOUNT_ADDRESS,
            "number" => MULTILINE_NUMBER,
            other => other,
        }
    }

    fn withheld(&self, settings: &Settings) -> Vec<&'static str> {
        if settings.social_messaging { Vec::new() } else { vec![RESTRICT_NAME] }
    }

    /// ML-07: the header and the Note row, beside the example.
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
    fn opens_accounts(&self) -> bool {
        true
    }
}

/// Whether a row begins with "note".
fn looks_like_note(cells: &mut dyn Iterator<Item = &str>) -> bool {
    let first = cells.map(str::trim).find(|cell| !cell.is_empty());
    let head = first.and_then(|cell| cell.get(..4));
    head.is_some_and(|head| head.eq_ignore_ascii_case("note"))
}

/// Whether every mandatory cell of a row is valid. Then a row that begins with "note" is an account all the same.
fn is_account(row: &Row<'_>) -> bool {
    // A device may have lost its plus sign. The row is an account, and its problem says what is wrong.
    let mut cells = Cells::new(*row, true);
    address(&mut cells).0.is_some()
        && cells.word(SOCIAL_MESSAGING, &YES_NO).is_some()
        && cells.word(MONITOR_CALLS, &AUTO_OFF).is_some()
        && cells.word(MONITOR_SMS, &ON_OFF).is_some()
}

/// Who the account is: an e-mail address, or the phone number of the device, in one spelling.
fn address(cells: &mut Cells<'_>) -> (Option<UserKey>, Given<String>, Given<Result<Phone, Code>>) {
    let none = (None, Given::Absent, Given::Absent);
    let looks_like_mail = matches!(cells.raw(ADDRESS), Given::Value(text) if text.contains('@'));
    if looks_like_mail {
        let Some(key) = cells.key(ADDRESS) else { return none };
        if let Err(why) = email::check(key.as_str()) {
            cells.problem_saying(ADDRESS, Code::FieldNotEmailOrPhone, why);
            return none;
        }
        let email = Given::Value(key.as_str().to_owned());
        return (Some(key), email, Given::Absent);
    }
    match cells.exact_phone(ADDRESS) {
        Given::Value(Ok(phone)) => {
            (Some(UserKey::new(&phone.to_string())), Given::Absent, Given::Value(Ok(phone)))
        }
        Given::Value(Err(Code::PhoneInvalid)) => {
            cells.problem(ADDRESS, Code::FieldNotEmailOrPhone);
            none
        }
        Given::Value(Err(code)) => {
            cells.problem(ADDRESS, code);
            none
        }
        Given::Blank | Given::Absent => {
            cells.problem(ADDRESS, Code::FieldRequired);
            none
        }
    }
}

/// The number asked for, under either of its names (A18).
fn number(cells: &mut Cells<'_>) -> Given<Phone> {
    let mut read = |column: usize| match cells.exact_phone(column) {
        Given::Value(Ok(number)) => Given::Value(number),
        Given::Value(Err(code)) => {
            cells.problem(column, code);
            Given::Absent
        }
        Given::Blank => Given::Blank,
        Given::Absent => Given::Absent,
    };
    let (number, primary) = (read(NUMBER), read(PRIMARY_NUMBER));
    match (number, primary) {
        (Given::Value(one), Given::Value(other)) if one != other => {
            cells.problem(NUMBER, Code::FieldConflict);
            Given::Absent
        }
        (Given::Value(one), _) | (_, Given::Value(one)) => Given::Value(one),
        (Given::Blank, _) | (_, Given::Blank) => Given::Blank,
        (Given::Absent, Given::Absent) => Given::Absent,
    }
}

/// 4 to 18 digits with the country code: longer and shorter than a phone number may be.
fn forwarding_number(cells: &mut Cells<'_>) -> Given<String> {
    match cells.digits(FORWARDING_NUMBER) {
        Given::Absent => return Given::Absent,
        Given::Blank => return Given::Blank,
        Given::Value(Ok(digits)) if FORWARDING_DIGITS.contains(&digits.len()) => {
            return Given::Value(format!("+{digits}"));
        }
        Given::Value(Ok(_)) => {
            cells.problem_saying(FORWARDING_NUMBER, Code::FieldLength, "4 to 18 digits");
        }
        Given::Value(Err(code)) => cells.problem(FORWARDING_NUMBER, code),
    }
    Given::Absent
}

/// One of the words that a mandatory cell may hold.
fn word(cells: &mut Cells<'_>, column: usize, allowed: &[&'static str]) -> Given<&'static str> {
    cells.word(column, allowed).map_or(Given::Absent, Given::Value)
}

/// It restricts what `social_messaging` has enabled, and says nothing where that is not.
fn restriction(cells: &mut Cells<'_>, social: Given<&'static str>) -> Given<&'static str> {
    let given = cells.one_of(RESTRICT, &["true", "false"]);
    if matches!(given, Given::Value(_)) && social == Given::Value("No") {
        cells.warning(RESTRICT, Code::FieldIgnoredNotApplicable);
        return Given::Absent;
    }
    given
}

fn language(cells: &mut Cells<'_>) -> Given<String> {
    let languages = ["English", "Italian", "German", "French", "Spanish"];
    cells.one_of(LANGUAGE, &languages).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use boarding_csv::{Limits, Options};

    use super::*;
    use crate::user_file::{FileError, ParsedRow, ReadOptions, rows, scan};

    const HEADER: &str = "firstname,lastname,email address or device,social_messaging,multiline_number,monitor_calls,monitor_sms,\
         forwarding_number,restrict_incoming_social_messaging,Language\n";

    fn read(text: &str) -> Vec<ParsedRow> {
        let (options, limits) = (ReadOptions::default(), Limits::default());
        rows(text.as_bytes(), &Multiline, &options, &limits).unwrap().map(Result::unwrap).collect()
    }

    #[track_caller]
    fn row(cells: &str) -> ParsedRow {
        let mut rows = read(&format!("{HEADER}{cells}\n"));
        assert_eq!(rows.len(), 1);
        rows.remove(0)
    }

    fn codes(row: &ParsedRow) -> Vec<(String, Code)> {
        row.problems.iter().map(|one| (one.column.clone().unwrap_or_default(), one.code)).collect()
    }

    #[track_caller]
    fn wrong(cells: &str, column: &str, code: Code) {
        assert_eq!(codes(&row(cells)), [(column.to_owned(), code)], "{cells}");
    }

    /// ML-16: every value of the table, in its canonical form (A21).
    #[test]
    fn ml_16_a_whole_row_is_read() {
        let row =
            row("Jane,Doe,Jane.Doe@Acme.com, YES ,+1 212 555 0001,AUTO,On,+49 30 1234,TRUE,german");
        assert_eq!((codes(&row), row.warnings.len()), (vec![], 0));
        let values = row.values;
        assert_eq!(values.user, Some(UserKey::new("Jane.Doe@Acme.com")));
        assert_eq!(values.email, Given::Value("Jane.Doe@Acme.com".to_owned()));
        assert_eq!(values.number, Given::Value(Phone::parse("+12125550001").unwrap()));
        let attribute = |name: &str| values.attributes[name].clone().value().unwrap();
        assert_eq!(attribute("social_messaging"), "Yes");
        assert_eq!(
            (attribute("monitor_calls"), attribute("monitor_sms")),
            ("auto".to_owned(), "on".to_owned())
        );
        assert_eq!(attribute("forwarding_number"), "+49301234");
        assert_eq!(attribute("restrict_incoming_social_messaging"), "true");
        assert_eq!(attribute("language"), "German");
    }

    /// ML-16: a device is known by its number, however that is spelled.
    #[test]
    fn ml_16_a_device_is_its_phone_number() {
        for spelling in ["+84 923 448 071", "0084923448071", "(+84)923-448-071"] {
            let row = row(&format!(",,{spelling},No,,off,off,,,"));
            assert_eq!(codes(&row), [], "{spelling}");
            assert_eq!(row.values.user, Some(UserKey::new("+84923448071")));
            assert_eq!(row.values.email, Given::Absent);
        }
    }

    /// ML-16: what is neither an address nor a number is no account.
    #[test]
    fn ml_16_what_is_neither_address_nor_phone_is_refused() {
        for bad in ["jane", "jane@acme", "a@x.com; b@x.com", "12", "84923448071"] {
            wrong(&format!(",,{bad},No,,off,off,,,"), ACCOUNT_ADDRESS, Code::FieldNotEmailOrPhone);
        }
        wrong(",, ,No,,off,off,,,", ACCOUNT_ADDRESS, Code::FieldRequired);
        wrong(",,8.4923E+10,No,,off,off,,,", ACCOUNT_ADDRESS, Code::PhoneScientificNotation);
    }

    /// ML-16, N70, N73: mandatory words are mandatory, and other words are named.
    #[test]
    fn n70_n73_words_that_are_not_allowed_are_refused_each() {
        let bad = row(",,j@acme.com,y,,on,auto,,maybe,Deutsch");
        let columns = [
            "social_messaging",
            "restrict_incoming_social_messaging",
            "monitor_calls",
            "monitor_sms",
            "Language",
        ];
        let mut found = codes(&bad);
        found.sort();
        let mut expected = columns.map(|column| (column.to_owned(), Code::FieldNotAllowed));
        expected.sort();
        assert_eq!(found, expected);
        assert!(bad.problems[0].message.contains("Yes, No"), "{}", bad.problems[0].message);
        let blank = row(",,j@acme.com,,,,,,,");
        let required = ["social_messaging", "monitor_calls", "monitor_sms"];
        assert_eq!(codes(&blank), required.map(|column| (column.to_owned(), Code::FieldRequired)));
        wrong(",,j@acme.com,No,,off,off,,,de", "Language", Code::FieldNotAllowed);
    }

    /// ML-16, N62: 4 to 18 digits, not those of a phone number.
    #[test]
    fn ml_16_a_forwarding_number_has_4_to_18_digits() {
        for good in ["4411", "+441", "123456789012345678"] {
            let row = row(&format!(",,j@acme.com,No,,off,off,{good},,"));
            let expected: &[Code] = if good == "+441" { &[Code::FieldLength] } else { &[] };
            assert_eq!(
                row.problems.iter().map(|one| one.code).collect::<Vec<_>>(),
                expected,
                "{good}"
            );
        }
        wrong(
            ",,j@acme.com,No,,off,off,1234567890123456789,,",
            "forwarding_number",
            Code::FieldLength,
        );
        wrong(",,j@acme.com,No,,off,off,12ab,,", "forwarding_number", Code::FieldNotNumber);
        wrong(
            ",,j@acme.com,No,,off,off,4.4E+11,,",
            "forwarding_number",
            Code::PhoneScientificNotation,
        );
    }

    /// ML-16, N51, N57, N61, N62: it is spelled as other phones are, and judged without its prefix.
    #[test]
    fn ml_16_a_forwarding_number_is_spelled_like_a_phone() {
        for (spelled, number) in [
            ("0044 20 7946 0958", "+442079460958"),
            ("tel:+44-20-7946-0958", "+442079460958"),
            ("00441234567890123456", "+441234567890123456"),
            ("＋４４１１", "+4411"),
        ] {
            let row = row(&format!(",,j@acme.com,No,,off,off,{spelled},,"));
            assert_eq!(codes(&row), [], "{spelled}");
            let read = row.values.attributes["forwarding_number"].clone();
            assert_eq!(read, Given::Value(number.to_owned()), "{spelled}");
        }
        for (spelled, code) in [
            ("0012", Code::FieldLength),
            ("001234567890123456789", Code::FieldLength),
            ("+44 (0) 20 7946 0958", Code::PhoneInvalid),
            ("44\u{200b}11", Code::FieldInvisibleCharacter),
            ("44\u{7}11", Code::FieldControlCharacter),
        ] {
            wrong(&format!(",,j@acme.com,No,,off,off,{spelled},,"), "forwarding_number", code);
            let row = row(&format!(",,j@acme.com,No,,off,off,{spelled},,"));
            assert_eq!(row.warnings, [], "{spelled}");
        }
    }

    /// ML-16: the restriction applies to social messaging only.
    #[test]
    fn ml_16_a_restriction_of_what_is_off_is_ignored_and_said() {
        let row = row(",,j@acme.com,No,,off,off,,true,");
        assert_eq!((codes(&row), row.warnings[0].code), (vec![], Code::FieldIgnoredNotApplicable));
        assert!(!row.values.attributes.contains_key("restrict_incoming_social_messaging"));
    }

    /// A18: `primary_number` is another name of `multiline_number`; two values are a conflict.
    #[test]
    fn a18_two_names_for_one_number_must_agree() {
        let file = |number: &str, primary: &str| {
            read(&format!(
                "email address or device,social_messaging,monitor_calls,monitor_sms,multiline_number,primary_number\n\
                 j@acme.com,No,off,off,{number},{primary}\n"
            ))
            .remove(0)
        };
        let number = Given::Value(Phone::parse("+12125550001").unwrap());
        for (one, other) in
            [("+12125550001", "+1 212-555-0001"), ("", "+12125550001"), ("+12125550001", "")]
        {
            assert_eq!(file(one, other).values.number, number, "{one} {other}");
        }
        assert_eq!(
            codes(&file("+12125550001", "+12125550002")),
            [(MULTILINE_NUMBER.to_owned(), Code::FieldConflict)]
        );
        assert_eq!(codes(&file("12", "")), [(MULTILINE_NUMBER.to_owned(), Code::PhoneInvalid)]);
    }

    /// ML-08, N39, A17: a Note is passed over wherever it stands; somebody called Note is somebody.
    #[test]
    fn ml_08_a_note_is_no_account_and_an_account_no_note() {
        let account = "Noteboom,Ann,ann@acme.com,No,,off,off,,,\n";
        for file in [
            format!("Note: fill this in\n{HEADER}{account}"),
            format!("{HEADER}\"NOTE:\nmonitor_calls is\nauto or off\",,,,,,,,,\n{account}"),
            format!("{HEADER},,note that a row is an account\n{account}"),
            format!(
                "Note: mandatory,social_messaging,monitor_calls,monitor_sms\n{HEADER}{account}"
            ),
            format!(
                "{HEADER}Note: mandatory are email, social_messaging, monitor_calls, monitor_sms\n{account}"
            ),
            format!("{HEADER}Note: fill in Yes, No, auto, off\n{account}"),
            // One `off` is not two: a mandatory cell is blank.
            format!("{HEADER}Note,Bok,bok@acme.com,No,,off,,,,\n{account}"),
        ] {
            let summary =
                scan(file.as_bytes(), &Multiline, &ReadOptions::default(), &Limits::default())
                    .unwrap();
            assert_eq!(
                (summary.rows, summary.warnings[0].code),
                (1, Code::CsvNoteRowIgnored),
                "{file}"
            );
        }
        let named = format!("Notes,{HEADER}x,{account}");
        assert_eq!(read(&named)[0].values.user, Some(UserKey::new("ann@acme.com")));
        let called = row("Note,Bok,bok@acme.com,No,,off,off,,,");
        assert_eq!(called.values.user, Some(UserKey::new("bok@acme.com")));
    }

    /// ML-02: 1000 accounts pass, 1001 do not; notes and blank rows do not count (N44).
    #[test]
    fn ml_02_a_file_holds_a_thousand_accounts() {
        let file = |count: usize| {
            let rows: Vec<_> =
                (0..count).map(|n| format!(",,u{n}@acme.com,No,,off,off,,,\n")).collect();
            format!("{HEADER}Note: here\n\n{}", rows.concat())
        };
        let scanned = |count| {
            scan(file(count).as_bytes(), &Multiline, &ReadOptions::default(), &Limits::default())
        };
        assert_eq!(scanned(1_000).unwrap().rows, 1_000);
        let Err(FileError::Refused(refusal)) = scanned(1_001) else { panic!() };
        assert_eq!(refusal.code, Code::ImportTooManyRows);
        assert_eq!(refusal.details, serde_json::json!({"limit": 1000, "actual": 1001}));
    }

    /// N71: the column of a feature that the company does not have refuses the file.
    #[test]
    fn n71_a_column_that_is_not_enabled_refuses_the_file() {
        let withheld = Multiline.withheld(&Settings::default());
        let csv = Options {
            withheld: withheld.iter().map(|name| (*name).to_owned()).collect(),
            ..Options::default()
        };
        let options = ReadOptions { csv, ..ReadOptions::default() };
        let file = format!("{HEADER},,j@acme.com,No,,off,off,,,\n");
        let Err(FileError::Refused(refusal)) =
            scan(file.as_bytes(), &Multiline, &options, &Limits::default())
        else {
            panic!()
        };
        assert_eq!(refusal.code, Code::CsvColumnNotEnabled);
        assert_eq!(refusal.details["columns"], serde_json::json!([RESTRICT_NAME]));
        let social = Settings { social_messaging: true, ..Settings::default() };
        assert!(Multiline.withheld(&social).is_empty());
        assert!(Multiline.template_for(&social).contains(RESTRICT_NAME));
        assert!(!Multiline.template().contains(RESTRICT_NAME));
    }
}
