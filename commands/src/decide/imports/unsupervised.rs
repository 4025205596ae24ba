//! The people that the undo of an import leaves without a supervisor.

use std::collections::HashSet;

use crate::company::{Company, UserState};
use crate::event::Unsupervised;
use crate::values::{ImportId, Personal, fold};

/// The most people that are named: their keys fit in one commit beside its other events.
const NAMED_MAX: usize = 500;

/// The people whose supervisor the undo of this import has removed. The company shows the undone rows.
pub fn unsupervised(company: &Company, import: ImportId) -> Unsupervised {
    let members = company.imports.get(&import).map(|import| import.members.as_slice());
    let members = members.unwrap_or_default().iter().filter_map(|id| company.users.get(*id));
    let removed: HashSet<String> =
        members.filter(|user| !user.is_created()).map(|user| user.key().folded()).collect();
    if removed.is_empty() {
        return Unsupervised::default();
    }
    let stays = |state: UserState| matches!(state, UserState::Active | UserState::Deactivated);
    let mut left = Unsupervised::default();
    for (_, user) in company.users.iter().filter(|(_, user)| stays(user.state)) {
        let supervisor = user.attribute("supervisor");
        if supervisor.is_some_and(|supervisor| removed.contains(&fold(supervisor))) {
            left.total += 1;
            if left.users.len() < NAMED_MAX {
                left.users.push(Personal(user.key()));
            }
        }
    }
    left
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::imports::import_file::testing::{accepted, import_id};
    use crate::decide::testing::{given, who};
    use crate::event::{Event, Existing, Person, RowRef};

    fn created(key: &str, supervisor: Option<&str>, row: Option<RowRef>) -> Event {
        let named = supervisor.map(|name| ("supervisor".to_owned(), name.to_owned()));
        let attributes = named.into_iter().collect();
        let person = Personal(Person { attributes, ..Person::default() });
        let user = who(key);
        Event::UserCreated { user, person, org_unit: None, roles: vec![], active: true, row }
    }

    #[test]
    fn people_of_a_removed_supervisor_are_counted_and_named() {
        let row = Some(RowRef::new(import_id(), 1, 2));
        let mut events = vec![accepted(1, false, Existing::Skip), created("boss", None, row)];
        let people = (0..=NAMED_MAX).map(|n| created(&format!("u{n}"), Some("BOSS"), None));
        events.extend(people);
        events.extend([created("eve", Some("boss"), None), created("fay", Some("chief"), None)]);
        events.push(Event::UserArchived { user: who("eve") });
        assert!(unsupervised(&given(events.clone()).0, import_id()).is_none());
        events.push(Event::UserRemoved { user: who("boss") });
        let left = unsupervised(&given(events).0, import_id());
        assert_eq!((left.total, left.users.len()), (NAMED_MAX as u64 + 1, NAMED_MAX));
        assert!(!left.is_none());
        assert_eq!(left.users[0].as_str(), "u0");
    }
}
