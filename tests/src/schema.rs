//! The contract in machine-readable form: true to real data, kept as a fixture, and never broken unseen.

mod asyncapi;
mod committed;
mod compare;
mod events;
mod journey;
mod proof;
mod queries;
