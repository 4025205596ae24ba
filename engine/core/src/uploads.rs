//! Uploaded files: they wait for the command that names them, at most a day.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use boarding_commands::values::{Code, CommandId, CompanyId, Refusal, Time};
use boarding_csv::Limits;
use serde_json::json;

use crate::clock::Clock;
use crate::data_dir;
use crate::files::copy;
use crate::limits::{UPLOAD_SECONDS_MAX, UPLOADS_BYTES_MAX, UPLOADS_MAX};

/// The prefix of the names of unfinished uploads.
const DRAFT: &str = ".draft-";

/// The folder of uploaded files, with a folder for each company.
#[derive(Debug, Clone)]
pub(crate) struct Uploads {
    folder: PathBuf,
    clock: Clock,
    /// Locked while an upload gets its name, so that several at once do not pass the limits of the company.
    naming: Arc<Mutex<()>>,
}

/// A file that was uploaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredUpload {
    /// The id by which commands of the same company name it.
    pub id: CommandId,
    pub sha256: String,
    pub bytes: u64,
    /// Until when commands can name it.
    pub ends_at: Time,
}

impl Uploads {
    pub(crate) fn inside(data: &Path, clock: Clock) -> Self {
        Self { folder: data.join("uploads"), clock, naming: Arc::default() }
    }

    fn of(&self, company: &CompanyId) -> PathBuf {
        self.folder.join(company.as_str())
    }

    /// Removes uploads whose time is over. The start also removes those that an earlier process did not finish.
    pub(crate) fn sweep(&self, is_start: bool) {
        let companies = fs::read_dir(&self.folder).into_iter().flatten().flatten();
        for company in companies {
            for path in self.over(&company.path(), is_start) {
                // A file that cannot be removed now is removed by a later start.
                let _ = fs::remove_file(path);
            }
        }
    }

    /// The files in the folder of a company whose time is over, and with `drafts` the unfinished ones.
    fn over(&self, folder: &Path, drafts: bool) -> Vec<PathBuf> {
        let is_over = |name: &str| match name.parse() {
            Ok(id) => self.has_ended(id),
            Err(_) => drafts && name.starts_with(DRAFT),
        };
        let over = entries(folder).into_iter().filter(|(name, _)| is_over(name));
        over.map(|(name, _)| folder.join(name)).collect()
    }

    fn has_ended(&self, id: CommandId) -> bool {
        self.clock.now().seconds_since(stored_at(id)) >= UPLOAD_SECONDS_MAX
    }

    /// Stores an upload. It is durable on return.
    ///
    /// # Errors
    /// `import.too_large`, `import.uploads_full`, or `unavailable` when it cannot be read or written.
    pub(crate) fn store(
        &self,
        company: &CompanyId,
        content: impl Read,
    ) -> Result<StoredUpload, Refusal> {
        let (folder, id) = (self.of(company), self.clock.id());
        data_dir::make_folder(&folder).map_err(|error| unavailable(&error))?;
        for path in self.over(&folder, false) {
            let _ = fs::remove_file(path);
        }
        let of_file = Limits::default().file_bytes;
        let draft = folder.join(format!("{DRAFT}{id}"));
        let path = folder.join(id.to_string());
        let write = || -> io::Result<(String, u64)> {
            let mut file = File::create_new(&draft)?;
            let written = copy(content, &mut file, of_file)?;
            file.sync_all()?;
            Ok(written)
        };
        let stored = write().map_err(|error| unavailable(&error)).and_then(|(sha256, bytes)| {
            if bytes > of_file {
                let details = json!({"limit": of_file});
                return Err(Refusal::new(Code::ImportTooLarge).with(details));
            }
            let _naming = self.naming.lock().unwrap_or_else(PoisonError::into_inner);
            check_room(&folder, bytes)?;
            // The bytes are synced before the rename, and the name after it.
            fs::rename(&draft, &path).map_err(|error| unavailable(&error))?;
            data_dir::sync(&folder).map_err(|error| unavailable(&error))?;
            let ends_at = stored_at(id).plus_seconds(UPLOAD_SECONDS_MAX);
            Ok(StoredUpload { id, sha256, bytes, ends_at })
        });
        if stored.is_err() {
            let _ = fs::remove_file(&draft);
        }
        stored
    }

    /// Opens an upload of the company.
    ///
    /// # Errors
    /// `import.upload_not_found`, or `unavailable` when it cannot be read.
    pub(crate) fn open(&self, company: &CompanyId, upload: &str) -> Result<File, Refusal> {
        let not_found = || Refusal::new(Code::ImportUploadNotFound);
        let id: CommandId = upload.parse().map_err(|_| not_found())?;
        if self.has_ended(id) {
            return Err(not_found());
        }
        File::open(self.of(company).join(id.to_string())).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => not_found(),
            _ => unavailable(&error),
        })
    }
}

impl Uploads {
    /// Removes an upload of the company.
    ///
    /// # Errors
    /// `import.upload_not_found`, or `unavailable` when it cannot be removed.
    pub(crate) fn remove(&self, company: &CompanyId, upload: &str) -> Result<(), Refusal> {
        let not_found = || Refusal::new(Code::ImportUploadNotFound);
        let id: CommandId = upload.parse().map_err(|_| not_found())?;
        let removed = fs::remove_file(self.of(company).join(id.to_string()));
        removed.map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => not_found(),
            _ => unavailable(&error),
        })
    }
}

/// Refuses one more upload of this many bytes beyond the limits of a company. Unfinished uploads do not count.
fn check_room(folder: &Path, bytes: u64) -> Result<(), Refusal> {
    let mut named = entries(folder);
    named.retain(|(name, _)| name.parse::<CommandId>().is_ok());
    let used: u64 = named.iter().map(|(_, bytes)| bytes).sum();
    if used + bytes <= UPLOADS_BYTES_MAX && named.len() < UPLOADS_MAX {
        return Ok(());
    }
    let limits = json!({
        "limit_bytes": UPLOADS_BYTES_MAX, "used_bytes": used,
        "limit_files": UPLOADS_MAX, "used_files": named.len(),
    });
    Err(Refusal::new(Code::ImportUploadsFull).with(limits))
}

/// When the upload began: its id holds the time.
fn stored_at(id: CommandId) -> Time {
    Time(i64::try_from(id.0.timestamp_ms()).unwrap_or(i64::MAX))
}

/// The names of the files in a folder, with their bytes. A folder that cannot be read has none.
fn entries(folder: &Path) -> Vec<(String, u64)> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let named = entries.filter_map(|entry| {
        let name = entry.file_name().into_string().ok()?;
        Some((name, entry.metadata().ok()?.len()))
    });
    named.collect()
}

fn unavailable(error: &dyn std::error::Error) -> Refusal {
    let why = format!("storing the upload failed: {}", boarding_log::error_chain(error));
    Refusal::new(Code::Unavailable).saying(&why)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicI64, Ordering};

    use super::*;

    fn uploads() -> (tempfile::TempDir, Uploads, Arc<AtomicI64>) {
        let folder = tempfile::tempdir().unwrap();
        let now = Arc::new(AtomicI64::new(1_800_000_000_000));
        let read = Arc::clone(&now);
        let clock = Clock::reading(move || Time(read.load(Ordering::Relaxed)));
        let uploads = Uploads::inside(folder.path(), clock);
        (folder, uploads, now)
    }

    #[test]
    fn upload_belongs_to_its_company() {
        let (_folder, uploads, _) = uploads();
        let (acme, globex) = ("acme".parse().unwrap(), "globex".parse().unwrap());
        let stored = uploads.store(&acme, "a,b".as_bytes()).unwrap();
        let mut text = String::new();
        let id = stored.id.to_string();
        uploads.open(&acme, &id).unwrap().read_to_string(&mut text).unwrap();
        assert_eq!((text.as_str(), stored.bytes), ("a,b", 3));
        for (company, id) in [(&globex, id.as_str()), (&acme, "../acme/x"), (&acme, "")] {
            let refusal = uploads.open(company, id).unwrap_err();
            assert_eq!(refusal.code, Code::ImportUploadNotFound, "{id}");
        }
    }

    #[test]
    fn upload_ends_after_a_day_and_leaves_no_file() {
        let (folder, uploads, now) = uploads();
        let acme = "acme".parse().unwrap();
        let stored = uploads.store(&acme, "a,b".as_bytes()).unwrap();
        fs::write(folder.path().join("uploads/acme/.draft-x"), "half").unwrap();
        now.fetch_add(24 * 3600 * 1000, Ordering::Relaxed);
        let refusal = uploads.open(&acme, &stored.id.to_string()).unwrap_err();
        assert_eq!(refusal.code, Code::ImportUploadNotFound);
        uploads.sweep(true);
        assert_eq!(fs::read_dir(folder.path().join("uploads/acme")).unwrap().count(), 0);
    }

    #[test]
    fn company_has_a_limited_number_of_uploads() {
        let (folder, uploads, _) = uploads();
        let acme = "acme".parse().unwrap();
        let first = uploads.store(&acme, "x".as_bytes()).unwrap();
        for n in 1..UPLOADS_MAX as u128 {
            let id = CommandId(ulid::Ulid(first.id.0.0 + n));
            fs::write(folder.path().join(format!("uploads/acme/{id}")), "x").unwrap();
        }
        let refusal = uploads.store(&acme, "x".as_bytes()).unwrap_err();
        assert_eq!(refusal.code, Code::ImportUploadsFull);
        assert!(uploads.store(&"globex".parse().unwrap(), "x".as_bytes()).is_ok());
    }
}
