//! Raw publishing, for comparison: publishes messages to JetStream and waits for each acknowledgement.

use std::sync::Arc;
use std::time::Instant;

use async_nats::jetstream::{self, Context};
use bytes::Bytes;
use tokio::task::JoinSet;

use super::job::BenchError;
use super::streams::failed;
use crate::bench::log::company;
use crate::bench::timed::Timed;
use boarding_log::jetstream::{Options, payload, stream_config};
use boarding_log::{Encoded, EventLog};

/// The largest number of different messages, which are repeated. It is enough for each kind of command.
pub(super) const PAYLOADS_MAX: usize = 1_000;

/// A stream with the settings of a log.
pub(super) struct Raw {
    context: Context,
    subjects: String,
}

impl Raw {
    pub(super) async fn make(log: &Options, of: Options) -> Result<Self, BenchError> {
        let client = log.server.connect("boarding bench raw").await?;
        let config = stream_config(&client, &of);
        let context = jetstream::new(client);
        let created = context.create_stream(config).await;
        created.map_err(|error| failed("create", of.stream, error))?;
        Ok(Self { context, subjects: of.subjects })
    }

    /// Runs concurrent tasks. Each publishes one message after the other to the subject of a company.
    pub(super) async fn publish(
        &self,
        in_flight: usize,
        companies: usize,
        each: usize,
        payloads: &[Bytes],
    ) -> Result<Timed, BenchError> {
        let payloads: Arc<[Bytes]> = payloads.into();
        let started_all = Instant::now();
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
        Timed::joined(started_all, tasks).await
    }
}

/// The commits of a log from this position on, each as one message.
pub(super) fn payloads(log: &dyn EventLog, position: u64) -> Result<Vec<Bytes>, BenchError> {
    let (mut reader, mut payloads) = (log.read_all(position), Vec::new());
    while payloads.len() < PAYLOADS_MAX
        && let Some(entry) = tokio::task::block_in_place(|| reader.next())?
    {
        payloads.push(payload(&[Encoded::of(entry.recorded.commit)?]));
    }
    Ok(payloads)
}
