//! What the dialect of the file that named a user last says about the user.

use std::collections::BTreeMap;

use crate::company::selection::Pick;
use crate::company::{Company, User, UserId};
use crate::dialect::{self, Dialect, RunLimit};
use crate::event::Source;
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

/// How many of these people fall under each limit. The people of an import have the limit of its product, all others
/// that of the product whose file named them last.
pub(super) fn people_by_limit(
    company: &Company,
    source: &Source,
    picks: &[Pick],
) -> BTreeMap<RunLimit, u64> {
    if let Source::Import(import) = source {
        let dialect = company.imports.get(import).map(|import| import.options.dialect.as_str());
        return BTreeMap::from([(run_limit(dialect.unwrap_or_default()), picks.len() as u64)]);
    }
    let imports = company.imports.values();
    let by_ordinal: BTreeMap<u32, RunLimit> =
        imports.map(|import| (import.ordinal, run_limit(&import.options.dialect))).collect();
    let mut people = BTreeMap::new();
    for pick in picks {
        let ordinal = match pick {
            Pick::Known(id) => company.users.get(*id).map(|user| user.seen.0),
            Pick::New(_) => None,
        };
        let limit = ordinal.and_then(|ordinal| by_ordinal.get(&ordinal).copied());
        *people.entry(limit.unwrap_or(RunLimit::Setting)).or_default() += 1;
    }
    people
}

/// The limit of a dialect's runs, by the dialect's name.
pub(super) fn run_limit(dialect: &str) -> RunLimit {
    dialect::find(dialect).map_or(RunLimit::Setting, |dialect| dialect.run_limit())
}

/// How an administrator gives the user another e-mail address, by the product of the user's file.
pub(super) fn address_remedy(company: &Company, id: UserId, user: &User) -> String {
    if company.numbers.is_account(id) {
        return "boarding accounts edit ACCOUNT --address ADDRESS".to_owned();
    }
    match last_dialect(company, user).map(|dialect| dialect.name()) {
        // The key of a user is the address, so another address is another user.
        Some(dialect @ ("officechat" | "mangoapps")) => format!(
            "import a row with the new address, and one that sets Enabled of the old one to FALSE: boarding import FILE --dialect {dialect} --existing update"
        ),
        // Files of OCM have no addresses. A file of user names and addresses updates every user.
        _ => "import a file with the columns username and email: boarding import FILE --dialect leapxpert --existing update".to_owned(),
    }
}

/// The dialect of the file that named the user last.
fn last_dialect(company: &Company, user: &User) -> Option<&'static dyn Dialect> {
    // The file is usually among the newest.
    let mut newest = company.imports.values().rev();
    let last = newest.find(|import| import.ordinal == user.seen.0)?;
    dialect::find(&last.options.dialect)
}
