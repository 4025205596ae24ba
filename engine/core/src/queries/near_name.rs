//! The query `near_name`: a known name that a new name is almost equal to, so it may be a typing error.

use std::collections::BTreeMap;

use boarding_commands::company::Company;
use boarding_commands::event::Permission;
use boarding_commands::values::Refusal;
use boarding_csv::NearNames;
use boarding_projections::query::{Access, AnswerRow, Param};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use super::engine_query::{EngineQuery, EngineQueryRequest, text_of};
use super::failure::{JsonAnswer, QueryAnswer, QueryFailure};
use super::query_schema::{QuerySchema, ResponseKind};

/// The longest name that is compared, in characters: no name of the company is longer, and the company waits meanwhile.
const COMPARED_MAX_CHARS: usize = 254;

/// The name that a new name is near to.
#[derive(Serialize, JsonSchema)]
struct NearName {
    /// None if the company has the name itself, or none that is near to it.
    near: Option<String>,
}

pub(super) const QUERY: EngineQuery = EngineQuery {
    schema: QuerySchema {
        name: "near_name",
        params: &[
            Param::text(ORG_UNIT),
            Param::text(ROLE),
            Param::text(PERMISSION_GROUP),
            Param::text(USER),
        ],
        one_of: &[],
        paged: false,
        has_csv: false,
        response: ResponseKind::Row(NearName::json_schema),
    },
    // As of the queries that list these names.
    access: |params| {
        Ok(match named(params)? {
            Some((ORG_UNIT, _)) => Access::Permission(Permission::ViewOrgUnits),
            Some((USER, _)) => Access::AnyPermission,
            _ => Access::Everyone,
        })
    },
    answer: near_name,
};

const ORG_UNIT: &str = "org_unit";
const ROLE: &str = "role";
const PERMISSION_GROUP: &str = "permission_group";
const USER: &str = "user";

/// Reads the company as of its last durable commit.
fn near_name(request: &EngineQueryRequest<'_>) -> Result<QueryAnswer, QueryFailure> {
    let near = match named(request.params)? {
        Some((kind, name)) => request.actor().inspect(move |company| near(company, kind, &name))?,
        None => None,
    };
    Ok(QueryAnswer::Json(JsonAnswer::row(request.position, &AnswerRow::of(&NearName { near }))))
}

/// The kind of the first name that is given, and the name.
fn named(params: &Value) -> Result<Option<(&'static str, String)>, Refusal> {
    let mut first = None;
    for kind in [ORG_UNIT, ROLE, PERMISSION_GROUP, USER] {
        let name = text_of(params, kind)?;
        first = first.or(name.map(|name| (kind, name)));
    }
    Ok(first)
}

fn near(company: &Company, kind: &str, name: &str) -> Option<String> {
    if name.chars().nth(COMPARED_MAX_CHARS).is_some() {
        return None;
    }
    match kind {
        ORG_UNIT => first_near(name, &company.org_units),
        ROLE => first_near(name, &company.roles),
        PERMISSION_GROUP => first_near(name, &company.permission_groups),
        _ if company.users.created(name).is_some() => None,
        _ => {
            let names = NearNames::new(name);
            let mut created = company.users.iter().filter(|(_, user)| user.is_created());
            let near = created.find(|(_, user)| names.is_near(user.key_text()));
            near.map(|(_, user)| user.key_text().to_owned())
        }
    }
}

/// The first name that is near to a new one; none if the name itself is known.
fn first_near<T>(name: &str, known: &BTreeMap<String, T>) -> Option<String> {
    if known.contains_key(name) {
        return None;
    }
    let names = NearNames::new(name);
    known.keys().find(|known| names.is_near(known)).cloned()
}
