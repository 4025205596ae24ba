//! Sample people, the same for the same seed: plausible in several countries and scripts, and nobody real.

#[rustfmt::skip] // one name to a line would make a table of 500 lines
mod countries;

use std::io::{self, Write};

use countries::{COUNTRIES, Country};

/// The columns of a `leapxpert` file, in the order [`SamplePerson::fields`] gives the values.
pub const HEADER: [&str; 7] =
    ["username", "first_name", "last_name", "email", "phone_number", "org_unit", "role"];

/// The units of the sample company (`fixtures/company/acme.json`) that people are put into: its teams.
/// Two have a comma in their names, so that every file needs quotes somewhere.
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

/// The roles of the sample company that people get.
pub const ROLES: [&str; 4] =
    ["Account Manager", "Relationship Manager", "Team Lead", "Client Associate"];

/// Domains that are reserved for examples (RFC 2606, RFC 6761): no mail can reach anybody there.
const DOMAINS: [&str; 6] = [
    "acme.example",
    "wealth.acme.example",
    "example.com",
    "example.net",
    "example.org",
    "acme.test",
];

/// The first number that no longer has a phone of its own: a country's number range has seven free digits.
pub const MAX_PEOPLE: u64 = 10_000_000;

/// Somebody who might be in an administrator's file.
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

/// The `n`th person of this seed. Below [`MAX_PEOPLE`] no two of one seed share a user name, an e-mail
/// address or a phone.
pub fn person(seed: u64, n: u64) -> SamplePerson {
    let mut dice = SplitMix64::of(seed, n);
    let country = dice.pick(&COUNTRIES);
    let (first_name, first_latin) = dice.pick(&country.first_names);
    let (last_name, last_latin) = dice.pick(&country.last_names);
    let username = format!("{first_latin}.{last_latin}{}", n.saturating_add(1));
    let email = format!("{username}@{}", dice.pick(&DOMAINS));
    SamplePerson {
        username,
        first_name,
        last_name,
        email,
        phone_number: phone_number(country, seed, n),
        org_unit: dice.pick(&ORG_UNITS),
        role: dice.pick(&ROLES),
    }
}

/// Writes a file of the first `count` people of this seed as a spreadsheet program would save it:
/// CRLF, quotes only where they are needed. Holds one row at a time, so any count will do.
///
/// # Errors
/// Those of `out`.
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

/// Quotes a value only if it holds a comma, a quote or a line break.
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

/// Fills the free digits of the country's range so that different people get different numbers: the
/// multiplier shares no factor with a power of ten, so it permutes what it is taken modulo of.
fn phone_number(country: &Country, seed: u64, n: u64) -> String {
    const MULTIPLIER: u64 = 7_368_787;
    let free = |pattern: &str| pattern.bytes().filter(|&byte| byte == b'#').count();
    let room = |pattern: &str| u32::try_from(free(pattern)).ok().and_then(|d| 10u64.checked_pow(d));
    let pattern = country
        .fiction
        .filter(|fiction| room(fiction).is_some_and(|room| n < room))
        .unwrap_or(country.phones);
    let room = room(pattern).unwrap_or(MAX_PEOPLE);
    let index = (n % room).wrapping_mul(MULTIPLIER).wrapping_add(seed % room) % room;
    let digits = format!("{index:0width$}", width = free(pattern));
    let mut digits = digits.chars();
    pattern.chars().map(|c| if c == '#' { digits.next().unwrap_or('0') } else { c }).collect()
}

/// Steele, Lea and Flood's generator: eight lines, good enough to choose names, the same everywhere.
struct SplitMix64(u64);

impl SplitMix64 {
    const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

    /// A generator for the `n`th thing of a seed, so that each can be made without those before it.
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

    /// One of a list that has at least one item, which the type says.
    #[allow(clippy::indexing_slicing, reason = "a remainder of N is below N")]
    fn pick<T: Copy, const N: usize>(&mut self, list: &[T; N]) -> T {
        const { assert!(N > 0, "there must be something to pick from") };
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
    fn the_same_seed_gives_the_same_people_and_another_seed_others() {
        assert_eq!(person(7, 123), person(7, 123));
        let names = |seed| (0..50).map(|n| person(seed, n).username).collect::<Vec<_>>();
        assert_ne!(names(7), names(8));
        let (mut short, mut long) = (Vec::new(), Vec::new());
        write_csv(&mut short, 7, 10).unwrap();
        write_csv(&mut long, 7, 20).unwrap();
        assert!(long.starts_with(&short), "a longer file begins with the shorter one");
    }

    #[test]
    fn nobody_shares_a_user_name_or_a_phone() {
        let people: Vec<_> = (0..100_000).map(|n| person(1, n)).collect();
        let names: HashSet<_> = people.iter().map(|p| p.username.to_lowercase()).collect();
        let phones: HashSet<_> = people.iter().map(|p| p.phone_number.as_str()).collect();
        assert_eq!((names.len(), phones.len()), (people.len(), people.len()));
    }

    #[test]
    fn every_phone_is_e164_and_every_address_is_in_a_reserved_domain() {
        for n in (0..20_000).chain(MAX_PEOPLE - 1_000..MAX_PEOPLE) {
            let person = person(2, n);
            let phone = Phone::parse(&person.phone_number).unwrap();
            assert_eq!(phone.to_string(), person.phone_number, "written in its canonical form");
            let domain = person.email.split_once('@').unwrap().1;
            let reserved = domain.starts_with("example.")
                || domain.ends_with(".example")
                || domain.ends_with(".test");
            assert!(reserved && !domain.ends_with("invalid"), "{domain}");
            assert!(person.email.is_ascii() && person.username.is_ascii());
        }
    }

    #[test]
    fn every_number_range_has_seven_free_digits_apart_from_the_fictional_ones() {
        for country in COUNTRIES {
            let free = |pattern: &str| pattern.matches('#').count();
            assert_eq!(free(country.phones), 7, "{}", country.phones);
            let fiction = country.fiction.unwrap_or_default();
            assert!(free(fiction) < 7, "{fiction}");
            assert!(fiction.is_empty() || fiction.len() == country.phones.len(), "{fiction}");
        }
    }

    #[test]
    fn many_scripts_occur() {
        let names: String = (0..1_000).map(|n| person(3, n).first_name).collect();
        let ranges = ["ễạ", "йа", "ηα", "محا", "ाी", "าน", "美子", "伟", "민"];
        for letters in ranges {
            assert!(names.contains(|c| letters.contains(c)), "none of {letters}");
        }
    }

    #[test]
    fn a_value_is_quoted_only_where_it_must_be() {
        let mut line = Vec::new();
        push_row(&mut line, &["a", "b c", "d, e", "f\"g", "h\ni", ""]);
        assert_eq!(String::from_utf8(line).unwrap(), "a,b c,\"d, e\",\"f\"\"g\",\"h\ni\",\r\n");
    }
}
