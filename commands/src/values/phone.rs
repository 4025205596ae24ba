//! Phone numbers in E.164: normalised from what people type, masked wherever people may look over a shoulder.

use std::fmt;
use std::num::NonZeroU64;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::code::Code;
use crate::schema::{json_schema, scalar};

mod typed;

pub use typed::NotPhone;
use typed::Typed;

/// An E.164 number: 7 to 15 digits, the first not 0. Kept as the number itself, shown as `+digits`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Phone(NonZeroU64);

/// A phone as it was read: the number, and whether its plus sign had to be assumed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reading {
    pub phone: Phone,
    pub plus_assumed: bool,
}

impl Phone {
    /// The fewest digits, country code included: the shortest subscriber numbers in use.
    pub const MIN_DIGITS: usize = 7;
    /// The most digits, country code included (E.164, 6.2.1).
    pub const MAX_DIGITS: usize = 15;

    /// Reads one number in any of the spellings that `typed` lists: `+84 923 448 071`, `(+91)1234123411`, `0084…`.
    ///
    /// Only the shape is judged, not the number plan: the products' own samples hold numbers that no
    /// plan knows. `assume_plus` reads a number that lost its plus sign (spreadsheets eat it).
    ///
    /// # Errors
    /// [`Code::PhoneScientificNotation`] for `8.4923E+10`, [`Code::FieldControlCharacter`] and
    /// [`Code::FieldInvisibleCharacter`] for such characters, [`Code::PhoneInvalid`] for anything else, with the reason.
    pub fn read(text: &str, assume_plus: bool) -> Result<Reading, NotPhone> {
        const INVALID: NotPhone = NotPhone::new(Code::PhoneInvalid);
        let Typed { digits, plus } = Typed::read(text, Code::PhoneInvalid)?;
        let fits = (Self::MIN_DIGITS..=Self::MAX_DIGITS).contains(&digits.len());
        let number = digits.parse::<NonZeroU64>().map_err(|_| INVALID)?;
        if !fits {
            return Err(NotPhone::LENGTH);
        }
        if digits.starts_with('0') {
            return Err(NotPhone::NATIONAL);
        }
        if !plus && !assume_plus {
            return Err(NotPhone::LOST_PLUS);
        }
        Ok(Reading { phone: Self(number), plus_assumed: !plus })
    }

    /// The digits of a number of any length behind its plus or `00`, without what people put between them.
    ///
    /// # Errors
    /// [`Code::PhoneScientificNotation`] for `8.4923E+10`, [`Code::PhoneInvalid`] for a text that may be more or less
    /// than one number, [`Code::FieldNotNumber`] for anything else.
    pub fn digits(text: &str) -> Result<String, NotPhone> {
        Typed::read(text, Code::FieldNotNumber).map(|typed| typed.digits)
    }

    /// Reads the form that [`fmt::Display`] writes.
    ///
    /// # Errors
    /// [`Code::PhoneInvalid`] when the text is not `+` and 7 to 15 digits.
    pub fn parse(text: &str) -> Result<Self, NotPhone> {
        Self::read(text, false).map(|reading| reading.phone)
    }

    /// The phone with these digits, if there are 7 to 15.
    pub fn of_number(number: u64) -> Option<Self> {
        let digits = number.checked_ilog10()? as usize + 1;
        let fits = (Self::MIN_DIGITS..=Self::MAX_DIGITS).contains(&digits);
        NonZeroU64::new(number).filter(|_| fits).map(Self)
    }

    /// The digits as one number, for keys.
    pub fn number(self) -> u64 {
        self.0.get()
    }

    /// All but the last three digits as stars, as the vendor's mails show it: `********071`.
    pub fn masked(self) -> String {
        let digits = self.0.to_string();
        let shown = digits.len().saturating_sub(3);
        let mut out = "*".repeat(shown);
        out.push_str(digits.get(shown..).unwrap_or(""));
        out
    }
}

impl fmt::Display for Phone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "+{}", self.0)
    }
}

impl fmt::Debug for Phone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.masked())
    }
}

impl Serialize for Phone {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.collect_str(self)
        } else {
            serializer.serialize_u64(self.0.get())
        }
    }
}

impl<'de> Deserialize<'de> for Phone {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            let text = String::deserialize(deserializer)?;
            Self::parse(&text).map_err(|_| D::Error::custom("not an E.164 phone number"))
        } else {
            NonZeroU64::deserialize(deserializer).map(Self)
        }
    }
}

scalar! {
    Phone, "Phone": json_schema!({"type": "string", "pattern": "^\\+[1-9][0-9]{6,14}$"});
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(text: &str, assume_plus: bool) -> Option<Code> {
        Phone::read(text, assume_plus).err().map(|not| not.code)
    }

    /// N57: one number in every accepted spelling.
    #[test]
    fn one_number_has_many_spellings() {
        for text in [
            "+84923448071",
            "+84 923 448 071",
            "+84-923-448-071",
            "+84 - 923 - 448 - 071",
            "(+84)923448071",
            "(+84) 923 448 071",
            "+84 (923) 448071",
            "0084 (923) 448071",
            "0084923448071",
            "tel:+84923448071",
            "+84,923,448,071",
            "+84.92.344.80.71",
            "＋８４９２３４４８０７１",
            "（＋８４）９２３　４４８　０７１",
            "+٨٤٩٢٣٤٤٨٠٧١",
            "+84\u{a0}923.448/071",
        ] {
            let reading = Phone::read(text, false).unwrap_or_else(|not| panic!("{text}: {not:?}"));
            assert_eq!(reading.phone.to_string(), "+84923448071", "{text}");
        }
        // One number each, as the countries write them.
        for text in [
            "+1 212 555-0001",
            "+7 (912) 345-67-89",
            "+380 44 123-45-67",
            "+44 20 1234-5678",
            "+86 138-1234-5678",
            "+62 8123-4567-8901",
            "+49 30 12345-67",
            "+49 30/123456",
            "+33 6.12.34.56.78",
            "+49 30 12345678",
        ] {
            assert_eq!(code(text, false), None, "{text}");
        }
    }

    /// N58: a lost plus is assumed only when the company says so.
    #[test]
    fn lost_plus_is_assumed_only_when_asked() {
        assert_eq!(code("84923448071", false), Some(Code::PhoneInvalid));
        for text in ["84923448071", "84,923,448,071", "84 923 448 071", "84.923.448.071"] {
            let reading = Phone::read(text, true).unwrap_or_else(|not| panic!("{text}: {not:?}"));
            assert!(reading.plus_assumed && reading.phone.number() == 84_923_448_071, "{text}");
        }
    }

    /// N59, N61, N62: a text that is no number.
    #[test]
    fn text_that_is_no_number_is_refused() {
        assert_eq!(code("8.4923E+10", true), Some(Code::PhoneScientificNotation));
        for text in [
            "+84 (0) 923448071",
            "1-800-FLOWERS",
            "+8492344807 x12",
            "+84923448071, +84923448072",
            "+1",
            "+1234567890123456",
            "+0923448071",
            "",
            "+",
            "++84923448071",
            "+8492344807²",
            "-84923448071",
            "+84923448071-",
            "+84--923448071",
            "+84923448071..75",
        ] {
            assert_eq!(code(text, true), Some(Code::PhoneInvalid), "{text}");
        }
    }

    #[test]
    fn characters_that_cannot_be_seen_are_told_by_their_codes() {
        assert_eq!(code("+84923\t448071", false), Some(Code::FieldControlCharacter));
        assert_eq!(code("+84923\u{200b}448071", false), Some(Code::FieldInvisibleCharacter));
        assert_eq!(code(" +84923448071\t", false), None);
    }

    /// N90: what is more or less than one number is refused, with the reason, even if a plus sign is assumed.
    #[test]
    fn text_that_is_not_one_number_is_refused() {
        for (text, why) in [
            ("84923448071.0", "decimal"),
            ("+84923448071.0", "decimal"),
            ("84923448071,00", "decimal"),
            ("84,923,448,071.00", "decimal"),
            ("12345.678", "decimal"),
            ("2026-11-28", "date"),
            ("28.11.2026", "date"),
            ("11/28/2026", "date"),
            ("2026-11-28 00:00:00", "date"),
            ("2026-11-28T00:00:00Z", "date"),
            ("192.168.10.20", "IP address"),
            ("+1 212 555 0001-0005", "range"),
            ("+1-212-555-0001-0005", "range"),
            ("+1 212 555 0001–0005", "range"),
            ("+84923448071-79", "range"),
            ("+84923448071 - 84923448079", "more than one"),
            ("+84923448071/72", "range"),
            ("+1234567 7654321", "more than one"),
            ("+1234567/7654321", "more than one"),
            ("+84923448071 (12)", "parentheses"),
            ("+1 212 555 0001 (4)", "parentheses"),
            ("(+84", "parentheses"),
            ("+84 92344807l", "no letters"),
            ("+1 212 555 0001 ext. 5", "no letters"),
            ("+84_923_448_083", "between digits"),
            ("+84 923 448 088,", "between digits"),
            ("+84 12", "7 to 15 digits"),
            ("0923448071", "country code"),
            ("+0923448071", "country code"),
        ] {
            let not = Phone::read(text, true).expect_err(text);
            assert_eq!(not.code, Code::PhoneInvalid, "{text}");
            assert!(not.why.is_some_and(|said| said.contains(why)), "{text}: {not:?}");
        }
    }

    #[test]
    fn decimal_number_of_seven_digits_is_no_phone() {
        let not = Phone::read("+8492344.07", false).unwrap_err();
        assert!(not.why.is_some_and(|why| why.contains("decimal")), "{not:?}");
    }

    #[test]
    fn number_that_cannot_be_a_date_is_a_phone() {
        for text in ["8492-12-31", "2026-45-90", "84-12-2026"] {
            assert_eq!(code(text, true), None, "{text}");
        }
    }

    #[test]
    fn commas_elsewhere_than_between_thousands_are_refused() {
        for text in ["8492,344,807", "84,9234,4807", "+84 ,923,448"] {
            assert_eq!(code(text, true), Some(Code::PhoneInvalid), "{text}");
        }
    }

    #[test]
    fn only_one_pair_of_parentheses_is_accepted() {
        let not = Phone::read("+84 (92) (344) 8071", false).unwrap_err();
        assert!(not.why.is_some_and(|why| why.contains("parentheses")), "{not:?}");
    }

    #[test]
    fn country_code_before_parentheses_may_have_three_digits() {
        assert_eq!(code("+380 (44) 1234567", false), None);
    }

    #[test]
    fn long_number_of_another_country_is_no_range() {
        assert_eq!(code("+49-171-123-456-789", false), None);
    }

    #[test]
    fn extension_is_no_scientific_notation() {
        assert_eq!(code("+12125550001ext5", false), Some(Code::PhoneInvalid));
    }

    #[test]
    fn colon_is_no_digit() {
        assert_eq!(code("+8492344807:", false), Some(Code::PhoneInvalid));
    }

    #[test]
    fn a_masked_phone_shows_three_digits() {
        assert_eq!(Phone::parse("+84923448071").unwrap().masked(), "********071");
        assert_eq!(format!("{:?}", Phone::parse("+84923448071").unwrap()), "********071");
    }
}
