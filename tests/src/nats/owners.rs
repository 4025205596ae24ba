//! Several engines share the companies: one works for each, and another takes over when it is gone.

use std::time::Duration;

use async_nats::jetstream;
use boarding_core::clock::Clock;
use boarding_nats::limits::LEASE_SECONDS;
use boarding_nats::ownership::{Owner, Owners};

use crate::support::nats::Server;
use crate::support::wait::eventually;

async fn join(server: &Server) -> Owners {
    let client = async_nats::connect(server.url()).await.unwrap();
    let me = Clock::system().id().0;
    Owners::join(&jetstream::new(client), me, 1).await.unwrap()
}

#[tokio::test]
async fn of_many_engines_that_want_a_company_one_gets_it() {
    let server = Server::start();
    let company = "acme".parse().unwrap();
    let (a, b, c) = (join(&server).await, join(&server).await, join(&server).await);
    let engines = [&a, &b, &c];
    let claims = futures_util::future::join_all(engines.map(|engine| engine.claim(&company))).await;
    let claims: Vec<Owner> = claims.into_iter().map(Result::unwrap).collect();
    let winner = claims.iter().position(|owner| *owner == Owner::Me).expect("somebody got it");
    for (n, owner) in claims.iter().enumerate().filter(|(n, _)| *n != winner) {
        assert_eq!(*owner, Owner::Other(engines[winner].me()), "engine {n}");
    }
}

/// P30: a lease that ends lets another engine go on.
#[tokio::test]
async fn p30_when_an_engine_is_gone_another_takes_its_companies() {
    let server = Server::start();
    let company = "acme".parse().unwrap();
    let (a, b) = (join(&server).await, join(&server).await);
    assert_eq!(a.claim(&company).await.unwrap(), Owner::Me);
    assert_eq!(b.claim(&company).await.unwrap(), Owner::Other(a.me()));
    assert!(b.orphans().is_empty());
    drop(a);
    eventually("the company is an orphan", async || b.orphans().contains(&company).then_some(()))
        .await;
    assert_eq!(b.claim(&company).await.unwrap(), Owner::Me);
    assert!(b.orphans().is_empty());
}

#[tokio::test]
async fn an_engine_that_leaves_gives_its_companies_back_at_once() {
    let server = Server::start();
    let company = "acme".parse().unwrap();
    let (a, b) = (join(&server).await, join(&server).await);
    assert_eq!(a.claim(&company).await.unwrap(), Owner::Me);
    assert_eq!(b.claim(&company).await.unwrap(), Owner::Other(a.me()));
    a.leave().await;
    assert_eq!(b.claim(&company).await.unwrap(), Owner::Me);
}

#[tokio::test]
async fn while_nats_is_away_an_engine_stops_and_then_goes_on_with_what_is_still_its() {
    let mut server = Server::start();
    let company = "acme".parse().unwrap();
    let a = join(&server).await;
    assert_eq!(a.claim(&company).await.unwrap(), Owner::Me);
    server.kill();
    eventually("its lease has ended", async || a.owner(&company).is_none().then_some(())).await;
    assert!(a.claim(&company).await.is_err(), "nothing is taken without a lease");
    server.restart();
    eventually("it lives again", async || a.owner(&company)).await;
    assert_eq!(a.owner(&company), Some(Owner::Me));
    let b = join(&server).await;
    assert_eq!(b.claim(&company).await.unwrap(), Owner::Other(a.me()));
}

/// P30: no company changes hands while the bucket of engines has no leader, nor before all have had time to
/// say again that they live. A bucket that is gone answers as one without a leader does.
#[tokio::test]
async fn p30_while_nobody_can_renew_every_engine_goes_on_with_what_is_its() {
    let server = Server::start();
    let jetstream = jetstream::new(async_nats::connect(server.url()).await.unwrap());
    let company = "acme".parse().unwrap();
    let (a, b) = (join(&server).await, join(&server).await);
    assert_eq!(a.claim(&company).await.unwrap(), Owner::Me);
    assert_eq!(b.claim(&company).await.unwrap(), Owner::Other(a.me()));
    let engines = jetstream.get_stream("KV_BOARDING_ENGINES").await.unwrap();
    let config = engines.cached_info().config.clone();
    jetstream.delete_stream(&config.name).await.unwrap();
    let (mut of_a, mut of_b) = (a.changes(), b.changes());
    let nothing_changes = async {
        tokio::select! {
            changed = of_a.changed() => changed.unwrap(),
            changed = of_b.changed() => changed.unwrap(),
        }
    };
    let longer_than_a_lease = Duration::from_secs(LEASE_SECONDS + 2);
    let changed = tokio::time::timeout(longer_than_a_lease, nothing_changes).await;
    assert!(changed.is_err(), "somebody was taken for gone");
    jetstream.create_stream(config).await.unwrap();
    let until_all_have_renewed = async {
        while b.orphans().is_empty() {
            b.changes().changed().await.unwrap();
        }
    };
    let gone = tokio::time::timeout(Duration::from_secs(LEASE_SECONDS), until_all_have_renewed);
    assert!(gone.await.is_err(), "the company had no engine for a moment");
    assert_eq!(b.claim(&company).await.unwrap(), Owner::Other(a.me()));
    drop(a);
    eventually("the company is an orphan", async || b.orphans().contains(&company).then_some(()))
        .await;
}
