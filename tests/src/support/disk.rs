//! Disks that fail: a small one that gets full, a limit of the kernel for one process, and syncs that fail.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A disk in memory, which only root can make. It is removed with the test.
pub(crate) struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    /// A disk with this many MiB, or nothing without the right to make one.
    pub(crate) fn mount(mebibytes: u32) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &format!("size={mebibytes}m"), "tmpfs"]);
        let is_mounted =
            mount.arg(folder.path()).output().is_ok_and(|output| output.status.success());
        is_mounted.then(|| Self(folder))
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    /// Fills the rest of the disk with one file and returns its path.
    pub(crate) fn fill(&self) -> PathBuf {
        let path = self.path().join("ballast");
        let mut file = fs::File::create(&path).unwrap();
        let full = std::io::copy(&mut std::io::repeat(1), &mut file).unwrap_err();
        assert_eq!(full.kind(), std::io::ErrorKind::StorageFull);
        path
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(self.path()).status();
    }
}

/// The same command in a process that gets an error from a write beyond its limit. By default it would be killed.
pub(crate) fn with_write_errors(command: &Command) -> Command {
    let mut shell = Command::new("sh");
    shell.args(["-c", "trap '' XFSZ; exec \"$@\"", "sh"]);
    shell.arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => shell.env(name, value),
            None => shell.env_remove(name),
        };
    }
    if let Some(folder) = command.get_current_dir() {
        shell.current_dir(folder);
    }
    shell
}

/// Makes every write of the process to a file fail from now on.
pub(crate) fn forbid_writes(process: u32) {
    let limit = Command::new("prlimit").args(["--pid", &process.to_string(), "--fsize=0"]).status();
    assert!(limit.expect("prlimit of util-linux is installed").success());
}

/// A library that makes each sync of file data fail with EIO while a file exists. It is loaded before the C library.
const FAILING_SYNC: &str = r#"
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>
int fdatasync(int file) {
    const char *marker = getenv("BOARDING_TEST_SYNC_FAILS_WHILE");
    if (marker && access(marker, F_OK) == 0) { errno = EIO; return -1; }
    int (*sync)(int) = (int (*)(int))dlsym(RTLD_NEXT, "fdatasync");
    return sync(file);
}
"#;

/// A disk of one process whose syncs fail from a moment on, as those of a dying disk do.
pub(crate) struct DyingDisk(tempfile::TempDir);

impl DyingDisk {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let source = folder.path().join("sync.c");
        fs::write(&source, FAILING_SYNC).unwrap();
        let mut compiler = Command::new("cc");
        compiler.args(["-shared", "-fPIC", "-o"]).arg(folder.path().join("sync.so"));
        assert!(compiler.arg(&source).arg("-ldl").status().unwrap().success());
        Self(folder)
    }

    /// Lets the process of this command use the disk.
    pub(crate) fn use_for(&self, command: &mut Command) {
        command.env("LD_PRELOAD", self.0.path().join("sync.so"));
        command.env("BOARDING_TEST_SYNC_FAILS_WHILE", self.0.path().join("dead"));
    }

    pub(crate) fn die(&self) {
        fs::write(self.0.path().join("dead"), "").unwrap();
    }
}

/// Moves a folder to another place, for example on another disk, and leaves a link.
pub(crate) fn move_and_link(folder: &Path, place: &Path) {
    copy_folder(folder, place);
    fs::remove_dir_all(folder).unwrap();
    std::os::unix::fs::symlink(place, folder).unwrap();
}

pub(crate) fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    fs::set_permissions(to, fs::metadata(from).unwrap().permissions()).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_folder(&entry.path(), &target);
        } else {
            copy_file(&entry.path(), &target);
        }
    }
}

/// Copies a file. The zeros at its end become a hole: log segments are preallocated and mostly zeros.
fn copy_file(from: &Path, to: &Path) {
    let bytes = fs::read(from).unwrap();
    let written = bytes.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1);
    fs::write(to, &bytes[..written]).unwrap();
    fs::File::options().write(true).open(to).unwrap().set_len(bytes.len() as u64).unwrap();
    fs::set_permissions(to, fs::metadata(from).unwrap().permissions()).unwrap();
}
