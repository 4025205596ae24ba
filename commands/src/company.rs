//! `Company`: the state that a company's commands are decided from, folded from its events alone.
//!
//! `state` is the data, `fold` changes it, and the other modules answer questions about it.

mod access_tokens;
mod account_addresses;
mod address;
mod bindings;
mod claim;
pub mod effects;
pub mod filter;
mod fold;
mod grants;
mod holders;
mod import;
mod import_invites;
pub mod link;
mod link_ends;
pub(crate) mod link_life;
mod link_page;
pub mod notification;
pub mod numbers;
mod own_template;
mod picture_imports;
mod reminders;
pub mod run;
pub mod selection;
mod state;
mod user_id;
pub mod users;
mod value_mark;
mod wording;

pub use access_tokens::{AccessTokens, TokenFacts};
pub use address::Address;
pub use bindings::{Binding, Bindings};
pub use claim::InvitationClaim;
pub use effects::{Effects, RowEffect, TakenPhone, UserSnapshot};
pub use grants::Grants;
pub use holders::INDEXED;
pub use import::{ImportLink, ImportState, Invites, OpenPictures, Placing, Undo};
pub use import_invites::ImportInvites;
pub use link::{Invitation, InvitationState, LastMail, Link, LinkBasis};
pub use link_ends::LinkEnds;
pub use link_life::LiveLink;
pub use link_page::LinkPage;
pub use notification::{
    Addressee, DeferredNotifications, Expired, Notification, NotificationContent,
};
pub use numbers::{Alarm, Alarms, Number, NumberOwner, NumberState, Numbers, Stock};
pub use own_template::{OwnTemplate, TemplateText};
pub use reminders::Reminders;
pub use run::{AddressMark, ClaimInFlight, Recipient, RecipientState, Run, RunState};
pub use state::{BULK_INTEGRATION, Company, OrgUnit};
pub use user_id::UserId;
pub use users::{User, UserState, Users};
pub use value_mark::ValueMark;
