//! Checks that servers keep acknowledged messages: their version and sync setting.
//!
//! A client cannot read the sync setting. The monitoring port of the server reports it.

use std::time::Duration;

use serde::Deserialize;

use super::error::OpenError;
use super::http;
use super::options::Options;
use crate::limits::{NATS_CONNECT_SECONDS_MAX, OLDEST_SERVER};

/// A server that was checked and is safe.
#[derive(Debug)]
pub(super) struct CheckedServer {
    name: String,
}

/// The part of a monitoring report that the checks need.
#[derive(Debug, Deserialize)]
struct Varz {
    server_name: String,
    version: String,
    jetstream: JetStream,
}

#[derive(Debug, Default, Deserialize)]
struct JetStream {
    config: Option<Config>,
}

#[derive(Debug, Deserialize)]
struct Config {
    #[serde(default)]
    sync_interval: u64,
    #[serde(default)]
    sync_always: bool,
}

/// Rejects a server that is too old.
pub(super) fn check_version(server: &str, version: &str) -> Result<(), OpenError> {
    let mut numbers = version.trim_start_matches('v').split(['.', '-']).map(str::parse::<u64>);
    let found = (numbers.next().and_then(Result::ok), numbers.next().and_then(Result::ok));
    if let (Some(major), Some(minor)) = found
        && (major, minor) >= OLDEST_SERVER
    {
        return Ok(());
    }
    Err(OpenError::OldServer { server: server.to_owned(), version: version.to_owned() })
}

/// Checks the server behind each monitoring address.
///
/// # Errors
/// When a server does not respond or is not safe. Also without an address, unless the options accept that.
pub(super) async fn check_all(options: &Options) -> Result<Vec<CheckedServer>, OpenError> {
    let mut known = Vec::new();
    for address in &options.monitors {
        let asked = address.clone();
        let patience = Duration::from_secs(NATS_CONNECT_SECONDS_MAX);
        let asking = move || http::get(&asked, "/varz", patience);
        let failed = |why: String| OpenError::Monitor { address: address.clone(), why };
        let answer = tokio::task::spawn_blocking(asking).await;
        let text = answer.map_err(|error| failed(error.to_string()))?;
        let text = text.map_err(|error| failed(crate::error_chain(&error)))?;
        let varz: Varz = serde_json::from_str(&text).map_err(|error| failed(error.to_string()))?;
        known.push(check(varz)?);
    }
    if known.is_empty() && !options.accept_unknown_sync {
        return Err(OpenError::UnknownSync { server: "behind the address".to_owned() });
    }
    Ok(known)
}

fn check(varz: Varz) -> Result<CheckedServer, OpenError> {
    let Varz { server_name: name, version, jetstream } = varz;
    check_version(&name, &version)?;
    match jetstream.config {
        Some(config) if config.sync_always => Ok(CheckedServer { name }),
        Some(config) => {
            let seconds = Duration::from_nanos(config.sync_interval).as_secs();
            Err(OpenError::UnsafeSync { server: name, seconds })
        }
        None => Err(OpenError::NoJetStream { why: format!("{name} says that it is off") }),
    }
}

/// Rejects a stream if one of its servers was not checked.
pub(super) fn check_known(
    known: &[CheckedServer],
    servers: &[String],
    options: &Options,
) -> Result<(), OpenError> {
    let is_known = |server: &&String| known.iter().any(|one| one.name == **server);
    match servers.iter().find(|server| !is_known(server)) {
        Some(server) if !options.accept_unknown_sync => {
            Err(OpenError::UnknownSync { server: server.clone() })
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_or_unreadable_server_versions_are_rejected() {
        for version in ["2.12.0", "v2.12.1", "2.15.1-beta.1", "3.0.0"] {
            assert!(check_version("n1", version).is_ok(), "{version}");
        }
        for version in ["2.9.10", "2.11.11", "1.99.0", "", "new"] {
            let error = check_version("n1", version).unwrap_err().to_string();
            assert!(error.contains("2.12 or newer"), "{error}");
        }
    }

    #[test]
    fn the_sync_setting_is_read_from_the_report() {
        let read = |jetstream: &str| {
            let text = format!(
                r#"{{"server_name":"n1","version":"2.15.1","port":4222,"jetstream":{jetstream}}}"#
            );
            check(serde_json::from_str(&text).unwrap())
        };
        assert_eq!(
            read(r#"{"config":{"sync_interval":1,"sync_always":true}}"#).unwrap().name,
            "n1"
        );
        let error = read(r#"{"config":{"sync_interval":120000000000}}"#).unwrap_err();
        assert!(matches!(error, OpenError::UnsafeSync { seconds: 120, .. }), "{error}");
        assert!(matches!(read("{}"), Err(OpenError::NoJetStream { .. })));
    }
}
