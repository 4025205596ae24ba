//! `SetCompanyConfig`: sets any of the company's settings by name.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::company::Company;
use crate::decide::changes::{Changed, ValueChange};
use crate::decide::rule::{Authority, Context, Decide, Decision};
use crate::event::{Event, Permission};
use crate::settings::change_schema;
use crate::values::{Code, Refusal};

/// Sets any of the company's settings by name.
#[derive(Debug, Clone, Deserialize)]
#[serde(transparent)]
pub struct SetCompanyConfig(pub Map<String, Value>);

impl JsonSchema for SetCompanyConfig {
    fn schema_name() -> Cow<'static, str> {
        "SetCompanyConfig".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        change_schema()
    }
}

impl Decide for SetCompanyConfig {
    const NEEDS: Option<Permission> = Some(Permission::Administer);

    fn decide(&self, company: &Company, context: &Context<'_>) -> Result<Decision, Refusal> {
        if self.0.is_empty() {
            return Err(Refusal::new(Code::EnvelopeMalformed).saying("name at least one setting"));
        }
        let today = company.settings.flat();
        let changes = company.settings.check(&self.0)?;
        let differs = |change: &(String, Value)| !today.contains(change);
        let changes: Vec<_> = changes.into_iter().filter(differs).collect();
        let requires_binding = |(name, value): &(String, Value)| {
            name == "require_bound_users" && value == &Value::Bool(true)
        };
        if changes.iter().any(requires_binding) {
            check_gets_in(company, context)?;
        }
        let before = |name: &str| {
            let found = today.iter().find(|(known, _)| known == name);
            found.map(|(_, value)| value.clone()).unwrap_or_default()
        };
        let change = |(field, new): &(String, Value)| ValueChange {
            field: field.clone(),
            old: before(field),
            new: new.clone(),
        };
        let result = Changed::result(changes.iter().map(change).collect());
        let events = changes.into_iter();
        let events = events.map(|(setting, value)| Event::CompanyConfigChanged { setting, value });
        Ok(Decision::append(events.collect()).with_result(result))
    }

    fn result_schema(generator: &mut SchemaGenerator) -> Schema {
        Changed::json_schema(generator)
    }
}

/// Refuses to require bindings while that would shut out the sender or every administrator.
///
/// # Errors
/// `auth.administrator_not_bound`.
fn check_gets_in(company: &Company, context: &Context<'_>) -> Result<(), Refusal> {
    // Bindings do not limit the command line. Over NATS the sender must get in afterwards too: the name of another user
    // may be misspelt, and a server without accounts tells no user.
    let sender = context.authenticated.and_then(|user| company.bindings.of(user));
    let gets_in = context.authority == Authority::All
        || sender.is_some_and(|binding| binding.allows(context.actor));
    if gets_in && company.bindings.reach_administrator(&company.grants) {
        return Ok(());
    }
    Err(Code::AuthAdministratorNotBound.into())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::decide::testing::given;

    /// LX-05, LX-06: a channel is enabled and the limit set; what is set already is not set again.
    #[test]
    fn settings_change_one_by_one() {
        let body = json!({"bulk_integration_max_records": 100, "channels": {"whatsapp": true}});
        let changed = Event::CompanyConfigChanged {
            setting: "channels.whatsapp".to_owned(),
            value: json!(true),
        };
        given([]).when_json("SetCompanyConfig", body).then([changed.clone()]);
        let company = given([changed]);
        assert!(company.0.settings.channels.whatsapp);
        company.when_json("SetCompanyConfig", json!({"channels.whatsapp": true})).then([]);
    }

    #[test]
    fn one_wrong_setting_refuses_them_all() {
        let body = json!({"bulk_integration_max_records": 0, "assume_plus": true});
        given([]).when_json("SetCompanyConfig", body).then_refused(Code::ConfigInvalidValue);
    }
}
