//! Phone numbers in E.164: normalised from what people type, masked wherever people may look over a shoulder.

use std::fmt;
use std::num::NonZeroU64;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use unicode_normalization::UnicodeNormalization as _;

use super::code::Code;
use crate::schema::{json_schema, scalar};

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

    /// Reads `+84 923 448 071`, `(+91)1234123411`, `0084…`, `tel:+84…`, full-width and Arabic-Indic digits.
    ///
    /// Only the shape is judged, not the number plan: the products' own samples hold numbers that no
    /// plan knows. `assume_plus` reads a number that lost its plus sign (spreadsheets eat it).
    ///
    /// # Errors
    /// [`Code::PhoneScientificNotation`] for `8.4923E+10`, [`Code::PhoneInvalid`] for anything else.
    pub fn read(text: &str, assume_plus: bool) -> Result<Reading, Code> {
        let Typed { digits, plus } = Typed::read(text, Code::PhoneInvalid)?;
        if !plus && !assume_plus {
            return Err(Code::PhoneInvalid);
        }
        let fits = (Self::MIN_DIGITS..=Self::MAX_DIGITS).contains(&digits.len());
        match digits.parse::<NonZeroU64>() {
            Ok(number) if fits && !digits.starts_with('0') => {
                Ok(Reading { phone: Self(number), plus_assumed: !plus })
            }
            _ => Err(Code::PhoneInvalid),
        }
    }

    /// The digits of a number of any length behind its plus or `00`, without what people put between them.
    ///
    /// # Errors
    /// [`Code::PhoneScientificNotation`] for `8.4923E+10`, [`Code::PhoneInvalid`] for `+44 (0) 20`,
    /// [`Code::FieldNotNumber`] for anything else.
    pub fn digits(text: &str) -> Result<String, Code> {
        Typed::read(text, Code::FieldNotNumber).map(|typed| typed.digits)
    }

    /// Reads the form that [`fmt::Display`] writes.
    ///
    /// # Errors
    /// [`Code::PhoneInvalid`] when the text is not `+` and 7 to 15 digits.
    pub fn parse(text: &str) -> Result<Self, Code> {
        Self::read(text, false).map(|reading| reading.phone)
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

/// A number as it was typed: its digits in ASCII, and whether it begins with a plus or `00`.
struct Typed {
    digits: String,
    plus: bool,
}

impl Typed {
    /// `other` is what a text with anything but digits in it comes to.
    fn read(text: &str, other: Code) -> Result<Self, Code> {
        let folded: String = text.nfkc().collect();
        let trimmed = folded.trim();
        if is_scientific(trimmed) {
            return Err(Code::PhoneScientificNotation);
        }
        let bare = trimmed
            .get(..4)
            .filter(|head| head.eq_ignore_ascii_case("tel:"))
            .map_or(trimmed, |_| trimmed.get(4..).unwrap_or(""));
        let mut digits = String::with_capacity(bare.len());
        let mut plus = false;
        for c in bare.chars() {
            match c {
                '+' if digits.is_empty() && !plus => plus = true,
                c if c.is_whitespace() || BETWEEN_DIGITS.contains(c) => {}
                c => digits.push(decimal(c).ok_or(other)?),
            }
        }
        if bare.contains("(0)") {
            return Err(Code::PhoneInvalid);
        }
        if !plus && let Some(rest) = digits.strip_prefix("00") {
            digits = rest.to_owned();
            plus = true;
        }
        Ok(Self { digits, plus })
    }
}

/// What people write between the digits of a number, beside blanks.
const BETWEEN_DIGITS: &str = "()-./\u{2010}\u{2011}\u{2012}\u{2013}\u{2212}";

fn is_scientific(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    let Some((mantissa, exponent)) = lower.split_once('e') else { return false };
    let numeric = |part: &str| {
        !part.is_empty()
            && part.chars().all(|c| c.is_ascii_digit() || matches!(c, '.' | ',' | '+' | '-'))
    };
    numeric(mantissa) && numeric(exponent)
}

/// A decimal digit of any of the scripts phones are typed in, as its ASCII character.
fn decimal(c: char) -> Option<char> {
    let zeros = ['0', '\u{660}', '\u{6f0}', '\u{966}', '\u{9e6}', '\u{e50}', '\u{ff10}'];
    zeros.iter().find_map(|&zero| {
        let offset = u32::from(c).checked_sub(u32::from(zero))?;
        char::from_digit(offset, 10)
    })
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

    #[track_caller]
    fn reads(text: &str) {
        let reading = Phone::read(text, false).unwrap_or_else(|code| panic!("{text}: {code}"));
        assert_eq!(reading.phone.to_string(), "+84923448071", "{text}");
    }

    /// N57: one phone in many spellings is one number.
    #[test]
    fn many_spellings_give_one_number() {
        for text in [
            "+84923448071",
            "+84 923 448 071",
            "+84-923-448-071",
            "(+84)923448071",
            "0084923448071",
            "tel:+84923448071",
            "＋８４９２３４４８０７１",
            "+٨٤٩٢٣٤٤٨٠٧١",
            "+84\u{a0}923.448/071",
        ] {
            reads(text);
        }
    }

    /// N58: a phone without its plus is invalid, unless the setting assumes one.
    #[test]
    fn missing_plus_is_assumed_only_with_the_setting() {
        assert_eq!(Phone::read("84923448071", false), Err(Code::PhoneInvalid));
        assert!(Phone::read("84923448071", true).unwrap().plus_assumed);
    }

    /// N59, N61, N62: scientific notation has its own code; letters, two numbers and wrong lengths are
    /// invalid.
    #[test]
    fn malformed_phone_is_invalid() {
        assert_eq!(Phone::read("8.4923E+10", true), Err(Code::PhoneScientificNotation));
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
        ] {
            assert_eq!(Phone::read(text, true), Err(Code::PhoneInvalid), "{text}");
        }
    }

    #[test]
    fn a_masked_phone_shows_three_digits() {
        assert_eq!(Phone::parse("+84923448071").unwrap().masked(), "********071");
        assert_eq!(format!("{:?}", Phone::parse("+84923448071").unwrap()), "********071");
    }
}
