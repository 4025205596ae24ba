//! Random bytes, for ids and secrets.

use std::fs::File;
use std::io::{self, Read as _};

/// Returns random bytes from the operating system.
///
/// # Errors
/// When `/dev/urandom` cannot be read.
pub fn random_bytes<const N: usize>() -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(bytes)
}
