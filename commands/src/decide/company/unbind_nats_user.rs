//! `UnbindNatsUser`: removes the binding of a NATS user.

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Deserialize;
use serde_json::{Value, json};

use super::bind_nats_user::check_reachable;
use crate::company::Company;
use crate::decide::changes::Changed;
use crate::decide::rule::{Context, Decide, Decision};
use crate::event::{Event, Permission};
use crate::values::{Code, Personal, Refusal, check_nats_user};

/// Removes the binding of a NATS user: it may name any actor then, unless the company requires bindings.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UnbindNatsUser {
    /// The user as the NATS server knows it.
    #[schemars(length(min = 1))]
    pub nats_user: Personal<String>,
}

impl Decide for UnbindNatsUser {
    const NEEDS: Option<Permission> = Some(Permission::Administer);

    fn decide(&self, company: &Company, context: &Context<'_>) -> Result<Decision, Refusal> {
        check_nats_user(&self.nats_user)?;
        let Some(current) = company.bindings.of(&self.nats_user) else {
            return Ok(Decision::append(vec![]).with_result(Changed::result(vec![])));
        };
        let none = json!({"actors": [], "speaks_for": Value::Null});
        let result = Changed::counted(&json!(current), &none);
        if company.settings.require_bound_users
            && context.authenticated == Some(self.nats_user.as_str())
        {
            let words = "the command would shut its own user out";
            return Err(Refusal::new(Code::AuthAdministratorNotBound).saying(words));
        }
        let mut bindings = company.bindings.clone();
        bindings.unbind(&self.nats_user);
        check_reachable(company, &bindings, &company.grants)?;
        let nats_user = self.nats_user.clone();
        Ok(Decision::append(vec![Event::NatsUserUnbound { nats_user }]).with_result(result))
    }

    fn result_schema(generator: &mut SchemaGenerator) -> Schema {
        Changed::json_schema(generator)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::testing::given;

    #[test]
    fn unbinding_is_recorded_once() {
        let unbind = UnbindNatsUser { nats_user: Personal("acme-hr".to_owned()) };
        let bound = Event::NatsUserBound {
            nats_user: Personal("acme-hr".to_owned()),
            actors: vec![Personal("hr".to_owned())],
            speaks_for: None,
        };
        let company = given([bound]);
        assert_eq!(company.when(unbind.clone()).names(), ["NatsUserUnbound"]);
        let company = company.after(unbind.clone());
        assert_eq!(company.when(unbind).names(), [] as [&str; 0]);
        assert!(company.0.bindings.of("acme-hr").is_none());
    }
}
