//! What a search looks for: folded text in names, or digits in phone numbers however they are spaced.

use crate::values::{Phone, fold};

/// A search, prepared once for many rows.
#[derive(Debug)]
pub struct Needle {
    text: String,
    /// The digits, where the search can mean a phone number.
    digits: Option<String>,
}

impl Needle {
    /// None if the search is blank.
    pub fn of(search: &str) -> Option<Self> {
        let text = fold(search);
        (!text.is_empty()).then(|| Self { digits: digits(search), text })
    }

    /// Whether a name, key or address contains it.
    pub fn is_in(&self, text: &str) -> bool {
        fold(text).contains(&self.text)
    }

    /// Whether a phone number contains its digits.
    pub fn is_in_phone(&self, phone: Phone) -> bool {
        self.digits.as_ref().is_some_and(|digits| phone.number().to_string().contains(digits))
    }
}

fn digits(search: &str) -> Option<String> {
    if let Ok(reading) = Phone::read(search, true) {
        return Some(reading.phone.number().to_string());
    }
    let of_a_number = |c: char| c.is_ascii_digit() || c.is_whitespace() || "+()-./".contains(c);
    let digits: String = search.chars().filter(char::is_ascii_digit).collect();
    (search.chars().all(of_a_number) && !digits.is_empty()).then_some(digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_phone_is_found_however_its_digits_are_written() {
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
    fn text_is_compared_folded_and_a_blank_search_is_none() {
        assert!(Needle::of(" ÉLOÏSE").unwrap().is_in("Dr. Éloïse Durand"));
        assert!(Needle::of("  ").is_none());
    }
}
