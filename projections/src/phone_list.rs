//! The corporate phone list: each number, whose it is and how that user stands to each channel (LX-09, LX-11, LX-23).

use boarding_commands::commit::Fact;
use boarding_commands::event::{Event, Who};
use boarding_commands::values::{CompanyId, ImportId, Personal, Phone, Time};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::ReadModel;
use crate::invitations::Links;
use crate::projection::{Projection, Projector, load};
use crate::query::{Answer, Asked, Needle, Param, Query, QueryError, page, shape_of};
use crate::rows::{Rows, RowsError, Table};
use crate::runs::RunChannels;
use crate::sheet::Column;
use crate::users::{self, User};

pub const MODEL: ReadModel = ReadModel {
    projectors: &[Projector::of::<PhoneList>()],
    queries: &[Query {
        name: "phone_list",
        permission: None,
        params: &[Param::text("search"), Param::id("import")],
        paged: true,
        row: shape_of::<PhoneShown>,
        columns: Some(&[
            Column { title: "Phone Number", field: "/phone" },
            Column { title: "Username", field: "/user" },
            Column { title: "Full Name", field: "/full_name" },
            Column { title: "WhatsApp", field: "/channels/whatsapp" },
            Column { title: "iMessage", field: "/channels/imessage" },
            Column { title: "Last Updated", field: "/updated_at" },
        ]),
        answer: phone_list,
    }],
};

/// A number that is, or was, in the list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ListedPhone {
    pub phone: Personal<Phone>,
    pub user: Who,
    /// The import that added it; none where somebody did by hand.
    pub import: Option<ImportId>,
    pub updated_at: Time,
    /// A number taken out stays as a row that no list shows, for its history.
    pub listed: bool,
    /// The versions of the facts about this number, for `history`.
    pub(crate) versions: Vec<u64>,
}

impl ListedPhone {
    fn matches(&self, user: Option<&User>, needle: &Needle) -> bool {
        needle.is_in_phone(*self.phone)
            || needle.is_in(self.user.as_str())
            || user.is_some_and(|user| needle.is_in(&user.person.full_name()))
    }

    fn show<'a>(&'a self, user: Option<&'a User>, links: &'a Links) -> Value {
        json!(PhoneShown {
            phone: &self.phone,
            user: user.map_or(&self.user, |user| &user.user),
            full_name: user.map(|user| user.person.full_name().into()),
            channels: links,
            updated_at: self.updated_at,
        })
    }
}

/// A number of the list, whose it is and how that user stands to each channel.
#[derive(Serialize, JsonSchema)]
struct PhoneShown<'a> {
    phone: &'a Personal<Phone>,
    user: &'a Who,
    full_name: Option<Personal<String>>,
    channels: &'a Links,
    updated_at: Time,
}

/// Numbers in numerical order.
#[derive(Debug)]
pub struct PhoneList;

impl Projection for PhoneList {
    const TABLE: Table = Table::PhoneList;
    const VERSION: u32 = 1;
    type Row = ListedPhone;

    fn key(fact: &Fact<'_>) -> Option<Vec<u8>> {
        match fact.event {
            Event::CorporatePhoneAdded { phone, .. }
            | Event::CorporatePhoneRemoved { phone, .. } => Some(key(**phone)),
            _ => None,
        }
    }

    fn evolve(row: Option<ListedPhone>, fact: &Fact<'_>) -> Option<ListedPhone> {
        let (phone, user, import, listed) = match fact.event {
            Event::CorporatePhoneAdded { phone, user, import } => (phone, user, *import, true),
            Event::CorporatePhoneRemoved { phone, user } => (phone, user, None, false),
            _ => return row,
        };
        let mut versions = row.map_or_else(|| Vec::with_capacity(1), |row| row.versions);
        versions.push(fact.version);
        let updated_at = fact.commit.at;
        let (phone, user) = (phone.clone(), user.clone());
        Some(ListedPhone { phone, user, import, updated_at, listed, versions })
    }
}

fn key(phone: Phone) -> Vec<u8> {
    phone.number().to_be_bytes().into()
}

/// The number, if it is or ever was in the list.
pub(crate) fn find(
    rows: &dyn Rows,
    company: &CompanyId,
    phone: Phone,
) -> Result<Option<ListedPhone>, RowsError> {
    load::<PhoneList>(rows, company, &key(phone))
}

fn phone_list(asked: &Asked<'_>, rows: &dyn Rows) -> Result<Answer, QueryError> {
    let search = asked.search()?;
    let import = asked.id::<ImportId>("import")?;
    let mut channels = RunChannels::new(rows, asked.company);
    page::<PhoneList, _>(asked, rows, &[], |_, phone| {
        if !phone.listed || import.is_some_and(|import| phone.import != Some(import)) {
            return Ok([None]);
        }
        let folded = phone.user.folded();
        let user = users::find(rows, asked.company, &folded)?;
        if search.as_ref().is_some_and(|needle| !phone.matches(user.as_ref(), needle)) {
            return Ok([None]);
        }
        let links = Links::of(rows, asked.company, &folded, &mut channels)?;
        Ok([Some(phone.show(user.as_ref(), &links))])
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{
        Story, at, column, created, dispatched, import, invitation, requested, sent, who,
    };
    use boarding_commands::event::Channel;

    fn added(phone: &str, user: &str, by: Option<ImportId>) -> Event {
        let phone = Phone::parse(phone).unwrap().into();
        Event::CorporatePhoneAdded { phone, user: who(user), import: by }
    }

    fn removed(phone: &str, user: &str) -> Event {
        let phone = Phone::parse(phone).unwrap().into();
        Event::CorporatePhoneRemoved { phone, user: who(user) }
    }

    fn story() -> Story {
        Story::of("acme")
            .then([created("Ann"), created("bob")])
            .then([added("+84923448071", "ann", Some(import(1)))])
            .then([added("+4930123456", "bob", None)])
    }

    fn phones(story: &Story, params: &Value) -> Vec<Value> {
        column(&story.ask("phone_list", params), "phone")
    }

    /// LX-23, LX-31: grey, orange and green.
    #[test]
    fn a_number_shows_how_its_user_stands_to_each_channel() {
        let story = story();
        let whatsapp = |story: &Story| {
            let row = &story.ask("phone_list", &json!({"search": "ann"}))[0];
            assert_eq!(row["channels"]["imessage"], "not_linked");
            row["channels"]["whatsapp"].as_str().unwrap().to_owned()
        };
        assert_eq!(
            story.ask("phone_list", &json!({"search": "ann"})),
            [json!({"phone": "+84923448071", "user": "Ann", "full_name": "ANN Hudson",
                "channels": {"whatsapp": "not_linked", "imessage": "not_linked"},
                "updated_at": at(1)})]
        );
        let story = story.then([requested(1, 1), dispatched(1, "ann", 1, 1)]);
        assert_eq!(whatsapp(&story), "not_linked");
        let story = story.then([sent(1, "ann", 1)]);
        assert_eq!(whatsapp(&story), "invited");
        let story = story.then([Event::UserLinked {
            user: who("ann"),
            channel: Channel::Whatsapp,
            invitation: Some(invitation("ann")),
        }]);
        assert_eq!(whatsapp(&story), "linked");
        let unlinked = Event::UserUnlinked { user: who("ann"), channel: Channel::Whatsapp };
        assert_eq!(whatsapp(&story.then([unlinked])), "not_linked");
    }

    #[test]
    fn the_list_is_searched_by_number_and_by_user() {
        let story = story();
        for search in ["+84 923 448 071", "923448", "ANN", "ann hud"] {
            assert_eq!(phones(&story, &json!({"search": search})), ["+84923448071"], "{search}");
        }
        assert_eq!(phones(&story, &json!({"search": "hudson"})).len(), 2);
        assert_eq!(phones(&story, &json!({})), ["+4930123456", "+84923448071"]);
    }

    /// LX-11: the phones that one import added.
    #[test]
    fn the_list_is_filtered_by_the_import_that_added_the_number() {
        assert_eq!(phones(&story(), &json!({"import": import(1)})), ["+84923448071"]);
        assert!(phones(&story(), &json!({"import": import(2)})).is_empty());
    }

    #[test]
    fn a_number_taken_out_is_hidden_until_it_is_added_again() {
        let story = story().then([removed("+84923448071", "ann")]);
        assert_eq!(phones(&story, &json!({})), ["+4930123456"]);
        let story = story.then([added("+84923448071", "bob", None)]);
        assert_eq!(story.ask("phone_list", &json!({"search": "84"}))[0]["user"], "bob");
    }

    /// P31: what a log line of ours could show of a row.
    #[test]
    fn p31_debug_never_shows_the_number() {
        let story = story();
        let phone = find(&story.rows(), story.company(), Phone::parse("+84923448071").unwrap());
        assert!(!format!("{phone:?}").contains("448071"));
    }
}
