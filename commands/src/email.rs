//! E-mail addresses: whether a text is one plain address that mail may be sent to.

use email_address::{EmailAddress, Options};

/// The longest address, in characters (RFC 5321, 4.5.3.1.3).
pub const MAX_CHARS: usize = 254;

/// Whether this is one plain address with a full domain: no display name, no quoted local part, no literal.
pub fn is_valid(text: &str) -> bool {
    let options =
        Options::default().with_required_tld().without_domain_literal().without_display_text();
    text.len() <= MAX_CHARS
        && !text.contains('"')
        && EmailAddress::parse_with_options(text, options).is_ok()
}
