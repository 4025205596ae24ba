//! The list of all commands: their names, their schemas, and the dispatch to their rules.

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::{Value, json};

use crate::company::Company;
use crate::decide::end_links;
use crate::decide::key_spelling;
use crate::decide::numbers::pool;
use crate::decide::rule::{Context, Decide, Decision};
use crate::envelope::read;
use crate::mail_kinds;
use crate::values::{Code, Refusal, nearest};

/// A command that may be asked from outside, as the contract describes it.
#[derive(Debug)]
pub struct CommandSchema {
    pub name: &'static str,
    pub body: Schema,
    pub result: Schema,
}

macro_rules! commands {
    (
        public { $($folder:ident :: $module:ident :: $name:ident),* $(,)? }
        internal { $($(#[$doc:meta])* $ifolder:ident :: $imodule:ident :: $iname:ident),* $(,)? }
    ) => {
        $(pub use crate::decide::$folder::$module::$name;)*
        $(pub use crate::decide::$ifolder::$imodule::$iname;)*

        /// Everything that may be asked: by anybody, and by the engine of itself.
        #[derive(Debug, Clone)]
        pub enum Command {
            $($name($name),)*
            $($(#[$doc])* $iname($iname),)*
        }

        $(impl From<$name> for Command { fn from(command: $name) -> Self { Self::$name(command) } })*
        $(impl From<$iname> for Command { fn from(command: $iname) -> Self { Self::$iname(command) } })*

        /// The names that may be asked from outside.
        pub const NAMES: &[&str] = &[$(stringify!($name)),*];

        /// The schemas of all external commands: bodies as input, results as output.
        pub fn schemas(bodies: &mut SchemaGenerator, results: &mut SchemaGenerator) -> Vec<CommandSchema> {
            vec![$(CommandSchema {
                name: stringify!($name),
                body: <$name as JsonSchema>::json_schema(bodies),
                result: <$name as Decide>::result_schema(results),
            }),*]
        }

        impl Command {
            pub fn name(&self) -> &'static str {
                match self {
                    $(Self::$name(_) => stringify!($name),)*
                    $(Self::$iname(_) => stringify!($iname),)*
                }
            }

            /// Reads a command that came from outside, by its contract name.
            ///
            /// # Errors
            /// `envelope.malformed`, naming the command or the key.
            pub fn read(name: &str, body: Value) -> Result<Self, Refusal> {
                let body = key_spelling::alike(body);
                match name {
                    $(stringify!($name) => read(body).map(Self::$name),)*
                    _ => Err(unknown_command(name)),
                }
            }

            /// Decides the command against the current state of the company.
            ///
            /// # Errors
            /// The rule that is broken, with its stable code.
            pub fn decide(&self, company: &Company, context: &Context<'_>) -> Result<Decision, Refusal> {
                context.require_bound_actor(company)?;
                let mut decision = if self.takes_numbers() {
                    pool::with_cooled(company, context, |company| self.rule(company, context))?
                } else {
                    self.rule(company, context)?
                };
                if let Some(events) = decision.events_mut() {
                    end_links::add_ends(company, events, context.at);
                    mail_kinds::add_requests(company, events, context.at);
                }
                Ok(decision)
            }

            fn takes_numbers(&self) -> bool {
                match self {
                    $(Self::$name(_) => <$name as Decide>::TAKES_NUMBERS,)*
                    $(Self::$iname(_) => <$iname as Decide>::TAKES_NUMBERS,)*
                }
            }

            fn rule(&self, company: &Company, context: &Context<'_>) -> Result<Decision, Refusal> {
                match self {
                    $(Self::$name(command) => check_and_decide(command, company, context),)*
                    $(Self::$iname(command) => check_and_decide(command, company, context),)*
                }
            }
        }
    };
}

commands! {
    public {
        imports::import_file::ImportFile,
        imports::edit_account::EditAccount,
        imports::renew_import_link::RenewImportLink,
        imports::import_pictures::ImportPictures,
        imports::remove_pictures::RemovePictures,
        users::add_corporate_phone::AddCorporatePhone,
        users::remove_corporate_phone::RemoveCorporatePhone,
        runs::start_bulk_integration::StartBulkIntegration,
        runs::invite_sent::InviteSent,
        runs::user_skipped::UserSkipped,
        runs::invite_failed::InviteFailed,
        runs::cancel_run::CancelRun,
        runs::give_up_run::GiveUpRun,
        invitations::resend_invitation::ResendInvitation,
        invitations::revoke_invitation::RevokeInvitation,
        runs::record_delivery::RecordDelivery,
        invitations::link_completed::LinkCompleted,
        invitations::record_click::RecordClick,
        invitations::unlink_user::UnlinkUser,
        users::add_user::AddUser,
        users::archive_user::ArchiveUser,
        users::restore_user::RestoreUser,
        users::deactivate_user::DeactivateUser,
        users::reactivate_user::ReactivateUser,
        company::define_org_unit::DefineOrgUnit,
        company::define_role::DefineRole,
        users::assign_roles::AssignRoles,
        company::grant_permissions::GrantPermissions,
        company::revoke_permissions::RevokePermissions,
        company::bind_nats_user::BindNatsUser,
        company::unbind_nats_user::UnbindNatsUser,
        company::issue_token::IssueToken,
        company::revoke_token::RevokeToken,
        company::set_company_config::SetCompanyConfig,
        company::set_template::SetTemplate,
        company::unset_template::UnsetTemplate,
        imports::undo_import::UndoImport,
        company::define_permission_group::DefinePermissionGroup,
        numbers::add_numbers::AddNumbers,
        numbers::reserve_number::ReserveNumber,
        numbers::unreserve_number::UnreserveNumber,
        numbers::allocate_numbers::AllocateNumbers,
        numbers::withdraw_numbers::WithdrawNumbers,
        numbers::assign_number::AssignNumber,
        numbers::release_number::ReleaseNumber,
        invitations::move_pending_invitations::MovePendingInvitations,
        notifications::resend_notifications::ResendNotifications,
        company::tick::Tick,
    }
    internal {
        /// The next rows of an accepted file.
        imports::import_rows::ImportRows,
        imports::import_picture_rows::ImportPictureRows,
        /// The next rows of an import that is being undone.
        imports::undo_rows::UndoRows,
        /// The rest of a long list of recipients.
        runs::list_recipients::ListRecipients,
        /// The next recipients of a run, judged and claimed.
        runs::claim_recipients::ClaimRecipients,
        /// The next recipients who get a text message, while mails wait.
        runs::claim_recipients::ClaimTexts,
        /// The outcomes of claimed recipients.
        runs::report_recipients::ReportRecipients,
        /// The end of a wait that has lasted too long.
        runs::end_waiting_run::EndWaitingRun,
        /// The start or the end of a wait of a run.
        runs::record_wait::RecordWait,
        /// A welcome mail, claimed.
        notifications::claim_notification::ClaimNotification,
        /// Reminders by text message, claimed while mails wait.
        notifications::claim_notification::ClaimTextNotifications,
        /// Notifications that cannot be sent now.
        notifications::defer_notifications::DeferNotifications,
        /// The outcome of a notification.
        notifications::report_notification::ReportNotification,
    }
}

fn check_and_decide<C: Decide>(
    command: &C,
    company: &Company,
    context: &Context<'_>,
) -> Result<Decision, Refusal> {
    if let Some(permission) = C::NEEDS {
        context.require(company, permission)?;
    }
    command.decide(company, context)
}

fn unknown_command(name: &str) -> Refusal {
    let near = nearest(name, NAMES.iter().copied());
    let hint = near.map(|near| format!("; did you mean {near}?")).unwrap_or_default();
    Refusal::new(Code::EnvelopeMalformed)
        .saying(&format!("there is no command of this name{hint}"))
        .with(json!({"known": NAMES}))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::{for_answers, for_requests};

    fn all() -> Vec<CommandSchema> {
        schemas(&mut for_requests(), &mut for_answers())
    }

    #[test]
    fn every_command_describes_its_body_and_result() {
        for command in all() {
            for schema in [&command.body, &command.result] {
                let is_described = |key: &&str| schema.get(*key).is_some();
                assert!(
                    ["type", "anyOf", "oneOf"].iter().any(is_described),
                    "{}: {schema:?}",
                    command.name
                );
            }
        }
    }

    #[test]
    fn body_with_a_choice_requires_exactly_one() {
        let choices = all().into_iter().filter(|command| command.body.get("oneOf").is_some());
        let names: Vec<_> = choices.map(|command| command.name).collect();
        let expected =
            ["ResendInvitation", "LinkCompleted", "AssignRoles", "AllocateNumbers", "AssignNumber"];
        assert_eq!(names, expected);
    }
}
