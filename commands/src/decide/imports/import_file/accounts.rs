//! What `ImportFile` requires for MultiLine: a privilege, an organization and a permission group.

use serde_json::json;

use super::ImportFile;
use crate::company::{Company, Placing};
use crate::decide::numbers::pool::check_permission_group;
use crate::dialect;
use crate::event::Permission;
use crate::values::{Code, Refusal};

/// The permission to import or undo a file of this dialect; for MultiLine the privilege "Accounts".
pub fn needed(dialect: &str) -> Permission {
    if dialect_opens_accounts(dialect) { Permission::Accounts } else { Permission::BulkImportUsers }
}

fn dialect_opens_accounts(dialect: &str) -> bool {
    dialect::find(dialect).is_some_and(|dialect| dialect.opens_accounts())
}

impl ImportFile {
    /// The permission that the import of this file needs.
    pub fn needs(&self) -> Permission {
        needed(&self.dialect)
    }

    /// Whether the people of the file get accounts in one organization.
    pub(in crate::decide) fn opens_accounts(&self) -> bool {
        dialect_opens_accounts(&self.dialect)
    }

    /// The organization and the permission group of all people of the file. None if the dialect
    /// opens no accounts.
    pub(super) fn placing(&self, company: &Company) -> Result<Option<Placing>, Refusal> {
        let named =
            [("organization", &self.organization), ("permission_group", &self.permission_group)];
        if !self.opens_accounts() {
            return match named.iter().find(|(_, given)| given.is_some()) {
                Some((field, _)) => Err(malformed(&format!("{field}: this dialect takes none"))),
                None => Ok(None),
            };
        }
        if let Some((field, _)) =
            named.iter().find(|(_, given)| given.as_ref().is_none_or(|name| name.trim().is_empty()))
        {
            return Err(Refusal::new(Code::FieldRequired)
                .saying(field)
                .with(json!({"field": field})));
        }
        let organization = self.organization.clone().unwrap_or_default();
        if !company.org_units.contains_key(&organization) {
            let details = json!({"org_units": [organization]});
            let refusal = Refusal::new(Code::OrgUnitNotFound).saying("organization");
            let known = company.org_units.keys().map(String::as_str);
            return Err(refusal.hinting(&organization, known).with(details));
        }
        let permission_group = self.permission_group.clone().unwrap_or_default();
        check_permission_group(company, &permission_group)?;
        Ok(Some(Placing { organization, permission_group }))
    }
}

fn malformed(why: &str) -> Refusal {
    Refusal::new(Code::EnvelopeMalformed).saying(why)
}

#[cfg(test)]
mod tests {
    use boarding_csv::CellValue;
    use serde_json::{Value, json};

    use crate::decide::dialect_rules::needs_corporate_phone;
    use crate::decide::facts::{Facts, FileContents};
    use crate::decide::imports::import_file::testing::{accepted, import_id, row};
    use crate::decide::numbers::pool::testing::{
        assigned, number, number_added, setting, unit, user_of,
    };
    use crate::decide::testing::{Input, Then, given, user_created, who};
    use crate::decide::{Command, ImportRows};
    use crate::event::{Event, Existing, FileRef, Permission, RowOutcome};
    use crate::user_file::{FileSummary, ParsedRow};
    use crate::values::{Code, Personal};

    /// A permission group, two organizations with one number each, and one number in the company's
    /// stock.
    fn company() -> Vec<Event> {
        let (permission_group, permissions) = ("Traders".to_owned(), vec![]);
        vec![
            unit("EMEA", None),
            unit("APAC", None),
            Event::PermissionGroupDefined { permission_group, permissions },
            number_added(1, Some("EMEA")),
            number_added(2, Some("APAC")),
            number_added(3, None),
        ]
    }

    fn import(events: Vec<Event>, rows: Vec<ParsedRow>, extra: &Value) -> Then {
        let mut body = json!({
            "dialect": "multiline", "files": [{"name": "accounts.csv", "text": ""}],
            "organization": "EMEA", "permission_group": "Traders",
        });
        body.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        let command = Command::read("ImportFile", body).unwrap();
        let files =
            vec![FileRef { name: "accounts.csv".to_owned(), sha256: "cd".repeat(32), bytes: 10 }];
        let total = rows.len() as u64;
        let summary = FileSummary::plain(total);
        let facts = Facts::Files(FileContents { files, summary, rows });
        given(events).when(Input { command, facts })
    }

    fn with_number(row: u64, key: &str, n: u64) -> ParsedRow {
        let mut parsed = self::row(row, key);
        parsed.values.number = CellValue::Value(number(n));
        parsed
    }

    #[track_caller]
    fn refused_rows(then: &Then) -> Vec<(RowOutcome, &'static str)> {
        let events = then.events();
        let of = |event: &Event| match event {
            Event::RowRefused { outcome, problems, .. } => {
                Some((*outcome, problems[0].code.as_str()))
            }
            _ => None,
        };
        events.iter().filter_map(of).collect()
    }

    /// ML-01, ML-09, A22: the privilege "Accounts" is enough to invite the accounts that the file adds. An
    /// account that existed before is neither changed nor invited.
    #[test]
    fn only_accounts_that_the_file_adds_are_invited() {
        let enabled = crate::decide::testing::channel_enabled();
        let actor = Personal("jane@acme.example".to_owned());
        let granted = Event::PermissionsGranted { actor, permissions: vec![Permission::Accounts] };
        let before = company().into_iter().chain([enabled, granted, user_created("ann")]).collect();
        let rows = vec![row(1, "ann"), row(2, "bob")];
        let events = import(before, rows, &json!({"action": "import_and_invite"})).events();
        let total = events.iter().find_map(|event| match event {
            Event::RunRequested { total, .. } => Some(*total),
            _ => None,
        });
        assert_eq!(total, Some(1));
        let is_for_created_only = |event: &Event| {
            matches!(event, Event::ImportInvitesRequested { created_only: true, .. })
        };
        assert!(events.iter().any(is_for_created_only));
    }

    /// ML-04, ML-05: each account gets the organization and the permission group that the command
    /// names.
    #[test]
    fn accounts_get_the_organization_and_group_of_the_command() {
        let then = import(company(), vec![row(1, "ann")], &json!({}));
        let expected =
            ["ImportAccepted", "ImportPlaced", "UserCreated", "AccountOpened", "ImportCompleted"];
        assert_eq!(then.names(), expected);
        let events = then.events();
        let Event::UserCreated { org_unit, person, .. } = &events[2] else { panic!() };
        assert_eq!(org_unit.as_deref(), Some("EMEA"));
        assert_eq!(person.attributes["permission_group"], "Traders");
    }

    /// ML-04, ML-05: the organization and the permission group must exist. Other dialects accept
    /// neither.
    #[test]
    fn unknown_or_missing_organization_or_group_rejects_the_file() {
        let ann = || vec![row(1, "ann")];
        let nowhere = json!({"organization": "Nowhere"});
        import(company(), ann(), &nowhere).then_refused(Code::OrgUnitNotFound);
        for field in ["organization", "permission_group"] {
            for none in [json!(null), json!(" ")] {
                let refusal = import(company(), ann(), &json!({field: none}))
                    .then_refused(Code::FieldRequired);
                assert_eq!(refusal.details["field"], field);
            }
        }
        let unknown_group = json!({"permission_group": "Nobody"});
        import(company(), ann(), &unknown_group).then_refused(Code::PermissionGroupNotFound);
        import(company(), ann(), &json!({"dialect": "leapxpert"}))
            .then_refused(Code::EnvelopeMalformed);
        import(company(), ann(), &json!({"existing": "update"}))
            .then_refused(Code::EnvelopeMalformed);
    }

    /// ML-01: only actors with the privilege "Accounts" may upload accounts.
    #[test]
    fn import_of_accounts_needs_the_privilege_accounts() {
        let granted = |permission| {
            let actor = Personal("jane@acme.example".to_owned());
            let mut events = company();
            events.push(Event::PermissionsGranted { actor, permissions: vec![permission] });
            import(events, vec![row(1, "ann")], &json!({}))
        };
        let refusal = granted(Permission::BulkImportUsers).then_refused(Code::AuthPermissionDenied);
        assert_eq!(refusal.details, json!({"permission": "accounts"}));
        assert!(granted(Permission::Accounts).0.is_ok());
    }

    /// ML-16, N72: the number must be in the pool, available, and not another organization's.
    #[test]
    fn row_is_invalid_when_its_number_cannot_be_assigned() {
        let mut events = company();
        events.extend([user_created("zoe"), number_added(4, None), assigned(4, "zoe")]);
        let rows = vec![
            with_number(1, "ann", 1),
            with_number(2, "bob", 1),
            with_number(3, "cid", 2),
            with_number(4, "dan", 9),
            with_number(5, "eve", 4),
            with_number(6, "fay", 3),
        ];
        let then = import(events, rows, &json!({}));
        let names = then.names();
        assert_eq!(names[2..5], ["UserCreated", "AccountOpened", "NumberAssigned"]);
        assert_eq!(
            names[9..13],
            ["UserCreated", "AccountOpened", "NumberAllocated", "NumberAssigned"]
        );
        let codes = [
            "number.not_available",
            "number.allocated_to_other_org",
            "number.not_in_pool",
            "number.not_available",
        ];
        assert_eq!(refused_rows(&then), codes.map(|code| (RowOutcome::Invalid, code)));
    }

    /// A row is invalid if `EditAccount` gave its address to another account.
    #[test]
    fn row_is_invalid_when_another_account_has_its_address() {
        let edit = json!({"account": "ann", "address": "eve@acme.example"});
        let opened = Event::AccountOpened { user: who("ann"), import: None };
        let known = company().into_iter().chain([user_of("ann", "EMEA"), opened]);
        let events: Vec<_> = known.collect();
        let edited = given(events.clone()).when_json("EditAccount", edit).events();
        let rows = vec![row(1, "eve@acme.example")];
        let then = import(events.into_iter().chain(edited).collect(), rows, &json!({}));
        assert_eq!(refused_rows(&then), [(RowOutcome::Invalid, "field.not_unique")]);
    }

    /// A22: an existing account keeps its values and its number.
    #[test]
    fn row_for_an_existing_account_changes_nothing() {
        let mut events = company();
        events.extend([user_of("ann", "EMEA"), assigned(1, "ann")]);
        let then = import(events, vec![with_number(1, "ANN", 1)], &json!({}));
        assert_eq!(refused_rows(&then), [(RowOutcome::Skipped, "row.user_exists")]);
    }

    /// LX-28: an account needs no corporate phone for an invitation, even if a later file names the
    /// account.
    #[test]
    fn account_needs_no_corporate_phone() {
        let opened = Event::AccountOpened { user: who("ann"), import: None };
        let later = [accepted(2, false, Existing::Skip)];
        let known = [user_of("ann", "EMEA"), user_of("bob", "EMEA"), opened];
        let company = given(company().into_iter().chain(known).chain(later));
        let rows = vec![row(1, "ann"), row(2, "bob")];
        let company = company.after(ImportRows::alone(import_id(), rows)).0;
        let needs = |key: &str| {
            let (id, user) = company.users.find(key).unwrap();
            needs_corporate_phone(&company, id, user)
        };
        assert_eq!(["ann", "bob"].map(needs), [false, true]);
    }

    /// ML-16: with SMTP offload, a row with a phone instead of an address is invalid. A row is also
    /// invalid if the domain of its address is not allowed.
    #[test]
    fn address_rules_of_the_settings_apply_to_every_row() {
        let mut device = row(1, "+84923448071");
        device.values.email = CellValue::Absent;
        let mut events = company();
        events.push(setting("smtp_offload", json!(true)));
        let codes = refused_rows(&import(events, vec![device.clone(), row(2, "ann")], &json!({})));
        assert_eq!(codes, [(RowOutcome::Invalid, "field.email_required_smtp_offload")]);
        assert_eq!(refused_rows(&import(company(), vec![device], &json!({}))), []);
        let mut events = company();
        events.push(setting("allowed_email_domains", json!(["globex.example"])));
        let codes = refused_rows(&import(events, vec![row(1, "ann")], &json!({})));
        assert_eq!(codes, [(RowOutcome::Invalid, "email.domain_not_allowed")]);
    }
}
