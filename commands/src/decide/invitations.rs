//! Single invitations: resend, revoke, link, move.

pub mod link_completed;
#[cfg(test)]
mod link_laws;
pub mod move_pending_invitations;
pub mod record_click;
pub mod resend_invitation;
pub mod revoke_invitation;
pub mod unlink_user;
