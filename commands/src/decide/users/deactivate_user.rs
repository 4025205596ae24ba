//! `DeactivateUser`: a person is shut out for the time being.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::company::{Company, UserState};
use crate::decide::rule::{Context, Decide, Decision};
use crate::event::{Event, Permission};
use crate::values::{Code, Personal, Refusal};

/// A person is shut out for the time being.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DeactivateUser {
    pub user: String,
}

impl Decide for DeactivateUser {
    const NEEDS: Option<Permission> = Some(Permission::Accounts);

    fn decide(&self, company: &Company, _: &Context<'_>) -> Result<Decision, Refusal> {
        let (_, user) = company.user_meant(&self.user).ok_or(Code::UserNotFound)?;
        match user.state {
            UserState::Active => Ok(Decision::append(vec![Event::UserDeactivated {
                user: Personal(user.key()),
                row: None,
            }])),
            UserState::Archived => Err(Code::UserArchived.into()),
            UserState::Deactivated | UserState::NotCreated => {
                Err(Code::UserInvalidTransition.into())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::testing::{given, user_created, who};

    fn asked() -> DeactivateUser {
        DeactivateUser { user: "ANN".to_owned() }
    }

    #[test]
    fn only_an_active_user_is_deactivated() {
        let company = given([user_created("ann")]);
        company.when(asked()).then([Event::UserDeactivated { user: who("ann"), row: None }]);
        company.after(asked()).when(asked()).then_refused(Code::UserInvalidTransition);
        let archived = Event::UserArchived { user: who("ann") };
        given([user_created("ann"), archived]).when(asked()).then_refused(Code::UserArchived);
    }
}
