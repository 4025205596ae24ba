//! Remarks on a new name that is almost the name of another thing: it may be a typing error.

use std::collections::BTreeMap;

use boarding_commands::company::Company;
use boarding_csv::{differ_by_one_letter, same_name};

use super::definition::present;
use super::failure::Failure;
use super::session::Session;

/// The shortest names that are compared letter by letter, in characters: `HR` and `HK` are two things.
const COMPARED_MIN_CHARS: usize = 4;

/// A kind of thing that a verb defines.
#[derive(Debug, Clone, Copy)]
pub(super) enum Defines {
    OrgUnit,
    Role,
    PermissionGroup,
    User,
}

impl Defines {
    fn words(self) -> &'static str {
        match self {
            Self::OrgUnit => "an org unit",
            Self::Role => "a role",
            Self::PermissionGroup => "a permission group",
            Self::User => "a user",
        }
    }

    /// A remark for a name that the company does not have yet, if it has one that differs by case or one letter.
    pub(super) async fn remark(
        self,
        session: &Session<'_>,
        name: &str,
    ) -> Result<Option<String>, Failure> {
        // The repeat of a command under its id finds the name defined already.
        if session.given_id().is_some() {
            return Ok(None);
        }
        let name = name.to_owned();
        let near = present(session, move |company| self.near(company, &name)).await?;
        let what = self.words();
        Ok(near.map(|near| format!("{what} named {near} exists; did you mean it?")))
    }

    fn near(self, company: &Company, name: &str) -> Option<String> {
        match self {
            Self::OrgUnit => first_near(name, &company.org_units),
            Self::Role => first_near(name, &company.roles),
            Self::PermissionGroup => first_near(name, &company.permission_groups),
            Self::User if company.users.created(name).is_some() => None,
            Self::User => {
                let created = company.users.iter().filter(|(_, user)| user.is_created());
                let mut keys = created.map(|(_, user)| user.key());
                let near = keys.find(|key| is_near(name, key.as_str()));
                near.map(|key| key.as_str().to_owned())
            }
        }
    }
}

/// The first name that is near to a new one; none if the name itself is known.
fn first_near<T>(name: &str, known: &BTreeMap<String, T>) -> Option<String> {
    if known.contains_key(name) {
        return None;
    }
    known.keys().find(|known| is_near(name, known)).cloned()
}

/// Whether two names differ only in case, blanks and punctuation, or in one letter. Names with other digits are meant
/// to be similar: `Desk 1`, `Desk 2`.
fn is_near(name: &str, known: &str) -> bool {
    if same_name(name, known) {
        return true;
    }
    let (name, known) = (name.to_lowercase(), known.to_lowercase());
    if name.chars().count().min(known.chars().count()) < COMPARED_MIN_CHARS {
        return false;
    }
    let digits = |text: &str| text.chars().filter(char::is_ascii_digit).collect::<String>();
    digits(&name) == digits(&known) && differ_by_one_letter(&name, &known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_differ_by_a_typing_error_are_near() {
        for (name, known) in [
            ("sales", "Sales"),
            ("Fixed-Income", "Fixed Income"),
            ("Sale", "Sales"),
            ("Salles", "Sales"),
            ("Salas", "Sales"),
            ("Saels", "Sales"),
        ] {
            assert!(is_near(name, known), "{name}");
        }
        for (name, known) in [
            ("Desk 1", "Desk 2"),
            ("Desk", "Desk 2"),
            ("HR", "HK"),
            ("EMEA", "APAC"),
            ("Seals", "Sales"),
        ] {
            assert!(!is_near(name, known), "{name}");
        }
    }
}
