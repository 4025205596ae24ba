//! The configuration of a NATS server that keeps companies apart: `nats.conf`, and the same in operator mode.

mod accounts;
mod operator_mode;
mod text;

pub use accounts::accounts_of_users;
pub use operator_mode::{
    ACCOUNTS_BEGIN, KeyOwner, Keys, OperatorMode, OperatorModeError, operator_mode, public_key,
};
pub use text::{nats_conf, passwords};
