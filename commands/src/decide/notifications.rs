//! Mails about imports, runs, numbers and invitations.

pub mod claim_notification;
pub mod defer_notifications;
pub mod report_notification;
pub mod resend_notifications;
