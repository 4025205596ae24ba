//! Searches folded text in names, and digits in phone numbers of any spelling.

use crate::values::{Phone, fold};

/// A search text, prepared once for many rows.
#[derive(Debug)]
pub struct Needle {
    text: String,
    /// The digits to find in phone numbers; none if the search text cannot be a phone number.
    digits: Option<String>,
}

impl Needle {
    /// Prepares a search. None if the text is blank.
    pub fn of(search: &str) -> Option<Self> {
        let text = fold(search);
        (!text.is_empty()).then(|| Self { digits: digits(search), text })
    }

    /// Whether a name, key or address contains the search text.
    pub fn is_in(&self, text: &str) -> bool {
        fold(text).contains(&self.text)
    }

    /// Whether a phone number contains the digits of the search text.
    pub fn is_in_phone(&self, phone: Phone) -> bool {
        self.digits.as_ref().is_some_and(|digits| phone.number().to_string().contains(digits))
    }
}

fn digits(search: &str) -> Option<String> {
    if let Ok(reading) = Phone::read(search, true) {
        return Some(reading.phone.number().to_string());
    }
    let may_be_in_a_number =
        |c: char| c.is_ascii_digit() || c.is_whitespace() || "+()-./".contains(c);
    let digits: String = search.chars().filter(char::is_ascii_digit).collect();
    (search.chars().all(may_be_in_a_number) && !digits.is_empty()).then_some(digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phone_is_found_in_any_spelling() {
        let phone = Phone::parse("+84923448071").unwrap();
        for search in [
            "+84 923",
            "923 448",
            "(+84)923448071",
            "0084923448071",
            "071",
            "＋８４９２３４４８０７１",
        ] {
            assert!(Needle::of(search).unwrap().is_in_phone(phone), "{search}");
        }
        for search in ["924", "jane84", "jane"] {
            assert!(!Needle::of(search).unwrap().is_in_phone(phone), "{search}");
        }
    }

    #[test]
    fn text_is_compared_folded_and_blank_text_is_no_search() {
        assert!(Needle::of(" ÉLOÏSE").unwrap().is_in("Dr. Éloïse Durand"));
        assert!(Needle::of("  ").is_none());
    }
}
