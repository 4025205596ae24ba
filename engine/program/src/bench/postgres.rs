//! The same work as plain SQL on a Postgres, as an engineer writes it without an engine.
//!
//! Four tables (users, runs, recipients, outcomes), prepared statements, and connections that are used at once. Every
//! commit is durable before the next step. It keeps no history, checks no rule and no permission, and reports no rows:
//! what it leaves out makes it faster.

mod address;
mod error;
mod import;
mod link;
mod run;
mod serve;
mod tables;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use self::error::failed;
use self::link::Link;
use self::tables::TABLES;
use super::timed::Timed;
use boarding_core::clock::Clock;

pub use address::Address;
pub use error::PostgresError;

/// A Postgres with the tables of the bench, in a schema that only this bench uses.
#[derive(Debug)]
pub struct Postgres {
    schema: String,
    links: Vec<Arc<Link>>,
}

impl Postgres {
    /// Connects, and creates a schema with the tables.
    ///
    /// # Errors
    /// When it cannot be reached, has too few connections, or its commits are not durable.
    pub async fn open(address: &Address, connections: usize) -> Result<Self, PostgresError> {
        let place = address.place();
        let mut clients = Vec::new();
        for made in 0..connections.max(1) {
            let client = address.connect().await.map_err(|source| match made {
                0 => PostgresError::Connect { place: place.clone(), source },
                _ => PostgresError::Connections {
                    place: place.clone(),
                    made,
                    wanted: connections,
                    source,
                },
            })?;
            clients.push(client);
        }
        let schema = format!("boarding_bench_{}", Clock::system().id().0).to_lowercase();
        if let Some(first) = clients.first() {
            let fsync = first.query_one("SHOW fsync", &[]).await;
            let fsync: String = fsync.map_err(failed("show its settings"))?.get(0);
            if fsync != "on" {
                return Err(PostgresError::NotDurable { place, fsync });
            }
            let create = format!("CREATE SCHEMA {schema}; SET search_path TO {schema}; {TABLES}");
            first.batch_execute(&create).await.map_err(failed("create the tables of the bench"))?;
        }
        let mut opened = Self { schema, links: Vec::new() };
        for client in clients {
            match Link::new(client, &opened.schema).await {
                Ok(link) => opened.links.push(Arc::new(link)),
                Err(error) => {
                    let _ = opened.close().await;
                    return Err(error);
                }
            }
        }
        Ok(opened)
    }

    /// Removes the schema of the bench.
    ///
    /// # Errors
    /// When it cannot be removed.
    pub async fn close(&self) -> Result<(), PostgresError> {
        let Some(link) = self.links.first() else { return Ok(()) };
        let drop = format!("DROP SCHEMA {} CASCADE", self.schema);
        link.client.batch_execute(&drop).await.map_err(failed("remove the tables of the bench"))
    }

    /// Empties the tables before a round.
    async fn clear(&self) -> Result<(), PostgresError> {
        let Some(link) = self.links.first() else { return Ok(()) };
        let truncate = "TRUNCATE users, runs, recipients, outcomes, settings";
        link.client.batch_execute(truncate).await.map_err(failed("empty the tables of the bench"))
    }

    /// Does each piece of work on a connection that is free; all connections work at once. The durations are of pieces.
    async fn spread<T, F>(
        &self,
        pieces: Vec<T>,
        work: impl Fn(Arc<Link>, T) -> F + Clone + Send + 'static,
    ) -> Result<Timed, PostgresError>
    where
        T: Clone + Send + Sync + 'static,
        F: Future<Output = Result<(), PostgresError>> + Send + 'static,
    {
        let (pieces, next) = (Arc::<[T]>::from(pieces), Arc::new(AtomicUsize::new(0)));
        let started_all = Instant::now();
        let mut tasks: JoinSet<Result<Vec<Duration>, PostgresError>> = JoinSet::new();
        for link in &self.links {
            let (link, pieces) = (Arc::clone(link), Arc::clone(&pieces));
            let (next, work) = (Arc::clone(&next), work.clone());
            tasks.spawn(async move {
                let mut times = Vec::new();
                while let Some(piece) = pieces.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let started = Instant::now();
                    work(Arc::clone(&link), piece.clone()).await?;
                    times.push(started.elapsed());
                }
                Ok(times)
            });
        }
        Timed::joined(started_all, tasks).await
    }
}
