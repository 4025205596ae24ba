//! Office Chat from outside: a file is chosen, imported by one command, and whom it creates is invited.

use std::fmt::Write as _;

use boarding_commands::decide::Authority;
use boarding_commands::values::Code;
use serde_json::{Value, json};

use super::{EngineHarness, envelope, ok, refused};

/// As the vendor publishes them.
const SEVEN: &str = include_str!("../../../fixtures/officechat/published-7.csv");
const EIGHT: &str = include_str!("../../../fixtures/officechat/published-8.csv");
/// Johnny Depp is there already, and active.
const STAFF: &str = include_str!("../../../fixtures/officechat/staff.csv");

fn body(text: &str, extra: &Value) -> Value {
    let mut body =
        json!({"dialect": "officechat", "files": [{"name": "people.csv", "text": text}]});
    body.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
    body
}

/// "Click the Import Now button": one command, seen to its end.
async fn import_now(harness: &EngineHarness, text: &str, extra: Value) -> Value {
    let result = ok(&harness.submit("ImportFile", body(text, &extra)).await);
    harness.settle().await;
    harness.row("import", json!({"import": result["import"]})).await
}

async fn user(harness: &EngineHarness, key: &str) -> Value {
    harness.row("user", json!({"user": key})).await
}

async fn rows(harness: &EngineHarness, import: &Value) -> Vec<Value> {
    harness.rows("import_rows", json!({"import": import["import"], "limit": 500})).await
}

/// OC-02, OC-03, OC-08, OC-09, OC-12, OC-13, OC-15, OC-17, OC-18: the vendor's steps with the vendor's file.
#[tokio::test]
async fn oc_17_steps_to_import_users_from_csv() {
    let harness = EngineHarness::acme(None).await;
    import_now(&harness, STAFF, json!({})).await;
    // "Choose between Skip existing users or Update existing users", "check … Auto send invites to all
    // newly created users", "Choose file", "Import Now".
    let extra = json!({"existing": "update", "auto_invite": true, "channel": "WhatsApp"});
    let import = import_now(&harness, EIGHT, extra).await;
    let counts =
        ["total", "created", "deactivated", "invalid"].map(|name| import[name].as_u64().unwrap());
    assert_eq!(counts, [2, 1, 1, 0]);
    // "TRUE … the user will be created", with the values of the file.
    let will = user(&harness, "willsmith@gmail.com").await;
    assert_eq!((&will["state"], &will["phone"]), (&json!("active"), &json!("+911234123411")));
    let manager = json!("johnny_depp@yahoo.com");
    assert_eq!(
        (&will["attributes"]["title"], &will["attributes"]["manager"]),
        (&json!("Director"), &manager)
    );
    // "FALSE – This will deactivate an existing user if the current status is Activate."
    let johnny = user(&harness, "johnny_depp@yahoo.com").await;
    assert_eq!(
        (&johnny["state"], &johnny["attributes"]["title"]),
        (&json!("deactivated"), &json!("Manager"))
    );
    // Invited is who was newly created, and nobody else.
    let run = harness.row("run", json!({"run": import["run"]})).await;
    let counts = ["total", "passed", "skipped", "failed"].map(|name| run[name].as_u64().unwrap());
    assert_eq!((&run["state"], counts), (&json!("completed"), [1, 1, 0, 0]));
    let [mail] = harness.outbox().try_into().unwrap();
    assert!(mail.contains("To: \"Will Smith\" <willsmith@gmail.com>"), "{mail}");
    assert!(!mail.contains("phone"), "the product has no corporate phones: {mail}");
    let shown: Vec<_> =
        rows(&harness, &import).await.iter().map(|row| row["invite"].clone()).collect();
    assert_eq!(shown, [json!("success"), json!(null)]);
    assert!(harness.rows("phone_list", json!({})).await.is_empty());
}

/// OC-10, OC-11, A13, OC-14: existing users are skipped with all they have, and unless asked nobody gets a mail.
#[tokio::test]
async fn oc_11_skip_existing_users_without_auto_send() {
    let harness = EngineHarness::acme(None).await;
    import_now(&harness, STAFF, json!({})).await;
    let import = import_now(&harness, EIGHT, json!({"existing": "skip"})).await;
    assert_eq!((&import["created"], &import["skipped"]), (&json!(1), &json!(1)));
    let johnny = user(&harness, "johnny_depp@yahoo.com").await;
    assert_eq!(
        (&johnny["state"], &johnny["attributes"]["title"]),
        (&json!("active"), &json!("Clerk"))
    );
    let import = import_now(&harness, SEVEN, json!({"existing": "update"})).await;
    assert_eq!(
        import["unchanged"], 1,
        "the shorter form says nothing of the manager, and blank is not a title"
    );
    // "No emails will be sent out to the imported users."
    assert!(harness.outbox().is_empty());
    assert!(harness.rows("runs", json!({})).await.is_empty());
    // They are invited by the run that somebody asks for.
    let run = harness.start_run().await;
    harness.settle().await;
    assert_eq!(harness.row("run", json!({"run": run})).await["passed"], 1);
}

/// OC-16: a login that is no address is a user, and the invitation fails for want of one.
#[tokio::test]
async fn oc_16_a_login_is_created_and_cannot_be_invited() {
    let harness = EngineHarness::acme(None).await;
    let text = "name,email/login\nAnn,ann.login\nBob,bob@people.example\n";
    let import =
        import_now(&harness, text, json!({"auto_invite": true, "channel": "whatsapp"})).await;
    assert_eq!(import["created"], 2);
    let log = harness.rows("integration_log", json!({"run": import["run"]})).await;
    let outcomes: Vec<_> =
        log.iter().map(|row| (row["username"].clone(), row["code"].clone())).collect();
    let expected = [
        (json!("ann.login"), json!("recipient.email_missing")),
        (json!("bob@people.example"), json!(null)),
    ];
    assert_eq!(outcomes, expected);
}

/// A file of more rows than one commit holds: the first row's manager is the last row's person.
fn long(rows: usize) -> String {
    let mut text = "email/login,manager\n".to_owned();
    for row in 0..rows {
        let manager = match row {
            0 => format!("USER{}@people.example", rows - 1),
            1 => "nobody@people.example".to_owned(),
            _ => format!("user{}@people.example", row - 1),
        };
        writeln!(text, "user{row}@people.example,{manager}").unwrap();
    }
    text
}

/// OC-15: a manager of any row of the file is known, however many commits lie between; also when the
/// import goes on after a crash. OC-13: and everybody it created is invited, once.
#[tokio::test]
async fn oc_15_managers_are_resolved_over_the_whole_file() {
    let mut harness = EngineHarness::acme(None).await;
    ok(&harness.submit("SetCompanyConfig", json!({"bulk_integration_max_records": 2_000})).await);
    let extra = json!({"auto_invite": true, "channel": "whatsapp"});
    let result = ok(&harness.submit("ImportFile", body(&long(620), &extra)).await);
    assert_eq!(result["state"], "processing");
    harness.restart().await;
    harness.settle().await;
    let import = harness.row("import", json!({"import": result["import"]})).await;
    assert_eq!((&import["created"], &import["warnings"]), (&json!(620), &json!(1)));
    let warned: Vec<_> = rows(&harness, &import)
        .await
        .iter()
        .filter(|row| row["warnings"] != json!([]))
        .map(|row| (row["row"].clone(), row["warnings"][0]["code"].clone()))
        .collect();
    assert_eq!(warned, [(json!(2), json!("row.manager_not_found"))]);
    let run = harness.row("run", json!({"run": import["run"]})).await;
    assert_eq!((&run["total"], &run["passed"]), (&json!(620), &json!(620)));
    assert_eq!(harness.outbox().len(), 620);
}

/// P16: what is shown before is what is imported, managers and all; and whom it invites is part of the plan.
#[tokio::test]
async fn p16_a_preview_of_officechat_shows_what_the_import_does() {
    let harness = EngineHarness::acme(None).await;
    let preview = |extra: Value| {
        let mut extra = extra;
        extra["mode"] = json!("preview");
        body(EIGHT, &extra)
    };
    let auto = json!({"auto_invite": true, "channel": "whatsapp"});
    let plan = ok(&harness.submit("ImportFile", preview(auto.clone())).await);
    assert_eq!(plan["counts"]["warnings"], 2);
    assert_eq!(plan["rows"][0]["warnings"][0]["code"], "row.manager_not_found");
    let plain = ok(&harness.submit("ImportFile", preview(json!({}))).await);
    assert_ne!(plan["plan_hash"], plain["plan_hash"]);
    let mut extra = auto;
    extra["plan_hash"] = plan["plan_hash"].clone();
    let import = import_now(&harness, EIGHT, extra).await;
    assert_eq!((&import["created"], &import["warnings"]), (&json!(1), &json!(2)));
    assert_eq!(harness.outbox().len(), 1);
}

/// OC-14, A15: "Once the import is successful network admin will be notified via email with a link to invite
/// the imported users": the link is good once, and for whoever holds it.
#[tokio::test]
async fn oc_14_the_network_admin_is_notified_with_a_link_that_invites() {
    let mut harness = EngineHarness::acme(None).await;
    let admin = json!({"network_admin_email": "admin@acme.example"});
    ok(&harness.submit("SetCompanyConfig", admin).await);
    import_now(&harness, EIGHT, json!({})).await;
    let [mail] = harness.outbox().try_into().unwrap();
    assert!(
        mail.contains("To: admin@acme.example") || mail.contains("To: <admin@acme.example>"),
        "{mail}"
    );
    assert!(
        mail.contains("The import of people.csv is complete") && mail.contains("Created: 1"),
        "{mail}"
    );
    let base = "https://link.acme.example/link/";
    let token: String = mail
        .split(base)
        .nth(1)
        .unwrap()
        .chars()
        .take_while(|c| c.is_ascii_alphanumeric() || "-_".contains(*c))
        .collect();
    // A crash does not use the link up, nor send the mail again.
    harness.restart().await;
    harness.settle().await;
    assert_eq!(harness.outbox().len(), 1);
    let grant = json!({"actor": "jane@acme.example", "permissions": ["administer"]});
    ok(&harness.submit("GrantPermissions", grant).await);
    let follow = async |token: &str| {
        let body = json!({"source": {"token": token}, "channel": "whatsapp", "mode": "confirmed"});
        let asked = envelope(harness.engine().clock().id(), "admin@acme.example", &body);
        let company = super::company_id("acme");
        harness.engine().submit(&company, "StartBulkIntegration", asked, Authority::Granted).await
    };
    refused(&follow("guess").await, Code::InvitationNotFound);
    let run = ok(&follow(&token).await)["run"].clone();
    harness.settle().await;
    let run = harness.row("run", json!({"run": run})).await;
    // Johnny was in the file too, but not created.
    let counts = ["total", "passed", "failed"].map(|name| run[name].as_u64().unwrap());
    assert_eq!((&run["state"], counts), (&json!("completed"), [2, 1, 1]));
    assert_eq!(harness.outbox().len(), 2);
    refused(&follow(&token).await, Code::InvitationAlreadyUsed);
}

/// N22, N23: typographic quotes that belong to a value are still part of it when its mended row comes in.
#[tokio::test]
async fn n23_the_quotes_of_a_value_come_back_from_the_failed_rows() {
    let harness = EngineHarness::acme(None).await;
    let text = "name,firstname,lastname,email/login\n\"“N”\",\"«v»\",\" “x”\",b@@\n";
    let import = import_now(&harness, text, json!({})).await;
    assert_eq!(import["invalid"], 1);
    let failed = harness.csv("failed_rows", json!({"import": import["import"]})).await;
    let mended = import_now(&harness, &failed.replace("b@@", "b@people.example"), json!({})).await;
    assert_eq!((&mended["created"], &mended["invalid"]), (&json!(1), &json!(0)), "{failed}");
    let bob = user(&harness, "b@people.example").await;
    let kept = [&bob["attributes"]["name"], &bob["first_name"], &bob["last_name"]];
    assert_eq!(kept, [&json!("“N”"), &json!("«v»"), &json!("“x”")]);
}

/// A11, A15: whoever holds a link that lives is not sent another by the link in the administrator's mail;
/// people of LeapXpert are.
#[tokio::test]
async fn a11_who_holds_a_link_that_lives_is_skipped_where_the_product_does_so() {
    for (dialect, status) in [("officechat", "skipped"), ("leapxpert", "success")] {
        let harness = EngineHarness::acme(None).await;
        let text = match dialect {
            "officechat" => "name,email/login\nAnn,ann@people.example\n".to_owned(),
            _ => format!("{}{}", super::HEADER, super::people_rows(&["ann"])),
        };
        let mut body = super::import_body("people.csv", "");
        body["dialect"] = json!(dialect);
        body["files"] = json!([{"name": "people.csv", "text": text}]);
        if dialect == "officechat" {
            body.as_object_mut().unwrap().remove("add_to_corporate_phones");
        }
        ok(&harness.submit("ImportFile", body).await);
        harness.settle().await;
        for expected in ["success", status] {
            let run = harness.start_run().await;
            harness.settle().await;
            let row = harness.rows("integration_log", json!({"run": run})).await.remove(0);
            assert_eq!(row["status"], expected, "{dialect}: {row}");
            let skipped = json!("recipient.invitation_already_live");
            assert!(expected != "skipped" || row["code"] == skipped, "{row}");
        }
    }
}

/// Contract, section 3: a run was requested by whoever asked for the import that asked for it, however long the
/// file was and whoever applied its last row.
#[tokio::test]
async fn oc_13_the_run_of_a_long_file_is_its_askers() {
    let harness = EngineHarness::acme(None).await;
    ok(&harness.submit("SetCompanyConfig", json!({"bulk_integration_max_records": 1_000})).await);
    let mut text = "name,email/login\n".to_owned();
    for n in 0..600 {
        writeln!(text, "N,n{n}@people.example").unwrap();
    }
    let extra = json!({"auto_invite": true, "channel": "whatsapp"});
    let import = import_now(&harness, &text, extra).await;
    let run = harness.row("run", json!({"run": import["run"]})).await;
    assert_eq!((&run["total"], &run["requested_by"]), (&json!(600), &import["requested_by"]));
    assert_ne!(run["requested_by"], "engine");
}
