//! Remarks on names that a filter has and the company does not: a mistyped name finds nothing.

use boarding_commands::values::nearest;
use boarding_commands::values::text::spelled;
use serde_json::{Value, json};

use super::failure::Failure;
use super::fields::text;
use super::session::Session;
use super::words::did_you_mean;

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

    fn is_person(self) -> bool {
        matches!(self, Self::User | Self::Supervisor)
    }

    /// Says that the company has no such name, and which one is near to it.
    pub(super) async fn remark(
        self,
        session: &Session<'_>,
        name: Option<&str>,
    ) -> Result<(), Failure> {
        let Some(name) = name.map(spelled).filter(|name| !name.is_empty()) else {
            return Ok(());
        };
        if self.is_known_user(session, &name).await? {
            return Ok(());
        }
        let search = self.search(session, &name).await?;
        if !search.is_known {
            let what = self.words()[2];
            let near = did_you_mean(search.nearest.as_deref());
            session.out.remark(&format!("the company has no {what} {name}{near}"));
        }
        Ok(())
    }

    /// Whether the name is that of a user or, where supervisors are meant, people have it as their supervisor. The
    /// query compares it as the filter does.
    async fn is_known_user(self, session: &Session<'_>, name: &str) -> Result<bool, Failure> {
        if !self.is_person() {
            return Ok(false);
        }
        if session.row("user", json!({"user": name})).await.is_ok() {
            return Ok(true);
        }
        if matches!(self, Self::User) {
            return Ok(false);
        }
        let people = session.rows("users", json!({"supervisor": name}), Some(1)).await?;
        Ok(!people.is_empty())
    }

    /// Compares the name with all names of its kind. A company may have many, so only the nearest one is kept.
    async fn search(self, session: &Session<'_>, name: &str) -> Result<Search, Failure> {
        let [query, field, _] = self.words();
        let mut search = Search { is_known: false, nearest: None };
        let compare = |rows: Vec<Value>| {
            let supervisors = rows.iter().filter(|_| matches!(self, Self::Supervisor));
            let supervisors = supervisors.filter_map(|row| row.pointer("/attributes/supervisor"));
            let supervisors = supervisors.filter_map(Value::as_str);
            let names = rows.iter().map(|row| text(row, field)).chain(supervisors);
            let names: Vec<&str> = search.nearest.as_deref().into_iter().chain(names).collect();
            // The names of definitions are compared exactly. The queries have found no user of this name.
            search.is_known |= !self.is_person() && names.contains(&name);
            search.nearest = nearest(name, names).map(str::to_owned);
        };
        session.pages(query, json!({}), None, compare).await?;
        Ok(search)
    }
}

/// What a comparison with all names has found.
struct Search {
    is_known: bool,
    nearest: Option<String>,
}
