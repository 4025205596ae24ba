//! Files that commands name: kept by their digest, or uploaded.

use std::io::Read;

use boarding_commands::event::FileRef;
use boarding_commands::values::{Code, CompanyId, Refusal};
use boarding_csv::Limits;

use super::Engine;
use crate::uploads::StoredUpload;

impl Engine {
    /// Stores a file that a command will name by its digest. It is durable on return.
    ///
    /// # Errors
    /// `import.too_large`, or `unavailable` when it cannot be read or written.
    pub fn keep_file(&self, name: &str, content: impl Read) -> Result<FileRef, Refusal> {
        let kept = self.context.files.keep(name, content, Limits::default().file_bytes);
        kept.map_err(|error| error.refusal())
    }

    /// Writes into the data folder under which address its process serves it.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub fn announce(&self, address: &str) -> std::io::Result<()> {
        self.context.folder.announce(address)
    }

    /// Removes uploads whose time is over. Blocks.
    pub fn sweep_uploads(&self) {
        self.context.uploads.sweep(false);
    }

    /// Removes an upload of a company. Commands that were accepted keep its content.
    ///
    /// # Errors
    /// `import.upload_not_found`, or `unavailable` when it cannot be removed.
    pub fn remove_upload(&self, company: &CompanyId, upload: &str) -> Result<(), Refusal> {
        self.context.uploads.remove(company, upload)
    }

    /// Whether files can be uploaded here. The command that names an upload may be executed by another engine of the log,
    /// which does not have it.
    ///
    /// # Errors
    /// `import.uploads_not_shared`.
    pub fn takes_uploads(&self) -> Result<(), Refusal> {
        match self.context.ownership.get() {
            None => Ok(()),
            Some(_) => Err(Code::ImportUploadsNotShared.into()),
        }
    }

    /// Stores a file that a command of the same company will name by its id. It is durable on return. Blocks.
    ///
    /// # Errors
    /// `import.too_large`, `import.uploads_full`, or `unavailable` when it cannot be read or written.
    pub fn store_upload(
        &self,
        company: &CompanyId,
        content: impl Read,
    ) -> Result<StoredUpload, Refusal> {
        self.context.uploads.store(company, content)
    }

    /// Removes a kept file whose command was refused or only previewed, unless another command has it.
    pub fn discard_file(&self, sha256: &str) {
        self.context.files.discard(sha256);
    }

    /// The reason why a kept file is missing; `None` if it is there.
    pub fn missing_file(&self, sha256: &str) -> Option<String> {
        self.context.files.missing(sha256)
    }
}
