//! `decide`: the rule of each command. One file a command; this file is the list of them.

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::{Value, json};

use crate::code::{Code, Refusal};
use crate::company::Company;
use crate::envelope::read;
use crate::event::{Event, Permission};
use crate::id::CommandId;
use crate::schema::Nothing;
use crate::time::Time;

mod import_invites;
mod names;
mod notices;
pub mod pool;
pub mod recipients;
mod reversals;
mod rows;
#[cfg(test)]
pub mod testing;
mod turn;

pub use notices::AT_ONCE;
pub use turn::next_turn;

/// A command and the circumstances it is asked in. Time and ids come in with it.
#[derive(Debug, Clone)]
pub struct Asked<'a, C> {
    pub command: &'a C,
    pub id: CommandId,
    pub actor: &'a str,
    pub authority: Authority,
    pub at: Time,
}

/// By what right an actor asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Authority {
    /// What the company granted the actor.
    Granted,
    /// Every permission: the owner of the data folder, and the engine itself.
    All,
}

/// What a rule decided: the facts to append, and the `result` of the accepted answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision {
    pub events: Vec<Event>,
    pub result: Value,
    /// Whether to append a commit. A preview, or the engine's own question, that changed nothing leaves no trace.
    pub recorded: bool,
    /// Whether the same was asked and done before, under another command's id.
    pub repeats: bool,
}

impl Decision {
    /// Facts, and an answer without anything to tell.
    pub fn of(events: Vec<Event>) -> Self {
        Self { events, result: json!({}), recorded: true, repeats: false }
    }

    #[must_use]
    pub fn telling(mut self, result: Value) -> Self {
        self.result = result;
        self
    }

    /// An answer that leaves no trace in the log.
    pub fn unrecorded(result: Value) -> Self {
        Self { events: Vec::new(), result, recorded: false, repeats: false }
    }

    /// What stands already; nothing is done twice.
    pub fn repeat(result: Value) -> Self {
        Self { repeats: true, ..Self::unrecorded(result) }
    }

    /// Facts that are only worth a commit if there are any: what the engine asks of itself again and again.
    pub fn if_any(events: Vec<Event>) -> Self {
        Self { recorded: !events.is_empty(), ..Self::of(events) }
    }
}

impl<C> Asked<'_, C> {
    /// Refuses an actor who lacks the permission.
    ///
    /// # Errors
    /// `auth.permission_denied`, naming the permission.
    pub fn require(&self, company: &Company, permission: Permission) -> Result<(), Refusal> {
        if self.authority == Authority::All || company.grants.allows(self.actor, permission) {
            return Ok(());
        }
        let name = permission.as_str();
        Err(Refusal::new(Code::AuthPermissionDenied).saying(name).with(json!({"permission": name})))
    }
}

impl<C> Asked<'_, C> {
    /// Refuses an actor who may not invite these people: accounts are the business of whoever imports accounts
    /// too (ML-01, ML-10).
    ///
    /// # Errors
    /// `auth.permission_denied`, naming the permission.
    pub(crate) fn require_to_invite(
        &self,
        company: &Company,
        users: &[String],
    ) -> Result<(), Refusal> {
        let is_account = |key: &String| {
            company.users.created(key).is_some_and(|(id, _)| company.numbers.is_account(id))
        };
        let only_accounts = !users.is_empty() && users.iter().all(is_account);
        if only_accounts && self.require(company, Permission::Accounts).is_ok() {
            return Ok(());
        }
        self.require(company, Permission::BulkIntegrateUsers)
    }
}

/// The rule of one command. It records nothing: it returns events or a refusal.
pub trait Decide {
    /// What it takes to ask this at all.
    const NEEDS: Option<Permission>;

    /// # Errors
    /// The rule that is broken, with its stable code.
    fn decide(&self, company: &Company, asked: &Asked<'_, Self>) -> Result<Decision, Refusal>
    where
        Self: Sized;

    /// The shape of the `result` of its accepted answer.
    fn result_schema(generator: &mut SchemaGenerator) -> Schema
    where
        Self: Sized,
    {
        Nothing::json_schema(generator)
    }
}

/// A command that may be asked from outside, as the contract describes it.
#[derive(Debug)]
pub struct CommandSchema {
    pub name: &'static str,
    pub body: Schema,
    pub result: Schema,
}

macro_rules! commands {
    (
        asked { $($(#[$doc:meta])* $module:ident :: $name:ident),* $(,)? }
        internal { $($(#[$idoc:meta])* $imodule:ident :: $iname:ident),* $(,)? }
    ) => {
        $(pub mod $module;)*
        $(pub mod $imodule;)*
        $(pub use $module::$name;)*
        $(pub use $imodule::$iname;)*

        /// Everything that may be asked: by anybody, and by the engine of itself.
        #[derive(Debug, Clone)]
        pub enum Command {
            $($name($name),)*
            $($iname($iname),)*
        }

        $(impl From<$name> for Command { fn from(command: $name) -> Self { Self::$name(command) } })*
        $(impl From<$iname> for Command { fn from(command: $iname) -> Self { Self::$iname(command) } })*

        /// The names that may be asked from outside.
        pub const NAMES: &[&str] = &[$(stringify!($name)),*];

        /// Describes every command that may be asked from outside: bodies as they are read, results as they are told.
        pub fn schemas(asked: &mut SchemaGenerator, told: &mut SchemaGenerator) -> Vec<CommandSchema> {
            vec![$(CommandSchema {
                name: stringify!($name),
                body: <$name as JsonSchema>::json_schema(asked),
                result: <$name as Decide>::result_schema(told),
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
                let body = names::alike(body);
                match name {
                    $(stringify!($name) => read(body).map(Self::$name),)*
                    _ => Err(unknown_command(name)),
                }
            }

            /// Decides the command against the company as it stands.
            ///
            /// # Errors
            /// The rule that is broken, with its stable code.
            pub fn decide(&self, company: &Company, asked: &Asked<'_, ()>) -> Result<Decision, Refusal> {
                if !self.takes_numbers() {
                    return self.rule(company, asked);
                }
                pool::with_cooled(company, asked, |company| self.rule(company, asked))
            }

            fn rule(&self, company: &Company, asked: &Asked<'_, ()>) -> Result<Decision, Refusal> {
                match self {
                    $(Self::$name(command) => ask(command, company, asked),)*
                    $(Self::$iname(command) => ask(command, company, asked),)*
                }
            }
        }
    };
}

commands! {
    asked {
        import_file::ImportFile,
        import_pictures::ImportPictures,
        add_corporate_phone::AddCorporatePhone,
        remove_corporate_phone::RemoveCorporatePhone,
        start_bulk_integration::StartBulkIntegration,
        invite_sent::InviteSent,
        user_skipped::UserSkipped,
        invite_failed::InviteFailed,
        cancel_run::CancelRun,
        resend_invitation::ResendInvitation,
        revoke_invitation::RevokeInvitation,
        record_delivery::RecordDelivery,
        link_completed::LinkCompleted,
        unlink_user::UnlinkUser,
        add_user::AddUser,
        archive_user::ArchiveUser,
        restore_user::RestoreUser,
        deactivate_user::DeactivateUser,
        reactivate_user::ReactivateUser,
        define_org_unit::DefineOrgUnit,
        define_role::DefineRole,
        assign_roles::AssignRoles,
        grant_permissions::GrantPermissions,
        revoke_permissions::RevokePermissions,
        set_company_config::SetCompanyConfig,
        set_template::SetTemplate,
        undo_import::UndoImport,
        define_permission_group::DefinePermissionGroup,
        add_numbers::AddNumbers,
        reserve_number::ReserveNumber,
        unreserve_number::UnreserveNumber,
        allocate_numbers::AllocateNumbers,
        withdraw_numbers::WithdrawNumbers,
        assign_number::AssignNumber,
        release_number::ReleaseNumber,
        move_pending_invitations::MovePendingInvitations,
        tick::Tick,
    }
    internal {
        /// The next rows of an accepted file.
        import_rows::ImportRows,
        /// The next rows of an import that is being undone.
        undo_rows::UndoRows,
        /// The rest of a long list of recipients.
        list_recipients::ListRecipients,
        /// The next recipients of a run, judged and claimed.
        claim_recipients::ClaimRecipients,
        /// What became of claimed recipients.
        report_recipients::ReportRecipients,
        /// A welcome mail, claimed.
        claim_notification::ClaimNotification,
        /// What became of it.
        report_notification::ReportNotification,
    }
}

impl Command {
    /// Whether its rule takes numbers from the pool, or counts those that are left.
    fn takes_numbers(&self) -> bool {
        matches!(
            self,
            Self::ImportFile(_)
                | Self::ImportRows(_)
                | Self::ClaimRecipients(_)
                | Self::AssignNumber(_)
                | Self::ReserveNumber(_)
                | Self::AllocateNumbers(_)
                | Self::WithdrawNumbers(_)
                | Self::ReleaseNumber(_)
                | Self::MovePendingInvitations(_)
                | Self::UnlinkUser(_)
                | Self::RestoreUser(_)
        )
    }
}

fn ask<C: Decide>(
    command: &C,
    company: &Company,
    asked: &Asked<'_, ()>,
) -> Result<Decision, Refusal> {
    let asked = Asked {
        command,
        id: asked.id,
        actor: asked.actor,
        authority: asked.authority,
        at: asked.at,
    };
    if let Some(permission) = C::NEEDS {
        asked.require(company, permission)?;
    }
    command.decide(company, &asked)
}

fn unknown_command(name: &str) -> Refusal {
    let nearest = NAMES
        .iter()
        .max_by(|a, b| strsim::jaro_winkler(name, a).total_cmp(&strsim::jaro_winkler(name, b)));
    let hint = nearest.map_or("", |nearest| *nearest);
    Refusal::new(Code::EnvelopeMalformed)
        .saying(&format!("there is no command of this name; did you mean {hint}?"))
        .with(json!({"known": NAMES}))
}

/// The longest name, title or other single-line text a command takes, in characters.
pub const MAX_TEXT_CHARS: usize = 255;

/// Checks a single-line text that a command brought: not empty, not too long, no control characters.
///
/// # Errors
/// `field.required`, `field.length` or `field.control_character`, naming the field.
pub fn check_text(field: &str, text: &str) -> Result<(), Refusal> {
    let refuse = |code: Code| Refusal::new(code).saying(field).with(json!({"field": field}));
    if text.trim().is_empty() {
        return Err(refuse(Code::FieldRequired));
    }
    if text.chars().count() > MAX_TEXT_CHARS {
        let limits = json!({"field": field, "min": 1, "max": MAX_TEXT_CHARS});
        return Err(Refusal::new(Code::FieldLength).saying(field).with(limits));
    }
    if text.chars().any(char::is_control) {
        return Err(refuse(Code::FieldControlCharacter));
    }
    Ok(())
}
