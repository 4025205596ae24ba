//! Mails about imports, runs, numbers and invitations.

pub mod claim_notification;
pub mod report_notification;
