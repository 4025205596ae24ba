//! Runs the shell blocks of a document as a person at a terminal would.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use super::program::program;

/// The repository.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// The text of a file of the repository.
pub(crate) fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The code blocks of one language, in order.
pub(crate) fn blocks(text: &str, language: &str) -> Vec<String> {
    let fence = format!("```{language}\n");
    let blocks = text.split(&fence).skip(1);
    blocks.map(|rest| rest.split("```").next().unwrap().to_owned()).collect()
}

/// An empty folder, and a `PATH` on which the program is found.
pub(crate) struct Shell {
    folder: TempDir,
}

/// What a script printed.
#[derive(Debug)]
pub(crate) struct Printed {
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Shell {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("bin")).unwrap();
        symlink(program(), folder.path().join("bin/boarding")).unwrap();
        Self { folder }
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// The data folder that stands in for `/tmp/tour`.
    pub(crate) fn data(&self) -> PathBuf {
        self.path().join("tour")
    }

    /// A shell in the folder; what the documents keep below `/tmp/tour` is kept in the folder.
    pub(crate) fn bash(&self) -> Command {
        let mut bash = Command::new("bash");
        let path = std::env::var("PATH").unwrap();
        bash.current_dir(self.path())
            .env("PATH", format!("{}:{path}", self.path().join("bin").display()))
            // A reader has only what the document tells to set.
            .env_remove("BOARDING_DATA")
            .env_remove("BOARDING_COMPANY");
        bash
    }

    /// A script with the folder's own paths.
    pub(crate) fn localised(&self, script: &str) -> String {
        script.replace("/tmp/tour", self.data().to_str().unwrap())
    }

    /// Runs a script to its end. Panics if one of its commands ends with another status than 0 or 5.
    #[track_caller]
    pub(crate) fn run(&self, script: &str) -> Printed {
        // 5 is "done, but rows were invalid or people failed", which tours show on purpose.
        let trap = "trap 's=$?; [ $s = 5 ] || echo \"failed with $s: $BASH_COMMAND\" >&2' ERR\n";
        let script = format!("{trap}{}", self.localised(script));
        let output = self.bash().args(["-c", &script]).output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let printed = Printed { stdout: text(&output.stdout), stderr: text(&output.stderr) };
        assert!(!printed.stderr.contains("failed with "), "{printed}");
        printed
    }
}

impl Printed {
    #[track_caller]
    pub(crate) fn contains_all(&self, expected: &[&str]) {
        for expected in expected {
            let found = self.stdout.contains(expected) || self.stderr.contains(expected);
            assert!(found, "{expected} is not in:\n{self}");
        }
    }
}

impl std::fmt::Display for Printed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr)
    }
}
