//! Office Chat: "How can I bulk import Users to my Office Chat network?", step by step.

use serde_json::{Value, json};

use super::door::{Door, File, column, counts};
use super::mail::token;

const HEADER: &str =
    r#""name","firstname","lastname","email/login","title","mobile","manager","Enabled""#;
const ADMIN: &str = "network.admin@acme.example";
const WILL: &str = "willsmith@gmail.com";
const JOHNNY: &str = "johnny_depp@yahoo.com";
const STATES: [&str; 6] = ["created", "updated", "activated", "deactivated", "skipped", "invalid"];

/// From "Creating a CSV file" to the administrator's link.
pub(super) async fn journey(door: &Door) {
    door.define("acme.json").await;
    door.ok("SetCompanyConfig", json!({"network_admin_email": ADMIN})).await;
    creating_a_csv_file(door).await;
    without_auto_send(door).await;
    the_enabled_flag(door).await;
    skip_or_update(door).await;
    auto_send(door).await;
}

fn file(name: &str, rows: &str) -> [File; 1] {
    [File::new(name, format!("{HEADER}\n{rows}"))]
}

/// "Click the Import Now button".
async fn import_now(door: &Door, file: &[File], options: Value) -> Value {
    let row = door.import("officechat", file, options).await;
    let progress = door.row("import_progress", json!({"import": row["import"]})).await;
    assert_eq!((&progress["processed"], &progress["percent"]), (&row["total"], &json!(100)));
    row
}

async fn user(door: &Door, key: &str) -> Value {
    door.row("user", json!({"user": key})).await
}

/// OC-01, OC-03, OC-04 … OC-07: "I. Creating a CSV file".
async fn creating_a_csv_file(door: &Door) {
    let template = door.row("template", json!({"dialect": "officechat"})).await;
    let text = template["text"].as_str().unwrap();
    assert_eq!(text.lines().next().unwrap().replace('"', ""), HEADER.replace('"', ""));
    // "the first line being the field headings and all subsequent lines being field values"
    let without = [File::new(
        "no-headings.csv",
        r#""Will Smith","Will","Smith","willsmith@gmail.com","","","TRUE""#,
    )];
    door.no_import("officechat", &without, json!({}), "csv.missing_header").await;
    // "each value must not contain any quotes of their own" · "there should be nothing between the quotes"
    // · "Each user must have the same number of fields"; the fields of one line need no quotes at all.
    let rows = r#""Ann "the Boss" Lee","Ann","Lee","ann@acme.example","","","","TRUE"
"Bob Ray","Bob","Ray","bob@acme.example","TRUE"
Cid Oz,Cid,Oz,cid.login,,,,TRUE
"#;
    let import = import_now(door, &file("notes.csv", rows), json!({})).await;
    assert_eq!(counts(&import, ["created", "invalid"]), [1, 2]);
    let rows =
        door.rows("import_rows", json!({"import": import["import"], "outcome": "invalid"})).await;
    let codes: Vec<_> = rows.iter().map(|row| row["problems"][0]["code"].clone()).collect();
    assert_eq!(codes, ["csv.stray_quote", "csv.field_count_mismatch"]);
    let cid = user(door, "cid.login").await;
    assert_eq!((&cid["email"], cid["attributes"].get("title")), (&Value::Null, None));
    // OC-16: he has no address that an invitation could go to.
    let (_, run) = door.invite(json!({"users": ["cid.login"]}), "whatsapp").await;
    let log = door.rows("integration_log", json!({"run": run["run"]})).await;
    assert_eq!(column(&log, "code"), ["recipient.email_missing"]);
}

/// OC-02, OC-03, OC-08, OC-09, OC-14, OC-15, OC-17, OC-18: both files as they are published, the box unchecked.
async fn without_auto_send(door: &Door) {
    let eight = [File::fixture("officechat/published-8.csv")];
    // "Choose between Skip existing users or Update existing users" · "check or uncheck … Auto send invites to
    // all newly created users" · "Click the Choose file button" · "Click the Import Now button".
    let import = import_now(door, &eight, json!({"existing": "skip"})).await;
    assert_eq!(counts(&import, STATES), [1, 0, 0, 0, 1, 0]);
    // "TRUE … If the user is not present in the domain, then the user will be created."
    let will = user(door, WILL).await;
    assert_eq!((&will["state"], &will["phone"]), (&json!("active"), &json!("+911234123411")));
    let attributes = &will["attributes"];
    assert_eq!(
        (&attributes["title"], &attributes["manager"]),
        (&json!("Director"), &json!(JOHNNY))
    );
    // "FALSE … If the user is not present in the domain, then the user will not be created."
    let rows = door.rows("import_rows", json!({"import": import["import"]})).await;
    assert_eq!(rows[1]["problems"][0]["code"], "row.disabled_new_user");
    assert_eq!(door.query("user", json!({"user": JOHNNY})).await["code"], "query.not_found");
    // "No emails will be sent out to the imported users. Once the import is successful network admin will
    // be notified via email with a link to invite the imported users to Office Chat."
    let mail = door.mail(ADMIN, "The import of published-8.csv is complete").await;
    assert!(mail.contains("Created: 1") && mail.contains("Skipped: 1"), "{mail}");
    assert!(door.mails_to(WILL).is_empty());
    let link =
        json!({"source": {"token": token(&mail)}, "channel": "whatsapp", "mode": "confirmed"});
    let run = door.ok("StartBulkIntegration", link.clone()).await["run"].clone();
    let run = door.ended(&run).await;
    assert_eq!(counts(&run, ["total", "passed", "failed"]), [2, 1, 1]);
    let [invitation] = door.mails_to(WILL).try_into().unwrap();
    assert!(invitation.contains("/link/"), "{invitation}");
    door.no("StartBulkIntegration", link, "invitation.already_used").await;
    // The shorter form is about the same person; a blank title is not a title.
    let seven = [File::fixture("officechat/published-7.csv")];
    let import = import_now(door, &seven, json!({"existing": "update"})).await;
    assert_eq!(counts(&import, ["total", "unchanged"]), [1, 1]);
}

/// OC-08, OC-09, OC-10: "Description of Enabled flag value".
async fn the_enabled_flag(door: &Door) {
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
        let import = import_now(door, &file("johnny.csv", &row(enabled)), update()).await;
        assert_eq!((enabled, counts(&import, [outcome])), (enabled, [1]));
        assert_eq!((enabled, &user(door, JOHNNY).await["state"]), (enabled, &json!(state)));
    }
}

/// OC-11, OC-12: "Choose between Skip existing users or Update existing users".
async fn skip_or_update(door: &Door) {
    let eight = || [File::fixture("officechat/published-8.csv")];
    // "this would skip updating the existing users. It will only add the new users found in the uploaded CSV."
    let import = import_now(door, &eight(), json!({"existing": "skip"})).await;
    assert_eq!(counts(&import, STATES), [0, 0, 0, 0, 2, 0]);
    let rows = door.rows("import_rows", json!({"import": import["import"]})).await;
    assert!(rows.iter().all(|row| row["problems"][0]["code"] == "row.user_exists"), "{rows:?}");
    let johnny = user(door, JOHNNY).await;
    assert_eq!(
        (&johnny["state"], &johnny["attributes"]["title"]),
        (&json!("active"), &json!("Clerk"))
    );
    // "it would update all the users already present in the database with new values from the uploaded CSV.
    // Additionally, it will create new users".
    let import = import_now(door, &eight(), json!({"existing": "update"})).await;
    assert_eq!(counts(&import, STATES), [0, 0, 0, 1, 0, 0]);
    let johnny = user(door, JOHNNY).await;
    assert_eq!(
        (&johnny["state"], &johnny["attributes"]["title"]),
        (&json!("deactivated"), &json!("Manager"))
    );
    // Ashton is nobody here: that is said of the row and holds up nothing.
    let rows = door.rows("import_rows", json!({"import": import["import"]})).await;
    assert_eq!(rows[1]["warnings"][0]["code"], "row.manager_not_found");
}

/// OC-13, OC-14: "check … Auto send invites to all newly created users".
async fn auto_send(door: &Door) {
    let before = door.mails_to(WILL).len();
    let rows = format!(
        r#""Will Smith","Will","Smith","{WILL}","Actor","","","TRUE"
"Zoë Adams","Zoë","Adams","zoe@acme.example","","","{WILL}","TRUE"
"JohnnyDepp","Johnny","Depp","{JOHNNY}","","","","TRUE"
"#
    );
    let options = json!({"existing": "update", "auto_invite": true, "channel": "whatsapp"});
    let import = import_now(door, &file("auto.csv", &rows), options).await;
    assert_eq!(counts(&import, STATES), [1, 1, 1, 0, 0, 0]);
    let run = door.ended(&import["run"]).await;
    assert_eq!(counts(&run, ["total", "passed"]), [1, 1]);
    door.mail("zoe@acme.example", "Link Your WhatsApp Account").await;
    assert_eq!(door.mails_to(WILL).len(), before, "newly created is who was not there before");
    assert!(door.mails_to(JOHNNY).is_empty());
    let rows = door.rows("import_rows", json!({"import": import["import"]})).await;
    assert_eq!(column(&rows, "invite"), [json!(null), json!("success"), json!(null)]);
    door.mail(ADMIN, "The import of auto.csv is complete").await;
    // What the vendor's own guide leaves out: an import is taken back, as far as nothing has happened since.
    let undone = json!({"import": import["import"]});
    door.ok("UndoImport", undone.clone()).await;
    let undo = crate::support::wait::eventually("the import is undone", async || {
        let row = door.row("import", undone.clone()).await;
        (row["state"] == "undone").then(|| row["undo"].clone())
    });
    assert_eq!(counts(&undo.await, ["reversed", "kept"]), [2, 1]);
    assert_eq!(user(door, WILL).await["attributes"]["title"], "Director");
}
