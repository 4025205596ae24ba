//! Settings, templates, units, roles, permissions and time.

pub mod bind_nats_user;
pub mod define_org_unit;
pub mod define_permission_group;
pub mod define_role;
pub mod grant_permissions;
pub mod issue_token;
pub mod revoke_permissions;
pub mod revoke_token;
pub mod set_company_config;
pub mod set_template;
pub mod tick;
pub mod unbind_nats_user;
pub mod unset_template;
