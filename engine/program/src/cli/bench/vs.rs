//! The option `--vs`: a Postgres that does the same work as plain SQL.

use std::fmt;

use clap::Args;

use crate::bench::postgres::{Address, Postgres};
use crate::cli::failure::{Failure, unavailable};
use crate::cli::output::Out;
use boarding_log::error_chain;

#[derive(Clone, Args)]
pub(super) struct Vs {
    /// Also does the same work as plain SQL on this Postgres: postgres://user:password@host:port/database; set
    /// BOARDING_BENCH_VS for an address with a password. The bench creates a schema there and removes it
    #[arg(long, env = "BOARDING_BENCH_VS", hide_env_values = true, value_name = "URL")]
    vs: Option<String>,
    /// The connections to this Postgres, which work at once
    #[arg(long, default_value_t = 64, value_name = "CONNECTIONS", value_parser = clap::value_parser!(u16).range(1..=1_024))]
    vs_connections: u16,
}

impl Vs {
    /// Whether a Postgres is given.
    pub(super) fn is_given(&self) -> bool {
        self.vs.is_some()
    }

    /// Connects to the Postgres, if one is given.
    pub(super) async fn open(&self) -> Result<Option<Postgres>, Failure> {
        let Some(url) = &self.vs else { return Ok(None) };
        let address = Address::read(url).map_err(|error| Failure::Usage(error_chain(&error)))?;
        let opened = Postgres::open(&address, usize::from(self.vs_connections)).await;
        opened.map(Some).map_err(|error| unavailable(&error))
    }
}

/// Removes what the bench has created there.
pub(super) async fn close(postgres: Option<Postgres>, out: &Out) {
    let Some(postgres) = postgres else { return };
    if let Err(error) = postgres.close().await {
        out.remark(&format!("boarding: {}", error_chain(&error)));
    }
}

impl fmt::Debug for Vs {
    /// Hides the address, which may contain a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Vs").field("connections", &self.vs_connections).finish_non_exhaustive()
    }
}
