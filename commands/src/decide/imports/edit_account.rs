//! `EditAccount`: one account gets other values, judged as a row of a file of accounts is.

use boarding_csv::CellValue;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::rows::{Changes, address_problem};
use crate::company::{Company, User, UserId, UserState};
use crate::decide::numbers::pool::check_permission_group;
use crate::decide::rule::{Context, Decide, Decision, TakenValues};
use crate::dialect::{self, PERMISSION_GROUP, read_one};
use crate::event::{BlankMeans, Event, Permission};
use crate::user_file::{ParsedRow, RowValues};
use crate::values::{Code, Personal, Problem, Refusal};

/// The dialect whose columns an account has.
const ACCOUNTS: &str = "multiline";
/// The column of the address or the device.
const ADDRESS: &str = "email address or device";
const RESTRICT: &str = "restrict_incoming_social_messaging";

/// Changes the named values of an account. An empty text removes a value that is not required.
///
/// The account keeps its key, also if its address changes. Its number and its organization have commands of their own.
#[derive(Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EditAccount {
    #[serde(alias = "user")]
    #[schemars(extend("x-aliases" = ["user"]))]
    pub account: String,
    #[serde(alias = "firstname")]
    #[schemars(extend("x-aliases" = ["firstname"]))]
    pub first_name: Option<Personal<String>>,
    #[serde(alias = "lastname")]
    #[schemars(extend("x-aliases" = ["lastname"]))]
    pub last_name: Option<Personal<String>>,
    /// The new e-mail address of the account, or the new phone of the device.
    #[serde(alias = "email", alias = "device")]
    #[schemars(extend("x-aliases" = ["email", "device"]))]
    pub address: Option<Personal<String>>,
    pub permission_group: Option<String>,
    pub social_messaging: Option<String>,
    pub monitor_calls: Option<String>,
    pub monitor_sms: Option<String>,
    pub forwarding_number: Option<Personal<String>>,
    pub restrict_incoming_social_messaging: Option<String>,
    pub language: Option<String>,
}

impl std::fmt::Debug for EditAccount {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("EditAccount(***)")
    }
}

impl Decide for EditAccount {
    const NEEDS: Option<Permission> = Some(Permission::Accounts);

    fn result_schema(generator: &mut SchemaGenerator) -> Schema {
        TakenValues::json_schema(generator)
    }

    fn decide(&self, company: &Company, _: &Context<'_>) -> Result<Decision, Refusal> {
        let (id, user) = find(company, &self.account)?;
        if let Some(group) = &self.permission_group {
            check_permission_group(company, group)?;
        }
        let mut row = self.row(company, user)?;
        self.check_address(company, id, &row)?;
        if self.address.is_some() {
            clear_former_address(user, &mut row.values);
        }
        if let Some(group) = &self.permission_group {
            let group = CellValue::Value(group.clone());
            row.values.attributes.insert(PERMISSION_GROUP.to_owned(), group);
        }
        let changes = Changes::of(user, &row.values, BlankMeans::Clear);
        let result = json!(TakenValues { warnings: row.warnings });
        if changes.changed.is_empty() {
            return Ok(Decision::append(vec![]).with_result(result));
        }
        let updated = Event::UserUpdated {
            user: Personal(user.key()),
            person: Personal(changes.person),
            org_unit: changes.org_unit,
            roles: changes.roles,
            changed: changes.changed,
            row: None,
        };
        Ok(Decision::append(vec![updated]).with_result(result))
    }
}

/// Clears the address that the new one replaces: the e-mail address of a new device, the phone of a former device.
fn clear_former_address(user: &User, values: &mut RowValues) {
    if matches!(values.phone, CellValue::Value(Ok(_))) {
        values.email = CellValue::Blank;
    } else if user.email().is_none() {
        values.phone = CellValue::Blank;
    }
}

/// The account that is meant.
fn find<'c>(company: &'c Company, key: &str) -> Result<(UserId, &'c User), Refusal> {
    let Some((id, user)) = company.account_meant(key) else {
        let refusal = Refusal::new(Code::UserNotFound);
        let is_user = company.users.created(key).is_some();
        return Err(if is_user { refusal.saying("the user is no account") } else { refusal });
    };
    if user.state == UserState::Archived {
        return Err(Code::UserArchived.into());
    }
    Ok((id, user))
}

impl EditAccount {
    /// The row of a file with the values that were given. The required cells that were not given are as they were.
    fn row(&self, company: &Company, user: &User) -> Result<ParsedRow, Refusal> {
        let person = user.person();
        let old = |name: &str, default: &str| {
            person.attributes.get(name).map_or(default, String::as_str).to_owned()
        };
        let address = person.email.clone().or_else(|| person.phone.map(|phone| phone.to_string()));
        let text = |given: &Option<Personal<String>>| given.as_ref().map(|text| text.0.clone());
        let required = |given: &Option<String>, name: &str, default: &str| {
            Some(given.clone().unwrap_or_else(|| old(name, default)))
        };
        let cells = [
            (ADDRESS, text(&self.address).or(address)),
            ("social_messaging", required(&self.social_messaging, "social_messaging", "No")),
            ("monitor_calls", required(&self.monitor_calls, "monitor_calls", "off")),
            ("monitor_sms", required(&self.monitor_sms, "monitor_sms", "off")),
            ("firstname", text(&self.first_name)),
            ("lastname", text(&self.last_name)),
            ("forwarding_number", text(&self.forwarding_number)),
            (RESTRICT, self.restrict_incoming_social_messaging.clone()),
            ("Language", self.language.clone()),
        ];
        let given: Vec<(&str, &str)> =
            cells.iter().filter_map(|(name, text)| Some((*name, text.as_deref()?))).collect();
        if given.iter().any(|(name, _)| *name == RESTRICT) && !company.settings.social_messaging {
            return Err(refused(Problem::in_column(RESTRICT, Code::CsvColumnNotEnabled)));
        }
        let Some(dialect) = dialect::find(ACCOUNTS) else { return Err(Code::UserNotFound.into()) };
        let row = read_one(dialect, &given, company.settings.assume_plus)?;
        match row.problems.first() {
            Some(problem) => Err(refused(problem.clone())),
            None => Ok(row),
        }
    }

    /// Refuses an address that the settings do not allow, or that another account has or is known by.
    fn check_address(&self, company: &Company, id: UserId, row: &ParsedRow) -> Result<(), Refusal> {
        let Some(key) = row.values.user.as_ref().filter(|_| self.address.is_some()) else {
            return Ok(());
        };
        let problem = |code| Problem::in_column(ADDRESS, code);
        if let Some(code) = address_problem(&company.settings, &row.values.email, true) {
            return Err(refused(problem(code)));
        }
        // An archived person has released the address.
        let known = company.users.created(key.as_str());
        let known = known.filter(|(by, user)| *by != id && user.state != UserState::Archived);
        let other = known.map(|(_, user)| user).or_else(|| company.account_at(key.as_str(), id));
        let Some(holder) = other.map(User::key) else { return Ok(()) };
        let words = format!("{} has it", holder.as_str());
        let refusal = refused(problem(Code::FieldNotUnique).saying(&words));
        let mut details = refusal.details.as_object().cloned().unwrap_or_default();
        details.insert("holder".to_owned(), json!(holder));
        Err(refusal.with(details.into()))
    }
}

/// The refusal for a value, with the name of its field.
fn refused(problem: Problem) -> Refusal {
    let mut details = Map::new();
    let mut message = problem.message;
    if let Some(column) = problem.column {
        message = format!("{message} ({column})");
        details.insert("field".to_owned(), Value::String(column));
    }
    Refusal { code: problem.code, message, details: Value::Object(details) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::Command;
    use crate::decide::numbers::pool::testing::{setting, user_of};
    use crate::decide::testing::{Given, Then, given, user_created, who};

    fn company() -> Vec<Event> {
        let opened = |key| Event::AccountOpened { user: who(key), import: None };
        let (permission_group, permissions) = ("Traders".to_owned(), vec![]);
        vec![
            Event::PermissionGroupDefined { permission_group, permissions },
            user_of("ann", "EMEA"),
            opened("ann"),
            user_of("bob@acme.example", "EMEA"),
            opened("bob@acme.example"),
            user_created("cid"),
        ]
    }

    fn after(given: Given, command: &str, body: Value) -> Given {
        given.after(Command::read(command, body).unwrap())
    }

    fn edit(body: Value) -> Then {
        given(company()).when_json("EditAccount", body)
    }

    /// The address of an account is corrected, and the account stays the same.
    #[test]
    fn address_and_settings_of_an_account_are_changed() {
        let events = edit(json!({
            "account": "ANN", "address": "ann.lee@acme.example", "permission_group": "Traders",
            "social_messaging": "yes", "language": "german", "first_name": "",
        }))
        .events();
        let [Event::UserUpdated { user, person, org_unit, changed, .. }] = &events[..] else {
            panic!("{events:?}")
        };
        assert_eq!((user.as_str(), org_unit.as_deref()), ("ann", Some("EMEA")));
        assert_eq!(person.email.as_deref(), Some("ann.lee@acme.example"));
        assert_eq!(
            (person.attributes["social_messaging"].as_str(), &person.first_name),
            ("Yes", &None)
        );
        assert_eq!(person.attributes["permission_group"], "Traders");
        assert_eq!(person.attributes["language"], "German");
        assert!(changed.contains(&"email".to_owned()), "{changed:?}");
    }

    #[test]
    fn edit_that_changes_nothing_appends_nothing() {
        let first = json!({"account": "ann", "monitor_sms": "on"});
        let events = edit(first.clone()).events();
        let after = company().into_iter().chain(events);
        assert!(given(after).when_json("EditAccount", first).events().is_empty());
    }

    /// An account that becomes a device has no e-mail address any more, and a former device has no phone.
    #[test]
    fn former_address_is_cleared_when_the_kind_of_address_changes() {
        let address = |given: &Given| {
            let person = given.0.users.created("ann").unwrap().1.person();
            (person.email, person.phone.map(|phone| phone.to_string()))
        };
        let edited = |given: Given, address: &str| {
            after(given, "EditAccount", json!({"account": "ann", "address": address}))
        };
        let device = edited(given(company()), "+84 923 448 071");
        assert_eq!(address(&device), (None, Some("+84923448071".to_owned())));
        let other = edited(device, "+84 923 448 072");
        assert_eq!(address(&other), (None, Some("+84923448072".to_owned())));
        let by_mail = edited(other, "ann.lee@acme.example");
        assert_eq!(address(&by_mail), (Some("ann.lee@acme.example".to_owned()), None));
    }

    /// A41: an address belongs to one account, also if its key is another text. An archived account has released its
    /// address, and is not restored while another account has it.
    #[test]
    fn address_of_another_account_is_refused_unless_it_left() {
        for taken in ["Moved@acme.example", "+84923448071"] {
            let edit = |account: &str| json!({"account": account, "address": taken});
            let moved = after(given(company()), "EditAccount", edit("bob@acme.example"));
            let refusal =
                moved.when_json("EditAccount", edit("ann")).then_refused(Code::FieldNotUnique);
            assert_eq!(refusal.details["holder"], "bob@acme.example");
            let left = after(moved, "ArchiveUser", json!({"user": "bob@acme.example"}));
            let taken_over = after(left, "EditAccount", edit("ann"));
            let restore = json!({"user": "bob@acme.example"});
            let refusal =
                taken_over.when_json("RestoreUser", restore).then_refused(Code::FieldNotUnique);
            assert_eq!(refusal.details["holder"], "ann");
        }
    }

    /// The values are those that a row of a file may have.
    #[test]
    fn value_that_a_file_may_not_have_is_refused() {
        for (field, value, code) in [
            ("address", "nobody", Code::FieldNotEmailOrPhone),
            ("address", "bob@acme.example", Code::FieldNotUnique),
            ("address", "", Code::FieldRequired),
            ("monitor_calls", "sometimes", Code::FieldNotAllowed),
            ("forwarding_number", "12", Code::FieldLength),
            ("restrict_incoming_social_messaging", "true", Code::CsvColumnNotEnabled),
            ("permission_group", "Nobody", Code::PermissionGroupNotFound),
        ] {
            let refusal = edit(json!({"account": "ann", field: value})).then_refused(code);
            assert!(refusal.details.is_object(), "{field}");
        }
        let offload = company().into_iter().chain([setting("smtp_offload", json!(true))]);
        given(offload)
            .when_json("EditAccount", json!({"account": "ann", "device": "+84923448071"}))
            .then_refused(Code::FieldEmailRequiredSmtpOffload);
        edit(json!({"account": "cid", "language": "German"})).then_refused(Code::UserNotFound);
        edit(json!({"account": "zoe", "language": "German"})).then_refused(Code::UserNotFound);
    }
}
