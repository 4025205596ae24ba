//! `ArchiveUser`: a person leaves; nothing of the history goes.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::company::{Company, UserState};
use crate::decide::numbers::pool::released;
use crate::decide::rule::{Context, Decide, Decision};
use crate::event::{Event, Permission};
use crate::values::{Code, Personal, Refusal};

/// A person leaves; nothing of the history goes.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ArchiveUser {
    pub user: String,
}

impl Decide for ArchiveUser {
    const NEEDS: Option<Permission> = Some(Permission::Accounts);

    fn decide(&self, company: &Company, context: &Context<'_>) -> Result<Decision, Refusal> {
        let (id, user) = company.user_meant(&self.user).ok_or(Code::UserNotFound)?;
        match user.state {
            UserState::Active | UserState::Deactivated => {
                let archived = Event::UserArchived { user: Personal(user.key()) };
                let number = company.numbers.of(id);
                let number = number.map(|number| released(company, number, user, context.at));
                Ok(Decision::append(vec![archived]).with_events(number))
            }
            UserState::Archived | UserState::NotCreated => Err(Code::UserInvalidTransition.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::testing::{given, user_created, who};

    fn asked() -> ArchiveUser {
        ArchiveUser { user: "ANN".to_owned() }
    }

    #[test]
    fn a_user_is_archived_once() {
        let company = given([user_created("ann")]);
        company.when(asked()).then([Event::UserArchived { user: who("ann") }]);
        company.after(asked()).when(asked()).then_refused(Code::UserInvalidTransition);
        given([]).when(asked()).then_refused(Code::UserNotFound);
    }
}
