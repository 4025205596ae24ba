//! A checkpoint: what the whole log was at a position, signed. Its form is the C2SP specification `tlog-checkpoint`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use boarding_commands::values::Time;

use crate::merkle::TreeHash;
use crate::note::{NoteError, NoteSigner, SignedNote};

/// The state of a log at a position.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// The name of the log.
    pub origin: String,
    /// The last position of the log.
    pub position: u64,
    /// The root of the tree over the heads of all companies.
    pub root: TreeHash,
    /// The number of companies.
    pub companies: u64,
    /// When it was signed.
    pub at: Time,
}

/// Why a note is no checkpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CheckpointError {
    #[error("{0}")]
    Note(#[from] NoteError),
    #[error(
        "it is no checkpoint of a log: its lines are the origin, a position, a root, `companies N` and `time T`"
    )]
    Form,
}

impl Checkpoint {
    pub fn sign(&self, signer: &NoteSigner) -> SignedNote {
        signer.sign(&self.text())
    }

    fn text(&self) -> String {
        let Self { origin, position, root, companies, at } = self;
        let root = STANDARD.encode(root);
        format!("{origin}\n{position}\n{root}\ncompanies {companies}\ntime {at}\n")
    }

    /// Reads a checkpoint. Its signature is not checked.
    ///
    /// # Errors
    /// When the text of the note is no checkpoint.
    pub fn read(note: &SignedNote) -> Result<Self, CheckpointError> {
        let parse = || {
            let mut lines = note.text.lines();
            let checkpoint = Self {
                origin: lines.next()?.to_owned(),
                position: lines.next()?.parse().ok()?,
                root: STANDARD.decode(lines.next()?).ok()?.try_into().ok()?,
                companies: lines.next()?.strip_prefix("companies ")?.parse().ok()?,
                at: lines.next()?.strip_prefix("time ")?.parse().ok()?,
            };
            (checkpoint.text() == note.text).then_some(checkpoint)
        };
        parse().ok_or(CheckpointError::Form)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checkpoint() -> Checkpoint {
        Checkpoint {
            origin: "boarding.log/0011".to_owned(),
            position: 42,
            root: [7; 32],
            companies: 3,
            at: "2026-11-30T08:00:00.000Z".parse().unwrap(),
        }
    }

    #[test]
    fn signed_checkpoint_is_read_back() {
        let signer = NoteSigner::new("boarding.log/0011", &[1; 32]);
        let note: SignedNote = checkpoint().sign(&signer).to_string().parse().unwrap();
        assert_eq!(Checkpoint::read(&note), Ok(checkpoint()));
    }

    #[test]
    fn other_signed_text_is_no_checkpoint() {
        let signer = NoteSigner::new("boarding.log/0011", &[1; 32]);
        for text in ["boarding.log/0011\n", "a\n42\nAAAA\n", "a\nb\nc\nd\ne\n"] {
            let note = signer.sign(text);
            assert_eq!(Checkpoint::read(&note), Err(CheckpointError::Form), "{text}");
        }
    }
}
