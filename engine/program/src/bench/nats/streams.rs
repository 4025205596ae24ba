//! The streams of a measurement: under names of its own where it chooses them, and none that it has not made.

use async_nats::Client;
use async_nats::jetstream::context::{DeleteStreamErrorKind, GetStreamErrorKind};
use async_nats::jetstream::{self, Context, ErrorCode};

use super::BenchError;
use boarding_core::clock::Clock;
use boarding_log::jetstream::Options;
use boarding_nats::names::{EVENT_STREAM, FILES_BUCKET, LAST_EVENT_STREAM, QUEUE_STREAM};

/// The kinds of streams that are measured on, each once.
const OWN: [&str; 5] = ["RAW", "LOG", "ENGINE", "FEED", "MEMORY"];

pub(super) struct Streams {
    context: Context,
    options: Options,
    /// What tells this measurement's streams from another's.
    id: String,
}

impl Streams {
    /// Makes sure that what an engine makes by itself is not there yet, so that it may be removed after.
    pub(super) async fn prepare(client: &Client, options: &Options) -> Result<Self, BenchError> {
        let id = Clock::system().id().to_string();
        let streams =
            Self { context: jetstream::new(client.clone()), options: options.clone(), id };
        for stream in engines() {
            match streams.context.get_stream(&stream).await {
                Ok(_) => return Err(BenchError::InUse { stream }),
                Err(error) => match error.kind() {
                    GetStreamErrorKind::JetStream(no)
                        if no.error_code() == ErrorCode::STREAM_NOT_FOUND => {}
                    _ => return Err(failed("look for", stream, error)),
                },
            }
        }
        Ok(streams)
    }

    /// The options of a log of its own.
    pub(super) fn log(&self, kind: &str) -> Options {
        let stream = self.name(kind);
        let subjects = format!("boarding.bench.{}.{kind}", self.id);
        Options { stream, subjects, indexed_up_to: 0, ..self.options.clone() }
    }

    fn name(&self, kind: &str) -> String {
        format!("BOARDING_BENCH_{}_{kind}", self.id)
    }

    /// Removes everything that was made.
    pub(super) async fn remove(&self) -> Result<(), BenchError> {
        let mut removed = Ok(());
        for stream in OWN.map(|kind| self.name(kind)).into_iter().chain(engines()) {
            removed = self.remove_one(&stream).await.and(removed);
        }
        removed
    }

    /// Removes a stream, if it is there.
    pub(super) async fn remove_one(&self, stream: &str) -> Result<(), BenchError> {
        match self.context.delete_stream(stream).await {
            Ok(_) => Ok(()),
            Err(error) => match error.kind() {
                DeleteStreamErrorKind::JetStream(no)
                    if no.error_code() == ErrorCode::STREAM_NOT_FOUND =>
                {
                    Ok(())
                }
                _ => Err(failed("remove", stream.to_owned(), error)),
            },
        }
    }
}

/// The streams that an engine makes by itself.
fn engines() -> impl Iterator<Item = String> {
    let files = format!("OBJ_{FILES_BUCKET}");
    [QUEUE_STREAM, EVENT_STREAM, LAST_EVENT_STREAM].map(str::to_owned).into_iter().chain([files])
}

pub(super) fn failed(
    operation: &'static str,
    stream: String,
    source: impl std::error::Error + Send + Sync + 'static,
) -> BenchError {
    BenchError::Stream { operation, stream, source: Box::new(source) }
}
