//! One connection to Postgres, with its prepared statements.

use tokio_postgres::{Client, Statement};

use super::error::{PostgresError, failed};

const UPSERT: &str = "
INSERT INTO users (company, username, first_name, last_name, email, phone, org_unit, role)
SELECT $1, * FROM unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[])
ON CONFLICT (company, username) DO UPDATE SET
    first_name = EXCLUDED.first_name, last_name = EXCLUDED.last_name, email = EXCLUDED.email,
    phone = EXCLUDED.phone, org_unit = EXCLUDED.org_unit, role = EXCLUDED.role, updated_at = now()";

/// Freezes the recipients with the run, in one commit.
const START: &str = "
WITH started AS (
    INSERT INTO runs (company, channel, state) VALUES ($1, 'whatsapp', 'active') RETURNING run
), frozen AS (
    INSERT INTO recipients (run, username, state)
    SELECT run, username, 'waiting' FROM started, users WHERE company = $1
    RETURNING username
)
SELECT run, username FROM started, frozen";

const CLAIM_ONE: &str = "
UPDATE recipients SET state = 'claimed', claimed_at = now()
WHERE run = $1 AND username = $2 AND state = 'waiting'";

const CLAIM_MANY: &str = "
UPDATE recipients SET state = 'claimed', claimed_at = now()
WHERE run = $1 AND username = ANY($2::text[]) AND state = 'waiting'";

const REPORT_ONE: &str = "
WITH done AS (
    UPDATE recipients SET state = 'done' WHERE run = $1 AND username = $2 RETURNING run, username
)
INSERT INTO outcomes (run, username, outcome) SELECT run, username, 'sent' FROM done";

const REPORT_MANY: &str = "
WITH done AS (
    UPDATE recipients SET state = 'done' WHERE run = $1 AND username = ANY($2::text[])
    RETURNING run, username
)
INSERT INTO outcomes (run, username, outcome) SELECT run, username, 'sent' FROM done";

const COMPLETE: &str = "UPDATE runs SET state = 'completed', ended_at = now() WHERE run = $1";

const ADD_USER: &str = "
INSERT INTO users (company, username, first_name, last_name, email) VALUES ($1, $2, 'Ann', 'Lee', $3)";

const ADD_PHONE: &str =
    "UPDATE users SET phone = $3, updated_at = now() WHERE company = $1 AND username = $2";

const SET_NAME: &str = "
INSERT INTO settings (company, company_name) VALUES ($1, $2)
ON CONFLICT (company) DO UPDATE SET company_name = EXCLUDED.company_name";

const PAGE: &str = "
SELECT username, first_name, last_name, email, phone, org_unit, role
FROM users WHERE company = $1 AND username > $2 ORDER BY username LIMIT $3";

/// A connection. Its requests may overlap: it sends the next one before the answer to the last.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) client: Client,
    pub(super) upsert: Statement,
    pub(super) start: Statement,
    pub(super) claim_one: Statement,
    pub(super) claim_many: Statement,
    pub(super) report_one: Statement,
    pub(super) report_many: Statement,
    pub(super) complete: Statement,
    pub(super) add_user: Statement,
    pub(super) add_phone: Statement,
    pub(super) set_name: Statement,
    pub(super) page: Statement,
}

impl Link {
    /// Prepares the statements in this schema.
    pub(super) async fn new(client: Client, schema: &str) -> Result<Self, PostgresError> {
        let settings = format!("SET search_path TO {schema}; SET synchronous_commit TO on");
        client.batch_execute(&settings).await.map_err(failed("set up a connection"))?;
        let prepare =
            async |sql: &str| client.prepare(sql).await.map_err(failed("prepare a statement"));
        let upsert = prepare(UPSERT).await?;
        let start = prepare(START).await?;
        let (claim_one, claim_many) = (prepare(CLAIM_ONE).await?, prepare(CLAIM_MANY).await?);
        let (report_one, report_many) = (prepare(REPORT_ONE).await?, prepare(REPORT_MANY).await?);
        let complete = prepare(COMPLETE).await?;
        let (add_user, add_phone) = (prepare(ADD_USER).await?, prepare(ADD_PHONE).await?);
        let (set_name, page) = (prepare(SET_NAME).await?, prepare(PAGE).await?);
        Ok(Self {
            client,
            upsert,
            start,
            claim_one,
            claim_many,
            report_one,
            report_many,
            complete,
            add_user,
            add_phone,
            set_name,
            page,
        })
    }
}
