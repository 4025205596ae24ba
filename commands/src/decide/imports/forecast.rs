//! What a preview of an import tells beside its rows: old and new values, invitations, numbers that run short.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use schemars::JsonSchema;
use serde::Serialize;

use super::import_preview::{InvitesForecast, NumbersForecast};
use super::import_run::run_of;
use crate::company::selection::{Pick, Selection};
use crate::company::{Company, User, UserId};
use crate::decide::runs::expected::{EarlierMails, ExpectedOutcomes};
use crate::decide::runs::recipients::InviteRules;
use crate::decide::runs::unfinished::unfinished;
use crate::dialect::Dialect;
use crate::event::{Event, Person};
use crate::user_file::ParsedRow;
use crate::values::{Code, ImportId, Problem, Time};

/// The most people that a forecast names. They fit on a few screens.
const NAMED_MAX: usize = 100;

/// The values of a user by name: `email`, `phone`, `attributes.title`, and so on.
pub type Values = BTreeMap<String, String>;

/// A value that a row changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Change {
    pub field: String,
    pub old: Option<String>,
    pub new: Option<String>,
}

/// The values of the users that rows name, before the rows are applied, by folded key.
pub fn values_before(
    company: &Company,
    dialect: &dyn Dialect,
    rows: &[ParsedRow],
) -> HashMap<String, Values> {
    let named = rows.iter().flat_map(|row| {
        let key = row.values.user.iter().filter_map(|key| company.users.created(&key.folded()));
        // Some dialects identify a known user by another value.
        let holders = dialect.unique().iter().filter_map(|name| {
            let value = row.values.attributes.get(*name)?.as_ref().value()?;
            company.holder(name, value)
        });
        key.chain(holders).map(|(_, user)| user)
    });
    named.map(|user| (user.key().folded(), values_of_user(user))).collect()
}

/// What an event changes. `before` has the values of the users before the rows.
pub fn changes(before: &HashMap<String, Values>, event: &Event) -> Vec<Change> {
    let Event::UserUpdated { user, person, org_unit, roles, .. } = event else {
        return Vec::new();
    };
    let Some(old) = before.get(&user.folded()) else { return Vec::new() };
    let new = values(person, org_unit.as_deref(), roles.iter().map(String::as_str));
    let mut fields: Vec<&String> = old.keys().chain(new.keys()).collect();
    fields.sort_unstable();
    fields.dedup();
    let change = |field: &String| Change {
        field: field.clone(),
        old: old.get(field).cloned(),
        new: new.get(field).cloned(),
    };
    fields.into_iter().map(change).filter(|change| change.old != change.new).collect()
}

/// Who would be invited. The company has the whole import. None if the import requests no run.
pub fn invites(
    company: &Company,
    import: ImportId,
    sends_texts: bool,
    now: Time,
) -> Option<InvitesForecast> {
    let run = company.runs.get(&run_of(import))?;
    let picks = run.people().into_iter().map(Pick::Known).collect();
    let people = Selection { picks, duplicates_removed: 0 };
    let rules = InviteRules { channel: run.channel, resend: false, sends_texts };
    let (outcomes, invited) = ExpectedOutcomes::of(company, &people, &rules, now);
    let earlier = EarlierMails::of(company, &people, run.channel, now);
    let others = unfinished(company)
        .filter(|(id, other)| *id != run_of(import) && other.channel == run.channel);
    let others: BTreeSet<UserId> = others.flat_map(|(_, other)| other.people()).collect();
    let is_in_other = |pick: &&Pick| matches!(pick, Pick::Known(id) if others.contains(id));
    let in_unfinished_runs = people.picks.iter().filter(is_in_other).count() as u64;
    let people = invited.iter().take(NAMED_MAX);
    let people = people.filter_map(|id| Some(company.users.get(*id)?.key())).collect();
    Some(InvitesForecast {
        channel: run.channel.as_str(),
        outcomes,
        earlier,
        in_unfinished_runs,
        people,
    })
}

/// Whether the numbers suffice. The company has the whole import. None if the import opens no accounts.
pub fn numbers(company: &Company, import: ImportId) -> Option<NumbersForecast> {
    let state = company.imports.get(&import)?;
    let organization = state.placing.as_ref()?.organization.clone();
    let stock = company.numbers.stock(&company.numbers.owner(Some(&organization)));
    let lacks = |id: &&UserId| {
        company.numbers.is_account(**id)
            && company.numbers.of(**id).is_none()
            // The number of an invited account is kept free already.
            && !company.numbers.is_waiting(**id)
    };
    let needed = state.members.iter().filter(lacks).count() as u64;
    let available = stock.spare(company.settings.number_overbooking);
    Some(NumbersForecast { organization, needed, available })
}

impl NumbersForecast {
    /// A warning if the accounts need more numbers than the organization has.
    pub fn shortage(&self) -> Option<Problem> {
        let Self { organization, needed, available } = self;
        let words = format!("{organization}: needed {needed}, available {available}");
        (needed > available).then(|| Problem::new(Code::ImportNumbersShort).saying(&words))
    }
}

fn values_of_user(user: &User) -> Values {
    values(&user.person(), user.org_unit.as_deref(), user.roles.iter().map(|role| &**role))
}

fn values<'r>(
    person: &Person,
    org_unit: Option<&str>,
    roles: impl Iterator<Item = &'r str>,
) -> Values {
    let roles = roles.collect::<Vec<_>>().join("; ");
    let phone = person.phone.map(|phone| phone.to_string());
    let named = [
        ("first_name", person.first_name.clone()),
        ("last_name", person.last_name.clone()),
        ("email", person.email.clone()),
        ("phone", phone),
        ("org_unit", org_unit.map(str::to_owned)),
        ("roles", (!roles.is_empty()).then_some(roles)),
    ];
    let named = named.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
    let others = person.attributes.iter();
    named.chain(others.map(|(name, value)| (format!("attributes.{name}"), value.clone()))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::imports::import_file::testing::{accepted, import_id, row};
    use crate::decide::numbers::pool::testing::{account, assigned, number_added, unit, user_of};
    use crate::decide::testing::{
        NOW, channel_enabled, given, run_id, run_started, user_created, who,
    };
    use crate::event::{Channel, Existing, Source};
    use crate::values::{Personal, Phone};

    fn values_of(pairs: &[(&str, &str)]) -> Values {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn changes_show_old_and_new_values_of_known_users() {
        let company = given([unit("EMEA", None), user_of("ann", "EMEA")]).0;
        let dialect = crate::dialect::find("leapxpert").unwrap();
        let before = values_before(&company, dialect, &[row(1, "ANN"), row(2, "bob")]);
        let old = values_of(&[("email", "ann@acme.example"), ("org_unit", "EMEA")]);
        assert_eq!(before, HashMap::from([("ann".to_owned(), old)]));
        let person = Person {
            first_name: Some("Ann".to_owned()),
            email: Some("ann@acme.example".to_owned()),
            phone: Phone::parse("+84923448071").ok(),
            attributes: values_of(&[("title", "Head")]),
            ..Person::default()
        };
        let updated = Event::UserUpdated {
            user: who("Ann"),
            person: Personal(person),
            org_unit: None,
            roles: vec!["Agent".to_owned(), "Lead".to_owned()],
            changed: vec![],
            row: None,
        };
        let found = changes(&before, &updated);
        let shown: Vec<_> = found
            .iter()
            .map(|one| (one.field.as_str(), one.old.as_deref(), one.new.as_deref()))
            .collect();
        let expected = [
            ("attributes.title", None, Some("Head")),
            ("first_name", None, Some("Ann")),
            ("org_unit", Some("EMEA"), None),
            ("phone", None, Some("+84923448071")),
            ("roles", None, Some("Agent; Lead")),
        ];
        assert_eq!(shown, expected);
        assert!(changes(&HashMap::new(), &updated).is_empty());
        assert!(changes(&before, &user_created("ann")).is_empty());
    }

    /// People of another unfinished run on the channel are counted; the run of the import itself is not.
    #[test]
    fn forecast_names_the_people_who_would_be_invited() {
        let run = run_of(import_id());
        let before = [channel_enabled(), user_created("ann"), user_created("bob")];
        let requested = |users: &[&str]| {
            let source = Source::Users(users.iter().map(|key| who(key)).collect());
            let queued = users.iter().map(|key| Event::RecipientQueued { run, user: who(key) });
            let requested = Event::RunRequested {
                run,
                channel: Channel::Whatsapp,
                source,
                total: users.len() as u64,
                duplicates_removed: 0,
                not_before: None,
                list_version: None,
            };
            [requested].into_iter().chain(queued).collect::<Vec<_>>()
        };
        let other = run_started(run_id(1), &["ann"]);
        let events = before.into_iter().chain(other).chain(requested(&["ann", "bob"]));
        let company = given(events).0;
        let forecast = invites(&company, import_id(), false, NOW).unwrap();
        assert_eq!((forecast.channel, forecast.in_unfinished_runs), ("whatsapp", 1));
        assert!(invites(&given([]).0, import_id(), false, NOW).is_none());
    }

    #[test]
    fn accounts_without_a_number_need_one() {
        let import = import_id();
        let mut file = accepted(3, false, Existing::Skip);
        if let Event::ImportAccepted { options, .. } = &mut file {
            options.dialect = "multiline".to_owned();
        }
        let placed = Event::ImportPlaced {
            import,
            organization: "EMEA".to_owned(),
            permission_group: "Traders".to_owned(),
        };
        let row_of = |key: &str, at: u64| Event::RowUnchanged {
            user: who(key),
            row: crate::event::RowRef::new(import, at, at + 1),
        };
        let mut events = vec![unit("EMEA", None), file, placed];
        events.extend([1, 2, 3].map(|n| number_added(n, Some("EMEA"))));
        events.extend(account("ann", "EMEA"));
        events.extend(account("bob", "EMEA"));
        events.extend([user_of("cid", "EMEA"), assigned(1, "ann")]);
        events.extend([row_of("ann", 1), row_of("bob", 2), row_of("cid", 3)]);
        let expected = NumbersForecast { organization: "EMEA".to_owned(), needed: 1, available: 2 };
        assert_eq!(numbers(&given(events).0, import), Some(expected));
        assert_eq!(numbers(&given([accepted(1, false, Existing::Skip)]).0, import), None);
    }

    #[test]
    fn shortage_is_a_warning_with_both_counts() {
        let forecast = |needed, available| {
            NumbersForecast { organization: "EMEA".to_owned(), needed, available }.shortage()
        };
        let warning = forecast(3, 2).unwrap();
        assert_eq!(warning.code, Code::ImportNumbersShort);
        assert!(warning.message.contains("EMEA: needed 3, available 2"), "{}", warning.message);
        assert!(forecast(2, 2).is_none() && forecast(1, 2).is_none());
    }
}
