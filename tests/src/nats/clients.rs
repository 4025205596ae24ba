//! The example clients in `fixtures/clients`, with lost answers, restarts and kills.

use std::fs;
use std::path::Path;

use async_nats::{Client, Subscriber, jetstream};
use boarding_log::connect::ServerAddress as Address;
use futures_util::{FutureExt as _, StreamExt as _};
use serde_json::{Value, json};

use super::caller::{Caller, HEADER, people};
use super::permissions::{config, server, url};
use super::serve_process::ServeProcess;
use crate::support::clients::{ChildProcess, Clients, Language};
use crate::support::nats::Server;
use crate::support::wait::eventually;

async fn client(server: &Server, user: &str) -> Client {
    Address { url: url(server, user), ..Address::default() }.connect("test").await.unwrap()
}

async fn operator(server: &Server) -> Caller {
    Caller::connect(&url(server, "operator")).await
}

/// Runs a check in all languages at once: each mostly waits for its programs. Each needs its own server.
async fn in_each_language(check: impl AsyncFn(Language)) {
    futures_util::future::join_all(Language::ALL.map(|language| check(language))).await;
}

/// Where a command of this user of acme arrives.
fn command_of(user: &str, name: &str) -> String {
    format!("boarding.by.{user}.v1.acme.command.{name}")
}

/// Subscribes to a subject as the user `engine`.
async fn subscribe(server: &Server, subject: &str) -> (Client, Subscriber) {
    let client = client(server, "engine").await;
    let messages = client.subscribe(subject.to_owned()).await.unwrap();
    client.flush().await.unwrap();
    (client, messages)
}

/// The next message that the program sends.
async fn next(program: &mut ChildProcess, messages: &mut Subscriber) -> async_nats::Message {
    program.wait_until("it sends a message", |_| messages.next().now_or_never().flatten()).await
}

/// The history of acme so far.
async fn history(caller: &Caller) -> Vec<Value> {
    history_up_to(caller, &json!(0)).await
}

/// The history of acme, at this position or later.
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

/// The number of events of a command.
async fn events_of(caller: &Caller, command: &Value) -> usize {
    let rows = history(caller).await;
    rows.iter().filter(|row| row["command"] == *command).count()
}

/// P10: The client repeats a command because the answer is late. The engine gets both and does it once.
#[tokio::test]
async fn command_repeated_after_a_late_answer_is_done_once() {
    let server = server(&config());
    let mut serving = ServeProcess::at(url(&server, "engine"));
    serving.restart(&[]);
    let caller = operator(&server).await;
    for language in Language::ALL {
        let (_client, mut messages) =
            subscribe(&server, &command_of("acme-publisher", "SetCompanyConfig")).await;
        let clients = Clients::of(language, &server);
        let body = json!({"company_name": format!("Acme {language:?}")}).to_string();
        serving.signal("-STOP");
        let words = ["acme", "SetCompanyConfig", &body];
        let mut program = clients.start("acme-publisher", "commands", &words);
        let (first, second) =
            (next(&mut program, &mut messages).await, next(&mut program, &mut messages).await);
        assert_eq!(first.payload, second.payload, "the same command");
        serving.signal("-CONT");
        program.exits_with(0).await;
        assert!(program.stderr().contains("no answer; the same again"), "{}", program.stderr());
        let answer: Value = serde_json::from_str(&program.stdout()).unwrap();
        assert_eq!(answer["outcome"], "accepted", "{answer}");
        let sent: Value = serde_json::from_slice(&first.payload).unwrap();
        assert_eq!(answer["command"], sent["id"]);
        assert_eq!(events_of(&caller, &sent["id"]).await, 1, "{language:?}");
    }
}

/// A subject that the user may not use is an error at once, not a wait for an answer that never comes.
#[tokio::test]
async fn client_ends_at_once_when_nats_refuses_a_subject() {
    let server = server(&config());
    let mut serving = ServeProcess::at(url(&server, "engine"));
    serving.restart(&[]);
    for language in Language::ALL {
        let clients = Clients::of(language, &server);
        fs::write(clients.file("people.csv"), HEADER).unwrap();
        let events = clients.file("events").display().to_string();
        for (user, program, words) in [
            ("acme-worker", "commands", &["acme", "SetCompanyConfig", "{}"][..]),
            ("acme-publisher", "commands", &["globex", "SetCompanyConfig", "{}"]),
            ("acme-auditor", "follow", &["globex", &events]),
            ("acme-worker", "upload", &["acme", "people.csv"]),
            ("acme-publisher", "worker", &["acme", "whatsapp"]),
        ] {
            // The wait for one answer is longer than this test may take.
            let mut command = clients.command(user, program, words);
            command.env("ANSWER_SECONDS", "3600");
            let mut child = ChildProcess::start(command);
            child.exits_with(1).await;
            let errors = child.stderr();
            assert!(errors.contains("not permitted: "), "{language:?} {program}: {errors}");
        }
    }
}

/// P10: The client repeats the command while the engine is overloaded or down. A refusal ends the client.
#[tokio::test]
async fn client_repeats_a_command_until_it_is_accepted_or_refused() {
    for language in Language::ALL {
        let server = server(&config());
        let clients = Clients::of(language, &server);
        let (fake_engine, mut messages) =
            subscribe(&server, &command_of("acme-publisher", "*")).await;
        let valid = ["acme", "SetCompanyConfig", r#"{"company_name":"Acme"}"#];
        let mut program = clients.start("acme-publisher", "commands", &valid);
        let first = next(&mut program, &mut messages).await;
        let answer =
            json!({"outcome": "failed", "code": "overloaded", "message": "busy", "retry": true});
        fake_engine.publish(first.reply.unwrap(), answer.to_string().into()).await.unwrap();
        messages.unsubscribe().await.unwrap();
        let prints = |words: &'static str| {
            move |program: &ChildProcess| program.stderr().contains(words).then_some(())
        };
        program
            .wait_until("the engine is overloaded", prints("overloaded: busy; the same again"))
            .await;
        program.wait_until("no engine is up", prints("no engine is up; the same again")).await;
        let mut serving = ServeProcess::at(url(&server, "engine"));
        serving.restart(&[]);
        program.exits_with(0).await;
        let answer: Value = serde_json::from_str(&program.stdout()).unwrap();
        let sent: Value = serde_json::from_slice(&first.payload).unwrap();
        assert_eq!((&answer["command"], &answer["duplicate"]), (&sent["id"], &json!(false)));
        assert_eq!(events_of(&operator(&server).await, &sent["id"]).await, 1, "{language:?}");

        let id = sent["id"].as_str().unwrap();
        let again = [&valid[..], &[id]].concat();
        let mut program = clients.start("acme-publisher", "commands", &again);
        program.exits_with(0).await;
        assert!(program.stdout().contains(r#""duplicate""#) && program.stdout().contains("true"));
        let other = ["acme", "SetCompanyConfig", r#"{"company_name":"Other"}"#, id];
        let unknown = ["acme", "SetCompanyConfig", r#"{"colour":"red"}"#];
        for (words, code) in
            [(&other[..], "command.duplicate_conflict: "), (&unknown, "config.unknown_setting: ")]
        {
            let mut program = clients.start("acme-publisher", "commands", words);
            program.exits_with(1).await;
            assert!(program.stderr().contains(code), "{}", program.stderr());
            assert!(program.stdout().contains(r#""refused""#), "{}", program.stdout());
        }
        drop(serving);
        let mut command = clients.command("acme-publisher", "commands", &valid);
        command.env("GIVE_UP_SECONDS", "0");
        ChildProcess::start(command).exits_with(4).await;
    }
}

/// The events in the file of a follower, without a last line that is not complete.
fn written(file: &Path) -> Vec<Value> {
    let text = fs::read_to_string(file).unwrap_or_default();
    let complete = text.rfind('\n').map_or("", |end| &text[..end]);
    complete.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Waits until a follower has all events up to this position, and asserts that it has each once and in order.
async fn check_follower(
    follower: &mut ChildProcess,
    caller: &Caller,
    file: &Path,
    position: &Value,
) {
    let expected = history_up_to(caller, position).await;
    let last = expected.last().unwrap()["version"].clone();
    let reached = |_: &ChildProcess| {
        written(file).last().is_some_and(|event| event["version"] == last).then_some(())
    };
    follower.wait_until("it has every event", reached).await;
    assert_eq!(written(file), expected);
}

async fn import(caller: &Caller, text: &str) {
    let files = json!([{"name": "people.csv", "text": text}]);
    let body = json!({"dialect": "leapxpert", "files": files, "add_to_corporate_phones": true});
    let done = caller.command("ImportFile", body).await.accepted();
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

/// After kills, a torn file and repeated delivery, a follower has each event once and in order.
#[tokio::test]
async fn follower_has_every_event_once_after_restarts() {
    in_each_language(async |language| {
        let server = server(&config());
        let mut serving = ServeProcess::at(url(&server, "engine"));
        serving.restart(&[]);
        let caller = operator(&server).await;
        caller.define_company().await;
        let clients = Clients::of(language, &server);
        let file = clients.file("events.jsonl");
        let words = ["acme", file.to_str().unwrap()];
        let start = || clients.start("acme-publisher", "follow", &words);
        // The engine makes the company's consumer when a program asks for it.
        let mut early = start();
        early.wait_until("it has an event", |_| written(&file).first().map(|_| ())).await;
        early.kill();

        // The follower is killed before it has all events.
        import(&caller, &people(40)).await;
        let mut follower = start();
        let has_some = |_: &ChildProcess| (written(&file).len() > 20).then_some(());
        follower.wait_until("it has some events", has_some).await;
        follower.kill();
        assert!(
            written(&file).len() < history(&caller).await.len(),
            "the follower was killed too late"
        );
        let mut torn = fs::read(&file).unwrap();
        torn.extend(b"{\"version\":");
        fs::write(&file, torn).unwrap();
        let mut follower = start();
        check_follower(&mut follower, &caller, &file, &json!(0)).await;
        follower.kill();

        // The engine was killed too. A new consumer delivers all events again, and new ones.
        serving.restart(&[]);
        let jetstream = jetstream::new(caller.client.clone());
        let stream = jetstream.get_stream("BOARDING_EVENTS").await.unwrap();
        stream.delete_consumer("acme").await.unwrap();
        make_consumer(&clients, &caller).await;
        let named = json!({"company_name": "Acme II"});
        let named = caller.command("SetCompanyConfig", named).await.accepted();
        let mut follower = start();
        check_follower(&mut follower, &caller, &file, &named["position"]).await;
        let named = json!({"company_name": "Acme III"});
        let named = caller.command("SetCompanyConfig", named).await.accepted();
        check_follower(&mut follower, &caller, &file, &named["position"]).await;
    })
    .await;
}

/// People, one for each outcome that the gateway of the example worker can give.
const EVERY_OUTCOME: &str = "\
ann,Ann,Doe,ann@acme.example,+84912000001,Fixed Income Desk,
bob,Bob,Doe,linked.bob@acme.example,+84912000002,Fixed Income Desk,
cid,Cid,Doe,gone.cid@acme.example,+84912000003,Fixed Income Desk,
dan,Dan,Doe,busy.dan@acme.example,+84912000004,Fixed Income Desk,
";

/// The work items that a worker printed as done.
fn done(worker: &ChildProcess) -> Vec<Value> {
    worker.stdout().lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

/// All five items of a run with [`EVERY_OUTCOME`], once they are done: one person is tried twice.
fn all_done(worker: &ChildProcess) -> Option<Vec<Value>> {
    let done = done(worker);
    (done.len() == 5).then_some(done)
}

/// An engine that leaves its work to workers, and a company.
async fn with_workers(server: &Server) -> (ServeProcess, Caller) {
    let mut serving = ServeProcess::at(url(server, "engine"));
    serving.restart(&["--workers"]);
    let caller = operator(server).await;
    caller.define_company().await;
    (serving, caller)
}

/// Imports four people who end in every outcome, and starts a run for them. Returns its id.
async fn start_run(caller: &Caller) -> Value {
    import(caller, &(HEADER.to_owned() + EVERY_OUTCOME)).await;
    let run = json!({"source": {"import": "latest"}, "channel": "whatsapp", "mode": "confirmed", "expected_recipients": 4});
    caller.command("StartBulkIntegration", run).await.accepted()["result"]["run"].clone()
}

/// LX-24, P10: The engine is down when the worker reports first. The worker repeats its
/// reports, and the run completes with exact counts.
#[tokio::test]
async fn worker_repeats_its_reports_until_they_are_accepted() {
    in_each_language(async |language| {
        let server = server(&config());
        let (mut serving, caller) = with_workers(&server).await;
        caller.command("SetCompanyConfig", json!({"retry_backoff_seconds": 1})).await.accepted();
        let run = start_run(&caller).await;
        let engine = client(&server, "engine").await;
        wait_for_work(&engine, 4).await;
        serving.kill();

        let (subscriber, mut messages) = subscribe(&server, &command_of("acme-worker", "*")).await;
        let clients = Clients::of(language, &server);
        let mut worker = clients.start("acme-worker", "worker", &["acme", "whatsapp"]);
        let (first, second) =
            (next(&mut worker, &mut messages).await, next(&mut worker, &mut messages).await);
        assert_eq!((&first.payload, &first.subject), (&second.payload, &second.subject));
        serving.restart(&["--workers"]);
        drop(subscriber);
        for item in worker.wait_until("it has done all work", all_done).await {
            assert_eq!(item["answer"]["outcome"], "accepted", "{item}");
            assert!(events_of(&caller, &item["answer"]["command"]).await >= 1, "{item}");
        }
        let row = eventually("the run is completed", async || {
            let row = caller.query("run", json!({"run": run})).await.value["row"].clone();
            (row["state"] == "completed").then_some(row)
        })
        .await;
        let counts = ["total", "passed", "skipped", "failed", "remaining"].map(|name| &row[name]);
        assert_eq!(counts, [4, 2, 1, 1, 0], "{language:?}: {row}");
        let events = history(&caller).await;
        let count_of = |name: &str| events.iter().filter(|row| row["event"] == name).count();
        assert_eq!(
            ["InviteSent", "UserSkipped", "InviteFailed", "InviteDeferred"].map(count_of),
            [2, 1, 1, 1]
        );
        check_expired_work_is_skipped(&engine, &mut worker).await;
        worker.terminate();
        worker.exits_with(0).await;
    })
    .await;
}

/// The worker's actor was granted nothing. Its work is the proof, so its reports are accepted.
#[tokio::test]
async fn worker_reports_in_a_company_with_permissions() {
    for language in Language::ALL {
        let server = server(&config());
        let (_serving, caller) = with_workers(&server).await;
        let all = ["administer", "bulk_import_users", "bulk_integrate_users", "view_org_units"];
        let granted = json!({"actor": "admin", "permissions": all});
        caller.command("GrantPermissions", granted).await.accepted();
        for (user, actor) in [("operator", "admin"), ("acme-worker", "worker")] {
            let bound = json!({"nats_user": user, "actors": [actor]});
            caller.command("BindNatsUser", bound).await.accepted();
        }
        let required = json!({"require_bound_users": true, "retry_backoff_seconds": 1});
        caller.command("SetCompanyConfig", required).await.accepted();
        start_run(&caller).await;
        let clients = Clients::of(language, &server);
        let mut worker = clients.start("acme-worker", "worker", &["acme", "whatsapp"]);
        for item in worker.wait_until("it has done all work", all_done).await {
            assert_eq!(item["answer"]["outcome"], "accepted", "{language:?}: {item}");
        }
        let reports = history(&caller).await;
        let reports: Vec<_> = reports.iter().filter(|event| event["actor"] == "worker").collect();
        assert!(reports.len() >= 4, "{reports:?}");
        assert!(reports.iter().all(|event| event["authenticated"] == "acme-worker"));
        worker.terminate();
    }
}

/// Waits until this many work items are in the queue.
async fn wait_for_work(engine: &Client, count: u64) {
    let context = jetstream::new(engine.clone());
    eventually("the work is queued", async || {
        let stream = context.get_stream("BOARDING_WORK").await.ok()?;
        let info = stream.consumer_info("acme_whatsapp").await.ok()?;
        (info.num_pending == count).then_some(())
    })
    .await;
}

/// Asserts that the worker skips a work item whose deadline has passed.
async fn check_expired_work_is_skipped(engine: &Client, worker: &mut ChildProcess) {
    let late = json!({
        "company": "acme", "user": "eve", "attempt": 1, "fence": 1, "run": "01JD0000000000000000000000",
        "to": {"address": "eve@acme.example", "name": "Eve"}, "deadline": "2020-01-01T00:00:00.000Z",
    });
    let context = jetstream::new(engine.clone());
    let published = context.publish("boarding.v1.acme.work.whatsapp", late.to_string().into());
    published.await.unwrap().await.unwrap();
    let sixth = |program: &ChildProcess| done(program).get(5).cloned();
    let last = worker.wait_until("it has skipped the expired work", sixth).await;
    assert_eq!((&last["user"], &last["report"]), (&json!("eve"), &json!("left alone")));
}
