//! Rounds of an import or a run, each beside the same work on a Postgres.

use std::fs;

use super::figures::Figures;
use super::onboarding::{self, Job, Measured};
use super::postgres::Postgres;
use super::setup::{BenchError, SEED};
use super::timed::Timed;

/// How many rows each upsert has on Postgres.
const UPSERT_ROWS: u64 = 1_000;

/// How many recipients each commit of a run has on Postgres.
pub(super) const PER_COMMIT: [(usize, &str); 2] =
    [(1, "Postgres, 1 recipient a commit"), (100, "Postgres, 100 recipients a commit")];

/// The medians of the engine, and the figures beside those of Postgres, if there is one.
#[derive(Debug)]
pub struct Versus {
    pub measured: Measured,
    pub figures: Option<Figures>,
}

/// Measures the rounds. `say` gets a line about each step.
///
/// # Errors
/// If the engine cannot be opened or refuses a command, or the work on Postgres fails.
pub async fn measure(
    job: &Job<'_>,
    rounds: usize,
    postgres: Option<&Postgres>,
    mut say: impl FnMut(&str),
) -> Result<Versus, BenchError> {
    let (mut all, mut figures) = (Vec::new(), Figures::default());
    for round in 1..=rounds {
        if rounds > 1 {
            say(&format!("round {round} of {rounds}: the engine"));
        }
        let data = job.data.join(format!("round-{round}"));
        let measured = onboarding::measure(Job { data: &data, ..job.clone() }).await?;
        if let Some(postgres) = postgres {
            say(&format!("round {round} of {rounds}: Postgres"));
            beside(&mut figures, &measured, postgres, &Job { data: &data, ..job.clone() }).await?;
        }
        fs::remove_dir_all(&data).map_err(|error| BenchError::File(data.clone(), error))?;
        all.push(measured);
    }
    let measured = Measured::median(all);
    let measured = measured.ok_or_else(|| BenchError::Failed("there was no round".to_owned()))?;
    Ok(Versus { measured, figures: postgres.map(|_| figures) })
}

async fn beside(
    figures: &mut Figures,
    measured: &Measured,
    postgres: &Postgres,
    job: &Job<'_>,
) -> Result<(), BenchError> {
    let upserted = postgres.import(SEED, job.people, UPSERT_ROWS).await?;
    if let Some(run) = measured.run {
        figures.engine("run, durable", "recipients", Timed::of_work(measured.people, run));
        for (per_commit, what) in PER_COMMIT {
            postgres.forget_runs().await?;
            let run = postgres.run(job.people, per_commit).await?;
            figures.beside("run, durable", what, run);
        }
        return Ok(());
    }
    let copied = postgres.copy(&job.data.join("sample.csv"), job.people).await?;
    let engine = [
        ("import, durable", measured.import),
        ("import, in the read models", measured.import_visible),
    ];
    for (what, elapsed) in engine {
        figures.engine(what, "rows", Timed::of_work(measured.people, elapsed));
        figures.beside(what, "Postgres, 1,000-row upserts", upserted.clone());
        figures.beside(what, "Postgres, one COPY and one upsert", copied.clone());
    }
    Ok(())
}
