//! Ownership of companies among several engines, and takeover when an engine is gone.

use std::time::Duration;

use async_nats::jetstream;
use boarding_core::clock::Clock;
use boarding_nats::limits::LEASE_SECONDS;
use boarding_nats::ownership::{CompanyOwners, Owner};

use crate::support::nats::Server;
use crate::support::wait::eventually;

async fn join(server: &Server) -> CompanyOwners {
    let client = async_nats::connect(server.url()).await.unwrap();
    let me = Clock::system().id().0;
    CompanyOwners::join(&jetstream::new(client), me, 1).await.unwrap()
}

#[tokio::test]
async fn one_of_several_concurrent_engines_acquires_a_company() {
    let server = Server::start();
    let company = "acme".parse().unwrap();
    let (a, b, c) = (join(&server).await, join(&server).await, join(&server).await);
    let engines = [&a, &b, &c];
    let owners =
        futures_util::future::join_all(engines.map(|engine| engine.acquire(&company))).await;
    let owners: Vec<Owner> = owners.into_iter().map(Result::unwrap).collect();
    let winner = owners
        .iter()
        .position(|owner| *owner == Owner::Me)
        .expect("one engine acquired the company");
    for (n, owner) in owners.iter().enumerate().filter(|(n, _)| *n != winner) {
        assert_eq!(*owner, Owner::Other(engines[winner].me()), "engine {n}");
    }
}

/// P30: When the lease of an engine expires, another engine can acquire its companies.
#[tokio::test]
async fn companies_of_a_gone_engine_can_be_acquired() {
    let server = Server::start();
    let company = "acme".parse().unwrap();
    let (a, b) = (join(&server).await, join(&server).await);
    assert_eq!(a.acquire(&company).await.unwrap(), Owner::Me);
    assert_eq!(b.acquire(&company).await.unwrap(), Owner::Other(a.me()));
    assert!(b.orphans().is_empty());
    drop(a);
    eventually("the company is an orphan", async || b.orphans().contains(&company).then_some(()))
        .await;
    assert_eq!(b.acquire(&company).await.unwrap(), Owner::Me);
    assert!(b.orphans().is_empty());
}

#[tokio::test]
async fn leaving_engine_releases_its_companies_immediately() {
    let server = Server::start();
    let company = "acme".parse().unwrap();
    let (a, b) = (join(&server).await, join(&server).await);
    assert_eq!(a.acquire(&company).await.unwrap(), Owner::Me);
    assert_eq!(b.acquire(&company).await.unwrap(), Owner::Other(a.me()));
    a.leave().await;
    assert_eq!(b.acquire(&company).await.unwrap(), Owner::Me);
}

#[tokio::test]
async fn engine_keeps_its_companies_after_an_outage_of_nats() {
    let mut server = Server::start();
    let company = "acme".parse().unwrap();
    let a = join(&server).await;
    assert_eq!(a.acquire(&company).await.unwrap(), Owner::Me);
    server.kill();
    eventually("the lease has expired", async || a.owner(&company).is_none().then_some(())).await;
    assert!(a.acquire(&company).await.is_err(), "a company was acquired without a lease");
    server.restart();
    eventually("the lease is renewed", async || a.owner(&company)).await;
    assert_eq!(a.owner(&company), Some(Owner::Me));
    let b = join(&server).await;
    assert_eq!(b.acquire(&company).await.unwrap(), Owner::Other(a.me()));
}

/// P30: Ownership does not change while the leases cannot be renewed, nor right after.
///
/// The test deletes the bucket of leases, which fails like a bucket without a leader.
#[tokio::test]
async fn ownership_is_unchanged_while_no_lease_can_be_renewed() {
    let server = Server::start();
    let jetstream = jetstream::new(async_nats::connect(server.url()).await.unwrap());
    let company = "acme".parse().unwrap();
    let (a, b) = (join(&server).await, join(&server).await);
    assert_eq!(a.acquire(&company).await.unwrap(), Owner::Me);
    assert_eq!(b.acquire(&company).await.unwrap(), Owner::Other(a.me()));
    let engines = jetstream.get_stream("KV_BOARDING_ENGINES").await.unwrap();
    let config = engines.cached_info().config.clone();
    jetstream.delete_stream(&config.name).await.unwrap();
    let (mut of_a, mut of_b) = (a.changes(), b.changes());
    let any_change = async {
        tokio::select! {
            changed = of_a.changed() => changed.unwrap(),
            changed = of_b.changed() => changed.unwrap(),
        }
    };
    let longer_than_a_lease = Duration::from_secs(LEASE_SECONDS + 2);
    let changed = tokio::time::timeout(longer_than_a_lease, any_change).await;
    assert!(changed.is_err(), "an engine was treated as gone");
    jetstream.create_stream(config).await.unwrap();
    let company_without_engine = async {
        while b.orphans().is_empty() {
            b.changes().changed().await.unwrap();
        }
    };
    let gone = tokio::time::timeout(Duration::from_secs(LEASE_SECONDS), company_without_engine);
    assert!(gone.await.is_err(), "the company had no engine before all leases were renewed");
    assert_eq!(b.acquire(&company).await.unwrap(), Owner::Other(a.me()));
    drop(a);
    eventually("the company is an orphan", async || b.orphans().contains(&company).then_some(()))
        .await;
}
