//! Signed notes, as the C2SP specification `signed-note` describes them: a text and signatures of it, in lines.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use sha2::{Digest as _, Sha256};

/// The kind of an Ed25519 key in its id and text.
const ED25519: u8 = 1;
/// The start of a line with a signature.
pub(crate) const MARK: &str = "— ";
/// The most signatures of a note: a key signs once, and so does the key before it.
const SIGNATURES_MAX: usize = 16;
/// The most bytes of a note that is read.
pub const NOTE_BYTES_MAX: usize = 64 * 1024;

/// A key that signs.
pub struct NoteSigner {
    key: SigningKey,
    public: NoteKey,
}

/// A public key with its name. Its text is `name+id+base64`.
#[derive(Clone, PartialEq, Eq)]
pub struct NoteKey {
    name: String,
    key: VerifyingKey,
}

/// A text with signatures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedNote {
    /// The signed text. It ends with a line break.
    pub text: String,
    signatures: Vec<NoteSignature>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct NoteSignature {
    name: String,
    id: [u8; 4],
    bytes: Vec<u8>,
}

/// Why a text is no key or no note, or not signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    #[error("it is no public key: a key looks like name+1234abcd+base64")]
    Key,
    #[error("it is no signed note: a note has a text, an empty line, and lines with signatures")]
    Form,
    #[error("no known key has signed it: boarding audit keys lists the keys")]
    Unsigned,
    #[error("its signature of the key is wrong")]
    WrongSignature,
    #[error("it is signed by a key that was replaced before")]
    Replaced,
}

impl NoteSigner {
    /// The signer with a secret seed.
    pub fn new(name: &str, seed: &[u8; 32]) -> Self {
        let key = SigningKey::from_bytes(seed);
        let public = NoteKey { name: name.to_owned(), key: key.verifying_key() };
        Self { key, public }
    }

    pub fn public(&self) -> &NoteKey {
        &self.public
    }

    /// Signs a text, which must end with a line break and have no empty line.
    pub fn sign(&self, text: &str) -> SignedNote {
        let mut note = SignedNote { text: text.to_owned(), signatures: Vec::new() };
        self.add_to(&mut note);
        note
    }

    /// Adds the signature of this key to a note.
    pub fn add_to(&self, note: &mut SignedNote) {
        let bytes = self.key.sign(note.text.as_bytes()).to_bytes().to_vec();
        let (name, id) = (self.public.name.clone(), self.public.id());
        note.signatures.push(NoteSignature { name, id, bytes });
    }
}

impl fmt::Debug for NoteSigner {
    /// Hides the secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NoteSigner({})", self.public)
    }
}

impl NoteKey {
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The same key under another name.
    pub fn named(&self, name: &str) -> Self {
        Self { name: name.to_owned(), key: self.key }
    }

    /// The first four bytes of the digest of name, kind and key.
    fn id(&self) -> [u8; 4] {
        let digest = Sha256::new()
            .chain_update(&self.name)
            .chain_update([b'\n', ED25519])
            .chain_update(self.key.as_bytes())
            .finalize();
        digest.first_chunk().copied().unwrap_or_default()
    }

    fn bytes(&self) -> Vec<u8> {
        std::iter::once(ED25519).chain(*self.key.as_bytes()).collect()
    }

    /// Checks that the note has a right signature of this key.
    ///
    /// # Errors
    /// When there is none, or it is wrong.
    pub fn check(&self, note: &SignedNote) -> Result<(), NoteError> {
        let id = self.id();
        let mut own = note.signatures.iter().filter(|one| one.name == self.name && one.id == id);
        let found = own.next().ok_or(NoteError::Unsigned)?;
        let signature =
            Signature::from_slice(&found.bytes).map_err(|_| NoteError::WrongSignature)?;
        self.key
            .verify_strict(note.text.as_bytes(), &signature)
            .map_err(|_| NoteError::WrongSignature)
    }
}

impl fmt::Display for NoteKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d] = self.id();
        write!(f, "{}+{a:02x}{b:02x}{c:02x}{d:02x}+{}", self.name, STANDARD.encode(self.bytes()))
    }
}

impl fmt::Debug for NoteKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for NoteKey {
    type Err = NoteError;

    fn from_str(text: &str) -> Result<Self, NoteError> {
        let mut parts = text.trim().splitn(3, '+');
        let (Some(name), Some(_), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(NoteError::Key);
        };
        let bytes = STANDARD.decode(key).map_err(|_| NoteError::Key)?;
        let (kind, key) = bytes.split_first().ok_or(NoteError::Key)?;
        let key: &[u8; 32] = key.try_into().map_err(|_| NoteError::Key)?;
        let key = VerifyingKey::from_bytes(key).map_err(|_| NoteError::Key)?;
        let key = Self { name: name.to_owned(), key };
        // The id and the kind are part of the text, so a typing error in the name is found as well.
        let is_whole = *kind == ED25519 && !name.is_empty() && key.to_string() == text.trim();
        is_whole.then_some(key).ok_or(NoteError::Key)
    }
}

impl SignedNote {
    /// The number of signatures, also of unknown keys.
    pub fn signatures(&self) -> usize {
        self.signatures.len()
    }
}

impl fmt::Display for SignedNote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.text)?;
        for NoteSignature { name, id, bytes } in &self.signatures {
            let whole: Vec<u8> = id.iter().chain(bytes).copied().collect();
            writeln!(f, "{MARK}{name} {}", STANDARD.encode(whole))?;
        }
        Ok(())
    }
}

impl FromStr for SignedNote {
    type Err = NoteError;

    fn from_str(whole: &str) -> Result<Self, NoteError> {
        if whole.len() > NOTE_BYTES_MAX {
            return Err(NoteError::Form);
        }
        let (text, lines) = whole.rsplit_once("\n\n").ok_or(NoteError::Form)?;
        let signature = |line: &str| {
            let (name, bytes) = line.strip_prefix(MARK)?.split_once(' ')?;
            let bytes = STANDARD.decode(bytes).ok()?;
            let (id, bytes) = bytes.split_first_chunk()?;
            Some(NoteSignature { name: name.to_owned(), id: *id, bytes: bytes.to_vec() })
        };
        if lines.lines().count() > SIGNATURES_MAX {
            return Err(NoteError::Form);
        }
        let signatures: Option<Vec<_>> = lines.lines().map(signature).collect();
        let note = Self { text: format!("{text}\n"), signatures: signatures.unwrap_or_default() };
        // Only one spelling of a note is accepted, so no byte of it can be changed.
        let is_repeated = |(at, one): (usize, &NoteSignature)| {
            let mut before = note.signatures.iter().take(at);
            before.any(|before| (&before.name, before.id) == (&one.name, one.id))
        };
        let is_once = !note.signatures.iter().enumerate().any(is_repeated);
        let is_whole = is_once && !note.signatures.is_empty() && note.to_string() == whole;
        is_whole.then_some(note).ok_or(NoteError::Form)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signer(seed: u8) -> NoteSigner {
        NoteSigner::new("example.com/log", &[seed; 32])
    }

    #[test]
    fn signed_note_is_read_back_and_checked() {
        let mut note = signer(1).sign("example.com/log\n7\nAAAA\n");
        signer(2).add_to(&mut note);
        let read: SignedNote = note.to_string().parse().unwrap();
        assert_eq!(read, note);
        for seed in [1, 2] {
            let key: NoteKey = signer(seed).public().to_string().parse().unwrap();
            assert_eq!(key.check(&read), Ok(()));
        }
        assert_eq!(signer(3).public().check(&read), Err(NoteError::Unsigned));
    }

    #[test]
    fn repeated_signature_is_no_other_spelling() {
        let note = signer(1).sign("example.com/log\n7\nAAAA\n").to_string();
        let (_, line) = note.split_once("\n\n").unwrap();
        assert_eq!(format!("{note}{line}").parse::<SignedNote>(), Err(NoteError::Form));
    }

    #[test]
    fn every_changed_byte_of_a_note_is_found() {
        let note = signer(1).sign("example.com/log\n7\nAAAA\n").to_string();
        for at in 0..note.len() {
            for bit in [0, 5] {
                let mut bytes = note.clone().into_bytes();
                bytes[at] ^= 1 << bit;
                let read = String::from_utf8(bytes).ok().and_then(|text| text.parse().ok());
                let is_found = read.is_none_or(|note| signer(1).public().check(&note).is_err());
                assert!(is_found, "bit {bit} of byte {at}");
            }
        }
    }

    /// The example key of the specification.
    #[test]
    fn key_has_the_text_of_the_specification() {
        let text = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
        assert_eq!(text.parse::<NoteKey>().unwrap().to_string(), text);
        for bad in [
            "",
            "PeterNeumann",
            "PeterNeumann+c74f20a4+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
            "PeterNeumanN+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
            "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10T",
        ] {
            assert_eq!(bad.parse::<NoteKey>(), Err(NoteError::Key), "{bad}");
        }
    }
}
