//! Access tokens as callers have them: the text with the secret.

use std::fmt::{self, Write as _};
use std::io;

use boarding_commands::values::TokenId;
use boarding_log::random_bytes;
use data_encoding::BASE32_NOPAD;
use sha2::{Digest as _, Sha256};

/// The first characters of every token, so that scanners for leaked secrets find it.
const PREFIX: &str = "boarding_";
/// The length of the secret, in bytes: 256 bits cannot be guessed.
const SECRET_BYTES: usize = 32;
/// The length of the secret in base32 without padding, in characters.
const SECRET_CHARS: usize = (SECRET_BYTES * 8).div_ceil(5);

/// An access token: `boarding_<id>_<secret>`. The secret is 32 random bytes in lower-case base32, 52 characters.
///
/// The engine stores only the digest of the text. Only the program that makes it shows the text, once.
#[derive(Clone, PartialEq, Eq)]
pub struct AccessToken {
    id: TokenId,
    text: String,
}

impl AccessToken {
    /// A token with a new secret.
    ///
    /// # Errors
    /// When the system has no random numbers.
    pub fn new(id: TokenId) -> io::Result<Self> {
        let secret = BASE32_NOPAD.encode(&random_bytes::<SECRET_BYTES>()?).to_ascii_lowercase();
        Ok(Self { id, text: format!("{PREFIX}{id}_{secret}") })
    }

    /// The token with this text; none if the text has another form. A text that was never issued has the form too.
    pub fn parse(text: &str) -> Option<Self> {
        let (id, secret) = text.strip_prefix(PREFIX)?.split_once('_')?;
        let is_base32 = |byte: u8| matches!(byte, b'a'..=b'z' | b'2'..=b'7');
        let has_form = secret.len() == SECRET_CHARS && secret.bytes().all(is_base32);
        let id = id.parse().ok().filter(|_| has_form)?;
        Some(Self { id, text: text.to_owned() })
    }

    pub fn id(&self) -> TokenId {
        self.id
    }

    /// The whole text with the secret. It must not reach a log.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// SHA-256 of the whole text, 64 lower-case hexadecimal digits.
    pub fn sha256_hex(&self) -> String {
        let digest = Sha256::digest(self.text.as_bytes());
        digest.iter().fold(String::with_capacity(2 * digest.len()), |mut hex, byte| {
            // Writing to a string cannot fail.
            let _ = write!(hex, "{byte:02x}");
            hex
        })
    }
}

/// Shows the id without the secret.
impl fmt::Debug for AccessToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AccessToken({}, ***)", self.id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id() -> TokenId {
        "01JD0000000000000000000001".parse().unwrap()
    }

    #[test]
    fn new_token_is_parsed_and_differs_from_others() {
        let token = AccessToken::new(id()).unwrap();
        assert_eq!(token.text().len(), "boarding_".len() + 26 + 1 + 52);
        assert_eq!(AccessToken::parse(token.text()), Some(token.clone()));
        assert_eq!(token.id(), id());
        assert_ne!(AccessToken::new(id()).unwrap(), token);
    }

    /// Issued tokens must stay valid, so their digest is frozen.
    #[test]
    fn digest_covers_the_whole_text() {
        let text = format!("boarding_{}_{}", id(), "a2".repeat(26));
        let token = AccessToken::parse(&text).unwrap();
        let digest = "5b7fcfc548796d520c9d2c1d2b8aba5a4075cbf70cfae66bfb0d5c38d1b7b572";
        assert_eq!(token.sha256_hex(), digest);
    }

    #[test]
    fn text_of_another_form_is_no_token() {
        let (id, secret) = (id(), "a2".repeat(26));
        for text in [
            String::new(),
            format!("boarding_{id}"),
            format!("Boarding_{id}_{secret}"),
            format!("boarding_{id}_{secret}a"),
            format!("boarding_{id}_{}", secret.to_uppercase()),
            format!("boarding_{id}_{}1a", "a2".repeat(25)),
            format!("boarding_81JD0000000000000000000001_{secret}"),
            format!(" boarding_{id}_{secret}"),
        ] {
            assert_eq!(AccessToken::parse(&text), None, "{text}");
        }
    }

    #[test]
    fn debug_never_shows_the_secret() {
        let token = AccessToken::new(id()).unwrap();
        assert_eq!(format!("{token:?}"), format!("AccessToken({}, ***)", id()));
    }
}
