//! Checks e-mail addresses. A message about an address never repeats it.

use boarding_csv::has_control;
use email_address::{EmailAddress, Options};

/// The longest address, in bytes. RFC 5321 allows 256 with the two angle brackets.
const MAX_BYTES: usize = 254;
/// Templates use addresses of this domain, which no person can have.
const EXAMPLE_DOMAIN: &str = "example.invalid";

/// What is said of a text with more than one address.
const SEVERAL: &str = "write one address only";

const SHAPE: Options =
    Options { minimum_sub_domains: 2, allow_domain_literal: false, allow_display_text: false };

/// Whether the text is one plain address.
///
/// # Errors
/// Says what is wrong with the address, as text for a message.
pub fn check(text: &str) -> Result<(), &'static str> {
    if text.len() > MAX_BYTES {
        return Err("it is longer than 254 bytes");
    }
    // Nearly every address has plain characters only.
    let is_plain = text.bytes().all(|b| b.is_ascii_alphanumeric() || b"@.-_+".contains(&b));
    if !is_plain {
        check_characters(text)?;
    } else if text.matches('@').count() > 1 {
        return Err(SEVERAL);
    }
    let Some((_, domain)) = text.split_once('@') else {
        return Err("an address is written name@company.com");
    };
    if is_example(domain) {
        return Err("it is the template's example; replace or remove the row");
    }
    if domain.contains('_') {
        return Err("a domain holds no underscore");
    }
    let numeric = |label: &str| label.bytes().all(|b| b.is_ascii_digit());
    let odd_domain = domain.rsplit('.').next().is_some_and(numeric)
        || domain.split('.').any(|label| label.starts_with('-') || label.ends_with('-'));
    if odd_domain || EmailAddress::parse_with_options(text, SHAPE).is_err() {
        return Err("an address is written name@company.com");
    }
    Ok(())
}

/// Finds characters that show what else the text is, such as a name with its address.
fn check_characters(text: &str) -> Result<(), &'static str> {
    let mailto = text.get(..7).is_some_and(|head| head.eq_ignore_ascii_case("mailto:"));
    if mailto || text.contains(['<', '>']) {
        return Err("did you mean the address alone, without a name, brackets or mailto:?");
    }
    if text.contains('＠') {
        return Err("write @ instead of the wide sign ＠");
    }
    if text.contains(['。', '．', '｡']) {
        return Err("write a full stop . instead of the wide one");
    }
    const MARKS: [char; 5] = [',', ';', '，', '；', '、'];
    if text.contains(MARKS) && text.matches('@').count() == 1 {
        return Err("remove the comma or semicolon, or write a full stop in its place");
    }
    if text.contains(MARKS) || text.matches('@').count() > 1 {
        return Err(SEVERAL);
    }
    if text.contains('"') {
        return Err("an address with quotes is not taken");
    }
    if text.contains(char::is_whitespace) {
        return Err("an address holds no spaces");
    }
    Ok(())
}

/// A domain as DNS knows it: in A-labels (RFC 5890) and lower case.
///
/// Other text is only changed to lower case.
pub fn ascii_domain(domain: &str) -> String {
    idna::domain_to_ascii(domain).unwrap_or_else(|_| domain.to_lowercase())
}

/// The address with its domain in A-labels, which every mail server accepts.
///
/// An address with non-ASCII letters before the `@` stays unchanged. A mail server that rejects
/// such letters would reject the address with A-labels, too.
pub fn with_ascii_domain(address: &str) -> String {
    match address.rsplit_once('@') {
        Some((local, domain)) if local.is_ascii() && !domain.is_ascii() => {
            format!("{local}@{}", ascii_domain(domain))
        }
        _ => address.to_owned(),
    }
}

/// Whether the text is one sender: an address, or a name and the address in angle brackets.
///
/// A name with a comma or another mark must be in quotes.
pub fn is_mailbox(text: &str) -> bool {
    let Some((name, rest)) = text.rsplit_once('<') else { return check(text).is_ok() };
    let is_address = rest.strip_suffix('>').is_some_and(|address| check(address).is_ok());
    let name = name.trim();
    let quoted = name.strip_prefix('"').and_then(|name| name.strip_suffix('"'));
    let is_valid_name = match quoted {
        Some(inside) => !inside.contains(['"', '\\']),
        None => !name.starts_with('.') && name.chars().all(in_plain_name),
    };
    is_address && is_valid_name && !has_control(name)
}

/// Whether a name without quotes may contain the character (RFC 5322, 3.2.3).
fn in_plain_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || !c.is_ascii() || " .!#$%&'*+-/=?^_`{|}~".contains(c)
}

fn is_example(domain: &str) -> bool {
    let lower = domain.to_ascii_lowercase();
    lower.strip_suffix(EXAMPLE_DOMAIN).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_addresses_pass() {
        for good in [
            "a@x.co",
            "a+tag@x.com",
            "o'neil@acme.example",
            "jürgen@exämple.org",
            "first.last@sub.domain.co.uk",
            "johndoe@example.com",
        ] {
            assert_eq!(check(good), Ok(()), "{good}");
        }
    }

    #[test]
    fn address_of_more_than_254_bytes_is_too_long() {
        let label = "a".repeat(63);
        let longest = format!("a{label}@{label}.{label}.{}.com", "b".repeat(57));
        assert_eq!((longest.len(), check(&longest)), (254, Ok(())));
        assert_eq!(check(&format!("{longest}m")), Err("it is longer than 254 bytes"));
    }

    #[test]
    fn address_with_two_at_signs_gets_a_hint() {
        assert_eq!(check("a@b@x.com"), Err("write one address only"));
    }

    /// N53: malformed addresses are invalid.
    #[test]
    fn malformed_address_is_invalid() {
        let long = format!("{}@x.com", "a".repeat(249));
        for bad in [
            "a@b",
            "a@@b.c",
            "@x",
            "@x.com",
            "a@",
            "a@x..y",
            ".a@x.com",
            "a.@x.com",
            "a..b@x.com",
            "\"a b\"@x.com",
            "a b@x.com",
            "a@x.com ",
            "a",
            "",
            "a@[1.2.3.4]",
            "a@1.2.3.4",
            "a@-x.com",
            "a@x-.com",
            "a@x.com.",
            "kim@acme_x.example",
            &long,
        ] {
            assert!(check(bad).is_err(), "{bad}");
        }
    }

    /// N54, N55: several addresses, `mailto:` and a name around an address are invalid, with a hint.
    #[test]
    fn several_or_decorated_addresses_get_a_hint() {
        assert_eq!(check("a@x.com; b@x.com"), Err("write one address only"));
        assert_eq!(check("a@x.com,b@x.com"), Err("write one address only"));
        for address in ["a@x.com,", "a@x.com;", "a@x，com"] {
            assert!(
                check(address).unwrap_err().starts_with("remove the comma or semicolon"),
                "{address}"
            );
        }
        for text in ["kim＠acme.example", "kim@acme。example", "kim@acme．example"] {
            assert!(check(text).unwrap_err().contains("wide"), "{text}");
        }
        for text in ["mailto:a@x.com", "Will <a@x.com>", "MAILTO:a@x.com"] {
            assert!(
                check(text).unwrap_err().starts_with("did you mean the address alone"),
                "{text}"
            );
        }
    }

    #[test]
    fn domain_beyond_ascii_is_written_in_a_labels() {
        assert_eq!(with_ascii_domain("a@München.example"), "a@xn--mnchen-3ya.example");
        for same in ["a@ACME.example", "jürgen@exämple.example", "a@xn--mnchen-3ya.example"] {
            assert_eq!(with_ascii_domain(same), same);
        }
    }

    /// N40: the reserved address of a template's example row is invalid.
    #[test]
    fn reserved_address_of_the_template_is_invalid() {
        assert!(check("jane.doe@example.invalid").unwrap_err().contains("template"));
        assert!(check("jane.doe@EXAMPLE.invalid").is_err());
        assert_eq!(check("jane@myexample.invalid"), Ok(()));
    }
}
