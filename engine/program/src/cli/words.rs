//! Words as people type and read them: numbers with nouns, shell quoting, pairs.

use super::failure::Failure;

/// A number with its noun: `1 row`, `2 rows`.
pub(super) fn counted(count: u64, singular: &str, plural: &str) -> String {
    format!("{count} {}", if count == 1 { singular } else { plural })
}

/// The end of a sentence about an unknown name, with the one that is near to it.
pub(super) fn did_you_mean(near: Option<&str>) -> String {
    near.map(|near| format!(" (did you mean {near}?)")).unwrap_or_default()
}

/// How many of `count` things a short list shows. A list that would leave out one thing shows it instead.
pub(super) fn shown_of(count: u64, most: usize) -> usize {
    match usize::try_from(count) {
        Ok(count) if count <= most.saturating_add(1) => count,
        _ => most,
    }
}

/// A word quoted as a shell needs it.
pub(super) fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./~:@+,=".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// The two parts of `NAME=VALUE`.
pub(super) fn pair(text: &str) -> Result<(String, String), Failure> {
    match text.split_once('=') {
        Some((key, value)) if !key.trim().is_empty() => {
            Ok((key.trim().to_owned(), value.to_owned()))
        }
        _ => Err(Failure::Usage(format!("{text}: expected NAME=VALUE"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn list_never_leaves_out_a_single_thing() {
        assert_eq!(
            [0, 9, 10, 11, 12, 500].map(|count| shown_of(count, 10)),
            [0, 9, 10, 11, 10, 10]
        );
    }

    #[test]
    fn noun_follows_its_number() {
        let rows = |count| counted(count, "row", "rows");
        assert_eq!([rows(0), rows(1), rows(2)], ["0 rows", "1 row", "2 rows"]);
    }
}
