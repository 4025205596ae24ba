//! The guide of LeapXpert: "Bulk User Onboarding to WhatsApp Native".

use boarding_core::clock::Clock;
use serde_json::{Value, json};

use super::client::{File, JourneyClient, column, counts};
use crate::support::mail_text::link_token;

const OUTCOMES: [&str; 4] = ["total", "passed", "skipped", "failed"];
const TEAM: &str = "Wealth Advisors Hanoi";
const WHATSAPP: &str = "com.leapxpert.whatsapp.archived.channel.enabled";

/// Ann is valid. Bob's phone is invalid, Cid has no address, Fay has no phone, and Gus's address is invalid, so
/// that he is not created. Later steps archive Dan and link Eve.
fn people() -> File {
    let mut text = "username,first_name,last_name,email,phone_number,org_unit,role\n".to_owned();
    for (user, email, phone) in [
        ("ann", "ann@acme.example", "+84 923 448 071"),
        ("bob", "bob@acme.example", "8.4E+10"),
        ("cid", "", "+84 923 448 073"),
        ("dan", "dan@acme.example", "+84 923 448 074"),
        ("eve", "eve@acme.example", "+84 923 448 075"),
        ("fay", "fay@acme.example", ""),
        ("gus", "gus@acme", "+84 923 448 077"),
    ] {
        text += &format!("{user},{user},Doe,{email},{phone},{TEAM},Account Manager\n");
    }
    File::new("people.csv", text)
}

/// From "Before you start" to "Limitations".
pub(super) async fn journey(client: &JourneyClient) {
    client.run_fixture_commands("acme.json").await;
    before_you_start(client).await;
    let import = import(client).await;
    let run = right_after_the_import(client, &import).await;
    anytime(client, &import).await;
    integration_log(client, &run).await;
    am_users(client).await;
    limitations(client, &run).await;
}

/// LX-01 … LX-07.
async fn before_you_start(client: &JourneyClient) {
    // "You are using the LeapXpert version 2.5.0 onwards."
    let older = json!({"id": Clock::system().id(), "actor": "admin", "api_version": 0, "body": {"language": "en"}});
    let refused = client.submit_envelope("SetCompanyConfig", &older).await;
    assert_eq!(refused["code"], "envelope.unsupported_version", "{refused}");
    // "You have enabled the following permissions: Bulk Integrate Users, Bulk Import Users, View list of
    // Org Units".
    if client.checks_permissions() {
        client.grant_all().await;
        let source =
            |source: Value| json!({"source": source, "channel": "WhatsApp", "mode": "preview"});
        let file = json!({"name": "people.csv", "text": "username\nann\n"});
        for (name, body, permission) in [
            ("ImportFile", json!({"dialect": "leapxpert", "files": [file]}), "bulk_import_users"),
            ("StartBulkIntegration", source(json!({"users": ["ann"]})), "bulk_integrate_users"),
        ] {
            let denied = client.submit_as("kim", name, body).await;
            assert_eq!(denied["code"], "auth.permission_denied", "{denied}");
            assert_eq!(denied["details"]["permission"], permission);
        }
        let may = json!({"actor": "kim", "permissions": ["bulk_integrate_users"]});
        client.accepted("GrantPermissions", may).await;
        let units = source(json!({"org_units": [TEAM]}));
        let denied = client.submit_as("kim", "StartBulkIntegration", units).await;
        assert_eq!(denied["details"]["permission"], "view_org_units", "{denied}");
    }
    // "You have enabled the WhatsApp Native archived on the Org Admin portal."
    client.accepted("SetCompanyConfig", json!({WHATSAPP: false})).await;
    let body =
        json!({"source": {"users": ["ann"]}, "channel": "WhatsApp Native", "mode": "preview"});
    client.refused("StartBulkIntegration", body, "channel.not_enabled").await;
    client.accepted("SetCompanyConfig", json!({WHATSAPP: true})).await;
    // "The default value is 100 …"
    let config = client.row("config", json!({})).await;
    assert_eq!(config["bulk_integration_max_records"], 100);
    // "The bulk import cannot proceed if the number of users you want to import exceeds this limit."
    let too_many = || [File::fixture("leapxpert/people-101.csv")];
    let refused =
        client.refused_import("leapxpert", &too_many(), json!({}), "import.too_many_rows").await;
    let details = &refused["details"];
    assert_eq!(
        (&details["limit"], &details["actual"], &details["legacy_code"]),
        (&json!(100), &json!(101), &json!(20001))
    );
    assert!(client.rows("imports", json!({})).await.is_empty());
    // "… but you can configure it to any number you prefer."
    for invalid in [json!(0), json!(-1), json!("many")] {
        let setting = json!({"bulk_integration_max_records": invalid});
        client.refused("SetCompanyConfig", setting, "config.invalid_value").await;
    }
    client.accepted("SetCompanyConfig", json!({"bulk_integration_max_records": 7})).await;
}

/// LX-08 … LX-14: steps 3 to 6.
async fn import(client: &JourneyClient) -> Value {
    // "Select Import File and upload the .csv file containing the list of users."
    let picture = [File::fixture("ocm/Archive.zip")];
    client.refused_import("leapxpert", &picture, json!({}), "import.unsupported_file_type").await;
    // "Browse file and toggle the button to add the user's phone number to the Corporate Phone Number
    // list. Once done, click Import."
    let import =
        client.import("leapxpert", &[people()], json!({"add_to_corporate_phones": true})).await;
    let counted = counts(&import, ["total", "created", "invalid", "phones_added", "phones_failed"]);
    assert_eq!(counted, [7, 6, 1, 4, 1]);
    let id = import["import"].clone();
    let progress = client.row("import_progress", json!({"import": id})).await;
    assert_eq!(counts(&progress, ["processed", "total", "percent"]), [7, 7, 100]);
    // "check if users have been added to the Corporate Phone Number"
    let phones = client.rows("phone_list", json!({"import": id})).await;
    assert_eq!(column(&phones, "user"), ["ann", "cid", "dan", "eve"]);
    // "Otherwise, inspect the issue and re-add users to the Corporate Phone Number."
    let rows = client.rows("import_rows", json!({"import": id})).await;
    assert_eq!(rows[1]["phone"], "rejected:phone.scientific_notation");
    let refused = client.csv("failed_rows", json!({"import": id})).await;
    assert!(refused.contains("gus@acme") && refused.contains("field.invalid_email"), "{refused}");
    let added = json!({"phone": "+84 923 448 072", "user": "bob"});
    client.accepted("AddCorporatePhone", added).await;
    id
}

/// LX-15, LX-19 … LX-29: option 1.
async fn right_after_the_import(client: &JourneyClient, import: &Value) -> Value {
    client.accepted("ArchiveUser", json!({"user": "dan"})).await;
    client.accepted("LinkCompleted", json!({"user": "eve", "channel": "whatsapp"})).await;
    // "The recently imported .csv file is automatically selected."
    assert_eq!(&client.rows("imports", json!({})).await[0]["import"], import);
    let latest = json!({"import": "latest"});
    let start =
        |channel: &str, mode: &str| json!({"source": latest, "channel": channel, "mode": mode});
    client
        .refused("StartBulkIntegration", start("Carrier Pigeon", "preview"), "channel.unknown")
        .await;
    // "You will then see a prompt notifying you of the number of users to whom the invitation email will be sent."
    let shown = client.accepted("StartBulkIntegration", start("WhatsApp", "preview")).await;
    assert_eq!(shown["recipient_count"], 7);
    assert!(client.mails().is_empty() && client.rows("runs", json!({})).await.is_empty());
    let mut other = start("WhatsApp", "confirmed");
    other["expected_recipients"] = json!(8);
    client.refused("StartBulkIntegration", other, "run.plan_changed").await;
    // "Click Send email to confirm."
    let (shown, run) = client.invite(latest.clone(), "WhatsApp").await;
    assert_eq!(shown, 7);
    // "a summary of the results, showing: How many users received the invitation. How many were
    // skipped. How many failed."
    assert_eq!(counts(&run, OUTCOMES), [7, 2, 1, 4]);
    assert_eq!(client.mails().len(), 2);
    // "To view the status of the email sending, click View details."
    let log = client.rows("integration_log", json!({"run": run["run"]})).await;
    let outcomes: Vec<_> =
        log.iter().map(|row| json!([row["username"], row["status"], row["code"]])).collect();
    // "A user will fail … The user is archived or has not been created. The user's email address does
    // not exist. The system cannot find the user's corporate phone number. A user will be skipped …
    // The user is already linked."
    let expected = json!([
        ["ann", "success", null],
        ["bob", "success", null],
        ["cid", "failed", "recipient.email_missing"],
        ["dan", "failed", "recipient.user_archived"],
        ["eve", "skipped", "recipient.already_linked"],
        ["fay", "failed", "recipient.corporate_phone_missing"],
        ["gus", "failed", "recipient.user_not_created"],
    ]);
    assert_eq!(json!(outcomes), expected);
    // "along with a detailed explanation of the issue"
    assert!(log.iter().skip(2).all(|row| row["reason"].as_str().is_some_and(|why| why.len() > 20)));
    // "To view each member's integration status, click View Corporate Phone Number."
    assert_eq!(
        integration_status(client).await,
        ["invited", "invited", "not_linked", "not_linked", "linked"]
    );
    run["run"].clone()
}

/// The WhatsApp status of each phone, by user.
async fn integration_status(client: &JourneyClient) -> Vec<Value> {
    let mut phones = client.rows("phone_list", json!({})).await;
    phones.sort_by_key(|row| row["user"].as_str().unwrap().to_owned());
    phones.iter().map(|row| row["channels"]["whatsapp"].clone()).collect()
}

/// LX-16 … LX-20: option 2.
async fn anytime(client: &JourneyClient, import: &Value) {
    let hal =
        "username,email,phone_number,org_unit\nhal,hal@acme.example,+84923448078,Facilities\n";
    let options = json!({"add_to_corporate_phones": true, "send_welcome_email": true});
    client.import("leapxpert", &[File::new("people.csv", hal)], options).await;
    // The second switch of the dialog: "Send invitation email to new users", to log in to the product.
    client.wait_for_mail("hal@acme.example", "Your user name is: hal").await;
    // "If you choose Link for an imported users list, select the .csv file you have recently uploaded from
    // previous steps": the first of two of the same name.
    let unknown = json!({"source": {"import": "01JD0000000000000000000000"}, "channel": "whatsapp", "mode": "preview"});
    client.refused("StartBulkIntegration", unknown, "import.not_found").await;
    let (shown, _) = client.invite(json!({"import": import}), "WhatsApp Native").await;
    assert_eq!(shown, 7);
    // "If you choose Only link for a selection of organizational units, select the OU which contains the
    // users … Ensure that the selected OU includes the role with the necessary permissions".
    let units = |names: Value| json!({"source": {"org_units": names}, "channel": "whatsapp", "mode": "preview"});
    for (names, code) in [
        (json!([]), "run.empty_selection"),
        (json!(["Nowhere"]), "org_unit.not_found"),
        (json!([TEAM, "Facilities"]), "org_unit.role_lacks_permission"),
    ] {
        client.refused("StartBulkIntegration", units(names), code).await;
    }
    let (shown, run) = client.invite(json!({"org_units": [TEAM]}), "WhatsApp Native").await;
    // Gus was not created and is in no unit. Dan is archived.
    assert_eq!((shown, counts(&run, OUTCOMES)), (6, [6, 2, 1, 3]));
}

/// LX-22, LX-24, LX-25: "The admin can view the Integration Log of the Bulk Integration anytime".
async fn integration_log(client: &JourneyClient, first: &Value) {
    let runs = client.rows("runs", json!({})).await;
    assert_eq!(runs.len(), 3);
    assert!(
        runs.iter().all(|run| run["ended_at"].is_string()),
        "a completed run has no end: {runs:?}"
    );
    assert_eq!(&runs[2]["run"], first, "the newest run is not first");
    // "Click menu ... of any integration items. Click View Integration Log."
    let csv = client.csv("integration_log", json!({"run": first})).await;
    assert!(csv.starts_with("Username,Email,Organizational Unit,Channel,Status,Reason"), "{csv}");
    assert_eq!(csv.lines().count(), 8);
}

/// LX-30, LX-31: "For AM users".
async fn am_users(client: &JourneyClient) {
    let mails = client.mails_to("ann@acme.example");
    let (first, newest) = (mails.first().unwrap(), mails.last().unwrap());
    // "Click Link Your WhatsApp Account or copy the link."
    assert!(
        newest.contains("Link Your WhatsApp Account") && newest.contains("********071"),
        "{newest}"
    );
    assert!(
        newest.matches(&link_token(newest)).count() >= 2,
        "the link is missing as button or as text: {newest}"
    );
    // A later mail has superseded the first link.
    client
        .refused("LinkCompleted", json!({"token": link_token(first)}), "invitation.superseded")
        .await;
    // "Open your WhatsApp and scan the QR code. … You have successfully completed the bulk integration".
    client.accepted("LinkCompleted", json!({"token": link_token(newest)})).await;
    assert_eq!(integration_status(client).await[0], "linked");
}

/// LX-32 … LX-35.
async fn limitations(client: &JourneyClient, completed: &Value) {
    // "The user cannot stop the bulk user onboarding process."
    client.refused("CancelRun", json!({"run": completed}), "run.cannot_be_stopped").await;
    // "A company is allowed to conduct the bulk user onboarding once at a time. If someone else in your
    // company is also conducting the bulk user onboarding, your process will be pending until they complete".
    // `Tick` accepts a time up to a minute ahead.
    let due = Clock::system().now().plus_seconds(50);
    let mut runs = Vec::new();
    for user in ["ann", "bob", "hal"] {
        let later = json!({"source": {"users": [user]}, "channel": "whatsapp", "mode": "confirmed",
            "expected_recipients": 1, "not_before": due});
        let answer = client.submit("StartBulkIntegration", later).await;
        assert_eq!(answer["result"]["state"], "scheduled", "{answer}");
        runs.push(answer["result"]["run"].clone());
    }
    // A waiting run may be withdrawn, because no mail was sent.
    client.accepted("CancelRun", json!({"run": runs[1]})).await;
    client.accepted("Tick", json!({"now": due})).await;
    client.completed_run(&runs[2]).await;
    let mut events = Vec::new();
    for run in [&runs[0], &runs[2]] {
        let entity = format!("run:{}", run.as_str().unwrap());
        events.push(client.rows("history", json!({"entity": entity})).await);
    }
    let position = |run: usize, name: &str| {
        let row = events[run].iter().find(|row| row["event"] == name);
        row.unwrap_or_else(|| panic!("{name}: {:?}", events[run]))["position"].as_u64().unwrap()
    };
    assert!(position(0, "RunStarted") < position(1, "RunQueued"));
    assert!(position(1, "RunQueued") < position(0, "RunCompleted"));
    assert_eq!(
        position(1, "RunStarted"),
        position(0, "RunCompleted") + 1,
        "the second run did not start in the same commit"
    );
    let params = json!({"run": runs[2], "as_of": position(1, "RunQueued")});
    let waiting = client.row("run", params).await;
    assert_eq!((&waiting["state"], &waiting["queue_place"]), (&json!("pending"), &json!(1)));
    // LX-35: at no time are two runs of the company running.
    let mut running = 0;
    let mut all: Vec<_> = events.concat();
    all.sort_by_key(|row| row["position"].as_u64());
    for event in &all {
        match event["event"].as_str().unwrap() {
            "RunStarted" => running += 1,
            "RunCompleted" => running -= 1,
            _ => {}
        }
        assert!(running <= 1, "{event}");
    }
}
