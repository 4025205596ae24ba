//! Use of each organization's numbers (query `number_utilisation`).

use boarding_commands::commit::RecordedEvent;
use boarding_commands::event::{Event, Permission};
use boarding_commands::settings::Settings;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::counts::{OwnerCounts, PoolCounts};
use crate::projection::Projection;
use crate::query::{
    Access, AnswerRow, Param, Query, QueryError, QueryRequest, RowsAnswer, page, schema_of,
};
use crate::rows::{Rows, Table};
use crate::tables::settings::settings;

pub(super) const UTILISATION: Query = Query {
    name: "number_utilisation",
    access: Access::Permission(Permission::Accounts),
    params: &[Param::text("org_unit")],
    paged: true,
    row: schema_of::<Utilisation>,
    csv: None,
    answer: utilisation,
};

/// An organization that ever got numbers, or that an import of accounts named.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct NumberOwnerRow {
    /// None for the company's own stock.
    org_unit: Option<String>,
}

/// Owners of numbers by name. The company's own stock is first, because its key is empty.
#[derive(Debug)]
pub(super) struct NumberOwnerProjection;

impl NumberOwnerProjection {
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

impl Projection for NumberOwnerProjection {
    const TABLE: Table = Table::NumberOwners;
    const VERSION: u32 = 1;
    const READS: bool = false;
    type Row = NumberOwnerRow;

    fn key(recorded: &RecordedEvent<'_>) -> Option<Vec<u8>> {
        Self::of(recorded.event).map(|name| name.unwrap_or_default().into())
    }

    fn evolve(_: Option<NumberOwnerRow>, recorded: &RecordedEvent<'_>) -> Option<NumberOwnerRow> {
        Self::of(recorded.event).map(|name| NumberOwnerRow { org_unit: name.map(str::to_owned) })
    }
}

/// An organization's numbers by state, and its pending invitations.
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
    /// Pending invitations whose account has no number yet.
    pending_without_number: u64,
    /// The numbers that further invitations can use.
    spare: u64,
    /// Assigned and registered numbers, in percent of all.
    used_percent: u64,
    threshold_percent: u64,
    threshold_exceeded: bool,
    /// Whether pending invitations need more numbers than the organization has.
    invitations_exceed_numbers: bool,
}

impl<'a> Utilisation<'a> {
    fn of(org_unit: Option<&'a str>, count: OwnerCounts, settings: &Settings) -> Self {
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

fn utilisation(request: &QueryRequest<'_>, rows: &dyn Rows) -> Result<RowsAnswer, QueryError> {
    let wanted = request.name("org_unit")?;
    let counts = PoolCounts::load(request, rows)?;
    let settings = settings(rows, request.company)?;
    page::<NumberOwnerProjection, _>(request, rows, &[], |_, owner| {
        let name = owner.org_unit.as_deref();
        if wanted.is_some() && wanted.as_deref() != name {
            return Ok([None]);
        }
        Ok([Some(AnswerRow::of(&Utilisation::of(name, counts.of(name), &settings)))])
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{
        TestCompany, account_opened, created, dispatched, import, number, number_added,
        number_assigned, org_unit_defined, recipient, requested, sent, who,
    };
    use serde_json::{Value, json};

    /// `created` adds users to Sales. EMEA is the parent of Sales.
    fn company() -> TestCompany {
        TestCompany::new("acme")
            .commit([org_unit_defined("EMEA", None), org_unit_defined("Sales", Some("EMEA"))])
            .commit([number_added(1, None), number_added(2, Some("EMEA"))])
            .commit((3..8).map(|n| number_added(n, Some("Sales"))))
            .commit(
                ["ann", "bob", "cid"]
                    .into_iter()
                    .flat_map(|key| [created(key), account_opened(key)]),
            )
            .commit([number_assigned(3, "ann"), number_assigned(4, "zoe")])
            .commit([Event::NumberRegistered { number: number(4), user: who("zoe") }])
            .commit([Event::NumberReserved { number: number(5), tag: "VIP".to_owned() }])
    }

    fn row_of(company: &TestCompany, org_unit: &str) -> Value {
        company.query("number_utilisation", &json!({"org_unit": org_unit}))[0].clone()
    }

    /// ML-06, P18: each number is counted once. Numbers of organizations below have their own
    /// count.
    #[test]
    fn states_of_an_owner_add_up_to_its_total() {
        let cooling_until = Some(crate::testing::at(99));
        let released = Event::NumberReleased { number: number(3), user: who("ann"), cooling_until };
        let rows = company().commit([released]).query("number_utilisation", &json!({}));
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

    /// ML-06, A19.
    #[test]
    fn pending_invitations_without_a_number_are_counted() {
        let run = [requested(1, 3), recipient(1, "ann"), recipient(1, "bob"), recipient(1, "cid")];
        let company = company().commit(run);
        assert_eq!(row_of(&company, "Sales")["pending_without_number"], 0);
        let company = company.commit([dispatched(1, "ann", 1, 1), sent(1, "ann", 1)]).commit([
            dispatched(1, "bob", 1, 1),
            sent(1, "bob", 1),
            dispatched(1, "cid", 1, 1),
        ]);
        let sales = row_of(&company, "Sales");
        assert_eq!((&sales["pending_without_number"], &sales["spare"]), (&json!(2), &json!(1)));
        let archived = company.clone().commit([Event::UserArchived { user: who("cid") }]);
        assert_eq!(
            row_of(&archived, "Sales")["pending_without_number"],
            1,
            "an archived user needs no number"
        );
        let linked = Event::UserLinked {
            user: who("bob"),
            channel: boarding_commands::event::Channel::Whatsapp,
            invitation: None,
        };
        assert_eq!(row_of(&company.commit([linked]), "Sales")["pending_without_number"], 1);
    }

    /// The figures of the product's alerts: the threshold in percent, and more invitations than numbers.
    #[test]
    fn exceeded_threshold_and_missing_numbers_are_shown() {
        let set = |setting: &str, value: Value| Event::CompanyConfigChanged {
            setting: setting.to_owned(),
            value,
        };
        let company = company().commit([set("number_threshold_percent", json!(40))]);
        let sales = row_of(&company, "Sales");
        assert_eq!(
            (&sales["used_percent"], &sales["threshold_exceeded"]),
            (&json!(40), &json!(true))
        );
        let invited = [dispatched(1, "bob", 1, 1), dispatched(1, "cid", 1, 1)];
        let withdrawn =
            (5..8).map(|n| Event::NumberWithdrawn { number: number(n), org_unit: None });
        let company = company.commit([requested(1, 2)]).commit(invited).commit(withdrawn);
        let sales = row_of(&company, "Sales");
        assert_eq!(
            (&sales["invitations_exceed_numbers"], &sales["spare"]),
            (&json!(true), &json!(0))
        );
    }

    #[test]
    fn organization_of_uploaded_accounts_is_shown() {
        let placed = Event::ImportPlaced {
            import: import(1),
            organization: "Paris".to_owned(),
            permission_group: "Traders".to_owned(),
        };
        let company = TestCompany::new("acme").commit([placed]);
        assert_eq!(row_of(&company, "Paris")["total"], 0);
    }
}
