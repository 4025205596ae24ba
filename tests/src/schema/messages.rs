//! Every command, answer, query and event of a long session is valid by its schema.

use std::collections::BTreeSet;

use base64::Engine as _;
use boarding_commands::decide::NAMES;
use boarding_commands::envelope::Envelope;
use boarding_commands::values::Time;
use serde_json::{Value, json};

use super::test_engine::{START, TestEngine};
use crate::support::paths::fixture;
use crate::support::validator::SchemaValidator;

/// A client whose messages and answers are validated against their schemas.
struct Session {
    engine: TestEngine,
    validator: SchemaValidator,
    commands: BTreeSet<String>,
}

impl Session {
    async fn new() -> Self {
        let (engine, validator) = (TestEngine::new().await, SchemaValidator::new());
        Self { engine, validator, commands: BTreeSet::new() }
    }

    /// Sends a command that is valid by its schema and returns the answer.
    async fn command(&mut self, name: &str, body: Value) -> Value {
        self.validator.assert_valid(name, &body);
        self.command_unchecked(name, body).await
    }

    async fn command_unchecked(&mut self, name: &str, body: Value) -> Value {
        let envelope = self.engine.envelope(&body);
        self.validator.assert_valid("command", &envelope);
        let answer = self.engine.command(name, envelope).await;
        self.validator.assert_valid(&format!("{name}.answer"), &answer);
        self.commands.insert(name.to_owned());
        answer
    }

    async fn accepted(&mut self, name: &str, body: Value) -> Value {
        let answer = self.command(name, body).await;
        assert_eq!(answer["outcome"], json!("accepted"), "{name}: {answer}");
        answer["result"].clone()
    }

    /// Sends a command that both the schema and the engine must refuse.
    async fn malformed(&mut self, name: &str, body: Value) {
        self.validator.assert_invalid(name, &body);
        let answer = self.command_unchecked(name, body.clone()).await;
        let codes = [
            "envelope.malformed",
            "config.invalid_value",
            "config.unknown_setting",
            "channel.unknown",
            "import.unknown_dialect",
        ];
        assert!(codes.contains(&answer["code"].as_str().unwrap()), "{name} {body}: {answer}");
    }

    /// All rows of a query, page by page. Each page is validated.
    async fn rows(&mut self, name: &str, params: Value) -> Vec<Value> {
        let mut rows = Vec::new();
        let mut params = params;
        loop {
            let answer = self.answer(name, params.clone()).await;
            rows.extend(answer["rows"].as_array().unwrap().iter().cloned());
            if answer["next"].is_null() {
                return rows;
            }
            params["cursor"] = answer["next"].clone();
        }
    }

    async fn answer(&mut self, name: &str, params: Value) -> Value {
        self.validator.assert_valid(&format!("query.{name}"), &params);
        let answer = self.engine.query(name, params).await.unwrap();
        self.validator.assert_valid(&format!("query.{name}.answer"), &answer);
        answer
    }

    async fn define_company(&mut self) {
        let commands = std::fs::read_to_string(fixture("company/acme.json")).unwrap();
        for command in serde_json::from_str::<Vec<Value>>(&commands).unwrap() {
            self.accepted(command["command"].as_str().unwrap(), command["body"].clone()).await;
        }
        let settings = json!({"bulk_integration_max_records": 500, "invitation_ttl_hours": {"whatsapp": 1}, "company_name": null});
        self.accepted("SetCompanyConfig", settings).await;
        let permissions =
            json!({"actor": "kim", "permissions": ["bulk_integrate_users", "administer"]});
        self.accepted("GrantPermissions", permissions).await;
        let revoked = json!({"actor": "kim", "permissions": ["bulk_integrate_users"]});
        self.accepted("RevokePermissions", revoked).await;
        let bound = json!({"nats_user": "acme-publisher", "actors": ["kim"]});
        self.accepted("BindNatsUser", bound).await;
        let bound = json!({"nats_user": "acme-portal", "speaks_for": "anyone"});
        self.accepted("BindNatsUser", bound).await;
        self.accepted("UnbindNatsUser", json!({"nats_user": "acme-publisher"})).await;
        let token = json!({
            "token": "01JD0000000000000000000001", "actor": "kim", "note": "HR portal",
            "secret_sha256": "0a".repeat(32), "expires_at": Time(START).plus_seconds(3600),
        });
        self.accepted("IssueToken", token).await;
        let token = json!({"actor": "kim", "secret_sha256": "0b".repeat(32)});
        let token = self.accepted("IssueToken", token).await["token"].clone();
        self.accepted("RevokeToken", json!({"token": token})).await;
        let html = "<a href=\"{{ link }}\">{{ link }}</a>";
        let template = json!({"kind": "channel_invitation", "language": "pt-BR", "subject": "Olá", "text": "{{ link }}", "html": html});
        self.command("SetTemplate", template).await;
        let report = json!({"kind": "batch_report", "language": "en", "subject": "Done", "text": "{{ success }} {{ failed }}", "html": "{{ success }} {{ failed }}"});
        self.accepted("SetTemplate", report.clone()).await;
        self.accepted("UnsetTemplate", json!({"kind": "batch_report", "language": "en"})).await;
        self.accepted("SetTemplate", report).await;
        let all = [
            "run_started",
            "run_completed",
            "number_threshold",
            "invitations_exceed_numbers",
            "expired_digest",
        ];
        let notify: serde_json::Map<_, _> =
            all.map(|name| (name.to_owned(), json!(true))).into_iter().collect();
        let settings = json!({"designated_admin_emails": ["una@acme.example"], "notify": notify, "reminder_after_days": 1});
        self.accepted("SetCompanyConfig", settings).await;
    }

    async fn import_people(&mut self) -> Value {
        let demo = |name: &str| {
            std::fs::read_to_string(fixture(&format!("leapxpert/{name}.csv"))).unwrap()
        };
        let mut last = Value::Null;
        for name in ["demo-1", "demo-2", "people-5"] {
            let body = json!({
                "dialect": "leapxpert", "files": [{"name": format!("{name}.csv"), "text": demo(name)}],
                "existing": "update", "add_to_corporate_phones": true, "send_welcome_email": name == "people-5",
            });
            last = self.accepted("ImportFile", body).await["import"].clone();
        }
        for user in ["ann", "bob", "cid"] {
            let email = format!("{user}@acme.example");
            let body = json!({"user": user, "first_name": user, "email": email, "roles": ["Team Lead"], "attributes": {"desk": "7"}});
            self.accepted("AddUser", body).await;
        }
        for (at, user) in ["ann", "bob"].into_iter().enumerate() {
            let body = json!({"phone": format!("+84 912 000 00{at}"), "user": user});
            self.accepted("AddCorporatePhone", body).await;
        }
        self.accepted(
            "AssignRoles",
            json!({"users": ["ann", "nobody"], "roles": ["Account Manager"]}),
        )
        .await;
        self.accepted(
            "AssignRoles",
            json!({"users": ["ann", "bob"], "roles": ["Account Manager"], "remove": true}),
        )
        .await;
        let filter = json!({"search": "ann", "state": "active"});
        self.accepted("AssignRoles", json!({"filter": filter, "roles": ["Account Manager"]})).await;
        self.import_pictures().await;
        for name in ["DeactivateUser", "ReactivateUser", "ArchiveUser", "RestoreUser"] {
            self.accepted(name, json!({"user": "cid"})).await;
        }
        self.command("ArchiveUser", json!({"user": "nobody"})).await;
        last
    }

    async fn import_pictures(&mut self) {
        let john = json!({"user": "john", "attributes": {"agent_id": "johndoe22"}});
        self.accepted("AddUser", john).await;
        let archive = std::fs::read(fixture("ocm/Archive.zip")).unwrap();
        let archive = base64::engine::general_purpose::STANDARD.encode(archive);
        let file = json!({"name": "Archive.zip", "base64": archive});
        let body = json!({"file": file, "match_attribute": "agent_id"});
        let import = self.accepted("ImportPictures", body).await["import"].clone();
        assert_eq!(self.rows("picture_rows", json!({"import": import})).await.len(), 6);
        self.answer("picture_import", json!({"import": import})).await;
        assert_eq!(self.rows("pictures", json!({})).await.len(), 1);
        self.answer("picture", json!({"user": "john"})).await;
        self.answer("picture", json!({"user": "john", "offset": "0"})).await;
        self.accepted("RemovePictures", json!({"users": ["john"]})).await;
    }

    async fn send_invitations(&mut self) -> Value {
        let users = json!({"users": ["ann", "bob"]});
        let preview = json!({"source": users, "channel": "WhatsApp Native", "mode": "preview"});
        let shown = self.accepted("StartBulkIntegration", preview).await;
        let confirmed = json!({"source": users, "channel": "whatsapp", "mode": "confirmed", "plan_hash": shown["plan_hash"]});
        let run = self.accepted("StartBulkIntegration", confirmed).await["run"].clone();
        let mut imports = json!({"source": {"import": "latest"}, "channel": "iMessage", "mode": "preview", "run": null});
        let shown = self.accepted("StartBulkIntegration", imports.clone()).await;
        imports["mode"] = json!("confirmed");
        imports["expected_recipients"] = shown["recipient_count"].clone();
        self.accepted("StartBulkIntegration", imports).await;
        let units = json!({"source": {"org_units": ["Sales"], "include_descendants": true}, "channel": "whatsapp", "mode": "confirmed", "expected_recipients": 300});
        self.command("StartBulkIntegration", units).await;
        let later = Time(START + 86_400_000);
        let scheduled = json!({"source": {"users": ["ann"]}, "channel": "whatsapp", "mode": "confirmed", "expected_recipients": 1, "not_before": later});
        let waiting = self.accepted("StartBulkIntegration", scheduled).await["run"].clone();
        self.accepted("CancelRun", json!({"run": waiting})).await;
        self.command("GiveUpRun", json!({"run": waiting})).await;
        self.command("RenewImportLink", json!({"import": "latest"})).await;
        self.command("ResendNotifications", json!({"state": "failed"})).await;
        for (name, body) in [
            ("InviteSent", json!({"run": run, "user": "ann", "attempt": 1, "fence": 1})),
            (
                "UserSkipped",
                json!({"run": run, "user": "ann", "code": "recipient.already_linked", "detail": "as it is"}),
            ),
            (
                "InviteFailed",
                json!({"run": run, "user": "ann", "code": "delivery.refused", "permanent": true}),
            ),
        ] {
            self.command(name, body).await;
        }
        let dispatched =
            self.rows("history", json!({"entity": format!("run:{}", run.as_str().unwrap())})).await;
        let sent = dispatched.iter().find(|row| row["event"] == json!("InviteSent")).unwrap();
        let bounced = json!({"message_id": sent["data"]["message_id"], "delivery": "bounced_soft", "code": "4.2.2"});
        self.accepted("RecordDelivery", bounced).await;
        self.accepted("LinkCompleted", json!({"user": "ann", "channel": "whatsapp"})).await;
        self.command("LinkCompleted", json!({"token": "no such token", "user": null})).await;
        self.command("RecordClick", json!({"token": "no such token"})).await;
        self.accepted("UnlinkUser", json!({"user": "ann", "channel": "whatsapp"})).await;
        self.accepted("ResendInvitation", json!({"channel": "whatsapp", "users": ["bob"]})).await;
        self.accepted("RevokeInvitation", json!({"user": "bob", "channel": "whatsapp"})).await;
        self.command("ResendInvitation", json!({"channel": "imessage", "filter": "not_invited"}))
            .await;
        self.engine.advance(7_200_000);
        self.accepted("Tick", json!({"now": Time(START + 7_200_000)})).await;
        self.accepted("RemoveCorporatePhone", json!({"phone": "+84912000001"})).await;
        run
    }

    /// Undoes an import, of which one row is kept.
    async fn undo_import(&mut self) {
        let text = "username,email\ngus,gus@acme.example\nhal,hal@acme.example\n";
        let mut body =
            json!({"dialect": "leapxpert", "files": [{"name": "two.csv", "text": text}]});
        let import = self.accepted("ImportFile", body.clone()).await["import"].clone();
        self.accepted("DeactivateUser", json!({"user": "hal"})).await;
        let shown = self.accepted("UndoImport", json!({"import": import, "mode": "preview"})).await;
        assert_eq!((&shown["reversed"], &shown["kept"]), (&json!(1), &json!(1)));
        self.accepted("UndoImport", json!({"import": import})).await;
        let row = self.answer("import", json!({"import": import})).await;
        assert_eq!(row["row"]["state"], json!("undone"));
        let rows = self.rows("import_rows", json!({"import": import, "undo": "kept"})).await;
        assert_eq!(rows.len(), 1);
        body["on_error"] = json!("reject_file");
        body["files"][0]["text"] = json!("username,email\ngus,nobody\n");
        let refused = self.command("ImportFile", body).await;
        assert_eq!(refused["code"], json!("import.invalid_rows"));
    }

    /// The number pool and accounts with its numbers.
    async fn assign_numbers(&mut self) {
        let numbers = ["+1 212 555 0001", "+1 212 555 0002", "+1 212 555 0003", "+1 212 555 0004"];
        self.accepted("AddNumbers", json!({"numbers": numbers})).await;
        self.accepted("AllocateNumbers", json!({"org_unit": "Europe", "quantity": 2})).await;
        let named = json!({"org_unit": "Europe", "numbers": [numbers[2]], "quantity": null});
        self.accepted("AllocateNumbers", named).await;
        self.accepted("WithdrawNumbers", json!({"numbers": [numbers[2]]})).await;
        self.accepted("ReserveNumber", json!({"number": numbers[3], "tag": "Board"})).await;
        self.accepted("UnreserveNumber", json!({"number": numbers[3]})).await;
        let group = json!({"permission_group": "Traders", "permissions": ["voice"]});
        self.accepted("DefinePermissionGroup", group).await;
        let text = "email address or device,social_messaging,monitor_calls,monitor_sms,multiline_number\n\
            una@acme.example,No,off,off,+12125550001\nuwe@acme.example,No,off,off,\n";
        let accounts = json!({
            "dialect": "multiline", "files": [{"name": "accounts.csv", "text": text}],
            "organization": "Europe", "permission_group": "Traders",
        });
        let import = self.accepted("ImportFile", accounts).await["import"].clone();
        self.rows("import_rows", json!({"import": import})).await;
        self.rows("accounts", json!({"status": "not_invited"})).await;
        self.answer("account", json!({"user": "una@acme.example"})).await;
        let edited =
            json!({"account": "uwe@acme.example", "language": "German", "first_name": "Uwe"});
        self.accepted("EditAccount", edited).await;
        self.rows("batch_operation_reports", json!({"organization": "Europe"})).await;
        self.rows("batch_operation_report", json!({"import": import})).await;
        let users = ["una@acme.example", "uwe@acme.example"];
        let invite = json!({"users": users, "channel": "whatsapp"});
        self.accepted("ResendInvitation", invite).await;
        let moved = json!({"accounts": ["uwe@acme.example"], "dest": "Americas"});
        self.answer("can_move", moved.clone()).await;
        let refused = self.command("MovePendingInvitations", moved).await;
        assert_eq!(refused["code"], "number.insufficient_in_destination");
        let moved = json!({"accounts": ["una@acme.example"], "dest": "Americas"});
        self.accepted("MovePendingInvitations", moved.clone()).await;
        self.answer("can_move", moved).await;
        self.accepted("LinkCompleted", json!({"user": "una@acme.example", "channel": "whatsapp"}))
            .await;
        self.accepted("SetCompanyConfig", json!({"number_cooling_seconds": 60})).await;
        self.accepted("ReleaseNumber", json!({"number": numbers[0]})).await;
        let picked = json!({"number": numbers[1], "user": "uwe@acme.example", "tag": null});
        self.accepted("AssignNumber", picked).await;
        self.engine.advance(60_000);
        self.accepted("Tick", json!({"now": Time(START + 7_260_000)})).await;
        for (name, params, at_least) in [
            ("numbers", json!({"state": "assigned"}), 1),
            ("numbers", json!({"search": "212", "org_unit": "Americas"}), 1),
            ("number_suggestions", json!({"limit": 1}), 1),
            ("number_utilisation", json!({}), 3),
        ] {
            let rows = self.rows(name, params.clone()).await;
            assert!(rows.len() >= at_least, "{name} {params}: {}", rows.len());
        }
    }

    /// Sends each query.
    async fn read_all(&mut self, import: &Value, run: &Value) {
        for (name, params, at_least) in [
            ("runs", json!({}), 4),
            ("runs", json!({"state": "withdrawn", "limit": "1"}), 1),
            ("integration_log", json!({"run": run}), 2),
            ("queue", json!({}), 0),
            ("imports", json!({"limit": 1}), 3),
            ("import_rows", json!({"import": import, "outcome": null}), 5),
            ("phone_list", json!({"search": "+84"}), 50),
            ("phone_list", json!({"limit": 500}), 300),
            ("users", json!({"state": "active"}), 300),
            ("invitations", json!({"user": "bob"}), 1),
            ("invitations", json!({}), 3),
            ("org_units", json!({"min_position": 1}), 5),
            ("roles", json!({"as_of": Time(START)}), 3),
            ("permission_groups", json!({}), 1),
            ("permissions", json!({}), 1),
            ("tokens", json!({}), 2),
            ("templates", json!({}), 0),
            ("mail_templates", json!({}), 1),
            ("notifications", json!({}), 4),
            ("notifications", json!({"kind": "batch_report", "state": "sent"}), 4),
        ] {
            let rows = self.rows(name, params.clone()).await;
            assert!(rows.len() >= at_least, "{name} {params}: {}", rows.len());
        }
        let imports = self.rows("imports", json!({})).await;
        for one in imports {
            self.rows("import_rows", json!({"import": one["import"]})).await;
        }
        for (name, params) in [
            ("run", json!({"run": run})),
            ("import", json!({"import": import})),
            ("import_progress", json!({"import": import})),
            ("user", json!({"user": "ann"})),
            ("config", json!({})),
            ("template", json!({"dialect": "leapxpert"})),
            ("template", json!({"dialect": "multiline"})),
            ("failed_rows", json!({"import": import})),
        ] {
            self.answer(name, params).await;
        }
        for (name, params) in [("run", json!({"run": import})), ("users", json!({"search": 7}))] {
            let refusal = self.engine.query(name, params).await.unwrap_err();
            self.validator.assert_valid("query.refused", &refusal);
        }
    }

    /// Validates each event of the history by its own schema and returns their names.
    async fn validate_history(&mut self) -> BTreeSet<String> {
        let mut kinds = BTreeSet::new();
        for row in self.rows("history", json!({"limit": 500})).await {
            let kind = row["event"].as_str().unwrap().to_owned();
            self.validator.assert_valid(&format!("event.{kind}"), &row);
            kinds.insert(kind);
        }
        kinds
    }
}

/// LX-04: commands, answers and events of a session match the schemas of this API version.
#[tokio::test]
async fn all_messages_of_a_session_are_valid_by_their_schemas() {
    let mut session = Session::new().await;
    session.define_company().await;
    let import = session.import_people().await;
    let run = session.send_invitations().await;
    session.undo_import().await;
    session.assign_numbers().await;
    session.read_all(&import, &run).await;
    let kinds = session.validate_history().await;
    assert!(kinds.len() > 25, "{kinds:?}");
    let sent: Vec<_> = session.commands.iter().map(String::as_str).collect();
    let mut known = NAMES.to_vec();
    known.sort_unstable();
    assert_eq!(sent, known, "every command is sent");
    session.engine.close().await;
}

#[tokio::test]
async fn messages_that_are_invalid_by_their_schema_are_refused() {
    let mut session = Session::new().await;
    session.accepted("SetCompanyConfig", json!({"channels": {"whatsapp": true}})).await;
    let file = json!({"name": "a.csv", "text": "x"});
    for (name, body) in [
        ("AddUser", json!({"user": "ann", "colour": "red"})),
        ("AddUser", json!({"user": 7})),
        ("AddUser", json!({})),
        ("AddUser", json!([])),
        ("AddCorporatePhone", json!({"user": "ann", "phone": 84_923_448_071_u64})),
        ("ImportFile", json!({"dialect": "leapxpert", "files": [{"name": "a.csv", "texts": "x"}]})),
        ("ImportFile", json!({"dialect": "morse", "files": [file]})),
        ("ImportFile", json!({"dialect": "leapxpert", "files": [file], "existing": "double"})),
        ("ImportFile", json!({"dialect": "leapxpert", "files": [file], "delimiter": "ab"})),
        ("ImportFile", json!({"dialect": "leapxpert", "files": [file], "import": "no ULID"})),
        (
            "StartBulkIntegration",
            json!({"source": {"users": ["ann"], "import": "latest"}, "channel": "whatsapp", "mode": "preview"}),
        ),
        (
            "StartBulkIntegration",
            json!({"source": {"users": ["ann"]}, "channel": "pigeon", "mode": "preview"}),
        ),
        (
            "StartBulkIntegration",
            json!({"source": {"users": ["ann"]}, "channel": "whatsapp", "mode": "perhaps"}),
        ),
        (
            "StartBulkIntegration",
            json!({"source": {"users": ["ann"]}, "channel": "whatsapp", "mode": "preview", "not_before": "soon"}),
        ),
        ("ResendInvitation", json!({"channel": "whatsapp"})),
        ("LinkCompleted", json!({"token": "t", "user": "ann", "channel": "whatsapp"})),
        ("AssignNumber", json!({"number": "+12125550001", "token": "t", "user": "ann"})),
        ("RecordClick", json!({})),
        (
            "UserSkipped",
            json!({"run": "01JD0000000000000000000000", "user": "ann", "code": "no.such_code"}),
        ),
        ("GrantPermissions", json!({"actor": "kim", "permissions": []})),
        ("GrantPermissions", json!({"actor": "kim", "permissions": ["fly"]})),
        ("BindNatsUser", json!({"nats_user": "acme-publisher", "speaks_for": "kim"})),
        ("IssueToken", json!({"actor": "kim", "secret_sha256": "0A".repeat(32)})),
        ("AssignRoles", json!({"users": [], "roles": ["x"]})),
        ("SetCompanyConfig", json!({})),
        ("SetCompanyConfig", json!({"colour": "red"})),
        ("SetCompanyConfig", json!({"channels": {"pigeon": true}})),
        ("SetCompanyConfig", json!({"bulk_integration_max_records": 0})),
        ("SetCompanyConfig", json!({"live_invitation": "perhaps"})),
        ("Tick", json!({"now": "yesterday"})),
    ] {
        session.malformed(name, body).await;
    }
    for envelope in [
        json!({"id": "short", "body": {}}),
        json!({"body": {}}),
        json!({"id": "01JD0000000000000000000000", "compnay": "acme"}),
        json!({"id": "01JD0000000000000000000000", "api_version": 2}),
    ] {
        session.validator.assert_invalid("command", &envelope);
        assert!(Envelope::read(envelope).is_err());
    }
    session.engine.close().await;
}
