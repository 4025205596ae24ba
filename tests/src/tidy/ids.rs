//! Only the comments of tests cite requirements by their ids; `tests/requirements.md` explains the ids.

use super::sources::{Line, TestFiles, sources};
use super::{Breach, assert_tidy};

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

/// The name of the function that a line declares, as a test is declared.
fn declared(code: &str) -> Option<&str> {
    let code = code.trim_start();
    let code = code.strip_prefix("pub ").unwrap_or(code);
    let code = code.strip_prefix("async ").unwrap_or(code).strip_prefix("fn ")?;
    code.split(['(', '<']).next()
}

/// Whether the name of a function has an id in it: `lx_07_…`, `lx7_…`, `…_p12`, `n61_…`.
fn has_id(name: &str) -> bool {
    let is_number = |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_digit());
    let is_product = |word: &str| ["lx", "oc", "ml", "ocm"].contains(&word);
    let is_id = |word: &&str| {
        let letters = word.trim_end_matches(|c: char| c.is_ascii_digit());
        letters.len() < word.len() && (is_product(letters) || ["p", "a", "n"].contains(&letters))
    };
    let words: Vec<_> = name.split('_').collect();
    let mut pairs = words.windows(2);
    words.iter().any(is_id) || pairs.any(|pair| is_product(pair[0]) && is_number(pair[1]))
}

/// Checks each line of each file: the advice for the line, or none.
fn check_lines(advise: impl Fn(&Line<'_>) -> Option<String>) {
    let files = sources();
    let tests = TestFiles::of(&files);
    let mut breaches = Vec::new();
    for file in &files {
        breaches.extend(file.lines(&tests).iter().filter_map(|line| {
            let place = format!("{}:{}", file.path, line.number);
            advise(line).map(|advice| Breach { place, advice })
        }));
    }
    assert_tidy(&breaches);
}

#[test]
fn product_code_cites_no_ids() {
    check_lines(|line| {
        let id = cited(line.text).filter(|_| !line.is_test)?;
        Some(format!("say what {id} asks for instead of citing it; tests cite ids"))
    });
}

#[test]
fn names_of_tests_have_no_ids() {
    check_lines(|line| {
        let name = declared(line.code()).filter(|name| line.is_test && has_id(name))?;
        Some(format!("name what happens in {name}, and cite the id in its comment"))
    });
}

#[test]
fn ids_in_names_are_found() {
    for line in [
        "fn lx_07_a_b() {",
        "    async fn ocm_1() {",
        "fn a_p12_b(c: D) {",
        "fn n61_n62()",
        "pub fn a_ml_16<T>()",
        "fn lx7_a()",
    ] {
        assert!(declared(line).is_some_and(has_id), "{line}");
    }
    for name in ["a_4", "zip_64", "p_12", "step2_of_p", "lx_a_07", "n", "ml_"] {
        assert!(!has_id(name), "{name}");
    }
    assert_eq!(declared("let p1 = fn_1(p1);"), None);
}

#[test]
fn ids_are_told_from_other_words() {
    for text in ["as LX-07 says", "(OCM-1)", "P12: one run", "A4", "N61, N62", "ML-01/ML-10"] {
        assert!(cited(text).is_some(), "{text}");
    }
    for text in ["UTF-8", "N1", "N610", "PA4", "an A", "P1a", "SHA-256", "MAX-07", "LX-"] {
        assert_eq!(cited(text), None, "{text}");
    }
}
