//! Imports on Postgres: upserts of many rows each, or one COPY.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::SinkExt as _;
use tokio_postgres::types::ToSql;

use super::Postgres;
use super::error::{PostgresError, failed};
use super::link::Link;
use crate::bench::timed::Timed;
use crate::sample_data::{self, SamplePerson};

/// The bytes of the file that one message of COPY holds.
const COPY_BYTES: usize = 64 * 1024;

/// The columns of the sample file, which Postgres reads itself.
const INCOMING: &str = "
CREATE TEMPORARY TABLE incoming (
    username text, first_name text, last_name text, email text, phone text, org_unit text, role text
) ON COMMIT DROP";

const COPY: &str = "COPY incoming FROM STDIN WITH (FORMAT csv, HEADER)";

const FROM_INCOMING: &str = "
INSERT INTO users (company, username, first_name, last_name, email, phone, org_unit, role)
SELECT 'bench', username, first_name, last_name, email, phone, org_unit, role FROM incoming
ON CONFLICT (company, username) DO UPDATE SET
    first_name = EXCLUDED.first_name, last_name = EXCLUDED.last_name, email = EXCLUDED.email,
    phone = EXCLUDED.phone, org_unit = EXCLUDED.org_unit, role = EXCLUDED.role, updated_at = now()";

impl Postgres {
    /// Upserts the people of a seed, this many rows in each commit. It gets them ready made: reading and checking a file
    /// would take more time.
    ///
    /// # Errors
    /// When a statement fails.
    pub(in crate::bench) async fn import(
        &self,
        seed: u64,
        people: u64,
        rows: u64,
    ) -> Result<Timed, PostgresError> {
        self.clear().await?;
        let all: Vec<SamplePerson> = (0..people).map(|n| sample_data::person(seed, n)).collect();
        let rows = usize::try_from(rows.max(1)).unwrap_or(usize::MAX);
        let pieces: Vec<Vec<SamplePerson>> = all.chunks(rows).map(<[_]>::to_vec).collect();
        let upsert = |link: Arc<Link>, people: Vec<SamplePerson>| async move {
            link.upsert("bench", &people).await
        };
        let timed = self.spread(pieces, upsert).await?;
        Ok(timed.counting(people))
    }

    /// Copies the sample file into a temporary table and upserts all of it, in one commit.
    ///
    /// # Errors
    /// When the file cannot be read, or a statement fails.
    pub(in crate::bench) async fn copy(
        &self,
        file: &Path,
        people: u64,
    ) -> Result<Timed, PostgresError> {
        self.clear().await?;
        let Some(link) = self.links.first() else { return Ok(Timed::of_work(0, Duration::ZERO)) };
        let started = Instant::now();
        let begin = format!("BEGIN; {INCOMING}");
        link.client.batch_execute(&begin).await.map_err(failed("begin the copy"))?;
        let copying = link.client.copy_in::<_, Bytes>(COPY).await;
        let mut copying = Box::pin(copying.map_err(failed("begin the copy"))?);
        let mut file = File::open(file)?;
        loop {
            let mut part = vec![0; COPY_BYTES];
            let read = file.read(&mut part)?;
            if read == 0 {
                break;
            }
            part.truncate(read);
            copying.send(part.into()).await.map_err(failed("copy the file"))?;
        }
        let copied = copying.as_mut().finish().await.map_err(failed("copy the file"))?;
        link.client.execute(FROM_INCOMING, &[]).await.map_err(failed("upsert the copied rows"))?;
        link.client.batch_execute("COMMIT").await.map_err(failed("commit the copied rows"))?;
        match copied == people {
            true => Ok(Timed::of_work(people, started.elapsed())),
            false => Err(PostgresError::Wrong(format!("{copied} of {people} rows were copied"))),
        }
    }
}

impl Link {
    /// Upserts these people in one commit.
    pub(super) async fn upsert(
        &self,
        company: &str,
        people: &[SamplePerson],
    ) -> Result<(), PostgresError> {
        let column = |of: fn(&SamplePerson) -> &str| people.iter().map(of).collect::<Vec<_>>();
        let username = column(|one| &one.username);
        let (first, last) = (column(|one| one.first_name), column(|one| one.last_name));
        let (email, phone) = (column(|one| &one.email), column(|one| &one.phone_number));
        let (unit, role) = (column(|one| one.org_unit), column(|one| one.role));
        let columns: [&(dyn ToSql + Sync); 8] =
            [&company, &username, &first, &last, &email, &phone, &unit, &role];
        let done = self.client.execute(&self.upsert, &columns).await;
        let done = done.map_err(failed("upsert people"))?;
        match done == people.len() as u64 {
            true => Ok(()),
            false => {
                Err(PostgresError::Wrong(format!("{done} of {} rows were upserted", people.len())))
            }
        }
    }
}
