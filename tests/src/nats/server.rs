//! The NATS servers that the tests start: one server, a restart after a kill, a cluster.

use async_nats::jetstream::{self, stream};

use crate::support::nats::{Cluster, Server};
use crate::support::wait::eventually;

async fn stream_of(url: &str, copies: usize) -> jetstream::Context {
    let addresses: Vec<String> = url.split(',').map(str::to_owned).collect();
    let client = async_nats::connect(addresses).await.unwrap();
    let jetstream = jetstream::new(client);
    // A cluster that has just started has no leader yet.
    eventually("the stream exists", async || {
        let config = stream::Config {
            name: "SAMPLE".to_owned(),
            subjects: vec!["sample.>".to_owned()],
            num_replicas: copies,
            ..Default::default()
        };
        jetstream.get_or_create_stream(config).await.ok()
    })
    .await;
    jetstream
}

#[tokio::test]
async fn killed_server_keeps_acknowledged_messages() {
    let mut server = Server::start();
    let jetstream = stream_of(&server.url(), 1).await;
    let ack = jetstream.publish("sample.a", "kept".into()).await.unwrap().await.unwrap();
    server.kill();
    server.restart();
    let stream = stream_of(&server.url(), 1).await.get_stream("SAMPLE").await.unwrap();
    assert_eq!(&*stream.get_raw_message(ack.sequence).await.unwrap().payload, b"kept");
}

#[tokio::test]
async fn cluster_of_three_stores_a_message() {
    let cluster = Cluster::start();
    let jetstream = stream_of(&cluster.url(), 3).await;
    let ack = jetstream.publish("sample.a", "kept".into()).await.unwrap().await.unwrap();
    assert_eq!(ack.sequence, 1);
}
