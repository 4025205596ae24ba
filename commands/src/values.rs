//! Values that commands and events are made of: parsed once, valid afterwards.

mod actor;
mod code;
pub mod damage;
mod digest;
pub mod email;
mod id;
pub mod links;
mod personal;
mod phone;
pub mod text;
mod time;
mod trace;

pub use boarding_csv::nearest;

pub use actor::{ENGINE, check_actor, check_nats_user};
pub use code::{Code, Problem, Refusal};
pub use digest::Digest;
pub(crate) use id::read_ulid;
pub use id::{
    CommandId, CompanyId, IdError, ImportId, InvitationId, RunId, TokenId, UserKey, fold, folded,
    ulid_of,
};
pub use personal::Personal;
pub use phone::{NotPhone, Phone, Reading};
pub use time::Time;
pub use trace::is_traceparent;
