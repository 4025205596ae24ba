//! The guide of MultiLine: "how to add and invite a batch of users to MultiLine".

use serde_json::{Value, json};

use super::client::{File, JourneyClient, column, counts};
use crate::support::mail_text::link_token;

const NOT_ENOUGH_NUMBERS: &str = "Unable to move account(s). You do not have enough numbers available in the selected organization";
const ANN: &str = "ann@meridian.example";
const BOB: &str = "bob@meridian.example";
const DEVICE: &str = "+84923448071";

/// All steps of the guide, from "Before you Start" to the largest file.
pub(super) async fn journey(client: &JourneyClient) {
    client.run_fixture_commands("multiline.json").await;
    before_you_start(client).await;
    let header = template(client).await;
    let import = import(client, &header).await;
    batch_operation_reports(client, &import).await;
    resend_invitation(client).await;
    activation(client).await;
    import_and_invite(client, &header).await;
    moving(client, &header).await;
    up_to_1000_accounts(client).await;
}

/// A file with the template's columns and without its note.
fn file(header: &str, rows: &[&str]) -> [File; 1] {
    [File::new("accounts.csv", format!("{header}\r\n{}\r\n", rows.join("\r\n")))]
}

/// "Select from the Choose Organization drop-down" · "Select from the User Permissions drop-down".
fn options_for(organization: &str, group: &str) -> Value {
    json!({"organization": organization, "permission_group": group})
}

/// The row of `number_utilisation` of an organization.
async fn utilisation(client: &JourneyClient, organization: &str) -> Value {
    client.rows("number_utilisation", json!({"org_unit": organization})).await[0].clone()
}

/// ML-01 … ML-06: what an administrator prepares before an import.
async fn before_you_start(client: &JourneyClient) {
    // "An admin must have Accounts Privilege in their Role in the organization to do these instructions."
    if client.checks_permissions() {
        client.grant_all().await;
        let grant = json!({"actor": "kim", "permissions": ["bulk_import_users"]});
        client.accepted("GrantPermissions", grant).await;
        let mut body = options_for("EMEA", "Traders");
        body["dialect"] = json!("multiline");
        body["files"] = json!([{"name": "accounts.csv", "text": "device\n"}]);
        let denied = client.submit_as("kim", "ImportFile", body).await;
        assert_eq!(denied["code"], "auth.permission_denied", "{denied}");
        assert_eq!(denied["details"], json!({"permission": "accounts"}));
    }
    // "If you would like to customize the email invitation, you should do this prior to inviting users."
    let wording = json!({"kind": "channel_invitation", "language": "en", "subject": "MultiLine at Meridian",
        "text": "{{ full_name }}: {{ masked_phone }} {{ link_url }}", "html": "{{ link_button }} {{ link_url }}"});
    let mut without_link = wording.clone();
    without_link["text"] = json!("Welcome!");
    client.refused("SetTemplate", without_link, "template.missing_required_variable").await;
    client.accepted("SetTemplate", wording).await;
    // "If your users need custom permissions, you should create those prior to this step."
    let group = json!({"permission_group": "Brokers", "permissions": ["voice"]});
    client.accepted("DefinePermissionGroup", group.clone()).await;
    let groups = client.rows("permission_groups", json!({})).await;
    assert_eq!(column(&groups, "permission_group"), ["Advisers", "Brokers", "Traders"]);
    assert_eq!(groups[1], group);
    // "Sending an invitation requires there to be an Available or Reserved number".
    let emea = utilisation(client, "EMEA").await;
    assert_eq!(counts(&emea, ["total", "available", "reserved", "spare"]), [10, 9, 1, 10]);
}

/// ML-07, ML-08: "download the .CSV template from the instructions". Returns the header of the template.
async fn template(client: &JourneyClient) -> String {
    let template = client.row("template", json!({"dialect": "multiline"})).await;
    let text = template["text"].as_str().unwrap();
    let lines: Vec<_> = text.lines().collect();
    assert!(lines[1].starts_with("\"Note: delete this row"), "{text}");
    assert!(lines[0].contains("restrict_incoming_social_messaging"));
    // "Column only included in the CSV if the organization is configured with Social Messaging".
    client.accepted("SetCompanyConfig", json!({"social_messaging": false})).await;
    let without = client.row("template", json!({"dialect": "multiline"})).await;
    assert!(!without["text"].as_str().unwrap().contains("restrict_incoming_social_messaging"));
    let row = file(lines[0], &[",,ann@meridian.example,Yes,,off,off,,true,"]);
    client
        .refused_import("multiline", &row, options_for("EMEA", "Traders"), "csv.column_not_enabled")
        .await;
    client.accepted("SetCompanyConfig", json!({"social_messaging": true})).await;
    lines[0].to_owned()
}

/// ML-04, ML-05, ML-09, ML-16: "Fill out the details. … Select Import to add the users without sending them
/// invitations to use MultiLine."
async fn import(client: &JourneyClient, header: &str) -> Value {
    let rows = [
        "Ann,Lee,ann@meridian.example,Yes,+1 212 555 0001,auto,on,,true,German",
        "Bob,Ray,bob@meridian.example,No,,off,off,4411,,",
        // "Accepts standard email address or phone number".
        "Cid,Oz,+84 923 448 071,No,,off,off,,,",
        ",,neither,No,,off,off,,,",
        // "mandatory": social_messaging, monitor_calls and monitor_sms.
        ",,dan@meridian.example,,,on,auto,,,",
        // "Must be an Available number and not allocated to another organization".
        ",,eve@meridian.example,No,+1 212 555 9999,off,off,,,",
        ",,fay@meridian.example,No,+1 212 555 0021,off,off,,,",
        ",,gil@meridian.example,No,+1 212 555 0010,off,off,,,",
        // "Accepts values between 4 to 18 digits with country code".
        ",,gus@meridian.example,No,,off,off,123,,",
        // "Accepts English, Italian, German, French, and Spanish".
        ",,hal@meridian.example,No,,off,off,,,Klingon",
    ];
    let accounts = || file(header, &rows);
    for (organization, group, code) in [
        ("Atlantis", "Traders", "org_unit.not_found"),
        ("EMEA", "Pirates", "permission_group.not_found"),
    ] {
        client
            .refused_import("multiline", &accounts(), options_for(organization, group), code)
            .await;
    }
    let import = client.import("multiline", &accounts(), options_for("EMEA", "Traders")).await;
    assert_eq!(counts(&import, ["total", "created", "invalid"]), [10, 3, 7]);
    let import = import["import"].clone();
    assert!(client.mails().is_empty() && client.rows("runs", json!({})).await.is_empty());
    let ann = client.row("user", json!({"user": ANN})).await;
    let attributes = json!({"social_messaging": "Yes", "monitor_calls": "auto", "monitor_sms": "on",
        "language": "German", "restrict_incoming_social_messaging": "true", "permission_group": "Traders"});
    assert_eq!((&ann["org_unit"], &ann["attributes"]), (&json!("EMEA"), &attributes));
    let number = client.rows("numbers", json!({"search": "+12125550001"})).await;
    assert_eq!((&number[0]["state"], &number[0]["user"]), (&json!("assigned"), &json!(ANN)));
    // "Must be email if using SMTP data offload".
    client.accepted("SetCompanyConfig", json!({"smtp_offload": true})).await;
    let device = file(header, &[",,+84 923 448 072,No,,off,off,,,"]);
    let offload = client.import("multiline", &device, options_for("EMEA", "Traders")).await;
    let rows = client.rows("import_rows", json!({"import": offload["import"]})).await;
    assert_eq!(rows[0]["problems"][0]["code"], "field.email_required_smtp_offload");
    client.accepted("SetCompanyConfig", json!({"smtp_offload": false})).await;
    import
}

/// ML-11, ML-12, ML-13: "Progress on the import will be displayed in a window, and when completed you can download
/// the Batch Operations Report CSV file."
async fn batch_operation_reports(client: &JourneyClient, import: &Value) {
    let progress = client.row("import_progress", json!({"import": import})).await;
    assert_eq!(counts(&progress, ["processed", "total", "percent", "invalid"]), [10, 10, 100, 7]);
    // "a record is created in Batch Operation Reports"
    let records = client.rows("batch_operation_reports", json!({})).await;
    assert_eq!((records.len(), &records[1]["import"]), (2, import));
    assert_eq!(counts(&records[1], ["total", "success", "failed"]), [10, 3, 7]);
    let csv = client.csv("batch_operation_report", json!({"import": import})).await;
    let lines: Vec<_> = csv.lines().collect();
    let header =
        "Row,Account,Status,Code,Reason,Number,Invitation,Invitation Code,Invitation Reason,";
    assert!(lines[0].starts_with(header), "{csv}");
    let ann = "1,ann@meridian.example,Success,";
    assert!(lines[1].starts_with(ann) && lines[1].ends_with(",EMEA,Traders"), "{csv}");
    for (row, code) in [
        (4, "field.not_email_or_phone"),
        (5, "field.required"),
        (6, "number.not_in_pool"),
        (7, "number.allocated_to_other_org"),
        (8, "number.not_available"),
        (9, "field.length"),
        (10, "field.not_allowed"),
    ] {
        assert!(lines[row].contains(&format!(",Failed,{code},")), "{row}: {csv}");
    }
}

/// Resends the invitations of these users. Returns key, status and code of each.
async fn resend(client: &JourneyClient, users: &[&str]) -> Vec<Value> {
    let body = json!({"users": users, "channel": "whatsapp"});
    let run = client.accepted("ResendInvitation", body).await["run"].clone();
    client.completed_run(&run).await;
    let log = client.rows("integration_log", json!({"run": run})).await;
    log.iter().map(|row| json!([row["username"], row["status"], row["code"]])).collect()
}

/// ML-03, ML-09, ML-10: "You will use the Resend Invitation process when ready to invite the users to MultiLine."
async fn resend_invitation(client: &JourneyClient) {
    let outcomes = resend(client, &[ANN, BOB, DEVICE]).await;
    let expected = [
        json!([DEVICE, "success", null]),
        json!([ANN, "success", null]),
        json!([BOB, "success", null]),
    ];
    assert_eq!(outcomes, expected);
    client.wait_for_mail(BOB, "Subject: MultiLine at Meridian").await;
    // Ann's mail shows the last digits of the number of her account.
    client.wait_for_mail(ANN, "********001").await;
    // A pending invitation can be sent again.
    assert_eq!(resend(client, &[BOB]).await, [json!([BOB, "success", null])]);
    assert_eq!(client.mails_to(BOB).len(), 2);
}

/// ML-15: "If you do not set primary_number in the CSV, end-users will have the option to select from a short list
/// of available numbers during MultiLine activation."
async fn activation(client: &JourneyClient) {
    let short = client.query("number_suggestions", json!({"org_unit": "EMEA", "limit": 3})).await;
    let list = column(short["rows"].as_array().unwrap(), "number");
    assert_eq!(list, ["+12125550002", "+12125550003", "+12125550004"]);
    let taken = json!({"number": "+12125550001", "user": BOB});
    client.refused("AssignNumber", taken, "number.not_available").await;
    client.accepted("AssignNumber", json!({"number": list[1], "user": BOB})).await;
    let newest = client.mails_to(BOB).pop().unwrap();
    client.accepted("LinkCompleted", json!({"token": link_token(&newest)})).await;
    let number = client.rows("numbers", json!({"search": BOB})).await;
    assert_eq!((&number[0]["number"], &number[0]["state"]), (&list[1], &json!("registered")));
    let emea = utilisation(client, "EMEA").await;
    assert_eq!(counts(&emea, ["available", "reserved", "assigned", "registered"]), [7, 1, 1, 1]);
}

/// ML-05, ML-06, ML-08, ML-09: "you will create a separate .CSV file for each organization or permission group"
/// · "Select Import & Invite to add the users and send their invitations".
async fn import_and_invite(client: &JourneyClient, header: &str) {
    let rows = [
        // "Delete the Note with instructions": a note that was not deleted creates no account.
        "\"Note: delete this row before uploading.\",,,,,,,,,",
        ",,p0@meridian.example,No,,off,off,,,",
        ",,p1@meridian.example,No,,off,off,,,",
        ",,p2@meridian.example,No,,off,off,,,",
    ];
    let mut options = options_for("APAC", "Advisers");
    options["action"] = json!("import_and_invite");
    options["channel"] = json!("whatsapp");
    let import = client.import("multiline", &file(header, &rows), options).await;
    assert_eq!(counts(&import, ["total", "created", "invalid", "warnings"]), [3, 3, 0, 1]);
    let run = client.completed_run(&import["run"]).await;
    assert_eq!(counts(&run, ["total", "passed", "failed"]), [3, 2, 1]);
    // "Sending an invitation requires there to be an Available or Reserved number to be assigned".
    let log = client.rows("integration_log", json!({"run": run["run"]})).await;
    assert_eq!(column(&log, "code"), [json!(null), json!(null), json!("number.none_available")]);
    let apac = utilisation(client, "APAC").await;
    assert_eq!(counts(&apac, ["available", "pending_without_number", "spare"]), [2, 2, 0]);
}

/// ML-17, ML-18: "Moving pending invitations from one organization to another will not be allowed if the
/// destination organization does not have enough numbers to onboard."
async fn moving(client: &JourneyClient, header: &str) {
    let rows = [",,q0@meridian.example,No,,off,off,,,", ",,q1@meridian.example,No,,off,off,,,"];
    let mut options = options_for("EMEA", "Traders");
    options["action"] = json!("import_and_invite");
    options["channel"] = json!("whatsapp");
    client.import("multiline", &file(header, &rows), options).await;
    let accounts = json!(["q0@meridian.example", "q1@meridian.example"]);
    let to = |dest: &str| json!({"accounts": accounts, "dest": dest});
    // "the Move button gets disabled. … an error message … appears on mouse hover"
    let denied = client.row("can_move", to("APAC")).await;
    assert_eq!(
        (&denied["allowed"], &denied["message"]),
        (&json!(false), &json!(NOT_ENOUGH_NUMBERS))
    );
    let code = "number.insufficient_in_destination";
    let refused = client.refused("MovePendingInvitations", to("APAC"), code).await;
    assert_eq!(refused["message"], NOT_ENOUGH_NUMBERS);
    assert_eq!(refused["details"], json!({"needed": 2, "available": 0}));
    let org_unit = async || {
        client.row("user", json!({"user": "q0@meridian.example"})).await["org_unit"].clone()
    };
    assert_eq!(org_unit().await, "EMEA");
    client.accepted("AllocateNumbers", json!({"org_unit": "APAC", "quantity": 2})).await;
    assert_eq!(client.row("can_move", to("APAC")).await["allowed"], true);
    assert_eq!(client.accepted("MovePendingInvitations", to("APAC")).await["moved"], 2);
    assert_eq!(org_unit().await, "APAC");
}

/// ML-02, ML-11: "You can add up to 1000 accounts at once by uploading a CSV file using this procedure."
async fn up_to_1000_accounts(client: &JourneyClient) {
    let too_many = [File::fixture("multiline/accounts-1001.csv")];
    let refused = client
        .refused_import(
            "multiline",
            &too_many,
            options_for("Paris", "Brokers"),
            "import.too_many_rows",
        )
        .await;
    assert_eq!(refused["details"], json!({"limit": 1000, "actual": 1001}));
    let allowed = [File::fixture("multiline/accounts-1000.csv")];
    let import = client.import("multiline", &allowed, options_for("Paris", "Brokers")).await;
    assert_eq!(counts(&import, ["total", "created"]), [1000, 1000]);
    let entity = format!("import:{}", import["import"].as_str().unwrap());
    let first = client.query("history", json!({"entity": entity, "limit": 1})).await;
    let accepted = first["rows"][0]["position"].as_u64().unwrap();
    // The answer of a command has a position after the import. A query right now may report an earlier position.
    let answer = client.submit("SetCompanyConfig", json!({"max_pending_runs": 9})).await;
    let end = answer["position"].as_u64().unwrap();
    // "Progress on the import will be displayed in a window": the progress at five positions.
    let mut progress = Vec::new();
    for quarter in 0..=4 {
        let position = accepted + (end - accepted) * quarter / 4;
        let params = json!({"import": import["import"], "as_of": position});
        progress.push(client.row("import_progress", params).await["processed"].as_u64().unwrap());
    }
    assert_eq!((progress[0], progress[4]), (0, 1000));
    assert!(
        progress.is_sorted() && progress.iter().any(|rows| (1..1000).contains(rows)),
        "{progress:?}"
    );
    let csv = client.csv("batch_operation_report", json!({"import": import["import"]})).await;
    assert_eq!(csv.matches(",Success,").count(), 1000);
}
