//! A service on NATS that answers at once: what the servers and the clients allow at most.

use std::time::Instant;

use async_nats::Client;
use bytes::Bytes;
use futures_util::StreamExt as _;
use tokio::task::{AbortHandle, JoinSet};

use crate::bench::setup::BenchError;
use crate::bench::timed::Timed;
use boarding_core::clock::Clock;
use boarding_log::connect::ServerAddress;

/// The largest answer, in bytes: below the default message size of a NATS server, 1 MiB.
const ANSWER_BYTES_MAX: usize = 512 * 1024;

/// The service, and a client of it. Each has its own connection, as the engine and its callers have.
#[derive(Debug)]
pub(super) struct Echo {
    client: Client,
    subject: String,
    answering: AbortHandle,
}

impl Echo {
    /// Starts the service. A request names the size of its answer, in bytes.
    pub(super) async fn start(address: &ServerAddress) -> Result<Self, BenchError> {
        let service = address.connect("boarding bench echo").await?;
        let client = address.connect("boarding bench echo callers").await?;
        let subject = format!("boarding.bench.{}.echo", Clock::system().id());
        let failed = |error: String| BenchError::Failed(format!("cannot start the echo: {error}"));
        let requests = service.subscribe(subject.clone()).await;
        let mut requests = requests.map_err(|error| failed(error.to_string()))?;
        service.flush().await.map_err(|error| failed(error.to_string()))?;
        let answering = tokio::spawn(async move {
            let content = Bytes::from(vec![b'x'; ANSWER_BYTES_MAX]);
            while let Some(request) = requests.next().await {
                let bytes = std::str::from_utf8(&request.payload).ok();
                let bytes = bytes.and_then(|text| text.parse().ok()).unwrap_or(0);
                let answer = content.slice(..ANSWER_BYTES_MAX.min(bytes));
                if let Some(reply) = request.reply
                    && service.publish(reply, answer).await.is_err()
                {
                    return;
                }
            }
        });
        Ok(Self { client, subject, answering: answering.abort_handle() })
    }

    /// Each client sends one request after the other. The answers have this many bytes.
    pub(super) async fn requests(
        &self,
        clients: usize,
        each: usize,
        bytes: usize,
    ) -> Result<Timed, BenchError> {
        let payload = Bytes::from(bytes.to_string());
        let started_all = Instant::now();
        let mut tasks = JoinSet::new();
        for _ in 0..clients {
            let (client, subject) = (self.client.clone(), self.subject.clone());
            let payload = payload.clone();
            tasks.spawn(async move {
                let mut times = Vec::with_capacity(each);
                for _ in 0..each {
                    let started = Instant::now();
                    let answer = client.request(subject.clone(), payload.clone()).await;
                    answer.map_err(|error| BenchError::Failed(format!("the echo: {error}")))?;
                    times.push(started.elapsed());
                }
                Ok(times)
            });
        }
        Timed::joined::<BenchError>(started_all, tasks).await
    }
}

impl Drop for Echo {
    fn drop(&mut self) {
        self.answering.abort();
    }
}
