//! `boarding nats-config`: prints the configuration of a NATS server that keeps companies apart.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use boarding_commands::values::{CompanyId, Time};
use boarding_core::clock::Clock;
use boarding_core::data_dir::{DataDirError, make_folder, sync, write_once};
use boarding_nats::server_config::{
    ACCOUNTS_BEGIN, KeyOwner, Keys, OperatorMode, OperatorModeError, accounts_of_users, nats_conf,
    operator_mode, passwords, public_key,
};
use clap::Args;
use serde_json::json;

use super::common::Common;
use super::failure::{CliResult, Done, Failure, unavailable};
use super::output::Out;
use super::words::counted;

/// Prints the configuration of a NATS server: an account for each user, so that companies cannot reach each other
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  boarding nats-config acme globex > nats.conf
  nats-server -c nats.conf                      the passwords come from the environment, see the file

  boarding nats-config acme --operator-mode nats
  boarding nats-config globex --operator-mode nats              adds a company
  boarding nats-config --operator-mode nats --renew acme-worker
  nats-server -c nats/nats.conf
  boarding serve --nats nats://127.0.0.1:4222 --nats-credentials nats/credentials/engine.creds

With --operator-mode the users have keys instead of passwords, and a company is added without a restart: run the command
for the new company, then nats-server --signal reload. Companies, keys and settings that are there are kept. Keep the
folder secret: it has the keys of all users. To remove a company, remove its files in keys/accounts and run it again.

With --json: the configuration, and the names of the environment variables with the passwords; with --operator-mode the
files")]
pub(super) struct NatsConfig {
    /// The companies; each gets the users COMPANY-publisher, COMPANY-auditor and COMPANY-worker
    #[arg(value_name = "COMPANY")]
    companies: Vec<CompanyId>,
    /// Writes a configuration in operator mode into this folder, with a file of credentials for each user, as nsc makes
    /// them; keys that are there are kept
    #[arg(long, value_name = "FOLDER")]
    operator_mode: Option<PathBuf>,
    /// Makes new credentials for this user, who is `engine`, `operator`, `auditor` or one of a company; the server refuses
    /// the old ones after a reload
    #[arg(long, value_name = "USER", requires = "operator_mode")]
    renew: Vec<String>,
}

impl NatsConfig {
    pub(super) fn run(self, common: &Common, out: &Out) -> CliResult {
        let mut companies: BTreeSet<CompanyId> = self.companies.into_iter().collect();
        companies.extend(common.company.iter().filter_map(|company| company.0.clone()));
        let files = self.operator_mode.as_deref().map(Files);
        if let Some(files) = &files {
            let found = files.companies().map_err(|error| unavailable(&FilesError::from(error)))?;
            companies.extend(found);
        }
        if companies.is_empty() {
            let text = "name at least one company: boarding nats-config acme globex > nats.conf";
            return Err(Failure::Usage(text.to_owned()));
        }
        let companies: Vec<_> = companies.into_iter().collect();
        let config = nats_conf(&companies);
        match files {
            Some(files) => write_operator_mode(&config, &files, &self.renew, out)?,
            None if out.is_json() => {
                out.document(&json!({"config": config, "passwords": passwords(&config)}));
            }
            None => out.line(config.trim_end()),
        }
        Ok(Done::Completely)
    }
}

/// Why the files of operator mode cannot be written.
#[derive(Debug, thiserror::Error)]
enum FilesError {
    #[error(transparent)]
    Setup(#[from] OperatorModeError),
    #[error(transparent)]
    Write(#[from] DataDirError),
    #[error("read or write the keys")]
    Keys(#[from] io::Error),
}

/// The ends of the names of a company's users.
const USERS_OF_COMPANY: [&str; 3] = ["-publisher", "-auditor", "-worker"];

/// The user of the engine.
const ENGINE: &str = "engine";

/// The files of operator mode, in one folder:
///
/// - `nats.conf`: the configuration of the server, without secrets.
/// - `credentials/<user>.creds`: the JWT and the key of each user.
/// - `keys/operator.nk`, `keys/accounts/<account>.nk`, `keys/users/<user>.nk`: the keys that sign.
/// - `keys/revoked/<account>`: the public keys of users that end, each with the time in milliseconds.
struct Files<'a>(&'a Path);

impl Keys for Files<'_> {
    fn seed(&self, owner: KeyOwner, name: &str) -> io::Result<String> {
        let path = self.key(owner, name);
        if let Some(found) = read(&path)? {
            return Ok(found);
        }
        let seed = owner.new_seed().map_err(io::Error::other)?;
        write(&path, &format!("{seed}\n")).map_err(io::Error::other)?;
        Ok(seed)
    }

    fn revoked(&self, account: &str) -> io::Result<BTreeMap<String, Time>> {
        let text = read(&self.revoked_file(account))?.unwrap_or_default();
        let line = |line: &str| {
            let (key, at) = line.split_once(' ')?;
            Some((key.to_owned(), Time(at.parse().ok()?)))
        };
        let read: Option<BTreeMap<_, _>> = text.lines().map(line).collect();
        read.ok_or_else(|| io::Error::other("expected a key and a time in each line"))
    }
}

impl Files<'_> {
    fn config(&self) -> PathBuf {
        self.0.join("nats.conf")
    }

    fn credentials(&self, user: &str) -> PathBuf {
        self.0.join("credentials").join(format!("{user}.creds"))
    }

    fn key(&self, owner: KeyOwner, name: &str) -> PathBuf {
        let keys = self.0.join("keys");
        match owner {
            KeyOwner::Operator => keys.join("operator.nk"),
            KeyOwner::Account => keys.join("accounts").join(format!("{name}.nk")),
            KeyOwner::User => keys.join("users").join(format!("{name}.nk")),
        }
    }

    fn revoked_file(&self, account: &str) -> PathBuf {
        self.0.join("keys").join("revoked").join(account)
    }

    /// The companies that have keys here.
    fn companies(&self) -> io::Result<BTreeSet<CompanyId>> {
        let folder = self.0.join("keys").join("accounts");
        let entries = match fs::read_dir(&folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(BTreeSet::new()),
            entries => entries?,
        };
        let mut found = BTreeSet::new();
        for entry in entries {
            let name = entry?.file_name();
            let account = name.to_str().and_then(|name| name.strip_suffix(".nk"));
            let company = |end| account.and_then(|account| account.strip_suffix(end));
            let companies = USERS_OF_COMPANY.into_iter().filter_map(company);
            found.extend(companies.filter_map(|company| company.parse().ok()));
        }
        Ok(found)
    }

    /// Revokes the key of a user of this account, who gets another one.
    fn revoke(&self, user: &str, account: &str, at: Time) -> Result<(), FilesError> {
        let path = self.key(KeyOwner::User, user);
        let Some(seed) = read(&path)? else { return Ok(()) };
        let mut revoked = self.revoked(account)?;
        revoked.insert(public_key(&seed)?, at);
        let lines: String = revoked.iter().map(|(key, at)| format!("{key} {}\n", at.0)).collect();
        write(&self.revoked_file(account), &lines)?;
        fs::remove_file(&path)?;
        Ok(())
    }

    fn write(&self, config: &str, renewed: &[(&str, &str)]) -> Result<OperatorMode, FilesError> {
        let now = Clock::system().now();
        for (user, account) in renewed {
            self.revoke(user, account, now)?;
        }
        let made = operator_mode(config, now, self)?;
        for (user, text) in &made.credentials {
            write(&self.credentials(user), text)?;
        }
        let written = read(&self.config())?;
        let kept = written.as_deref().and_then(|text| text.split_once(ACCOUNTS_BEGIN));
        let settings = kept.map_or(made.settings.as_str(), |(kept, _)| kept);
        // Last, so that a server that reads it finds no user without credentials.
        write(&self.config(), &[settings, &made.preload].concat())?;
        Ok(made)
    }
}

/// The text of a file, if it exists.
fn read(path: &Path) -> io::Result<Option<String>> {
    match fs::read_to_string(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        found => found.map(Some),
    }
}

/// Writes a file that only its owner may read. Its name is durable then: a lost key of an account would cut its streams
/// off.
fn write(path: &Path, text: &str) -> Result<(), DataDirError> {
    let Some(folder) = path.parent() else { return write_once(path, text.as_bytes()) };
    make_folder(folder)?;
    write_once(path, text.as_bytes())?;
    sync(folder)
}

fn write_operator_mode(
    config: &str,
    files: &Files<'_>,
    renew: &[String],
    out: &Out,
) -> Result<(), Failure> {
    let accounts = accounts_of_users(config).unwrap_or_default();
    let mut renewed = Vec::new();
    for user in renew {
        match accounts.get(user) {
            Some(account) => renewed.push((user.as_str(), account.as_str())),
            None => {
                let users: Vec<_> = accounts.keys().map(String::as_str).collect();
                let users = users.join(", ");
                let text = format!("--renew: there is no user {user}; the users are {users}");
                return Err(Failure::Usage(text));
            }
        }
    }
    let made = files.write(config, &renewed).map_err(|error| unavailable(&error))?;
    let shown = |path: PathBuf| path.display().to_string();
    let (server, engine) = (shown(files.config()), shown(files.credentials(ENGINE)));
    if out.is_json() {
        let credentials: BTreeMap<_, _> =
            made.credentials.keys().map(|user| (user, shown(files.credentials(user)))).collect();
        let document = json!({
            "config": server, "credentials": credentials, "accounts": made.accounts,
        });
        out.document(&document);
        return Ok(());
    }
    let users = counted(made.credentials.len() as u64, "user", "users");
    out.line(&format!("wrote {server} and the credentials of {users}"));
    out.line(&format!("start the server: nats-server -c {server}"));
    out.line("or, if it runs, let it read the file again: nats-server --signal reload");
    out.line(&format!(
        "start the engine: boarding serve --nats nats://127.0.0.1:4222 --nats-credentials {engine}"
    ));
    Ok(())
}
