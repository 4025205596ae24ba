//! Remarks on a new name that is almost the name of another thing: it may be a typing error.

use serde_json::{Value, json};

use super::failure::Failure;
use super::session::Session;

/// A kind of thing that a verb defines.
#[derive(Debug, Clone, Copy)]
pub(super) enum Defines {
    OrgUnit,
    Role,
    PermissionGroup,
    User,
}

impl Defines {
    /// The parameter of the query `near_name`, and the thing in words.
    fn words(self) -> [&'static str; 2] {
        match self {
            Self::OrgUnit => ["org_unit", "an org unit"],
            Self::Role => ["role", "a role"],
            Self::PermissionGroup => ["permission_group", "a permission group"],
            Self::User => ["user", "a user"],
        }
    }

    /// A remark for a name that the company does not have yet, if it has one that differs by case or one letter.
    pub(super) async fn remark(
        self,
        session: &Session<'_>,
        name: &str,
    ) -> Result<Option<String>, Failure> {
        // The repeat of a command under its id finds the name defined already. The command itself refuses an empty name.
        if session.given_id().is_some() || name.is_empty() {
            return Ok(None);
        }
        let [parameter, what] = self.words();
        let row = match session.row_now("near_name", json!({parameter: name})).await {
            // A person who may define things need not see the others.
            Err(Failure::Refused { .. }) => return Ok(None),
            row => row?,
        };
        let near = row.get("near").and_then(Value::as_str);
        Ok(near.map(|near| format!("{what} named {near} exists; did you mean it?")))
    }
}
