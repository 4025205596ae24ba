//! The stable codes of every "no": machines branch on the code, people read the text beside it.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::schema::growing_list;

macro_rules! codes {
    ($($variant:ident $code:literal $text:literal)*) => {
        /// A stable code. Once released it keeps its spelling; its text may change.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code { $($variant),* }

        impl Code {
            /// Every code there is, in the order of this file.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// The code as it is written on the wire.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $code),* }
            }

            /// What it means and what to do, for a person.
            pub fn text(self) -> &'static str {
                match self { $(Self::$variant => $text),* }
            }

            /// The code of that spelling, if there is one.
            pub fn find(code: &str) -> Option<Self> {
                match code { $($code => Some(Self::$variant),)* _ => None }
            }
        }
    };
}

codes! {
    // Who may ask, and how.
    AuthPermissionDenied "auth.permission_denied" "The actor lacks the permission this needs; an administrator can grant it."
    EnvelopeUnsupportedVersion "envelope.unsupported_version" "This version of the contract is not served; send version 1."
    EnvelopeMalformed "envelope.malformed" "The command could not be read; mend the part that is named and send it again."
    EnvelopeUnsupportedContentType "envelope.unsupported_content_type" "Only application/json and application/msgpack are understood; name one of them as Content-Type, or none for JSON."
    CommandDuplicateConflict "command.duplicate_conflict" "A command of this id was accepted before with another body; use a new id."
    StreamVersionConflict "stream.version_conflict" "The company has moved on since the version you expected; look again and decide anew."

    // Files as a whole.
    ImportEmptyFile "import.empty_file" "The file is empty; export it again."
    ImportHeaderOnly "import.header_only" "The file has a header and no rows; add at least one person."
    ImportTooManyRows "import.too_many_rows" "The file has more rows than the limit allows; split it, or raise the limit. Nothing was imported."
    ImportTooLarge "import.too_large" "The file is larger than the limit; split it."
    ImportUnsupportedFileType "import.unsupported_file_type" "This is not a CSV file; save it as CSV and import that."
    ImportChecksumMismatch "import.checksum_mismatch" "The file is not the one that was announced, or it is cut short; send it again."
    ImportMissingCompanionFile "import.missing_companion_file" "This dialect takes several files together and one is missing."
    ImportUnexpectedFile "import.unexpected_file" "The command names a file that this dialect does not take."
    ImportUnknownDialect "import.unknown_dialect" "No such dialect is known here."
    ImportNotFound "import.not_found" "The company has no such import."
    ImportNotCompleted "import.not_completed" "The import is still going on; wait for its end."
    ImportNoneAvailable "import.none_available" "The company has no completed import yet; import a file first."
    ImportInvalidRows "import.invalid_rows" "The file has invalid rows and was to be refused for any; mend them and import it again. Nothing was imported."
    ImportPlanChanged "import.plan_changed" "Something changed since the preview; look at a new preview."
    ImportAlreadyExists "import.already_exists" "An import of this id exists already; choose another id."
    ImportAlreadyUndone "import.already_undone" "The import was undone already, or is being undone."
    ImportDecompressionLimit "import.decompression_limit" "The compressed file grows beyond the limit; send it uncompressed or split it."
    ImportObjectNotFound "import.object_not_found" "The object store has no file of this name; upload it first, then name it."
    ImportFileLost "import.file_lost" "The file that the import kept is gone, or is not what it was; put it back from a copy of the data."
    ImportSameContent "import.same_content" "The same file was imported before."
    OcmCompanionNotEmpty "ocm.companion_not_empty" "This companion file has rows; they were ignored."
    OcmCompanionHeader "ocm.companion_header" "The header of this companion file is not the template's; the file was taken by its name and ignored."

    // Reading CSV.
    CsvInvalidEncoding "csv.invalid_encoding" "The file is not valid text in its encoding; name the encoding it was saved in, for example windows-1252."
    CsvUtf16WithoutBom "csv.utf16_without_bom" "The file looks like UTF-16 without its mark; save it as UTF-8."
    CsvNulByte "csv.nul_byte" "The file holds a NUL byte, which no text has; export it again."
    CsvMissingHeader "csv.missing_header" "The first line must name the columns."
    CsvMissingColumn "csv.missing_column" "Columns that this dialect needs are missing."
    CsvDuplicateColumn "csv.duplicate_column" "Two columns have the same name; remove one."
    CsvUnknownColumn "csv.unknown_column" "This column is not known and was ignored."
    CsvColumnNotEnabled "csv.column_not_enabled" "This column belongs to a feature that is not enabled."
    CsvWrongDelimiter "csv.wrong_delimiter" "The columns are not separated by commas; save with commas or name the delimiter."
    CsvFieldCountMismatch "csv.field_count_mismatch" "The row does not have as many fields as the header."
    CsvUnterminatedQuote "csv.unterminated_quote" "A quote was opened and never closed; close it at the line that is named."
    CsvStrayQuote "csv.stray_quote" "There is a quote inside a value."
    CsvQuoteInValue "csv.quote_in_value" "The value holds a quote; it was kept."
    CsvRecordTooLarge "csv.record_too_large" "One record is larger than the limit; a quote is probably left open."
    CsvFieldTooLarge "csv.field_too_large" "One value is larger than the limit; shorten it."
    CsvTooManyColumns "csv.too_many_columns" "The file has more columns than the limit allows."
    CsvNoteRowIgnored "csv.note_row_ignored" "A row of instructions was ignored."
    CsvQuotesNormalised "csv.quotes_normalised" "Typographic quotes around values were read as plain ones."
    CsvBomRemoved "csv.bom_removed" "The byte order mark at the start was removed."
    CsvBlankRowIgnored "csv.blank_row_ignored" "Blank rows were ignored."

    // Values in a row.
    FieldRequired "field.required" "The value is required."
    FieldNotAllowed "field.not_allowed" "The value is not one of those allowed."
    FieldLength "field.length" "The value is too short or too long."
    FieldNotNumber "field.not_number" "The value must be a number."
    FieldNotUnique "field.not_unique" "Another user has this value already."
    FieldNotEmailOrPhone "field.not_email_or_phone" "The value is neither an e-mail address nor a phone number."
    FieldEmailRequiredSmtpOffload "field.email_required_smtp_offload" "Data is offloaded by SMTP, so this must be an e-mail address."
    FieldInvalidEmail "field.invalid_email" "The value is not one plain e-mail address."
    FieldSpecialCharacters "field.special_characters" "The value may hold letters and digits only."
    FieldInvisibleCharacter "field.invisible_character" "The value holds invisible characters; type it anew."
    FieldControlCharacter "field.control_character" "The value holds a line break or another control character; remove it."
    FieldConflict "field.conflict" "Two columns give different values for the same thing."
    FieldIgnoredNotApplicable "field.ignored_not_applicable" "The value does not apply here and was ignored."
    FieldMixedScript "field.mixed_script" "The value mixes letters of different scripts that look alike."
    RowUserExists "row.user_exists" "The user exists already and was left as is."
    RowDuplicateInFile "row.duplicate_in_file" "An earlier row of the file names the same user."
    RowDisabledNewUser "row.disabled_new_user" "The row disables a user who does not exist."
    RowManagerNotFound "row.manager_not_found" "The manager is not known."
    RowChangedSince "row.changed_since" "The user was changed after the import, and was left as is."
    RowNamedSince "row.named_since" "A later import names the user, who was left as is; undo that import first."
    RowInvitedSince "row.invited_since" "The user was invited or linked after the import, and was left as is."
    ReferenceOrgUnitNotFound "reference.org_unit_not_found" "The company has no organizational unit of exactly this name."
    ReferenceOrgUnitNotTeamLevel "reference.org_unit_not_team_level" "Agents belong to an organizational unit of the level team."
    ReferenceSupervisorNotFound "reference.supervisor_not_found" "No supervisor of this LAN ID exists; create the supervisor first."
    ReferenceRoleNotFound "reference.role_not_found" "The company has no role of this name."

    // Profile pictures.
    PictureUnsupportedFormat "picture.unsupported_format" "This is not a JPEG or PNG picture, or it is damaged."
    PictureTooLarge "picture.too_large" "A picture must be smaller than 5 MiB."
    PictureNoMatch "picture.no_match" "The picture's name is not one that a user's Agent ID can be."
    PictureUserNotFound "picture.user_not_found" "No user has the Agent ID that the picture is named after; import the user first."
    PictureDuplicateForUser "picture.duplicate_for_user" "An earlier picture of the archive is of the same user."
    ZipUnsafePath "zip.unsafe_path" "The archive names a file outside itself, or a link; such a file is not taken."
    ZipEncrypted "zip.encrypted" "The picture is encrypted; make the archive without a password."
    ZipTooManyEntries "zip.too_many_entries" "The archive holds more files than the limit allows; split it."

    // Phones and users.
    PhoneInvalid "phone.invalid" "This is not a phone number in international form; write it as +84923448071."
    PhoneScientificNotation "phone.scientific_notation" "A spreadsheet turned the phone number into 8.4E+10; format the column as text."
    PhonePlusAssumed "phone.plus_assumed" "The phone number had no plus sign; one was assumed."
    PhoneAlreadyProvisioned "phone.already_provisioned" "The phone number is already in the list for another user."
    PhoneNotFound "phone.not_found" "The phone number is not in the list."
    UserNotFound "user.not_found" "The company has no such user."
    UserArchived "user.archived" "The user is archived; restore the user first."
    UserExists "user.exists" "A user of this key exists already."
    UserInvalidTransition "user.invalid_transition" "The user's state does not allow this."

    EmailDomainNotAllowed "email.domain_not_allowed" "The company does not allow e-mail addresses of this domain."

    // The number pool.
    NumberNotInPool "number.not_in_pool" "The number is not in the company's pool; add it first."
    NumberNotAvailable "number.not_available" "The number is not available."
    NumberAllocatedToOtherOrg "number.allocated_to_other_org" "The number is allocated to another organization."
    NumberNoneAvailable "number.none_available" "The organization has no number left to give; allocate more."
    NumberInsufficientInDestination "number.insufficient_in_destination" "The organization has too few numbers for these accounts; allocate more."
    NumberInUse "number.in_use" "An account has a number; release it first."

    // Company settings.
    ChannelUnknown "channel.unknown" "No such channel is known; use whatsapp or imessage."
    ChannelNotEnabled "channel.not_enabled" "The channel is not enabled for the company; enable it in the settings."
    OrgUnitNotFound "org_unit.not_found" "The company has no such organizational unit."
    OrgUnitRoleLacksPermission "org_unit.role_lacks_permission" "The organizational unit includes no role with the permission bulk_integration."
    PermissionGroupNotFound "permission_group.not_found" "The company has no such group of user permissions; define it first."
    ConfigInvalidValue "config.invalid_value" "The setting does not take this value."
    ConfigUnknownSetting "config.unknown_setting" "No such setting is known."
    TemplateMissingRequiredVariable "template.missing_required_variable" "The mail does not show all that it must; show each variable that is named."
    TemplateInvalid "template.invalid" "The template could not be read."
    RoleAlreadyAssigned "role.already_assigned" "The user has this role already."
    RoleNotAssigned "role.not_assigned" "The user does not have this role."

    // Runs.
    RunTooManyRecipients "run.too_many_recipients" "Bulk integration invitation exceeds max records size limit; select fewer people, or raise the limit."
    RunEmptySelection "run.empty_selection" "The selection holds nobody."
    RunPlanChanged "run.plan_changed" "The number of people changed since it was shown; look at a new preview."
    RunNotFound "run.not_found" "The company has no such run."
    RunAlreadyExists "run.already_exists" "A run of this id exists already; choose another id."
    RunNotRunning "run.not_running" "The run is not running."
    RunCannotBeStopped "run.cannot_be_stopped" "A run that has started cannot be stopped."
    RunInvalidTransition "run.invalid_transition" "The run was withdrawn already; nothing is left to withdraw."
    RunAlreadyCompleted "run.already_completed" "The run is over."
    RunStaleFence "run.stale_fence" "The report belongs to an earlier start of the run; it changes nothing."
    RunQueueFull "run.queue_full" "Too many runs are waiting for this company; wait for one to end."

    // Recipients of a run.
    RecipientUnknown "recipient.unknown" "The run has no such recipient."
    RecipientAlreadyTerminal "recipient.already_terminal" "The recipient has an outcome already; it stays."
    RecipientUserNotCreated "recipient.user_not_created" "The user has not been created; mend the row and import it again."
    RecipientUserArchived "recipient.user_archived" "The user is archived or deactivated."
    RecipientAlreadyLinked "recipient.already_linked" "The user is already linked on this channel."
    RecipientCorporatePhoneMissing "recipient.corporate_phone_missing" "No corporate phone number is listed for the user; add one."
    RecipientEmailMissing "recipient.email_missing" "The user has no valid e-mail address on record."
    RecipientEmailUndeliverable "recipient.email_undeliverable" "The mail server refused the e-mail address for good."
    RecipientInvitationAlreadyLive "recipient.invitation_already_live" "An earlier invitation of the user is still valid."
    DeliveryTimeout "delivery.timeout" "No answer about the mail came within the deadline."
    DeliveryUncertain "delivery.uncertain" "The mail may or may not have been sent before an interruption; it was not sent again. Resend it if need be."
    DeliverySuppressed "delivery.suppressed" "Mail to this address bounced or was complained about; correct the address first."
    DeliveryTemporaryFailure "delivery.temporary_failure" "The mail server could not take the mail just now."
    DeliveryRefused "delivery.refused" "The mail server refused the mail for good."

    // Invitations.
    InvitationExpired "invitation.expired" "The link has expired; ask your administrator for a new one."
    InvitationRevoked "invitation.revoked" "The link was revoked."
    InvitationSuperseded "invitation.superseded" "A newer invitation replaced this link."
    InvitationAlreadyUsed "invitation.already_used" "The link has been used already and cannot be reused."
    InvitationNotFound "invitation.not_found" "There is no such invitation."

    // The engine itself.
    Overloaded "overloaded" "Too much is waiting for this company; try again shortly."
    Unavailable "unavailable" "The log cannot be written just now; try again."
    Internal "internal" "Something went wrong inside, and was logged; the same command may be sent again."
    NotYetVisible "not_yet_visible" "The read model has not seen this position yet; ask again."
    QueryUnknown "query.unknown" "No such query is known."
    QueryMalformed "query.malformed" "The query could not be read; mend the part that is named."
    QueryTooLarge "query.too_large" "The answer is larger than one message may be; ask for fewer rows at a time."
    QueryNotFound "query.not_found" "Nothing of this id is known."
}

/// The class that a code is of where it is not 400: a number that services on NATS and HTTP share.
const STATUSES: [(u16, &[Code]); 6] = [
    (403, &[Code::AuthPermissionDenied]),
    // Something is there already, or has moved on.
    (
        409,
        &[
            Code::CommandDuplicateConflict,
            Code::StreamVersionConflict,
            Code::ImportAlreadyExists,
            Code::ImportPlanChanged,
            Code::RunAlreadyExists,
            Code::RunPlanChanged,
            Code::RunStaleFence,
            Code::RecipientAlreadyTerminal,
            Code::UserExists,
            Code::PhoneAlreadyProvisioned,
        ],
    ),
    (
        413,
        &[
            Code::ImportTooLarge,
            Code::ImportTooManyRows,
            Code::ImportDecompressionLimit,
            Code::PictureTooLarge,
            Code::QueryTooLarge,
        ],
    ),
    (429, &[Code::Overloaded, Code::RunQueueFull]),
    (500, &[Code::Internal, Code::ImportFileLost]),
    (503, &[Code::Unavailable, Code::NotYetVisible]),
];

impl Code {
    /// The number of its class: 400 refused, 403 permission, 409 conflict, 413 too large, 429 overload, 500
    /// and 503 faults.
    pub fn status(self) -> u16 {
        let of = |(_, codes): &&(u16, &[Self])| codes.contains(&self);
        STATUSES.iter().find(of).map_or(400, |(status, _)| *status)
    }

    /// Whether a mail with this failure may have reached the person nevertheless.
    pub fn leaves_delivery_open(self) -> bool {
        matches!(self, Self::DeliveryUncertain | Self::DeliveryTimeout)
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Code {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Code {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <Cow<'de, str>>::deserialize(deserializer)?;
        Self::find(&text).ok_or_else(|| D::Error::custom("there is no such code"))
    }
}

/// A request must give a code of the list; an answer may give one that was added later.
impl JsonSchema for Code {
    fn schema_name() -> Cow<'static, str> {
        "Code".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let codes: Vec<_> = Self::ALL.iter().map(|code| code.as_str()).collect();
        growing_list(
            generator,
            &codes,
            "^[a-z0-9_]+(\\.[a-z0-9_]+)*$",
            "A stable code: machines branch on it.",
            "The list grows: take one you do not know as a plain no.",
        )
    }
}

/// What is wrong with (or worth saying about) one row or one file. Its message never carries the value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Problem {
    /// The column as the dialect names it; none where the row or file as a whole is meant.
    pub column: Option<String>,
    pub code: Code,
    pub message: String,
}

impl Problem {
    /// A problem of the whole row or file, with the code's own text.
    pub fn new(code: Code) -> Self {
        Self { column: None, code, message: code.text().to_owned() }
    }

    /// A problem of one column, with the code's own text.
    pub fn in_column(column: &str, code: Code) -> Self {
        Self { column: Some(column.to_owned()), ..Self::new(code) }
    }

    /// Says more than the code's own text: the limit, the expected values, a hint.
    #[must_use]
    pub fn saying(mut self, more: &str) -> Self {
        self.message = format!("{} ({more})", self.message);
        self
    }
}

/// A rule is broken: an answer with a stable code, not a fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    pub code: Code,
    pub message: String,
    /// The numbers and names behind it, as the contract's `details`; an object, or null.
    pub details: serde_json::Value,
}

impl Refusal {
    pub fn new(code: Code) -> Self {
        Self { code, message: code.text().to_owned(), details: serde_json::Value::Null }
    }

    /// Adds the numbers and names behind the refusal.
    #[must_use]
    pub fn with(mut self, details: serde_json::Value) -> Self {
        self.details = details;
        self
    }

    /// Says more than the code's own text.
    #[must_use]
    pub fn saying(mut self, more: &str) -> Self {
        self.message = format!("{} ({more})", self.message);
        self
    }
}

impl From<Code> for Refusal {
    fn from(code: Code) -> Self {
        Self::new(code)
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_found_by_spelling_and_has_a_sentence() {
        for &code in Code::ALL {
            assert_eq!(Code::find(code.as_str()), Some(code));
            assert!(code.text().ends_with('.'), "{code} has no sentence");
        }
    }

    #[test]
    fn no_two_codes_share_a_spelling() {
        let mut spellings: Vec<_> = Code::ALL.iter().map(|code| code.as_str()).collect();
        spellings.sort_unstable();
        spellings.dedup();
        assert_eq!(spellings.len(), Code::ALL.len());
    }

    /// The class follows from what a code says, for every code there is.
    #[test]
    fn every_code_is_of_one_class() {
        for &code in Code::ALL {
            let classes = STATUSES.iter().filter(|(_, codes)| codes.contains(&code)).count();
            assert!(classes <= 1, "{code} is of {classes} classes");
            let name = code.as_str();
            let expected = match name.rsplit('.').next().unwrap() {
                "permission_denied" => 403,
                "already_exists" | "plan_changed" | "stale_fence" | "already_terminal" => 409,
                "exists" | "already_provisioned" | "duplicate_conflict" | "version_conflict" => 409,
                "too_many_rows" | "decompression_limit" => 413,
                "too_large" if !name.starts_with("csv.") => 413,
                "overloaded" | "queue_full" => 429,
                "internal" | "file_lost" => 500,
                "unavailable" | "not_yet_visible" => 503,
                _ => 400,
            };
            assert_eq!(code.status(), expected, "{code}");
        }
    }
}
