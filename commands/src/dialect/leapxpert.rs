//! LeapXpert: one row a person, keyed by user name. Its columns are our choice, as the vendor lists none.

use boarding_csv::{Column, FileFormat};

use crate::user_file::{Cells, Dialect, ImportRules, RowValues, user_format};

/// The dialect `leapxpert`.
#[derive(Debug)]
pub(super) struct Leapxpert;

const USERNAME: usize = 0;
const FIRST_NAME: usize = 1;
const LAST_NAME: usize = 2;
const EMAIL: usize = 3;
const PHONE_NUMBER: usize = 4;
const ORG_UNIT: usize = 5;
const ROLE: usize = 6;

const COLUMNS: [Column; 7] = [
    Column {
        name: "username",
        aliases: &["user id", "login name"],
        required: true,
        example: "jane.doe",
    },
    Column {
        name: "first_name",
        aliases: &["given name", "forename"],
        required: false,
        example: "Jane",
    },
    Column {
        name: "last_name",
        aliases: &["surname", "family name"],
        required: false,
        example: "Doe",
    },
    Column {
        name: "email",
        aliases: &["email address", "mail"],
        required: false,
        example: "jane.doe@example.invalid",
    },
    Column {
        name: "phone_number",
        aliases: &[
            "phone",
            "mobile",
            "mobile number",
            "mobile phone",
            "telephone",
            "corporate phone",
            "corporate phone number",
        ],
        required: false,
        example: "+84923448071",
    },
    Column {
        name: "org_unit",
        aliases: &[
            "organizational unit",
            "organisational unit",
            "organization unit",
            "organisation unit",
            "ou",
        ],
        required: false,
        example: "Sales",
    },
    Column {
        name: "role",
        aliases: &["roles", "user role", "user roles"],
        required: false,
        example: "User",
    },
];

static FORMAT: FileFormat = FileFormat { ..user_format(&COLUMNS) };

impl Dialect for Leapxpert {
    fn name(&self) -> &'static str {
        "leapxpert"
    }

    fn format(&self) -> &'static FileFormat {
        &FORMAT
    }

    fn read(&self, cells: &mut Cells<'_>) -> RowValues {
        RowValues {
            user: cells.key(USERNAME),
            first_name: cells.person_name(FIRST_NAME),
            last_name: cells.person_name(LAST_NAME),
            email: cells.email(EMAIL),
            phone: cells.phone(PHONE_NUMBER),
            org_unit: cells.text(ORG_UNIT),
            roles: cells.list(ROLE, &[';', '|']),
            ..RowValues::default()
        }
    }
}

impl ImportRules for Leapxpert {
    /// The vendor's text applies the limit of a run to imports too, because imported people are then invited.
    fn is_held_to_run_limit(&self) -> bool {
        true
    }

    /// The vendor skips only people who are linked already. A person with a valid link gets a new link.
    fn supersedes_live_invitation(&self) -> bool {
        true
    }
}
