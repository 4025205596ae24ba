//! `boarding pictures list`, `show`, `download` and `remove`.

use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use boarding_commands::decide::imports::remove_pictures::PICTURES_REMOVED_MAX;
use boarding_commands::values::Digest;
use clap::{Args, Subcommand};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::cli::columns;
use crate::cli::consent::check_can_ask;
use crate::cli::failure::{CliResult, Done, Failure};
use crate::cli::fields::{number, text};
use crate::cli::latest;
use crate::cli::list::{self, CsvExport, Limit};
use crate::cli::session::Session;
use crate::cli::watch;
use crate::cli::words::counted;

#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// Lists the picture that each user has now
    #[command(after_help = "\
Examples:
  boarding pictures list --search hudson --company acme
  boarding pictures list --import latest --company acme")]
    List(List),
    /// Shows the picture of a user: size, format, digest, when and from which import
    #[command(after_help = "\
Example:
  boarding pictures show johndoe --company acme")]
    Show {
        /// The user
        #[arg(value_name = "USER")]
        user: String,
    },
    Download(Download),
    Remove(Remove),
}

#[derive(Debug, Args)]
pub(super) struct List {
    /// Only pictures whose user or file name contains this text
    #[arg(long, value_name = "TEXT")]
    search: Option<String>,
    /// Only pictures of this import: `latest`, or its id
    #[arg(long, value_name = "latest|ID")]
    import: Option<String>,
    #[command(flatten)]
    limit: Limit,
    #[command(flatten)]
    export: CsvExport,
}

/// Writes the picture of a user to a file, or all pictures to a folder
#[derive(Debug, Args)]
#[command(
    after_help = "\
Examples:
  boarding pictures download johndoe --company acme
  boarding pictures download johndoe --to john.png --company acme
  boarding pictures download --all --to faces --company acme

The file is named after the user. A file that exists stays, unless --overwrite is given.",
    override_usage = "boarding pictures download [OPTIONS] <USER>|--all --to <PATH>"
)]
pub(super) struct Download {
    /// The user
    #[arg(value_name = "USER", required_unless_present = "all", conflicts_with = "all")]
    user: Option<String>,
    /// All pictures of the company
    #[arg(long, requires = "to")]
    all: bool,
    /// The file to write, or a folder that exists; with --all the folder
    #[arg(short = 'o', long, visible_alias = "output", value_name = "PATH")]
    to: Option<PathBuf>,
    /// Replaces files that exist
    #[arg(long)]
    overwrite: bool,
}

/// Removes the pictures of users. The bytes of a picture go when no user has it any more
#[derive(Debug, Args)]
#[command(
    after_help = "\
Examples:
  boarding pictures remove johndoe --company acme
  boarding pictures remove johndoe janedoe --yes --company acme
  boarding pictures remove --import latest --company acme",
    override_usage = "boarding pictures remove [OPTIONS] <USER>...|--import <latest|ID>"
)]
pub(super) struct Remove {
    /// The users
    #[arg(value_name = "USER", required_unless_present = "import", conflicts_with = "import")]
    users: Vec<String>,
    /// All users who have a picture of this import: `latest`, or its id
    #[arg(long, value_name = "latest|ID")]
    import: Option<String>,
    /// Removes without asking
    #[arg(short, long)]
    yes: bool,
}

impl Verb {
    pub(super) fn check(&self) -> Result<(), Failure> {
        match self {
            Self::Remove(remove) if remove.users.len() > PICTURES_REMOVED_MAX => {
                let text = format!("name at most {PICTURES_REMOVED_MAX} users at once");
                Err(Failure::Usage(text))
            }
            _ => Ok(()),
        }
    }

    pub(super) async fn run(self, session: &Session<'_>) -> CliResult {
        match self {
            Self::List(List { search, import, limit, export }) => {
                let params = json!({"search": search, "import": import});
                let columns = columns::USER_PICTURES;
                if export.format().is_some() {
                    let query = "pictures";
                    return list::show_or_write(session, query, params, limit, columns, &export)
                        .await;
                }
                let (rows, has_more) = list::limited(session, "pictures", params, limit).await?;
                list::print_rows(session, columns, &rows);
                if has_more {
                    session.out.note(&format!(
                        "… and more: only {} shown; add --limit NUMBER, or --csv for all",
                        counted(rows.len() as u64, "picture is", "pictures are")
                    ));
                }
                Ok(Done::Completely)
            }
            Self::Show { user } => {
                let mut row = session.row("picture", json!({"user": user})).await?;
                if let Value::Object(fields) = &mut row {
                    fields.remove("content");
                    fields.remove("next_offset");
                }
                list::show_row(session.out, &row)
            }
            Self::Download(download) => download.run(session).await,
            Self::Remove(remove) => remove.run(session).await,
        }
    }
}

impl Download {
    async fn run(self, session: &Session<'_>) -> CliResult {
        let rows = match &self.user {
            Some(user) => vec![session.row("picture", json!({"user": user})).await?],
            None => session.rows("pictures", json!({}), None).await?,
        };
        if let Some(folder) = self.to.as_ref().filter(|_| self.all) {
            fs::create_dir_all(folder).map_err(|error| cannot_write(folder, &error))?;
        }
        let (mut written, mut kept) = (Vec::new(), 0);
        for row in &rows {
            let path = match &self.to {
                Some(folder) if self.all || folder.is_dir() => folder.join(file_name(row)),
                Some(file) => file.clone(),
                None => file_name(row).into(),
            };
            if path.exists() && !self.overwrite {
                kept += 1;
                let name = path.display();
                session.out.remark(&format!("{name} exists and stays; --overwrite replaces it"));
                continue;
            }
            write(session, row, &path).await?;
            written.push(json!({"user": row.get("user"), "file": path}));
        }
        if session.out.is_json() {
            written.iter().for_each(|one| session.out.document(one));
        } else {
            let count = counted(written.len() as u64, "picture", "pictures");
            let last = written.last().map(|one| text(one, "file").to_owned()).unwrap_or_default();
            match &self.to {
                Some(folder) if self.all => {
                    session.out.line(&format!("{count} written to {}", folder.display()));
                }
                _ => session.out.line(format!("{count} written {last}").trim_end()),
            }
        }
        Ok(Done::with_failures(kept))
    }
}

/// Writes the picture of a row, part by part.
async fn write(session: &Session<'_>, row: &Value, path: &Path) -> Result<(), Failure> {
    let failed = |error: std::io::Error| cannot_write(path, &error);
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    if !folder.is_dir() {
        return Err(Failure::Usage(format!(
            "cannot write {}: there is no folder {}",
            path.display(),
            folder.display()
        )));
    }
    // The picture appears whole or not at all. The mask of the process limits who may read it.
    let mut growing = tempfile::Builder::new()
        .prefix(".")
        .suffix(".part")
        .permissions(fs::Permissions::from_mode(0o666))
        .tempfile_in(folder)
        // The error names the file that grows, and the operator named another one.
        .map_err(|error| failed(error.kind().into()))?;
    write_parts(session, row, growing.as_file_mut(), path).await?;
    growing.persist(path).map_err(|error| failed(error.error))?;
    Ok(())
}

async fn write_parts(
    session: &Session<'_>,
    row: &Value,
    file: &mut File,
    path: &Path,
) -> Result<(), Failure> {
    let failed = |error: std::io::Error| cannot_write(path, &error);
    let (mut offset, mut hash) = (0, Sha256::new());
    loop {
        let params = json!({"user": row.get("user"), "offset": offset.to_string()});
        let part = session.row("picture", params).await?;
        if part.get("sha256") != row.get("sha256") {
            let text = "the picture was replaced meanwhile; download it again";
            return Err(Failure::Unavailable(text.to_owned()));
        }
        let bytes = STANDARD.decode(text(&part, "content"));
        let bytes =
            bytes.map_err(|error| Failure::Unavailable(format!("read the picture: {error}")))?;
        hash.update(&bytes);
        file.write_all(&bytes).map_err(failed)?;
        match part.get("next_offset").and_then(Value::as_u64) {
            Some(next) => offset = next,
            None => break,
        }
    }
    let found: String = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    if found != text(row, "sha256") {
        let text = "the picture is damaged in the data folder: restore it from a backup";
        return Err(Failure::Damaged(text.to_owned()));
    }
    Ok(())
}

fn cannot_write(path: &Path, error: &std::io::Error) -> Failure {
    Failure::Unavailable(format!("cannot write {}: {error}", path.display()))
}

/// The name of the file for the picture of a row: the user's key as far as a file name may hold it. If the name differs
/// from the key, it has a part of the key's digest, so that two users have two files.
fn file_name(row: &Value) -> String {
    let user = text(row, "user");
    let is_plain = |c: char| c.is_alphanumeric() || "._-@+".contains(c);
    let name: String = user.chars().map(|c| if is_plain(c) { c } else { '_' }).take(100).collect();
    let is_hidden = name.starts_with('.');
    let digest: String = Digest::of(user.as_bytes()).to_string().chars().take(8).collect();
    let extension = if text(row, "format") == "jpeg" { "jpg" } else { "png" };
    if name == user && !is_hidden {
        return format!("{name}.{extension}");
    }
    format!("{}-{digest}.{extension}", name.trim_start_matches('.'))
}

impl Remove {
    async fn run(self, session: &Session<'_>) -> CliResult {
        let users = match &self.import {
            Some(import) => users_of(session, import).await?,
            None => self.users,
        };
        if users.is_empty() {
            if session.out.is_json() {
                let result = json!({"removed": 0, "without_picture": []});
                session.out.document(&json!({"result": result}));
            }
            session.out.say("no user has a picture of this import");
            return Ok(Done::Completely);
        }
        let question = format!(
            "{} will be removed. The picture cannot be restored.",
            counted(users.len() as u64, "picture", "pictures")
        );
        check_can_ask("pictures remove", ("removes pictures", "remove"), self.yes)?;
        if !self.yes && session.out.confirm(&format!("{question} Proceed?")).await != Some(true) {
            return Ok(Done::Completely);
        }
        let (mut without, mut parts) = (Vec::new(), users.chunks(PICTURES_REMOVED_MAX));
        while let Some(part) = parts.next() {
            let body = json!({"users": part});
            // Only one command can have the id of `--id`.
            let accepted = match parts.len() {
                0 => session.submit("RemovePictures", body).await?,
                _ => session.submit_new("RemovePictures", body).await?,
            };
            let removed = number(&accepted.result, "removed");
            let done = format!("{} removed", counted(removed, "picture", "pictures"));
            list::print_accepted(session.out, &accepted, &done);
            let listed = accepted.result.get("without_picture").and_then(Value::as_array);
            let listed = listed.into_iter().flatten().filter_map(Value::as_str);
            without.extend(listed.map(str::to_owned));
        }
        if !without.is_empty() {
            session.out.note(&format!("without a picture: {}", without.join(", ")));
        }
        Ok(Done::with_failures(without.len() as u64))
    }
}

/// The users who have a picture of an import now.
async fn users_of(session: &Session<'_>, import: &str) -> Result<Vec<String>, Failure> {
    let import = latest::pictures(session, import.to_owned()).await?;
    // An unknown import is refused, and is not an import without pictures.
    let archive = session.row("picture_import", json!({"import": import})).await?;
    // The rest of an interrupted archive would be inserted while its pictures are removed.
    if text(&archive, "state") == "processing" {
        session.settle().await?;
        watch::check_blocked(session, &import).await?;
    }
    let rows = session.rows("pictures", json!({"import": import}), None).await?;
    Ok(rows.iter().map(|row| text(row, "user").to_owned()).collect())
}
