//! `RenewImportLink`: a new link that invites the people of an import, by mail to the administrator.

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::company::{Company, Undo};
use crate::decide::rule::{Context, Decide, Decision};
use crate::event::{Event, Permission, import_completed_key};
use crate::values::{Code, ImportId, Personal, Refusal, Time};

/// The most links of one import: their number has two bytes in the token of the link.
const LINKS_MAX: u32 = 65_535;

/// Sends `network_admin_email` a new link that invites the people of an import without a working invitation. The older
/// links of the import end.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RenewImportLink {
    /// `latest`, or an import's id.
    #[serde(alias = "import_id")]
    #[schemars(extend("x-aliases" = ["import_id"]))]
    pub import: String,
}

#[derive(Serialize, JsonSchema)]
struct Renewed {
    import: ImportId,
    /// When the new link expires.
    expires_at: Time,
}

impl Decide for RenewImportLink {
    const NEEDS: Option<Permission> = Some(Permission::BulkIntegrateUsers);

    fn result_schema(generator: &mut SchemaGenerator) -> Schema {
        Renewed::json_schema(generator)
    }

    fn decide(&self, company: &Company, context: &Context<'_>) -> Result<Decision, Refusal> {
        let id = company.import_named(&self.import)?;
        let import = company.imports.get(&id).ok_or(Code::ImportNotFound)?;
        if !import.completed {
            return Err(Code::ImportNotCompleted.into());
        }
        if import.undo != Undo::No {
            return Err(Code::ImportAlreadyUndone.into());
        }
        context.require_link_secret(company)?;
        context.require_notification_settings(company, company.import_mail_has_link(id))?;
        let email = company.settings.network_admin_email.clone();
        let email = email.ok_or(Code::ConfigNetworkAdminEmailUnset)?;
        let generation = import.link.map_or(1, |link| link.generation + 1);
        if generation > LINKS_MAX {
            let details = json!({"limit": LINKS_MAX});
            return Err(Refusal::new(Code::ConfigInvalidValue)
                .saying("the import has had all links that it may have; import the file again")
                .with(details));
        }
        let expires_at = context.at.plus_seconds(3600 * company.settings.import_link_ttl_hours);
        let requested = Event::ImportNotificationRequested {
            import: id,
            email: Personal(email),
            expires_at,
            generation: Some(generation),
        };
        let result = json!(Renewed { import: id, expires_at });
        // A mail that still waits would show the new link too. An earlier mail that was requeued fails at its claim.
        let replaced = waiting_mails(company, id, import.link.map(|link| link.generation));
        let replaced = replaced.map(|key| ended(key, Code::InvitationSuperseded));
        let events = std::iter::once(requested).chain(replaced).collect();
        Ok(Decision::append(events).with_result(result))
    }
}

/// The keys of the mails with links of these generations that were not claimed yet.
pub(super) fn waiting_mails(
    company: &Company,
    id: ImportId,
    generations: impl IntoIterator<Item = u32>,
) -> impl Iterator<Item = String> {
    let keys = generations.into_iter().map(move |generation| import_completed_key(id, generation));
    keys.filter(|key| {
        company.notifications.get(key).is_some_and(|mail| !mail.dispatched)
            || company.deferred_notifications.has(key)
    })
}

/// The event of a mail that is not sent any more, for this reason.
pub(super) fn ended(key: String, code: Code) -> Event {
    Event::NotificationFailed { key, code, detail: None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::imports::import_file::testing::{accepted, import_id, row};
    use crate::decide::testing::{Given, Input, NOW, channel_enabled, given};
    use crate::decide::{ClaimNotification, Command, Facts, ImportRows, ResendNotifications};
    use crate::event::Existing;

    /// A company whose import of one person is over; its administrator gets mails about imports.
    fn imported() -> Given {
        let setting = "network_admin_email".to_owned();
        let admin = Event::CompanyConfigChanged { setting, value: json!("admin@acme.example") };
        let company = given([channel_enabled(), admin, accepted(1, false, Existing::Skip)]);
        company.after(ImportRows::alone(import_id(), vec![row(1, "ann")]))
    }

    fn follow(generation: u32) -> Input {
        let body = json!({"source": {"token": "t"}, "channel": "whatsapp", "mode": "confirmed"});
        let command = Command::read("StartBulkIntegration", body).unwrap();
        Input { command, facts: Facts::Import(import_id(), generation) }
    }

    /// OC-14: a new link replaces the older one, also if that was used or has expired.
    #[test]
    fn new_link_replaces_the_older_one() {
        let renew = || RenewImportLink { import: "latest".to_owned() };
        let company = imported().after(renew());
        company.when(follow(1)).then_refused(Code::InvitationSuperseded);
        assert_eq!(company.when(follow(2)).names()[..1], ["RunRequested"]);
        let company = company.after(follow(2));
        company.when(follow(2)).then_refused(Code::InvitationAlreadyUsed);
        let company = company.after(renew());
        company.when(follow(2)).then_refused(Code::InvitationSuperseded);
        let link = company.0.imports[&import_id()].link.unwrap();
        assert_eq!((link.generation, link.used), (3, false));
        assert_eq!(link.expires_at, NOW.plus_seconds(7 * 24 * 3600));
    }

    /// OC-14: a mail that still waits is replaced by the mail with the new link, also after it was sent again by hand.
    #[test]
    fn new_link_replaces_a_mail_that_waits() {
        let renew = || RenewImportLink { import: "latest".to_owned() };
        let claim = || ClaimNotification { most: 9, via: "smtp" };
        let key = |generation| import_completed_key(import_id(), generation);
        let company = imported();
        let failed = |generation| Event::NotificationFailed {
            key: key(generation),
            code: Code::InvitationSuperseded,
            detail: None,
        };
        assert_eq!(company.when(renew()).events()[1..], [failed(1)]);
        let company = company.after(renew());
        let claimed = company.when(claim()).events();
        let is_second = |event: &&Event| matches!(event, Event::NotificationDispatched { key: found, .. } if *found == key(2));
        assert_eq!(claimed.iter().filter(is_second).count(), 1, "{claimed:?}");
        assert_eq!(company.when(claim()).names().len(), 2);
        let again = ResendNotifications { keys: vec![key(1)], ..ResendNotifications::default() };
        let claimed = company.after(again).when(claim()).events();
        assert!(claimed.contains(&failed(1)), "{claimed:?}");
    }

    #[test]
    fn link_without_a_reader_is_refused() {
        let command = || RenewImportLink { import: import_id().to_string() };
        given([]).when(command()).then_refused(Code::ImportNotFound);
        let accepted = given([channel_enabled(), accepted(1, false, Existing::Skip)]);
        accepted.when(command()).then_refused(Code::ImportNotCompleted);
        let company = accepted.after(ImportRows::alone(import_id(), vec![row(1, "ann")]));
        company.when(command()).then_refused(Code::ConfigNetworkAdminEmailUnset);
    }

    #[test]
    fn import_has_a_limited_number_of_links() {
        let with_link = |generation| {
            let mut company = imported();
            let link = company.0.imports.get_mut(&import_id()).unwrap().link.as_mut().unwrap();
            link.generation = generation;
            company.when(RenewImportLink { import: "latest".to_owned() })
        };
        assert!(with_link(LINKS_MAX - 1).0.is_ok());
        with_link(LINKS_MAX).then_refused(Code::ConfigInvalidValue);
    }
}
