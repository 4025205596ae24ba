//! Intake of files: stores them by digest, checks them, and reads small ones.

use std::io::{BufReader, Cursor};

use base64::Engine as _;
use boarding_commands::company::Company;
use boarding_commands::decide::Authority;
use boarding_commands::decide::facts::FileContents;
use boarding_commands::decide::imports::import_file::{
    FileBody, ImportFile, OnError, fits_one_commit,
};
use boarding_commands::dialect;
use boarding_commands::envelope::Envelope;
use boarding_commands::event::{FileRef, Permission};
use boarding_commands::user_file::{self, FileError, ReadOptions};
use boarding_commands::values::{Code, CompanyId, Refusal};
use boarding_csv::{Limits, Options};
use serde_json::{Value, json};

use crate::context::EngineContext;
use crate::files::Files;
use crate::limits::{IMPORT_BYTES_PER_COMMAND, INLINE_FILE_BYTES_MAX};

mod command_files;
mod companion_files;
mod objects;
mod pictures;
mod prepare;

use command_files::CommandFiles;

pub(crate) use command_files::publish;
pub(crate) use prepare::{Intake, PreparedCommand};

/// Stores the files of a command: inline, from the object store, or stored already.
///
/// # Errors
/// `import.*` for a file that differs from its description, `envelope.malformed` for a missing one.
async fn keep_all(
    context: &EngineContext,
    company: &CompanyId,
    files: &[FileBody],
    authority: Authority,
) -> Result<Vec<FileRef>, Refusal> {
    let mut all = Vec::with_capacity(files.len());
    for body in files {
        let kept = match (&body.object, &body.upload) {
            (Some(object), _) => objects::keep_object(context, company, body, object).await,
            (None, Some(upload)) => keep_upload(context, company, body, upload).await,
            (None, None) => keep_carried(context, body, authority).await,
        };
        match kept {
            Ok(file) => all.push(file),
            Err(refusal) => {
                CommandFiles::of(files, &all).discard(&context.files);
                return Err(refusal);
            }
        }
    }
    Ok(all)
}

async fn keep_carried(
    context: &EngineContext,
    body: &FileBody,
    authority: Authority,
) -> Result<FileRef, Refusal> {
    let (kept, body) = (context.files.clone(), body.clone());
    let keeping = tokio::task::spawn_blocking(move || keep(&kept, &body, authority));
    keeping.await.map_err(|error| Refusal::new(Code::Unavailable).saying(&error.to_string()))?
}

/// Stores the content of an upload as a file of the command.
async fn keep_upload(
    context: &EngineContext,
    company: &CompanyId,
    body: &FileBody,
    upload: &str,
) -> Result<FileRef, Refusal> {
    if body.text.is_some() || body.base64.is_some() {
        let why = "files: give one of text, base64, object and upload";
        return Err(Refusal::new(Code::EnvelopeMalformed).saying(why));
    }
    let content = context.uploads.open(company, upload)?;
    let (files, body) = (context.files.clone(), body.clone());
    let limit = Limits::default().file_bytes;
    let keeping = tokio::task::spawn_blocking(move || {
        let kept = files.keep(&body.name, content, limit).map_err(|error| error.refusal())?;
        as_announced(&files, &body, kept)
    });
    keeping.await.map_err(|error| Refusal::new(Code::Unavailable).saying(&error.to_string()))?
}

/// Refuses a kept file that differs from the digest in its command.
fn as_announced(files: &Files, body: &FileBody, kept: FileRef) -> Result<FileRef, Refusal> {
    match &body.sha256 {
        Some(announced) if !announced.eq_ignore_ascii_case(&kept.sha256) => {
            files.discard(&kept.sha256);
            let details = json!({"announced": announced, "actual": kept.sha256});
            Err(Refusal::new(Code::ImportChecksumMismatch).with(details))
        }
        _ => Ok(kept),
    }
}

/// A command as the caller sent it, with `{}` for a missing body.
#[derive(Clone, Copy)]
struct ReceivedCommand<'a> {
    company: &'a CompanyId,
    body: &'a Value,
    envelope: &'a Envelope,
    authority: Authority,
}

/// The user and the actor of a command.
struct Sender {
    nats_user: Option<String>,
    has_token: bool,
    actor: String,
}

impl Sender {
    fn of(envelope: &Envelope) -> Self {
        let nats_user = envelope.authenticated.clone();
        let (has_token, actor) = (envelope.token.is_some(), envelope.actor.clone());
        Self { nats_user, has_token, actor: actor.unwrap_or_default() }
    }

    /// Refuses a command before its files are stored.
    ///
    /// # Errors
    /// `auth.actor_not_bound`, `auth.user_not_bound`, `auth.permission_denied`.
    fn check(&self, company: &Company, needed: Permission) -> Result<(), Refusal> {
        if !self.has_token {
            company.check_binding(self.nats_user.as_deref(), Some(&self.actor))?;
        }
        company.check_permission(&self.actor, needed)
    }
}

/// The settings of the company for reading files.
#[derive(Debug, Clone)]
pub(crate) struct CompanySays {
    pub assume_plus: bool,
    pub accept_gzip: bool,
    /// The most data rows of one file.
    pub rows_max: u64,
    /// Columns that files of this company must not have.
    pub withheld: Vec<String>,
}

impl CompanySays {
    pub(crate) fn of(company: &Company, dialect: &str) -> Self {
        let settings = &company.settings;
        let withheld = dialect::find(dialect).map(|dialect| dialect.withheld(settings));
        Self {
            assume_plus: settings.assume_plus,
            accept_gzip: settings.accept_gzip,
            rows_max: settings.import_max_rows,
            withheld: withheld.into_iter().flatten().map(str::to_owned).collect(),
        }
    }
}

/// The body for detecting repeated commands: it has the digests of files, however they were sent.
pub(crate) fn canonical_body(body: &Value, files: &[FileRef]) -> Value {
    let mut fields = body.as_object().cloned().unwrap_or_default();
    let named = files.iter().map(|file| json!({"name": file.name, "sha256": file.sha256}));
    fields.insert("files".to_owned(), named.collect());
    Value::Object(fields)
}

fn keep(files: &Files, body: &FileBody, authority: Authority) -> Result<FileRef, Refusal> {
    let malformed =
        |why: &str| Refusal::new(Code::EnvelopeMalformed).saying(&format!("files: {why}"));
    let content = match (&body.text, &body.base64) {
        (Some(text), None) => text.clone().into_bytes(),
        (None, Some(text)) => base64::engine::general_purpose::STANDARD
            .decode(text)
            .map_err(|_| malformed("base64 does not decode"))?,
        (None, None) if authority == Authority::All => return known(files, body),
        // A digest alone would give access to the files of all companies.
        (None, None) => return Err(malformed("give one of text, base64, object and upload")),
        (Some(_), Some(_)) => return Err(malformed("give one of text and base64")),
    };
    if content.len() > INLINE_FILE_BYTES_MAX {
        let details = json!({"limit": INLINE_FILE_BYTES_MAX, "actual": content.len()});
        return Err(Refusal::new(Code::ImportTooLarge)
            .saying("a file inside a command")
            .with(details));
    }
    let limit = INLINE_FILE_BYTES_MAX as u64;
    let kept =
        files.keep(&body.name, Cursor::new(content), limit).map_err(|error| error.refusal())?;
    as_announced(files, body, kept)
}

/// A file that is stored already, named by its digest only.
fn known(files: &Files, body: &FileBody) -> Result<FileRef, Refusal> {
    let malformed = || {
        Refusal::new(Code::EnvelopeMalformed)
            .saying("files: give text, base64, or the sha256 of a stored file")
    };
    let digest = body.sha256.as_deref().ok_or_else(malformed)?;
    let is_digest =
        digest.len() == 64 && digest.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    if !is_digest {
        return Err(malformed());
    }
    let missing = |_| {
        Refusal::new(Code::ImportChecksumMismatch)
            .saying("there is no stored file with this digest")
    };
    let bytes = files.open(digest).and_then(|file| file.metadata()).map_err(missing)?.len();
    Ok(FileRef { name: boarding_csv::clean_name(&body.name), sha256: digest.to_owned(), bytes })
}

/// Checks the whole file of an import, and reads its rows if they fit in one commit.
///
/// # Errors
/// `import.*` and `csv.*`: then no row is imported.
pub(crate) fn read(
    files: &Files,
    import: &ImportFile,
    kept: Vec<FileRef>,
    company: CompanySays,
) -> Result<FileContents, Refusal> {
    let dialect = dialect::known(&import.dialect)?;
    let csv = Options {
        encoding: import.encoding.clone(),
        delimiter: import.delimiter,
        columns: import.columns.clone(),
        accept_gzip: company.accept_gzip,
        known_columns_only: import.on_error == OnError::RejectFile,
        withheld: company.withheld,
    };
    let options = ReadOptions { csv, assume_plus: company.assume_plus };
    let limits = Limits { rows: company.rows_max, ..Limits::default() };
    let (kept, said) = companion_files::in_order(files, dialect, kept, &options.csv)?;
    let file = kept.first().ok_or(Code::ImportMissingCompanionFile)?;
    let open = || files.open(&file.sha256).map(BufReader::new).map_err(FileError::Io);
    let mut summary = open()
        .and_then(|input| user_file::scan(input, dialect, &options, &limits))
        .map_err(|error| match kept.as_slice() {
        // With one file, its name would add nothing.
        [_] => companion_files::unreadable(error),
        _ => companion_files::with_file_name(companion_files::unreadable(error), &file.name),
    })?;
    summary.warnings.extend(said);
    let small = fits_one_commit(summary.rows) && file.bytes <= IMPORT_BYTES_PER_COMMAND as u64;
    let rows = if small {
        let facts = open().and_then(|input| user_file::facts(input, dialect, &options, &limits));
        let facts = facts.map_err(companion_files::unreadable)?;
        let rows = open().and_then(|input| {
            user_file::rows(input, dialect, &options, &limits)?.with_facts(facts).collect()
        });
        rows.map_err(companion_files::unreadable)?
    } else {
        Vec::new()
    };
    Ok(FileContents { files: kept, summary, rows })
}
