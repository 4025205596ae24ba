//! What may be asked, what then happened, and the rule between: pure, without IO, clock or async.
//!
//! ```text
//! command ── decide ──► events ── evolve ──► Company
//! decide.rs   decide/    event.rs  evolve.rs  company.rs
//! ```
//! Source of the names and codes: the product's contract, version 1.

pub mod code;
pub mod commit;
pub mod company;
pub mod decide;
pub mod dialect;
pub mod digest;
pub mod email;
pub mod envelope;
pub mod event;
pub mod evolve;
pub mod id;
pub mod lock;
pub mod personal;
pub mod phone;
pub mod schema;
pub mod search;
pub mod settings;
pub mod template;
pub mod text;
pub mod time;
pub mod user_file;
