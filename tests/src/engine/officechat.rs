//! Office Chat: imports by one command, invitations of created users, notification of the administrator.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use boarding_commands::values::Code;
use serde_json::{Value, json};

use super::{EngineHarness, ok, refused};
use crate::support::mail_text::link_token;

/// The files of the vendor's guide, with seven and eight columns.
const EIGHT: &str = include_str!("../../../fixtures/officechat/published-8.csv");
/// Creates Johnny Depp, active.
const STAFF: &str = include_str!("../../../fixtures/officechat/staff.csv");

fn body(text: &str, extra: &Value) -> Value {
    let mut body =
        json!({"dialect": "officechat", "files": [{"name": "people.csv", "text": text}]});
    body.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
    body
}

/// "Click the Import Now button": submits one command and waits for its end.
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

/// OC-02, OC-03, OC-08, OC-09, OC-12, OC-13, OC-15, OC-17, OC-18.
#[tokio::test]
async fn steps_of_the_guide_work_with_the_published_file() {
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
    // Only the created user is invited.
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

/// A file of several commits. The first row's manager is the user of the last row.
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

/// OC-15, OC-13: a manager may be in any row of the file, also after a crash within the import. Each created
/// user is invited once.
#[tokio::test]
async fn managers_are_resolved_over_the_whole_file() {
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

/// P16: the plan includes managers and invitations.
#[tokio::test]
async fn preview_shows_what_the_import_does() {
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
/// the imported users". The link works once and needs no permission.
#[tokio::test]
async fn network_admin_gets_a_link_that_invites_once() {
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
    let token = link_token(&mail);
    // After a crash the link still works, and the mail is not sent again.
    harness.restart().await;
    harness.settle().await;
    assert_eq!(harness.outbox().len(), 1);
    harness.grant("jane@acme.example", "administer").await;
    let follow = async |token: &str| {
        let body = json!({"source": {"token": token}, "channel": "whatsapp", "mode": "confirmed"});
        harness.submit_as("admin@acme.example", "StartBulkIntegration", body).await
    };
    refused(&follow("guess").await, Code::InvitationNotFound);
    let run = ok(&follow(&token).await)["run"].clone();
    harness.settle().await;
    let run = harness.row("run", json!({"run": run})).await;
    // The run contains Johnny too, whom the import did not create.
    let counts = ["total", "passed", "failed"].map(|name| run[name].as_u64().unwrap());
    assert_eq!((&run["state"], counts), (&json!("completed"), [2, 1, 1]));
    assert_eq!(harness.outbox().len(), 2);
    refused(&follow(&token).await, Code::InvitationAlreadyUsed);
}

/// OC-14: the administrator's mail says who is invited already, who is not and why. Its link invites only the others,
/// and a new link ends the older one.
#[tokio::test]
async fn link_of_the_administrator_invites_those_without_an_invitation() {
    let harness = EngineHarness::acme(None).await;
    let admin = json!({"network_admin_email": "admin@acme.example"});
    ok(&harness.submit("SetCompanyConfig", admin).await);
    let old = "name,email/login\nOld,old@people.example\n";
    import_now(&harness, old, json!({})).await;
    let text = format!("{old}Ann,ann@people.example\nNo Address,noaddress\n");
    let extra = json!({"existing": "update", "auto_invite": true, "channel": "whatsapp"});
    import_now(&harness, &text, extra).await;
    let is_to_admin = |mail: &String| mail.contains("To: admin@acme.example");
    let mails = || harness.outbox().into_iter().filter(is_to_admin).collect::<Vec<_>>();
    let tokens = || mails().iter().map(|mail| link_token(mail)).collect::<BTreeSet<_>>();
    let mail = mails().into_iter().find(|mail| mail.contains("Invited already: 1")).unwrap();
    let mail = crate::support::mail_text::read(&mail).text;
    for shown in [
        "Invited already: 1",
        "Invitation failed: 1",
        "Not invited: 1",
        "Invited already:\r\nann@people.example",
        "noaddress: The user has no valid e-mail address; add one. (recipient.email_missing)",
    ] {
        assert!(mail.contains(shown), "{shown}: {mail}");
    }
    let follow = async |token: &str| {
        let body = json!({"source": {"token": token}, "channel": "whatsapp", "mode": "confirmed"});
        harness.submit_as("admin@acme.example", "StartBulkIntegration", body).await
    };
    let before = tokens();
    ok(&harness.submit("RenewImportLink", json!({"import": "latest"})).await);
    harness.settle().await;
    let new = tokens().difference(&before).next().unwrap().clone();
    refused(&follow(&link_token(&mail)).await, Code::InvitationSuperseded);
    let run = ok(&follow(&new).await)["run"].clone();
    harness.settle().await;
    let rows = harness.rows("integration_log", json!({"run": run})).await;
    let people: Vec<_> = rows.iter().map(|row| (&row["username"], &row["status"])).collect();
    let failed = (&json!("noaddress"), &json!("failed"));
    assert_eq!(people, [failed, (&json!("old@people.example"), &json!("success"))]);
    refused(&follow(&new).await, Code::InvitationAlreadyUsed);
}

/// N22, N23: typographic quotes of a value survive the export of failed rows and their corrected import.
#[tokio::test]
async fn typographic_quotes_survive_export_of_failed_rows() {
    let harness = EngineHarness::acme(None).await;
    let text = "name,firstname,lastname,email/login\n\"“N”\",\"«v»\",\" “x”\",b@@\n";
    let import = import_now(&harness, text, json!({})).await;
    assert_eq!(import["invalid"], 1);
    let failed = harness.csv("failed_rows", json!({"import": import["import"]})).await;
    let corrected =
        import_now(&harness, &failed.replace("b@@", "b@people.example"), json!({})).await;
    assert_eq!((&corrected["created"], &corrected["invalid"]), (&json!(1), &json!(0)), "{failed}");
    let bob = user(&harness, "b@people.example").await;
    let kept = [&bob["attributes"]["name"], &bob["first_name"], &bob["last_name"]];
    assert_eq!(kept, [&json!("“N”"), &json!("«v»"), &json!("“x”")]);
}

/// A11, A15: a second run skips users with a live invitation in Office Chat, and mails them in LeapXpert.
#[tokio::test]
async fn user_with_live_invitation_is_skipped_in_office_chat_only() {
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

/// OC-13: `requested_by` of the run is the actor of the import, also if a later commit starts the run.
#[tokio::test]
async fn run_of_a_long_import_has_the_importing_actor() {
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
