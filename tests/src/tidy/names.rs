//! A test is named after what happens, in few words; its comment cites the ids of requirements.

use super::assert_tidy;
use super::sources::{check_lines, sources};

/// The most words of a name.
const MAX_WORDS: usize = 10;

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

/// What is wrong with the name of a function in test code, if anything.
fn advise(name: &str) -> Option<String> {
    if has_id(name) {
        return Some(format!("name what happens in {name}, and cite the id in its comment"));
    }
    let words = name.split('_').count();
    (words > MAX_WORDS).then(|| {
        format!("{name} has {words} words: say it in {MAX_WORDS}, the rest in its comment")
    })
}

#[test]
fn names_of_tests_are_short_and_have_no_ids() {
    let files = sources();
    assert_tidy(&check_lines(&files, |_, line| {
        declared(line.code()).filter(|_| line.is_test).and_then(advise)
    }));
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
fn long_names_are_found() {
    assert_eq!(advise("a_b_c_d_e_f_g_h_i_j"), None);
    assert!(advise("a_b_c_d_e_f_g_h_i_j_k").is_some());
}
