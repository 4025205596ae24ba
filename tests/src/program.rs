//! The program under test: what `engine/src/main.rs` is, where Cargo builds it together with the tests.

fn main() -> std::process::ExitCode {
    boarding_engine::cli::main()
}
