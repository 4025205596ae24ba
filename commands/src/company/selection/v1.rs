//! Version 1 of the list procedure. Frozen: a change would change the history of stored runs.

use std::collections::BTreeSet;

use super::list::{Pick, Selection};
use crate::company::{Company, ImportState, InvitationState, UserState};
use crate::event::{Channel, ResendFilter, Source, Who};

/// The people of the source. Empty for an import that does not exist.
pub(super) fn select(company: &Company, source: &Source, channel: Channel) -> Selection {
    match source {
        Source::Import(id) => company.imports.get(id).map(of_import).unwrap_or_default(),
        Source::OrgUnits { org_units, include_descendants } => {
            of_org_units(company, org_units, *include_descendants)
        }
        Source::Users(keys) | Source::Resend { users: keys, filter: None } => {
            of_keys(company, keys)
        }
        Source::Resend { filter: Some(filter), .. } => of_filter(company, *filter, channel),
        // No event of version 1 has this source.
        Source::FailedOf { .. } => Selection::default(),
    }
}

/// The people of an import. An import that invites only the users it created lists only those.
fn of_import(import: &ImportState) -> Selection {
    let created_only = import.invites.is_some_and(|invites| invites.created_only);
    let (people, duplicates_removed) = match created_only {
        true => (&import.invitees, 0),
        false => (&import.members, import.counts.duplicate),
    };
    Selection { picks: people.iter().copied().map(Pick::Known).collect(), duplicates_removed }
}

fn of_org_units(company: &Company, names: &[String], include_descendants: bool) -> Selection {
    let mut units: BTreeSet<&str> = names.iter().map(String::as_str).collect();
    let duplicates_removed = (names.len() - units.len()) as u64;
    if include_descendants {
        units = with_descendants(company, units);
    }
    let belongs = |unit: Option<&str>| unit.is_some_and(|unit| units.contains(unit));
    let users = company.users.iter();
    let users = users.filter(|(_, user)| user.is_created() && belongs(user.org_unit.as_deref()));
    Selection { picks: users.map(|(id, _)| Pick::Known(id)).collect(), duplicates_removed }
}

/// The units and all units below them.
fn with_descendants<'a>(company: &'a Company, mut units: BTreeSet<&'a str>) -> BTreeSet<&'a str> {
    loop {
        let before = units.len();
        for (name, unit) in &company.org_units {
            if unit.parent.as_deref().is_some_and(|parent| units.contains(parent)) {
                units.insert(name);
            }
        }
        if units.len() == before {
            return units;
        }
    }
}

fn of_keys(company: &Company, keys: &[Who]) -> Selection {
    let mut selection = Selection::default();
    let mut listed = BTreeSet::new();
    for key in keys {
        if !listed.insert(key.folded()) {
            selection.duplicates_removed += 1;
            continue;
        }
        let known = company.users.find(key.as_str()).map(|(id, _)| Pick::Known(id));
        selection.picks.push(known.unwrap_or_else(|| Pick::New(key.0.clone())));
    }
    selection
}

/// The active users without a link whose last invitation fits the filter.
fn of_filter(company: &Company, filter: ResendFilter, channel: Channel) -> Selection {
    let wanted = |state: Option<InvitationState>| match filter {
        ResendFilter::Bounced => state == Some(InvitationState::Bounced),
        ResendFilter::Expired => state == Some(InvitationState::Expired),
        ResendFilter::NotInvited => state.is_none(),
        // No event of version 1 has these filters.
        ResendFilter::Failed | ResendFilter::Uncertain | ResendFilter::NeverSent => false,
    };
    let users = company.users.iter().filter(|(_, user)| {
        let link = user.link(channel);
        user.state == UserState::Active
            && !link.linked
            && wanted(link.invitation.map(|invitation| invitation.state))
    });
    Selection { picks: users.map(|(id, _)| Pick::Known(id)).collect(), duplicates_removed: 0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::imports::import_file::testing::import_id;
    use crate::decide::testing::{Given, given, phone_added, run_id, user_created, who};
    use crate::event::{Counts, Event, Existing};

    fn in_unit(key: &str, org_unit: &str) -> Event {
        let Event::UserCreated { user, person, roles, active, row, .. } = user_created(key) else {
            panic!()
        };
        Event::UserCreated { user, person, org_unit: Some(org_unit.to_owned()), roles, active, row }
    }

    fn unit(name: &str, parent: Option<&str>) -> Event {
        let parent = parent.map(str::to_owned);
        Event::OrgUnitDefined {
            org_unit: name.to_owned(),
            parent,
            level: None,
            roles: vec![],
            default_permission_group: None,
        }
    }

    /// A company with people in two units, one below the other.
    fn company() -> Given {
        given([
            unit("Sales", None),
            unit("Sales East", Some("Sales")),
            in_unit("dan", "Sales"),
            in_unit("cid", "Sales East"),
            user_created("bob"),
            user_created("ann"),
            phone_added("ann", 1),
        ])
    }

    /// The keys that the fold lists for a stored run, and the number of removed duplicates.
    fn listed(mut company: Given, source: Source) -> (Vec<String>, u64) {
        let channel = Channel::Whatsapp;
        let selection = select(&company.0, &source, channel);
        let run = run_id(1);
        let (total, duplicates_removed) = (selection.picks.len() as u64, 0);
        let requested = Event::RunRequested {
            run,
            channel,
            source,
            total,
            duplicates_removed,
            not_before: None,
            list_version: None,
        };
        company.append(crate::decide::testing::NOW, "jane", &[requested]);
        let keys = company.0.runs[&run].unlisted.iter();
        let keys = keys.map(|id| company.0.users.get(*id).unwrap().key().as_str().to_owned());
        (keys.collect(), selection.duplicates_removed)
    }

    fn keys(keys: &[&str]) -> Vec<String> {
        keys.iter().map(|key| (*key).to_owned()).collect()
    }

    /// A3: stored runs keep their list. These lists never change.
    #[test]
    fn stored_runs_keep_the_list_of_version_1() {
        let named = Source::Users(vec![who("bob"), who("ANN"), who("Bob"), who("new")]);
        assert_eq!(listed(company(), named), (keys(&["bob", "ann", "new"]), 1));
        let unit = |include_descendants| Source::OrgUnits {
            org_units: vec!["Sales".to_owned(), "Sales".to_owned()],
            include_descendants,
        };
        assert_eq!(listed(company(), unit(false)), (keys(&["dan"]), 1));
        assert_eq!(listed(company(), unit(true)), (keys(&["dan", "cid"]), 1));
        let resend = |filter| Source::Resend { users: vec![who("ann")], filter };
        assert_eq!(listed(company(), resend(None)), (keys(&["ann"]), 0));
        let filter = Some(ResendFilter::NotInvited);
        let everybody = keys(&["dan", "cid", "bob", "ann"]);
        assert_eq!(listed(company(), resend(filter)), (everybody, 0));
        assert_eq!(listed(company(), resend(Some(ResendFilter::Bounced))), (vec![], 0));
    }

    /// A3: the run of an import lists its people, or only the created ones.
    #[test]
    fn stored_run_of_an_import_keeps_its_list() {
        use crate::decide::ImportRows;
        use crate::decide::imports::import_file::testing::{accepted, row};
        let import = import_id();
        let before = [user_created("ann"), accepted(2, true, Existing::Update)];
        let rows = vec![row(1, "ann"), row(2, "bob")];
        let all = given(before.clone()).after(ImportRows::alone(import, rows));
        assert_eq!(listed(all, Source::Import(import)), (keys(&["ann", "bob"]), 0));
        let created_only = Event::ImportInvitesRequested {
            import,
            channel: Channel::Whatsapp,
            created_only: true,
        };
        let mut some = given(before.into_iter().chain([created_only]));
        let created = Event::UserCreated {
            user: who("bob"),
            person: crate::values::Personal(crate::event::Person::default()),
            org_unit: None,
            roles: vec![],
            active: true,
            row: Some(crate::event::RowRef::new(import, 1, 2)),
        };
        let counts = Counts::default();
        let end = Event::ImportCompleted { import, counts };
        some.append(crate::decide::testing::NOW, "jane", &[created, end]);
        assert_eq!(listed(some, Source::Import(import)), (keys(&["bob"]), 0));
    }

    /// The names are in the order that finds one level at a time.
    #[test]
    fn units_of_all_levels_below_are_listed() {
        let units = [unit("Sales", None), unit("East", Some("Sales")), unit("Desk", Some("East"))];
        let people = [in_unit("ann", "Desk"), in_unit("bob", "East"), user_created("cid")];
        let company = given(units.into_iter().chain(people));
        let org_units = vec!["Sales".to_owned()];
        let source = Source::OrgUnits { org_units, include_descendants: true };
        assert_eq!(listed(company, source), (keys(&["ann", "bob"]), 0));
    }
}
