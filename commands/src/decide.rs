//! `decide`: the rule of each command, one file per command.

mod changes;
mod command;
pub mod company;
mod dialect_rules;
mod end_links;
pub mod facts;
pub mod imports;
pub mod invitations;
mod key_spelling;
pub mod notifications;
pub mod numbers;
pub mod outcome;
mod rule;
pub mod runs;
#[cfg(test)]
pub mod testing;
pub mod users;

pub use command::*;
pub use facts::Facts;
pub use rule::{
    Authority, Context, Decide, Decision, MAX_TEXT_CHARS, MailSetup, check_mail_placeholders,
    check_mail_settings, check_text,
};
pub use runs::queue::next_tick_at;
