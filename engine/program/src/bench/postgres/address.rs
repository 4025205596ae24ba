//! The address of a Postgres, and connecting to it.

use std::fmt;
use std::str::FromStr as _;
use std::time::Duration;

use tokio_postgres::config::{Host, SslMode};
use tokio_postgres::{Client, Config, NoTls};

use super::error::PostgresError;

/// How long connecting may take, in seconds: a server on this machine or in this network answers at once.
const CONNECT_SECONDS_MAX: u64 = 10;

/// The address of a Postgres.
#[derive(Clone)]
pub struct Address(Config);

impl Address {
    /// Reads `postgres://user:password@host:port/database`.
    ///
    /// # Errors
    /// When the text is no such address, or asks for TLS.
    pub fn read(url: &str) -> Result<Self, PostgresError> {
        let mut config = Config::from_str(url).map_err(PostgresError::Address)?;
        if config.get_ssl_mode() == SslMode::Require {
            return Err(PostgresError::Tls);
        }
        config.application_name("boarding bench");
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(Duration::from_secs(CONNECT_SECONDS_MAX));
        }
        Ok(Self(config))
    }

    /// The server and the database, without a user and a password.
    pub(super) fn place(&self) -> String {
        let host = match self.0.get_hosts().first() {
            Some(Host::Tcp(host)) => host.clone(),
            #[cfg(unix)]
            Some(Host::Unix(folder)) => folder.display().to_string(),
            None => "localhost".to_owned(),
        };
        let port = self.0.get_ports().first().copied().unwrap_or(5432);
        format!("{host}:{port}, database {}", self.0.get_dbname().unwrap_or("of the user"))
    }

    pub(super) async fn connect(&self) -> Result<Client, tokio_postgres::Error> {
        let (client, connection) = self.0.connect(NoTls).await?;
        // It ends with its client. The requests of the client get its errors.
        tokio::spawn(connection);
        Ok(client)
    }
}

impl fmt::Debug for Address {
    /// Hides the password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Address").field(&self.place()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn password_is_not_shown() {
        let address = Address::read("postgres://ann:secret@db.example:5433/people").unwrap();
        assert_eq!(address.place(), "db.example:5433, database people");
        assert!(!format!("{address:?}").contains("secret"));
    }

    #[test]
    fn other_addresses_and_tls_are_refused() {
        assert!(matches!(Address::read("nats://localhost"), Err(PostgresError::Address(_))));
        let tls = Address::read("postgres://db.example/people?sslmode=require");
        assert!(matches!(tls, Err(PostgresError::Tls)));
    }
}
