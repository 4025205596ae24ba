//! The options of `boarding serve` in a TOML file. An unknown key is an error.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::cli::common::Common;
use crate::cli::failure::Failure;

/// The options in the file.
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
    pub(super) accept_shared_account: Option<bool>,
    pub(super) replicas: Option<u8>,
    pub(super) workers: Option<bool>,
    text_outbox: Option<PathBuf>,
    pub(super) text_workers: Option<bool>,
    pub(super) metrics_file: Option<PathBuf>,
    pub(super) http: Option<String>,
    pub(super) public_url: Option<String>,
    pub(super) simulated_provider: Option<bool>,
}

/// The storage of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Log {
    /// In files in the data folder
    File,
    /// In NATS JetStream, for one engine or several
    Jetstream,
}

impl Settings {
    /// Reads the file. Its relative paths are relative to the file.
    pub(super) fn read(file: &Path) -> Result<Self, Failure> {
        let text = std::fs::read_to_string(file)
            .map_err(|error| Failure::Usage(format!("cannot read {}: {error}", file.display())))?;
        let mut settings = Self::parse(&text)
            .map_err(|why| Failure::Usage(format!("cannot read {}: {why}", file.display())))?;
        let folder = file.parent().unwrap_or_else(|| Path::new(""));
        let paths = [
            &mut settings.data,
            &mut settings.outbox,
            &mut settings.text_outbox,
            &mut settings.nats_credentials,
            &mut settings.nats_ca,
            &mut settings.metrics_file,
        ];
        for path in paths.into_iter().flatten() {
            *path = folder.join(&path);
        }
        Ok(settings)
    }

    /// Parses the text. An error has the line's number but not its text, which may contain a password.
    fn parse(text: &str) -> Result<Self, String> {
        toml::from_str(text).map_err(|error| {
            let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
            format!("line {}: {}", before.matches('\n').count() + 1, error.message())
        })
    }

    /// Fills in options that neither the command line nor the environment gives.
    pub(super) fn fill(&mut self, common: &mut Common) {
        common.fill_data(self.data.take());
        common.fill_text_outbox(self.text_outbox.take());
        common.adopt_runs |= self.adopt_runs.unwrap_or(false);
        // `outbox` and `smtp` exclude each other, so one on the command line overrides both in the file.
        if common.outbox.is_none() && common.smtp.as_ref().is_none_or(String::is_empty) {
            common.outbox = self.outbox.take();
            common.smtp = self.smtp.take();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_key_is_named_without_its_line() {
        let why = Settings::parse("data = \"x\"\nnast = \"nats://engine:s3cret@x\"").err().unwrap();
        assert!(why.contains("line 2") && why.contains("nast"), "{why}");
        assert!(!why.contains("s3cret"), "{why}");
        let why = Settings::parse("nats = \"nats://engine:s3cret@x\" x").err().unwrap();
        assert!(why.contains("line 1") && !why.contains("s3cret"), "{why}");
        let why = Settings::parse("nats = { url = \"nats://engine:s3cret@x\" }").err().unwrap();
        assert!(!why.contains("s3cret"), "{why}");
    }

    #[test]
    fn paths_are_relative_to_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("boarding.toml");
        std::fs::write(&file, "data = \"data\"\nnats-ca = \"/etc/ca.pem\"").unwrap();
        let settings = Settings::read(&file).ok().unwrap();
        assert_eq!(settings.data, Some(folder.path().join("data")));
        assert_eq!(settings.nats_ca, Some("/etc/ca.pem".into()));
    }
}
