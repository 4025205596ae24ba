//! Owners: how far each organization's numbers are used, and promised (query `number_utilisation`; ML-06).

use boarding_commands::commit::Fact;
use boarding_commands::event::{Event, Permission};
use boarding_commands::settings::Settings;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::tally::{Count, Tally};
use crate::config;
use crate::projection::Projection;
use crate::query::{Answer, Asked, Param, Query, QueryError, page, shape_of};
use crate::rows::{Rows, Table};

pub(super) const UTILISATION: Query = Query {
    name: "number_utilisation",
    permission: Some(Permission::Accounts),
    params: &[Param::text("org_unit")],
    paged: true,
    row: shape_of::<Utilisation>,
    columns: None,
    answer: utilisation,
};

/// Whoever may have numbers, or people who need some.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Owner {
    org_unit: Option<String>,
}

/// Owners by name; the company's own stock first, without one.
#[derive(Debug)]
pub(super) struct Owners;

impl Owners {
    fn of(event: &Event) -> Option<Option<&str>> {
        match event {
            Event::NumberAdded { org_unit, .. } | Event::NumberWithdrawn { org_unit, .. } => {
                Some(org_unit.as_deref())
            }
            Event::NumberAllocated { org_unit, .. } => Some(Some(org_unit)),
            Event::ImportPlaced { organization, .. } => Some(Some(organization)),
            _ => None,
        }
    }
}

impl Projection for Owners {
    const TABLE: Table = Table::NumberOwners;
    const VERSION: u32 = 1;
    const READS: bool = false;
    type Row = Owner;

    fn key(fact: &Fact<'_>) -> Option<Vec<u8>> {
        Self::of(fact.event).map(|name| name.unwrap_or_default().into())
    }

    fn evolve(_: Option<Owner>, fact: &Fact<'_>) -> Option<Owner> {
        Self::of(fact.event).map(|name| Owner { org_unit: name.map(str::to_owned) })
    }
}

/// How far an organization's numbers are used, and promised to pending invitations.
#[derive(Serialize, JsonSchema)]
struct Utilisation<'a> {
    /// Null for the company's own stock.
    org_unit: Option<&'a str>,
    total: u64,
    available: u64,
    reserved: u64,
    assigned: u64,
    registered: u64,
    cooling: u64,
    allocated_to_sub_organizations: u64,
    /// Pending invitations that have no number yet, and need one.
    pending_without_number: u64,
    /// Numbers that further invitations may be sent on.
    spare: u64,
    /// Assigned and registered ones, of all.
    used_percent: u64,
    threshold_percent: u64,
    threshold_exceeded: bool,
    /// Whether pending invitations need more numbers than there are.
    invitations_exceed_numbers: bool,
}

impl<'a> Utilisation<'a> {
    fn of(org_unit: Option<&'a str>, count: Count, settings: &Settings) -> Self {
        let (total, stock) = (count.total(), count.stock);
        let used_percent = (100 * count.used()).checked_div(total).unwrap_or(0);
        Self {
            org_unit,
            total,
            available: stock.available,
            reserved: stock.reserved,
            assigned: count.assigned,
            registered: count.registered,
            cooling: count.cooling,
            allocated_to_sub_organizations: count.below,
            pending_without_number: stock.waiting,
            spare: stock.spare(settings.number_overbooking),
            used_percent,
            threshold_percent: settings.number_threshold_percent,
            threshold_exceeded: total > 0 && used_percent >= settings.number_threshold_percent,
            invitations_exceed_numbers: stock.waiting > stock.free(),
        }
    }
}

fn utilisation(asked: &Asked<'_>, rows: &dyn Rows) -> Result<Answer, QueryError> {
    let wanted = asked.text("org_unit")?;
    let tally = Tally::of(asked, rows)?;
    let settings = config::settings(rows, asked.company)?;
    page::<Owners, _>(asked, rows, &[], |_, owner| {
        let name = owner.org_unit.as_deref();
        if wanted.is_some() && wanted != name {
            return Ok([None]);
        }
        Ok([Some(json!(Utilisation::of(name, tally.count(name), &settings)))])
    })
}

#[cfg(test)]
mod tests {
    use super::super::testing::{added, assigned, number, opened, unit};
    use super::*;
    use crate::testing::{Story, created, dispatched, import, recipient, requested, sent, who};
    use serde_json::Value;

    /// `created` puts people into Sales, which hangs below EMEA.
    fn story() -> Story {
        Story::of("acme")
            .then([unit("EMEA", None), unit("Sales", Some("EMEA"))])
            .then([added(1, None), added(2, Some("EMEA"))])
            .then((3..8).map(|n| added(n, Some("Sales"))))
            .then(["ann", "bob", "cid"].into_iter().flat_map(|key| [created(key), opened(key)]))
            .then([assigned(3, "ann"), assigned(4, "zoe")])
            .then([Event::NumberRegistered { number: number(4), user: who("zoe") }])
            .then([Event::NumberReserved { number: number(5), tag: "VIP".to_owned() }])
    }

    fn of(story: &Story, org_unit: &str) -> Value {
        story.ask("number_utilisation", &json!({"org_unit": org_unit}))[0].clone()
    }

    /// ML-06, P18: every number is counted once; those below are told beside.
    #[test]
    fn ml_06_the_states_of_an_owner_add_up_to_its_numbers() {
        let cooling_until = Some(crate::testing::at(99));
        let released = Event::NumberReleased { number: number(3), user: who("ann"), cooling_until };
        let rows = story().then([released]).ask("number_utilisation", &json!({}));
        assert_eq!(rows.len(), 3);
        assert_eq!((&rows[0]["org_unit"], &rows[0]["total"]), (&Value::Null, &json!(1)));
        assert_eq!(rows[0]["allocated_to_sub_organizations"], 6);
        assert_eq!(
            (&rows[1]["org_unit"], &rows[1]["allocated_to_sub_organizations"]),
            (&json!("EMEA"), &json!(5))
        );
        let sales = &rows[2];
        let states = ["available", "reserved", "assigned", "registered", "cooling"];
        let counts = states.map(|state| sales[state].as_u64().unwrap());
        assert_eq!(counts, [2, 1, 0, 1, 1]);
        assert_eq!(sales["total"], 5);
        assert_eq!(
            (&sales["used_percent"], &sales["threshold_exceeded"]),
            (&json!(20), &json!(false))
        );
    }

    /// ML-06, A19: pending invitations without a number are set against what is there.
    #[test]
    fn ml_06_pending_invitations_without_a_number_are_counted() {
        let run = [requested(1, 3), recipient(1, "ann"), recipient(1, "bob"), recipient(1, "cid")];
        let story = story().then(run);
        assert_eq!(of(&story, "Sales")["pending_without_number"], 0);
        let story = story.then([dispatched(1, "ann", 1, 1), sent(1, "ann", 1)]).then([
            dispatched(1, "bob", 1, 1),
            sent(1, "bob", 1),
            dispatched(1, "cid", 1, 1),
        ]);
        let sales = of(&story, "Sales");
        assert_eq!((&sales["pending_without_number"], &sales["spare"]), (&json!(2), &json!(1)));
        let left = story.clone().then([Event::UserArchived { user: who("cid") }]);
        assert_eq!(
            of(&left, "Sales")["pending_without_number"],
            1,
            "A19: who has left claims none"
        );
        let linked = Event::UserLinked {
            user: who("bob"),
            channel: boarding_commands::event::Channel::Whatsapp,
            invitation: None,
        };
        assert_eq!(of(&story.then([linked]), "Sales")["pending_without_number"], 1);
    }

    /// The figures of the product's alerts: the threshold in percent, and demand above what is there.
    #[test]
    fn the_alerts_are_told_by_figures() {
        let set = |setting: &str, value: Value| Event::CompanyConfigChanged {
            setting: setting.to_owned(),
            value,
        };
        let story = story().then([set("number_threshold_percent", json!(40))]);
        let sales = of(&story, "Sales");
        assert_eq!(
            (&sales["used_percent"], &sales["threshold_exceeded"]),
            (&json!(40), &json!(true))
        );
        let bob = |n| [dispatched(n, "bob", 1, 1), dispatched(n, "cid", 1, 1)];
        let taken = (5..8).map(|n| Event::NumberWithdrawn { number: number(n), org_unit: None });
        let story = story.then([requested(1, 2)]).then(bob(1)).then(taken);
        let sales = of(&story, "Sales");
        assert_eq!(
            (&sales["invitations_exceed_numbers"], &sales["spare"]),
            (&json!(true), &json!(0))
        );
    }

    #[test]
    fn an_organization_that_accounts_were_uploaded_into_is_shown() {
        let placed = Event::ImportPlaced {
            import: import(1),
            organization: "Paris".to_owned(),
            permission_group: "Traders".to_owned(),
        };
        let story = Story::of("acme").then([placed]);
        assert_eq!(of(&story, "Paris")["total"], 0);
    }
}
