//! Runs on Postgres: recipients are claimed, and their outcomes are kept, each in a durable commit.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Postgres;
use super::error::{PostgresError, failed};
use super::link::Link;
use crate::bench::timed::Timed;
use crate::sample_data::{self, SamplePerson};

/// A run with its recipients.
struct Started {
    run: i64,
    recipients: Vec<String>,
}

impl Postgres {
    /// Invites all people of the company `bench` by a channel that does nothing. Each commit claims this many recipients,
    /// or keeps the outcomes of as many.
    ///
    /// # Errors
    /// When a statement fails, or not all people are invited.
    pub(in crate::bench) async fn run(
        &self,
        people: u64,
        per_commit: usize,
    ) -> Result<Timed, PostgresError> {
        let Some(first) = self.links.first() else { return Ok(Timed::of_work(0, Duration::ZERO)) };
        let started = Instant::now();
        let Started { run, recipients } = first.start("bench").await?;
        let pieces = recipients.len().div_ceil(self.links.len()).max(1);
        let shares: Vec<Vec<String>> = recipients.chunks(pieces).map(<[_]>::to_vec).collect();
        let invite = move |link: Arc<Link>, share: Vec<String>| async move {
            link.invite(run, &share, per_commit).await
        };
        self.spread(shares, invite).await?;
        first.complete(run).await?;
        let elapsed = started.elapsed();
        self.check_outcomes(people).await?;
        Ok(Timed::of_work(people, elapsed))
    }

    /// Removes the runs, so that another run can invite the same people.
    ///
    /// # Errors
    /// When a statement fails.
    pub(in crate::bench) async fn forget_runs(&self) -> Result<(), PostgresError> {
        let Some(link) = self.links.first() else { return Ok(()) };
        let truncate = "TRUNCATE runs, recipients, outcomes";
        link.client.batch_execute(truncate).await.map_err(failed("empty the tables of runs"))
    }

    /// Imports the people of each company in one commit. The durations are of companies.
    ///
    /// # Errors
    /// When a statement fails.
    pub(in crate::bench) async fn import_companies(
        &self,
        companies: &[(String, u64)],
        people: u64,
    ) -> Result<Timed, PostgresError> {
        self.clear().await?;
        let of_company = |(company, seed): &(String, u64)| {
            let all: Vec<_> = (0..people).map(|n| sample_data::person(*seed, n)).collect();
            (company.clone(), Arc::<[SamplePerson]>::from(all))
        };
        let pieces = companies.iter().map(of_company).collect();
        let import = |link: Arc<Link>, piece: (String, Arc<[SamplePerson]>)| async move {
            link.upsert(&piece.0, &piece.1).await
        };
        let timed = self.spread(pieces, import).await?;
        Ok(timed.counting(people * companies.len() as u64))
    }

    /// Runs each company on one connection, and many companies at once. The durations are of companies.
    ///
    /// # Errors
    /// When a statement fails, or not all people are invited.
    pub(in crate::bench) async fn run_companies(
        &self,
        companies: &[(String, u64)],
        people: u64,
        per_commit: usize,
    ) -> Result<Timed, PostgresError> {
        let pieces = companies.iter().map(|(company, _)| company.clone()).collect();
        let run = move |link: Arc<Link>, company: String| async move {
            let Started { run, recipients } = link.start(&company).await?;
            link.invite(run, &recipients, per_commit).await?;
            link.complete(run).await
        };
        let timed = self.spread(pieces, run).await?;
        let all = people * companies.len() as u64;
        self.check_outcomes(all).await?;
        Ok(timed.counting(all))
    }

    async fn check_outcomes(&self, people: u64) -> Result<(), PostgresError> {
        let Some(link) = self.links.first() else { return Ok(()) };
        let counted = link.client.query_one("SELECT count(*) FROM outcomes", &[]).await;
        let counted: i64 = counted.map_err(failed("count the outcomes"))?.get(0);
        match u64::try_from(counted) == Ok(people) {
            true => Ok(()),
            false => Err(PostgresError::Wrong(format!("{counted} outcomes of {people} people"))),
        }
    }
}

impl Link {
    async fn start(&self, company: &str) -> Result<Started, PostgresError> {
        let rows = self.client.query(&self.start, &[&company]).await;
        let rows = rows.map_err(failed("start a run"))?;
        let run = rows.first().map_or(0, |row| row.get(0));
        Ok(Started { run, recipients: rows.iter().map(|row| row.get(1)).collect() })
    }

    /// Claims recipients and keeps their outcomes. The outcomes of some and the claims of the next go out together.
    async fn invite(
        &self,
        run: i64,
        recipients: &[String],
        per_commit: usize,
    ) -> Result<(), PostgresError> {
        let mut parts = recipients.chunks(per_commit.max(1));
        let Some(mut claimed) = parts.next() else { return Ok(()) };
        self.claim(run, claimed).await?;
        for next in parts {
            // A mail would be sent here, after its claim is durable.
            tokio::try_join!(self.report(run, claimed), self.claim(run, next))?;
            claimed = next;
        }
        self.report(run, claimed).await
    }

    async fn claim(&self, run: i64, recipients: &[String]) -> Result<(), PostgresError> {
        let done = match recipients {
            [one] => self.client.execute(&self.claim_one, &[&run, one]).await,
            many => self.client.execute(&self.claim_many, &[&run, &many]).await,
        };
        done.map(|_| ()).map_err(failed("claim recipients"))
    }

    async fn report(&self, run: i64, recipients: &[String]) -> Result<(), PostgresError> {
        let done = match recipients {
            [one] => self.client.execute(&self.report_one, &[&run, one]).await,
            many => self.client.execute(&self.report_many, &[&run, &many]).await,
        };
        done.map(|_| ()).map_err(failed("keep outcomes"))
    }

    async fn complete(&self, run: i64) -> Result<(), PostgresError> {
        let done = self.client.execute(&self.complete, &[&run]).await;
        done.map(|_| ()).map_err(failed("complete a run"))
    }
}
