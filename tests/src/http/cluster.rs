//! HTTP beside NATS, with two engines on one log.

use boarding_core::access_token::AccessToken;
use serde_json::{Value, json};

use super::client::{Served, id};
use crate::nats::caller::Caller;
use crate::nats::serve_process::ServeProcess;
use crate::support::nats::Server;
use crate::support::wait::eventually;

/// A company has one owner among the engines, and the other one forwards its commands with the token.
#[tokio::test(flavor = "multi_thread")]
async fn command_reaches_the_engine_that_owns_the_company() {
    let server = Server::start();
    let monitor = server.monitor_url();
    let options = ["--log", "jetstream", "--nats-monitor", &monitor, "--accept-shared-account"];
    let start = || Served::of(ServeProcess::not_started(&server), &options);
    let (first, second) = (start(), start());
    let caller = Caller::connect(&server.url()).await;
    let token = AccessToken::new(id().parse().unwrap()).unwrap();
    let issue = json!({"token": token.id(), "actor": "ann", "secret_sha256": token.sha256_hex()});
    caller.command("IssueToken", issue).await.accepted();
    let mut positions = Vec::new();
    for n in 0..6 {
        let served = if n % 2 == 0 { &first } else { &second };
        let envelope = json!({"id": id(), "body": {"user": format!("u{n}")}});
        let sent = async || {
            let response = served.envelope("AddUser", token.text(), &envelope);
            // An engine may not have read the token yet, or not know the owner.
            (response.status == 200).then(|| response.json()["position"].clone())
        };
        positions.push(eventually("the command is accepted", sent).await);
    }
    for served in [&first, &second] {
        let last = positions.last().unwrap();
        let path = format!("/v1/acme/history?limit=500&min_position={last}");
        let history = served.get(&path, token.text()).expect(200);
        let added: Vec<&Value> = history["rows"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|row| row["event"] == "UserCreated")
            .collect();
        let by = format!("token:{}", token.id());
        assert_eq!(added.len(), 6, "{history}");
        assert!(
            added.iter().all(|row| row["authenticated"] == *by && row["actor"] == "ann"),
            "{added:?}"
        );
    }
}
