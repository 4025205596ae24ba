//! Reads phone numbers as people and programs write them: one number, or the reason why not.
//!
//! Every place that takes a phone number reads it here: files, commands, the number pool, searches.
//!
//! | accepted | example |
//! |---|---|
//! | `+` or `00`, then the digits | `+84923448071`, `0084923448071` |
//! | `tel:` before the number | `tel:+84923448071` |
//! | blanks, or one of `-` `.` `/` between digits | `+84 923-448.071`, `+49 30/123456` |
//! | one pair of parentheses near the start | `(+84)923448071`, `+1 (212) 555 0001` |
//! | commas between thousands, as spreadsheets write them | `+84,923,448,071` |
//! | digits of other scripts, full-width characters | `＋８４９２３４４８０７１`, `+٨٤٩٢٣٤٤٨٠٧١` |
//!
//! The setting `assume_plus` accepts a number without `+` and `00` too. Everything else is refused, above all a text
//! that may be more or less than one number: a decimal number, a date, an IP address, a range, two numbers, an
//! extension, a trunk zero as in `+44 (0) 20`. Control characters and invisible characters have codes of their own.

use boarding_csv::{has_control, has_invisible};

use super::super::code::{Code, Refusal};

/// Why a text is not one phone number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotPhone {
    pub code: Code,
    /// What the text seems to be, in a few words; none if the code says all.
    pub why: Option<&'static str>,
}

impl NotPhone {
    /// A whole number, but for its plus sign.
    pub const LOST_PLUS: Self = Self::because("a spreadsheet may have removed the plus sign");

    pub const fn new(code: Code) -> Self {
        Self { code, why: None }
    }

    /// A text with letters in it.
    pub const LETTERS: Self = Self::because("a number has no letters");
    /// A text of digits that is too short or too long.
    pub(super) const LENGTH: Self =
        Self::because("a number has 7 to 15 digits with its country code");
    /// A number as it is dialled within a country.
    pub(super) const NATIONAL: Self = Self::because(
        "a country code does not begin with 0; write the number with its country code",
    );

    const fn because(why: &'static str) -> Self {
        Self { code: Code::PhoneInvalid, why: Some(why) }
    }
}

impl From<NotPhone> for Refusal {
    fn from(not: NotPhone) -> Self {
        let refusal = Self::new(not.code);
        match not.why {
            Some(why) => refusal.saying(why),
            None => refusal,
        }
    }
}

impl From<NotPhone> for Code {
    fn from(not: NotPhone) -> Self {
        not.code
    }
}

/// A number as it was typed: its digits in ASCII, and whether it begins with a plus or `00`.
pub(super) struct Typed {
    pub digits: String,
    pub plus: bool,
}

const DECIMAL: NotPhone = NotPhone::because("this is a decimal number");
const DATE: NotPhone = NotPhone::because("this looks like a date");
const ADDRESS: NotPhone = NotPhone::because("this looks like an IP address");
const RANGE: NotPhone = NotPhone::because("this looks like a range or a number with an extension");
const SEVERAL: NotPhone = NotPhone::because("this looks like more than one number");
const TRUNK: NotPhone = NotPhone::because("leave out the (0)");
const BRACKETS: NotPhone =
    NotPhone::because("only a country or area code may be in parentheses, not an extension");
const SEPARATOR: NotPhone =
    NotPhone::because("between digits write a blank or one of - . / and nothing else");

/// A number of so many digits is complete: what follows a single mark is something else.
const COMPLETE_DIGITS: usize = 10;
/// The fewest digits of one number; a group of as many digits behind as many is a second number.
const SECOND_NUMBER_DIGITS: usize = 7;
/// A number of the North American plan has this many digits, with its country code 1.
const NORTH_AMERICAN_DIGITS: usize = 11;
/// The most digits before an opening parenthesis: a country code.
const COUNTRY_CODE_DIGITS: usize = 3;

impl Typed {
    /// # Errors
    /// [`Code::FieldControlCharacter`], [`Code::FieldInvisibleCharacter`], [`Code::PhoneScientificNotation`],
    /// [`Code::PhoneInvalid`], or `other` for a text with anything but digits in it.
    pub(super) fn read(text: &str, other: Code) -> Result<Self, NotPhone> {
        let text = text.trim();
        // Nearly every number is written like this.
        let plain = text.strip_prefix('+').filter(|digits| !digits.is_empty());
        if let Some(digits) = plain.filter(|digits| digits.bytes().all(|b| b.is_ascii_digit())) {
            return Ok(Self { digits: digits.to_owned(), plus: true });
        }
        if has_control(text) {
            return Err(NotPhone::new(Code::FieldControlCharacter));
        }
        if has_invisible(text) {
            return Err(NotPhone::new(Code::FieldInvisibleCharacter));
        }
        let folded: String = text.chars().map(narrow).collect();
        let trimmed = folded.trim();
        if is_scientific(trimmed) {
            return Err(NotPhone::new(Code::PhoneScientificNotation));
        }
        let bare = without_scheme(trimmed);
        let has_plus = bare.contains('+');
        if !has_plus {
            refuse_other_kinds(bare)?;
        }
        let bare = if has_thousands(bare) { bare.replace(',', "") } else { bare.to_owned() };
        let bare = without_brackets(&bare)?;
        let groups = Groups::of(&bare, other)?;
        groups.check()?;
        let mut digits = groups.digits();
        let mut plus = has_plus;
        if !plus && let Some(rest) = digits.strip_prefix("00") {
            digits = rest.to_owned();
            plus = true;
        }
        Ok(Self { digits, plus })
    }
}

/// Groups of digits, and the mark between each two. `None` if there are only blanks.
struct Groups {
    groups: Vec<String>,
    marks: Vec<Option<char>>,
}

impl Groups {
    fn of(text: &str, other: Code) -> Result<Self, NotPhone> {
        let (mut groups, mut marks) = (vec![String::new()], Vec::new());
        let (mut plus, mut pending, mut is_apart) = (false, None, false);
        for c in text.chars() {
            let has_digits = groups.iter().any(|group| !group.is_empty());
            match c {
                '+' if !has_digits && !plus => plus = true,
                '+' => return Err(SEVERAL),
                c if c.is_whitespace() => is_apart = true,
                c if MARKS.contains(c) => {
                    if pending.replace(c).is_some() || !has_digits {
                        return Err(SEPARATOR);
                    }
                }
                c => {
                    let digit = decimal(c).ok_or_else(|| unexpected(c, other))?;
                    if has_digits && (is_apart || pending.is_some()) {
                        marks.push(pending.take());
                        groups.push(String::new());
                    }
                    is_apart = false;
                    if let Some(group) = groups.last_mut() {
                        group.push(digit);
                    }
                }
            }
        }
        if pending.is_some() {
            return Err(SEPARATOR);
        }
        Ok(Self { groups, marks })
    }

    fn digits(&self) -> String {
        self.groups.concat()
    }

    /// Whether all groups together may be one number.
    fn check(&self) -> Result<(), NotPhone> {
        let mut before = 0;
        for group in &self.groups {
            if before >= SECOND_NUMBER_DIGITS && group.len() >= SECOND_NUMBER_DIGITS {
                return Err(SEVERAL);
            }
            before += group.len();
        }
        let [.., previous, last] = self.groups.as_slice() else { return Ok(()) };
        let Some(Some(mark)) = self.marks.last() else { return Ok(()) };
        let head = before - last.len();
        let is_only_mark = self.marks.iter().flatten().count() == 1;
        if matches!(mark, '.') && is_only_mark && head >= SECOND_NUMBER_DIGITS && last.len() <= 2 {
            return Err(DECIMAL);
        }
        let counts_up = last.len() == previous.len() && last > previous;
        let is_north_american =
            head == NORTH_AMERICAN_DIGITS && self.digits().starts_with('1') && counts_up;
        if (is_only_mark && head >= COMPLETE_DIGITS) || is_north_american {
            return Err(if *mark == '.' { DECIMAL } else { RANGE });
        }
        Ok(())
    }
}

/// Why a character is no part of a number. The caller of another code says so itself.
fn unexpected(c: char, other: Code) -> NotPhone {
    match other {
        Code::PhoneInvalid if c.is_alphabetic() => NotPhone::LETTERS,
        Code::PhoneInvalid => SEPARATOR,
        _ => NotPhone::new(other),
    }
}

/// Refuses what spreadsheets have in cells beside phone numbers. A text with a plus sign is none of that.
fn refuse_other_kinds(text: &str) -> Result<(), NotPhone> {
    let split = |mark: char| -> Option<Vec<&str>> {
        let parts: Vec<_> = text.split(mark).collect();
        let is_number = |part: &&str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        parts.iter().all(is_number).then_some(parts)
    };
    for mark in ['.', ','] {
        let decimals = text.rsplit_once(mark).map(|(_, tail)| tail);
        let is_number = text.chars().all(|c| c.is_ascii_digit() || matches!(c, '.' | ','));
        let is_last = text.matches(mark).count() == 1;
        if is_number
            && is_last
            && decimals.is_some_and(|tail| !tail.is_empty())
            && !has_thousands(text)
        {
            return Err(DECIMAL);
        }
    }
    let octet = |part: &&str| part.parse::<u8>().is_ok();
    if split('.').is_some_and(|parts| parts.len() == 4 && parts.iter().all(octet)) {
        return Err(ADDRESS);
    }
    // A time may follow the date.
    let day = text.split([' ', 'T']).next().unwrap_or(text);
    let is_date = ['-', '.', '/'].iter().any(|mark| date(&day.split(*mark).collect::<Vec<_>>()));
    if is_date { Err(DATE) } else { Ok(()) }
}

/// Whether three numbers are a day, a month and a year, the year first or last.
fn date(parts: &[&str]) -> bool {
    let [first, middle, last] = parts else { return false };
    let year = |part: &str| part.len() == 4 && (1900..2200).contains(&part.parse().unwrap_or(0));
    let day = |part: &str| part.len() <= 2 && (1..=31).contains(&part.parse().unwrap_or(0));
    (year(first) && day(middle) && day(last)) || (day(first) && day(middle) && year(last))
}

/// Whether the whole text is one number with a comma before each three digits.
fn has_thousands(text: &str) -> bool {
    let mut parts = text.strip_prefix('+').unwrap_or(text).split(',');
    let is_number = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    let first = parts.next().is_some_and(|part| (1..=3).contains(&part.len()) && is_number(part));
    let mut rest = parts.peekable();
    first && rest.peek().is_some() && rest.all(|part| part.len() == 3 && is_number(part))
}

/// The text with blanks in place of its only pair of parentheses, if it encloses a country or area code.
fn without_brackets(text: &str) -> Result<String, NotPhone> {
    if !text.contains(['(', ')']) {
        return Ok(text.to_owned());
    }
    let (before, rest) = text.split_once('(').ok_or(BRACKETS)?;
    let (inside, after) = rest.split_once(')').ok_or(BRACKETS)?;
    if before.contains(')') || after.contains(['(', ')']) {
        return Err(BRACKETS);
    }
    let count = |text: &str| text.chars().filter(|c| decimal(*c).is_some()).count();
    if inside.trim() == "0" {
        return Err(TRUNK);
    }
    let prefix = before.trim().strip_prefix("00").unwrap_or(before);
    if count(inside) == 0 || count(prefix) > COUNTRY_CODE_DIGITS {
        return Err(BRACKETS);
    }
    Ok(format!("{before} {inside} {after}"))
}

fn without_scheme(text: &str) -> &str {
    let head = text.get(..4).filter(|head| head.eq_ignore_ascii_case("tel:"));
    head.map_or(text, |_| text.get(4..).unwrap_or(""))
}

/// What people write between the digits of a number, beside blanks.
const MARKS: &str = "-./\u{2010}\u{2011}\u{2012}\u{2013}\u{2212}";

/// A full-width character as its ASCII character. Other characters that look like digits, such as `²`, stay.
fn narrow(c: char) -> char {
    match c {
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(c) - 0xfee0).unwrap_or(c),
        _ => c,
    }
}

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
    let zeros = ['0', '\u{660}', '\u{6f0}', '\u{966}', '\u{9e6}', '\u{e50}'];
    zeros.iter().find_map(|&zero| {
        let offset = u32::from(c).checked_sub(u32::from(zero))?;
        let digit = offset.checked_rem(10).filter(|_| offset < 10)?;
        char::from_digit(digit, 10)
    })
}
