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
        let current = company.settings.flat();
        let changes = company.settings.check(&self.0)?;
        let differs = |change: &(String, Value)| !current.contains(change);
        let changes: Vec<_> = changes.into_iter().filter(differs).collect();
        let requires_binding = |(name, value): &(String, Value)| {
            name == "require_bound_users" && value == &Value::Bool(true)
        };
        if changes.iter().any(requires_binding) {
            check_keeps_access(company, context)?;
        }
        let before = |name: &str| {
            let found = current.iter().find(|(known, _)| known == name);
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

/// Refuses `require_bound_users` if the sender or every administrator would lose access.
///
/// # Errors
/// `auth.administrator_not_bound`.
fn check_keeps_access(company: &Company, context: &Context<'_>) -> Result<(), Refusal> {
    // Bindings limit neither the command line nor access tokens. Over NATS, the sender must keep access, because a
    // binding of another user may have a misspelt name. A NATS server without accounts names no
    // user, so the sender would lose access.
    let sender = context.authenticated.and_then(|user| company.bindings.of(user));
    let keeps_access = context.authority != Authority::Granted
        || sender.is_some_and(|binding| binding.allows(context.actor));
    if keeps_access && company.bindings.reach_administrator(&company.grants) {
        return Ok(());
    }
    Err(Code::AuthAdministratorNotBound.into())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::decide::testing::given;

    /// LX-05, LX-06: a command enables a channel and sets the limit. An equal value gives no event.
    #[test]
    fn only_changed_settings_give_events() {
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
    fn one_invalid_setting_refuses_all_settings() {
        let body = json!({"bulk_integration_max_records": 0, "assume_plus": true});
        given([]).when_json("SetCompanyConfig", body).then_refused(Code::ConfigInvalidValue);
    }
}
