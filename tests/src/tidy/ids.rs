//! Product code does not cite requirements by their ids: tests do, and `tests/requirements.md` explains them.

use super::assert_tidy;
use super::sources::{check_lines, sources};

/// The id of a requirement, law, ruling or hard case in a text: `LX-07`, `P12`, `A4`, `N61`.
fn cited(text: &str) -> Option<&str> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '-');
    words.map(|word| word.trim_matches('-')).find(|word| {
        let letters = word.trim_end_matches(|c: char| c.is_ascii_digit());
        let digits = word.len() - letters.len();
        match letters {
            "LX-" | "OC-" | "ML-" | "OCM-" | "P" | "A" => digits > 0,
            "N" => digits == 2,
            _ => false,
        }
    })
}

#[test]
fn product_code_cites_no_ids() {
    let files = sources();
    assert_tidy(&check_lines(&files, |_, line| {
        let id = cited(line.text).filter(|_| !line.is_test)?;
        Some(format!("say what {id} asks for instead of citing it; tests cite ids"))
    }));
}

#[test]
fn ids_are_distinguished_from_other_words() {
    for text in ["as LX-07 says", "(OCM-1)", "P12: one run", "A4", "N61, N62", "ML-01/ML-10"] {
        assert!(cited(text).is_some(), "{text}");
    }
    for text in ["UTF-8", "N1", "N610", "PA4", "an A", "P1a", "SHA-256", "MAX-07", "LX-"] {
        assert_eq!(cited(text), None, "{text}");
    }
}
