//! The programs of fixtures/clients, as others may take them: they keep what they promise, whatever is lost.

use std::fs;
use std::path::Path;

use async_nats::{Client, Subscriber, jetstream};
use boarding_log::connect::Server as Address;
use futures_util::{FutureExt as _, StreamExt as _};
use serde_json::{Value, json};

use super::caller::{Caller, HEADER, people};
use super::permissions::{config, server};
use super::serve_process::ServeProcess;
use crate::support::clients::{ChildProcess, Clients, Language};
use crate::support::nats::Server;
use crate::support::wait::eventually;

/// A user's address at the server of nats.conf, where the password is the name.
fn url(server: &Server, user: &str) -> String {
    format!("nats://{user}:{user}@127.0.0.1:{}", server.port)
}

async fn client(server: &Server, user: &str) -> Client {
    Address { url: url(server, user), ..Address::default() }.connect("test").await.unwrap()
}

async fn operator(server: &Server) -> Caller {
    Caller::on(&url(server, "operator")).await
}

/// Sees what a company's clients send, as the engine's user may.
async fn watch(server: &Server, subject: &str) -> (Client, Subscriber) {
    let client = client(server, "engine").await;
    let seen = client.subscribe(subject.to_owned()).await.unwrap();
    client.flush().await.unwrap();
    (client, seen)
}

/// The next that the program sends.
async fn next(program: &mut ChildProcess, seen: &mut Subscriber) -> async_nats::Message {
    program.wait_until("it sends something", |_| seen.next().now_or_never().flatten()).await
}

/// The whole history of acme, as it is known now.
async fn history(caller: &Caller) -> Vec<Value> {
    history_up_to(caller, &json!(0)).await
}

/// The same, with everything up to this position in it.
async fn history_up_to(caller: &Caller, position: &Value) -> Vec<Value> {
    let mut params = json!({"limit": 500, "actor": "admin", "min_position": position});
    let mut rows = Vec::new();
    loop {
        let page = caller.query("history", params.clone()).await.value;
        rows.extend(page["rows"].as_array().unwrap_or_else(|| panic!("{page}")).clone());
        if page["next"].is_null() {
            return rows;
        }
        params["cursor"] = page["next"].clone();
    }
}

/// How many events a command has made.
async fn events_of(caller: &Caller, command: &Value) -> usize {
    let rows = history(caller).await;
    rows.iter().filter(|row| row["command"] == *command).count()
}

/// P10: both tries of a command reach the engine, whose first answer came too late; it is done once.
#[tokio::test]
async fn p10_a_command_that_is_sent_again_is_done_once() {
    let server = server(&config());
    let mut serving = ServeProcess::at(url(&server, "engine"));
    serving.restart(&[]);
    let caller = operator(&server).await;
    for language in Language::ALL {
        let (_watching, mut seen) =
            watch(&server, "boarding.v1.acme.command.SetCompanyConfig").await;
        let clients = Clients::of(language, &server);
        let body = json!({"company_name": format!("Acme {language:?}")}).to_string();
        serving.signal("-STOP");
        let words = ["acme", "SetCompanyConfig", &body];
        let mut asking = clients.start("acme-publisher", "commands", &words);
        let (first, second) =
            (next(&mut asking, &mut seen).await, next(&mut asking, &mut seen).await);
        assert_eq!(first.payload, second.payload, "the same command");
        serving.signal("-CONT");
        asking.exits_with(0).await;
        assert!(asking.stderr().contains("no answer; the same again"), "{}", asking.stderr());
        let answer: Value = serde_json::from_str(&asking.stdout()).unwrap();
        assert_eq!(answer["outcome"], "accepted", "{answer}");
        let sent: Value = serde_json::from_slice(&first.payload).unwrap();
        assert_eq!(answer["command"], sent["id"]);
        assert_eq!(events_of(&caller, &sent["id"]).await, 1, "{language:?}");
    }
}

/// P10: told to come again, and then nobody there: the same command is done once an engine is up. A refusal
/// ends the asking.
#[tokio::test]
async fn p10_a_client_asks_until_an_engine_is_up_and_takes_no_for_an_answer() {
    for language in Language::ALL {
        let server = server(&config());
        let clients = Clients::of(language, &server);
        let (standing_in, mut seen) = watch(&server, "boarding.v1.acme.command.*").await;
        let good = ["acme", "SetCompanyConfig", r#"{"company_name":"Acme"}"#];
        let mut asking = clients.start("acme-publisher", "commands", &good);
        let first = next(&mut asking, &mut seen).await;
        let no =
            json!({"outcome": "failed", "code": "overloaded", "message": "busy", "retry": true});
        standing_in.publish(first.reply.unwrap(), no.to_string().into()).await.unwrap();
        seen.unsubscribe().await.unwrap();
        let says = |words: &'static str| {
            move |it: &ChildProcess| it.stderr().contains(words).then_some(())
        };
        asking
            .wait_until("it is told to come again", says("overloaded: busy; the same again"))
            .await;
        asking.wait_until("nobody is there", says("no engine is up; the same again")).await;
        let mut serving = ServeProcess::at(url(&server, "engine"));
        serving.restart(&[]);
        asking.exits_with(0).await;
        let answer: Value = serde_json::from_str(&asking.stdout()).unwrap();
        let sent: Value = serde_json::from_slice(&first.payload).unwrap();
        assert_eq!((&answer["command"], &answer["duplicate"]), (&sent["id"], &json!(false)));
        assert_eq!(events_of(&operator(&server).await, &sent["id"]).await, 1, "{language:?}");

        let id = sent["id"].as_str().unwrap();
        let again = [&good[..], &[id]].concat();
        let mut asking = clients.start("acme-publisher", "commands", &again);
        asking.exits_with(0).await;
        assert!(asking.stdout().contains(r#""duplicate""#) && asking.stdout().contains("true"));
        let other = ["acme", "SetCompanyConfig", r#"{"company_name":"Other"}"#, id];
        let unknown = ["acme", "SetCompanyConfig", r#"{"colour":"red"}"#];
        for (words, code) in
            [(&other[..], "command.duplicate_conflict: "), (&unknown, "config.unknown_setting: ")]
        {
            let mut asking = clients.start("acme-publisher", "commands", words);
            asking.exits_with(1).await;
            assert!(asking.stderr().contains(code), "{}", asking.stderr());
            assert!(asking.stdout().contains(r#""refused""#), "{}", asking.stdout());
        }
        drop(serving);
        let mut command = clients.command("acme-publisher", "commands", &good);
        command.env("GIVE_UP_SECONDS", "0");
        ChildProcess::start(command).exits_with(4).await;
    }
}

/// The events in a follower's file; a line that is half written is none yet.
fn kept(file: &Path) -> Vec<Value> {
    let text = fs::read_to_string(file).unwrap_or_default();
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    whole.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Lets a follower go on until it has every event up to this position and those that are known by then; it
/// must have each once and in order.
async fn has_all(following: &mut ChildProcess, caller: &Caller, file: &Path, position: &Value) {
    let expected = history_up_to(caller, position).await;
    let last = expected.last().unwrap()["version"].clone();
    let reached = |_: &ChildProcess| {
        kept(file).last().is_some_and(|event| event["version"] == last).then_some(())
    };
    following.wait_until("it has followed", reached).await;
    assert_eq!(kept(file), expected);
}

async fn import(caller: &Caller, text: &str) {
    let files = json!([{"name": "people.csv", "text": text}]);
    let body = json!({"dialect": "leapxpert", "files": files, "add_to_corporate_phones": true});
    let done = caller.command("ImportFile", body).await.ok();
    eventually("the import is completed", async || {
        let import = json!({"import": done["result"]["import"], "actor": "admin"});
        let row = caller.query("import", import).await.value["row"].clone();
        (row["state"] == "completed").then_some(())
    })
    .await;
}

async fn make_consumer(clients: &Clients, caller: &Caller) {
    eventually("there are events", async || {
        let jetstream = jetstream::new(caller.client.clone());
        jetstream.get_stream("BOARDING_EVENTS").await.ok()
    })
    .await;
    clients.start("operator", "follow", &["acme"]).exits_with(0).await;
}

/// Contract 4: whatever is killed, torn or delivered again, a follower has each event once and in order.
#[tokio::test]
async fn a_follower_has_every_event_once_across_its_own_restarts() {
    for language in Language::ALL {
        let server = server(&config());
        let mut serving = ServeProcess::at(url(&server, "engine"));
        serving.restart(&[]);
        let caller = operator(&server).await;
        caller.define_company().await;
        let clients = Clients::of(language, &server);
        let file = clients.file("events.jsonl");
        let words = ["acme", file.to_str().unwrap()];
        let start = || clients.start("acme-publisher", "follow", &words);
        let mut early = start();
        early.exits_with(1).await;
        assert!(early.stderr().contains("consumer not found"), "{}", early.stderr());
        make_consumer(&clients, &caller).await;

        // Killed at work, with more to come than it has.
        import(&caller, &people(40)).await;
        let mut following = start();
        let some = |_: &ChildProcess| (kept(&file).len() > 20).then_some(());
        following.wait_until("it follows", some).await;
        following.kill();
        assert!(kept(&file).len() < history(&caller).await.len(), "it was not killed at work");
        let mut torn = fs::read(&file).unwrap();
        torn.extend(b"{\"version\":");
        fs::write(&file, torn).unwrap();
        let mut following = start();
        has_all(&mut following, &caller, &file, &json!(0)).await;
        following.kill();

        // All of it comes again, and more, from an engine that was killed too.
        serving.restart(&[]);
        let jetstream = jetstream::new(caller.client.clone());
        let stream = jetstream.get_stream("BOARDING_EVENTS").await.unwrap();
        stream.delete_consumer("acme").await.unwrap();
        make_consumer(&clients, &caller).await;
        let named = json!({"company_name": "Acme II"});
        let named = caller.command("SetCompanyConfig", named).await.ok();
        let mut following = start();
        has_all(&mut following, &caller, &file, &named["position"]).await;
        let named = json!({"company_name": "Acme III"});
        let named = caller.command("SetCompanyConfig", named).await.ok();
        has_all(&mut following, &caller, &file, &named["position"]).await;
    }
}

/// People for whom the example's gateway has every outcome.
const EVERY_OUTCOME: &str = "\
ann,Ann,Doe,ann@acme.example,+84912000001,Fixed Income Desk,
bob,Bob,Doe,linked.bob@acme.example,+84912000002,Fixed Income Desk,
cid,Cid,Doe,gone.cid@acme.example,+84912000003,Fixed Income Desk,
dan,Dan,Doe,busy.dan@acme.example,+84912000004,Fixed Income Desk,
";

/// The pieces of work that a worker says it did.
fn done(worker: &ChildProcess) -> Vec<Value> {
    worker.stdout().lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

/// Contract 4, LX-24, P10: a worker carries a run to its end, with exact counts, though the engine is away
/// when it reports first.
#[tokio::test]
async fn lx_24_a_worker_does_every_piece_and_reports_until_it_is_heard() {
    for language in Language::ALL {
        let server = server(&config());
        let mut serving = ServeProcess::at(url(&server, "engine"));
        serving.restart(&["--workers"]);
        let caller = operator(&server).await;
        caller.define_company().await;
        caller.command("SetCompanyConfig", json!({"retry_backoff_seconds": 1})).await.ok();
        import(&caller, &(HEADER.to_owned() + EVERY_OUTCOME)).await;
        let run =
            json!({"source": {"import": "latest"}, "channel": "whatsapp", "mode": "confirmed"});
        let run = caller.command("StartBulkIntegration", run).await.ok()["result"]["run"].clone();
        let engine = client(&server, "engine").await;
        waits(&engine, 4).await;
        serving.kill();

        let (watching, mut seen) = watch(&server, "boarding.v1.acme.command.*").await;
        let clients = Clients::of(language, &server);
        let mut worker = clients.start("acme-worker", "worker", &["acme", "whatsapp"]);
        let (first, second) =
            (next(&mut worker, &mut seen).await, next(&mut worker, &mut seen).await);
        assert_eq!((&first.payload, &first.subject), (&second.payload, &second.subject));
        serving.restart(&["--workers"]);
        drop(watching);
        let five = |it: &ChildProcess| (done(it).len() == 5).then(|| done(it));
        let pieces = worker.wait_until("it has done every piece", five).await;
        for piece in &pieces {
            assert_eq!(piece["answer"]["outcome"], "accepted", "{piece}");
            assert!(events_of(&caller, &piece["answer"]["command"]).await >= 1, "{piece}");
        }
        let row = eventually("the run is completed", async || {
            let row = caller.query("run", json!({"run": run})).await.value["row"].clone();
            (row["state"] == "completed").then_some(row)
        })
        .await;
        let counts = ["total", "passed", "skipped", "failed", "remaining"].map(|it| &row[it]);
        assert_eq!(counts, [4, 2, 1, 1, 0], "{language:?}: {row}");
        let outcomes = history(&caller).await;
        let of = |name: &str| outcomes.iter().filter(|row| row["event"] == name).count();
        assert_eq!(
            ["InviteSent", "UserSkipped", "InviteFailed", "InviteDeferred"].map(of),
            [2, 1, 1, 1]
        );
        leaves_alone_what_is_too_late(&engine, &mut worker).await;
        worker.terminate();
        worker.exits_with(0).await;
    }
}

/// Waits until so many pieces of work wait for a worker.
async fn waits(engine: &Client, count: u64) {
    let context = jetstream::new(engine.clone());
    eventually("the work is handed in", async || {
        let stream = context.get_stream("BOARDING_WORK").await.ok()?;
        let info = stream.consumer_info("acme_whatsapp").await.ok()?;
        (info.num_pending == count).then_some(())
    })
    .await;
}

/// Work past its deadline is not done.
async fn leaves_alone_what_is_too_late(engine: &Client, worker: &mut ChildProcess) {
    let late = json!({
        "company": "acme", "user": "eve", "attempt": 1, "fence": 1, "run": "01JD0000000000000000000000",
        "to": {"address": "eve@acme.example", "name": "Eve"}, "deadline": "2020-01-01T00:00:00.000Z",
    });
    let context = jetstream::new(engine.clone());
    let handed = context.publish("boarding.v1.acme.work.whatsapp", late.to_string().into()).await;
    handed.unwrap().await.unwrap();
    let six = |it: &ChildProcess| done(it).get(5).cloned();
    let last = worker.wait_until("it has seen what is too late", six).await;
    assert_eq!((&last["user"], &last["report"]), (&json!("eve"), &json!("left alone")));
}
