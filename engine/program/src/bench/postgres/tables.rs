//! The tables of the bench on Postgres.

/// Only the indexes that the work needs: a user name and a phone number are unique in a company, and a company has one
/// active run.
pub(super) const TABLES: &str = "
CREATE TABLE users (
    company text NOT NULL,
    username text NOT NULL,
    first_name text NOT NULL,
    last_name text NOT NULL,
    email text NOT NULL,
    phone text,
    org_unit text,
    role text,
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (company, username)
);
CREATE UNIQUE INDEX users_phone ON users (company, phone);
CREATE TABLE runs (
    run bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    company text NOT NULL,
    channel text NOT NULL,
    state text NOT NULL,
    started_at timestamptz NOT NULL DEFAULT now(),
    ended_at timestamptz
);
CREATE UNIQUE INDEX runs_active ON runs (company) WHERE state = 'active';
CREATE TABLE recipients (
    run bigint NOT NULL,
    username text NOT NULL,
    state text NOT NULL,
    claimed_at timestamptz,
    PRIMARY KEY (run, username)
);
CREATE TABLE outcomes (
    run bigint NOT NULL,
    username text NOT NULL,
    outcome text NOT NULL,
    at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (run, username)
);
CREATE TABLE settings (
    company text PRIMARY KEY,
    company_name text NOT NULL
);
";
