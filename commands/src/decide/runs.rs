//! Bulk runs: start, recipients, outcomes, queue.

pub mod cancel_run;
pub mod claim_recipients;
pub mod end_waiting_run;
pub(crate) mod expected;
pub mod give_up_run;
pub mod invite_failed;
pub mod invite_sent;
pub mod list_recipients;
pub(crate) mod plan;
pub mod queue;
pub mod recipients;
pub mod record_delivery;
pub mod record_wait;
pub mod report_recipients;
mod reported_claim;
pub(crate) mod selection;
pub mod start_bulk_integration;
pub(crate) mod unfinished;
pub mod user_skipped;
