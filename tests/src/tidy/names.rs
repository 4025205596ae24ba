//! A test is named after what happens, in few words; its comment cites the ids of requirements.

use boarding_commands::schema::ALIASES;

use super::sources::{check_lines, sources};
use super::{Breach, assert_tidy};

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

/// A second name of a key is part of the contract, but a schema is not derived from serde's attribute.
#[test]
fn other_names_of_keys_are_marked_for_the_schema() {
    let names = |line: &str| line.split('"').skip(1).step_by(2).map(str::to_owned).collect();
    let mut breaches = Vec::new();
    for source in sources() {
        let lines: Vec<&str> = source.text.lines().map(str::trim).collect();
        for (number, pair) in lines.windows(2).enumerate() {
            if !(pair[0].starts_with("#[serde(") && pair[0].contains("alias = ")) {
                continue;
            }
            let known: Vec<String> = names(pair[0]);
            let marked: Vec<String> = names(pair[1]);
            if marked.first().is_none_or(|mark| mark != ALIASES) || marked[1..] != known {
                breaches.push(Breach {
                    place: format!("{}:{}", source.path, number + 1),
                    advice: format!("write #[schemars(extend(\"{ALIASES}\" = {known:?}))] below"),
                });
            }
        }
    }
    assert_tidy(&breaches);
}
