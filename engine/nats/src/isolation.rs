//! Checks whether the server keeps its users apart by accounts, so that it can say which user asks.

use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_nats::{Client, Request, ServerInfo};
use serde::Deserialize;
use tokio::sync::Mutex;

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
    #[error(
        "the NATS server does not say which account the engine has, so companies may not be kept apart: let the engine's user publish to $SYS.REQ.USER.INFO, as `boarding nats-config COMPANY…` writes it, or accept this with --accept-shared-account"
    )]
    Unknown,
}

/// Checks that the engine does not share its account with other users. Their rights do not keep them apart then: the
/// server sends answers to any reply subject that a message names.
///
/// A server without users on this machine passes: a developer starts it for herself.
///
/// # Errors
/// Why companies are not kept apart.
pub async fn check(client: &Client) -> Result<(), NotIsolated> {
    match ask(client).await {
        Some(Accounts::Own) => Ok(()),
        Some(Accounts::NoUsers) if is_local(&client.server_info()) => Ok(()),
        Some(Accounts::NoUsers) => Err(NotIsolated::NoUsers),
        Some(Accounts::Shared) => Err(NotIsolated::SharedAccount),
        None => Err(NotIsolated::Unknown),
    }
}

/// How the server keeps its users apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Accounts {
    /// The engine's account is not the one that all users have without accounts. If it has no other user, only the server
    /// can write `boarding.by.<user>.…` there. The server does not tell whether it has.
    Own,
    /// The engine shares its account with other users, who can write any subject that their rights permit.
    Shared,
    /// Every client may do everything.
    NoUsers,
}

/// Asks the server for the engine's account. `None` without an answer.
async fn ask(client: &Client) -> Option<Accounts> {
    if !client.server_info().auth_required {
        return Some(Accounts::NoUsers);
    }
    let request = Request::new().timeout(Some(Duration::from_secs(API_CALL_SECONDS_MAX)));
    let answer = client.send_request(WHO_AM_I, request).await.ok()?;
    let info = serde_json::from_slice::<UserInfo>(&answer.payload).ok()?;
    let is_shared = info.data.account == SHARED_ACCOUNT;
    Some(if is_shared { Accounts::Shared } else { Accounts::Own })
}

/// What the server of the present connection said about the accounts.
#[derive(Debug, Default)]
pub(super) struct Isolation {
    known: Mutex<Option<Known>>,
    /// The number of requests to the server for its accounts.
    asked: AtomicU64,
}

#[derive(Debug)]
struct Known {
    /// The server and its number for the connection. Another server may have other accounts.
    connection: (String, u64),
    /// None if it did not answer.
    accounts: Option<Accounts>,
}

impl Isolation {
    /// Whether the user in a subject was written by the server. `None` if the server does not answer now.
    pub(super) async fn tells_users(&self, client: &Client) -> Option<bool> {
        let asked = self.asked.load(Ordering::Relaxed);
        let mut known = self.known.lock().await;
        // Requests that wait together share an answer that did not come.
        let is_new = self.asked.load(Ordering::Relaxed) != asked;
        let info = client.server_info();
        let connection = (info.server_id, info.client_id);
        let holds =
            |known: &&Known| known.connection == connection && (known.accounts.is_some() || is_new);
        let accounts = match known.as_ref().filter(holds) {
            Some(known) => known.accounts,
            None => {
                let accounts = ask(client).await;
                self.asked.fetch_add(1, Ordering::Relaxed);
                *known = Some(Known { connection, accounts });
                accounts
            }
        };
        accounts.map(|accounts| accounts == Accounts::Own)
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
