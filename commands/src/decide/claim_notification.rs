//! `ClaimNotification`: a mail that is not an invitation is claimed before it is sent.

use super::{Asked, Decide, Decision};
use crate::code::{Code, Refusal};
use crate::company::{Addressee, Company, UserState};
use crate::event::{Event, Permission};
use crate::id::UserKey;
use crate::personal::Personal;

/// Claims up to `most` welcome mails (LX-14) and mails to administrators (OC-14, ML-14). Whoever cannot be written to is reported at once.
#[derive(Debug, Clone, Copy)]
pub struct ClaimNotification {
    pub most: usize,
}

impl Decide for ClaimNotification {
    const NEEDS: Option<Permission> = None;

    fn decide(&self, company: &Company, _: &Asked<'_, Self>) -> Result<Decision, Refusal> {
        let waiting = company.notifications.iter().filter(|(_, notification)| !notification.dispatched);
        let mut events = Vec::new();
        for (key, notification) in waiting.take(self.most) {
            events.push(match address(company, &notification.to) {
                Ok((user, email)) => Event::NotificationDispatched {
                    key: key.clone(),
                    user: Personal(user),
                    email: Personal(email),
                    message_id: message_id(company, key),
                },
                Err(code) => Event::NotificationFailed { key: key.clone(), code, detail: None },
            });
        }
        Ok(Decision::if_any(events))
    }
}

/// P8: nobody who was shut out is written to, and no address that bounced.
fn address(company: &Company, to: &Addressee) -> Result<(UserKey, String), Code> {
    let (key, email) = recipient(company, to).ok_or(Code::RecipientUserNotCreated)?;
    if let Addressee::User(id) = to
        && company.users.get(*id).is_none_or(|user| user.state != UserState::Active)
    {
        return Err(Code::RecipientUserArchived);
    }
    if crate::csv_file::check_email(&email).is_err() {
        return Err(Code::RecipientEmailMissing);
    }
    if company.is_suppressed(&email) {
        return Err(Code::DeliverySuppressed);
    }
    Ok((key, email))
}

/// Whom a mail is for, by key and address on record: an administrator's key is the address. None for a user
/// who was not created.
pub fn recipient(company: &Company, to: &Addressee) -> Option<(UserKey, String)> {
    match to {
        Addressee::User(id) => {
            let user = company.users.get(*id).filter(|user| user.is_created())?;
            Some((user.key(), user.email().unwrap_or_default().to_owned()))
        }
        Addressee::Admin(email) => Some((UserKey::new(email), email.to_string())),
    }
}

/// The Message-ID of the mail of this key.
pub fn message_id(company: &Company, key: &str) -> String {
    format!("{key}@{}.boarding.invalid", company.id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::testing::{given, user_created, who};
    use crate::id::ImportId;

    /// LX-14: a welcome mail is claimed once.
    #[test]
    fn lx_14_a_welcome_mail_is_claimed_once() {
        let import = ImportId(ulid::Ulid(4));
        let asked = Event::WelcomeEmailRequested { user: who("ann"), import, row: 1 };
        let company = given([user_created("ann"), asked]);
        assert_eq!(company.when(ClaimNotification { most: 9 }).names(), ["NotificationDispatched"]);
        let company = company.after(ClaimNotification { most: 9 });
        assert!(!company.when(ClaimNotification { most: 9 }).0.unwrap().recorded);
    }
}
