//! The files of a command: they stay if the command is accepted, and go if it is refused.

use boarding_commands::decide::imports::import_file::FileBody;
use boarding_commands::event::FileRef;
use boarding_commands::values::{Code, Refusal};

use crate::files::Files;
use crate::picture_archive::settle_pictures;
use crate::reply::Reply;

/// The files of a command, by digest. Its outcome decides whether they stay.
#[derive(Debug, Default)]
pub(crate) struct CommandFiles {
    all: Vec<String>,
    /// Those whose content the command carried or named in an object store.
    brought: Vec<String>,
    /// The pictures of an archive that were stored one by one. Those that no person gets are always removed.
    pictures: Vec<String>,
}

impl CommandFiles {
    pub(super) fn of(bodies: &[FileBody], files: &[FileRef]) -> Self {
        let is_brought = |body: &FileBody| {
            let FileBody { text, base64, object, upload, .. } = body;
            text.is_some() || base64.is_some() || object.is_some() || upload.is_some()
        };
        let brought = bodies.iter().zip(files).filter(|(body, _)| is_brought(body));
        Self {
            brought: brought.map(|(_, file)| file.sha256.clone()).collect(),
            all: files.iter().map(|file| file.sha256.clone()).collect(),
            pictures: Vec::new(),
        }
    }

    /// Adds the pictures that an archive holds.
    pub(super) fn add_pictures(&mut self, pictures: impl IntoIterator<Item = String>) {
        self.pictures.extend(pictures);
    }

    /// Removes the files that a refused command or a preview brought. The import brings them again.
    pub(crate) fn discard(&self, files: &Files) {
        self.brought.iter().chain(&self.pictures).for_each(|sha256| files.discard(sha256));
    }

    /// Keeps the files of an accepted command, and removes those that a refused one brought.
    pub(crate) fn settle(&self, files: &Files, reply: &Reply) {
        match reply {
            Reply::Accepted { events, .. } => {
                self.all.iter().for_each(|sha256| files.confirm(sha256));
                settle_pictures(files, &self.pictures, events);
            }
            Reply::Refused(_) => self.discard(files),
            // The same command may be sent again, or its commit may be durable.
            _ => {}
        }
    }
}

/// Copies the files to the store that engines share, if there is one.
pub(crate) async fn publish(files: &Files, stored: &[FileRef]) -> Result<(), Reply> {
    let files = files.clone();
    let stored: Vec<String> = stored.iter().map(|file| file.sha256.clone()).collect();
    let publishing = tokio::task::spawn_blocking(move || {
        stored.iter().try_for_each(|sha256| files.publish(sha256))
    });
    let why = match publishing.await {
        Ok(Ok(())) => return Ok(()),
        Ok(Err(error)) => boarding_log::error_chain(&error),
        Err(error) => error.to_string(),
    };
    Err(Reply::rejected(Refusal::new(Code::Unavailable).saying(&why)))
}
