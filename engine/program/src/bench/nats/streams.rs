//! The streams of a measurement: their names, and their removal.

use async_nats::Client;
use async_nats::jetstream::context::{DeleteStreamErrorKind, GetStreamErrorKind};
use async_nats::jetstream::{self, Context, ErrorCode};

use super::job::BenchError;
use boarding_core::clock::Clock;
use boarding_log::jetstream::Options;
use boarding_nats::names::{EVENT_STREAM, FILES_BUCKET, LAST_EVENT_STREAM, QUEUE_STREAM};

/// The last part of the names of the streams that only this measurement uses.
const OWN: [&str; 5] = ["RAW", "LOG", "ENGINE", "FEED", "MEMORY"];

/// Names the streams of one measurement. Removes only streams that the measurement created.
pub(super) struct Streams {
    context: Context,
    options: Options,
    /// The part of the streams' names that is unique to this measurement.
    id: String,
}

impl Streams {
    /// Refuses servers that already have streams of an engine. The names of these streams are fixed: the bench could
    /// not distinguish them from its own.
    pub(super) async fn prepare(client: &Client, options: &Options) -> Result<Self, BenchError> {
        let id = Clock::system().id().to_string();
        let streams =
            Self { context: jetstream::new(client.clone()), options: options.clone(), id };
        for stream in engine_streams() {
            match streams.context.get_stream(&stream).await {
                Ok(_) => return Err(BenchError::InUse { stream }),
                Err(error) => match error.kind() {
                    GetStreamErrorKind::JetStream(error)
                        if error.error_code() == ErrorCode::STREAM_NOT_FOUND => {}
                    _ => return Err(failed("find", stream, error)),
                },
            }
        }
        Ok(streams)
    }

    /// The options of a log whose stream only this kind of measurement uses.
    pub(super) fn log(&self, kind: &str) -> Options {
        let stream = self.name(kind);
        let subjects = format!("boarding.bench.{}.{kind}", self.id);
        Options { stream, subjects, indexed_up_to: 0, ..self.options.clone() }
    }

    fn name(&self, kind: &str) -> String {
        format!("BOARDING_BENCH_{}_{kind}", self.id)
    }

    /// Removes all streams of the measurement. Continues after failures and returns the last one.
    pub(super) async fn remove(&self) -> Result<(), BenchError> {
        let mut removed = Ok(());
        for stream in OWN.map(|kind| self.name(kind)).into_iter().chain(engine_streams()) {
            removed = self.remove_one(&stream).await.and(removed);
        }
        removed
    }

    /// Removes a stream if it exists.
    pub(super) async fn remove_one(&self, stream: &str) -> Result<(), BenchError> {
        match self.context.delete_stream(stream).await {
            Ok(_) => Ok(()),
            Err(error) => match error.kind() {
                DeleteStreamErrorKind::JetStream(error)
                    if error.error_code() == ErrorCode::STREAM_NOT_FOUND =>
                {
                    Ok(())
                }
                _ => Err(failed("remove", stream.to_owned(), error)),
            },
        }
    }
}

/// The streams that an engine creates under fixed names.
fn engine_streams() -> impl Iterator<Item = String> {
    let files = format!("OBJ_{FILES_BUCKET}");
    [QUEUE_STREAM, EVENT_STREAM, LAST_EVENT_STREAM].map(str::to_owned).into_iter().chain([files])
}

/// The failure of an operation on a stream.
pub(super) fn failed(
    operation: &'static str,
    stream: String,
    source: impl std::error::Error + Send + Sync + 'static,
) -> BenchError {
    BenchError::Stream { operation, stream, source: Box::new(source) }
}
