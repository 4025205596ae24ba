//! Marks that spreadsheets, databases and wrong encodings leave in a cell.

/// Spreadsheet errors of several languages that do not end with a mark.
const ERRORS: [&str; 5] = ["#N/A", "#NV", "#N/D", "#ND", "#GETTING_DATA"];
/// Words that a database or a program writes for an empty value, in exactly this spelling. A person may be called Null.
const NULL_WORDS: [&str; 15] = [
    "NULL",
    "null",
    "(null)",
    "(NULL)",
    "<null>",
    "<NULL>",
    "[null]",
    "[NULL]",
    "NaN",
    "undefined",
    "UNDEFINED",
    "#NULL",
    "nil",
    "None",
    "NONE",
];
/// Words that begin the last line of a report, in small letters.
const TOTALS: [&str; 37] = [
    "total",
    "totals",
    "totale",
    "totales",
    "totaux",
    "grand total",
    "subtotal",
    "sub total",
    "sub-total",
    "sum",
    "summe",
    "zwischensumme",
    "gesamt",
    "gesamtsumme",
    "gesamtanzahl",
    "insgesamt",
    "somme",
    "suma",
    "soma",
    "somma",
    "count",
    "row count",
    "record count",
    "anzahl",
    "nombre total",
    "records",
    "rows",
    "end of file",
    "end of report",
    "end of list",
    "end of export",
    "eof",
    "合計",
    "総計",
    "小計",
    "件数",
    "итого",
];
/// Words for what a report counts, in small letters.
const COUNTED: [&str; 22] = [
    "row",
    "rows",
    "record",
    "records",
    "user",
    "users",
    "people",
    "persons",
    "entries",
    "lines",
    "accounts",
    "datensätze",
    "zeilen",
    "benutzer",
    "lignes",
    "utilisateurs",
    "registros",
    "usuarios",
    "righe",
    "utenti",
    "linhas",
    "件",
];

/// Whether a cell may be damaged at all. Nearly every cell is not, and a look at its bytes shows that.
pub fn may_be_damaged(text: &str) -> bool {
    let bytes = text.as_bytes();
    let is_word = bytes.first().is_some_and(|first| b"#E\\(<[NUnu".contains(first));
    is_word || !text.is_ascii() || bytes.contains(&b'?')
}

/// Whether a cell holds an error of a spreadsheet, such as `#N/A`, `#WERT!` or `####`.
pub fn is_spreadsheet_error(text: &str) -> bool {
    if let Some(number) = text.strip_prefix("Err:") {
        return number.len() == 3 && number.bytes().all(|b| b.is_ascii_digit());
    }
    let Some(rest) = text.strip_prefix('#') else { return false };
    let is_narrow = text.len() > 2 && rest.bytes().all(|b| b == b'#');
    let named = rest.strip_suffix(['!', '?']).is_some_and(|name| {
        let is_part = |c: char| c.is_uppercase() || c.is_ascii_digit() || "/_-0".contains(c);
        name.chars().any(char::is_uppercase) && name.chars().all(is_part)
    });
    is_narrow || named || ERRORS.contains(&text)
}

/// Whether a cell is empty in the export of a database.
pub fn is_database_null(text: &str) -> bool {
    matches!(text, "\\N" | "\\\\N")
}

/// Whether a cell holds a word that programs write for an empty value.
pub fn is_null_word(text: &str) -> bool {
    NULL_WORDS.contains(&text)
}

/// Whether a spreadsheet turned a number into its scientific notation, such as `1.23457E+11`.
pub fn is_scientific(text: &str) -> bool {
    let Some((mantissa, exponent)) = text.split_once(['E', 'e']) else { return false };
    let has_digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let (whole, fraction) = mantissa.split_once(['.', ',']).unwrap_or((mantissa, "0"));
    let signed = exponent.strip_prefix(['+', '-']);
    let has_mark = mantissa.len() > whole.len() || signed.is_some();
    has_mark && has_digits(whole) && has_digits(fraction) && has_digits(signed.unwrap_or(exponent))
}

/// Whether a program replaced a character that it could not write: by U+FFFD, or by a question mark in a word.
pub fn has_replacement(text: &str) -> bool {
    if text.contains('\u{fffd}') {
        return true;
    }
    if !text.contains('?') {
        return false;
    }
    // A question mark after a word may end a question. Within a word, or at its start, it replaces a lost letter.
    let is_link = text.contains("://") || text.contains('=');
    let letters: Vec<char> = text.chars().collect();
    let is_letter = |at: Option<&char>| at.is_some_and(|c| c.is_alphabetic());
    let is_lost = |at: usize| {
        let before = at.checked_sub(1).and_then(|before| letters.get(before));
        letters.get(at) == Some(&'?')
            && (is_letter(letters.get(at + 1)) || (is_letter(before) && at + 1 == letters.len()))
    };
    !is_link && (0..letters.len()).any(is_lost)
}

/// Whether the filled cells of a row are the last line of a report: a word such as `Total`, and numbers.
pub fn looks_like_total<'c>(cells: impl Iterator<Item = &'c str>) -> bool {
    let mut filled = cells.map(str::trim).filter(|cell| !cell.is_empty());
    let Some(first) = filled.next() else { return false };
    let is_number = |text: &str| {
        text.chars().any(|c| c.is_ascii_digit()) && !text.chars().any(char::is_alphabetic)
    };
    filled.all(is_number) && is_total(first)
}

fn is_total(text: &str) -> bool {
    let lower = text.to_lowercase();
    let bare = lower.trim_matches(|c: char| !c.is_alphanumeric());
    let words = |text: &str| {
        let is_break = |c: char| !c.is_alphabetic();
        let parts: Vec<_> =
            text.split(is_break).filter(|word| !word.is_empty()).map(str::to_owned).collect();
        parts.join(" ")
    };
    let number = bare.chars().take_while(char::is_ascii_digit).count();
    let of = bare.get(number..).unwrap_or_default();
    let counted = |text: &str| {
        let text = words(text);
        let first = text.split(' ').next().unwrap_or_default();
        COUNTED.contains(&first)
    };
    if number > 0 {
        return counted(of);
    }
    let head = bare.find(|c: char| c == ':' || c == '=' || c.is_ascii_digit());
    let (head, rest) = bare.split_at(head.unwrap_or(bare.len()));
    let head = head.trim();
    let is_word = TOTALS.contains(&head)
        || TOTALS.iter().any(|total| {
            let after = head.strip_prefix(total).and_then(|after| after.strip_prefix(' '));
            after.is_some_and(|after| COUNTED.contains(&after.trim()))
        });
    let after = words(rest);
    is_word && (after.is_empty() || counted(rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// N91, N92, N94: marks are found, and values that only look a little like them are not.
    #[test]
    fn marks_of_damage_are_told_from_values() {
        for error in ["#N/A", "#NAME?", "#REF!", "#VALUE!", "#DIV/0!", "#WERT!", "#NV", "####"] {
            assert!(is_spreadsheet_error(error), "{error}");
        }
        for value in ["#1", "#", "##", "Sales #1", "#hash!", "N/A"] {
            assert!(!is_spreadsheet_error(value), "{value}");
        }
        for number in ["1.23457E+11", "1,23457E+11", "8E+10", "1.5e11", "2.0E-5"] {
            assert!(is_scientific(number), "{number}");
        }
        for key in ["1E5", "e", "1e", "E+11", "kim.e+11", "1.2.3E+4"] {
            assert!(!is_scientific(key), "{key}");
        }
        assert!(is_null_word("NULL") && !is_null_word("Null"));
    }

    /// N93
    #[test]
    fn lost_letters_are_found() {
        for lost in ["Zo\u{fffd}", "Jos?", "P?rez", "?ukasz"] {
            assert!(has_replacement(lost), "{lost}");
        }
        for fine in ["José", "really ?", "https://a.example/?a", "?"] {
            assert!(!has_replacement(fine), "{fine}");
        }
    }

    /// The quick look finds every mark.
    #[test]
    fn every_damaged_cell_may_be_damaged() {
        let errors = ERRORS.into_iter().chain(["#NAME?", "####", "Err:502"]);
        let lost = ["Zo\u{fffd}", "Jos?", "JosÃ©", "\\N", "\\\\N"];
        for text in errors.chain(NULL_WORDS).chain(lost) {
            assert!(may_be_damaged(text), "{text}");
        }
        assert!(!may_be_damaged("jane.doe@acme.example") && !may_be_damaged("Sales"));
    }

    #[test]
    fn last_line_of_a_report_is_no_person() {
        for line in [
            &["Total: 1", "", ""][..],
            &["Total", "", "3"],
            &["Grand Total", "12"],
            &["Total users: 3"],
            &["(3 rows)"],
            &["3 rows affected"],
            &["Gesamt: 4"],
            &["合計", "3"],
            &["Count=5"],
            &["-- End of report --"],
        ] {
            assert!(looks_like_total(line.iter().copied()), "{line:?}");
        }
        for person in
            [&["total", "Tom", "Otal"][..], &["kim", ""], &["summer"], &["3com"], &["totality"]]
        {
            assert!(!looks_like_total(person.iter().copied()), "{person:?}");
        }
    }

    #[test]
    fn errors_of_other_spreadsheets_have_three_digits() {
        assert!(is_spreadsheet_error("Err:502"));
        for value in ["Err:50", "Err:5020", "Err:50a", "#-!", "Err:"] {
            assert!(!is_spreadsheet_error(value), "{value}");
        }
    }
}
