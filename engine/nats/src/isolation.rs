//! Checks whether the server keeps its users apart by accounts.

use std::net::IpAddr;
use std::time::Duration;

use async_nats::{Client, Request, ServerInfo};
use serde::Deserialize;

use crate::limits::API_CALL_SECONDS_MAX;

/// The subject on which a server says which user and account a connection has.
const WHO_AM_I: &str = "$SYS.REQ.USER.INFO";

/// The account of a server whose configuration names none.
const SHARED_ACCOUNT: &str = "$G";

#[derive(Debug, Deserialize)]
struct UserInfo {
    data: User,
}

#[derive(Debug, Deserialize)]
struct User {
    account: String,
}

/// Why the server does not keep companies apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotIsolated {
    #[error(
        "the users of this NATS server share one account, so companies are not kept apart: write its configuration with `boarding nats-config COMPANY…` (see `boarding manual nats`), or accept this with --accept-shared-account"
    )]
    SharedAccount,
    #[error(
        "this NATS server has no users and other machines reach it, so everybody may do everything: write its configuration with `boarding nats-config COMPANY…` (see `boarding manual nats`), or accept this with --accept-shared-account"
    )]
    NoUsers,
}

/// Checks that the engine does not share its account with other users. Their rights do not keep them apart then: the
/// server sends answers to any reply subject that a message names.
///
/// A server without users on this machine passes: a developer starts it for herself.
///
/// # Errors
/// Why companies are not kept apart.
pub async fn check(client: &Client) -> Result<(), NotIsolated> {
    let server = client.server_info();
    if !server.auth_required {
        return if is_local(&server) { Ok(()) } else { Err(NotIsolated::NoUsers) };
    }
    let request = Request::new().timeout(Some(Duration::from_secs(API_CALL_SECONDS_MAX)));
    let answer = client.send_request(WHO_AM_I, request).await;
    let info = answer.ok().and_then(|it| serde_json::from_slice::<UserInfo>(&it.payload).ok());
    match info {
        Some(info) if info.data.account != SHARED_ACCOUNT => Ok(()),
        _ => Err(NotIsolated::SharedAccount),
    }
}

/// Whether the server sees this client on its own machine.
fn is_local(server: &ServerInfo) -> bool {
    server.client_ip.parse::<IpAddr>().is_ok_and(|ip| ip.to_canonical().is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_is_local() {
        let from =
            |ip: &str| is_local(&ServerInfo { client_ip: ip.to_owned(), ..Default::default() });
        assert!(from("127.0.0.1") && from("::1") && from("::ffff:127.0.0.1"));
        assert!(!from("10.0.0.7") && !from("fe80::1") && !from(""));
    }
}
