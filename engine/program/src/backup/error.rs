//! Why there is no backup, or no restored folder.

use std::io;
use std::path::{Path, PathBuf};

use boarding_audit::{AuditError, SigningError};
use boarding_log::file::OpenError;

/// Why a backup or a restore failed. An earlier backup and the data folder are as they were.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    #[error("{operation} {}", path.display())]
    Io { operation: &'static str, path: PathBuf, source: io::Error },
    #[error("{operation} {object}")]
    Nats {
        operation: &'static str,
        object: String,
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The target may not be used. The code is stable.
    #[error("{message}")]
    Refused { code: &'static str, message: String },
    /// Bytes differ from the written ones, or are missing.
    #[error("{what}")]
    Damaged { what: String, file: Option<String> },
    #[error("the log failed its check")]
    Log(#[source] OpenError),
    #[error("{0}")]
    Audit(#[from] AuditError),
    #[error("{0}")]
    Signing(#[from] SigningError),
    #[error("there is no log in {}; give the data folder with --data", folder.display())]
    NoLog { folder: PathBuf },
    #[error("the backup folder {} is in use by another backup; try again later", folder.display())]
    InUse { folder: PathBuf },
    #[error("interrupted")]
    Interrupted,
}

impl BackupError {
    pub(super) fn refused(code: &'static str, message: String) -> Self {
        Self::Refused { code, message }
    }

    /// Damage of a file.
    pub(super) fn damaged(file: &str, what: &str) -> Self {
        Self::Damaged { what: format!("{file}: {what}"), file: Some(file.to_owned()) }
    }
}

impl From<OpenError> for BackupError {
    fn from(error: OpenError) -> Self {
        Self::Log(error)
    }
}

/// Names the operation and the path of an IO error.
pub(super) fn failed(
    operation: &'static str,
    path: &Path,
) -> impl FnOnce(io::Error) -> BackupError + use<> {
    let path = path.to_owned();
    move |source| BackupError::Io { operation, path, source }
}
