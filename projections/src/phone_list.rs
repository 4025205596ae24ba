//! The corporate phone list: each number with its user and links (query `phone_list`).

use boarding_commands::commit::RecordedEvent;
use boarding_commands::event::{Event, Who};
use boarding_commands::values::{CompanyId, ImportId, Personal, Phone, Time};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::csv_export::{CsvLayout, ExportColumn};
use crate::projection::{Projection, load};
use crate::projector::Projector;
use crate::query::{
    Access, AnswerRow, Needle, Newest, Param, Query, QueryError, QueryRequest, RowsAnswer, page,
    schema_of,
};
use crate::read_model::ReadModel;
use crate::rows::{Rows, RowsError, Table};
use crate::tables::accounts;
use crate::tables::links::Links;
use crate::tables::runs::RunChannels;
use crate::tables::users::{self, UserRow};

pub(crate) const MODEL: ReadModel = ReadModel {
    projectors: &[Projector::of::<PhoneListProjection>()],
    queries: &[Query {
        name: "phone_list",
        access: Access::AnyPermission,
        params: &[
            Param::text("search"),
            Param::id_or_latest("import", Newest::Import),
            Param::text("user"),
        ],
        paged: true,
        row: schema_of::<PhoneShown>,
        csv: Some(CsvLayout::report(&[
            ExportColumn { title: "Phone Number", field: "/phone" },
            ExportColumn { title: "Username", field: "/user" },
            ExportColumn { title: "Full Name", field: "/full_name" },
            ExportColumn { title: "WhatsApp", field: "/channels/whatsapp" },
            ExportColumn { title: "iMessage", field: "/channels/imessage" },
            ExportColumn { title: "Last Updated", field: "/updated_at" },
        ])),
        answer: phone_list,
    }],
};

/// A number that is or was in the list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct PhoneRow {
    pub phone: Personal<Phone>,
    pub user: Who,
    /// The import that added the number; none if a command added it.
    pub import: Option<ImportId>,
    pub updated_at: Time,
    /// False for a removed number. Its row stays for `history`; the list does not show it.
    pub listed: bool,
    /// The versions of the events about this number, for `history`.
    pub versions: Vec<u64>,
}

impl PhoneRow {
    fn matches(&self, user: Option<&UserRow>, needle: &Needle) -> bool {
        needle.is_in_phone(*self.phone)
            || needle.is_in(self.user.as_str())
            || user.is_some_and(|user| needle.is_in(&user.person.full_name()))
    }

    fn show<'a>(&'a self, user: Option<&'a UserRow>, links: &'a Links) -> AnswerRow {
        AnswerRow::of(&PhoneShown {
            phone: &self.phone,
            user: user.map_or(&self.user, |user| &user.user),
            full_name: user.map(|user| user.person.full_name().into()),
            channels: links,
            updated_at: self.updated_at,
        })
    }
}

/// A number of the phone list, its user and the user's links.
#[derive(Serialize, JsonSchema)]
struct PhoneShown<'a> {
    phone: &'a Personal<Phone>,
    user: &'a Who,
    full_name: Option<Personal<String>>,
    channels: &'a Links,
    updated_at: Time,
}

/// Numbers of the list in numerical order.
#[derive(Debug)]
pub(crate) struct PhoneListProjection;

impl Projection for PhoneListProjection {
    const TABLE: Table = Table::PhoneList;
    const VERSION: u32 = 1;
    type Row = PhoneRow;

    fn key(recorded: &RecordedEvent<'_>) -> Option<Vec<u8>> {
        match recorded.event {
            Event::CorporatePhoneAdded { phone, .. }
            | Event::CorporatePhoneRemoved { phone, .. } => Some(key(**phone)),
            _ => None,
        }
    }

    fn evolve(row: Option<PhoneRow>, recorded: &RecordedEvent<'_>) -> Option<PhoneRow> {
        let (phone, user, import, listed) = match recorded.event {
            Event::CorporatePhoneAdded { phone, user, import } => (phone, user, *import, true),
            Event::CorporatePhoneRemoved { phone, user } => (phone, user, None, false),
            _ => return row,
        };
        let mut versions = row.map_or_else(|| Vec::with_capacity(1), |row| row.versions);
        versions.push(recorded.version);
        let updated_at = recorded.commit.at;
        let (phone, user) = (phone.clone(), user.clone());
        Some(PhoneRow { phone, user, import, updated_at, listed, versions })
    }
}

fn key(phone: Phone) -> Vec<u8> {
    phone.number().to_be_bytes().into()
}

/// The number; none if it was never in the list.
pub(crate) fn find(
    rows: &dyn Rows,
    company: &CompanyId,
    phone: Phone,
) -> Result<Option<PhoneRow>, RowsError> {
    load::<PhoneListProjection>(rows, company, &key(phone))
}

fn phone_list(request: &QueryRequest<'_>, rows: &dyn Rows) -> Result<RowsAnswer, QueryError> {
    let search = request.search()?;
    let import = request.id::<ImportId>("import")?;
    let of_user = request.text("user")?;
    let of_user = of_user.map(|user| accounts::user_key_of(rows, request.company, user));
    let of_user = of_user.transpose()?;
    let mut channels = RunChannels::new(rows, request.company);
    page::<PhoneListProjection, _>(request, rows, &[], |_, phone| {
        if !phone.listed || import.is_some_and(|import| phone.import != Some(import)) {
            return Ok([None]);
        }
        let folded = phone.user.folded();
        if of_user.as_ref().is_some_and(|user| *user != folded) {
            return Ok([None]);
        }
        let user = users::find(rows, request.company, &folded)?;
        if search.as_ref().is_some_and(|needle| !phone.matches(user.as_ref(), needle)) {
            return Ok([None]);
        }
        let links = Links::load(rows, request.company, &folded, request.now, &mut channels)?;
        Ok([Some(phone.show(user.as_ref(), &links))])
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{
        TestCompany, at, column, created, dispatched, import, invitation, requested, sent, who,
    };
    use boarding_commands::event::Channel;
    use serde_json::{Value, json};

    fn added(phone: &str, user: &str, by: Option<ImportId>) -> Event {
        let phone = Phone::parse(phone).unwrap().into();
        Event::CorporatePhoneAdded { phone, user: who(user), import: by }
    }

    fn removed(phone: &str, user: &str) -> Event {
        let phone = Phone::parse(phone).unwrap().into();
        Event::CorporatePhoneRemoved { phone, user: who(user) }
    }

    fn company() -> TestCompany {
        TestCompany::new("acme")
            .commit([created("Ann"), created("bob")])
            .commit([added("+84923448071", "ann", Some(import(1)))])
            .commit([added("+4930123456", "bob", None)])
    }

    fn phones(company: &TestCompany, params: &Value) -> Vec<Value> {
        column(&company.query("phone_list", params), "phone")
    }

    /// LX-23, LX-31: the product shows grey, orange and green.
    #[test]
    fn number_shows_the_links_of_its_user() {
        let company = company();
        let whatsapp = |company: &TestCompany| {
            let row = &company.query("phone_list", &json!({"search": "ann"}))[0];
            assert_eq!(row["channels"]["imessage"], "not_linked");
            row["channels"]["whatsapp"].as_str().unwrap().to_owned()
        };
        assert_eq!(
            company.query("phone_list", &json!({"search": "ann"})),
            [json!({"phone": "+84923448071", "user": "Ann", "full_name": "ANN Hudson",
                "channels": {"whatsapp": "not_linked", "imessage": "not_linked"},
                "updated_at": at(1)})]
        );
        let company = company.commit([requested(1, 1), dispatched(1, "ann", 1, 1)]);
        assert_eq!(whatsapp(&company), "not_linked");
        let company = company.commit([sent(1, "ann", 1)]);
        assert_eq!(whatsapp(&company), "invited");
        let company = company.commit([Event::UserLinked {
            user: who("ann"),
            channel: Channel::Whatsapp,
            invitation: Some(invitation("ann")),
        }]);
        assert_eq!(whatsapp(&company), "linked");
        let unlinked = Event::UserUnlinked { user: who("ann"), channel: Channel::Whatsapp };
        assert_eq!(whatsapp(&company.commit([unlinked])), "not_linked");
    }

    #[test]
    fn list_is_searched_by_number_and_by_user() {
        let company = company();
        for search in ["+84 923 448 071", "923448", "ANN", "ann hud"] {
            assert_eq!(phones(&company, &json!({"search": search})), ["+84923448071"], "{search}");
        }
        assert_eq!(phones(&company, &json!({"search": "hudson"})).len(), 2);
        assert_eq!(phones(&company, &json!({})), ["+4930123456", "+84923448071"]);
    }

    #[test]
    fn list_of_a_user_has_only_that_users_numbers() {
        let company = company().commit([created("ann2"), added("+4930123457", "ann2", None)]);
        for user in ["ann", " ANN "] {
            assert_eq!(phones(&company, &json!({"user": user})), ["+84923448071"], "{user}");
        }
        assert!(phones(&company, &json!({"user": "an"})).is_empty());
    }

    /// LX-11.
    #[test]
    fn list_is_filtered_by_the_import_of_the_number() {
        assert_eq!(phones(&company(), &json!({"import": import(1)})), ["+84923448071"]);
        assert!(phones(&company(), &json!({"import": import(2)})).is_empty());
    }

    #[test]
    fn removed_number_is_hidden_until_added_again() {
        let company = company().commit([removed("+84923448071", "ann")]);
        assert_eq!(phones(&company, &json!({})), ["+4930123456"]);
        let company = company.commit([added("+84923448071", "bob", None)]);
        assert_eq!(company.query("phone_list", &json!({"search": "84"}))[0]["user"], "bob");
    }

    /// P31: what a log line of ours could show of a row.
    #[test]
    fn debug_output_hides_the_number() {
        let company = company();
        let phone = find(&company.rows(), company.id(), Phone::parse("+84923448071").unwrap());
        assert!(!format!("{phone:?}").contains("448071"));
    }
}
