//! The options of `boarding serve` as a file: the same names, in TOML. A key that is not known is an error.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::cli::common::Common;
use crate::cli::failure::Failure;

/// What the file says.
#[derive(Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct Settings {
    data: Option<PathBuf>,
    outbox: Option<PathBuf>,
    smtp: Option<String>,
    adopt_runs: Option<bool>,
    pub(super) nats: Option<String>,
    pub(super) nats_credentials: Option<PathBuf>,
    pub(super) nats_ca: Option<PathBuf>,
    pub(super) nats_inbox: Option<String>,
    pub(super) log: Option<Log>,
    pub(super) nats_monitor: Option<Vec<String>>,
    pub(super) accept_unknown_sync: Option<bool>,
    pub(super) accept_one_copy: Option<bool>,
    pub(super) replicas: Option<u8>,
    pub(super) workers: Option<bool>,
}

/// Where the log is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Log {
    /// In files in the data folder
    File,
    /// In NATS JetStream, for one engine or several
    Jetstream,
}

impl Settings {
    /// Reads the file; its paths are as seen from where it lies.
    pub(super) fn read(file: &Path) -> Result<Self, Failure> {
        let text = std::fs::read_to_string(file)
            .map_err(|error| Failure::Usage(format!("read {}: {error}", file.display())))?;
        let mut settings = Self::parse(&text)
            .map_err(|why| Failure::Usage(format!("read {}: {why}", file.display())))?;
        let folder = file.parent().unwrap_or_else(|| Path::new(""));
        let paths = [
            &mut settings.data,
            &mut settings.outbox,
            &mut settings.nats_credentials,
            &mut settings.nats_ca,
        ];
        for path in paths.into_iter().flatten() {
            *path = folder.join(&path);
        }
        Ok(settings)
    }

    /// The words of the error alone, with its line: the line itself may hold a password.
    fn parse(text: &str) -> Result<Self, String> {
        toml::from_str(text).map_err(|error| {
            let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
            format!("line {}: {}", before.matches('\n').count() + 1, error.message())
        })
    }

    /// Fills in what neither the command line nor the environment says.
    pub(super) fn fill(&mut self, common: &mut Common) {
        common.data = common.data.take().or(self.data.take());
        common.adopt_runs |= self.adopt_runs.unwrap_or(false);
        // The two are ways to do one thing, so that one there stands against both here.
        if common.outbox.is_none() && common.smtp.is_none() {
            common.outbox = self.outbox.take();
            common.smtp = self.smtp.take();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_key_is_named_and_no_line_is_shown() {
        let why = Settings::parse("data = \"x\"\nnast = \"nats://engine:s3cret@x\"").err().unwrap();
        assert!(why.contains("line 2") && why.contains("nast"), "{why}");
        assert!(!why.contains("s3cret"), "{why}");
        let why = Settings::parse("nats = \"nats://engine:s3cret@x\" x").err().unwrap();
        assert!(why.contains("line 1") && !why.contains("s3cret"), "{why}");
        let why = Settings::parse("nats = { url = \"nats://engine:s3cret@x\" }").err().unwrap();
        assert!(!why.contains("s3cret"), "{why}");
    }

    #[test]
    fn paths_are_seen_from_where_the_file_lies() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("boarding.toml");
        std::fs::write(&file, "data = \"data\"\nnats-ca = \"/etc/ca.pem\"").unwrap();
        let settings = Settings::read(&file).ok().unwrap();
        assert_eq!(settings.data, Some(folder.path().join("data")));
        assert_eq!(settings.nats_ca, Some("/etc/ca.pem".into()));
    }
}
