//! The last applied position, and the queries that wait for one: each position wakes only those that wait for it.

use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{oneshot, watch};

/// The last applied position, or an error text while the rows cannot be used.
#[derive(Debug)]
pub(super) struct Seen {
    last: watch::Sender<Result<u64, Arc<str>>>,
    waiters: Waiters,
}

impl Seen {
    pub(super) fn at(position: u64) -> Self {
        Self { last: watch::Sender::new(Ok(position)), waiters: Waiters::default() }
    }

    pub(super) fn subscribe(&self) -> watch::Receiver<Result<u64, Arc<str>>> {
        self.last.subscribe()
    }

    /// Publishes a position or an error text, and wakes those who wait for it.
    pub(super) fn report(&self, seen: Result<u64, Arc<str>>) {
        let up_to = seen.as_ref().copied().unwrap_or(u64::MAX);
        drop(self.last.send_replace(seen));
        self.waiters.wake(up_to);
    }

    /// Blocks until a position is waited for, or `end_pause` is called, at most this long.
    pub(super) fn pause(&self, at_most: Duration) {
        self.waiters.pause(at_most);
    }

    /// Ends the present pause, or the next one.
    pub(super) fn end_pause(&self) {
        self.waiters.end_pause();
    }

    /// Completes when this position is applied, or with an error text while the rows cannot be used.
    pub(super) async fn reached(&self, position: u64) -> Result<(), Arc<str>> {
        let has_come = || match &*self.last.borrow() {
            Ok(seen) => (*seen >= position).then_some(Ok(())),
            Err(why) => Some(Err(Arc::clone(why))),
        };
        loop {
            // Registered before the check, so that no position is missed in between.
            let waiter = self.waiters.register(position);
            if let Some(known) = has_come() {
                return known;
            }
            waiter.await;
        }
    }
}

/// The position for which a waiter waits, and its number among all waiters.
type Key = (u64, u64);

#[derive(Debug, Default)]
struct Waiters {
    waiting: Mutex<Waiting>,
    pause_over: Condvar,
}

#[derive(Debug, Default)]
struct Waiting {
    last: u64,
    /// Whether the pause ends without a waiter.
    ends_pause: bool,
    waiters: BTreeMap<Key, oneshot::Sender<()>>,
}

/// Removes its waiter when it is dropped.
struct Registered<'a> {
    of: &'a Waiters,
    key: Key,
}

impl Waiters {
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Registers a waiter at once. The future completes when it is woken.
    fn register(&self, position: u64) -> impl Future<Output = ()> {
        let (woken, wait) = oneshot::channel();
        let mut waiting = self.waiting();
        waiting.last += 1;
        let key = (position, waiting.last);
        waiting.waiters.insert(key, woken);
        self.pause_over.notify_all();
        let registered = Registered { of: self, key };
        async move {
            let _registered = registered;
            // Without its sender it was woken too.
            let _ = wait.await;
        }
    }

    fn pause(&self, at_most: Duration) {
        let goes_on = |waiting: &mut Waiting| waiting.waiters.is_empty() && !waiting.ends_pause;
        let waited = self.pause_over.wait_timeout_while(self.waiting(), at_most, goes_on);
        waited.unwrap_or_else(PoisonError::into_inner).0.ends_pause = false;
    }

    fn end_pause(&self) {
        self.waiting().ends_pause = true;
        self.pause_over.notify_all();
    }

    /// Wakes those who wait for a position up to this one.
    fn wake(&self, position: u64) {
        let mut waiting = self.waiting();
        let later = match position.checked_add(1) {
            Some(next) => waiting.waiters.split_off(&(next, 0)),
            None => BTreeMap::new(),
        };
        let woken = std::mem::replace(&mut waiting.waiters, later);
        drop(waiting);
        for woken in woken.into_values() {
            let _ = woken.send(());
        }
    }
}

impl Drop for Registered<'_> {
    fn drop(&mut self) {
        self.of.waiting().waiters.remove(&self.key);
    }
}

#[cfg(test)]
mod tests {
    use std::pin::Pin;
    use std::task::{Context, Waker};

    use super::*;

    fn is_woken(waiter: &mut Pin<Box<impl Future<Output = ()>>>) -> bool {
        waiter.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready()
    }

    #[test]
    fn waiter_or_request_ends_the_pause() {
        let waiters = Waiters::default();
        waiters.pause(Duration::ZERO);
        for _ in 0..20 {
            std::thread::scope(|scope| {
                // The pause has nearly always begun when the other thread starts.
                let waiter = scope.spawn(|| waiters.register(5));
                waiters.pause(Duration::MAX);
                drop(waiter.join());
                scope.spawn(|| waiters.end_pause());
                waiters.pause(Duration::MAX);
            });
        }
    }

    #[test]
    fn position_wakes_only_those_who_wait_for_it() {
        let waiters = Waiters::default();
        let mut near = Box::pin(waiters.register(5));
        let mut far = Box::pin(waiters.register(6));
        waiters.wake(4);
        assert!(!is_woken(&mut near));
        waiters.wake(5);
        assert!(is_woken(&mut near) && !is_woken(&mut far));
        drop(far);
        assert!(waiters.waiting().waiters.is_empty(), "one that gave up is removed");
        let mut last = Box::pin(waiters.register(u64::MAX));
        waiters.wake(u64::MAX);
        assert!(is_woken(&mut last));
    }
}
