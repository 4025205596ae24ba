//! Commands about notification mails: claim, defer, report and resend them.

pub mod claim_notification;
pub mod defer_notifications;
pub mod report_notification;
pub mod resend_notifications;
