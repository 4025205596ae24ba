//! A disk that rejects all writes of one process: a limit of the kernel, set while the process runs.

use std::process::Command;

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
