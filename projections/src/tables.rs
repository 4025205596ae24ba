//! Rows that several read models need: each with its projection and its lookup.

pub(crate) mod accounts;
pub(crate) mod file_rows;
pub(crate) mod imports;
pub(crate) mod invitations;
pub(crate) mod links;
pub(crate) mod org_units;
pub(crate) mod permission_groups;
pub(crate) mod recipients;
pub(crate) mod run_queue;
pub(crate) mod runs;
pub(crate) mod settings;
pub(crate) mod users;
