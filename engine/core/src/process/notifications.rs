//! The notification worker: claims, sends and reports mails that are not invitations, without retry.

use boarding_commands::decide::notifications::claim_notification;
use boarding_commands::decide::outcome::MailOutcome;
use boarding_commands::decide::{ClaimNotification, ReportNotification};
use boarding_commands::event::Event;
use boarding_commands::values::Code;
use ulid::Ulid;

use super::mails;
use super::manager::{ManagerContext, pause};
use crate::delivery::mail::Purpose;
use crate::limits::WELCOME_CLAIM_MAX;
use crate::reply::Reply;

pub(super) async fn manage(manager: ManagerContext) {
    recover(&manager).await;
    let mut pending = manager.handle.pending_work();
    while manager.until(&mut pending, |pending| pending.welcome.then_some(())).await.is_some() {
        match manager.submit(ClaimNotification { most: WELCOME_CLAIM_MAX }, Ulid::nil()).await {
            Reply::Accepted { events, .. } => send(&manager, &events).await,
            Reply::Refused(_) | Reply::Failed { .. } | Reply::TooLarge => pause().await,
        }
    }
}

/// Handles open claims of an earlier process. They are sent again only if the channel deduplicates and the
/// notification is still wanted. Others are reported as uncertain.
async fn recover(manager: &ManagerContext) {
    let now = manager.context.clock.now();
    let open = manager.inspect(move |company| claim_notification::open_claims(company, now)).await;
    let repeats = manager.context.repeats_within_seconds(Purpose::Notice) > 0;
    let (mut again, mut uncertain) = (Vec::new(), Vec::new());
    for (key, claim) in open.unwrap_or_default() {
        match claim.filter(|_| repeats) {
            Some(claim) => again.push(claim),
            None => uncertain.push(key),
        }
    }
    if !again.is_empty() {
        send(manager, &again).await;
    }
    if !uncertain.is_empty() {
        let in_doubt = || MailOutcome::failed(Code::DeliveryUncertain);
        report(manager, uncertain.into_iter().map(|key| (key, in_doubt())).collect()).await;
    }
}

fn keys(events: &[Event]) -> impl Iterator<Item = String> + '_ {
    events.iter().filter_map(|event| match event {
        Event::NotificationDispatched { key, .. } => Some(key.clone()),
        _ => None,
    })
}

async fn send(manager: &ManagerContext, events: &[Event]) {
    let sent = mails::send(manager, events).await;
    // No external worker reports on notifications, so one without an outcome counts as uncertain.
    let uncertain_report = || MailOutcome::failed(Code::DeliveryUncertain);
    let sent = sent.into_iter().map(|report| report.unwrap_or_else(uncertain_report));
    report(manager, keys(events).zip(sent).collect()).await;
}

async fn report(manager: &ManagerContext, reports: Vec<(String, MailOutcome)>) {
    while let Reply::Failed { why, .. } =
        manager.submit(ReportNotification { reports: reports.clone() }, Ulid::nil()).await
    {
        if manager.handle.has_stopped() {
            return;
        }
        tracing::warn!(company = %manager.company, %why, "append failed, retrying reports of notifications");
        pause().await;
    }
}
