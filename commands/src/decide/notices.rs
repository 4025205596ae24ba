//! Who is told what: the mails of a company beside invitations and welcome mails, each asked for once.

use crate::company::Company;
use crate::event::{Event, MailTo, TemplateKind, Topic};
use crate::id::ImportId;
use crate::personal::Personal;

/// ML-14: what an import came to, for each of the designated administrators.
pub(super) fn batch_report(company: &Company, import: ImportId) -> Vec<Event> {
    if !company.settings.notify.batch_report {
        return Vec::new();
    }
    let key = format!("batch_report.{import}");
    to_admins(company, TemplateKind::BatchReport, &key, &Topic::Import(import))
}

/// One mail to each of the designated administrators.
fn to_admins(company: &Company, kind: TemplateKind, key: &str, about: &Topic) -> Vec<Event> {
    let admins = company.settings.designated_admin_emails.iter().zip(1..);
    let told = admins.map(|(email, n)| Event::NotificationRequested {
        kind,
        key: format!("{key}.{n}"),
        to: MailTo::Address(Personal(email.clone())),
        about: about.clone(),
    });
    told.collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::code::Code;
    use crate::decide::import_file::testing::{accepted, import_id, row};
    use crate::decide::pool::testing::setting;
    use crate::decide::testing::{Then, given};
    use crate::decide::{ClaimNotification, ImportRows};
    use crate::event::Existing;

    fn admins() -> Event {
        setting("designated_admin_emails", json!(["una@acme.example", "uwe@acme.example"]))
    }

    /// The last rows of a file of two, in a company with these settings.
    fn finished(settings: Vec<Event>) -> (crate::decide::testing::Given, ImportRows) {
        let company = given(settings.into_iter().chain([accepted(2, false, Existing::Skip)]));
        (company, ImportRows { import: import_id(), rows: vec![row(1, "ann"), row(2, "bob")] })
    }

    fn reports(then: Then) -> Vec<(String, MailTo)> {
        let events = then.0.unwrap().events.into_iter();
        let report = events.filter_map(|event| match event {
            Event::NotificationRequested { kind, key, to, about } => {
                assert_eq!((kind, about), (TemplateKind::BatchReport, Topic::Import(import_id())));
                Some((key, to))
            }
            _ => None,
        });
        report.collect()
    }

    /// ML-14: each designated administrator is told of a finished batch, each by a mail of its own key;
    /// where none is designated, or the mail is switched off, nobody is.
    #[test]
    fn ml_14_each_designated_administrator_is_told_of_a_finished_batch() {
        let (company, rows) = finished(vec![admins()]);
        let to = |email: &str| MailTo::Address(Personal(email.to_owned()));
        let key = |n: u32| format!("batch_report.{}.{n}", import_id());
        let expected = [(key(1), to("una@acme.example")), (key(2), to("uwe@acme.example"))];
        assert_eq!(reports(company.when(rows)), expected);
        let (company, rows) = finished(vec![]);
        assert!(reports(company.when(rows)).is_empty());
        let off = setting("notify.batch_report", json!(false));
        let (company, rows) = finished(vec![admins(), off]);
        assert!(reports(company.when(rows)).is_empty());
    }

    /// ML-14: while rows are left nobody is told; then each is claimed once, and nobody who bounced.
    #[test]
    fn ml_14_a_report_is_asked_for_at_the_end_and_claimed_once() {
        let (company, rows) = finished(vec![admins()]);
        let first = ImportRows { rows: rows.rows[..1].to_vec(), ..rows.clone() };
        assert!(reports(company.when(first.clone())).is_empty());
        let mut company = company.after(first).after(rows);
        company.0.suppressed.insert(crate::company::AddressMark::of("UWE@acme.example"));
        let claim = || ClaimNotification { most: 9 };
        let events = company.when(claim()).0.unwrap().events;
        let [Event::NotificationDispatched { email, .. }, Event::NotificationFailed { code, .. }] =
            events.as_slice()
        else {
            panic!("{events:?}")
        };
        assert_eq!((email.as_str(), *code), ("una@acme.example", Code::DeliverySuppressed));
        assert!(!company.after(claim()).when(claim()).0.unwrap().recorded);
    }
}
