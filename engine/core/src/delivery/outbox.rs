//! The outbox: writes each mail to a file that is durable before it counts as sent.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use boarding_commands::decide::outcome::MailOutcome;
use boarding_commands::event::OutboxId;
use boarding_commands::values::Digest;

use super::{
    DeliveryFuture, Lookup, LookupFuture, ReadyFuture, Transport, TransportAnswer, text_file,
};
use crate::delivery::mail::{Mail, MailId, last_line};

mod id;
mod write;

use write::{grow, sync};

/// The most claims of one commit: a larger batch needs fewer syncs of the folder per mail.
const IN_FLIGHT_MAILS: usize = 500;
/// The threads that write one batch: concurrent syncs share flushes of the disk.
const WRITERS_PER_BATCH: usize = 8;
/// The most characters of a Message-ID in a file name. A file name has at most 255 bytes, and the digest needs
/// 33 of them.
const NAME_CHARS: usize = 100;
/// The bytes that must be free before mails are written: one mail of usual size.
const PROBE_BYTES: usize = 64 * 1024;
/// The folder of unfinished files.
const UNFINISHED: &str = ".unfinished";

/// Writes `<folder>/<company>/<run or "welcome">/<Message-ID>.eml`; a text message is a `.txt` file.
///
/// A file appears completely or not at all. An existing file that is whole stays and counts as sent, so each Message-ID
/// has at most one file. `.id` holds the id of the folder.
#[derive(Debug, Clone)]
pub struct Outbox {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    folder: PathBuf,
    /// None if it could not be read or written. Then nothing is known about mails that have no file.
    id: Option<OutboxId>,
    /// Numbers the unfinished files.
    growing: AtomicU64,
}

impl Outbox {
    /// Opens or creates the folder and removes unfinished files of a crash.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn open(folder: &Path) -> io::Result<Self> {
        let unfinished = folder.join(UNFINISHED);
        match fs::remove_dir_all(&unfinished) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => fs::create_dir_all(&unfinished)?,
        }
        let id = id::read_or_make(folder, &unfinished.join("id"));
        if let Err(error) = &id {
            tracing::warn!(%error, "the id of the outbox cannot be read or written, so after a crash mails without a file are uncertain");
        }
        let id = id.ok();
        Ok(Self::with_id(folder, id))
    }

    /// The outbox in this folder, to look up mails only; none if there is none.
    pub fn existing(folder: &Path) -> Option<Self> {
        id::read(folder).ok().flatten().map(|id| Self::with_id(folder, Some(id)))
    }

    fn with_id(folder: &Path, id: Option<OutboxId>) -> Self {
        let inner = Inner { folder: folder.to_owned(), id, growing: AtomicU64::new(0) };
        Self { inner: Arc::new(inner) }
    }

    /// The path of the file of this mail.
    pub fn path(&self, mail: &Mail) -> PathBuf {
        self.inner.path(&mail.id())
    }
}

impl Transport for Outbox {
    fn name(&self) -> &'static str {
        "outbox"
    }

    fn deduplicates(&self) -> bool {
        true
    }

    fn outbox(&self) -> Option<OutboxId> {
        self.inner.id
    }

    fn look_up(&self, mails: Vec<MailId>) -> LookupFuture<'_> {
        let inner = Arc::clone(&self.inner);
        Box::pin(async move {
            let count = mails.len();
            let looking = tokio::task::spawn_blocking(move || inner.look_up(&mails)).await;
            looking.unwrap_or_else(|_| vec![Lookup::Unknown; count])
        })
    }

    fn texts(&self) -> Option<&dyn Transport> {
        Some(self)
    }

    fn in_flight(&self) -> usize {
        IN_FLIGHT_MAILS
    }

    fn dependency(&self) -> &'static str {
        "outbox"
    }

    fn ready(&self) -> ReadyFuture<'_> {
        let inner = Arc::clone(&self.inner);
        Box::pin(async move {
            let probing = tokio::task::spawn_blocking(move || inner.probe()).await;
            probing.unwrap_or_else(|_| Err("the check of the outbox was interrupted".to_owned()))
        })
    }

    fn send_batch(&self, mails: Vec<Mail>) -> DeliveryFuture<'_> {
        let inner = Arc::clone(&self.inner);
        Box::pin(async move {
            let mails = Arc::new(mails);
            let (writer, batch) = (Arc::clone(&inner), Arc::clone(&mails));
            let writing = tokio::task::spawn_blocking(move || writer.write_batch(&batch)).await;
            // Its threads have ended, so the folder says which mails were written.
            let outcomes = writing.unwrap_or_else(|_| inner.after_interruption(&mails));
            outcomes.into_iter().map(TransportAnswer::from).collect()
        })
    }
}

impl Inner {
    fn folder_of(&self, mail: &MailId) -> PathBuf {
        self.folder.join(mail.company.as_str()).join(mail.purpose.to_string())
    }

    fn path(&self, mail: &MailId) -> PathBuf {
        self.folder_of(mail).join(file_name(mail))
    }

    /// Looks up each mail by the name of its file, and removes a file that is not whole. An earlier process may have
    /// been killed before it synced the folders, so they are synced first.
    fn look_up(&self, mails: &[MailId]) -> Vec<Lookup> {
        let folders: BTreeSet<PathBuf> = mails.iter().map(|mail| self.folder_of(mail)).collect();
        let is_synced = |folder: &PathBuf| match self.sync_up(folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => true,
            synced => synced.is_ok(),
        };
        if !folders.iter().all(is_synced) {
            return vec![Lookup::Unknown; mails.len()];
        }
        mails.iter().map(|mail| self.look_up_one(mail)).collect()
    }

    fn look_up_one(&self, mail: &MailId) -> Lookup {
        let path = self.path(mail);
        match is_whole(&path, mail) {
            Ok(true) => Lookup::Delivered,
            Ok(false) => match fs::remove_file(&path) {
                Ok(()) => Lookup::NotDelivered,
                Err(_) => Lookup::Unknown,
            },
            Err(error) if error.kind() == io::ErrorKind::NotFound => Lookup::NotDelivered,
            Err(_) => Lookup::Unknown,
        }
    }

    /// The outcomes of mails whose writer was interrupted.
    fn after_interruption(&self, mails: &[Mail]) -> Vec<MailOutcome> {
        let ids: Vec<MailId> = mails.iter().map(Mail::id).collect();
        let later = || MailOutcome::unavailable("writing to the outbox was interrupted".to_owned());
        let outcome = |found| match found {
            Lookup::Delivered => MailOutcome::SENT,
            Lookup::NotDelivered => later(),
            Lookup::Unknown => MailOutcome::uncertain("writing was interrupted"),
        };
        self.look_up(&ids).into_iter().map(outcome).collect()
    }

    /// Writes a file of the size of a mail and removes it.
    fn probe(&self) -> Result<(), String> {
        let number = self.growing.fetch_add(1, Ordering::Relaxed);
        let path = self.folder.join(UNFINISHED).join(number.to_string());
        let written = File::create(&path).and_then(|mut file| {
            file.write_all(&[0; PROBE_BYTES])?;
            file.sync_data()
        });
        let _ = fs::remove_file(&path);
        written.map_err(|error| explain("write to", &error))
    }

    /// Writes the files, then syncs each folder and those above it. Only then the mails count as sent.
    fn write_batch(&self, mails: &[Mail]) -> Vec<MailOutcome> {
        let folders: BTreeSet<PathBuf> =
            mails.iter().map(|mail| self.folder_of(&mail.id())).collect();
        if let Some(error) = folders.iter().find_map(|folder| fs::create_dir_all(folder).err()) {
            return vec![
                MailOutcome::unavailable(explain("make its folder in", &error));
                mails.len()
            ];
        }
        let mut sent = self.write_all(mails);
        if folders.iter().try_for_each(|folder| self.sync_up(folder)).is_err() {
            // The files are there, so "not sent" would be wrong. Only a further sync tells whether they stay.
            for (sent, now) in sent.iter_mut().zip(self.after_interruption(mails)) {
                if *sent == MailOutcome::SENT {
                    *sent = now;
                }
            }
        }
        sent
    }

    fn write_all(&self, mails: &[Mail]) -> Vec<MailOutcome> {
        let share = mails.len().div_ceil(WRITERS_PER_BATCH).max(1);
        thread::scope(|scope| {
            let writers: Vec<_> = mails
                .chunks(share)
                .map(|part| {
                    (part, scope.spawn(|| part.iter().map(|m| self.write(m)).collect::<Vec<_>>()))
                })
                .collect();
            let joined = writers.into_iter().flat_map(|(part, writer)| {
                writer.join().unwrap_or_else(|_| self.after_interruption(part))
            });
            joined.collect()
        })
    }

    fn write(&self, mail: &Mail) -> MailOutcome {
        let id = mail.id();
        let path = self.path(&id);
        if is_whole(&path, &id).is_ok_and(|is_whole| is_whole) {
            return MailOutcome::SENT;
        }
        let bytes = match mail.text_file() {
            Some(text) => text,
            None => match mail.letter() {
                Ok(letter) => letter.bytes,
                Err(error) => return error.into(),
            },
        };
        let number = self.growing.fetch_add(1, Ordering::Relaxed);
        let growing = self.folder.join(UNFINISHED).join(number.to_string());
        match grow(&growing, &path, &bytes) {
            Ok(()) => MailOutcome::SENT,
            Err(error) => {
                // The disk may be full, so the unfinished file is removed now. The next opening removes it at the latest.
                let _ = fs::remove_file(&growing);
                MailOutcome::unavailable(explain("write to", &error))
            }
        }
    }

    /// Syncs a folder and those above it, up to the outbox: a folder without a durable entry is lost with its files.
    fn sync_up(&self, folder: &Path) -> io::Result<()> {
        let mut inside = folder.ancestors().take_while(|above| above.starts_with(&self.folder));
        inside.try_for_each(sync)
    }
}

/// Whether the file of this mail is whole. Of a mail it reads the last line only.
///
/// # Errors
/// Those of the file system, such as a missing file.
fn is_whole(path: &Path, mail: &MailId) -> io::Result<bool> {
    if mail.is_text {
        return Ok(text_file::is_whole(&fs::read(path)?));
    }
    let mut file = File::open(path)?;
    let end = last_line(&mail.message_id);
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(end.len() as u64)))?;
    let mut read = Vec::new();
    file.take(end.len() as u64).read_to_end(&mut read)?;
    Ok(read == end.as_bytes())
}

/// A file name that is valid on every file system and unique per Message-ID.
fn file_name(mail: &MailId) -> String {
    let message_id = &mail.message_id;
    let readable: String = message_id
        .chars()
        .take(NAME_CHARS)
        .map(|c| if c.is_ascii_alphanumeric() || "@-_".contains(c) { c } else { '_' })
        .collect();
    let digest: String = Digest::of(message_id.as_bytes()).to_string().chars().take(32).collect();
    let extension = if mail.is_text { "txt" } else { "eml" };
    format!("{readable}-{digest}.{extension}")
}

/// An error text with the remedy, without paths of the machine.
fn explain(what: &str, error: &io::Error) -> String {
    let hint = match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "; free some room on its disk",
        io::ErrorKind::PermissionDenied => "; the program may not write there",
        io::ErrorKind::ReadOnlyFilesystem => "; its disk is mounted read-only",
        _ => "",
    };
    format!("could not {what} the outbox: {error}{hint}")
}

#[cfg(test)]
mod tests;
