//! The HTTP server as other programs use it: the real process, a client library, access tokens.

mod client;
mod cluster;
mod events;
mod refusals;
mod requests;
mod status;
mod uploads;
