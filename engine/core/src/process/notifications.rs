//! The notification worker: claims, sends and reports mails that are not invitations, and tries them again.

use boarding_commands::decide::notifications::claim_notification::{self, OpenNotification};
use boarding_commands::decide::outcome::MailOutcome;
use boarding_commands::decide::{
    ClaimNotification, ClaimTextNotifications, Command, DeferNotifications, ReportNotification,
};
use boarding_commands::event::Event;
use boarding_commands::values::{Code, Time};
use ulid::Ulid;

use super::mails::{self, NOT_WRITTEN};
use super::manager::{ManagerContext, WAITS, pause};
use super::transport_health::pause_seconds;
use crate::delivery::Lookup;
use crate::delivery::mail::{MailId, Purpose};
use crate::limits::{CLAIM_MAX, NOTIFICATION_CLAIM_MAX};
use crate::reply::Reply;

pub(super) async fn manage(manager: ManagerContext) {
    let since = manager.context.clock.now();
    warn_of_secret(&manager).await;
    recover(&manager, since).await;
    let mut pending = manager.handle.pending_work();
    let mut tries = 0;
    while !manager.is_closing() && !manager.handle.has_stopped() {
        let (fresh, retry_at) = {
            let pending = pending.borrow_and_update();
            (pending.notifications_due, pending.notifications_retry_at)
        };
        let now = manager.context.clock.now();
        if !fresh && retry_at.is_none_or(|at| at > now) {
            manager.wait_until(&mut pending, retry_at).await;
            continue;
        }
        match manager.context.transport_for(Purpose::Notification, false).ready().await {
            Ok(()) => {
                tries = 0;
                if manager.context.waiting.end_notifications_wait(&manager.company) {
                    tracing::info!(company = %manager.company, "notifications go on");
                }
                if !claim_and_send(&manager, since, claim(&manager)).await {
                    pause().await;
                }
            }
            Err(last_words) if !manager.is_closing() => {
                manager.context.waiting.begin_notifications_wait(&manager.company, now);
                let texts_go_on = send_texts(&manager, since).await;
                defer(&manager, since, last_words, tries == 0, texts_go_on).await;
                manager
                    .rest(&mut pending, pause_seconds(tries), |pending| pending.notifications_due)
                    .await;
                tries += 1;
            }
            Err(_) => break,
        }
    }
    manager.context.waiting.end_notifications_wait(&manager.company);
}

/// Logs that no link of earlier mails works, because the secret is another one.
async fn warn_of_secret(manager: &ManagerContext) {
    if mails::has_other_secret(manager).await {
        tracing::error!(company = %manager.company, "the secret of the links is missing or was changed, no link works and none is mailed: put the file `secret` back, or accept the new one with `boarding config unset link_secret`");
    }
}

fn claim(manager: &ManagerContext) -> ClaimNotification {
    ClaimNotification { most: NOTIFICATION_CLAIM_MAX, via: manager.context.transport.name() }
}

/// Claims mails and sends them. Returns whether the claim had events.
async fn claim_and_send(manager: &ManagerContext, since: Time, claim: impl Into<Command>) -> bool {
    let Reply::Accepted { events, .. } = manager.submit(claim, Ulid::nil()).await else {
        return false;
    };
    if !events.is_empty() {
        send(manager, since, &events).await;
    }
    !events.is_empty()
}

/// Sends text messages while mails wait. Returns whether their transport can send.
async fn send_texts(manager: &ManagerContext, since: Time) -> bool {
    let Some(texts) = manager.context.transport.texts() else { return false };
    let mut can_send = texts.ready().await.is_ok();
    while can_send && !manager.is_closing() {
        if !claim_and_send(manager, since, ClaimTextNotifications(claim(manager))).await {
            break;
        }
        can_send = texts.ready().await.is_ok();
    }
    can_send
}

/// Stores that the waiting mails are tried again later, because the transport cannot send now.
async fn defer(
    manager: &ManagerContext,
    working_since: Time,
    last_words: String,
    is_first: bool,
    texts_go_on: bool,
) {
    if is_first {
        tracing::warn!(target: WAITS, company = %manager.company, %last_words, "notifications wait for their transport");
    }
    let (most, via) = (CLAIM_MAX, manager.context.transport.name());
    let with_texts = !texts_go_on;
    let command = DeferNotifications { most, with_texts, via, working_since, last_words };
    loop {
        match manager.submit(command.clone(), Ulid::nil()).await {
            Reply::Accepted { events, .. } if events.len() == most => {}
            Reply::Accepted { .. } => return,
            Reply::Refused(_) | Reply::Failed { .. } | Reply::TooLarge => return pause().await,
        }
    }
}

/// Decides about open claims of an earlier process. A mail that is found in its outbox counts as sent. One that is
/// certainly missing is sent again, or deferred if another transport has to send it. If that is unknown, it is sent again
/// only by the same transport, and only if the transport deduplicates. Others are reported as uncertain.
async fn recover(manager: &ManagerContext, since: Time) {
    let now = manager.context.clock.now();
    let texts = manager.context.transport.texts().is_some();
    let open =
        manager.inspect(move |company| claim_notification::open_claims(company, texts, now)).await;
    let open = open.unwrap_or_default();
    let id = |open: &OpenNotification| MailId {
        company: manager.company.clone(),
        purpose: if open.is_welcome { Purpose::Welcome } else { Purpose::Notification },
        message_id: open.message_id.clone(),
        is_text: open.is_text,
    };
    let outbox = |open: &OpenNotification| open.handed_to.as_ref().and_then(|to| to.outbox);
    let mails = open.iter().map(|open| (outbox(open), id(open))).collect();
    // Welcome mails have the transport of the other notifications.
    let found = mails::look_up(manager, Purpose::Notification, mails).await;
    let (mut again, mut reports) = (Vec::new(), Vec::new());
    for (open, found) in open.into_iter().zip(found) {
        let is_safe = is_safe_again(manager, &open, found);
        let outcome = match (found, open.claim) {
            (Lookup::Delivered, _) => MailOutcome::SENT,
            (Lookup::NotDelivered | Lookup::Unknown, Ok(claim)) if is_safe => {
                again.push(claim);
                continue;
            }
            (Lookup::NotDelivered, Ok(_)) => MailOutcome::unavailable(NOT_WRITTEN),
            (Lookup::NotDelivered, Err(code)) => MailOutcome::failed(code),
            (Lookup::Unknown, _) => MailOutcome::failed(Code::DeliveryUncertain),
        };
        reports.push((open.key, outcome));
    }
    if !again.is_empty() {
        send(manager, since, &again).await;
    }
    if !reports.is_empty() {
        report(manager, since, reports).await;
    }
}

/// Whether the transport that got the mail may get it again, without a new claim.
fn is_safe_again(manager: &ManagerContext, open: &OpenNotification, found: Lookup) -> bool {
    let (context, is_text) = (&manager.context, open.is_text);
    let Some(handed_to) = &open.handed_to else { return false };
    let transport = context.transport_for(Purpose::Notification, is_text);
    let repeats = context.repeats_within_seconds(Purpose::Notification, is_text) > 0;
    handed_to.via == transport.name()
        && mails::is_safe_again(found, handed_to.outbox, transport.outbox(), repeats)
}

fn keys(events: &[Event]) -> impl Iterator<Item = String> + '_ {
    events.iter().filter_map(|event| match event {
        Event::NotificationDispatched { key, .. } => Some(key.clone()),
        _ => None,
    })
}

async fn send(manager: &ManagerContext, since: Time, events: &[Event]) {
    let sent = mails::send(manager, events).await;
    // No external worker reports on notifications, so one without an outcome counts as uncertain.
    let uncertain_report = || MailOutcome::failed(Code::DeliveryUncertain);
    let sent = sent.into_iter().map(|report| report.unwrap_or_else(uncertain_report));
    report(manager, since, keys(events).zip(sent).collect()).await;
}

async fn report(
    manager: &ManagerContext,
    working_since: Time,
    reports: Vec<(String, MailOutcome)>,
) {
    let via = manager.context.transport.name();
    let command = ReportNotification { via, working_since, reports };
    while let Reply::Failed { why, .. } = manager.submit(command.clone(), Ulid::nil()).await {
        if manager.handle.has_stopped() {
            return;
        }
        tracing::warn!(company = %manager.company, %why, "append failed, retrying reports of notifications");
        pause().await;
    }
}
