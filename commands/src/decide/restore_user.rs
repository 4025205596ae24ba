//! `RestoreUser`: an archived person comes back, active.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{Asked, Decide, Decision};
use crate::code::{Code, Refusal};
use crate::company::{Company, UserState};
use crate::event::{Event, Permission};
use crate::personal::Personal;

/// An archived person comes back, active.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RestoreUser {
    pub user: String,
}

impl Decide for RestoreUser {
    const NEEDS: Option<Permission> = Some(Permission::Accounts);

    fn decide(&self, company: &Company, _: &Asked<'_, Self>) -> Result<Decision, Refusal> {
        let (_, user) = company.users.created(&self.user).ok_or(Code::UserNotFound)?;
        match user.state {
            UserState::Archived => Ok(Decision::of(vec![Event::UserRestored { user: Personal(user.key()) }])),
            UserState::Active | UserState::Deactivated | UserState::NotCreated => {
                Err(Code::UserInvalidTransition.into())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::testing::{given, user_created, who};

    fn asked() -> RestoreUser {
        RestoreUser { user: "ANN".to_owned() }
    }

    #[test]
    fn only_an_archived_user_is_restored() {
        given([user_created("ann")]).when(asked()).then_refused(Code::UserInvalidTransition);
        let archived = Event::UserArchived { user: who("ann") };
        let company = given([user_created("ann"), archived]);
        company.when(asked()).then([Event::UserRestored { user: who("ann") }]);
    }
}
