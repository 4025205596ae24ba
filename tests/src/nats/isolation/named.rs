//! The attacks that one account for all users let through, each by its name: with the accounts of `nats.conf` none
//! arrives, with the earlier file each does.

use std::collections::BTreeSet;

use async_nats::jetstream::context::Context;
use async_nats::{Client, HeaderMap};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE;
use futures_util::StreamExt as _;
use serde_json::{Value, json};

use super::super::caller::{ANSWER_TIMEOUT, people};
use super::super::permissions::Site;
use super::{client, engine_with, jetstream, two_companies, with_spies};
use crate::support::paths::fixture;
use crate::support::wait::eventually;

/// A call whose answer the server or the engine would send to the subject that the attacker names as its reply.
struct ReplyAttack {
    name: &'static str,
    user: &'static str,
    call: &'static str,
    payload: &'static str,
    target: &'static str,
}

const NEXT: &str = "$JS.API.CONSUMER.MSG.NEXT.BOARDING_EVENTS.acme";
const BUCKET_INFO: &str = "$JS.API.STREAM.INFO.OBJ_BOARDING_FILES";

/// An attack of the company's publisher.
const fn of_publisher(
    name: &'static str,
    call: &'static str,
    payload: &'static str,
    target: &'static str,
) -> ReplyAttack {
    ReplyAttack { name, user: "acme-publisher", call, payload, target }
}

const REPLY_ATTACKS: [ReplyAttack; 9] = [
    of_publisher(
        "a stored message becomes a command of another company",
        NEXT,
        "1",
        "boarding.v1.globex.command.GrantPermissions",
    ),
    of_publisher("a stored message becomes an event", NEXT, "1", "boarding.v1.globex.event.Forged"),
    ReplyAttack {
        name: "a stored message becomes work of another company",
        user: "auditor",
        call: "$JS.API.CONSUMER.MSG.NEXT.BOARDING_EVENTS._auditor",
        payload: "1",
        target: "boarding.v1.globex.work.forged",
    },
    of_publisher("an answer goes into the log", BUCKET_INFO, "", "boarding.log.v1.globex"),
    of_publisher(
        "an acknowledgement goes into the log",
        "$O.BOARDING_FILES.C.forged",
        "x",
        "boarding.log.v1.globex",
    ),
    ReplyAttack {
        name: "an answer of the engine goes into the log",
        user: "auditor",
        call: "$SRV.PING.boarding",
        payload: "",
        target: "boarding.log.v1.globex",
    },
    of_publisher(
        "an answer replaces the link secret",
        BUCKET_INFO,
        "",
        "$KV.BOARDING_SECRETS.links",
    ),
    of_publisher("an answer replaces a lease", BUCKET_INFO, "", "$KV.BOARDING_OWNERS.globex"),
    of_publisher(
        "an answer goes into the queue",
        BUCKET_INFO,
        "",
        "boarding.v1.globex.queue.AddUser",
    ),
];

/// The attacks on the files of another company.
const FILE_ATTACKS: [&str; 3] =
    ["files are listed", "the entry of a file is read", "a roll-up removes a file"];

/// A file of the company that is attacked.
const FILE: &str = "globex/people.csv";

fn entry_subject() -> String {
    format!("$O.BOARDING_FILES.M.{}", URL_SAFE.encode(FILE))
}

/// Runs each attack. Returns the names of those that reach something of another company.
async fn arrived(
    site: &Site,
    spies: &[String],
    owner: &str,
    options: &[&str],
) -> BTreeSet<&'static str> {
    let mut serving = engine_with(site, options).await;
    let context = jetstream::new(client(site, owner).await);
    let bucket = eventually("the bucket exists", async || {
        context.get_object_store("BOARDING_FILES").await.ok()
    })
    .await;
    bucket.put(FILE, &mut people(1).as_bytes()).await.unwrap();
    let mut arrived = BTreeSet::new();
    for attack in &REPLY_ATTACKS {
        if reply_arrives(site, spies, attack).await {
            arrived.insert(attack.name);
        }
    }
    arrived.extend(file_attacks(site, &context).await);
    serving.stop().await;
    arrived
}

async fn reply_arrives(site: &Site, spies: &[String], attack: &ReplyAttack) -> bool {
    let mut seen = Vec::new();
    for spy in spies.iter().filter(|spy| !spy.ends_with(attack.user)) {
        let spy = client(site, spy).await;
        let messages = spy.subscribe(attack.target).await.unwrap();
        spy.flush().await.unwrap();
        seen.push((spy, messages));
    }
    let attacker = client(site, attack.user).await;
    let (call, payload) = (attack.call, attack.payload);
    attacker.publish_with_reply(call, attack.target, payload.into()).await.unwrap();
    // The same call with the inbox of the attacker is answered, so the attack before it was answered too.
    answered(&attacker, call, payload).await;
    for (spy, mut messages) in seen {
        // A message of the spy's own comes after all that the server has sent to it before.
        let mark = spy.new_inbox();
        let mut marks = spy.subscribe(mark.clone()).await.unwrap();
        spy.publish(mark, "".into()).await.unwrap();
        marks.next().await.unwrap();
        if futures_util::FutureExt::now_or_never(messages.next()).flatten().is_some() {
            return true;
        }
    }
    false
}

/// Waits until the call is answered. An acknowledgement and a delivery are answers too.
async fn answered(attacker: &Client, call: &'static str, payload: &'static str) {
    let inbox = attacker.new_inbox();
    let mut answers = attacker.subscribe(inbox.clone()).await.unwrap();
    attacker.publish_with_reply(call, inbox, payload.into()).await.unwrap();
    let answer = tokio::time::timeout(ANSWER_TIMEOUT, answers.next()).await;
    assert!(answer.is_ok(), "{call}: no answer");
}

async fn file_attacks(site: &Site, owner: &Context) -> BTreeSet<&'static str> {
    let mut arrived = BTreeSet::new();
    let attacker = client(site, "acme-publisher").await;
    let filter = json!({"subjects_filter": ">"}).to_string();
    let answer = attacker.request(BUCKET_INFO, filter.into()).await.unwrap();
    let answer: Value = serde_json::from_slice(&answer.payload).unwrap();
    if answer["state"]["subjects"].get(entry_subject()).is_some() {
        arrived.insert(FILE_ATTACKS[0]);
    }
    let read = format!("$JS.API.DIRECT.GET.OBJ_BOARDING_FILES.{}", entry_subject());
    if let Ok(entry) = attacker.request(read, "".into()).await
        && entry.status.is_none()
    {
        arrived.insert(FILE_ATTACKS[1]);
    }
    let mut headers = HeaderMap::new();
    headers.insert("Nats-Rollup", "sub");
    let sent = attacker.request_with_headers(entry_subject(), headers, "".into()).await;
    sent.unwrap();
    let bucket = owner.get_object_store("BOARDING_FILES").await.unwrap();
    if bucket.info(FILE).await.is_err() {
        arrived.insert(FILE_ATTACKS[2]);
    }
    arrived
}

#[tokio::test]
async fn no_named_attack_arrives_with_accounts() {
    let (config, accounts) = with_spies(&two_companies());
    let spies: Vec<String> = accounts.iter().map(|account| format!("spy-{account}")).collect();
    let site = Site::with_passwords(&config);
    assert_eq!(arrived(&site, &spies, "globex-publisher", &[]).await, BTreeSet::new());
}

/// The file of before lets each attack through, so the attacks can be seen.
#[tokio::test]
async fn each_named_attack_arrives_in_one_account() {
    let config = std::fs::read_to_string(fixture("nats/one_account.conf")).unwrap();
    let site = Site::with_passwords(&config);
    let all: BTreeSet<&str> =
        REPLY_ATTACKS.iter().map(|attack| attack.name).chain(FILE_ATTACKS).collect();
    let spies = ["engine".to_owned()];
    assert_eq!(arrived(&site, &spies, "engine", &["--accept-shared-account"]).await, all);
}
