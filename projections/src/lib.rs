//! Read models and the queries on them. Pure: no IO, no clock, no async.
//!
//! ```text
//! events ── key, evolve ──► rows ── query ──► answer
//!           projection.rs   rows.rs  query.rs
//! ```
//! A read model is one file: row, projection, query and tests. If several read models need the same
//! rows, the row and its projection are in `tables`.
//!
//! To add a read model, write its file. Add its `mod` line and its line in [`READ_MODELS`] here, its
//! table in `rows.rs` and its name in `layers.toml`.

mod accounts;
mod batch;
mod batch_reports;
mod config;
pub mod csv_export;
pub mod history;
pub mod import_preview;
mod import_progress;
mod import_rows;
mod imports;
mod integration_log;
mod invitations;
mod nats_users;
mod notifications;
mod numbers;
mod org_units;
mod permission_groups;
mod permissions;
mod phone_list;
mod pictures;
pub mod projection;
pub mod projector;
pub mod query;
mod read_model;
mod reason;
mod roles;
pub mod rows;
mod run_queue;
mod runs;
mod tables;
mod templates;
mod tokens;
pub mod user_pictures;
mod users;
pub mod why;

#[cfg(test)]
mod laws;
#[cfg(test)]
mod testing;

use boarding_commands::commit::RecordedEvent;
use boarding_commands::values::{Code, CompanyId, Refusal, Time};
use serde_json::{Value, json};

use projector::{ProjectionError, Projector};
use query::{Query, QueryError, RowsAnswer};
use rows::{Rows, RowsMut};

pub use read_model::ReadModel;
pub use tables::settings::settings;

/// Every read model.
pub const READ_MODELS: &[ReadModel] = &[
    accounts::MODEL,
    batch_reports::MODEL,
    config::MODEL,
    history::MODEL,
    import_progress::MODEL,
    import_rows::MODEL,
    imports::MODEL,
    integration_log::MODEL,
    invitations::MODEL,
    nats_users::MODEL,
    notifications::MODEL,
    numbers::MODEL,
    org_units::MODEL,
    permission_groups::MODEL,
    permissions::MODEL,
    phone_list::MODEL,
    pictures::MODEL,
    user_pictures::MODEL,
    roles::MODEL,
    run_queue::MODEL,
    runs::MODEL,
    templates::MODEL,
    tokens::MODEL,
    users::MODEL,
    why::MODEL,
];

/// The projectors of all tables, in any order: each reads and writes its own table only.
pub fn projectors() -> impl Iterator<Item = &'static Projector> {
    READ_MODELS.iter().flat_map(|model| model.projectors)
}

/// Every query that is answered from rows.
pub fn queries() -> impl Iterator<Item = &'static Query> {
    READ_MODELS.iter().flat_map(|model| model.queries)
}

/// Applies one event to every table.
///
/// # Errors
/// [`ProjectionError`] names the table and the position. Tables before it are already written.
pub fn apply(recorded: &RecordedEvent<'_>, rows: &mut dyn RowsMut) -> Result<(), ProjectionError> {
    projectors().try_for_each(|projector| projector.apply(recorded, rows))
}

/// The query of that name.
///
/// # Errors
/// `query.unknown`.
pub fn find_query(name: &str) -> Result<&'static Query, Refusal> {
    queries()
        .find(|query| query.name == name)
        .ok_or_else(|| Refusal::new(Code::QueryUnknown).with(json!({ "query": name })))
}

/// Answers a query from the rows, as the events have recorded them.
///
/// `params` is an object or null, already without `min_position`, `as_of` and `format`.
///
/// # Errors
/// `query.unknown`, `query.malformed` with the parameter, `query.not_found`; or a fault of the rows.
pub fn answer(
    name: &str,
    company: &CompanyId,
    params: &Value,
    rows: &dyn Rows,
) -> Result<RowsAnswer, QueryError> {
    answer_at(None, name, company, params, rows)
}

/// Answers a query as [`answer`] does, at the time `now`.
///
/// At that time, a number whose cooling time is over is available, also before its event.
///
/// # Errors
/// Those of [`answer`].
pub fn answer_at(
    now: Option<Time>,
    name: &str,
    company: &CompanyId,
    params: &Value,
    rows: &dyn Rows,
) -> Result<RowsAnswer, QueryError> {
    find_query(name)?.answer_at(now, company, params, rows)
}

#[cfg(test)]
mod tests {
    use boarding_commands::event::Permission;
    use query::Access;

    use super::*;
    use rows::{MemoryRows, Table};

    #[track_caller]
    fn refused(name: &str, params: &Value) -> Refusal {
        let company = "acme".parse().unwrap();
        match answer(name, &company, params, &MemoryRows::default()) {
            Err(QueryError::Refused(refusal)) => refusal,
            other => panic!("{name} {params}: {other:?}"),
        }
    }

    #[test]
    fn unknown_query_is_refused() {
        assert_eq!(refused("no_such_query", &json!({})).code, Code::QueryUnknown);
    }

    #[test]
    fn unknown_or_unreadable_parameter_is_refused_by_name() {
        for (name, params, named) in [
            ("runs", json!({"colour": "red"}), "colour"),
            ("config", json!({"limit": 1}), "limit"),
            ("runs", json!({"state": "no_such_state"}), "state"),
            ("runs", json!({"state": 7}), "state"),
            ("run", json!({"run": "no ULID"}), "run"),
            ("run", json!({}), "run"),
            ("runs", json!({"limit": 0}), "limit"),
            ("runs", json!({"limit": "many"}), "limit"),
            ("runs", json!({"cursor": "zz"}), "cursor"),
            ("runs", json!({"cursor": "09"}), "cursor"),
        ] {
            let refusal = refused(name, &params);
            assert_eq!(refusal.code, Code::QueryMalformed, "{name} {params}");
            assert_eq!(refusal.details["parameter"], json!(named), "{name} {params}");
        }
        assert_eq!(refused("runs", &json!([])).code, Code::QueryMalformed);
    }

    #[test]
    fn page_above_the_limit_is_refused_with_the_limit() {
        let refusal = refused("users", &json!({"limit": 501}));
        assert_eq!(refusal.details["limit"], json!(500));
        assert!(refusal.message.contains("500"), "{refusal}");
    }

    #[test]
    fn undecodable_row_is_a_fault() {
        let company = "acme".parse().unwrap();
        let mut rows = MemoryRows::default();
        rows.put(Table::Users, &company, b"ann".to_vec(), b"damaged".to_vec());
        let answered = answer("users", &company, &json!({}), &rows);
        let Err(QueryError::Failed(error)) = answered else { panic!("{answered:?}") };
        assert_eq!(error.to_string(), "decode a row of users");
    }

    /// LX-01, LX-02, LX-03.
    #[test]
    fn each_query_needs_the_permission_of_the_requirements() {
        let access = |name: &str| find_query(name).unwrap().access;
        for name in ["runs", "run", "integration_log", "queue", "invitations"] {
            assert_eq!(access(name), Access::Permission(Permission::BulkIntegrateUsers), "{name}");
        }
        assert_eq!(access("imports"), Access::Permission(Permission::BulkImportUsers));
        assert_eq!(access("import_progress"), Access::ImportFile);
        for name in ["import", "import_rows"] {
            assert_eq!(access(name), Access::ImportOutcome, "{name}");
        }
        assert_eq!(access("org_units"), Access::Permission(Permission::ViewOrgUnits));
        for name in ["nats_users", "notifications", "permissions", "tokens"] {
            assert_eq!(access(name), Access::Permission(Permission::Administer), "{name}");
        }
        for name in ["phone_list", "users", "user", "config"] {
            assert_eq!(access(name), Access::AnyPermission, "{name}");
        }
        assert_eq!(access("number_suggestions"), Access::Permission(Permission::Accounts));
        for name in ["roles", "permission_groups", "templates", "mail_templates"] {
            assert_eq!(access(name), Access::Everyone, "{name}");
        }
    }
}
