//! Tokens of invitation links, derived from a server secret: the log holds no secret.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use boarding_commands::values::{CompanyId, ImportId, InvitationId, Time};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use ulid::Ulid;

/// The domain separation of invitation tokens from other values derived from the secret.
const DOMAIN: &[u8] = b"boarding invitation link v1\0";
/// The domain separation of activation codes.
const ACTIVATION_DOMAIN: &[u8] = b"boarding activation code v1\0";
/// The bytes of the time at which an activation code expires, in seconds since 1970.
const CODE_TIME_BYTES: usize = 4;
/// The domain separation of import tokens.
const IMPORT_DOMAIN: &[u8] = b"boarding import link v1\0";
/// The domain separation of import tokens after the first of an import.
const LATER_IMPORT_DOMAIN: &[u8] = b"boarding import link v2\0";
/// The domain separation of the fingerprint of the secret.
const FINGERPRINT_DOMAIN: &[u8] = b"boarding link secret fingerprint v1\0";
/// The bytes of the fingerprint: enough to detect a changed secret.
const FINGERPRINT_BYTES: usize = 8;
const INVITATION_BYTES: usize = 16;
/// The bytes of the link's number in a token after the first. 112 bits are left for the HMAC, and cannot be guessed.
const LINK_NUMBER_BYTES: usize = 2;
const GENERATION_BYTES: usize = 4;
/// The bytes of the HMAC-SHA256 in a token: 128 bits cannot be guessed.
const MAC_BYTES: usize = 16;
/// The block size of SHA-256, in bytes.
const BLOCK_BYTES: usize = 64;
const NAME_BYTES: usize = INVITATION_BYTES + GENERATION_BYTES;
const TOKEN_BYTES: usize = NAME_BYTES + MAC_BYTES;
/// The length of an invitation token in base64url without padding.
pub const TOKEN_CHARS: usize = TOKEN_BYTES.div_ceil(3) * 4;
/// The length of a token of an import's first link, in base64url without padding; later ones are as long.
pub const IMPORT_TOKEN_CHARS: usize = ((INVITATION_BYTES + MAC_BYTES) * 4).div_ceil(3);
/// The length of an activation code, in base64url without padding.
pub const ACTIVATION_CODE_CHARS: usize = ((TOKEN_BYTES + CODE_TIME_BYTES) * 4).div_ceil(3);

/// Creates and verifies tokens of links.
///
/// A token contains an invitation and its generation. The state of the company decides whether that generation
/// is still valid: see `live_link` in `link_life.rs`. A token is valid for one company only.
#[derive(Clone)]
pub struct Tokens {
    keyed: Hmac<Sha256>,
    fingerprint: String,
}

impl Tokens {
    pub fn new(secret: [u8; 32]) -> Self {
        // HMAC pads a short key with zeros to the block size. Padding here makes the call infallible.
        let mut block = [0; BLOCK_BYTES];
        block.split_at_mut(secret.len()).0.copy_from_slice(&secret);
        let keyed: Hmac<Sha256> = Hmac::new(&block.into());
        let mac = keyed.clone().chain_update(FINGERPRINT_DOMAIN).finalize().into_bytes();
        let hex = |byte: &u8| format!("{byte:02x}");
        let fingerprint = mac.iter().take(FINGERPRINT_BYTES).map(hex).collect();
        Self { keyed, fingerprint }
    }

    /// Identifies the secret: 16 characters `0-9a-f`. It does not reveal the secret.
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// The token for this generation of the invitation: 48 characters of `A-Za-z0-9_-`.
    pub fn token(&self, company: &CompanyId, invitation: InvitationId, generation: u32) -> String {
        let name = name(invitation, generation);
        let mac = self.mac(company, &name).finalize().into_bytes();
        let mut token = Vec::with_capacity(TOKEN_BYTES);
        token.extend_from_slice(&name);
        token.extend(mac.iter().take(MAC_BYTES));
        URL_SAFE_NO_PAD.encode(token)
    }

    /// The invitation and generation of a valid token of this company. Compares in constant time.
    pub fn read(&self, company: &CompanyId, token: &str) -> Option<(InvitationId, u32)> {
        if token.len() != TOKEN_CHARS {
            return None;
        }
        let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
        let (name, mac) = bytes.split_first_chunk::<NAME_BYTES>()?;
        self.mac(company, name).verify_truncated_left(mac).ok()?;
        let (invitation, generation) = name.split_first_chunk::<INVITATION_BYTES>()?;
        let generation = u32::from_be_bytes(generation.try_into().ok()?);
        Some((InvitationId(Ulid(u128::from_be_bytes(*invitation))), generation))
    }

    /// A code with which the link of this generation of the invitation is completed until the code expires: 54 characters
    /// of `A-Za-z0-9_-`. Its time is whole seconds.
    pub fn activation_code(
        &self,
        company: &CompanyId,
        invitation: InvitationId,
        generation: u32,
        expires_at: Time,
    ) -> String {
        let seconds = u32::try_from(expires_at.0 / 1_000).unwrap_or(u32::MAX);
        let mut code = name(invitation, generation).to_vec();
        code.extend_from_slice(&seconds.to_be_bytes());
        let mac = self.keyed_mac(ACTIVATION_DOMAIN, company, &code).finalize().into_bytes();
        code.extend(mac.iter().take(MAC_BYTES));
        URL_SAFE_NO_PAD.encode(code)
    }

    /// The invitation, its generation and the end of a genuine activation code of this company. Compares in constant time.
    pub fn read_activation_code(
        &self,
        company: &CompanyId,
        code: &str,
    ) -> Option<(InvitationId, u32, Time)> {
        if code.len() != ACTIVATION_CODE_CHARS {
            return None;
        }
        let bytes = URL_SAFE_NO_PAD.decode(code).ok()?;
        let (named, mac) = bytes.split_first_chunk::<{ NAME_BYTES + CODE_TIME_BYTES }>()?;
        self.keyed_mac(ACTIVATION_DOMAIN, company, named).verify_truncated_left(mac).ok()?;
        let (invitation, rest) = named.split_first_chunk::<INVITATION_BYTES>()?;
        let (generation, seconds) = rest.split_first_chunk::<GENERATION_BYTES>()?;
        let seconds = u32::from_be_bytes(seconds.try_into().ok()?);
        let invitation = InvitationId(Ulid(u128::from_be_bytes(*invitation)));
        let expires_at = Time(i64::from(seconds) * 1_000);
        Some((invitation, u32::from_be_bytes(*generation), expires_at))
    }

    /// The token of a link that invites the people of an import: 43 characters of `A-Za-z0-9_-`. The state of the
    /// company records whether it was used. The token of every link after the first contains its number.
    pub fn import_token(&self, company: &CompanyId, import: ImportId, generation: u32) -> String {
        let name = import.0.0.to_be_bytes();
        let (number, named) = match u16::try_from(generation).unwrap_or(u16::MAX) {
            0 | 1 => (vec![], self.keyed_mac(IMPORT_DOMAIN, company, &name)),
            later => {
                let number = later.to_be_bytes();
                let mac = self.keyed_mac(LATER_IMPORT_DOMAIN, company, &name);
                (number.to_vec(), mac.chain_update(number))
            }
        };
        let mac = named.finalize().into_bytes();
        let tail = number.iter().chain(mac.iter()).take(MAC_BYTES);
        let token: Vec<u8> = name.iter().chain(tail).copied().collect();
        URL_SAFE_NO_PAD.encode(token)
    }

    /// The import of a valid import token of this company, and the number of its link. Compares in constant time.
    pub fn read_import(&self, company: &CompanyId, token: &str) -> Option<(ImportId, u32)> {
        let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
        let (name, tail) = bytes.split_first_chunk::<INVITATION_BYTES>()?;
        if tail.len() != MAC_BYTES {
            return None;
        }
        let import = ImportId(Ulid(u128::from_be_bytes(*name)));
        let first = self.keyed_mac(IMPORT_DOMAIN, company, name);
        if first.verify_truncated_left(tail).is_ok() {
            return Some((import, 1));
        }
        let (number, mac) = tail.split_first_chunk::<LINK_NUMBER_BYTES>()?;
        let later = self.keyed_mac(LATER_IMPORT_DOMAIN, company, name).chain_update(number);
        later.verify_truncated_left(mac).ok()?;
        Some((import, u32::from(u16::from_be_bytes(*number))))
    }

    fn mac(&self, company: &CompanyId, name: &[u8; NAME_BYTES]) -> Hmac<Sha256> {
        self.keyed_mac(DOMAIN, company, name)
    }

    /// The input of the HMAC. A company id has no zero byte and the rest a fixed length, so inputs are unambiguous.
    fn keyed_mac(&self, domain: &[u8], company: &CompanyId, name: &[u8]) -> Hmac<Sha256> {
        let company = company.as_str().as_bytes();
        self.keyed
            .clone()
            .chain_update(domain)
            .chain_update(company)
            .chain_update([0])
            .chain_update(name)
    }
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tokens(***)")
    }
}

fn name(invitation: InvitationId, generation: u32) -> [u8; NAME_BYTES] {
    let mut name = [0; NAME_BYTES];
    let (head, tail) = name.split_at_mut(INVITATION_BYTES);
    head.copy_from_slice(&invitation.0.0.to_be_bytes());
    tail.copy_from_slice(&generation.to_be_bytes());
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    fn acme() -> CompanyId {
        "acme".parse().unwrap()
    }

    fn invitation() -> InvitationId {
        "01JD0000000000000000000001".parse().unwrap()
    }

    /// LX-31: a token gives the invitation that it was created for.
    #[test]
    fn a_token_is_valid_in_its_company_only() {
        let tokens = Tokens::new([7; 32]);
        let token = tokens.token(&acme(), invitation(), 3);
        assert_eq!(token.len(), TOKEN_CHARS);
        assert_eq!(tokens.read(&acme(), &token), Some((invitation(), 3)));
        assert_eq!(tokens.read(&"acme2".parse().unwrap(), &token), None);
        assert_eq!(Tokens::new([8; 32]).read(&acme(), &token), None);
    }

    #[test]
    fn each_generation_has_another_token() {
        let tokens = Tokens::new([7; 32]);
        assert_ne!(tokens.token(&acme(), invitation(), 1), tokens.token(&acme(), invitation(), 2));
    }

    #[test]
    fn a_changed_token_is_rejected() {
        let tokens = Tokens::new([7; 32]);
        let token = tokens.token(&acme(), invitation(), 1);
        for at in 0..token.len() {
            let mut changed = token.clone().into_bytes();
            changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
            assert_eq!(tokens.read(&acme(), std::str::from_utf8(&changed).unwrap()), None, "{at}");
        }
        for bad in
            ["", "A", &token[..44], &format!("{token}AAAA"), &"=".repeat(48), &"ü".repeat(24)]
        {
            assert_eq!(tokens.read(&acme(), bad), None, "{bad}");
        }
    }

    /// Sent links must stay valid, so the format of tokens is frozen.
    #[test]
    fn the_token_format_is_frozen() {
        let token = Tokens::new([7; 32]).token(&acme(), invitation(), 1);
        assert_eq!(token, "AZNAAAAAAAAAAAAAAAAAAQAAAAFGCXnlHJahFwlNc5cuZqIg");
    }

    /// OC-14: an import token gives its import, in its company only, and is not an invitation token.
    #[test]
    fn an_import_token_is_valid_in_its_company_only() {
        let tokens = Tokens::new([7; 32]);
        let import = ImportId(invitation().0);
        let other = "other".parse().unwrap();
        for generation in [1, 2, 300] {
            let token = tokens.import_token(&acme(), import, generation);
            assert_eq!(token.len(), 43);
            assert_eq!(tokens.read_import(&acme(), &token), Some((import, generation)));
            assert_eq!(tokens.read_import(&other, &token), None);
            assert_eq!(Tokens::new([8; 32]).read_import(&acme(), &token), None);
            assert_eq!(tokens.read(&acme(), &token), None);
            for cut in 0..token.len() {
                assert_eq!(tokens.read_import(&acme(), &token[..cut]), None, "{cut}");
            }
        }
        assert_eq!(tokens.read_import(&acme(), &tokens.token(&acme(), invitation(), 1)), None);
        // Sent links must stay valid.
        let first = tokens.import_token(&acme(), import, 1);
        assert_eq!(first, "AZNAAAAAAAAAAAAAAAAAATuZjPAOXB3gcKDevTbTjGg");
    }

    #[test]
    fn activation_code_is_genuine_in_its_company_until_its_time() {
        let tokens = Tokens::new([7; 32]);
        let end = Time(1_800_000_000_000);
        let code = tokens.activation_code(&acme(), invitation(), 3, end);
        assert_eq!(code.len(), ACTIVATION_CODE_CHARS);
        assert_eq!(tokens.read_activation_code(&acme(), &code), Some((invitation(), 3, end)));
        let other = "other".parse().unwrap();
        assert_eq!(tokens.read_activation_code(&other, &code), None);
        for at in 0..code.len() {
            let mut changed = code.clone().into_bytes();
            changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
            let changed = std::str::from_utf8(&changed).unwrap();
            assert_eq!(tokens.read_activation_code(&acme(), changed), None, "{at}");
        }
        assert_eq!(tokens.read(&acme(), &code), None);
        assert_eq!(tokens.read_import(&acme(), &code), None);
        let token = tokens.token(&acme(), invitation(), 3);
        assert_eq!(tokens.read_activation_code(&acme(), &token), None);
    }

    #[test]
    fn debug_never_shows_the_secret() {
        assert_eq!(format!("{:?}", Tokens::new([7; 32])), "Tokens(***)");
    }
}
