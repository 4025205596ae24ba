//! Where NATS is, who we are to it, and what the log in its JetStream has to be.

use std::path::PathBuf;

use clap::Args;

use super::failure::Failure;
use boarding_log::connect::{ConnectError, ServerAddress};
use boarding_log::jetstream;

/// What every verb takes that works on NATS.
#[derive(Clone, Default, Args)]
#[command(next_help_heading = "NATS options")]
pub(super) struct NatsOptions {
    /// The NATS servers, with commas between: nats://[user:password@]host[:port] or tls://…
    #[arg(long, env = "BOARDING_NATS", hide_env_values = true, value_name = "URL")]
    pub nats: Option<String>,
    /// A file with a JWT and its key, as nsc makes them
    #[arg(long, env = "BOARDING_NATS_CREDENTIALS", value_name = "FILE")]
    pub nats_credentials: Option<PathBuf>,
    /// The certificates that the servers' may be signed by [default: the system's]
    #[arg(long, env = "BOARDING_NATS_CA", value_name = "FILE")]
    pub nats_ca: Option<PathBuf>,
    /// What the subjects of answers to us begin with [default: _INBOX.<user>, or _INBOX]
    #[arg(long, env = "BOARDING_NATS_INBOX", value_name = "PREFIX")]
    pub nats_inbox: Option<String>,
    /// The servers' monitoring addresses, http://host:8222, with commas between: they tell whether a server
    /// keeps what it acknowledges
    #[arg(long, env = "BOARDING_NATS_MONITOR", value_name = "URL", value_delimiter = ',')]
    pub nats_monitor: Vec<String>,
    /// Takes servers that no monitoring address speaks for to keep what they acknowledge
    #[arg(long)]
    pub accept_unknown_sync: bool,
    /// On how many servers the log is kept, when its stream is made [default: 3 in a cluster, else 1]
    #[arg(long, value_name = "SERVERS", value_parser = clap::value_parser!(u8).range(1..=5))]
    pub replicas: Option<u8>,
    /// Accepts a log that one server of a cluster alone keeps
    #[arg(long)]
    pub accept_one_copy: bool,
}

impl NatsOptions {
    /// The servers.
    pub(super) fn server(&self) -> Result<ServerAddress, Failure> {
        let url = self.nats.clone().ok_or_else(|| {
            let text = "which NATS? give --nats URL, or set BOARDING_NATS";
            Failure::Usage(text.to_owned())
        })?;
        if self.nats_inbox.as_deref().is_some_and(|prefix| !is_prefix(prefix)) {
            let text = "--nats-inbox: expected words of letters, digits, - and _ with dots between";
            return Err(Failure::Usage(text.to_owned()));
        }
        Ok(ServerAddress {
            url,
            credentials: self.nats_credentials.clone(),
            authorities: self.nats_ca.clone(),
            inbox: self.nats_inbox.clone(),
        })
    }

    /// The log in JetStream on these servers.
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
    /// The address may hold a password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NatsOptions").field("nats", &"…").finish_non_exhaustive()
    }
}

/// What an inbox may begin with: no wildcard, or others' answers would be read.
fn is_prefix(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    text.split('.').all(|token| !token.is_empty() && token.chars().all(plain))
}

/// An address that is none is the asker's to mend; a server that does not answer may come back.
pub(super) fn of_connection(error: &ConnectError) -> Failure {
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
    fn an_inbox_prefix_holds_no_wildcard() {
        assert!(is_prefix("_INBOX.mover"));
        for bad in ["", "a.", "_INBOX.>", "*", "a b"] {
            assert!(!is_prefix(bad), "{bad}");
        }
    }

    #[test]
    fn a_password_is_not_shown() {
        let url = Some("nats://engine:s3cret@localhost".to_owned());
        let options = NatsOptions { nats: url, ..NatsOptions::default() };
        assert!(!format!("{options:?}").contains("s3cret"));
    }
}
