//! The token in an invitation's link: derived from a server secret, so that nothing secret is in the log.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use boarding_commands::values::{CompanyId, ImportId, InvitationId};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use ulid::Ulid;

/// Keeps these tokens apart from anything else that is ever derived from the same secret.
const DOMAIN: &[u8] = b"boarding invitation link v1\0";
/// The same for the links in mails about imports.
const IMPORT_DOMAIN: &[u8] = b"boarding import link v1\0";
const INVITATION_BYTES: usize = 16;
const GENERATION_BYTES: usize = 4;
/// How much of the HMAC-SHA256 a token carries: 128 bits cannot be guessed at any rate of asking.
const MAC_BYTES: usize = 16;
/// The block of SHA-256.
const BLOCK_BYTES: usize = 64;
const NAME_BYTES: usize = INVITATION_BYTES + GENERATION_BYTES;
const TOKEN_BYTES: usize = NAME_BYTES + MAC_BYTES;
/// The length of every token: base64url without padding.
pub const TOKEN_CHARS: usize = TOKEN_BYTES.div_ceil(3) * 4;

/// Makes and reads the tokens of invitation links.
///
/// A token names an invitation and its generation; whether that generation still lives is for the log
/// to say, so a resend kills the old link. It is good for one company only.
#[derive(Clone)]
pub struct Tokens {
    keyed: Hmac<Sha256>,
}

impl Tokens {
    pub fn new(secret: [u8; 32]) -> Self {
        // HMAC fills a short key up with zeros to the block of its hash; doing it here cannot fail.
        let mut block = [0; BLOCK_BYTES];
        block.split_at_mut(secret.len()).0.copy_from_slice(&secret);
        Self { keyed: Hmac::new(&block.into()) }
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

    /// What the token names, if we made it for this company; compared in constant time.
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

    /// The token that invites the people of an import (OC-14): 43 characters of `A-Za-z0-9_-`. Whether it was
    /// used, the log says.
    pub fn import_token(&self, company: &CompanyId, import: ImportId) -> String {
        let name = import.0.0.to_be_bytes();
        let mac = self.keyed_mac(IMPORT_DOMAIN, company, &name).finalize().into_bytes();
        let token: Vec<u8> = name.iter().chain(mac.iter().take(MAC_BYTES)).copied().collect();
        URL_SAFE_NO_PAD.encode(token)
    }

    /// The import that the token is for, if we made it for this company; compared in constant time.
    pub fn read_import(&self, company: &CompanyId, token: &str) -> Option<ImportId> {
        let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
        let (name, mac) = bytes.split_first_chunk::<INVITATION_BYTES>()?;
        if mac.len() != MAC_BYTES {
            return None;
        }
        self.keyed_mac(IMPORT_DOMAIN, company, name).verify_truncated_left(mac).ok()?;
        Some(ImportId(Ulid(u128::from_be_bytes(*name))))
    }

    fn mac(&self, company: &CompanyId, name: &[u8; NAME_BYTES]) -> Hmac<Sha256> {
        self.keyed_mac(DOMAIN, company, name)
    }

    /// A company id holds no zero byte and what follows has a fixed length: no two messages are alike.
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

    /// LX-31: the link leads back to the invitation it was made for.
    #[test]
    fn a_token_is_read_back_by_its_company_only() {
        let tokens = Tokens::new([7; 32]);
        let token = tokens.token(&acme(), invitation(), 3);
        assert_eq!(token.len(), TOKEN_CHARS);
        assert_eq!(tokens.read(&acme(), &token), Some((invitation(), 3)));
        assert_eq!(tokens.read(&"acme2".parse().unwrap(), &token), None);
        assert_eq!(Tokens::new([8; 32]).read(&acme(), &token), None);
    }

    #[test]
    fn each_generation_has_a_token_of_its_own() {
        let tokens = Tokens::new([7; 32]);
        assert_ne!(tokens.token(&acme(), invitation(), 1), tokens.token(&acme(), invitation(), 2));
    }

    #[test]
    fn no_changed_token_is_read() {
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

    /// Links that are out there must stay good: the form is frozen.
    #[test]
    fn the_token_of_today_is_the_token_of_tomorrow() {
        let token = Tokens::new([7; 32]).token(&acme(), invitation(), 1);
        assert_eq!(token, "AZNAAAAAAAAAAAAAAAAAAQAAAAFGCXnlHJahFwlNc5cuZqIg");
    }

    /// OC-14: a link about an import leads back to it, in its company only, and is no invitation's.
    #[test]
    fn oc_14_an_import_token_is_read_back_by_its_company_only() {
        let tokens = Tokens::new([7; 32]);
        let import = ImportId(invitation().0);
        let token = tokens.import_token(&acme(), import);
        assert_eq!(tokens.read_import(&acme(), &token), Some(import));
        assert_eq!(tokens.read_import(&"other".parse().unwrap(), &token), None);
        assert_eq!(Tokens::new([8; 32]).read_import(&acme(), &token), None);
        assert_eq!(tokens.read(&acme(), &token), None);
        assert_eq!(tokens.read_import(&acme(), &tokens.token(&acme(), invitation(), 1)), None);
        for cut in 0..token.len() {
            assert_eq!(tokens.read_import(&acme(), &token[..cut]), None, "{cut}");
        }
    }

    #[test]
    fn debug_never_shows_the_secret() {
        assert_eq!(format!("{:?}", Tokens::new([7; 32])), "Tokens(***)");
    }
}
