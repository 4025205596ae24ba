//! `DefineOrgUnit`: an organizational unit by its exact name, its parent, level and roles.

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Deserialize;
use serde_json::json;

use crate::company::{Company, OrgUnit};
use crate::decide::changes::Defined;
use crate::decide::numbers::pool::{check_org_unit, check_permission_group};
use crate::decide::rule::{Context, Decide, Decision, check_text};
use crate::decide::users::add_user::check_references;
use crate::event::{Event, Permission};
use crate::values::{Code, Refusal};

/// An organizational unit by its exact name, its parent, level and roles.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DefineOrgUnit {
    pub org_unit: String,
    pub parent: Option<String>,
    /// `team` is the lowest.
    pub level: Option<String>,
    /// The roles it includes.
    #[serde(default)]
    pub roles: Vec<String>,
    /// The permission group that accounts get when they are moved to the unit; without it each keeps its own.
    pub default_permission_group: Option<String>,
}

impl Decide for DefineOrgUnit {
    const NEEDS: Option<Permission> = Some(Permission::Administer);

    fn decide(&self, company: &Company, _: &Context<'_>) -> Result<Decision, Refusal> {
        check_text("org_unit", &self.org_unit)?;
        if let Some(level) = &self.level {
            check_text("level", level)?;
        }
        self.check_parent(company)?;
        check_references(company, None, &self.roles)?;
        if let Some(group) = &self.default_permission_group {
            check_permission_group(company, group)?;
        }
        let (parent, level, roles) = (self.parent.clone(), self.level.clone(), self.roles.clone());
        let default_permission_group = self.default_permission_group.clone();
        let unit = OrgUnit { parent, level, roles, default_permission_group };
        let old = company.org_units.get(&self.org_unit);
        let result = Defined::result(old.map(|old| json!(old)).as_ref(), &json!(unit));
        if old == Some(&unit) {
            return Ok(Decision::append(vec![]).with_result(result));
        }
        let OrgUnit { parent, level, roles, default_permission_group } = unit;
        Ok(Decision::append(vec![Event::OrgUnitDefined {
            org_unit: self.org_unit.clone(),
            parent,
            level,
            roles,
            default_permission_group,
        }])
        .with_result(result))
    }

    fn result_schema(generator: &mut SchemaGenerator) -> Schema {
        Defined::json_schema(generator)
    }
}

impl DefineOrgUnit {
    fn check_parent(&self, company: &Company) -> Result<(), Refusal> {
        let mut above = self.parent.as_deref();
        while let Some(name) = above {
            if name == self.org_unit {
                let details = json!({"setting": "parent", "org_unit": name});
                return Err(Refusal::new(Code::ConfigInvalidValue)
                    .saying("a unit cannot be above itself")
                    .with(details));
            }
            check_org_unit(company, name)?;
            above = company.org_units.get(name).and_then(|unit| unit.parent.as_deref());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::testing::given;

    fn unit(name: &str, parent: Option<&str>) -> DefineOrgUnit {
        let parent = parent.map(str::to_owned);
        DefineOrgUnit {
            org_unit: name.to_owned(),
            parent,
            level: None,
            roles: vec![],
            default_permission_group: None,
        }
    }

    #[test]
    fn parent_of_a_unit_must_exist_and_be_no_descendant() {
        given([]).when(unit("Team", Some("Desk"))).then_refused(Code::OrgUnitNotFound);
        let company = given([]).after(unit("Desk", None)).after(unit("Team", Some("Desk")));
        company.when(unit("Desk", Some("Team"))).then_refused(Code::ConfigInvalidValue);
        company.when(unit("Team", Some("Desk"))).then([]);
    }
}
