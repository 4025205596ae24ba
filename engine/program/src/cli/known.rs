//! Remarks on names that a filter has and the company does not: a mistyped name finds nothing.

use boarding_commands::values::{fold, nearest};
use serde_json::{Value, json};

use super::failure::Failure;
use super::fields::text;
use super::session::Session;

/// A kind of name that filters of lists take.
#[derive(Debug, Clone, Copy)]
pub(super) enum Known {
    OrgUnit,
    Role,
    PermissionGroup,
    User,
    /// A user, or a name that people of a file have as their supervisor.
    Supervisor,
}

impl Known {
    /// The query that lists the names, their field, and their kind in words.
    fn words(self) -> [&'static str; 3] {
        match self {
            Self::OrgUnit => ["org_units", "org_unit", "org unit"],
            Self::Role => ["roles", "role", "role"],
            Self::PermissionGroup => ["permission_groups", "permission_group", "permission group"],
            Self::User => ["users", "user", "user"],
            Self::Supervisor => ["users", "user", "supervisor"],
        }
    }

    /// Says that the company has no such name, and which one is near to it.
    pub(super) async fn remark(
        self,
        session: &Session<'_>,
        name: Option<&str>,
    ) -> Result<(), Failure> {
        let Some(name) = name.map(str::trim).filter(|name| !name.is_empty()) else {
            return Ok(());
        };
        let [query, field, what] = self.words();
        let is_user = matches!(self, Self::User | Self::Supervisor);
        if is_user && session.row("user", json!({"user": name})).await.is_ok() {
            return Ok(());
        }
        let rows = session.rows(query, json!({}), None).await?;
        let supervisors = rows.iter().filter(|_| matches!(self, Self::Supervisor));
        let supervisors = supervisors.filter_map(|row| row.pointer("/attributes/supervisor"));
        let supervisors = supervisors.filter_map(Value::as_str);
        let known: Vec<_> = rows.iter().map(|row| text(row, field)).chain(supervisors).collect();
        // The keys of users are compared folded, the names of definitions exactly.
        let is_same = |one: &&str| if is_user { fold(one) == fold(name) } else { *one == name };
        if !known.iter().any(is_same) {
            let near = nearest(name, known.iter().copied());
            let near = near.map(|near| format!(" (did you mean {near}?)")).unwrap_or_default();
            session.out.remark(&format!("the company has no {what} {name}{near}"));
        }
        Ok(())
    }
}
