//! Single users, their roles and phones.

pub mod add_corporate_phone;
pub mod add_user;
pub mod archive_user;
pub mod assign_roles;
pub mod deactivate_user;
pub mod reactivate_user;
pub mod remove_corporate_phone;
pub mod restore_user;
