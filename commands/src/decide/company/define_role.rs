//! `DefineRole`: a role, and the permissions it carries.

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Deserialize;
use serde_json::json;

use crate::company::Company;
use crate::decide::changes::Defined;
use crate::decide::rule::{Context, Decide, Decision, check_text};
use crate::event::{Event, Permission};
use crate::values::Refusal;

/// A role, and the permissions it carries.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DefineRole {
    pub role: String,
    /// For example `bulk_integration`: an org unit can be selected for a run only if one of its roles has it.
    #[serde(default)]
    pub permissions: Vec<String>,
}

impl Decide for DefineRole {
    const NEEDS: Option<Permission> = Some(Permission::Administer);

    fn decide(&self, company: &Company, _: &Context<'_>) -> Result<Decision, Refusal> {
        check_text("role", &self.role)?;
        self.permissions.iter().try_for_each(|permission| check_text("permissions", permission))?;
        let old = company.roles.get(&self.role);
        let values = |permissions: &Vec<String>| json!({"permissions": permissions});
        let result = Defined::result(old.map(values).as_ref(), &values(&self.permissions));
        if old == Some(&self.permissions) {
            return Ok(Decision::append(vec![]).with_result(result));
        }
        let (role, permissions) = (self.role.clone(), self.permissions.clone());
        Ok(Decision::append(vec![Event::RoleDefined { role, permissions }]).with_result(result))
    }

    fn result_schema(generator: &mut SchemaGenerator) -> Schema {
        Defined::json_schema(generator)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::testing::given;

    #[test]
    fn the_same_definition_again_changes_nothing() {
        let body = json!({"role": "Adviser", "permissions": ["bulk_integration"]});
        let role = DefineRole {
            role: "Adviser".to_owned(),
            permissions: vec!["bulk_integration".to_owned()],
        };
        assert_eq!(given([]).when_json("DefineRole", body.clone()).names(), ["RoleDefined"]);
        given([]).after(role).when_json("DefineRole", body).then([]);
    }
}
