//! `ReactivateUser`: a person who was shut out is let in again.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::company::{Company, UserState};
use crate::decide::rule::{Context, Decide, Decision};
use crate::event::{Event, Permission};
use crate::values::{Code, Personal, Refusal};

/// A person who was shut out is let in again.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReactivateUser {
    pub user: String,
}

impl Decide for ReactivateUser {
    const NEEDS: Option<Permission> = Some(Permission::Accounts);

    fn decide(&self, company: &Company, _: &Context<'_>) -> Result<Decision, Refusal> {
        let (_, user) = company.user_meant(&self.user).ok_or(Code::UserNotFound)?;
        match user.state {
            UserState::Deactivated => Ok(Decision::append(vec![Event::UserActivated {
                user: Personal(user.key()),
                row: None,
            }])),
            UserState::Archived => Err(Code::UserArchived.into()),
            UserState::Active | UserState::NotCreated => Err(Code::UserInvalidTransition.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::testing::{given, user_created, who};

    fn asked() -> ReactivateUser {
        ReactivateUser { user: "ANN".to_owned() }
    }

    #[test]
    fn only_a_deactivated_user_is_reactivated() {
        given([user_created("ann")]).when(asked()).then_refused(Code::UserInvalidTransition);
        let deactivated = Event::UserDeactivated { user: who("ann"), row: None };
        let company = given([user_created("ann"), deactivated]);
        company.when(asked()).then([Event::UserActivated { user: who("ann"), row: None }]);
    }
}
