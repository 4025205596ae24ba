//! Sample people of several countries and scripts. One seed always gives the same people.

#[rustfmt::skip] // one name to a line would make a table of 500 lines
mod countries;

use std::io::{self, Write};

use countries::{COUNTRIES, Country};

/// The columns of a file of the dialect `leapxpert`, in the order of [`SamplePerson::fields`].
pub const HEADER: [&str; 7] =
    ["username", "first_name", "last_name", "email", "phone_number", "org_unit", "role"];

/// The teams of the sample company (`fixtures/company/acme.json`), which people belong to.
/// Two names have a comma, so that every file has quoted cells.
pub const ORG_UNITS: [&str; 10] = [
    "Wealth Advisors Hanoi",
    "Wealth Advisors Singapore",
    "Private Banking, Zürich",
    "Private Banking, London",
    "Equity Sales Tokyo",
    "Equity Sales New York",
    "Fixed Income Desk",
    "Client Service Bengaluru",
    "Client Service Athens",
    "Institutional Coverage São Paulo",
];

/// The roles of the sample company, which people have.
pub const ROLES: [&str; 4] =
    ["Account Manager", "Relationship Manager", "Team Lead", "Client Associate"];

/// Domains that are reserved for examples (RFC 2606, RFC 6761), so that no mail reaches a real person.
const DOMAINS: [&str; 6] = [
    "acme.example",
    "wealth.acme.example",
    "example.com",
    "example.net",
    "example.org",
    "acme.test",
];

/// The largest number of people with different phones: each country's range has seven free digits.
pub const MAX_PEOPLE: u64 = 10_000_000;

/// A row of a sample file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SamplePerson {
    pub username: String,
    pub first_name: &'static str,
    pub last_name: &'static str,
    pub email: String,
    /// E.164, without spaces.
    pub phone_number: String,
    pub org_unit: &'static str,
    pub role: &'static str,
}

impl SamplePerson {
    /// The values in the order of [`HEADER`].
    pub fn fields(&self) -> [&str; 7] {
        [
            &self.username,
            self.first_name,
            self.last_name,
            &self.email,
            &self.phone_number,
            self.org_unit,
            self.role,
        ]
    }
}

/// The `n`th person of this seed. Below [`MAX_PEOPLE`], all people of a seed have different user names, email
/// addresses and phones.
pub fn person(seed: u64, n: u64) -> SamplePerson {
    let mut random = SplitMix64::of(seed, n);
    let country = random.pick(&COUNTRIES);
    let (first_name, first_latin) = random.pick(&country.first_names);
    let (last_name, last_latin) = random.pick(&country.last_names);
    let username = format!("{first_latin}.{last_latin}{}", n.saturating_add(1));
    let email = format!("{username}@{}", random.pick(&DOMAINS));
    SamplePerson {
        username,
        first_name,
        last_name,
        email,
        phone_number: phone_number(country, seed, n),
        org_unit: random.pick(&ORG_UNITS),
        role: random.pick(&ROLES),
    }
}

/// Writes a file of the first `count` people of this seed as a spreadsheet program saves it: with CRLF, and with
/// quotes only where they are needed. Keeps one row in memory at a time.
///
/// # Errors
/// The errors of `out`.
pub fn write_csv(out: &mut impl Write, seed: u64, count: u64) -> io::Result<()> {
    let mut line = Vec::with_capacity(256);
    push_row(&mut line, &HEADER);
    out.write_all(&line)?;
    for n in 0..count {
        line.clear();
        push_row(&mut line, &person(seed, n).fields());
        out.write_all(&line)?;
    }
    Ok(())
}

/// Appends one CRLF-terminated row, quoted as spreadsheet programs do.
pub fn push_row(line: &mut Vec<u8>, fields: &[&str]) {
    for (index, field) in fields.iter().enumerate() {
        if index > 0 {
            line.push(b',');
        }
        push_field(line, field);
    }
    line.extend_from_slice(b"\r\n");
}

/// Appends a value, in quotes if it contains a comma, a quote or a line break.
fn push_field(line: &mut Vec<u8>, field: &str) {
    if !field.bytes().any(|byte| matches!(byte, b',' | b'"' | b'\r' | b'\n')) {
        line.extend_from_slice(field.as_bytes());
        return;
    }
    line.push(b'"');
    for byte in field.bytes() {
        if byte == b'"' {
            line.push(b'"');
        }
        line.push(byte);
    }
    line.push(b'"');
}

/// Fills the free digits of the country's range so that different people get different phones. The multiplier has no
/// factor in common with a power of ten, so the multiplication permutes the numbers below that power.
fn phone_number(country: &Country, seed: u64, n: u64) -> String {
    const MULTIPLIER: u64 = 7_368_787;
    let free = |pattern: &str| pattern.bytes().filter(|&byte| byte == b'#').count();
    let size = |pattern: &str| u32::try_from(free(pattern)).ok().and_then(|d| 10u64.checked_pow(d));
    let pattern = country
        .fiction
        .filter(|fiction| size(fiction).is_some_and(|size| n < size))
        .unwrap_or(country.phones);
    let size = size(pattern).unwrap_or(MAX_PEOPLE);
    let index = (n % size).wrapping_mul(MULTIPLIER).wrapping_add(seed % size) % size;
    let digits = format!("{index:0width$}", width = free(pattern));
    let mut digits = digits.chars();
    pattern.chars().map(|c| if c == '#' { digits.next().unwrap_or('0') } else { c }).collect()
}

/// The random generator SplitMix64 by Steele, Lea and Flood. It gives the same numbers on every machine.
struct SplitMix64(u64);

impl SplitMix64 {
    const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

    /// A generator for the `n`th person of a seed, so that a person does not depend on the people before.
    fn of(seed: u64, n: u64) -> Self {
        let mut outer = Self(seed);
        Self(outer.next() ^ n.wrapping_mul(Self::GOLDEN).rotate_left(17))
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(Self::GOLDEN);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A random item of a list. The list has at least one item.
    #[allow(clippy::indexing_slicing, reason = "a remainder of N is below N")]
    fn pick<T: Copy, const N: usize>(&mut self, list: &[T; N]) -> T {
        const { assert!(N > 0, "the list is empty") };
        let index = usize::try_from(self.next() % N as u64).unwrap_or(0);
        list[index]
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use boarding_commands::values::Phone;

    use super::*;

    #[test]
    fn one_seed_gives_the_same_people_and_another_seed_others() {
        assert_eq!(person(7, 123), person(7, 123));
        let names = |seed| (0..50).map(|n| person(seed, n).username).collect::<Vec<_>>();
        assert_ne!(names(7), names(8));
        let (mut short, mut long) = (Vec::new(), Vec::new());
        write_csv(&mut short, 7, 10).unwrap();
        write_csv(&mut long, 7, 20).unwrap();
        assert!(long.starts_with(&short), "a longer file does not begin with the shorter one");
    }

    #[test]
    fn user_names_and_phones_are_unique() {
        let people: Vec<_> = (0..100_000).map(|n| person(1, n)).collect();
        let names: HashSet<_> = people.iter().map(|p| p.username.to_lowercase()).collect();
        let phones: HashSet<_> = people.iter().map(|p| p.phone_number.as_str()).collect();
        assert_eq!((names.len(), phones.len()), (people.len(), people.len()));
    }

    #[test]
    fn phones_are_e164_and_addresses_in_reserved_domains() {
        for n in (0..20_000).chain(MAX_PEOPLE - 1_000..MAX_PEOPLE) {
            let person = person(2, n);
            let phone = Phone::parse(&person.phone_number).unwrap();
            assert_eq!(phone.to_string(), person.phone_number, "not in canonical form");
            let domain = person.email.split_once('@').unwrap().1;
            let reserved = domain.starts_with("example.")
                || domain.ends_with(".example")
                || domain.ends_with(".test");
            assert!(reserved && !domain.ends_with("invalid"), "{domain}");
            assert!(person.email.is_ascii() && person.username.is_ascii());
        }
    }

    #[test]
    fn phone_ranges_have_seven_free_digits_except_fictional_ones() {
        for country in COUNTRIES {
            let free = |pattern: &str| pattern.matches('#').count();
            assert_eq!(free(country.phones), 7, "{}", country.phones);
            let fiction = country.fiction.unwrap_or_default();
            assert!(free(fiction) < 7, "{fiction}");
            assert!(fiction.is_empty() || fiction.len() == country.phones.len(), "{fiction}");
        }
    }

    #[test]
    fn names_use_many_scripts() {
        let names: String = (0..1_000).map(|n| person(3, n).first_name).collect();
        let ranges = ["ễạ", "йа", "ηα", "محا", "ाी", "าน", "美子", "伟", "민"];
        for letters in ranges {
            assert!(names.contains(|c| letters.contains(c)), "none of {letters}");
        }
    }

    #[test]
    fn only_values_with_special_characters_are_quoted() {
        let mut line = Vec::new();
        push_row(&mut line, &["a", "b c", "d, e", "f\"g", "h\ni", ""]);
        assert_eq!(String::from_utf8(line).unwrap(), "a,b c,\"d, e\",\"f\"\"g\",\"h\ni\",\r\n");
    }
}
