//! The program `boarding`. See `cli` in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    boarding_program::cli::main()
}
