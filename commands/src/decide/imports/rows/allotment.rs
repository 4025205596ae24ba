//! Which row of a file gets which unique value, and which phones leave the list for it.

use std::collections::{HashMap, HashSet};

use crate::company::{Company, User, UserId, UserState, ValueMark};
use crate::values::Phone;

/// Another row of the file that has the same value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rival {
    pub(crate) row: u64,
    pub(crate) line: u64,
}

impl Rival {
    /// The words for a value that this other row of the file has too.
    pub(super) fn words(self, value: &str) -> String {
        let Self { row, line } = self;
        format!(
            "Another row of this file has the same {value}: row {row}, line {line}; correct one of the two rows."
        )
    }
}

/// Which row gets which value.
#[derive(Debug, Default)]
pub struct Allotment {
    /// Values that a row does not get, because another row takes them too, with that row.
    pub(crate) contested: HashMap<(u64, ValueMark), Rival>,
    /// Values that a row gets from a user whose own row releases them.
    pub(crate) moves: HashMap<(u64, ValueMark), UserId>,
    /// Values that a row would not get if it were valid, because this user keeps them.
    pub(crate) kept: HashMap<(u64, ValueMark), UserId>,
    /// The users that rows of the file archive. They keep their values until the file is done.
    pub(crate) leaving: HashSet<UserId>,
    /// The folded keys of supervisors that no row of the file creates, though the file names them.
    pub(crate) absent: HashSet<String>,
}

impl Allotment {
    /// The other row that takes the value, if this row does not get it for that reason.
    pub(super) fn contested_by(&self, row: u64, mark: ValueMark) -> Option<Rival> {
        self.contested.get(&(row, mark)).copied()
    }

    /// The user who keeps the value from a row that is invalid for another reason.
    pub(super) fn kept_by(&self, row: u64, mark: ValueMark) -> Option<UserId> {
        self.kept.get(&(row, mark)).copied()
    }

    /// Whether the row gets the value from this user.
    pub(super) fn is_move(&self, row: u64, mark: ValueMark, from: UserId) -> bool {
        self.moves.get(&(row, mark)) == Some(&from)
    }

    /// Whether the user has released all values. An archived user has, unless a row of the same file archived the user:
    /// the rows of a file are judged as if all were applied at once.
    pub(super) fn has_released(&self, id: UserId, user: &User) -> bool {
        user.state == UserState::Archived && !self.leaving.contains(&id)
    }
}

/// The mark of a corporate phone. No attribute has this name.
pub(crate) fn phone_mark(phone: Phone) -> ValueMark {
    ValueMark::of("corporate phone", &phone.to_string())
}

/// The listed phones of a user that leave the list when the file gives this phone: all but those added by hand.
pub(crate) fn former_phones<'l>(
    company: &'l Company,
    listed: &'l [Phone],
    new: Option<Phone>,
) -> impl Iterator<Item = Phone> + 'l {
    let is_former = move |phone: &Phone| Some(*phone) != new && !company.by_hand.contains(phone);
    listed.iter().copied().filter(is_former)
}
