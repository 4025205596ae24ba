//! Serves the data folder of a demo.

use boarding_http::server::{HttpListener, Pages};

use super::service::Service;
use super::stop_signals::StopSignals;
use crate::cli::common::Common;
use crate::cli::failure::{self, CliResult, Done};
use crate::cli::opening::{open_engine, options};
use crate::cli::output::Out;

/// Serves a data folder over HTTP until a signal stops it. Calls `ready` with the address once.
pub(in crate::cli) async fn serve_demo(
    common: &Common,
    out: &Out,
    (listener, pages): (HttpListener, Pages),
    ready: impl FnOnce(&str),
) -> CliResult {
    let mut signals = StopSignals::listen()?;
    let engine = open_engine(options(common)?, out).await?;
    let mut service = Service::without_nats(engine).await;
    ready(&service.serve_http(listener, pages));
    let failed = tokio::select! {
        () = signals.received() => None,
        why = service.log_failed() => Some(failure::of_log(&why)),
    };
    match failed {
        Some(failure) => {
            service.abort().await;
            Err(failure)
        }
        None => {
            service.close().await;
            Ok(Done::Completely)
        }
    }
}
