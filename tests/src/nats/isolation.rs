//! Attacks on `nats.conf`: no user reaches what another account may see, by no call, reply subject or header.

mod named;

use std::collections::BTreeSet;

use async_nats::jetstream::{self, consumer::pull};
use async_nats::{Client, HeaderMap, StatusCode, Subscriber};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE;
use boarding_nats::server_config::nats_conf;
use futures_util::StreamExt as _;
use serde_json::{Value, json};

use super::caller::{ANSWER_TIMEOUT, Caller, HEADER, people};
use super::permissions::{ONE_ACCOUNT, Site, config, lines, url};
use super::serve_process::ServeProcess;
use crate::support::clients::{Clients, Language};
use crate::support::nats::Server;
use crate::support::wait::eventually;

/// The users that attack: those of no company, and those of each.
const USERS: [&str; 8] = [
    "operator",
    "auditor",
    "acme-publisher",
    "acme-auditor",
    "acme-worker",
    "globex-publisher",
    "globex-auditor",
    "globex-worker",
];

/// The subjects of others, each with a name that is used nowhere else. `OTHER` is a company that is not
/// the user's, `MINE` is the user's.
const TARGETS: [&str; 31] = [
    "boarding.v1.MINE.command.Stolen",
    "boarding.v1.MINE.queue.Stolen",
    "boarding.v1.MINE.query.stolen",
    "boarding.v1.OTHER.command.Stolen",
    "boarding.v1.OTHER.queue.Stolen",
    "boarding.v1.OTHER.query.stolen",
    "boarding.v1.OTHER.event.Stolen",
    "boarding.v1.OTHER.work.stolen",
    "boarding.by.other.v1.OTHER.command.Stolen",
    "boarding.by.other.v1.OTHER.queue.Stolen",
    "boarding.by.other.v1._.api.STREAM.INFO.stolen",
    "boarding.answer.OTHER-publisher._INBOX.OTHER-publisher.stolen",
    "boarding.log.v1.stolen",
    "boarding.handed.v1.OTHER.stolen.1",
    "boarding.refused.v1.stolen",
    "boarding.engine.stolen.command",
    "$KV.BOARDING_OWNERS.stolen",
    "$KV.BOARDING_ENGINES.stolen",
    "$KV.BOARDING_SECRETS.stolen",
    "$O.BOARDING_KEPT.C.stolen",
    "$O.BOARDING_KEPT.M.stolen",
    "$O.BOARDING_FILES_OTHER.C.stolen",
    "$O.BOARDING_FILES_OTHER.M.stolen",
    "$JS.API.STREAM.PURGE.stolen",
    "$JS.API.STREAM.DELETE.stolen",
    "$JS.API.CONSUMER.CREATE.stolen",
    "$JS.API.STREAM.MSG.GET.stolen",
    "$JS.ACK.stolen.stolen.1.1.1.1.1",
    "_INBOX.engine.stolen",
    "_INBOX.OTHER-publisher.stolen",
    "$SRV.PING.stolen",
];

/// The headers by which a client could name a subject.
const HEADERS: [&str; 5] = [
    "Boarding-Reply-To",
    "Boarding-Subject",
    "Nats-Trace-Dest",
    "Nats-Schedule-Target",
    "Reply-To",
];

/// The calls of a user that are answered, with a payload. The company is the user's own. `TARGET` is the attacked
/// subject.
fn calls(user: &str) -> Vec<(String, String)> {
    let (company, role) = user.split_once('-').unwrap_or(("acme", user));
    let next = json!({"batch": 1, "no_wait": true}).to_string();
    let mut calls = Vec::new();
    let mut call = |subject: &str, payload: &str| {
        calls.push((subject.replace("COMPANY", company), payload.to_owned()));
    };
    let consumer = |call: &mut dyn FnMut(&str, &str), stream: &str, name: &str| {
        call(&format!("$JS.API.CONSUMER.INFO.{stream}.{name}"), "");
        call(&format!("$JS.API.CONSUMER.MSG.NEXT.{stream}.{name}"), &next);
        call(&format!("$JS.ACK.{stream}.{name}.1.1.1.1.1"), "+NXT");
    };
    match role {
        "operator" | "publisher" => {
            for kind in ["command", "queue"] {
                call(&format!("boarding.v1.COMPANY.{kind}.SetCompanyConfig"), "{}");
            }
            call("boarding.v1.COMPANY.query.runs", "{}");
            call("$O.BOARDING_FILES.C.own", "own");
            call("$O.BOARDING_FILES.M.own", "{}");
            call("$JS.API.INFO", "");
            for verb in ["INFO", "CREATE", "PURGE"] {
                call(&format!("$JS.API.STREAM.{verb}.OBJ_BOARDING_FILES"), "{}");
            }
            call(
                "$JS.API.STREAM.MSG.GET.OBJ_BOARDING_FILES",
                r#"{"last_by_subj":"$O.BOARDING_FILES.M.own"}"#,
            );
            call("$JS.API.DIRECT.GET.OBJ_BOARDING_FILES.$O.BOARDING_FILES.M.own", "");
            consumer(&mut call, "BOARDING_EVENTS", "COMPANY");
        }
        "worker" => {
            for name in ["InviteSent", "UserSkipped", "InviteFailed", "RecordDelivery"] {
                call(&format!("boarding.v1.COMPANY.command.{name}"), "{}");
                call(&format!("boarding.v1.COMPANY.queue.{name}"), "{}");
            }
            consumer(&mut call, "BOARDING_WORK", "COMPANY_whatsapp");
        }
        _ => {
            call("boarding.v1.COMPANY.query.runs", "{}");
            consumer(
                &mut call,
                "BOARDING_EVENTS",
                if user == role { "_auditor" } else { "COMPANY_auditor" },
            );
        }
    }
    if user == role {
        for verb in ["PING", "INFO", "STATS"] {
            call(&format!("$SRV.{verb}.boarding"), "");
        }
    }
    if user == "operator" {
        let config = json!({"durable_name": "own", "deliver_subject": "TARGET"});
        let wanted = json!({"stream_name": "BOARDING_EVENTS", "config": config}).to_string();
        call("$JS.API.CONSUMER.CREATE.BOARDING_EVENTS.own", &wanted);
        call("$JS.API.CONSUMER.LIST.BOARDING_EVENTS", "");
    }
    calls
}

/// Whether the configuration lets the user send to the target.
fn is_own_right(user: &str, target: &str) -> bool {
    let (company, role) = user.split_once('-').unwrap_or(("", user));
    let kinds: &[&str] = match role {
        "operator" | "publisher" => &[".command.", ".queue.", ".query."],
        "auditor" => &[".query."],
        _ => &[],
    };
    let asks = target.starts_with(&format!("boarding.v1.{company}"))
        && kinds.iter().any(|kind| target.contains(kind));
    asks || (target.starts_with("$SRV.") && matches!(user, "operator" | "auditor"))
}

/// Adds a user to each account that sees all its messages.
fn with_spies(config: &str) -> (String, Vec<String>) {
    let (mut text, mut account, mut accounts) = (String::new(), "", Vec::new());
    for line in config.lines() {
        text.push_str(line);
        text.push('\n');
        if let Some(name) = line.strip_prefix("  ").and_then(|line| line.strip_suffix(" {"))
            && !name.starts_with([' ', '#'])
        {
            account = name;
        }
        if line == "    users: [" {
            text.push_str(&format!("      {{user: spy-{account}, password: spy-{account}}}\n"));
            accounts.push(account.to_owned());
        }
    }
    (text, accounts)
}

struct Spy {
    account: String,
    client: Client,
    seen: Subscriber,
}

impl Spy {
    async fn start(site: &Site, account: &str) -> Self {
        let client = client(site, &format!("spy-{account}")).await;
        let seen = client.subscribe(">").await.unwrap();
        let mut spy = Self { account: account.to_owned(), client, seen };
        spy.stolen().await;
        spy
    }

    /// The subjects of the others' messages that have come since the last call.
    async fn stolen(&mut self) -> Vec<String> {
        // The spy sees its own message after everything that the server has sent to it before.
        let mark = format!("seen.{}", self.client.new_inbox());
        self.client.publish(mark.clone(), "".into()).await.unwrap();
        let mut subjects = Vec::new();
        loop {
            let subject = self.seen.next().await.unwrap().subject.to_string();
            if subject == mark {
                return subjects;
            }
            if subject.to_ascii_lowercase().contains("stolen") {
                subjects.push(subject);
            }
        }
    }
}

async fn client(site: &Site, user: &str) -> Client {
    site.address(user).connect("test").await.unwrap()
}

fn two_companies() -> String {
    nats_conf(&["acme", "globex"].map(|name| name.parse().unwrap()))
}

async fn engine(site: &Site) -> ServeProcess {
    match site.credentials("engine") {
        Some(file) => engine_with(site, &["--nats-credentials", &file.display().to_string()]).await,
        None => engine_with(site, &[]).await,
    }
}

/// An engine with both companies, so that each call has something to answer with.
async fn engine_with(site: &Site, options: &[&str]) -> ServeProcess {
    let mut serving = ServeProcess::at(site.address("engine").url);
    serving.restart(options);
    for company in ["acme", "globex"] {
        let caller = Caller::at(&site.address("operator")).await.for_company(company);
        caller.define_company().await;
        let files = json!([{"name": "people.csv", "text": people(100)}]);
        caller
            .command("ImportFile", json!({"dialect": "leapxpert", "files": files}))
            .await
            .accepted();
    }
    // Consumers that deliver many events before one is acknowledged, so that each fetch is answered.
    let context = jetstream::new(client(site, "operator").await);
    let stream =
        eventually("there are events", async || context.get_stream("BOARDING_EVENTS").await.ok())
            .await;
    for name in ["acme", "acme_auditor", "globex", "globex_auditor", "_auditor"] {
        let company = name.trim_end_matches("_auditor");
        let company = if company.is_empty() { "*" } else { company };
        let config = pull::Config {
            durable_name: Some(name.to_owned()),
            filter_subject: format!("boarding.v1.{company}.event.*"),
            ..pull::Config::default()
        };
        stream.create_consumer(config).await.unwrap();
    }
    serving
}

/// Adds what the spies have seen of attackers of other accounts. What an attacker sends within its own account harms no
/// other. Returns the accounts whose spies have seen their own attacker.
async fn collect(spies: &mut [Spy], leaks: &mut BTreeSet<String>) -> BTreeSet<String> {
    let mut seen = BTreeSet::new();
    for spy in spies {
        let own = format!("stolen-by-{}", spy.account);
        for subject in spy.stolen().await {
            if subject.contains(&own) {
                seen.insert(spy.account.clone());
            } else {
                leaks.insert(format!("{}: {subject}", spy.account));
            }
        }
    }
    seen
}

/// Each user tries each of its calls with each subject of others as reply and in headers, and publishes to it.
#[tokio::test]
async fn nothing_reaches_another_account_by_reply_or_header() {
    // The messages need not survive a power failure. Without the syncs the test takes a third of the time.
    let config = two_companies().replace("sync_interval: always", "");
    let (config, accounts) = with_spies(&config);
    attack(&Site::with_passwords(&config), &accounts).await;
}

/// The same attack on a server in operator mode.
#[tokio::test]
async fn nothing_reaches_another_account_in_operator_mode() {
    let (config, accounts) = with_spies(&two_companies());
    attack(&Site::in_operator_mode(&config), &accounts).await;
}

async fn attack(site: &Site, accounts: &[String]) {
    let mut serving = engine(site).await;
    let mut spies = Vec::new();
    for account in accounts {
        spies.push(Spy::start(site, account).await);
    }
    let (mut cells, mut leaks) = (0, BTreeSet::new());
    for user in USERS {
        let attacker = client(site, user).await;
        let other = if user.starts_with("globex") { "acme" } else { "globex" };
        let own = user.split_once('-').map_or("acme", |(company, _)| company);
        // The subject names the attacker, so a late answer is known as the attacker's.
        let stolen = format!("stolen-by-{user}");
        let targets = TARGETS.map(|target| target.replace("OTHER", other).replace("MINE", own));
        let targets =
            targets.map(|target| target.replace("Stolen", "stolen").replace("stolen", &stolen));
        for target in targets.iter().filter(|target| !is_own_right(user, target)) {
            attacker.publish(target.clone(), "{}".into()).await.unwrap();
            for (call, payload) in calls(user) {
                let payload = payload.replace("TARGET", target).into_bytes();
                let reply = target.clone();
                attacker
                    .publish_with_reply(call.clone(), reply, payload.clone().into())
                    .await
                    .unwrap();
                let mut headers = HeaderMap::new();
                HEADERS.iter().for_each(|name| headers.insert(*name, target.as_str()));
                let inbox = attacker.new_inbox();
                attacker
                    .publish_with_reply_and_headers(call, inbox, headers, payload.into())
                    .await
                    .unwrap();
                cells += 2;
            }
        }
        // Each call is answered, so the attacks before it were answered too.
        for (call, payload) in calls(user) {
            if call.starts_with("$JS.ACK.") || call.contains("_whatsapp") {
                continue;
            }
            let inbox = attacker.new_inbox();
            let mut answers = attacker.subscribe(inbox.clone()).await.unwrap();
            // A server that has too much to do drops messages, so the call is repeated.
            let asking = async {
                loop {
                    let (call, inbox) = (call.clone(), inbox.clone());
                    let payload = payload.clone().into();
                    attacker.publish_with_reply(call, inbox, payload).await.unwrap();
                    let again = tokio::time::timeout(ANSWER_TIMEOUT / 10, answers.next());
                    if let Ok(answer) = again.await {
                        return answer.unwrap();
                    }
                }
            };
            let answer = tokio::time::timeout(ANSWER_TIMEOUT, asking).await;
            let answer = answer.unwrap_or_else(|_| panic!("{user} {call}: no answer"));
            assert_ne!(answer.status, Some(StatusCode::NO_RESPONDERS), "{user} {call}");
        }
        let seen = collect(&mut spies, &mut leaks).await;
        assert!(seen.contains(user), "{user}: the spy of its account has seen nothing");
    }
    // The engine answers what it has accepted before it stops.
    serving.stop().await;
    collect(&mut spies, &mut leaks).await;
    assert!(leaks.is_empty(), "{} leaks:\n{leaks:#?}", leaks.len());
    assert!(cells >= 3_000, "{cells}");
}

/// The bytes of a file that is too large for a command: an invited person, and a comment of 5 MiB.
fn large_file(user: &str) -> String {
    let row = format!("{user},Ann,Doe,{user}@acme.example,,Fixed Income Desk,");
    format!("{HEADER}{row}\n") + &format!(",,,,,,{}\n", " ".repeat(1023)).repeat(5 * 1024)
}

/// A company's user uploads 5 MiB with the usual calls of each client library, and imports the file. Users of
/// another company cannot see, replace or remove it.
#[tokio::test]
async fn company_imports_a_file_that_only_its_users_reach() {
    let site = Site::with_passwords(&two_companies());
    let _serving = engine(&site).await;
    let publisher = Caller::at(&site.address("acme-publisher")).await;
    let body = |object: &Value| {
        let files = json!([{"name": "people.csv", "object": object}]);
        json!({"dialect": "leapxpert", "files": files, "existing": "update"})
    };
    for (language, user) in Language::ALL.into_iter().zip(["una", "duo"]) {
        let clients = Clients::of(language, &site.server);
        std::fs::write(clients.file("people.csv"), large_file(user)).unwrap();
        let file = clients.file("people.csv").display().to_string();
        // The second time it replaces the first.
        for _ in 0..2 {
            let mut upload = clients.start("acme-publisher", "upload", &["acme", &file, user]);
            upload.exits_with(0).await;
            let object: Value = serde_json::from_str(&upload.stdout()).unwrap();
            assert_eq!(object["name"], format!("acme/{user}"));
            publisher.command("ImportFile", body(&object)).await.accepted();
        }
        eventually("the person is there", async || {
            let row = publisher.query("user", json!({"user": user, "actor": "hr"})).await.value;
            (row["row"]["user"] == user).then_some(())
        })
        .await;
        // The same name in the other company is another file, or none.
        let other = Caller::at(&site.address("globex-publisher")).await.for_company("globex");
        let object = json!({"bucket": "BOARDING_FILES", "name": format!("acme/{user}")});
        other.command("ImportFile", body(&object)).await.error("envelope.malformed", 400);
        let context = jetstream::new(other.client.clone());
        let bucket = context.get_object_store("BOARDING_FILES").await.unwrap();
        let found = bucket.info(format!("acme/{user}")).await;
        assert!(found.is_err(), "{found:?}");
        // A roll-up removes what its stream had under the subject, or all of it.
        for (rollup, subject) in
            [("all", "$O.BOARDING_FILES.M.x"), ("sub", "$O.BOARDING_FILES.C.x")]
        {
            let mut headers = HeaderMap::new();
            headers.insert("Nats-Rollup", rollup);
            other.client.publish_with_headers(subject, headers, "".into()).await.unwrap();
        }
        other.client.flush().await.unwrap();
        publisher.command("ImportFile", body(&object)).await.accepted();
        // A deleted file leaves no bytes.
        let context = jetstream::new(publisher.client.clone());
        let bucket = context.get_object_store("BOARDING_FILES").await.unwrap();
        bucket.delete(format!("acme/{user}")).await.unwrap();
        let mut stream = context.get_stream("OBJ_BOARDING_FILES").await.unwrap();
        let bytes = stream.info().await.unwrap().state.bytes;
        assert!(bytes < 64 * 1024, "{language:?}: {bytes}");
    }
}

/// An object that is a link to itself is refused at once. It would be followed without end.
#[tokio::test]
async fn object_that_links_to_itself_is_refused() {
    let site = Site::with_passwords(&two_companies());
    let _serving = engine(&site).await;
    let publisher = Caller::at(&site.address("acme-publisher")).await;
    let context = jetstream::new(publisher.client.clone());
    context.get_object_store("BOARDING_FILES").await.unwrap();
    let link = json!({"bucket": "BOARDING_FILES_acme", "name": "acme/x"});
    let entry = json!({
        "name": "acme/x", "bucket": "BOARDING_FILES", "nuid": "x", "size": 0, "chunks": 0, "mtime": "2026-11-29T08:00:00Z",
        "digest": "", "options": {"link": link},
    });
    let subject = format!("$O.BOARDING_FILES.M.{}", URL_SAFE.encode("acme/x"));
    let stored = context.publish(subject, entry.to_string().into()).await.unwrap();
    stored.await.unwrap();
    let object = json!({"bucket": "BOARDING_FILES", "name": "acme/x"});
    let body = json!({"dialect": "leapxpert", "files": [{"name": "people.csv", "object": object}]});
    publisher.command("ImportFile", body).await.error("import.object_not_found", 400);
}

/// An installation without accounts moves with all its streams: by another name of one folder.
#[tokio::test]
async fn installation_without_accounts_moves_with_its_streams() {
    let mut server = Server::with(ONE_ACCOUNT);
    let mut serving = ServeProcess::at(url(&server, "engine"));
    let monitor = server.monitor_url();
    let options = ["--log", "jetstream", "--nats-monitor", &monitor];
    let refused = serving.command(&options).output().unwrap();
    assert_eq!(refused.status.code(), Some(4), "{}", serving.log());
    let log = serving.log();
    assert!(log.contains("share one account") && log.contains("boarding nats-config"), "{log}");
    let accepting = [&options[..], &["--accept-shared-account"]].concat();
    serving.restart(&accepting);
    let caller = Caller::connect(&url(&server, "operator")).await;
    caller.define_company().await;
    let named = caller.command("SetCompanyConfig", json!({"company_name": "A"})).await.accepted();
    let history = async |caller: &Caller| {
        let params = json!({"actor": "admin", "limit": 500});
        caller.rows("history", params, &named["position"]).await
    };
    let before = history(&caller).await;
    serving.stop().await;
    server.kill();

    let streams = server.store().join("jetstream");
    std::fs::rename(streams.join("$G"), streams.join("BOARDING")).unwrap();
    server.configure(&lines(&two_companies()));
    serving.restart(&options);
    let caller = Caller::connect(&url(&server, "operator")).await;
    assert_eq!(history(&caller).await, before);
    let named =
        caller.command("SetCompanyConfig", json!({"company_name": "Acme"})).await.accepted();
    assert_eq!(named["version"], before.len() + 1);
    // The queue of before takes commands of users with accounts, and answers them.
    let publisher = Caller::connect(&url(&server, "acme-publisher")).await;
    let envelope = publisher.envelope(&json!({"company_name": "B"}));
    publisher.queue("SetCompanyConfig", &envelope).await.accepted();
}

/// The shipped file is what the program writes for one company.
#[test]
fn shipped_configuration_is_the_generated_one() {
    assert_eq!(config(), nats_conf(&["acme".parse().unwrap()]));
}
