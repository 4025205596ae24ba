//! What the dialect of the file that named a user last says about the user.

use crate::company::{Company, User, UserId};
use crate::dialect::{self, Dialect};
use crate::settings::LiveInvitation;

/// Whether the user can be invited only with a corporate phone. Without a file the answer is yes. An account
/// gets a number of the pool instead.
pub(super) fn needs_corporate_phone(company: &Company, id: UserId, user: &User) -> bool {
    if company.numbers.is_account(id) {
        return false;
    }
    last_dialect(company, user).is_none_or(|dialect| dialect.needs_corporate_phone())
}

/// Whether a user with a valid link gets a new link, which ends the old one.
pub(super) fn supersedes_live_invitation(company: &Company, user: &User) -> bool {
    match company.settings.live_invitation {
        LiveInvitation::Supersede => true,
        LiveInvitation::Skip => false,
        LiveInvitation::ByDialect => {
            last_dialect(company, user).is_none_or(|dialect| dialect.supersedes_live_invitation())
        }
    }
}

/// The dialect of the file that named the user last.
fn last_dialect(company: &Company, user: &User) -> Option<&'static dyn Dialect> {
    // The file is usually among the newest.
    let mut newest = company.imports.values().rev();
    let last = newest.find(|import| import.ordinal == user.seen.0)?;
    dialect::find(&last.options.dialect)
}
