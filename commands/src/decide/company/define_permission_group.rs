//! `DefinePermissionGroup`: a group of user permissions that an import of accounts names.

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Deserialize;
use serde_json::json;

use crate::company::Company;
use crate::decide::changes::Defined;
use crate::decide::rule::{Context, Decide, Decision, check_text};
use crate::event::{Event, Permission};
use crate::values::Refusal;

/// A group of user permissions, which accounts are uploaded into.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DefinePermissionGroup {
    pub permission_group: String,
    /// What its accounts may do, in the product's own words.
    #[serde(default)]
    pub permissions: Vec<String>,
}

impl Decide for DefinePermissionGroup {
    const NEEDS: Option<Permission> = Some(Permission::Administer);

    fn decide(&self, company: &Company, _: &Context<'_>) -> Result<Decision, Refusal> {
        check_text("permission_group", &self.permission_group)?;
        self.permissions.iter().try_for_each(|permission| check_text("permissions", permission))?;
        let old = company.permission_groups.get(&self.permission_group);
        let values = |permissions: &Vec<String>| json!({"permissions": permissions});
        let result = Defined::result(old.map(values).as_ref(), &values(&self.permissions));
        if old == Some(&self.permissions) {
            return Ok(Decision::append(vec![]).with_result(result));
        }
        let (permission_group, permissions) =
            (self.permission_group.clone(), self.permissions.clone());
        Ok(Decision::append(vec![Event::PermissionGroupDefined { permission_group, permissions }])
            .with_result(result))
    }

    fn result_schema(generator: &mut SchemaGenerator) -> Schema {
        Defined::json_schema(generator)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::testing::given;
    use crate::values::Code;

    /// ML-04: a group is defined before an import names it. A second identical definition changes nothing.
    #[test]
    fn same_permission_group_again_changes_nothing() {
        let body = json!({"permission_group": "Traders", "permissions": ["voice", "sms"]});
        let company = given([]);
        assert_eq!(
            company.when_json("DefinePermissionGroup", body.clone()).names(),
            ["PermissionGroupDefined"]
        );
        let group = DefinePermissionGroup {
            permission_group: "Traders".to_owned(),
            permissions: vec!["voice".to_owned(), "sms".to_owned()],
        };
        let company = company.after(group);
        company.when_json("DefinePermissionGroup", body).then([]);
        company
            .when_json("DefinePermissionGroup", json!({"permission_group": " "}))
            .then_refused(Code::FieldRequired);
    }
}
