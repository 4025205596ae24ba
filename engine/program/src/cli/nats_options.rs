//! Options of verbs that connect to NATS: servers, credentials, and the log in JetStream.

use std::path::PathBuf;

use clap::Args;

use super::failure::Failure;
use boarding_log::connect::{ConnectError, ServerAddress};
use boarding_log::jetstream;

/// The options of verbs that connect to NATS.
#[derive(Clone, Default, Args)]
#[command(next_help_heading = "NATS options")]
pub(super) struct NatsOptions {
    /// The NATS servers, separated by commas: nats://[user:password@]host[:port] or tls://…; set BOARDING_NATS for an
    /// address with a password, because ps shows the command line to all users
    #[arg(long, env = "BOARDING_NATS", hide_env_values = true, value_name = "URL")]
    pub nats: Option<String>,
    /// A credentials file of nsc, with a JWT and its key
    #[arg(long, env = "BOARDING_NATS_CREDENTIALS", value_name = "FILE")]
    pub nats_credentials: Option<PathBuf>,
    /// The certificates of the accepted authorities [default: the system's]
    #[arg(long, env = "BOARDING_NATS_CA", value_name = "FILE")]
    pub nats_ca: Option<PathBuf>,
    /// The prefix of the subjects on which this program gets answers [default: _INBOX.<user>, or _INBOX]
    #[arg(long, env = "BOARDING_NATS_INBOX", value_name = "PREFIX")]
    pub nats_inbox: Option<String>,
    /// The servers' monitoring addresses, http://host:8222, separated by commas; they show whether a server syncs
    /// messages before it acknowledges them
    #[arg(long, env = "BOARDING_NATS_MONITOR", value_name = "URL", value_delimiter = ',')]
    pub nats_monitor: Vec<String>,
    /// Accepts servers without a monitoring address, whose sync settings are unknown
    #[arg(long)]
    pub accept_unknown_sync: bool,
    /// The number of copies of the log's stream when it is created [default: 3 in a cluster, else 1]
    #[arg(long, value_name = "SERVERS", value_parser = clap::value_parser!(u8).range(1..=5))]
    pub replicas: Option<u8>,
    /// Accepts a log in a cluster with one copy only
    #[arg(long)]
    pub accept_one_copy: bool,
}

impl NatsOptions {
    /// The servers.
    ///
    /// # Errors
    /// A usage failure if no servers are given.
    pub(super) fn server(&self) -> Result<ServerAddress, Failure> {
        let url = self.nats.clone().ok_or_else(|| {
            let text = "no NATS server is given; add --nats URL, or set BOARDING_NATS";
            Failure::Usage(text.to_owned())
        })?;
        if self.nats_inbox.as_deref().is_some_and(|prefix| !is_prefix(prefix)) {
            let text =
                "--nats-inbox: expected words of letters, digits, - and _, separated by dots";
            return Err(Failure::Usage(text.to_owned()));
        }
        Ok(ServerAddress {
            url,
            credentials: self.nats_credentials.clone(),
            authorities: self.nats_ca.clone(),
            inbox: self.nats_inbox.clone(),
        })
    }

    /// The options of the log in JetStream on these servers.
    pub(super) fn log(&self) -> Result<jetstream::Options, Failure> {
        Ok(jetstream::Options {
            copies: self.replicas.map(usize::from),
            accept_one_copy: self.accept_one_copy,
            monitors: self.nats_monitor.clone(),
            accept_unknown_sync: self.accept_unknown_sync,
            ..jetstream::Options::new(self.server()?)
        })
    }
}

impl std::fmt::Debug for NatsOptions {
    /// Hides the address, which may contain a password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NatsOptions").field("nats", &"…").finish_non_exhaustive()
    }
}

/// Whether a text may be an inbox prefix. A wildcard would receive answers to other clients.
fn is_prefix(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    text.split('.').all(|token| !token.is_empty() && token.chars().all(plain))
}

/// The failure of a connection. A wrong address is a usage failure; a server that does not answer is unavailable.
pub(super) fn connection_failure(error: &ConnectError) -> Failure {
    let text = boarding_log::error_chain(error);
    match error {
        ConnectError::Address(_) => Failure::Usage(format!("--nats: {text}")),
        ConnectError::Credentials { .. } | ConnectError::Connect { .. } => {
            Failure::Unavailable(text)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inbox_prefix_has_no_wildcard() {
        assert!(is_prefix("_INBOX.mover"));
        for bad in ["", "a.", "_INBOX.>", "*", "a b"] {
            assert!(!is_prefix(bad), "{bad}");
        }
    }

    #[test]
    fn password_is_not_in_the_debug_text() {
        let url = Some("nats://engine:s3cret@localhost".to_owned());
        let options = NatsOptions { nats: url, ..NatsOptions::default() };
        assert!(!format!("{options:?}").contains("s3cret"));
    }
}
