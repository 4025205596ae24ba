//! Opens a log to read it as it is now. No file is changed, and an engine may write the log at the same time.

use std::path::Path;
use std::sync::{Arc, RwLock};

use tokio::sync::watch;

use super::FileLog;
use super::copied;
use super::error::{OpenError, io_error};
use super::heads::{self, HeadsFile};
use super::options::Options;
use super::recover::{Depth, Recovered, recover};
use super::salvage::salvage;
use super::shared::Inner;

impl FileLog {
    /// Opens the log in a folder to read it as it is now. The log takes no appends, and does not see those of another
    /// process. A torn tail stays in its file and is not read.
    ///
    /// # Errors
    /// As [`FileLog::open`].
    pub fn open_to_read(folder: &Path, options: &Options) -> Result<Self, OpenError> {
        let heads_file = heads::read(folder).map_err(io_error("read the heads in", folder))?;
        let found = read(folder, &heads_file, options.commands_indexed_up_to)?;
        let end = found.as_ref().map_or(0, |found| found.index.end);
        if end < options.answered_up_to {
            return Err(OpenError::EndMissing { end, answered: options.answered_up_to });
        }
        let (log, index) = match found {
            Some(Recovered { log, index, .. }) => (log, index),
            None => Default::default(),
        };
        let inner = Inner {
            folder: folder.to_owned(),
            log,
            end: watch::Sender::new(index.end),
            index: RwLock::new(index),
            files: super::files::Files::default(),
            failure: watch::Sender::new(None),
        };
        Ok(Self { inner: Arc::new(inner), calls: None, writer: None })
    }
}

/// Reads the frames of a log. If it is damaged, what is certain.
fn read(
    folder: &Path,
    heads_file: &HeadsFile,
    commands_indexed_up_to: u64,
) -> Result<Option<Recovered>, OpenError> {
    let once = || recover(folder, heads_file, Depth::Frames, commands_indexed_up_to, None);
    // A second reading, because another process may have begun a segment during the first.
    match once().or_else(|error| if error.is_damage() { once() } else { Err(error) }) {
        Err(error) if error.is_damage() && copied::original(folder).is_none() => {
            match salvage(folder, heads_file, commands_indexed_up_to)? {
                Some(salvaged) => Ok(Some(salvaged)),
                None => Err(error),
            }
        }
        outcome => outcome,
    }
}
