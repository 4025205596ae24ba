//! What is measured against: a program that publishes bytes to JetStream, and waits for each to be durable.

use std::sync::Arc;
use std::time::Instant;

use async_nats::jetstream::{self, Context};
use bytes::Bytes;
use tokio::task::JoinSet;

use super::streams::failed;
use super::{BenchError, Timed, company};
use boarding_log::jetstream::{Options, payload, stream_config};
use boarding_log::{Encoded, EventLog};

/// How many commits of a log are published again and again, in commits: enough of each kind.
const PAYLOADS_MAX: usize = 1_000;

/// A stream as the log's, with nothing between it and the publishers.
pub(super) struct Raw {
    context: Context,
    subjects: String,
}

impl Raw {
    pub(super) async fn make(log: &Options, of: Options) -> Result<Self, BenchError> {
        let client = log.server.connect("boarding bench raw").await?;
        let config = stream_config(&client, &of);
        let context = jetstream::new(client);
        let made = context.create_stream(config).await;
        made.map_err(|error| failed("make", of.stream, error))?;
        Ok(Self { context, subjects: of.subjects })
    }

    /// So many tasks, each of which publishes one message after the other, on as many subjects as there
    /// are companies.
    pub(super) async fn publish(
        &self,
        in_flight: usize,
        companies: usize,
        each: usize,
        payloads: &[Bytes],
    ) -> Result<Timed, BenchError> {
        let payloads: Arc<[Bytes]> = payloads.into();
        let begun = Instant::now();
        let mut tasks = JoinSet::new();
        for task in 0..in_flight {
            let (context, payloads) = (self.context.clone(), Arc::clone(&payloads));
            let subject = format!("{}.{}", self.subjects, company(task % companies.max(1))?);
            tasks.spawn(async move {
                let mut times = Vec::with_capacity(each);
                let turns = payloads.iter().cycle().skip(task).take(each);
                for payload in turns {
                    let started = Instant::now();
                    context.publish(subject.clone(), payload.clone()).await?.await?;
                    times.push(started.elapsed());
                }
                Ok(times)
            });
        }
        Timed::joined(begun, tasks).await
    }
}

/// The commits that stand in a log from this position on, each as the message that it would be alone.
pub(super) fn payloads(log: &dyn EventLog, position: u64) -> Result<Vec<Bytes>, BenchError> {
    let (mut reader, mut payloads) = (log.read_all(position), Vec::new());
    while payloads.len() < PAYLOADS_MAX
        && let Some(entry) = tokio::task::block_in_place(|| reader.next())?
    {
        payloads.push(payload(&[Encoded::of(entry.recorded.commit)?]));
    }
    Ok(payloads)
}
