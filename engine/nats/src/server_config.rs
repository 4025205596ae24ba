//! The configuration of a NATS server that keeps companies apart: `nats.conf`, and the same in operator mode.

mod accounts;
mod operator_mode;
mod text;

pub use operator_mode::{KeyOwner, OperatorMode, OperatorModeError, operator_mode};
pub use text::{nats_conf, passwords};
