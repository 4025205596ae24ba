//! Checks whether the server keeps its users apart by accounts, so that it can say which user asks.

use std::time::Duration;

use async_nats::{Client, Request};
use serde::Deserialize;
use tokio::sync::OnceCell;

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

/// What is known of the accounts of the server.
#[derive(Debug, Default)]
pub(super) struct Isolation(OnceCell<Accounts>);

/// How the server keeps its users apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Accounts {
    /// The engine has an account of its own. Only the server can write `boarding.by.<user>.…` there.
    Own,
    /// The engine shares its account with other users, who can write any subject that their rights permit.
    Shared,
    /// Every client may do everything.
    NoUsers,
}

impl Isolation {
    /// Whether the user in a subject was written by the server. `None` if the server does not answer now.
    pub(super) async fn tells_users(&self, client: &Client) -> Option<bool> {
        self.accounts(client).await.map(|accounts| accounts == Accounts::Own)
    }

    async fn accounts(&self, client: &Client) -> Option<Accounts> {
        self.0.get_or_try_init(async || ask(client).await.ok_or(())).await.ok().copied()
    }

    /// Warns if the engine shares its account with other users. Their rights do not keep them apart then: the server
    /// sends answers to any reply subject that a message names.
    pub(super) async fn warn(&self, client: &Client) {
        if matches!(self.accounts(client).await, None | Some(Accounts::Shared)) {
            tracing::warn!(
                "the users of this NATS server share one account, so companies are not kept apart: \
                 write its configuration with `boarding nats-config` (see `boarding manual nats`)"
            );
        }
    }
}

/// Asks the server for the engine's account. `None` without an answer.
async fn ask(client: &Client) -> Option<Accounts> {
    // On a server without users every client may do everything, as its owner has chosen.
    if !client.server_info().auth_required {
        return Some(Accounts::NoUsers);
    }
    let request = Request::new().timeout(Some(Duration::from_secs(API_CALL_SECONDS_MAX)));
    let answer = client.send_request(WHO_AM_I, request).await.ok()?;
    let info = serde_json::from_slice::<UserInfo>(&answer.payload).ok()?;
    let is_shared = info.data.account == SHARED_ACCOUNT;
    Some(if is_shared { Accounts::Shared } else { Accounts::Own })
}
