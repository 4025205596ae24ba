//! The company's lock: one fold that says which run holds it, with what fence, and who waits in what order.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::event::Event;
use crate::values::RunId;

/// The lock of one company. At most one run holds it; the others wait in the order they were queued.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Lock {
    holder: Option<LockHolder>,
    queue: VecDeque<RunId>,
}

/// The run that holds the lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LockHolder {
    pub run: RunId,
    /// The version of its `RunStarted`. It tells the starts of a run apart. It does not tell two engines apart: the
    /// expected version of the log does.
    pub fence: u64,
}

impl Lock {
    /// Takes note of an event of the company at this version.
    pub fn evolve(&mut self, version: u64, event: &Event) {
        match event {
            Event::RunQueued { run } => self.queue.push_back(*run),
            Event::RunStarted { run } => {
                self.queue.retain(|waiting| waiting != run);
                self.holder = Some(LockHolder { run: *run, fence: version });
            }
            Event::RunCompleted { run, .. } => {
                self.holder = self.holder.filter(|holder| holder.run != *run);
            }
            Event::RunWithdrawn { run } => self.queue.retain(|waiting| waiting != run),
            _ => {}
        }
    }

    pub fn holder(&self) -> Option<LockHolder> {
        self.holder
    }

    /// The waiting runs, the next one first.
    pub fn queue(&self) -> impl ExactSizeIterator<Item = RunId> + '_ {
        self.queue.iter().copied()
    }

    /// The place of a waiting run, from 1.
    pub fn place(&self, run: RunId) -> Option<u64> {
        self.queue.iter().zip(1..).find_map(|(waiting, place)| (*waiting == run).then_some(place))
    }

    /// The run that starts when the holder ends.
    pub fn next(&self) -> Option<RunId> {
        self.queue.front().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ulid::Ulid;

    fn run(n: u128) -> RunId {
        RunId(Ulid(n))
    }

    /// LX-33, LX-34: one holder, the others in order; the fence is the version of the start.
    #[test]
    fn the_queue_is_first_in_first_out() {
        let mut lock = Lock::default();
        lock.evolve(1, &Event::RunQueued { run: run(1) });
        lock.evolve(2, &Event::RunStarted { run: run(1) });
        lock.evolve(3, &Event::RunQueued { run: run(2) });
        lock.evolve(4, &Event::RunQueued { run: run(3) });
        assert_eq!(lock.holder(), Some(LockHolder { run: run(1), fence: 2 }));
        assert_eq!((lock.place(run(2)), lock.place(run(3))), (Some(1), Some(2)));
        lock.evolve(5, &Event::RunWithdrawn { run: run(2) });
        assert_eq!(lock.place(run(3)), Some(1));
        lock.evolve(6, &Event::RunCompleted { run: run(1), passed: 0, skipped: 0, failed: 0 });
        lock.evolve(7, &Event::RunStarted { run: run(3) });
        assert_eq!(lock.holder(), Some(LockHolder { run: run(3), fence: 7 }));
        assert_eq!(lock.queue().len(), 0);
    }
}
