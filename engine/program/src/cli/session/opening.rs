//! Opens a session on a data folder or on a running engine.

use std::sync::Mutex;

use boarding_core::clock::Clock;
use boarding_core::engine::Options;

use super::folder::Folder;
use super::remote::Remote;
use super::{Backend, Session};
use crate::cli::common::{Common, DEFAULT_DATA};
use crate::cli::failure::Failure;
use crate::cli::opening::options;
use crate::cli::output::Out;
use crate::cli::words::quoted;

impl<'a> Session<'a> {
    /// Opens the data folder and waits until its read models have reached the end of the log. Runs rest as they are until
    /// [`Session::carry_runs`]. With `--url`, uses the running engine instead.
    pub(in crate::cli) async fn open(common: &Common, out: &'a Out) -> Result<Self, Failure> {
        common.company()?;
        if let Some(url) = common.given_url() {
            let remote = Remote::new(&url, common)?;
            return Self::of(Backend::Remote(remote), Clock::system(), common, out);
        }
        common.actor()?;
        let data = common.data();
        if !data.exists() {
            out.note(&format!("creating the data folder {}", data.display()));
        }
        let options = Options { carries_runs: false, ..options(common)? };
        Self::open_with(options, common, out).await
    }

    /// As [`Session::open`], for a verb that only reads: another process may use the data folder, and it need not be
    /// writable.
    pub(in crate::cli) async fn open_to_read(
        common: &Common,
        out: &'a Out,
    ) -> Result<Self, Failure> {
        common.company()?;
        if common.given_url().is_some() {
            return Self::open(common, out).await;
        }
        let folder = Folder::open_to_read(common, common.actor()?, out).await?;
        Self::of_folder(folder, common, out)
    }

    /// Opens the data folder as [`Session::open`] does, without the note about a new folder. Runs are carried on.
    pub(in crate::cli) async fn open_new(common: &Common, out: &'a Out) -> Result<Self, Failure> {
        Self::open_with(options(common)?, common, out).await
    }

    async fn open_with(options: Options, common: &Common, out: &'a Out) -> Result<Self, Failure> {
        common.company()?;
        let folder = Folder::open(options, common.actor()?, out).await?;
        Self::of_folder(folder, common, out)
    }

    fn of_folder(folder: Folder, common: &Common, out: &'a Out) -> Result<Self, Failure> {
        folder.warn_of_others(&common.company()?, out);
        let clock = folder.clock();
        Self::of(Backend::Folder(Box::new(folder)), clock, common, out)
    }

    fn of(backend: Backend, clock: Clock, common: &Common, out: &'a Out) -> Result<Self, Failure> {
        let company = common.company()?;
        let data = common.data();
        let location = match (common.given_url(), data.to_string_lossy().as_ref()) {
            (Some(url), _) => format!("--company {company} --url {}", url.text()),
            (None, DEFAULT_DATA) => format!("--company {company}"),
            (None, path) => format!("--company {company} --data {}", quoted(path)),
        };
        Ok(Self {
            backend,
            company,
            out,
            location,
            clock,
            id: common.command_id,
            as_of: common.as_of.clone(),
            submitted: Mutex::default(),
            accepted: Mutex::new(None),
            carried: Mutex::default(),
        })
    }
}
