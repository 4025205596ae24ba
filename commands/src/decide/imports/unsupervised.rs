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
