//! Names that commands give to things or call them by, in the one form that the cells of a file have too.

use serde_json::Value;

use crate::values::text::spelled;

/// Where a command's body names an org unit, a role, a level or a group of permissions.
const KEYS: [&str; 11] = [
    "org_unit",
    "org",
    "org_units",
    "parent",
    "level",
    "role",
    "roles",
    "permission_group",
    "default_permission_group",
    "organization",
    "dest",
];

/// The keys under which a body names them one level deeper.
const WITHIN: [&str; 2] = ["filter", "source"];

/// Normalizes the names in the body: composed letters, no surrounding blanks. Readers cannot see these differences.
pub(super) fn alike(mut body: Value) -> Value {
    spell(&mut body);
    for key in WITHIN {
        if let Some(fields) = body.get_mut(key) {
            spell(fields);
        }
    }
    body
}

fn spell(fields: &mut Value) {
    for key in KEYS {
        match fields.get_mut(key) {
            Some(Value::String(name)) => *name = spelled(name),
            Some(Value::Array(names)) => {
                for name in names {
                    if let Value::String(name) = name {
                        *name = spelled(name);
                    }
                }
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::decide::Command;
    use crate::decide::testing::{channel_enabled, given};
    use crate::event::Event;
    use crate::values::Code;

    /// Some keys have a second name, such as `run_id` for `run`.
    #[test]
    fn commands_accept_the_alternative_spellings_of_keys() {
        let id = "01JD0000000000000000000000";
        let file = json!({"name": "a.csv", "text": ""});
        let report = json!({"run_id": id, "recipient_id": "ann"});
        let with = |more: Value| {
            let mut body = report.clone();
            body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            body
        };
        for (name, body) in [
            (
                "ImportFile",
                json!({"import_id": id, "dialect": "ocm", "files": [file], "column_map": {"Login": "LAN ID"}}),
            ),
            (
                "ImportPictures",
                json!({"import_id": id, "zip": file, "match_attribute": "agent id"}),
            ),
            ("UndoImport", json!({"import_id": id})),
            ("AddCorporatePhone", json!({"phone": "+84923448071", "username": "ann"})),
            ("AddCorporatePhone", json!({"phone": "+84923448071", "user_id": "ann"})),
            (
                "StartBulkIntegration",
                json!({"run_id": id, "source": {"import_id": id}, "channel": "whatsapp", "mode": "preview"}),
            ),
            ("ResendInvitation", json!({"run_id": id, "channel": "whatsapp", "users": ["ann"]})),
            ("InviteSent", with(json!({"attempt": 1}))),
            ("UserSkipped", with(json!({"reason_code": "recipient.already_linked"}))),
            ("InviteFailed", with(json!({"reason_code": "delivery.timeout", "permanent": true}))),
            ("CancelRun", json!({"run_id": id})),
            ("AllocateNumbers", json!({"org": "EMEA", "qty": 1})),
            ("AllocateNumbers", json!({"org": "EMEA", "list": ["+84923448071"]})),
        ] {
            if let Err(refusal) = Command::read(name, body) {
                panic!("{name}: {}", refusal.message);
            }
        }
        let both = json!({"import": id, "import_id": id});
        assert_eq!(Command::read("UndoImport", both).unwrap_err().code, Code::EnvelopeMalformed);
    }

    /// OCM-09, OCM-11, ML-04: names are equal with composed or decomposed letters and with any surrounding blanks, in
    /// definitions and in references.
    #[test]
    fn names_are_equal_in_composed_and_decomposed_spelling() {
        let company = given([]);
        let unit = json!({"org_unit": "\u{a0}Zu\u{308}rich ", "level": "team "});
        let defined = company.when_json("DefineOrgUnit", unit.clone());
        let zurich = Event::OrgUnitDefined {
            org_unit: "Zürich".to_owned(),
            parent: None,
            level: Some("team".to_owned()),
            roles: vec![],
            default_permission_group: None,
        };
        defined.then([zurich.clone()]);
        let role = company.when_json("DefineRole", json!({"role": " Attache\u{301}\u{200b}"}));
        let attache = Event::RoleDefined { role: "Attaché".to_owned(), permissions: vec![] };
        role.then([attache.clone()]);
        let group = company
            .when_json("DefinePermissionGroup", json!({"permission_group": "Ga\u{308}ste "}));
        let guests = Event::PermissionGroupDefined {
            permission_group: "Gäste".to_owned(),
            permissions: vec![],
        };
        group.then([guests.clone()]);

        let company = given([channel_enabled(), zurich, attache, guests]);
        company.when_json("DefineOrgUnit", unit).then([]);
        let user =
            json!({"user": "ann", "org_unit": "Zu\u{308}rich", "roles": ["Attache\u{301} "]});
        assert_eq!(company.when_json("AddUser", user).names(), ["UserCreated"]);
        let roles = json!({"filter": {"org_unit": " Zu\u{308}rich"}, "roles": ["Attache\u{301}"]});
        company.when_json("AssignRoles", roles).then([]);
        let source = json!({"source": {"org_units": ["Zu\u{308}rich"]}, "channel": "whatsapp", "mode": "preview"});
        // The unit is found; none of its roles has the permission.
        company
            .when_json("StartBulkIntegration", source)
            .then_refused(Code::OrgUnitRoleLacksPermission);
        company
            .when_json("DefineRole", json!({"role": " \u{200b}"}))
            .then_refused(Code::FieldRequired);
        // A line break is not a blank: it is rejected, not removed.
        company
            .when_json("DefineRole", json!({"role": "King\n"}))
            .then_refused(Code::FieldControlCharacter);
    }
}
