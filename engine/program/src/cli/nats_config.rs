//! `boarding nats-config`: prints the configuration of a NATS server that keeps companies apart.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use boarding_commands::values::CompanyId;
use boarding_core::clock::Clock;
use boarding_core::data_dir::{DataDirError, make_folder, write_once};
use boarding_nats::server_config::{
    KeyOwner, OperatorMode, OperatorModeError, nats_conf, operator_mode, passwords,
};
use clap::Args;
use serde_json::json;

use super::common::Common;
use super::failure::{CliResult, Done, Failure};
use super::output::Out;

/// Prints the configuration of a NATS server: an account for each user, so that companies cannot reach each other
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  boarding nats-config acme globex > nats.conf
  nats-server -c nats.conf                      the passwords come from the environment, see the file

  boarding nats-config acme globex --operator-mode nats
  nats-server -c nats/nats.conf
  boarding serve --nats nats://127.0.0.1:4222 --nats-credentials nats/credentials/engine.creds

With --operator-mode the users have keys instead of passwords, and a company is added without a restart: name all
companies again, then run nats-server --signal reload. Keep the folder secret: it has the keys of all users.

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
}

impl NatsConfig {
    pub(super) fn run(self, common: &Common, out: &Out) -> CliResult {
        let mut companies = self.companies;
        companies.extend(common.company.iter().filter_map(|company| company.0.clone()));
        let mut known = std::collections::BTreeSet::new();
        companies.retain(|company| known.insert(company.clone()));
        if companies.is_empty() {
            let text = "name at least one company: boarding nats-config acme globex > nats.conf";
            return Err(Failure::Usage(text.to_owned()));
        }
        let config = nats_conf(&companies);
        match &self.operator_mode {
            Some(folder) => write_operator_mode(&config, folder, out)?,
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
}

/// The files of operator mode, in one folder:
///
/// - `nats.conf`: the configuration of the server, without secrets.
/// - `credentials/<user>.creds`: the JWT and the key of each user.
/// - `keys/operator.nk`, `keys/accounts/<account>.nk`, `keys/users/<user>.nk`: the keys that sign. They are kept, so that
///   the same command adds a company.
struct Files<'a>(&'a Path);

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

    /// The seed of a key that is there, or a new one.
    fn seed(&self, owner: KeyOwner, name: &str) -> io::Result<String> {
        let path = self.key(owner, name);
        match fs::read_to_string(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            found => return found,
        }
        let seed = owner.new_seed().map_err(io::Error::other)?;
        write(&path, &format!("{seed}\n")).map_err(io::Error::other)?;
        Ok(seed)
    }

    fn write(&self, config: &str) -> Result<OperatorMode, FilesError> {
        let seed = |owner, name: &str| self.seed(owner, name);
        let made = operator_mode(config, Clock::system().now(), seed)?;
        for (user, text) in &made.credentials {
            write(&self.credentials(user), text)?;
        }
        // Last, so that a server that reads it finds no user without credentials.
        write(&self.config(), &made.config)?;
        Ok(made)
    }
}

fn write(path: &Path, text: &str) -> Result<(), DataDirError> {
    if let Some(folder) = path.parent() {
        make_folder(folder)?;
    }
    write_once(path, text.as_bytes())
}

fn write_operator_mode(config: &str, folder: &Path, out: &Out) -> Result<(), Failure> {
    let files = Files(folder);
    let made = files.write(config);
    let made = made.map_err(|error| Failure::Unavailable(boarding_log::error_chain(&error)))?;
    let shown = |path: PathBuf| path.display().to_string();
    let (server, engine) = (shown(files.config()), shown(files.credentials("engine")));
    if out.is_json() {
        let credentials: BTreeMap<_, _> =
            made.credentials.keys().map(|user| (user, shown(files.credentials(user)))).collect();
        let document = json!({
            "config": server, "credentials": credentials, "accounts": made.accounts,
        });
        out.document(&document);
        return Ok(());
    }
    out.line(&format!("wrote {server} and the credentials of {} users", made.credentials.len()));
    out.line(&format!("start the server: nats-server -c {server}"));
    out.line("or, if it runs, let it read the file again: nats-server --signal reload");
    out.line(&format!(
        "start the engine: boarding serve --nats nats://127.0.0.1:4222 --nats-credentials {engine}"
    ));
    Ok(())
}
