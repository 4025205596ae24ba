//! Why the work on Postgres failed.

/// Why the work on Postgres failed.
#[derive(Debug, thiserror::Error)]
pub enum PostgresError {
    #[error(
        "--vs: this is not the address of a Postgres; expected postgres://user:password@host:port/database"
    )]
    Address(#[source] tokio_postgres::Error),
    #[error(
        "--vs: this address asks for TLS, and the bench connects without; remove sslmode, or use a Postgres on this machine"
    )]
    Tls,
    #[error("cannot connect to Postgres at {place}; start it there, or correct --vs")]
    Connect { place: String, source: tokio_postgres::Error },
    #[error(
        "Postgres at {place} accepted {made} of {wanted} connections; set --vs-connections {made}, or raise its max_connections"
    )]
    Connections { place: String, made: usize, wanted: usize, source: tokio_postgres::Error },
    #[error(
        "Postgres at {place} runs with fsync = {fsync}, so a loss of power may undo its commits; set fsync = on, and reload it"
    )]
    NotDurable { place: String, fsync: String },
    #[error("Postgres cannot {step}")]
    Statement { step: &'static str, source: tokio_postgres::Error },
    #[error("cannot read the sample file for Postgres")]
    File(#[from] std::io::Error),
    #[error("a task of the bench failed")]
    Join(#[from] tokio::task::JoinError),
    #[error("Postgres did the work wrongly: {0}")]
    Wrong(String),
}

/// The error of a step with statements.
pub(super) fn failed(step: &'static str) -> impl Fn(tokio_postgres::Error) -> PostgresError {
    move |source| PostgresError::Statement { step, source }
}
