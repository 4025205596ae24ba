//! Commands, events and the rules between them: pure, without IO, clock or async.
//!
//! ```text
//! command ── decide ──► events ── apply ──► Company
//! decide.rs   decide/    event.rs   company/fold   company.rs
//! ```
//! Source of the names and codes: the product's contract, version 1.

pub mod commit;
pub mod company;
pub mod decide;
pub mod dialect;
pub mod envelope;
pub mod event;
pub mod lock;
pub mod mail_kinds;
pub mod schema;
pub mod search;
pub mod settings;
pub mod step;
pub mod template;
pub mod user_file;
pub mod values;
