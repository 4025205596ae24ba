//! The log in JetStream, on one server and on a cluster of three.

mod damage;
mod faults;
mod unsafe_servers;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use boarding_log::contract::{Backend, drain, sample};
use boarding_log::jetstream::{JetStreamLog, OpenError, Options};
use boarding_log::{AppendError, Encoded, Entry, EventLog, Head};

use super::permissions::{config, server};
use crate::support::nats::{Cluster, Server};

fn options(url: &str) -> Options {
    let server = boarding_log::connect::ServerAddress { url: url.to_owned(), ..Default::default() };
    Options::new(server)
}

/// Options with the monitoring address of the server.
fn options_of(server: &Server) -> Options {
    Options { monitors: vec![server.monitor_url()], ..options(&server.url()) }
}

fn open(options: Options) -> Result<JetStreamLog, OpenError> {
    JetStreamLog::open(options)
}

/// Asserts that the commits of each company form a chain that ends at the log's head. Returns all entries.
fn check_chains(log: &dyn EventLog) -> Vec<Entry> {
    let mut heads = std::collections::BTreeMap::new();
    let entries = drain(&mut *log.read_all(1));
    for entry in &entries {
        let commit = &entry.recorded.commit;
        let head: &mut Head = heads.entry(commit.company.clone()).or_default();
        assert_eq!((commit.first_version, commit.previous), (head.version + 1, head.hash));
        *head = Head { version: commit.last_version(), hash: entry.recorded.hash };
    }
    for (company, head) in heads {
        assert_eq!(log.head(&company), head, "{company}");
    }
    entries
}

/// A log on one server.
struct OneServer(Server);

impl Backend for OneServer {
    async fn open(&self) -> Arc<dyn EventLog> {
        Arc::new(open(options_of(&self.0)).unwrap())
    }
}

mod on_one_server {
    use super::*;
    boarding_log::event_log_contract!(OneServer(Server::start()));
}

/// A log on a cluster, in a stream that no other test part uses.
struct ThreeServers<'a> {
    cluster: &'a Cluster,
    stream: String,
}

impl<'a> ThreeServers<'a> {
    fn new(cluster: &'a Cluster, number: &AtomicU32) -> Self {
        let number = number.fetch_add(1, Ordering::Relaxed);
        Self { cluster, stream: format!("LOG{number}") }
    }
}

fn options_of_all(cluster: &Cluster) -> Options {
    let monitors = cluster.servers.iter().map(Server::monitor_url).collect();
    Options { monitors, ..options(&cluster.url()) }
}

impl Backend for ThreeServers<'_> {
    async fn open(&self) -> Arc<dyn EventLog> {
        let subjects = format!("log.{}", self.stream);
        let stream = self.stream.clone();
        Arc::new(open(Options { stream, subjects, ..options_of_all(self.cluster) }).unwrap())
    }
}

#[tokio::test]
async fn log_on_three_servers_passes_the_contract_tests() {
    let (cluster, number) = (Cluster::start(), AtomicU32::new(1));
    boarding_log::event_log_contract!(run ThreeServers::new(&cluster, &number));
    assert!(number.load(Ordering::Relaxed) > 20, "parts of the contract test share a stream");
}

/// Of two concurrent appends one gets a conflict, and that log then has the other's commit.
#[tokio::test]
async fn losing_writer_gets_a_conflict_and_the_winning_commit() {
    let server = Server::start();
    let (one, two) = (open(options_of(&server)).unwrap(), open(options_of(&server)).unwrap());
    let acme = sample::company("acme");
    for _ in 0..20 {
        let commit = sample::next(&one, &acme, 1);
        let stale = sample::next(&two, &acme, 2);
        let won = one.append(vec![commit.clone()]).await.unwrap()[0];
        match two.append(vec![stale]).await {
            Err(AppendError::Conflict { actual, .. }) => assert_eq!(actual, two.head(&acme)),
            other => panic!("{other:?}"),
        }
        assert_eq!(two.head(&acme), Head { version: won.last_version, hash: won.hash });
        let found = two.find_command(&acme, commit.commit().command).unwrap().unwrap();
        assert_eq!(found.location, won.location);
        let other = two.append(vec![sample::next(&two, &acme, 3)]).await.unwrap()[0];
        // This log may not have received the commit yet. The append gets a conflict then.
        let stale = sample::commit(&acme, won.last_version + 1, won.hash, 4);
        let lost = one.append(vec![Encoded::of(stale).unwrap()]).await.unwrap_err();
        assert!(matches!(lost, AppendError::Conflict { .. }), "{lost}");
        assert_eq!(one.head(&acme), Head { version: other.last_version, hash: other.hash });
    }
    assert_eq!(check_chains(&one), check_chains(&two));
}

/// The permissions of the user `engine` in `nats.conf` suffice for the log. No other user can append.
#[tokio::test]
async fn permissions_of_the_user_engine_suffice_for_the_log() {
    let server = server(&config());
    let url = server.url().replace("://", "://engine:engine@");
    let monitors = vec![server.monitor_url()];
    let log = open(Options { monitors, ..options(&url) }).unwrap();
    let acme = sample::company("acme");
    for round in 0..30 {
        log.append(vec![sample::next(&log, &acme, round % 3)]).await.unwrap();
    }
    assert_eq!(check_chains(&log).len(), 30);
    assert_eq!(
        drain(&mut *log.read_company(&acme, 9)).last().unwrap().recorded.last_position(),
        log.end()
    );
    for user in ["operator", "auditor", "acme-publisher", "acme-auditor", "acme-worker"] {
        let login = async_nats::ConnectOptions::with_user_and_password(user.into(), user.into());
        let login = login.custom_inbox_prefix(format!("_INBOX.{user}"));
        let client = login.connect(server.url()).await.unwrap();
        let jetstream = async_nats::jetstream::new(client.clone());
        jetstream.publish("boarding.log.v1.acme", "hello".into()).await.unwrap();
        client.flush().await.unwrap();
    }
    let before = log.end();
    let appended = log.append(vec![sample::next(&log, &acme, 1)]).await.unwrap()[0];
    assert_eq!(appended.position >> 16, (before >> 16) + 1, "another user appended");
}

/// A log receives the commits of another writer without appending itself.
#[tokio::test]
async fn commits_of_another_writer_are_received() {
    let server = Server::start();
    let (one, two) = (open(options_of(&server)).unwrap(), open(options_of(&server)).unwrap());
    let mut watch = two.watch();
    for name in ["acme", "zeta", "acme"] {
        let company = sample::company(name);
        let appended = one.append(vec![sample::next(&one, &company, 2)]).await.unwrap()[0];
        let seen = watch.wait_for(|end| *end >= appended.last_position);
        tokio::time::timeout(std::time::Duration::from_secs(20), seen).await.unwrap().unwrap();
        assert_eq!(two.head(&company), one.head(&company));
    }
    check_chains(&two);
}

#[tokio::test]
async fn append_for_two_companies_is_refused() {
    let server = Server::start();
    let log = open(options_of(&server)).unwrap();
    let commits = ["acme", "zeta"].map(|name| sample::next(&log, &sample::company(name), 1));
    let error = log.append(commits.to_vec()).await.unwrap_err();
    assert!(matches!(error, AppendError::SeveralCompanies { .. }), "{error}");
    assert_eq!((log.end(), log.companies()), (0, vec![]));
}

/// The log is long enough that readers fetch whole pages, for all companies and for one.
#[tokio::test]
async fn long_log_is_read_in_pages_from_every_position() {
    let server = Server::start();
    let log = open(options_of(&server)).unwrap();
    let companies = ["acme", "zeta"].map(sample::company);
    for round in 0..120 {
        for company in &companies {
            log.append(vec![sample::next(&log, company, round % 3)]).await.unwrap();
        }
    }
    let all = check_chains(&log);
    assert_eq!(all.len(), 240);
    for company in &companies {
        let own: Vec<_> =
            all.iter().filter(|e| e.recorded.commit.company == *company).cloned().collect();
        assert_eq!(drain(&mut *log.read_company(company, 1)), own);
        let from = own[70].recorded.commit.clone();
        let tail = drain(&mut *log.read_company(company, from.first_version));
        assert!(own.ends_with(&tail) && tail.len() >= 50);
        assert!(tail[0].recorded.commit.first_version <= from.first_version);
    }
    let tail = drain(&mut *log.read_all(all[100].recorded.position));
    assert_eq!(tail, all[100..]);
    let again = open(options_of(&server)).unwrap();
    assert_eq!(check_chains(&again), all);
}
