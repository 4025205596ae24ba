//! Tests.

mod csv_fixtures;
