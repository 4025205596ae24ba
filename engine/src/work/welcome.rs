//! Welcome mails (LX-14) and mails to administrators (OC-14): claimed, sent and reported, like invitations; a failed one is not tried again.

use boarding_commands::code::Code;
use boarding_commands::decide::recipients::Report;
use boarding_commands::decide::{ClaimNotification, ReportNotification, claim_notification};
use boarding_commands::event::{Channel, Event};
use boarding_commands::personal::Personal;
use ulid::Ulid;

use super::{Desk, pause};
use crate::config::WELCOME_CLAIM_MAX;
use crate::hot::Reply;
use crate::mail::Purpose;

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

/// Claims of an earlier process: sent again only where that cannot reach anybody twice.
async fn recover(desk: &Desk) {
    let claims = desk.look(|company| {
        let open = company.notifications.iter().filter(|(_, one)| one.dispatched);
        let claim = |(key, one): (&String, &boarding_commands::company::Notification)| {
            let (user, email) = claim_notification::recipient(company, &one.to)?;
            Some(Event::NotificationDispatched {
                key: key.clone(),
                user: Personal(user),
                email: Personal(email),
                message_id: claim_notification::message_id(company, key),
            })
        };
        open.filter_map(claim).collect::<Vec<_>>()
    });
    let claims = claims.await.unwrap_or_default();
    if claims.is_empty() {
        return;
    }
    if desk.core.repeats_within_seconds(Purpose::Welcome) > 0 {
        return send(desk, &claims).await;
    }
    let uncertain = Report::Permanent { code: Code::DeliveryUncertain, detail: None };
    tell(desk, keys(&claims).map(|key| (key, uncertain.clone())).collect()).await;
}

fn keys(events: &[Event]) -> impl Iterator<Item = String> + '_ {
    events.iter().filter_map(|event| match event {
        Event::NotificationDispatched { key, .. } => Some(key.clone()),
        _ => None,
    })
}

async fn send(desk: &Desk, events: &[Event]) {
    let sent = desk.send(events, Channel::Whatsapp).await;
    // Nobody outside reports about a welcome mail: one that was handed on is not heard of again.
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
        tracing::warn!(company = %desk.company, %why, "reports of welcome mails wait");
        pause().await;
    }
}
