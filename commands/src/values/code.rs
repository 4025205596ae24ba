//! The stable codes of refusals, problems and failures, each with its text for people.

mod refusal;
mod wire;

pub use refusal::{Problem, Refusal};

macro_rules! codes {
    ($($variant:ident $code:literal $text:literal)*) => {
        /// A stable code. A released code keeps its spelling; its text may change.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code { $($variant),* }

        impl Code {
            /// All codes, in the order of this file.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// The code as in messages and events.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $code),* }
            }

            /// The text for people: what is wrong, and what to do where something can be done.
            pub fn text(self) -> &'static str {
                match self { $(Self::$variant => $text),* }
            }

            /// The code with this spelling, if there is one.
            pub fn find(code: &str) -> Option<Self> {
                match code { $($code => Some(Self::$variant),)* _ => None }
            }
        }
    };
}

codes! {
    // Permissions and requests.
    AuthPermissionDenied "auth.permission_denied" "The actor lacks the permission for this; ask an administrator to grant it."
    AuthActorReserved "auth.actor_reserved" "The engine uses this name for its own commands; name another actor."
    AuthActorNotBound "auth.actor_not_bound" "The NATS user may not name this actor; name one that it is bound to, or ask an administrator to bind it."
    AuthUserNotBound "auth.user_not_bound" "The company accepts bound NATS users only; ask an administrator to bind this one."
    AuthAdministratorNotBound "auth.administrator_not_bound" "No bound NATS user could administer the company; bind one to an administrator first."
    AuthNoAdministrator "auth.no_administrator" "The company would have no administrator; grant administer to an actor first."
    AuthUnauthenticated "auth.unauthenticated" "The access token is missing, wrong, expired or revoked; send a valid one in the header Authorization: Bearer TOKEN."
    EnvelopeUnsupportedVersion "envelope.unsupported_version" "This version of the contract is not supported; send version 1."
    EnvelopeMalformed "envelope.malformed" "The command is malformed; correct the named part and send it again."
    EnvelopeUnsupportedContentType "envelope.unsupported_content_type" "The content type is not supported; send application/json or application/msgpack, or no Content-Type for JSON."
    TokenExists "token.exists" "An access token with this id exists already; use another id."
    TokenUnknown "token.unknown" "The company has no access token with this id; check the id."
    TokenExpiryInThePast "token.expiry_in_the_past" "The token would have expired already; give a later time, or none."
    TokenTooMany "token.too_many" "The company has too many live access tokens; revoke those that are not needed."
    CommandDuplicateConflict "command.duplicate_conflict" "An earlier command with this id had another body; use a new id."
    StreamVersionConflict "stream.version_conflict" "The company has changed since the version that you expected; read it again and send the command with the new version."

    // Files as a whole.
    ImportEmptyFile "import.empty_file" "The file is empty; export it again."
    ImportHeaderOnly "import.header_only" "The file has a header and no rows; add at least one person."
    ImportTooManyRows "import.too_many_rows" "The file has more rows than the limit allows; split it into smaller files. Nothing was imported."
    ImportTooLarge "import.too_large" "The file is larger than the limit; split it into smaller files."
    ImportUnsupportedFileType "import.unsupported_file_type" "This is not a CSV file; save it as CSV and import that."
    ImportChecksumMismatch "import.checksum_mismatch" "The file is damaged or incomplete, or differs from its digest; send it again."
    ImportMissingCompanionFile "import.missing_companion_file" "A file of the import is missing; send all files that the dialect needs together."
    ImportUnexpectedFile "import.unexpected_file" "The file does not belong to this import; leave it out."
    ImportUnknownDialect "import.unknown_dialect" "There is no dialect of this name; use one that the program knows."
    ImportNotFound "import.not_found" "The company has no import with this id; check the id."
    ImportNotCompleted "import.not_completed" "The import is not completed yet; wait until it is, then try again."
    ImportNoneAvailable "import.none_available" "The company has no completed import yet; import a file first."
    ImportInvalidRows "import.invalid_rows" "The file has invalid rows; correct them and import the file again. Nothing was imported."
    ImportPlanChanged "import.plan_changed" "The result of the import has changed since the preview; make a new preview and check it."
    ImportAlreadyExists "import.already_exists" "An import with this id exists already; use another id."
    ImportOfPictures "import.of_pictures" "An import of pictures cannot be undone, because the pictures that it replaced are not kept; remove its pictures: boarding pictures remove --import ID."
    ImportAlreadyUndone "import.already_undone" "The import was undone already, or is being undone; to use its rows, import the file again."
    ImportDecompressionLimit "import.decompression_limit" "The file is too large when unpacked; send it uncompressed, or split it."
    ImportObjectNotFound "import.object_not_found" "The object store has no file of this name; upload the file first."
    ImportUploadNotFound "import.upload_not_found" "The company has no upload with this id, or it is over; upload the file again."
    ImportUploadsNotShared "import.uploads_not_shared" "Engines that share a log do not share uploads; put the file into the object store BOARDING_FILES on NATS, and name it as object."
    ImportUploadsFull "import.uploads_full" "The uploads of the company have reached the limit; uploads end after a day."
    ImportFileLost "import.file_lost" "The stored file of the import is missing or damaged; restore it from a backup of the data folder."
    ImportValuesMoved "import.values_moved" "Values would move between people of the file; check that no column is shifted by some rows."
    ImportNumbersShort "import.numbers_short" "The organization has too few available numbers for the accounts of the file; allocate more numbers to it."
    ImportSameContent "import.same_content" "The same file was imported before; check that this is intended."
    OcmCompanionNotEmpty "ocm.companion_not_empty" "The rows of this companion file were ignored; only the rows of the user file are imported."
    OcmCompanionHeader "ocm.companion_header" "The header of this companion file differs from the template; the file was recognised by its name and ignored."

    // Reading CSV.
    CsvInvalidEncoding "csv.invalid_encoding" "The file is not valid text in its encoding; name the encoding in which it was saved."
    CsvUtf16WithoutBom "csv.utf16_without_bom" "The file looks like UTF-16 without a byte order mark; save it as UTF-8."
    CsvNulByte "csv.nul_byte" "The file contains a NUL byte, so it is not a text file; export it again as CSV."
    CsvMissingHeader "csv.missing_header" "The header is missing or incomplete; name every column in the first line."
    CsvMissingColumn "csv.missing_column" "The columns do not fit the dialect; add the missing columns, or correct the mapping of columns."
    CsvMissingPhoneColumn "csv.missing_phone_column" "The file has no column of phones, so no phone was added; name the column of phones, or import without adding phones."
    CsvDuplicateColumn "csv.duplicate_column" "The file has two columns for the same value; remove one of them, or choose one in the mapping of columns."
    CsvUnknownColumn "csv.unknown_column" "The dialect does not have this column, so it was ignored; rename or map it if it is needed."
    CsvColumnNotChosen "csv.column_not_chosen" "The mapping names another column for this value, so this one was ignored."
    CsvUnnamedColumnsIgnored "csv.unnamed_columns_ignored" "Columns without a name and without values were ignored."
    CsvColumnNotEnabled "csv.column_not_enabled" "This column belongs to a feature that is not enabled; remove the column, or enable the feature in the settings."
    CsvWrongDelimiter "csv.wrong_delimiter" "The delimiter is wrong; save the file with commas, or name its delimiter."
    CsvFieldCountMismatch "csv.field_count_mismatch" "The row has more or fewer fields than the header; check its commas and quotes."
    CsvUnterminatedQuote "csv.unterminated_quote" "A quote was opened but never closed; close it on the line that is named."
    CsvStrayQuote "csv.stray_quote" "A value contains a quote; write it twice within a quoted value, or remove it."
    CsvQuoteInValue "csv.quote_in_value" "The value contains a quote, which was kept; remove it if it does not belong there."
    CsvRecordTooLarge "csv.record_too_large" "One record is larger than the limit; close a quote that was left open, or shorten the values."
    CsvFieldTooLarge "csv.field_too_large" "One value is larger than the limit; shorten it."
    CsvTooManyColumns "csv.too_many_columns" "The file has more columns than the limit allows; remove columns that are not needed."
    CsvNoteRowIgnored "csv.note_row_ignored" "Rows of instructions were ignored; they name no person."
    CsvRepeatedHeaderIgnored "csv.repeated_header_ignored" "The header is in the file again; such rows were ignored."
    CsvQuotesNormalised "csv.quotes_normalised" "Typographic quotes around values were read as plain quotes."
    CsvBomRemoved "csv.bom_removed" "The byte order mark at the start was removed."
    CsvBlankRowIgnored "csv.blank_row_ignored" "Blank rows were ignored."

    // Values in a row.
    FieldRequired "field.required" "A value is required here; enter one."
    FieldNotAllowed "field.not_allowed" "The value is not allowed; use one of the allowed values."
    FieldLength "field.length" "The value is too short or too long; correct its length."
    FieldNotNumber "field.not_number" "The value is not a number; enter digits only."
    FieldNotUnique "field.not_unique" "Another user has this value already; enter a different value."
    FieldNotEmailOrPhone "field.not_email_or_phone" "The value is neither an e-mail address nor a phone number; enter one of them."
    FieldEmailRequiredSmtpOffload "field.email_required_smtp_offload" "The company offloads data by SMTP, so an e-mail address is required; enter one."
    FieldInvalidEmail "field.invalid_email" "The value is not a single plain e-mail address; write it as name@example.com."
    FieldSpecialCharacters "field.special_characters" "The value contains special characters; use only letters A to Z, digits, and characters that the company allows."
    FieldInvisibleCharacter "field.invisible_character" "The value contains invisible characters; type it again."
    FieldControlCharacter "field.control_character" "The value contains a line break or another control character; remove it."
    FieldConflict "field.conflict" "Two columns give different values for the same thing; correct one of them, or leave it blank."
    FieldIgnoredNotApplicable "field.ignored_not_applicable" "The value does not apply to this row, so it was ignored; leave it blank."
    FieldMixedScript "field.mixed_script" "The value mixes letters of different alphabets that look alike; type it again if that is a mistake."
    TextLooksDoubleEncoded "text.looks_double_encoded" "The text looks as if UTF-8 was read in another encoding, as Ã© for é; export the file again as UTF-8, or correct the text."
    TextReplacementCharacter "text.replacement_character" "A letter was lost before the import, and a replacement mark is in its place; type the text again."
    TextSpreadsheetError "text.spreadsheet_error" "The cell holds an error of a spreadsheet instead of a value; correct the cell."
    TextNullWord "text.null_word" "The cell holds a word that programs write for an empty value; check that it is a real value."
    KeyScientificNotation "key.scientific_notation" "A spreadsheet turned the key into a form like 1.23457E+11; format the column as text and enter the key again."
    RowNotAPerson "row.not_a_person" "The row looks like the last line of a report, not like a person; remove it."
    RowUserExists "row.user_exists" "The user exists already, so the row changed nothing."
    RowDuplicateInFile "row.duplicate_in_file" "An earlier row of the file names the same user; remove one of the two rows."
    KeyLooksAlike "key.looks_alike" "Another row has a different key that looks the same; check that these are two people."
    EmailShared "email.shared" "Another person of the file has the same e-mail address; check that both read the same mails."
    RowDisabledNewUser "row.disabled_new_user" "The row disables or archives a user who does not exist, so no user was created."
    RowManagerNotFound "row.manager_not_found" "The manager is not in the company, and no row of the file creates the manager; correct the value, or import the manager."
    RowChangedSince "row.changed_since" "The user was changed after the import, so the row was not undone; change the user yourself if needed."
    RowNamedSince "row.named_since" "A later import names the user, so the row was not undone; undo the later import first."
    RowInvitedSince "row.invited_since" "The user was invited or linked after the import, so the row was not undone."
    ReferenceOrgUnitNotFound "reference.org_unit_not_found" "The company has no organizational unit with exactly this name; correct the name, or define the unit first."
    ReferenceOrgUnitNotTeamLevel "reference.org_unit_not_team_level" "An agent must belong to an organizational unit of the level team; enter such a unit."
    ReferenceCrmNameNotFound "reference.crm_name_not_found" "The company has no CRM name of this spelling; correct it, or add it to the setting crm_names."
    ReferenceGreetingTemplateNotFound "reference.greeting_template_not_found" "The company has no greeting template of this name; correct it, or add it to the setting greeting_templates."
    ReferenceSupervisorNotFound "reference.supervisor_not_found" "There is no supervisor with this LAN ID, or the person is an agent or archived; import the supervisor first, or name another."
    ReferenceRoleNotFound "reference.role_not_found" "The company has no role of this name; correct the name, or define the role first."

    // Profile pictures.
    PictureDamaged "picture.damaged" "The picture is damaged or cut short; export it again."
    PictureTooManyPixels "picture.too_many_pixels" "The picture has more pixels than the limit allows; save it smaller."
    PictureUnsupportedFormat "picture.unsupported_format" "This is not a JPEG or PNG picture, or it is damaged; save it again as JPEG or PNG."
    PictureTooLarge "picture.too_large" "The picture is too large; make it smaller than 5 MiB."
    PictureNoMatch "picture.no_match" "The name of the picture cannot be an Agent ID; rename the picture to the Agent ID of its user."
    PictureUserNotFound "picture.user_not_found" "No user has the Agent ID in the picture's name; import the user first, or rename the picture."
    PictureNotFound "picture.not_found" "The user has no picture; list the users who have one: boarding pictures list."
    PictureDuplicateForUser "picture.duplicate_for_user" "An earlier picture of the archive belongs to the same user; remove one of them."
    ZipUnsafePath "zip.unsafe_path" "The entry is a link, or its path leads out of the archive, so it was not used; add the picture itself to the archive."
    ZipEncrypted "zip.encrypted" "The picture is encrypted; create the archive without a password."
    ZipTooManyEntries "zip.too_many_entries" "The archive contains more files than the limit allows; split it into smaller archives."

    // Phones and users.
    NameLooksLikeLink "name.looks_like_link" "The name is or holds a link, so mails greet the person without the name; correct the name."
    PhoneInvalid "phone.invalid" "This is not a phone number in international form; write it as +84923448071."
    PhoneScientificNotation "phone.scientific_notation" "A spreadsheet turned the phone number into a form like 8.4923E+10; format the column as text and enter the number again."
    PhonePlusAssumed "phone.plus_assumed" "The phone number had no plus sign, so one was added; check the number."
    PhoneKept "phone.kept" "A number that was added by hand stays on the list, beside the number of the file; remove it if it is no longer used."
    PhoneAlreadyProvisioned "phone.already_provisioned" "The phone number is already listed for another user; use another number, or remove it from that user."
    PhoneMissing "phone.missing" "The row has no phone number, so none was added to the corporate phone list; add one for the user."
    PhoneNotFound "phone.not_found" "The phone number is not in the list of corporate phones; check the number."
    UserNotFound "user.not_found" "The company has no such user; check the spelling, or import the user first."
    UserArchived "user.archived" "The user is archived; restore the user first."
    UserExists "user.exists" "A user with this key exists already; use another key."
    UserInvalidTransition "user.invalid_transition" "The user's current state does not allow this; check the state first."

    EmailDomainNotAllowed "email.domain_not_allowed" "The company does not allow e-mail addresses of this domain; use another address, or allow the domain in the settings."

    // The number pool.
    NumberNotInPool "number.not_in_pool" "The number is not in the company's pool; add it first."
    NumberNotAvailable "number.not_available" "The number is not available; use another number, or make this one available first."
    NumberAllocatedToOtherOrg "number.allocated_to_other_org" "The number belongs to another organization; use another number, or withdraw this one from that organization."
    NumberNoneAvailable "number.none_available" "The organization has no available number; add or allocate numbers to it first."
    NumberInsufficientInDestination "number.insufficient_in_destination" "The organization has too few available numbers for these accounts; allocate more numbers to it."
    NumberInUse "number.in_use" "The number is in use; release it first."

    // Company settings.
    ChannelUnknown "channel.unknown" "There is no such channel; use whatsapp or imessage."
    ChannelNotEnabled "channel.not_enabled" "The channel is not enabled for the company; enable it in the settings."
    OrgUnitNotFound "org_unit.not_found" "The company has no such organizational unit; check the name, or define the unit first."
    OrgUnitRoleLacksPermission "org_unit.role_lacks_permission" "No role of the organizational unit has the permission bulk_integration; add it to one of the roles."
    PermissionGroupNotFound "permission_group.not_found" "The company has no such group of user permissions; define it first."
    ConfigInvalidValue "config.invalid_value" "The value is not valid here; use a different value."
    ConfigLinkBaseUrlUnset "config.link_base_url_unset" "The mails would have a dead link or a sender that does not exist; set your link page and your sender first."
    ConfigNetworkAdminEmailUnset "config.network_admin_email_unset" "No administrator's address is set, so the link cannot be sent; set network_admin_email first."
    ConfigUnknownSetting "config.unknown_setting" "There is no setting of this name; check the name."
    TemplateMissingRequiredVariable "template.missing_required_variable" "The template does not show a required variable to every person; add each one that is named."
    TemplateInvalid "template.invalid" "The template is not valid; correct it."
    RoleAlreadyAssigned "role.already_assigned" "The user has this role already; nothing was changed."
    RoleNotAssigned "role.not_assigned" "The user does not have this role; nothing was changed."

    // Runs.
    RunTooManyRecipients "run.too_many_recipients" "Bulk integration invitation exceeds max records size limit; select fewer people."
    RunEmptySelection "run.empty_selection" "The selection is empty; select at least one person."
    RunAlreadyConfirmed "run.already_confirmed" "This plan was confirmed already and has started a run; make a new preview to invite the people again."
    RunPlanChanged "run.plan_changed" "The people of the run have changed since the preview; make a new preview and check it."
    RunNotFound "run.not_found" "The company has no run with this id; check the id."
    RunAlreadyExists "run.already_exists" "A run with this id exists already; use another id."
    RunPeopleInUnfinishedRun "run.people_in_unfinished_run" "Some of these people are in a run that has not ended, and would get a second mail; wait for its end, or leave them out."
    RunNotCompleted "run.not_completed" "The run has not ended; wait for its end, then retry it."
    RunNotRunning "run.not_running" "The run is not running at this time; nothing was recorded."
    RunCannotBeStopped "run.cannot_be_stopped" "A run that has started cannot be stopped."
    RunInvalidTransition "run.invalid_transition" "The run was withdrawn already; there is nothing left to withdraw."
    RunAlreadyCompleted "run.already_completed" "The run is completed; nothing was recorded."
    RunStaleFence "run.stale_fence" "The fence belongs to an earlier start of the run, so nothing was recorded; use the fence of a current claim."
    RunFenceRequired "run.fence_required" "A worker outside the engine has this work; report with the fence of its work item."
    RunUnknownAttempt "run.unknown_attempt" "The recipient has no such attempt, so nothing was recorded; report the attempt of the work item."
    RunGivenUp "run.given_up" "The run waited for the mail server, and an administrator ended it before this mail was sent; invite the person again."
    RunNotBeforeInPast "run.not_before_in_past" "The start of the run is in the past; give a later time, or none to start now."
    TickTooFar "tick.too_far" "The time differs from the engine's clock by more than a minute; send the current time."
    RunQueueFull "run.queue_full" "Too many runs are waiting for this company; wait for one to end."

    // Recipients of a run.
    RecipientUnknown "recipient.unknown" "The run has no such recipient; check the user."
    RecipientAlreadyTerminal "recipient.already_terminal" "The recipient has an outcome already, which cannot change; nothing was recorded."
    RecipientUserNotCreated "recipient.user_not_created" "The company has no such user; check the spelling, or add or import the user first."
    RecipientUserArchived "recipient.user_archived" "The user is archived or deactivated; restore or reactivate the user first."
    RecipientAlreadyLinked "recipient.already_linked" "The user is already linked on this channel, so no invitation is needed."
    RecipientCorporatePhoneMissing "recipient.corporate_phone_missing" "No corporate phone number is listed for the user; add one."
    RecipientEmailMissing "recipient.email_missing" "The user has no valid e-mail address; add one."
    RecipientEmailUndeliverable "recipient.email_undeliverable" "The mail server rejected the e-mail address permanently; correct the address."
    RecipientSocialMessagingOff "recipient.social_messaging_off" "The account is active and its social messaging is off, so there is no channel to link; switch it on for the account first."
    RecipientInvitationAlreadyLive "recipient.invitation_already_live" "An earlier invitation of the user is still valid; resend it if the user needs it again."
    DeliveryTimeout "delivery.timeout" "The result of the mail was not reported in time, so it may or may not have arrived; ask the person, or send it again: boarding runs retry RUN --uncertain."
    DeliveryUncertain "delivery.uncertain" "The mail may or may not have arrived, because sending was interrupted; ask the person, or send it again: boarding runs retry RUN --uncertain for an invitation, boarding notifications resend KEY for another mail."
    DeliveryNoTextGateway "delivery.no_text_gateway" "No text gateway is configured, so the device cannot get a text; add --text-outbox DIR, or start the engine with `boarding serve --text-workers`, then send the text again."
    DeliverySuppressed "delivery.suppressed" "An earlier mail to this address bounced or was reported as spam; give the person another address first."
    DeliveryTemporaryFailure "delivery.temporary_failure" "The mail server rejected the mail temporarily; send the mail again if it stays failed."
    DeliveryServerUnavailable "delivery.server_unavailable" "The mail server could not be used, so the mail was not sent; check the mail server, then invite the person again."
    DeliveryRefused "delivery.refused" "The mail server rejected the mail permanently; check the address and the mail settings."

    NotificationNotResendable "notification.not_resendable" "No failed or waiting mail has this key, so there is nothing to send again; list the mails with the query notifications."

    // Invitations.
    InvitationExpired "invitation.expired" "The link has expired; ask your administrator for a new one."
    InvitationRevoked "invitation.revoked" "The link was revoked; ask your administrator for a new one."
    InvitationSuperseded "invitation.superseded" "A newer invitation replaced this link; use the link in the newest mail."
    InvitationUserInactive "invitation.user_inactive" "The link ended because the person was deactivated, archived or removed; ask your administrator."
    InvitationAddressChanged "invitation.address_changed" "The link ended because the person's e-mail address was changed; ask your administrator for a new one."
    InvitationPhoneChanged "invitation.phone_changed" "The link ended because the person no longer has the phone number that it was sent for; ask your administrator for a new one."
    InvitationChannelDisabled "invitation.channel_disabled" "The link does not work because the channel is not enabled for the company; ask your administrator."
    InvitationAlreadyUsed "invitation.already_used" "The link has been used already and cannot be reused."
    InvitationCodeExpired "invitation.code_expired" "The activation code has expired; use the new one that the page of the link shows."
    LinkSecretChanged "link_secret.changed" "The secret of the links is missing or has changed. The links in earlier mails do not work, and no new link is mailed; put back the file secret of the data folder."
    InvitationNotFound "invitation.not_found" "There is no such invitation; check the link, the user or the id."

    // The engine itself.
    HttpUnknownPath "http.unknown_path" "There is nothing at this path; GET /openapi.json lists the paths."
    HttpMethodNotAllowed "http.method_not_allowed" "The path does not take this method; GET /openapi.json lists the methods."
    HttpTooLarge "http.too_large" "The request is larger than the limit; upload files to /v1/<company>/files."
    HttpTimeout "http.timeout" "The request did not arrive in time; send it again."
    LogCompanyDamaged "log.company_damaged" "The stored history of the company is damaged, so the company takes no commands; what is before the damage can be read. Get the missing part back with boarding repair (boarding manual trouble)."
    Overloaded "overloaded" "Too many requests are waiting; try again in a moment."
    Unavailable "unavailable" "The engine cannot do this now; try again later."
    Internal "internal" "The engine failed and logged the error; the same command may be sent again."
    NotYetVisible "not_yet_visible" "The read models have not reached this position yet; repeat the query."
    QueryUnknown "query.unknown" "There is no query of this name; check the name."
    QueryMalformed "query.malformed" "The query is malformed; correct the named part."
    QueryPositionAhead "query.position_ahead" "The position is far beyond the end of the log; use the position of an answer of this service."
    QueryTooLarge "query.too_large" "The answer is too large for one message; request fewer rows."
    QueryNotFound "query.not_found" "There is nothing with this id; check the id."
}

/// The status of each code that does not have the status 400. NATS services and HTTP use the same numbers.
const STATUSES: [(u16, &[Code]); 10] = [
    (401, &[Code::AuthUnauthenticated]),
    (403, &[Code::AuthPermissionDenied, Code::AuthActorNotBound, Code::AuthUserNotBound]),
    (404, &[Code::HttpUnknownPath]),
    (405, &[Code::HttpMethodNotAllowed]),
    (408, &[Code::HttpTimeout]),
    // The thing exists already, or has changed.
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
            Code::TokenExists,
            Code::PhoneAlreadyProvisioned,
        ],
    ),
    (
        413,
        &[
            Code::ImportTooLarge,
            Code::ImportTooManyRows,
            Code::ImportDecompressionLimit,
            Code::HttpTooLarge,
            Code::PictureTooLarge,
            Code::QueryTooLarge,
        ],
    ),
    (429, &[Code::Overloaded, Code::ImportUploadsFull, Code::RunQueueFull]),
    (500, &[Code::Internal, Code::ImportFileLost, Code::LogCompanyDamaged]),
    (503, &[Code::Unavailable, Code::NotYetVisible]),
];

impl Code {
    /// The status of the code: 400 refused, 401 no valid token, 403 permission, 404 and 405 another path or method, 408
    /// too slow, 409 conflict, 413 too large, 429 overload, 500 and 503 failures.
    pub fn status(self) -> u16 {
        let of = |(_, codes): &&(u16, &[Self])| codes.contains(&self);
        STATUSES.iter().find(of).map_or(400, |(status, _)| *status)
    }

    /// Whether a failure with this code may pass without a repair.
    pub fn is_temporary(self) -> bool {
        self != Self::LogCompanyDamaged
    }

    /// Whether a mail that failed with this code may have arrived.
    pub fn leaves_delivery_open(self) -> bool {
        matches!(self, Self::DeliveryUncertain | Self::DeliveryTimeout)
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

    /// The status of every code follows from its spelling.
    #[test]
    fn status_follows_from_the_code() {
        for &code in Code::ALL {
            let listed = STATUSES.iter().filter(|(_, codes)| codes.contains(&code)).count();
            assert!(listed <= 1, "{code} has {listed} statuses");
            let name = code.as_str();
            let expected = match name.rsplit('.').next().unwrap() {
                "unauthenticated" => 401,
                "unknown_path" => 404,
                "method_not_allowed" => 405,
                "timeout" if name.starts_with("http.") => 408,
                "permission_denied" | "actor_not_bound" | "user_not_bound" => 403,
                "already_exists" | "plan_changed" | "stale_fence" | "already_terminal" => 409,
                "exists" | "already_provisioned" | "duplicate_conflict" | "version_conflict" => 409,
                "too_many_rows" | "decompression_limit" => 413,
                "too_large" if !name.starts_with("csv.") => 413,
                "overloaded" | "queue_full" | "uploads_full" => 429,
                "internal" | "file_lost" | "company_damaged" => 500,
                "unavailable" | "not_yet_visible" => 503,
                _ => 400,
            };
            assert_eq!(code.status(), expected, "{code}");
        }
    }
}
