//! The program `boarding`: everything it does is in the library's `cli`.

use std::process::ExitCode;

fn main() -> ExitCode {
    boarding_program::cli::main()
}
