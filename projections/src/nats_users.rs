//! The NATS users that are bound to actors (query `nats_users`).

use boarding_commands::commit::RecordedEvent;
use boarding_commands::event::{Event, Permission, SpeaksFor};
use boarding_commands::values::{Personal, Time};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::projection::Projection;
use crate::projector::Projector;
use crate::query::{
    Access, AnswerRow, Query, QueryError, QueryRequest, RowsAnswer, page, schema_of,
};
use crate::read_model::ReadModel;
use crate::rows::{Rows, Table};

pub(crate) const MODEL: ReadModel = ReadModel {
    projectors: &[Projector::of::<NatsUserProjection>()],
    queries: &[Query {
        name: "nats_users",
        access: Access::Permission(Permission::Administer),
        params: &[],
        paged: true,
        row: schema_of::<NatsUserRow>,
        csv: None,
        answer: nats_users,
    }],
};

/// A bound NATS user, and its last binding.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct NatsUserRow {
    pub nats_user: Personal<String>,
    /// The actors that the user may name.
    pub actors: Vec<Personal<String>>,
    /// `anyone`: the user may name every actor.
    pub speaks_for: Option<SpeaksFor>,
    pub bound_by: Personal<String>,
    pub bound_at: Time,
}

/// Bindings by NATS user.
#[derive(Debug)]
pub(crate) struct NatsUserProjection;

impl Projection for NatsUserProjection {
    const TABLE: Table = Table::NatsUsers;
    const VERSION: u32 = 1;
    type Row = NatsUserRow;

    fn key(recorded: &RecordedEvent<'_>) -> Option<Vec<u8>> {
        match recorded.event {
            Event::NatsUserBound { nats_user, .. } | Event::NatsUserUnbound { nats_user } => {
                Some(nats_user.as_bytes().to_vec())
            }
            _ => None,
        }
    }

    fn evolve(_: Option<NatsUserRow>, recorded: &RecordedEvent<'_>) -> Option<NatsUserRow> {
        match recorded.event {
            Event::NatsUserBound { nats_user, actors, speaks_for } => Some(NatsUserRow {
                nats_user: nats_user.clone(),
                actors: actors.clone(),
                speaks_for: *speaks_for,
                bound_by: recorded.commit.actor.clone(),
                bound_at: recorded.commit.at,
            }),
            _ => None,
        }
    }
}

fn nats_users(request: &QueryRequest<'_>, rows: &dyn Rows) -> Result<RowsAnswer, QueryError> {
    page::<NatsUserProjection, _>(request, rows, &[], |_, row| Ok([Some(AnswerRow::of(&row))]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{TestCompany, at};
    use serde_json::json;

    fn bound(nats_user: &str, actor: &str) -> Event {
        Event::NatsUserBound {
            nats_user: nats_user.to_owned().into(),
            actors: vec![actor.to_owned().into()],
            speaks_for: None,
        }
    }

    #[test]
    fn each_bound_user_is_listed_with_its_last_binding() {
        let portal = Event::NatsUserBound {
            nats_user: "acme-portal".to_owned().into(),
            actors: Vec::new(),
            speaks_for: Some(SpeaksFor::Anyone),
        };
        let company = TestCompany::new("acme")
            .commit([bound("acme-hr", "joe"), bound("acme-it", "tom")])
            .commit([bound("acme-hr", "una"), portal])
            .commit([Event::NatsUserUnbound { nats_user: "acme-it".to_owned().into() }]);
        let row = |user: &str, actors: &[&str], speaks_for: Option<&str>| {
            json!({
                "nats_user": user, "actors": actors, "speaks_for": speaks_for,
                "bound_by": "jane@acme.example", "bound_at": at(1),
            })
        };
        assert_eq!(
            company.query("nats_users", &json!({})),
            [row("acme-hr", &["una"], None), row("acme-portal", &[], Some("anyone"))]
        );
    }
}
