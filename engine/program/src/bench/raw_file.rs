//! A raw file with one `fdatasync` for all waiting appends: what the disk allows at most.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

/// The most appends of one sync, and of the queue before it.
const APPENDS_PER_SYNC_MAX: usize = 1_024;

type Append = (Vec<u8>, oneshot::Sender<()>);

/// The file, and the thread that writes it.
#[derive(Debug)]
pub(super) struct RawFile {
    path: PathBuf,
    appends: mpsc::Sender<Append>,
    writer: JoinHandle<io::Result<()>>,
}

impl RawFile {
    /// Creates the file and starts the writer.
    ///
    /// # Errors
    /// When the file cannot be created.
    pub(super) fn create(path: &Path) -> io::Result<Self> {
        let file = File::create(path)?;
        let (appends, receiver) = mpsc::channel(APPENDS_PER_SYNC_MAX);
        let writer = tokio::task::spawn_blocking(move || write(file, receiver));
        Ok(Self { path: path.to_owned(), appends, writer })
    }

    /// A handle for one task.
    pub(super) fn appender(&self) -> Appender {
        Appender(self.appends.clone())
    }

    /// Ends the writer and removes the file. All appenders must be gone.
    ///
    /// # Errors
    /// When a write has failed.
    pub(super) async fn close(self) -> io::Result<()> {
        drop(self.appends);
        self.writer.await.map_err(io::Error::other)??;
        std::fs::remove_file(self.path)
    }
}

/// Appends to the file.
#[derive(Debug, Clone)]
pub(super) struct Appender(mpsc::Sender<Append>);

impl Appender {
    /// Returns whether the bytes are durable. If not, [`RawFile::close`] returns the error.
    pub(super) async fn append(&self, bytes: Vec<u8>) -> bool {
        let (answer, done) = oneshot::channel();
        self.0.send((bytes, answer)).await.is_ok() && done.await.is_ok()
    }
}

fn write(mut file: File, mut appends: mpsc::Receiver<Append>) -> io::Result<()> {
    let mut bytes = Vec::new();
    while let Some((first, answer)) = appends.blocking_recv() {
        bytes.clear();
        bytes.extend(first);
        let mut answers = vec![answer];
        while answers.len() < APPENDS_PER_SYNC_MAX
            && let Ok((more, answer)) = appends.try_recv()
        {
            bytes.extend(more);
            answers.push(answer);
        }
        file.write_all(&bytes)?;
        file.sync_data()?;
        for answer in answers {
            let _ = answer.send(());
        }
    }
    Ok(())
}
