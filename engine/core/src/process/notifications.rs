//! Mails that are not invitations (LX-14, OC-14, ML-14, catalogue 3.6): claimed, sent and reported, like invitations; a failed one is not tried again.

use boarding_commands::decide::notifications::claim_notification;
use boarding_commands::decide::runs::recipients::Report;
use boarding_commands::decide::{ClaimNotification, ReportNotification};
use boarding_commands::event::{Channel, Event};
use boarding_commands::values::Code;
use ulid::Ulid;

use super::{Desk, pause};
use crate::actor::Reply;
use crate::delivery::mail::Purpose;
use crate::limits::WELCOME_CLAIM_MAX;

pub(super) async fn manage(desk: Desk) {
    recover(&desk).await;
    let mut chores = desk.hot.chores();
    while desk.until(&mut chores, |chores| chores.welcome.then_some(())).await.is_some() {
        match desk.ask(ClaimNotification { most: WELCOME_CLAIM_MAX }, Ulid::nil()).await {
            Reply::Accepted { events, .. } => send(&desk, &events).await,
            Reply::Refused(_) | Reply::Failed { .. } | Reply::TooLarge => pause().await,
        }
    }
}

/// Claims of an earlier process: sent again only where that cannot reach anybody twice, and where it would
/// be claimed again.
async fn recover(desk: &Desk) {
    let now = desk.core.clock.now();
    let open = desk.look(move |company| claim_notification::open_claims(company, now)).await;
    let repeats = desk.core.repeats_within_seconds(Purpose::Notice) > 0;
    let (mut again, mut uncertain) = (Vec::new(), Vec::new());
    for (key, claim) in open.unwrap_or_default() {
        match claim.filter(|_| repeats) {
            Some(claim) => again.push(claim),
            None => uncertain.push(key),
        }
    }
    if !again.is_empty() {
        send(desk, &again).await;
    }
    if !uncertain.is_empty() {
        let in_doubt = || Report::Permanent { code: Code::DeliveryUncertain, detail: None };
        tell(desk, uncertain.into_iter().map(|key| (key, in_doubt())).collect()).await;
    }
}

fn keys(events: &[Event]) -> impl Iterator<Item = String> + '_ {
    events.iter().filter_map(|event| match event {
        Event::NotificationDispatched { key, .. } => Some(key.clone()),
        _ => None,
    })
}

async fn send(desk: &Desk, events: &[Event]) {
    let sent = desk.send(events, Channel::Whatsapp).await;
    // Nobody outside reports about such a mail: one that was handed on is not heard of again.
    let unheard = || Report::Permanent { code: Code::DeliveryUncertain, detail: None };
    let sent = sent.into_iter().map(|report| report.unwrap_or_else(unheard));
    tell(desk, keys(events).zip(sent).collect()).await;
}

async fn tell(desk: &Desk, reports: Vec<(String, Report)>) {
    while let Reply::Failed { why, .. } =
        desk.ask(ReportNotification { reports: reports.clone() }, Ulid::nil()).await
    {
        if desk.hot.is_gone() {
            return;
        }
        tracing::warn!(company = %desk.company, %why, "reports of mails wait");
        pause().await;
    }
}
