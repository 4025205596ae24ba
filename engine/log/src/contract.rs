//! The contract of [`EventLog`] as one test suite that every backend runs.
//!
//! A backend's tests implement [`Backend`] and pass it to [`crate::event_log_contract!`]. No test here
//! waits for time to pass.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "these are tests, run by backends"
)]

pub mod sample;

mod appending;
mod reading;

use std::future::Future;
use std::sync::Arc;

use boarding_commands::values::CompanyId;

use super::{Appended, Entry, EventLog, Reader};
use crate::codec::Encoded;

pub use appending::*;
pub use reading::*;

/// One log, empty at first. A test may open it several times.
pub trait Backend {
    /// Opens the log. The caller has dropped the previous handle.
    fn open(&self) -> impl Future<Output = Arc<dyn EventLog>>;
}

/// Generates one test per part of the contract, each with a new backend. With `run` before the backend, the
/// macro runs all parts in sequence instead.
#[macro_export]
macro_rules! event_log_contract {
    ($backend:expr) => { $crate::event_log_contract!(@parts tests $backend); };
    (run $backend:expr) => { $crate::event_log_contract!(@parts run $backend); };
    (@parts $how:ident $backend:expr) => {
        $crate::event_log_contract!(@$how $backend,
            commits_are_read_back_as_they_were_appended,
            an_append_at_a_stale_or_future_version_is_a_conflict,
            a_first_append_that_expects_a_later_version_is_a_conflict,
            an_append_with_a_wrong_previous_hash_is_a_conflict,
            of_two_appends_at_one_version_exactly_one_wins,
            an_append_is_all_or_nothing,
            an_append_may_hold_commits_that_follow_each_other,
            interleaved_companies_keep_their_own_versions_and_chains,
            positions_rise_and_have_no_gaps_within_an_append,
            a_commit_without_events_takes_a_position_and_no_version,
            an_empty_append_changes_nothing,
            an_append_of_too_many_commits_is_refused_whole,
            an_append_is_accepted_up_to_the_byte_limit,
            the_hash_chain_verifies,
            a_reader_at_the_end_returns_later_commits,
            reading_starts_at_any_position,
            a_company_is_read_from_any_version,
            the_watch_publishes_each_new_end,
            a_commit_is_read_again_at_its_location,
            a_command_is_found_until_it_is_forgotten,
            a_reopened_log_is_the_same,
        );
    };
    (@tests $backend:expr, $($test:ident),* $(,)?) => {
        $(
            #[tokio::test]
            async fn $test() {
                $crate::contract::$test(&$backend).await;
            }
        )*
    };
    (@run $backend:expr, $($test:ident),* $(,)?) => {
        $( $crate::contract::$test(&$backend).await; )*
    };
}

/// Appends one commit with this many events at the head of the company.
async fn append(log: &dyn EventLog, company: &CompanyId, events: usize) -> Appended {
    let commit = sample::next(log, company, events);
    log.append(vec![commit]).await.unwrap()[0]
}

fn encoded(commit: boarding_commands::commit::Commit) -> Encoded {
    Encoded::of(commit).unwrap()
}

/// Returns all further entries of the reader up to the end.
pub fn drain(reader: &mut dyn Reader) -> Vec<Entry> {
    std::iter::from_fn(|| reader.next().unwrap()).collect()
}
