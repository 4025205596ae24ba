//! The query `near_name`: a known name that a new name is almost equal to, so it may be a typing error.

use std::collections::BTreeMap;

use boarding_commands::company::Company;
use boarding_commands::event::Permission;
use boarding_commands::values::Refusal;
use boarding_csv::{differ_by_one_letter, same_name};
use boarding_projections::query::{Access, AnswerRow, Param};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use super::engine_query::{EngineQuery, EngineQueryRequest, text_of};
use super::failure::{JsonAnswer, QueryAnswer, QueryFailure};
use super::query_schema::{QuerySchema, ResponseKind};

/// The shortest names that are compared letter by letter, in characters: `HR` and `HK` are two things.
const COMPARED_MIN_CHARS: usize = 4;

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
    match kind {
        ORG_UNIT => first_near(name, &company.org_units),
        ROLE => first_near(name, &company.roles),
        PERMISSION_GROUP => first_near(name, &company.permission_groups),
        _ if company.users.created(name).is_some() => None,
        _ => {
            let created = company.users.iter().filter(|(_, user)| user.is_created());
            let mut keys = created.map(|(_, user)| user.key());
            let near = keys.find(|key| is_near(name, key.as_str()));
            near.map(|key| key.as_str().to_owned())
        }
    }
}

/// The first name that is near to a new one; none if the name itself is known.
fn first_near<T>(name: &str, known: &BTreeMap<String, T>) -> Option<String> {
    if known.contains_key(name) {
        return None;
    }
    known.keys().find(|known| is_near(name, known)).cloned()
}

/// Whether two names differ only in case, blanks and punctuation, or in one letter. Names with other digits are meant
/// to be similar: `Desk 1`, `Desk 2`.
fn is_near(name: &str, known: &str) -> bool {
    if same_name(name, known) {
        return true;
    }
    let (name, known) = (name.to_lowercase(), known.to_lowercase());
    if name.chars().count().min(known.chars().count()) < COMPARED_MIN_CHARS {
        return false;
    }
    let digits = |text: &str| text.chars().filter(char::is_ascii_digit).collect::<String>();
    digits(&name) == digits(&known) && differ_by_one_letter(&name, &known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_differ_by_a_typing_error_are_near() {
        for (name, known) in [
            ("sales", "Sales"),
            ("Fixed-Income", "Fixed Income"),
            ("Sale", "Sales"),
            ("Salles", "Sales"),
            ("Salas", "Sales"),
            ("Saels", "Sales"),
        ] {
            assert!(is_near(name, known), "{name}");
        }
        for (name, known) in [
            ("Desk 1", "Desk 2"),
            ("Desk", "Desk 2"),
            ("HR", "HK"),
            ("EMEA", "APAC"),
            ("Seals", "Sales"),
        ] {
            assert!(!is_near(name, known), "{name}");
        }
    }
}
