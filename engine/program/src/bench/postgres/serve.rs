//! Small commands and pages of people on Postgres, from many clients at once.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use super::Postgres;
use super::error::{PostgresError, failed};
use super::link::Link;
use crate::bench::requests::SmallCommand;
use crate::bench::timed::Timed;

impl Postgres {
    /// Each client sends its commands one after the other. More clients than connections share them.
    ///
    /// # Errors
    /// When a statement fails, or changes no row.
    pub(in crate::bench) async fn commands(
        &self,
        clients: Vec<(String, Vec<SmallCommand>)>,
    ) -> Result<Timed, PostgresError> {
        let started_all = Instant::now();
        let mut tasks: JoinSet<Result<Vec<Duration>, PostgresError>> = JoinSet::new();
        for ((company, commands), link) in clients.into_iter().zip(self.links.iter().cycle()) {
            let link = Arc::clone(link);
            tasks.spawn(async move {
                let mut times = Vec::with_capacity(commands.len());
                for command in &commands {
                    let started = Instant::now();
                    link.command(&company, command).await?;
                    times.push(started.elapsed());
                }
                Ok(times)
            });
        }
        Timed::joined(started_all, tasks).await
    }

    /// Each client reads the first page of a company again and again.
    ///
    /// # Errors
    /// When a statement fails, or the page is shorter.
    pub(in crate::bench) async fn pages(
        &self,
        company: &str,
        rows: u64,
        clients: usize,
        each: usize,
    ) -> Result<Timed, PostgresError> {
        let started_all = Instant::now();
        let mut tasks: JoinSet<Result<Vec<Duration>, PostgresError>> = JoinSet::new();
        for link in self.links.iter().cycle().take(clients) {
            let (link, company) = (Arc::clone(link), company.to_owned());
            tasks.spawn(async move {
                let mut times = Vec::with_capacity(each);
                for _ in 0..each {
                    let started = Instant::now();
                    let limit = i64::try_from(rows).unwrap_or(i64::MAX);
                    let page = link.client.query(&link.page, &[&company, &"", &limit]).await;
                    let page = page.map_err(failed("read a page of users"))?;
                    times.push(started.elapsed());
                    if page.len() as u64 != rows {
                        let found = page.len();
                        return Err(PostgresError::Wrong(format!("a page has {found} rows")));
                    }
                }
                Ok(times)
            });
        }
        Timed::joined(started_all, tasks).await
    }
}

impl Link {
    async fn command(&self, company: &str, command: &SmallCommand) -> Result<(), PostgresError> {
        let client = &self.client;
        let done = match command {
            SmallCommand::AddUser { user } => {
                let email = format!("{user}@bench.example");
                client.execute(&self.add_user, &[&company, user, &email]).await
            }
            SmallCommand::AddPhone { user, phone } => {
                client.execute(&self.add_phone, &[&company, user, phone]).await
            }
            SmallCommand::SetName { company_name } => {
                client.execute(&self.set_name, &[&company, company_name]).await
            }
        };
        match done.map_err(failed("execute a small command"))? {
            1 => Ok(()),
            rows => Err(PostgresError::Wrong(format!("{command:?} changed {rows} rows"))),
        }
    }
}
