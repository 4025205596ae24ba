//! `boarding completions`: prints a completion script for a shell.

use clap::Args;
use clap_complete::Shell;

use super::failure::{CliResult, Done};
use super::output::Out;

/// Prints a script with which a shell completes the program's arguments
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  boarding completions bash \\
      > ~/.local/share/bash-completion/completions/boarding
  boarding completions fish > ~/.config/fish/completions/boarding.fish")]
pub(super) struct Completions {
    /// The shell
    shell: Shell,
}

impl Completions {
    pub(super) fn run(self, out: &Out, mut program: clap::Command) -> CliResult {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut program, "boarding", &mut script);
        out.file(&script, None)?;
        Ok(Done::Completely)
    }
}
