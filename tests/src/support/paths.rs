//! Paths of fixtures, and of the programs that `tests/run` installs.

use std::path::{Path, PathBuf};

/// The folder of this crate.
pub(crate) fn tests_folder() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The folder of the repository.
pub(crate) fn repository() -> &'static Path {
    tests_folder().parent().unwrap()
}

/// The folder `fixtures`.
pub(crate) fn fixtures() -> PathBuf {
    repository().join("fixtures")
}

/// The path of a file under `fixtures`, independent of the working directory.
pub(crate) fn fixture(path: &str) -> String {
    format!("{}/fixtures/{path}", repository().display())
}

/// The files below a folder, sorted by path. Empty if the folder is missing.
pub(crate) fn files_under(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for path in std::fs::read_dir(folder).into_iter().flatten().map(|entry| entry.unwrap().path()) {
        if path.is_dir() { found.extend(files_under(&path)) } else { found.push(path) }
    }
    found.sort();
    found
}

/// The virtual environment with `nats-server`, `nats-py` and `aiosmtpd`: `BOARDING_TEST_VENV`, or
/// `target/test-venv`.
pub(crate) fn test_venv() -> PathBuf {
    installed("BOARDING_TEST_VENV", "test-venv")
}

/// The folder that an environment variable names, or this one under `target`.
pub(crate) fn installed(variable: &str, default: &str) -> PathBuf {
    std::env::var_os(variable)
        .map_or_else(|| repository().join("target").join(default), PathBuf::from)
}
