//! Rows of MultiLine's files: addresses, devices, numbers, mandatory words, notes, limits.

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

/// ML-16, A21: every value of the vendor's table is read in its canonical form.
#[test]
fn values_of_a_row_are_read_in_canonical_form() {
    let row =
        row("Jane,Doe,Jane.Doe@Acme.com, YES ,+1 212 555 0001,AUTO,On,+49 30 1234,TRUE,german");
    assert_eq!((codes(&row), row.warnings.len()), (vec![], 0));
    let values = row.values;
    assert_eq!(values.user, Some(UserKey::new("Jane.Doe@Acme.com")));
    assert_eq!(values.email, CellValue::Value("Jane.Doe@Acme.com".to_owned()));
    assert_eq!(values.number, CellValue::Value(Phone::parse("+12125550001").unwrap()));
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

/// ML-16: a device is identified by its number, in any spelling.
#[test]
fn device_is_identified_by_its_phone_number() {
    for spelling in ["+84 923 448 071", "0084923448071", "(+84)923-448-071"] {
        let row = row(&format!(",,{spelling},No,,off,off,,,"));
        assert_eq!(codes(&row), [], "{spelling}");
        assert_eq!(row.values.user, Some(UserKey::new("+84923448071")));
        assert_eq!(row.values.email, CellValue::Absent);
    }
}

/// ML-16: a key that is neither an address nor a phone number is invalid.
#[test]
fn key_that_is_neither_address_nor_phone_is_invalid() {
    for bad in ["jane", "jane@acme", "a@x.com; b@x.com", "12", "84923448071"] {
        wrong(&format!(",,{bad},No,,off,off,,,"), ACCOUNT_ADDRESS, Code::FieldNotEmailOrPhone);
    }
    wrong(",, ,No,,off,off,,,", ACCOUNT_ADDRESS, Code::FieldRequired);
    wrong(",,8.4923E+10,No,,off,off,,,", ACCOUNT_ADDRESS, Code::PhoneScientificNotation);
}

/// ML-16, N70, N73: mandatory words are mandatory, and each word that is not allowed is named.
#[test]
fn each_word_that_is_not_allowed_is_named() {
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

/// ML-16, N62: a forwarding number has 4 to 18 digits, unlike a phone number.
#[test]
fn forwarding_number_has_4_to_18_digits() {
    for good in ["4411", "+441", "123456789012345678"] {
        let row = row(&format!(",,j@acme.com,No,,off,off,{good},,"));
        let expected: &[Code] = if good == "+441" { &[Code::FieldLength] } else { &[] };
        assert_eq!(row.problems.iter().map(|one| one.code).collect::<Vec<_>>(), expected, "{good}");
    }
    wrong(",,j@acme.com,No,,off,off,1234567890123456789,,", "forwarding_number", Code::FieldLength);
    wrong(",,j@acme.com,No,,off,off,12ab,,", "forwarding_number", Code::FieldNotNumber);
    wrong(",,j@acme.com,No,,off,off,4.4E+11,,", "forwarding_number", Code::PhoneScientificNotation);
}

/// ML-16, N51, N57, N61, N62: it has the spellings of a phone; its length counts without the prefix.
#[test]
fn forwarding_number_accepts_the_spellings_of_a_phone() {
    for (spelled, number) in [
        ("0044 20 7946 0958", "+442079460958"),
        ("tel:+44-20-7946-0958", "+442079460958"),
        ("00441234567890123456", "+441234567890123456"),
        ("＋４４１１", "+4411"),
    ] {
        let row = row(&format!(",,j@acme.com,No,,off,off,{spelled},,"));
        assert_eq!(codes(&row), [], "{spelled}");
        let read = row.values.attributes["forwarding_number"].clone();
        assert_eq!(read, CellValue::Value(number.to_owned()), "{spelled}");
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
fn restriction_without_social_messaging_is_ignored_with_a_warning() {
    let row = row(",,j@acme.com,No,,off,off,,true,");
    assert_eq!((codes(&row), row.warnings[0].code), (vec![], Code::FieldIgnoredNotApplicable));
    assert!(!row.values.attributes.contains_key("restrict_incoming_social_messaging"));
}

/// A18: `primary_number` is another name of `multiline_number`; two values are a conflict.
#[test]
fn different_values_of_both_number_columns_are_a_conflict() {
    let file = |number: &str, primary: &str| {
        read(&format!(
            "email address or device,social_messaging,monitor_calls,monitor_sms,multiline_number,primary_number\n\
             j@acme.com,No,off,off,{number},{primary}\n"
        ))
        .remove(0)
    };
    let number = CellValue::Value(Phone::parse("+12125550001").unwrap());
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

/// ML-08, N39, A17, A34: a Note is ignored at any position. A row with an address, or of another word, is an account.
#[test]
fn note_row_has_the_word_note_and_no_address() {
    let account = "Noteboom,Ann,ann@acme.com,No,,off,off,,,\n";
    for file in [
        format!("Note: fill this in\n{HEADER}{account}"),
        format!("{HEADER}\"NOTE:\nmonitor_calls is\nauto or off\",,,,,,,,,\n{account}"),
        format!("{HEADER}note that a row is an account\n{account}"),
        format!("Note: mandatory,social_messaging,monitor_calls,monitor_sms\n{HEADER}{account}"),
        format!(
            "{HEADER}Note: mandatory are email, social_messaging, monitor_calls, monitor_sms\n{account}"
        ),
        format!("{HEADER}Note: fill in Yes, No, auto, off\n{account}"),
        format!("{HEADER}Note,Bok,bok at acme,No,,off,,,,\n{account}"),
    ] {
        let summary =
            scan(file.as_bytes(), &Multiline, &ReadOptions::default(), &Limits::default()).unwrap();
        assert_eq!(
            (summary.rows, summary.warnings[0].code),
            (1, Code::CsvNoteRowIgnored),
            "{file}"
        );
    }
    let named = format!("Notes,{HEADER}x,{account}");
    assert_eq!(read(&named)[0].values.user, Some(UserKey::new("ann@acme.com")));
    for (cells, key) in [
        ("Note,Bok,bok@acme.com,No,,off,off,,,", "bok@acme.com"),
        // Its mandatory cells are wrong: the row is invalid, and does not vanish.
        ("Noteboom,Bok,bok@acme.com,No,,on,,,,", "bok@acme.com"),
        ("Note,Bok,bok@acme.com,No,,on,off,,,", "bok@acme.com"),
        ("Note,Bok,+84923448071,No,,on,off,,,", "+84923448071"),
    ] {
        assert_eq!(row(cells).values.user, Some(UserKey::new(key)), "{cells}");
    }
    for cells in ["Noteboom,Bok,nobody,No,,off,off,,,", ",note,,,,,,,,", "Notes: x,,,,,,,,,"] {
        assert!(!row(cells).problems.is_empty(), "{cells}");
    }
}

/// ML-02, N44: a file of 1000 accounts passes, of 1001 it does not. Notes and blank rows do not count.
#[test]
fn file_of_1001_accounts_is_rejected() {
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

/// N71: the column of a feature that the company does not have rejects the file.
#[test]
fn column_of_a_disabled_feature_rejects_the_file() {
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
