//! Settings for opening a log in files.

use std::fmt;
use std::io;
use std::sync::Arc;

use boarding_commands::values::Time;

/// The size of a segment, in bytes: small enough to copy and read at once, large enough that creating
/// one (some milliseconds) is rare.
pub const SEGMENT_BYTES: u64 = 64 * 1024 * 1024;

/// The size of the first segment, in bytes. So a new log takes little space on the disk.
const FIRST_SEGMENT_BYTES: u64 = 1024 * 1024;

/// Settings for opening a log.
#[derive(Debug, Clone)]
pub struct Options {
    /// The size of one segment, in bytes; tests use tiny ones.
    pub segment_bytes: u64,
    /// The creation time that is stored in a new log.
    pub created: Time,
    /// Commands up to this position are not kept in memory, because the caller has an index of them.
    pub commands_indexed_up_to: u64,
    /// A position that other files of the data folder name. A copy of a folder that was in use may end before it.
    pub expected_end: u64,
    /// The position up to which commands were certainly answered. A log that ends before it has lost its end, and is not
    /// opened.
    pub answered_up_to: u64,
    /// Called before each step of the writer, to observe or to fail it.
    pub steps: Steps,
}

impl Options {
    /// The size of the first segment of a log, in bytes.
    pub(super) fn first_segment_bytes(&self) -> u64 {
        self.segment_bytes.min(FIRST_SEGMENT_BYTES)
    }

    pub fn new(created: Time) -> Self {
        let (segment_bytes, steps) = (SEGMENT_BYTES, Steps::default());
        let (commands_indexed_up_to, expected_end, answered_up_to) = (0, 0, 0);
        Self { segment_bytes, created, commands_indexed_up_to, expected_end, answered_up_to, steps }
    }
}

/// A step of the writer that can fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    Create,
    Write,
    Sync,
}

/// A function that runs before each step. Its error counts as the error of the step: tests simulate a
/// failing disk with it.
#[derive(Clone, Default)]
pub struct Steps(Option<Arc<dyn Fn(Step) -> io::Result<()> + Send + Sync>>);

impl Steps {
    pub fn new(before: impl Fn(Step) -> io::Result<()> + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(before)))
    }

    pub(super) fn pass(&self, step: Step) -> io::Result<()> {
        self.0.as_ref().map_or(Ok(()), |before| before(step))
    }
}

impl fmt::Debug for Steps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Steps(watched)" } else { "Steps" })
    }
}
