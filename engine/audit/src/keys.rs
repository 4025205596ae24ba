//! The public keys of a log: each is recorded with the signature of the key before it.

use boarding_commands::values::Time;

use crate::note::{NoteKey, NoteSigner, SignedNote};

/// The first line of a record of a key.
const FIRST_LINE: &str = "boarding.key/1";

/// A public key, and since when it signs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyRecord {
    pub key: NoteKey,
    pub since: Time,
    /// Whether the key before it has signed this key. The first key has none before it.
    pub is_confirmed: bool,
}

/// Why notes are no records of keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("record {number} of the public keys is not a key that signs itself")]
pub struct KeyRecordError {
    pub number: usize,
}

/// The record of a key. The key signs it, and so does the key before it.
pub(crate) fn record(signer: &NoteSigner, before: Option<&NoteSigner>, since: Time) -> SignedNote {
    let key = signer.public();
    let mut note = signer.sign(&format!("{FIRST_LINE}\n{key}\ntime {since}\n"));
    if let Some(before) = before {
        before.add_to(&mut note);
    }
    note
}

/// Reads the records of keys, the oldest first.
///
/// # Errors
/// The first note that is not the record of a key.
pub fn read_keys(notes: &[SignedNote]) -> Result<Vec<KeyRecord>, KeyRecordError> {
    let mut records: Vec<KeyRecord> = Vec::new();
    for (note, number) in notes.iter().zip(1..) {
        let (key, since) = parse(note).ok_or(KeyRecordError { number })?;
        let is_confirmed = records.last().is_none_or(|before| before.key.check(note).is_ok());
        records.push(KeyRecord { key, since, is_confirmed });
    }
    Ok(records)
}

fn parse(note: &SignedNote) -> Option<(NoteKey, Time)> {
    let mut lines = note.text.lines();
    if lines.next()? != FIRST_LINE {
        return None;
    }
    let key: NoteKey = lines.next()?.parse().ok()?;
    let since = lines.next()?.strip_prefix("time ")?.parse().ok()?;
    (lines.next().is_none() && key.check(note).is_ok()).then_some((key, since))
}

/// The keys that belong together with a trusted one: each has signed the next. None if no record has the trusted key.
pub fn keys_trusted_with(records: &[KeyRecord], trusted: &NoteKey) -> Option<Vec<NoteKey>> {
    let at = records.iter().position(|record| record.key == *trusted)?;
    let (before, after) = records.split_at(at);
    // Going back, each record confirms the key before it; going on, each key confirms the next.
    let mut keys = vec![trusted.clone()];
    let mut is_confirmed = records.get(at).is_some_and(|record| record.is_confirmed);
    for record in before.iter().rev() {
        if !is_confirmed {
            break;
        }
        keys.push(record.key.clone());
        is_confirmed = record.is_confirmed;
    }
    let confirmed = after.iter().skip(1).take_while(|record| record.is_confirmed);
    keys.extend(confirmed.map(|record| record.key.clone()));
    Some(keys)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signer(n: u8) -> NoteSigner {
        NoteSigner::new("boarding.log/1", &[n; 32])
    }

    fn now() -> Time {
        "2026-11-30T08:00:00.000Z".parse().unwrap()
    }

    #[test]
    fn trust_ends_where_no_key_has_signed_the_next() {
        let notes = [
            record(&signer(1), None, now()),
            record(&signer(2), Some(&signer(1)), now()),
            record(&signer(3), None, now()),
            record(&signer(4), Some(&signer(3)), now()),
        ];
        let records = read_keys(&notes).unwrap();
        let confirmed: Vec<_> = records.iter().map(|record| record.is_confirmed).collect();
        assert_eq!(confirmed, [true, true, false, true]);
        let trusted = |n| keys_trusted_with(&records, signer(n).public()).unwrap();
        let keys = |of: [u8; 2]| of.map(|n| signer(n).public().clone());
        assert_eq!(trusted(1), keys([1, 2]));
        assert_eq!(trusted(2), keys([2, 1]));
        assert_eq!(trusted(3), keys([3, 4]));
        assert_eq!(trusted(4), keys([4, 3]));
        assert_eq!(keys_trusted_with(&records, signer(5).public()), None);
    }

    #[test]
    fn note_that_is_no_record_of_a_key_is_refused() {
        let other = signer(1).sign("something else\n");
        assert_eq!(read_keys(&[other]), Err(KeyRecordError { number: 1 }));
        let key = signer(2).public().clone();
        let foreign = signer(1).sign(&format!("{FIRST_LINE}\n{key}\ntime {}\n", now()));
        assert_eq!(read_keys(&[foreign]), Err(KeyRecordError { number: 1 }));
    }
}
