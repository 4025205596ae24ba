//! `boarding bench smtp`: measures a run by SMTP to a mail server on this machine that accepts everything.

use std::path::Path;
use std::sync::Arc;

use boarding_core::delivery::smtp::SmtpTransport;
use boarding_core::engine::LogChoice;
use clap::Args;
use serde_json::json;

use crate::bench::onboarding::{self, Job};
use crate::bench::smtp::{Sink, plain_client};
use crate::cli::failure::{CliResult, Done, Failure, unavailable};
use crate::cli::output::Out;

#[derive(Debug, Args)]
pub(super) struct Smtp {
    /// The number of people who are imported and invited
    #[arg(long, default_value_t = 10_000, value_name = "PEOPLE")]
    people: u32,
    /// The connections to the mail server at once, 1 to 64
    #[arg(long, default_value_t = 8, value_name = "CONNECTIONS", value_parser = clap::value_parser!(u8).range(1..=64))]
    connections: u8,
    /// The number of rounds; each measures the plain client and the run
    #[arg(long, default_value_t = 3, value_name = "ROUNDS")]
    rounds: u32,
}

impl Smtp {
    pub(super) async fn run(self, folder: &Path, out: &Out) -> CliResult {
        let sink = Sink::start().await.map_err(|error| failed(&error))?;
        let connections = usize::from(self.connections);
        for _ in 0..self.rounds {
            let plain = plain_client(sink.port, connections, self.people as usize).await;
            let plain = plain.map_err(|error| failed(&error))?;
            let run = self.measure_run(folder, sink.port).await?;
            let ratio = run / plain;
            if out.is_json() {
                out.document(&json!({"connections": connections, "people": self.people, "plain_mails_per_second": plain, "recipients_per_second": run, "ratio": ratio}));
            } else {
                out.line(&format!(
                    "{connections} connections: run {run:.0} recipients per second, a plain client without a record {plain:.0} mails per second, ratio {ratio:.2}"
                ));
            }
        }
        Ok(Done::Completely)
    }

    async fn measure_run(&self, folder: &Path, port: u16) -> Result<f64, Failure> {
        let url = format!("smtp://127.0.0.1:{port}?connections={}", self.connections);
        let transport = SmtpTransport::new(&url).map_err(|error| unavailable(&error))?;
        let data = folder.join(format!("job-{}", std::process::id()));
        let people = u64::from(self.people);
        let job = Job {
            data: &data,
            log: LogChoice::Files,
            people,
            add_phones: true,
            run: true,
            transport: Some(Arc::new(transport)),
        };
        let measured = onboarding::measure(job).await;
        // A folder that cannot be removed does not change the result.
        let _ = std::fs::remove_dir_all(&data);
        let measured = measured.map_err(|error| unavailable(&error))?;
        let passed = measured.outcome.as_ref().and_then(|row| row.get("passed")?.as_u64());
        if passed != Some(people) {
            return Err(Failure::Unavailable(format!("not all were invited: {measured}")));
        }
        let seconds = measured.run.unwrap_or_default().as_secs_f64();
        Ok(f64::from(self.people) / seconds.max(1e-9))
    }
}

fn failed(error: &std::io::Error) -> Failure {
    Failure::Unavailable(format!("cannot use the mail server of the bench: {error}"))
}
