//! Random secrets: ids of sessions, and the tokens that forms carry.

use std::fmt;
use std::io;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use boarding_log::random_bytes;

/// The length of a secret, in bytes: 256 bits cannot be guessed.
const BYTES: usize = 32;

/// A random secret.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Secret(pub(super) [u8; BYTES]);

impl Secret {
    /// # Errors
    /// When the system has no random numbers.
    pub(super) fn new() -> io::Result<Self> {
        random_bytes().map(Self)
    }

    /// The secret as text, for a cookie.
    pub(super) fn text(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.0)
    }

    /// The secret with this text; none if the text has another form.
    pub(super) fn parse(text: &str) -> Option<Self> {
        URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok().map(Self)
    }

    /// A token that proves to know the secret. It differs each time, so that the size of a compressed page reveals nothing.
    ///
    /// # Errors
    /// When the system has no random numbers.
    pub(super) fn form_token(&self) -> io::Result<String> {
        let mask = Self::new()?;
        Ok(URL_SAFE_NO_PAD.encode([mask.0, self.masked(&mask.0)].concat()))
    }

    /// Whether the token was made from this secret. Takes the same time for each wrong token of the right length.
    pub(super) fn has_made(&self, token: &str) -> bool {
        let Ok(bytes) = URL_SAFE_NO_PAD.decode(token) else { return false };
        let Some((mask, masked)) = bytes.split_at_checked(BYTES) else { return false };
        let Ok(mask) = <[u8; BYTES]>::try_from(mask) else { return false };
        let expected = self.masked(&mask);
        let differences = expected.iter().zip(masked).map(|(one, other)| one ^ other);
        masked.len() == BYTES && differences.fold(0, |all, difference| all | difference) == 0
    }

    fn masked(&self, mask: &[u8; BYTES]) -> [u8; BYTES] {
        let mut masked = *mask;
        masked.iter_mut().zip(self.0).for_each(|(byte, own)| *byte ^= own);
        masked
    }
}

/// Shows nothing of the secret.
impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(***)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn form_token_is_known_to_its_secret_only() {
        let (one, other) = (Secret::new().unwrap(), Secret::new().unwrap());
        let token = one.form_token().unwrap();
        assert_ne!(token, one.form_token().unwrap());
        assert!(one.has_made(&token) && !other.has_made(&token));
        for wrong in ["", "x", "AAAA", &token[..token.len() - 2], &one.text()] {
            assert!(!one.has_made(wrong), "{wrong}");
        }
        assert_eq!(Secret::parse(&one.text()), Some(one));
        assert_eq!(Secret::parse("short"), None);
    }
}
