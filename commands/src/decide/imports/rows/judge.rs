//! Checks a row by the rules of its dialect: key, duplicates, references and unique values.

use boarding_csv::{CellValue, KnownNames};

use super::Rows;
use super::allotment::Allotment;
use super::changes::may_supervise;
use crate::company::{UserState, ValueMark};
use crate::dialect::Known;
use crate::settings::ReferenceResolution;
use crate::user_file::{ParsedRow, RowValues, SameKey, UserRef};
use crate::values::{Code, Problem, UserKey};

/// What people write between roles instead of a semicolon, and its name in messages.
const ROLE_SEPARATORS: [(&str, &str); 10] = [
    (",", "a comma"),
    ("/", "/"),
    ("\\", "\\"),
    ("+", "+"),
    ("&", "&"),
    (" and ", "and"),
    ("\t", "a tab"),
    ("、", "、"),
    ("；", "the wide ；"),
    ("，", "the wide ，"),
];

impl Rows<'_> {
    /// The key of the row's user. None if the row has no key. Also None, with a problem added, if the company does not
    /// allow the key.
    pub(super) fn usable_key(
        &self,
        values: &RowValues,
        problems: &mut Vec<Problem>,
    ) -> Option<UserKey> {
        // Some dialects identify a known user by another value than the key, such as an employee id.
        let known_as = self.dialect.and_then(|dialect| dialect.known_as(values, self));
        let key = known_as.or_else(|| values.user.clone())?;
        let settings = &self.company.settings;
        let problem = self.dialect.and_then(|dialect| dialect.check_key(&key, settings));
        let is_usable = problem.is_none();
        problems.extend(problem);
        is_usable.then_some(key)
    }

    /// The problem if an earlier row has this key, or if the user exists and the dialect does not update users.
    pub(super) fn duplicate(&self, folded: &str, row: &ParsedRow) -> Option<Problem> {
        if let Some(first) = self.taken_by(folded) {
            let words = compared(row, first);
            return Some(Problem::new(Code::RowDuplicateInFile).saying(&words));
        }
        let never_updates = self.dialect.is_some_and(|dialect| dialect.existing_is_duplicate());
        let exists = self.company.users.created(folded).is_some();
        (never_updates && exists).then(|| Problem::new(Code::RowUserExists))
    }

    /// A problem in a column. `name` is the model's name; the problem shows the dialect's name of the column.
    pub(super) fn in_column(&self, name: &'static str, code: Code) -> Problem {
        Problem::in_column(self.dialect.map_or(name, |dialect| dialect.spelling(name)), code)
    }

    /// What an unknown role may mean: several roles with another separator, or a role in another spelling.
    pub(super) fn role_hint(&mut self, text: &str) -> Option<String> {
        let roles = &self.company.roles;
        let known = self
            .near_roles
            .get_or_insert_with(|| KnownNames::new(roles.keys().map(String::as_str)));
        let is_role = |name: &str| known.find_same(name).is_some();
        for (separator, shown) in ROLE_SEPARATORS {
            let parts: Vec<_> = text.split(separator).map(str::trim).collect();
            if parts.len() > 1 && parts.iter().all(|part| part.is_empty() || is_role(part)) {
                return Some(format!("separate several roles with ; instead of {shown}"));
            }
        }
        known.find_similar(text).map(|role| format!("did you mean {role}?"))
    }

    /// The problems of unique values that the row does not get, because another row or user has them. `is_valid` says
    /// whether the row has no other problem.
    pub(super) fn check_unique(
        &self,
        row: &ParsedRow,
        folded: &str,
        is_valid: bool,
    ) -> Vec<Problem> {
        // A row that archives its user takes none of its values.
        let allotment = self.allotment.filter(|_| !row.values.archived);
        let Some(allotment) = allotment else { return Vec::new() };
        let names = self.dialect.map_or(&[][..], |dialect| dialect.unique());
        let problem = |name: &'static str| self.in_column(name, Code::FieldNotUnique);
        let keeper = |name: &'static str| {
            let CellValue::Value(value) = row.values.attributes.get(name)? else { return None };
            let mark = ValueMark::of(name, value);
            if let Some(other) = allotment.contested_by(row.row, mark) {
                return Some(problem(name).worded(other.words("value")));
            }
            let has_it = |key: &UserKey| problem(name).saying(&format!("{} has it", key.as_str()));
            if !is_valid {
                let keeper = self.company.users.get(allotment.kept_by(row.row, mark)?)?;
                return Some(has_it(&keeper.key()));
            }
            let key = match self.values.get(&mark) {
                Some(holder) => holder.clone()?,
                None => {
                    let (id, holder) = self.company.holder(name, value)?;
                    let is_free =
                        allotment.has_released(id, holder) || allotment.is_move(row.row, mark, id);
                    (!is_free).then(|| holder.key())?
                }
            };
            (key.folded() != folded).then(|| has_it(&key))
        };
        names.iter().filter_map(|name| keeper(name)).collect()
    }
}

/// How a row differs from the one that took its key.
fn compared(row: &ParsedRow, first: u64) -> String {
    match row.same_key.iter().find(|same| same.row == first) {
        None => format!("row {first}"),
        Some(SameKey { line, differing, .. }) if differing.is_empty() => {
            format!("row {first}, line {line}: it has the same values")
        }
        Some(SameKey { line, differing, .. }) => {
            format!("row {first}, line {line}: it has other values in {}", differing.join(", "))
        }
    }
}

/// Whether a list of allowed names allows this one. An empty list allows every name.
fn is_listed(names: &[String], name: &str) -> bool {
    names.is_empty() || names.iter().any(|one| one == name)
}

impl Known for Rows<'_> {
    fn holder(&self, attribute: &str, value: &str) -> Option<UserKey> {
        match self.values.get(&ValueMark::of(attribute, value)) {
            Some(holder) => holder.clone(),
            None => Some(self.company.holder(attribute, value)?.1.key()),
        }
    }

    fn may_refer_to(&self, other: &UserRef) -> bool {
        let is_of_this_file = |id| self.accepted.is_some_and(|import| import.created.contains(&id));
        let exists = self.company.users.created(other.key.as_str());
        if let Some((_, user)) = exists
            && (user.state == UserState::Archived || !may_supervise(user.attribute("profile")))
        {
            return false;
        }
        let in_this_commit = self.created.get(&other.key.folded()).copied();
        if in_this_commit == Some(false) {
            return false;
        }
        let earlier = || in_this_commit == Some(true);
        match self.company.settings.reference_resolution {
            // Users that this file created do not count, in this commit or an earlier one.
            ReferenceResolution::Strict => exists.is_some_and(|(id, _)| !is_of_this_file(id)),
            ReferenceResolution::FileOrder => exists.is_some() || earlier(),
            ReferenceResolution::TwoPass => {
                let is_absent = |rows: &Allotment| rows.absent.contains(&other.key.folded());
                let comes_later = || other.in_file && !self.allotment.is_some_and(is_absent);
                exists.is_some() || earlier() || comes_later()
            }
        }
    }

    fn takes_id(&self, id: &str) -> bool {
        self.company.settings.takes_id(id)
    }

    fn has_role(&self, role: &str) -> bool {
        self.company.roles.contains_key(role)
    }

    fn takes_crm_name(&self, name: &str) -> bool {
        is_listed(&self.company.settings.crm_names, name)
    }

    fn takes_greeting_template(&self, name: &str) -> bool {
        is_listed(&self.company.settings.greeting_templates, name)
    }

    fn org_unit_level(&self, org_unit: &str) -> Option<Option<&str>> {
        self.company.org_units.get(org_unit).map(|unit| unit.level.as_deref())
    }
}

#[cfg(test)]
mod tests;
