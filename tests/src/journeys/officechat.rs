//! The guide of Office Chat: "How can I bulk import Users to my Office Chat network?"

use serde_json::{Value, json};

use super::client::{File, JourneyClient, column, counts};
use crate::support::mail_text::link_token;

const HEADER: &str =
    r#""name","firstname","lastname","email/login","title","mobile","manager","Enabled""#;
const ADMIN: &str = "network.admin@acme.example";
const WILL: &str = "willsmith@gmail.com";
const JOHNNY: &str = "johnny_depp@yahoo.com";
const STATES: [&str; 6] = ["created", "updated", "activated", "deactivated", "skipped", "invalid"];

/// From "Creating a CSV file" to the administrator's link.
pub(super) async fn journey(client: &JourneyClient) {
    client.run_fixture_commands("acme.json").await;
    client.accepted("SetCompanyConfig", json!({"network_admin_email": ADMIN})).await;
    creating_a_csv_file(client).await;
    without_auto_send(client).await;
    the_enabled_flag(client).await;
    skip_or_update(client).await;
    auto_send(client).await;
}

fn file(name: &str, rows: &str) -> [File; 1] {
    [File::new(name, format!("{HEADER}\n{rows}"))]
}

/// "Click the Import Now button".
async fn import_now(client: &JourneyClient, file: &[File], options: Value) -> Value {
    let row = client.import("officechat", file, options).await;
    let progress = client.row("import_progress", json!({"import": row["import"]})).await;
    assert_eq!((&progress["processed"], &progress["percent"]), (&row["total"], &json!(100)));
    row
}

async fn user(client: &JourneyClient, key: &str) -> Value {
    client.row("user", json!({"user": key})).await
}

/// OC-01, OC-03, OC-04 … OC-07: "I. Creating a CSV file".
async fn creating_a_csv_file(client: &JourneyClient) {
    let template = client.row("template", json!({"dialect": "officechat"})).await;
    let text = template["text"].as_str().unwrap();
    assert_eq!(text.lines().next().unwrap().replace('"', ""), HEADER.replace('"', ""));
    // "the first line being the field headings and all subsequent lines being field values"
    let without = [File::new(
        "no-headings.csv",
        r#""Will Smith","Will","Smith","willsmith@gmail.com","","","TRUE""#,
    )];
    client.refused_import("officechat", &without, json!({}), "csv.missing_header").await;
    // "each value must not contain any quotes of their own" · "there should be nothing between the quotes"
    // · "Each user must have the same number of fields"; the fields of one line need no quotes at all.
    let rows = r#""Ann "the Boss" Lee","Ann","Lee","ann@acme.example","","","","TRUE"
"Bob Ray","Bob","Ray","bob@acme.example","TRUE"
Cid Oz,Cid,Oz,cid.login,,,,TRUE
"#;
    let import = import_now(client, &file("notes.csv", rows), json!({})).await;
    assert_eq!(counts(&import, ["created", "invalid"]), [1, 2]);
    let rows =
        client.rows("import_rows", json!({"import": import["import"], "outcome": "invalid"})).await;
    let codes: Vec<_> = rows.iter().map(|row| row["problems"][0]["code"].clone()).collect();
    assert_eq!(codes, ["csv.stray_quote", "csv.field_count_mismatch"]);
    let cid = user(client, "cid.login").await;
    assert_eq!((&cid["email"], cid["attributes"].get("title")), (&Value::Null, None));
    // OC-16: he has no address that an invitation could go to.
    let (_, run) = client.invite(json!({"users": ["cid.login"]}), "whatsapp").await;
    let log = client.rows("integration_log", json!({"run": run["run"]})).await;
    assert_eq!(column(&log, "code"), ["recipient.email_missing"]);
}

/// OC-02, OC-03, OC-08, OC-09, OC-14, OC-15, OC-17, OC-18: both files as they are published, the box unchecked.
async fn without_auto_send(client: &JourneyClient) {
    let eight = [File::fixture("officechat/published-8.csv")];
    // "Choose between Skip existing users or Update existing users" · "check or uncheck … Auto send invites to
    // all newly created users" · "Click the Choose file button" · "Click the Import Now button".
    let import = import_now(client, &eight, json!({"existing": "skip"})).await;
    assert_eq!(counts(&import, STATES), [1, 0, 0, 0, 1, 0]);
    // "TRUE … If the user is not present in the domain, then the user will be created."
    let will = user(client, WILL).await;
    assert_eq!((&will["state"], &will["phone"]), (&json!("active"), &json!("+911234123411")));
    let attributes = &will["attributes"];
    assert_eq!(
        (&attributes["title"], &attributes["manager"]),
        (&json!("Director"), &json!(JOHNNY))
    );
    // "FALSE … If the user is not present in the domain, then the user will not be created."
    let rows = client.rows("import_rows", json!({"import": import["import"]})).await;
    assert_eq!(rows[1]["problems"][0]["code"], "row.disabled_new_user");
    assert_eq!(client.query("user", json!({"user": JOHNNY})).await["code"], "query.not_found");
    // "No emails will be sent out to the imported users. Once the import is successful network admin will
    // be notified via email with a link to invite the imported users to Office Chat."
    let mail = client.wait_for_mail(ADMIN, "The import of published-8.csv is complete").await;
    assert!(mail.contains("Created: 1") && mail.contains("Skipped: 1"), "{mail}");
    assert!(client.mails_to(WILL).is_empty());
    let link =
        json!({"source": {"token": link_token(&mail)}, "channel": "whatsapp", "mode": "confirmed"});
    let run = client.accepted("StartBulkIntegration", link.clone()).await["run"].clone();
    let run = client.completed_run(&run).await;
    assert_eq!(counts(&run, ["total", "passed", "failed"]), [2, 1, 1]);
    let [invitation] = client.mails_to(WILL).try_into().unwrap();
    assert!(invitation.contains("/link/"), "{invitation}");
    client.refused("StartBulkIntegration", link, "invitation.already_used").await;
    // The file with seven columns has the same user. Its blank title keeps the stored title.
    let seven = [File::fixture("officechat/published-7.csv")];
    let import = import_now(client, &seven, json!({"existing": "update"})).await;
    assert_eq!(counts(&import, ["total", "unchanged"]), [1, 1]);
}

/// OC-08, OC-09, OC-10: "Description of Enabled flag value".
async fn the_enabled_flag(client: &JourneyClient) {
    let row = |enabled: &str| {
        format!(r#""JohnnyDepp","Johnny","Depp","{JOHNNY}","Clerk","","","{enabled}""#)
    };
    let update = || json!({"existing": "update"});
    for (enabled, outcome, state) in [
        // "If the user is not present in the domain, then the user will be created."
        ("TRUE", "created", "active"),
        // "This will deactivate an existing user if the current status is Activate."
        ("FALSE", "deactivated", "deactivated"),
        // "If the Enabled field is left blank, then the user state will not be touched."
        ("", "unchanged", "deactivated"),
        // "This will activate an existing user if the current status is Deactivated."
        ("TRUE", "activated", "active"),
        ("", "unchanged", "active"),
    ] {
        let import = import_now(client, &file("johnny.csv", &row(enabled)), update()).await;
        assert_eq!((enabled, counts(&import, [outcome])), (enabled, [1]));
        assert_eq!((enabled, &user(client, JOHNNY).await["state"]), (enabled, &json!(state)));
    }
}

/// OC-11, OC-12: "Choose between Skip existing users or Update existing users".
async fn skip_or_update(client: &JourneyClient) {
    let eight = || [File::fixture("officechat/published-8.csv")];
    // "this would skip updating the existing users. It will only add the new users found in the uploaded CSV."
    let import = import_now(client, &eight(), json!({"existing": "skip"})).await;
    assert_eq!(counts(&import, STATES), [0, 0, 0, 0, 2, 0]);
    let rows = client.rows("import_rows", json!({"import": import["import"]})).await;
    assert!(rows.iter().all(|row| row["problems"][0]["code"] == "row.user_exists"), "{rows:?}");
    let johnny = user(client, JOHNNY).await;
    assert_eq!(
        (&johnny["state"], &johnny["attributes"]["title"]),
        (&json!("active"), &json!("Clerk"))
    );
    // "it would update all the users already present in the database with new values from the uploaded CSV.
    // Additionally, it will create new users".
    let import = import_now(client, &eight(), json!({"existing": "update"})).await;
    assert_eq!(counts(&import, STATES), [0, 0, 0, 1, 0, 0]);
    let johnny = user(client, JOHNNY).await;
    assert_eq!(
        (&johnny["state"], &johnny["attributes"]["title"]),
        (&json!("deactivated"), &json!("Manager"))
    );
    // The manager Ashton does not exist, which is only a warning.
    let rows = client.rows("import_rows", json!({"import": import["import"]})).await;
    assert_eq!(rows[1]["warnings"][0]["code"], "row.manager_not_found");
}

/// OC-13, OC-14: "check … Auto send invites to all newly created users".
async fn auto_send(client: &JourneyClient) {
    let before = client.mails_to(WILL).len();
    let rows = format!(
        r#""Will Smith","Will","Smith","{WILL}","Actor","","","TRUE"
"Zoë Adams","Zoë","Adams","zoe@acme.example","","","{WILL}","TRUE"
"JohnnyDepp","Johnny","Depp","{JOHNNY}","","","","TRUE"
"#
    );
    let options = json!({"existing": "update", "auto_invite": true, "channel": "whatsapp"});
    let import = import_now(client, &file("auto.csv", &rows), options).await;
    assert_eq!(counts(&import, STATES), [1, 1, 1, 0, 0, 0]);
    let run = client.completed_run(&import["run"]).await;
    assert_eq!(counts(&run, ["total", "passed"]), [1, 1]);
    client.wait_for_mail("zoe@acme.example", "Link Your WhatsApp Account").await;
    assert_eq!(client.mails_to(WILL).len(), before, "an existing user was invited");
    assert!(client.mails_to(JOHNNY).is_empty());
    let rows = client.rows("import_rows", json!({"import": import["import"]})).await;
    assert_eq!(column(&rows, "invite"), [json!(null), json!("success"), json!(null)]);
    client.wait_for_mail(ADMIN, "The import of auto.csv is complete").await;
    // Not in the guide: an undo reverses the rows whose users did not change since.
    let undone = json!({"import": import["import"]});
    client.accepted("UndoImport", undone.clone()).await;
    let undo = crate::support::wait::eventually("the import is undone", async || {
        let row = client.row("import", undone.clone()).await;
        (row["state"] == "undone").then(|| row["undo"].clone())
    });
    assert_eq!(counts(&undo.await, ["reversed", "kept"]), [2, 1]);
    assert_eq!(user(client, WILL).await["attributes"]["title"], "Director");
}
