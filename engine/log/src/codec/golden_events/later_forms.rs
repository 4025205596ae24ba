//! Events with the fields that were added later, for the golden bytes.

use boarding_commands::event::*;
use boarding_commands::values::Personal;

use super::{IMPORT, RUN, of, phone, row, text, unsupervising_undo, who};

/// Events with the fields that were added later, by the names of their golden files. Without these fields, an event
/// is stored as it was before.
pub(in super::super) fn later_forms() -> Vec<(&'static str, Event)> {
    let mut accepted = of("ImportAccepted");
    if let Event::ImportAccepted { ignored, .. } = &mut accepted {
        *ignored = IgnoredRows { notes: 2, blank: 1 };
    }
    let mut completed = of("ImportCompleted");
    if let Event::ImportCompleted { counts, .. } = &mut completed {
        *counts = Counts { notes: 2, blank_rows: 1, ..*counts };
    }
    let row = RowRef { lost: 1, ..row() };
    let mut dispatched = of("InviteDispatched");
    if let Event::InviteDispatched { sent_on, .. } = &mut dispatched {
        *sent_on = Some(SentOn { phone: Some(phone()), on_record: true });
    }
    let mut unit = of("OrgUnitDefined");
    if let Event::OrgUnitDefined { default_permission_group, .. } = &mut unit {
        *default_permission_group = Some(text("Traders"));
    }
    let mut texted = of("InviteDispatched");
    if let Event::InviteDispatched { email, sent_on, device, .. } = &mut texted {
        (*email, *device) = (Personal(String::new()), Some(phone()));
        *sent_on = Some(SentOn { phone: None, on_record: false });
    }
    let mut reminded = of("NotificationDispatched");
    if let Event::NotificationDispatched { email, device, .. } = &mut reminded {
        (*email, *device) = (Personal(String::new()), Some(phone()));
    }
    let mut retry = of("RunRequested");
    if let Event::RunRequested { source, list_version, .. } = &mut retry {
        let outcomes = vec![RetryOutcome::Failed, RetryOutcome::Uncertain];
        *source = Source::FailedOf { run: RUN, outcomes };
        *list_version = Some(2);
    }
    let mut rest = of("RunRequested");
    if let Event::RunRequested { source, list_version, .. } = &mut rest {
        *source = Source::Import(IMPORT);
        *list_version = Some(3);
    }
    let mut open = rest.clone();
    if let Event::RunRequested { list_version, .. } = &mut open {
        *list_version = Some(4);
    }
    let mut renewed = of("ImportNotificationRequested");
    if let Event::ImportNotificationRequested { generation, .. } = &mut renewed {
        *generation = Some(2);
    }
    let mut picture = of("PictureInserted");
    if let Event::PictureInserted { replaced, .. } = &mut picture {
        *replaced = Some("7d".repeat(32));
    }
    vec![
        ("PictureInserted.replaced", picture),
        ("RunRequested.not_invited", rest),
        ("RunRequested.no_working_link", open),
        ("ImportNotificationRequested.generation", renewed),
        ("RunRequested.list_version", retry),
        ("ImportAccepted.ignored", accepted),
        ("ImportCompleted.notes", completed),
        ("InviteDispatched.sent_on", dispatched),
        ("InviteDispatched.device", texted),
        ("OrgUnitDefined.default_permission_group", unit),
        ("ImportUndone.unsupervised", unsupervising_undo()),
        ("NotificationDispatched.device", reminded),
        ("RowUnchanged.lost", Event::RowUnchanged { user: who(), row }),
    ]
}
