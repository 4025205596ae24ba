//! The program from outside: exit statuses, JSON shapes, and the main job as journeys.

mod contract;
mod demo;
mod imports;
mod notifications;
mod numbers;
mod ocm;
mod previews;
mod roles;
mod runs;
mod schema;
