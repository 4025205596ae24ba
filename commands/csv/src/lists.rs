//! Lists of texts in one cell: items that hold a separator or begin with a quote are quoted.

use crate::characters::trim;

/// The separator that exports write between the items of a list.
const SEPARATOR: char = ';';
const QUOTE: char = '"';

/// The items of a list in one cell, without blanks around them and without empty ones.
///
/// A quoted item may hold separators, and a quote that is written twice. A quote that is not closed before a separator
/// or the end is text.
pub fn list_items(text: &str, separators: &[char]) -> Vec<String> {
    let mut items = Vec::new();
    let mut rest = text;
    loop {
        rest = trim(rest);
        let (item, after) = match quoted_item(rest, separators) {
            Some((item, after)) => (item, after),
            None => {
                let end = rest.find(separators).unwrap_or(rest.len());
                let (item, after) = rest.split_at(end);
                (trim(item).to_owned(), after)
            }
        };
        if !item.is_empty() {
            items.push(item);
        }
        let mut after = after.chars();
        if after.next().is_none() {
            return items;
        }
        rest = after.as_str();
    }
}

/// The text of a list of items. [`list_items`] reads the same items back if none has blanks around it.
pub fn joined_list<'i>(items: impl Iterator<Item = &'i str>, separators: &[char]) -> String {
    let quoted = |item: &str| {
        if item.contains(separators) || item.starts_with(QUOTE) || item.is_empty() {
            format!("{QUOTE}{}{QUOTE}", item.replace(QUOTE, "\"\""))
        } else {
            item.to_owned()
        }
    };
    items.map(quoted).collect::<Vec<_>>().join(&format!("{SEPARATOR} "))
}

/// A quoted item at the start of a text, and the text after it. None if it is not a whole quoted item.
fn quoted_item<'t>(text: &'t str, separators: &[char]) -> Option<(String, &'t str)> {
    let mut rest = text.strip_prefix(QUOTE)?;
    let mut item = String::new();
    loop {
        let (part, after) = rest.split_once(QUOTE)?;
        item.push_str(part);
        match after.strip_prefix(QUOTE) {
            Some(more) => {
                item.push(QUOTE);
                rest = more;
            }
            None => {
                let after = trim(after);
                let ends = after.is_empty() || after.starts_with(separators);
                return ends.then_some((item, after));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const BOTH: &[char] = &[';', '|'];

    #[test]
    fn items_are_separated_and_quoted_items_are_whole() {
        for (text, items) in [
            ("A;B", &["A", "B"][..]),
            (" A ; B; ", &["A", "B"]),
            (";", &[]),
            ("\"A; B\"|C", &["A; B", "C"]),
            ("\"say \"\"hi\"\"\"; B", &["say \"hi\"", "B"]),
            ("the \"A\" team;B", &["the \"A\" team", "B"]),
            ("\"A\" team;B", &["\"A\" team", "B"]),
            ("\"open;B", &["\"open", "B"]),
        ] {
            assert_eq!(list_items(text, BOTH), items, "{text}");
        }
    }

    proptest! {
        /// P25
        #[test]
        fn joined_items_are_read_back(items in prop::collection::vec("[a\";| ,'\\\\]{1,6}", 1..5)) {
            let items: Vec<String> = items.iter().map(|item| format!("x{item}x")).chain(
                items.iter().map(|item| trim(item).to_owned()).filter(|item| !item.is_empty())).collect();
            let text = joined_list(items.iter().map(String::as_str), BOTH);
            prop_assert_eq!(list_items(&text, BOTH), items);
        }
    }
}
