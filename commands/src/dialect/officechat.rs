//! Office Chat: one row per person, keyed by e-mail address or login.

use boarding_csv::{Column, FileFormat, QuoteRule};

use crate::user_file::{Cells, Dialect, ImportRules, RowValues, RunLimit, UserRef, user_format};
use crate::values::UserKey;

/// The dialect `officechat`.
#[derive(Debug)]
pub(super) struct Officechat;

const NAME: usize = 0;
const FIRSTNAME: usize = 1;
const LASTNAME: usize = 2;
const LOGIN: usize = 3;
const TITLE: usize = 4;
const MOBILE: usize = 5;
const MANAGER: usize = 6;
const ENABLED: usize = 7;

/// The vendor's form of eight columns; the form of seven columns lacks the manager.
const COLUMNS: [Column; 8] = [
    Column {
        name: "name",
        aliases: &["full name", "display name"],
        required: false,
        example: "Jane Doe",
    },
    Column {
        name: "firstname",
        aliases: &["given name", "forename"],
        required: false,
        example: "Jane",
    },
    Column {
        name: "lastname",
        aliases: &["surname", "family name"],
        required: false,
        example: "Doe",
    },
    Column {
        name: "email/login",
        aliases: &["email", "login", "email address", "email or login", "login id"],
        required: true,
        example: "jane.doe@example.invalid",
    },
    Column { name: "title", aliases: &["job title"], required: false, example: "Director" },
    Column {
        name: "mobile",
        aliases: &["mobile number", "mobile phone", "phone", "phone number"],
        required: false,
        example: "+84923448071",
    },
    Column {
        name: "manager",
        aliases: &["manager email", "manager login"],
        required: false,
        example: "john.roe@example.invalid",
    },
    Column { name: "Enabled", aliases: &[], required: false, example: "TRUE" },
];

static FORMAT: FileFormat = FileFormat {
    // The product's values have no quotes of their own.
    stray_quote: QuoteRule::Problem,
    quote_in_value: QuoteRule::Warning,
    ..user_format(&COLUMNS)
};

impl Dialect for Officechat {
    fn name(&self) -> &'static str {
        "officechat"
    }

    fn format(&self) -> &'static FileFormat {
        &FORMAT
    }

    fn read(&self, cells: &mut Cells<'_>) -> RowValues {
        let name = cells.person_name(NAME);
        let (first_name, last_name) = (cells.person_name(FIRSTNAME), cells.person_name(LASTNAME));
        let (user, email) = cells.email_or_login(LOGIN);
        let title = cells.text(TITLE);
        let phone = cells.phone(MOBILE);
        let manager = cells.text(MANAGER);
        let named = manager.as_ref().value().map(|key| UserRef::named(UserKey::new(key)));
        let attributes = [("name", name), ("title", title), ("manager", manager)];
        RowValues {
            user,
            first_name,
            last_name,
            email,
            phone,
            enabled: cells.enabled(ENABLED),
            manager: named,
            attributes: attributes.map(|(name, given)| (name.to_owned(), given)).into(),
            ..RowValues::default()
        }
    }
}

impl ImportRules for Officechat {
    fn run_limit(&self) -> RunLimit {
        RunLimit::Unlimited
    }

    /// A manager may be in a later row: the vendor's sample has such rows.
    fn refers_ahead(&self) -> bool {
        true
    }

    /// Its people are written to as they are: the product has no corporate phones.
    fn needs_corporate_phone(&self) -> bool {
        false
    }
}
