//! Checks whether the server keeps its users apart by accounts.

use std::time::Duration;

use async_nats::{Client, Request};
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

/// Warns if the engine shares its account with other users. Their rights do not keep them apart then: the server
/// sends answers to any reply subject that a message names.
pub(super) async fn check(client: Client) {
    // On a server without users every client may do everything, as its owner has chosen.
    if !client.server_info().auth_required {
        return;
    }
    let request = Request::new().timeout(Some(Duration::from_secs(API_CALL_SECONDS_MAX)));
    let answer = client.send_request(WHO_AM_I, request).await;
    let info = answer.ok().and_then(|it| serde_json::from_slice::<UserInfo>(&it.payload).ok());
    if info.is_none_or(|info| info.data.account == SHARED_ACCOUNT) {
        tracing::warn!(
            "the users of this NATS server share one account, so companies are not kept apart: \
             write its configuration with `boarding nats-config` (see `boarding manual nats`)"
        );
    }
}
