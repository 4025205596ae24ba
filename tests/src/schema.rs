//! The machine-readable contract: real messages are valid by it, and changes must not break it.

mod asyncapi;
mod committed;
mod compare;
mod events;
mod messages;
mod queries;
mod test_engine;
