//! The values of a user after a row, and what the row changes.

use boarding_csv::CellValue;

use crate::company::User;
use crate::event::{BlankMeans, Event, Person};
use crate::user_file::RowValues;
use crate::values::Personal;

/// The value after a row: that of the cell, none if the cell is blank and blank cells clear, otherwise the old value.
pub(super) fn merged_value<T: Clone>(
    old: Option<T>,
    cell: &CellValue<T>,
    blank_means: BlankMeans,
) -> Option<T> {
    match (cell, blank_means) {
        (CellValue::Value(new), _) => Some(new.clone()),
        (CellValue::Blank, BlankMeans::Clear) => None,
        (CellValue::Absent | CellValue::Blank, _) => old,
    }
}

/// The values of a person after a row. An invalid phone keeps the old phone.
pub(super) fn merged(old: Person, values: &RowValues, blank_means: BlankMeans) -> Person {
    let phone = match &values.phone {
        CellValue::Value(Ok(phone)) => CellValue::Value(*phone),
        CellValue::Value(Err(_)) | CellValue::Absent => CellValue::Absent,
        CellValue::Blank => CellValue::Blank,
    };
    let mut attributes = old.attributes;
    for (name, cell) in &values.attributes {
        match merged_value(attributes.remove(name), cell, blank_means) {
            Some(value) => attributes.insert(name.clone(), value),
            None => None,
        };
    }
    Person {
        first_name: merged_value(old.first_name, &values.first_name, blank_means),
        last_name: merged_value(old.last_name, &values.last_name, blank_means),
        email: merged_value(old.email, &values.email, blank_means),
        phone: merged_value(old.phone, &phone, blank_means),
        attributes,
    }
}

/// Whether a person of this profile is no agent: an agent has a supervisor and is none.
pub(super) fn may_supervise(profile: Option<&str>) -> bool {
    profile != Some("agent")
}

/// The change of a user whose unique value a row of another user takes. No row of a file records it.
pub(crate) fn attributes_changed(user: &User, person: Person) -> Event {
    Event::UserUpdated {
        user: Personal(user.key()),
        person: Personal(person),
        org_unit: user.org_unit.as_deref().map(str::to_owned),
        roles: user.roles.iter().map(|role| role.to_string()).collect(),
        changed: vec!["attributes".to_owned()],
        row: None,
    }
}

/// A user's values after a row, and the names of the values that the row changes.
#[derive(Debug)]
pub(in crate::decide::imports) struct Changes {
    pub person: Person,
    pub org_unit: Option<String>,
    pub roles: Vec<String>,
    pub changed: Vec<String>,
}

impl Changes {
    pub(in crate::decide::imports) fn of(
        user: &User,
        values: &RowValues,
        blank_means: BlankMeans,
    ) -> Self {
        let old = user.person();
        let old_unit = user.org_unit.as_deref().map(str::to_owned);
        let old_roles: Vec<String> = user.roles.iter().map(|role| role.to_string()).collect();
        let person = merged(old.clone(), values, blank_means);
        let org_unit = merged_value(old_unit.clone(), &values.org_unit, blank_means);
        let roles =
            merged_value(Some(old_roles.clone()), &values.roles, blank_means).unwrap_or_default();
        let differs = [
            ("first_name", old.first_name != person.first_name),
            ("last_name", old.last_name != person.last_name),
            ("email", old.email != person.email),
            ("phone", old.phone != person.phone),
            ("org_unit", old_unit != org_unit),
            ("roles", old_roles != roles),
            ("attributes", old.attributes != person.attributes),
        ];
        let changed = differs
            .iter()
            .filter(|(_, differs)| *differs)
            .map(|(name, _)| (*name).to_owned())
            .collect();
        Self { person, org_unit, roles, changed }
    }
}
