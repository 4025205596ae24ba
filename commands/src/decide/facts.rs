//! Facts that the engine finds out for a command, such as the content of a file.

use crate::event::{FileRef, PictureFormat};
use crate::user_file::{FileSummary, ParsedRow};
use crate::values::{Code, ImportId, InvitationId, Personal, Time};

/// The facts for one command. The rule gets them beside the command, and they never come from a client.
#[derive(Debug, Clone, Default)]
pub enum Facts {
    /// The command needs no facts, or the engine found none.
    #[default]
    None,
    /// For `ImportFile`.
    Files(FileContents),
    /// For `ImportPictures`.
    Archive(ArchiveContents),
    /// For `LinkCompleted`, `RecordClick` and `AssignNumber`: the invitation and generation of the verified token.
    Invitation(InvitationId, u32),
    /// For `LinkCompleted`: the invitation and generation of the verified activation code, and when the code expires.
    Activation(InvitationId, u32, Time),
    /// For `StartBulkIntegration`: the import of the verified token, and which of its links it is, from 1.
    Import(ImportId, u32),
}

/// The content of an import's files.
#[derive(Debug, Clone)]
pub struct FileContents {
    pub files: Vec<FileRef>,
    pub summary: FileSummary,
    /// All rows, if they fit in the commit that accepts the file; otherwise empty.
    pub rows: Vec<ParsedRow>,
}

/// The content of an archive of pictures.
#[derive(Debug, Clone)]
pub struct ArchiveContents {
    pub file: FileRef,
    /// The number of pictures in the archive.
    pub total: u64,
    /// All pictures, if their outcomes fit in one commit; otherwise empty.
    pub pictures: Vec<ArchivePicture>,
}

/// One picture of an archive, in the order of the archive.
#[derive(Debug, Clone)]
pub struct ArchivePicture {
    /// The file name of the picture, without folders.
    pub name: Personal<String>,
    /// The stored picture, or the reason why it is refused.
    pub content: Result<StoredPicture, Code>,
}

/// A picture in the file store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredPicture {
    pub sha256: String,
    pub bytes: u64,
    pub format: PictureFormat,
}

impl Facts {
    pub fn files(&self) -> Option<&FileContents> {
        match self {
            Self::Files(contents) => Some(contents),
            _ => None,
        }
    }

    pub fn archive(&self) -> Option<&ArchiveContents> {
        match self {
            Self::Archive(contents) => Some(contents),
            _ => None,
        }
    }

    /// The invitation and its generation.
    pub fn invitation(&self) -> Option<(InvitationId, u32)> {
        match self {
            Self::Invitation(id, generation) | Self::Activation(id, generation, _) => {
                Some((*id, *generation))
            }
            _ => None,
        }
    }

    /// When the activation code expires; none for the token of a link.
    pub fn code_expires_at(&self) -> Option<Time> {
        match self {
            Self::Activation(_, _, expires_at) => Some(*expires_at),
            _ => None,
        }
    }

    /// The import and the number of its link.
    pub fn import(&self) -> Option<(ImportId, u32)> {
        match self {
            Self::Import(id, generation) => Some((*id, *generation)),
            _ => None,
        }
    }
}
