//! Helpers that several modules share.

pub(crate) mod answers;
pub(crate) mod clients;
pub(crate) mod disk;
pub(crate) mod mail_server;
pub(crate) mod mail_text;
pub(crate) mod nats;
pub(crate) mod page;
pub(crate) mod paths;
pub(crate) mod pictures;
pub(crate) mod program;
pub(crate) mod proxy;
pub(crate) mod random;
pub(crate) mod running_engine;
pub(crate) mod shell;
pub(crate) mod validator;
pub(crate) mod wait;
