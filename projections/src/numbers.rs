//! The number pool: each number with owner, state and user (queries `numbers`, `number_suggestions`).

mod can_move;
mod counts;
mod pool;
mod utilisation;

use boarding_commands::event::Permission;
use boarding_commands::values::{Personal, Phone};
use schemars::JsonSchema;
use serde::Serialize;

use crate::projector::Projector;
use crate::query::{
    Access, AnswerRow, Param, Query, QueryError, QueryRequest, RowsAnswer, page, schema_of,
};
use crate::read_model::ReadModel;
use crate::rows::Rows;
use pool::{NumberProjection, NumberShown, NumberStatus};

pub(crate) use pool::find;

pub(crate) const MODEL: ReadModel = ReadModel {
    projectors: &[
        Projector::of::<NumberProjection>(),
        Projector::of::<utilisation::NumberOwnerProjection>(),
    ],
    queries: &[
        Query {
            name: "numbers",
            access: Access::Permission(Permission::Accounts),
            params: &[
                Param::text("search"),
                Param::text("org_unit"),
                Param::one_of::<NumberStatus>("state"),
            ],
            paged: true,
            row: schema_of::<NumberShown>,
            csv: None,
            answer: numbers,
        },
        Query {
            name: "number_suggestions",
            access: Access::Permission(Permission::Accounts),
            params: &[
                Param::text("org_unit").aliases(&["org"]),
                // Listed only for its alias `n`: every paged query takes `limit`.
                Param::text("limit").aliases(&["n"]),
            ],
            paged: true,
            row: schema_of::<Suggestion>,
            csv: None,
            answer: suggestions,
        },
        utilisation::UTILISATION,
        can_move::CAN_MOVE,
    ],
};

fn numbers(request: &QueryRequest<'_>, rows: &dyn Rows) -> Result<RowsAnswer, QueryError> {
    let search = request.search()?;
    let org_unit = request.name("org_unit")?;
    let state = request.one_of::<NumberStatus>("state")?;
    page::<NumberProjection, _>(request, rows, &[], |_, number| {
        let number = number.at(request.now);
        let wanted = search.as_ref().is_none_or(|needle| number.matches(needle))
            && org_unit.as_ref().is_none_or(|name| number.org_unit.as_ref() == Some(name))
            && state.is_none_or(|state| number.state == state);
        Ok([wanted.then(|| number.show())])
    })
}

/// A number that an account may pick.
#[derive(Serialize, JsonSchema)]
struct Suggestion<'a> {
    number: &'a Personal<Phone>,
}

/// The numbers that an account may pick on activation, at most `limit`.
fn suggestions(request: &QueryRequest<'_>, rows: &dyn Rows) -> Result<RowsAnswer, QueryError> {
    let org_unit = request.name("org_unit")?;
    page::<NumberProjection, _>(request, rows, &[], |_, number| {
        let number = number.at(request.now);
        let fits = number.state == NumberStatus::Available && number.org_unit == org_unit;
        Ok([fits.then(|| AnswerRow::of(&Suggestion { number: &number.number }))])
    })
}

#[cfg(test)]
mod tests {
    use crate::testing::{TestCompany, at, column, number, number_added, number_assigned, who};
    use boarding_commands::event::Event;
    use serde_json::Value;
    use serde_json::json;

    fn state(company: &TestCompany, n: u64) -> Value {
        let params = json!({"search": number(n).to_string()});
        company.query("numbers", &params)[0]["state"].clone()
    }

    /// P18: the tag, user or time of an earlier state is gone.
    #[test]
    fn number_shows_the_state_of_its_last_event() {
        let company = TestCompany::new("acme").commit([number_added(1, None)]);
        assert_eq!(
            company.query("numbers", &json!({})),
            [json!({"number": "+12125550001", "org_unit": null, "state": "available", "tag": null,
                "user": null, "cooling_until": null, "updated_at": at(0)})]
        );
        let company =
            company.commit([Event::NumberReserved { number: number(1), tag: "VIP".to_owned() }]);
        let row = &company.query("numbers", &json!({"search": "vip"}))[0];
        assert_eq!((&row["state"], &row["tag"]), (&json!("reserved"), &json!("VIP")));
        let allocated = Event::NumberAllocated { number: number(1), org_unit: "EMEA".to_owned() };
        let company = company.commit([allocated, number_assigned(1, "ann")]);
        let row = &company.query("numbers", &json!({"search": "ann"}))[0];
        assert_eq!((&row["state"], &row["tag"]), (&json!("assigned"), &Value::Null));
        assert_eq!((&row["user"], &row["org_unit"]), (&json!("ann"), &json!("EMEA")));
        let company =
            company.commit([Event::NumberRegistered { number: number(1), user: who("ann") }]);
        assert_eq!(state(&company, 1), "registered");
        let cooling_until = Some(at(90));
        let company = company.commit([Event::NumberReleased {
            number: number(1),
            user: who("ann"),
            cooling_until,
        }]);
        let row = &company.query("numbers", &json!({}))[0];
        assert_eq!((&row["state"], &row["user"]), (&json!("cooling"), &Value::Null));
        assert_eq!(row["cooling_until"], json!(at(90)));
        let company = company.commit([Event::NumberCooled { number: number(1) }]);
        let back = Event::NumberWithdrawn { number: number(1), org_unit: None };
        let row = &company.commit([back]).query("numbers", &json!({"state": "available"}))[0];
        assert_eq!((&row["org_unit"], &row["cooling_until"]), (&Value::Null, &Value::Null));
    }

    /// ML-15.
    #[test]
    fn available_numbers_of_the_organization_are_suggested() {
        let company =
            TestCompany::new("acme").commit((1..5).map(|n| number_added(n, Some("EMEA")))).commit(
                [number_added(5, None), number_added(6, Some("APAC")), number_assigned(2, "ann")],
            );
        let suggested =
            |params: Value| column(&company.query("number_suggestions", &params), "number");
        let emea = suggested(json!({"org_unit": "EMEA", "limit": 2}));
        assert_eq!(emea, [json!("+12125550001"), json!("+12125550003")]);
        assert_eq!(suggested(json!({})), [json!("+12125550005")]);
        assert!(suggested(json!({"org_unit": "Nowhere"})).is_empty());
    }

    #[test]
    fn history_of_a_number_includes_the_pool_events() {
        let company = TestCompany::new("acme").commit([
            number_added(1, None),
            number_added(2, None),
            number_assigned(1, "ann"),
        ]);
        let entity = crate::history::Entity::Phone(*number(1));
        let versions = crate::history::versions(&company.rows(), company.id(), &entity).unwrap();
        assert_eq!(versions, [1..=1, 3..=3]);
    }
}
