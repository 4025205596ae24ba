//! HTTP: commands, queries, files and events for owners of access tokens, pages, and the console.

pub mod limits;
pub mod server;

mod body;
mod caller;
mod calls;
mod commands;
mod console;
mod events;
mod html;
mod pages;
mod parameters;
mod queries;
mod response;
mod routes;
mod secret;
mod sessions;
mod state;
mod status;
mod throttle;
mod uploads;
