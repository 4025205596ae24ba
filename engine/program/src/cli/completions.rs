//! `boarding completions`: what a shell needs to complete the program's words.

use clap::Args;
use clap_complete::Shell;

use super::failure::{Done, Ending};
use super::output::Out;

/// A script by which a shell completes these words
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  boarding completions bash > ~/.local/share/bash-completion/completions/boarding
  boarding completions fish > ~/.config/fish/completions/boarding.fish")]
pub(super) struct Completions {
    shell: Shell,
}

impl Completions {
    pub(super) fn run(self, out: &Out, mut program: clap::Command) -> Ending {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut program, "boarding", &mut script);
        out.file(&script, None)?;
        Ok(Done::Well)
    }
}
