//! The file of metrics: the program that collects them for Prometheus reads it.

use std::fs::{self, File};
use std::io::{Error, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::service::Service;
use crate::cli::failure::Failure;
use crate::limits::METRICS_SECONDS;

/// Writes the metrics of an engine into a file, as a whole each time.
#[derive(Debug)]
pub(super) struct MetricsFile {
    path: PathBuf,
}

impl MetricsFile {
    /// Checks that the file can be written. Its last metrics stay until there are new ones.
    ///
    /// # Errors
    /// A usage failure that names the file.
    pub(super) fn open(path: &Path) -> Result<Self, Failure> {
        let refuse = |why: &dyn std::fmt::Display| {
            let path = path.display();
            Failure::Usage(format!(
                "cannot write the metrics file {path}: {why}; --metrics-file needs a file in a folder that exists"
            ))
        };
        if path.is_dir() {
            return Err(refuse(&"it is a folder"));
        }
        let temporary = temporary(path);
        let written = File::create(&temporary).and_then(|_| fs::remove_file(&temporary));
        written.map_err(|error| refuse(&error))?;
        Ok(Self { path: path.to_owned() })
    }

    /// Writes the metrics now and every ten seconds, without end. A failure is logged once until it is over.
    pub(super) async fn keep_writing(&self, service: &Service) {
        let mut interval = tokio::time::interval(Duration::from_secs(METRICS_SECONDS));
        let mut has_failed = false;
        loop {
            interval.tick().await;
            let written = self.write(service).await;
            if let (Err(error), false) = (&written, has_failed) {
                tracing::warn!(path = %self.path.display(), %error, "writing the metrics file failed, retrying");
            }
            has_failed = written.is_err();
        }
    }

    /// Writes the metrics for the last time.
    pub(super) async fn write_last(&self, service: &Service) {
        if let Err(error) = self.write(service).await {
            tracing::warn!(path = %self.path.display(), %error, "writing the metrics file failed");
        }
    }

    async fn write(&self, service: &Service) -> Result<(), Error> {
        let (text, path) = (service.metrics().await.text(), self.path.clone());
        tokio::task::spawn_blocking(move || replace(&path, &text)).await?
    }
}

/// The file that gets the new metrics first. It has another ending, so that the collector does not read it.
fn temporary(path: &Path) -> PathBuf {
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(".tmp");
    temporary.into()
}

/// Replaces the file as a whole, so that no reader sees a part.
fn replace(path: &Path, text: &str) -> Result<(), Error> {
    let temporary = temporary(path);
    File::create(&temporary)
        .and_then(|mut file| file.write_all(text.as_bytes()))
        .and_then(|()| fs::rename(&temporary, path))
        .inspect_err(|_| drop(fs::remove_file(&temporary)))
}
