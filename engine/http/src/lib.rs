//! HTTP: commands, queries, files, events and the state of the engine, for the owners of access tokens.

pub mod limits;
pub mod server;

mod body;
mod caller;
mod commands;
mod events;
mod pages;
mod parameters;
mod queries;
mod response;
mod routes;
mod state;
mod status;
mod uploads;
