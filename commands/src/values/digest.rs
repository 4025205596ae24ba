//! A 256-bit BLAKE3 digest: of a commit in the chain, or of a command's body.

use std::fmt;

use serde::de::{Error as _, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::schema::{json_schema, scalar};

/// 32 bytes of BLAKE3; hexadecimal in JSON, raw bytes in the stored form.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Digest(pub [u8; 32]);

impl Digest {
    /// The digest of some bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self(*blake3::hash(bytes).as_bytes())
    }

    /// The digest of a command: its name and its body in canonical JSON (sorted keys, no spaces).
    pub fn of_body(name: &str, body: &serde_json::Value) -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher.update(name.as_bytes());
        hasher.update(&[0]);
        hasher.update(body.to_string().as_bytes());
        Self(*hasher.finalize().as_bytes())
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.collect_str(self)
        } else {
            serializer.serialize_bytes(&self.0)
        }
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            let text = String::deserialize(deserializer)?;
            from_hex(&text).ok_or_else(|| D::Error::custom("not a digest of 64 hexadecimal digits"))
        } else {
            deserializer.deserialize_bytes(RawBytes)
        }
    }
}

fn from_hex(text: &str) -> Option<Digest> {
    let mut out = [0u8; 32];
    if text.len() != 64 || !text.is_ascii() {
        return None;
    }
    for (at, byte) in out.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(at * 2..at * 2 + 2)?, 16).ok()?;
    }
    Some(Digest(out))
}

struct RawBytes;

impl<'de> Visitor<'de> for RawBytes {
    type Value = Digest;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("32 bytes")
    }

    fn visit_bytes<E: serde::de::Error>(self, bytes: &[u8]) -> Result<Digest, E> {
        bytes.try_into().map(Digest).map_err(|_| E::invalid_length(bytes.len(), &self))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Digest, A::Error> {
        let mut out = [0u8; 32];
        for (at, byte) in out.iter_mut().enumerate() {
            *byte = seq.next_element()?.ok_or_else(|| A::Error::invalid_length(at, &self))?;
        }
        Ok(Digest(out))
    }
}

scalar! {
    Digest, "Digest": json_schema!({"type": "string", "pattern": "^[0-9a-f]{64}$"});
}

#[cfg(test)]
mod tests {
    use serde::de::value::{Error, SeqDeserializer};
    use serde_json::json;

    use super::*;

    /// BLAKE3 of the empty text, from its specification.
    const EMPTY: &str = "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262";

    #[test]
    fn digest_is_written_and_read_as_hexadecimal_text() {
        assert_eq!(Digest::of(b"").to_string(), EMPTY);
        assert_eq!(serde_json::from_value::<Digest>(json!(EMPTY)).unwrap(), Digest::of(b""));
        for bad in [
            &EMPTY[1..],
            &EMPTY.replace("af", "xy"),
            &EMPTY.replace("af", "é"),
            &format!("{EMPTY}00"),
        ] {
            assert!(serde_json::from_value::<Digest>(json!(bad)).is_err(), "{bad}");
        }
    }

    #[test]
    fn digest_of_a_command_covers_name_and_sorted_body() {
        let expected = Digest::of(b"AddUser\0{\"a\":2,\"b\":1}");
        assert_eq!(Digest::of_body("AddUser", &json!({"b": 1, "a": 2})), expected);
    }

    #[test]
    fn stored_digest_has_exactly_32_bytes() {
        let bytes = Digest::of(b"").0;
        let from_list = |bytes: &[u8]| {
            RawBytes.visit_seq(SeqDeserializer::<_, Error>::new(bytes.iter().copied()))
        };
        assert_eq!(RawBytes.visit_bytes::<Error>(&bytes).unwrap(), Digest(bytes));
        assert_eq!(from_list(&bytes).unwrap(), Digest(bytes));
        let error = RawBytes.visit_bytes::<Error>(&bytes[1..]).unwrap_err().to_string();
        assert!(error.contains("expected 32 bytes"), "{error}");
        assert!(from_list(&bytes[1..]).is_err());
    }
}
