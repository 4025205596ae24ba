//! Who asks: the user that the NATS server has authenticated, and the actors that she may name.

use async_nats::jetstream;
use serde_json::{Value, json};

use super::caller::{Caller, Response};
use super::permissions::{ONE_ACCOUNT, config, server, url};
use super::serve_process::ServeProcess;
use crate::support::nats::Server;
use crate::support::wait::eventually;

/// An envelope of this actor, with a new id.
fn envelope(caller: &Caller, actor: &str, body: &Value) -> Value {
    json!({"id": caller.id(), "actor": actor, "body": body})
}

/// Sends a command of this actor.
async fn command_as(caller: &Caller, actor: &str, name: &str, body: Value) -> Response {
    caller.send_command(name, &envelope(caller, actor, &body)).await
}

/// Leaves a command of this actor in the queue, and waits for the answer.
async fn queue_as(caller: &Caller, actor: &str, name: &str, body: Value) -> Response {
    caller.queue(name, &envelope(caller, actor, &body)).await
}

/// The actor and the user of each event up to this position.
async fn senders(caller: &Caller, actor: &str, position: &Value) -> Vec<(Value, Value)> {
    let rows = caller.rows("history", json!({"actor": actor}), position).await;
    rows.iter().map(|row| (row["actor"].clone(), row["authenticated"].clone())).collect()
}

fn user(name: &str) -> Value {
    json!({ "user": name })
}

/// A server with the shipped configuration, an engine, and clients of the company.
struct Setup {
    server: Server,
    operator: Caller,
    publisher: Caller,
    _serving: ServeProcess,
}

impl Setup {
    async fn start() -> Self {
        let server = server(&config());
        let mut serving = ServeProcess::at(url(&server, "engine"));
        serving.restart(&[]);
        let operator = Caller::connect(&url(&server, "operator")).await;
        let publisher = Caller::connect(&url(&server, "acme-publisher")).await;
        Self { server, operator, publisher, _serving: serving }
    }

    /// Binds the publisher to these actors.
    async fn bind(&self, actors: &[&str]) {
        let body = json!({"nats_user": "acme-publisher", "actors": actors});
        self.operator.command("BindNatsUser", body).await.accepted();
    }
}

/// A bound user cannot act in another name: not by a command, not by the queue, not by a query.
#[tokio::test]
async fn forged_actor_is_refused_once_the_user_is_bound() {
    let setup = Setup::start().await;
    let publisher = &setup.publisher;
    // A user without a binding is recorded as it asserts.
    command_as(publisher, "boss", "AddUser", user("ann")).await.accepted();
    setup.bind(&["hr"]).await;
    for (caller, added) in [(publisher.clone(), "bob"), (publisher.with_msgpack(), "cid")] {
        let forged = command_as(&caller, "boss", "AddUser", user(added)).await;
        let refused = forged.error("auth.actor_not_bound", 403);
        let details = json!({"nats_user": "acme-publisher", "actors": ["hr"]});
        assert_eq!(refused["details"], details);
        command_as(&caller, "HR", "AddUser", user(added)).await.accepted();
        let forged = queue_as(&caller, "boss", "AddUser", user("dan")).await;
        forged.error("auth.actor_not_bound", 403);
        let forged = caller.query("users", json!({"actor": "boss"})).await;
        forged.error("auth.actor_not_bound", 403);
        assert_eq!(caller.query("users", json!({"actor": "hr"})).await.code(), "");
    }
    // A file of a forged actor is not stored either, and its preview shows nothing.
    for mode in ["preview", "commit"] {
        let file = json!({"dialect": "leapxpert", "mode": mode, "files": [{"name": "p.csv", "text": super::caller::people(1)}]});
        let forged = command_as(publisher, "boss", "ImportFile", file).await;
        forged.error("auth.actor_not_bound", 403);
    }
    // The user is written by the server alone.
    let forged = json!({"id": publisher.id(), "actor": "hr", "authenticated": "operator", "body": {"user": "dan"}});
    publisher.send_command("AddUser", &forged).await.error("envelope.malformed", 400);
    // The answer to a repeated id does not change.
    let first = envelope(publisher, "hr", &user("eve"));
    let accepted = publisher.send_command("AddUser", &first).await.accepted();
    setup.bind(&["joe"]).await;
    let mut again = publisher.send_command("AddUser", &first).await.accepted();
    again["duplicate"] = json!(false);
    assert_eq!(again, accepted);
}

/// The history, the feed and the audit name the actor and the user, for commands of both ways.
#[tokio::test]
async fn history_and_feed_show_actor_and_user() {
    let setup = Setup::start().await;
    let body = json!({"nats_user": "acme-publisher", "speaks_for": "anyone"});
    setup.operator.command("BindNatsUser", body).await.accepted();
    // The backend of a portal speaks for its people.
    command_as(&setup.publisher, "ann", "AddUser", user("ann")).await.accepted();
    let last = queue_as(&setup.publisher, "bob", "AddUser", user("bob")).await.accepted();
    let expected = [("admin", "operator"), ("ann", "acme-publisher"), ("bob", "acme-publisher")];
    let expected = expected.map(|(actor, user)| (json!(actor), json!(user)));
    assert_eq!(senders(&setup.publisher, "ann", &last["position"]).await, expected);
    let context = jetstream::new(Caller::connect(&url(&setup.server, "engine")).await.client);
    let published = eventually("the event is published", async || {
        let stream = context.get_stream("BOARDING_EVENTS").await.ok()?;
        let event = stream.get_last_raw_message_by_subject("boarding.v1.acme.event.UserCreated");
        let event: Value = serde_json::from_slice(&event.await.ok()?.payload).ok()?;
        (event["version"] == last["version"]).then_some(event)
    })
    .await;
    assert_eq!(
        (&published["actor"], &published["authenticated"]),
        (&expected[2].0, &expected[2].1)
    );
    let bound = setup.operator.query("nats_users", json!({"actor": "admin"})).await.value;
    let row = &bound["rows"][0];
    assert_eq!(
        (&row["nats_user"], &row["speaks_for"]),
        (&json!("acme-publisher"), &json!("anyone"))
    );
}

/// A company can refuse every user without a binding, and cannot lock itself out by that.
#[tokio::test]
async fn company_that_requires_bindings_refuses_other_users() {
    let setup = Setup::start().await;
    let require = json!({"require_bound_users": true});
    let refused = setup.operator.command("SetCompanyConfig", require.clone()).await;
    refused.error("auth.administrator_not_bound", 400);
    setup.bind(&["hr"]).await;
    // The operator is not bound and would be shut out.
    let refused = setup.operator.command("SetCompanyConfig", require.clone()).await;
    refused.error("auth.administrator_not_bound", 400);
    command_as(&setup.publisher, "hr", "SetCompanyConfig", require).await.accepted();
    setup.operator.command("AddUser", user("ann")).await.error("auth.user_not_bound", 403);
    let question = setup.operator.query("roles", json!({})).await;
    question.error("auth.user_not_bound", 403);
    let publisher = &setup.publisher;
    command_as(publisher, "hr", "AddUser", user("ann")).await.accepted();
    let unbind = json!({"nats_user": "acme-publisher"});
    let unbound = command_as(publisher, "hr", "UnbindNatsUser", unbind).await;
    unbound.error("auth.administrator_not_bound", 400);
    let operator = json!({"nats_user": "operator", "actors": ["admin"]});
    command_as(publisher, "hr", "BindNatsUser", operator).await.accepted();
    setup.operator.command("AddUser", user("bob")).await.accepted();
}

/// Without accounts the server does not say who asks, so the engine believes no user, and records null.
#[tokio::test]
async fn user_is_unknown_on_a_server_with_one_account() {
    let server = Server::with(ONE_ACCOUNT);
    let mut serving = ServeProcess::at(url(&server, "engine"));
    serving.restart(&["--accept-shared-account"]);
    let caller = Caller::connect(&url(&server, "operator")).await;
    caller.command("AddUser", user("ann")).await.accepted();
    let body = json!({"nats_user": "ceo", "actors": ["admin"]});
    caller.command("BindNatsUser", body).await.accepted();
    // On such a server every client can write what only the server writes elsewhere.
    let (headers, bytes) = caller.encode(&caller.envelope(&user("bob")));
    let forged = "boarding.by.ceo.v1.acme.command.AddUser".to_owned();
    let last = caller.request(forged, headers, bytes).await.accepted();
    let unknown = (json!("admin"), Value::Null);
    assert_eq!(senders(&caller, "admin", &last["position"]).await, vec![unknown; 3]);
}

/// A command that one engine forwards to another keeps its user.
#[tokio::test]
async fn forwarded_command_keeps_its_user() {
    let server = server(&config());
    let monitor = server.monitor_url();
    let options = ["--log", "jetstream", "--nats-monitor", &monitor];
    let mut engines = [(); 2].map(|()| ServeProcess::at(url(&server, "engine")));
    engines.iter_mut().for_each(|engine| engine.restart(&options));
    let publisher = Caller::connect(&url(&server, "acme-publisher")).await;
    let mut last = Value::Null;
    // One engine owns the company, and the server gives about half of the commands to the other.
    for n in 0..24 {
        let added = publisher.command("AddUser", user(&format!("user{n}"))).await;
        last = added.accepted()["position"].clone();
    }
    let sender = (json!("admin"), json!("acme-publisher"));
    assert_eq!(senders(&publisher, "admin", &last).await, vec![sender; 24]);
}
