//! The guide of OCM, Secure Work From Home: "Bulk User Actions".

use serde_json::{Value, json};

use super::client::{File, JourneyClient, column, counts};
use crate::support::clients::python;

const TEAM: &str = "Private Banking, Zürich";
const COUNTS: [&str; 3] = ["duplicate", "created", "invalid"];

/// From the templates to the roles.
pub(super) async fn journey(client: &JourneyClient) {
    client.run_fixture_commands("acme.json").await;
    templates(client).await;
    import_users(client).await;
    notes(client).await;
    import_user_profile_pictures(client).await;
    assign_role(client).await;
}

/// The three files of an import, with these rows of user details.
async fn three_files(client: &JourneyClient, rows: &str) -> [File; 3] {
    let mut files = Vec::new();
    for name in ["userdetails", "featuredetails", "channelcountdetails"] {
        let template = client.row("template", json!({"dialect": "ocm", "file": name})).await;
        assert_eq!(template["file_name"], format!("{name}.csv"));
        let text = template["text"].as_str().unwrap();
        // "secure work from home only uses 1 of the 3 templates … the other 2 template files can be used as
        // they are without modification"
        let header = text.lines().next().unwrap();
        let text =
            if name == "userdetails" { format!("{header}\r\n{rows}") } else { text.to_owned() };
        files.push(File::new(&format!("{name}.csv"), text));
    }
    files.try_into().unwrap_or_else(|_| panic!("not three files"))
}

/// The rows with an outcome: "you can click on the blue number to see the records of interest".
async fn records(client: &JourneyClient, import: &Value, outcome: &str) -> Vec<Value> {
    let rows =
        client.rows("import_rows", json!({"import": import["import"], "outcome": outcome})).await;
    assert_eq!(json!(rows.len()), import[outcome], "{outcome}");
    rows
}

/// OCM-01, OCM-02, OCM-03: "download the 3 templates files".
async fn templates(client: &JourneyClient) {
    let template = client.row("template", json!({"dialect": "ocm"})).await;
    let header = "LAN ID,First Name,Last Name,Agent ID,PBX ID,Profile,Supervisor,Org Unit,Role,Access Role,\
        CRM Name,Text Chat Greeting Template Name";
    assert_eq!(template["text"].as_str().unwrap().lines().next(), Some(header));
    let [people, features, channels] = three_files(client, "").await;
    // "select all 3 files"
    let two = client
        .refused_import("ocm", &[people, features], json!({}), "import.missing_companion_file")
        .await;
    assert_eq!(two["details"], json!({"which": ["channelcountdetails"]}));
    let others = [channels, File::new("notes.csv", "Name\nJane\n")];
    client.refused_import("ocm", &others, json!({}), "import.unexpected_file").await;
    assert!(client.rows("imports", json!({})).await.is_empty());
}

/// OCM-04 … OCM-15: "add 1 row per user … select all 3 files … this will start the import".
async fn import_users(client: &JourneyClient) {
    // "agent id same as lan id", "access role can be left blank, crm name can be left blank, text chat greeting
    // template name can be left blank"
    let rows = format!(
        "janedoe1,Jane,Doe,,2001,supervisor,,Europe,Team Lead,,,\r\n\
         johndoe22,John,Doe,johndoe22,2002,agent,janedoe1,\"{TEAM}\",Account Manager,,,\r\n\
         MariaRossi3,Maria,Rossi,,2003,Agent,JANEDOE1,\"{TEAM}\",Account Manager,,Salesforce,Buongiorno\r\n"
    );
    let files = three_files(client, &rows).await;
    let import = client.import("ocm", &files, json!({})).await;
    assert_eq!(counts(&import, COUNTS), [0, 3, 0]);
    let progress = client.row("import_progress", json!({"import": import["import"]})).await;
    assert_eq!(counts(&progress, ["processed", "total", "percent"]), [3, 3, 100]);
    let maria = client.row("user", json!({"user": "mariarossi3"})).await;
    let kept = json!({"agent_id": "MariaRossi3", "pbx_id": "2003", "profile": "agent", "supervisor": "JANEDOE1",
        "crm_name": "Salesforce", "text_chat_greeting_template_name": "Buongiorno"});
    assert_eq!((&maria["attributes"], &maria["org_unit"]), (&kept, &json!(TEAM)));
    // "the number of duplicate records (lan id of record already exists), inserted records (successfully
    // created users), and invalid records (users that couldn't be created due to some issue)"
    let rows = format!(
        "JOHNDOE22,Someone,Else,,2002,king,nobody,Nowhere,,,,\r\n\
         nina4,Nina,Novak,,2004,agent,janedoe1,\"{TEAM}\",Account Manager,,,\r\n\
         otto5,Otto,Ott,,2005,agent,nobody,\"{TEAM}\",Account Manager,,,\r\n"
    );
    let import = client.import("ocm", &three_files(client, &rows).await, json!({})).await;
    assert_eq!(counts(&import, COUNTS), [1, 1, 1]);
    assert_eq!(import["total"], 3);
    for (outcome, key) in [("duplicate", "johndoe22"), ("created", "nina4"), ("invalid", "otto5")] {
        let rows = records(client, &import, outcome).await;
        assert_eq!(rows[0]["key"].as_str().unwrap().to_lowercase(), key);
    }
    let john = client.row("user", json!({"user": "johndoe22"})).await;
    assert_eq!(
        (&john["first_name"], &john["attributes"]["profile"]),
        (&json!("John"), &json!("agent"))
    );
}

/// OCM-04 … OCM-11: "please see the checks implemented by ocm's bulk user import tool below".
async fn notes(client: &JourneyClient) {
    let good =
        ["a1", "A", "A", "", "3001", "agent", "janedoe1", TEAM, "Account Manager", "", "", ""];
    let cases = [
        // "lan id (and agent id) cannot include special characters"
        (0, "a#1", "LAN ID", "field.special_characters"),
        (3, "a 1", "Agent ID", "field.special_characters"),
        // "pbx id a unique number"
        (4, "30a", "PBX ID", "field.not_number"),
        (4, "2001", "PBX ID", "field.not_unique"),
        // "profile either agent or supervisor"
        (5, "king", "Profile", "field.not_allowed"),
        // "the supervisor specified must already exist in the system"
        (6, "nobody", "Supervisor", "reference.supervisor_not_found"),
        // "the org unit specified must exactly match an existing organizational unit in the system"
        (7, "private banking, zürich", "Org Unit", "reference.org_unit_not_found"),
        // "if profile = agent, then org unit must be at the team (lowest) level"
        (7, "Europe", "Org Unit", "reference.org_unit_not_team_level"),
        // "the role must already exist in the system"
        (8, "King", "Role", "reference.role_not_found"),
    ];
    let mut rows = String::new();
    for (n, (column, value, ..)) in cases.iter().enumerate() {
        let mut row = good.map(str::to_owned);
        row[0] = format!("case{n}");
        row[4] = format!("{}", 3001 + n);
        row[*column] = (*value).to_owned();
        rows += &row.map(|cell| format!("\"{cell}\"")).join(",");
        rows += "\r\n";
    }
    let import = client.import("ocm", &three_files(client, &rows).await, json!({})).await;
    assert_eq!(counts(&import, COUNTS), [0, 0, cases.len() as u64]);
    let problems: Vec<_> = records(client, &import, "invalid")
        .await
        .iter()
        .map(|row| json!([row["problems"][0]["column"], row["problems"][0]["code"]]))
        .collect();
    let expected: Vec<_> = cases.iter().map(|(_, _, column, code)| json!([column, code])).collect();
    assert_eq!(problems, expected);
    // The corrected failed rows can be imported.
    let refused = client.csv("failed_rows", json!({"import": import["import"]})).await;
    let corrected = refused.replace("nobody", "janedoe1");
    assert_ne!(corrected, refused);
    let [_, features, channels] = three_files(client, "").await;
    let files = [File::new("userdetails.csv", corrected), features, channels];
    let import = client.import("ocm", &files, json!({})).await;
    assert_eq!(counts(&import, COUNTS), [0, 1, cases.len() as u64 - 1]);
}

/// OCM-16 … OCM-20: "import user profile pictures".
async fn import_user_profile_pictures(client: &JourneyClient) {
    // "combine the pictures into 1 zip file": made on a Mac, which adds files of its system.
    let archive = File::fixture("ocm/Archive.zip");
    // "select agent id from the user attribute to match pictures drop down list, drag & drop the zip file …
    // click upload and wait for the upload process to complete"
    let import = client.pictures(&archive).await;
    assert_eq!(counts(&import, ["total", "inserted", "invalid"]), [6, 2, 4]);
    // "you can click on the blue numbers next to inserted records and/or invalid records to see the results"
    let rows = async |outcome: &str| {
        let params = json!({"import": import["import"], "outcome": outcome});
        let rows = client.rows("picture_rows", params).await;
        rows.iter()
            .map(|row| json!([row["name"], row["user"], row["problem"]["code"]]))
            .collect::<Vec<_>>()
    };
    let inserted =
        json!([["johndoe22.png", "johndoe22", null], ["MARIAROSSI3.JPG", "MariaRossi3", null]]);
    assert_eq!(json!(rows("inserted").await), inserted);
    let invalid = json!([
        ["johndoe22.jpg", null, "picture.duplicate_for_user"],
        // "in order to import a profile picture, the user must already exist in the system"
        ["nobody9.png", null, "picture.user_not_found"],
        // "the name of the picture file should match the agent id of the imported user"
        ["IMG 1.png", null, "picture.no_match"],
        // "profile picture files should be either jpegs or pngs"
        ["janedoe1.png", null, "picture.unsupported_format"],
    ]);
    assert_eq!(json!(rows("invalid").await), invalid);
    // "profile picture size should be < 5mb"
    let limit = 5 * 1024 * 1024;
    let archive = zipped(&[("nina4.png", limit - 1), ("case6.png", limit)]);
    let import = client.pictures(&archive).await;
    assert_eq!(counts(&import, ["inserted", "invalid"]), [1, 1]);
    let params = json!({"import": import["import"], "outcome": "invalid"});
    let refused = &client.rows("picture_rows", params).await[0];
    assert_eq!(
        (&refused["name"], &refused["problem"]["code"]),
        (&json!("case6.png"), &json!("picture.too_large"))
    );
}

/// A grey PNG of 2 × 2 pixels. A program reads it to its end, and ignores what follows.
const WHOLE_PNG: &[u8] = b"\x89\x50\x4e\x47\x0d\x0a\x1a\x0a\x00\x00\x00\x0d\x49\x48\x44\x52\x00\x00\x00\x02\x00\x00\x00\x02\x08\
    \x00\x00\x00\x00\x57\xdd\x52\xf8\x00\x00\x00\x0e\x49\x44\x41\x54\x78\xda\x63\x10\x50\x60\x30\x70\x00\
    \x00\x01\x76\x00\xa1\xf1\x58\xc4\x82\x00\x00\x00\x00\x49\x45\x4e\x44\xae\x42\x60\x82";

/// "combine the pictures into 1 zip file": PNG files of these sizes, with random content that does not compress.
fn zipped(pictures: &[(&str, usize)]) -> File {
    let folder = tempfile::tempdir().unwrap();
    for (name, size) in pictures {
        let mut bytes = WHOLE_PNG.to_vec();
        let mut noise = 1_u32;
        while bytes.len() < *size {
            noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            bytes.push(noise.to_be_bytes()[0]);
        }
        std::fs::write(folder.path().join(name), bytes).unwrap();
    }
    let archive = folder.path().join("Pictures.zip");
    let mut zip = std::process::Command::new(python());
    zip.current_dir(&folder).args(["-m", "zipfile", "-c", "Pictures.zip"]);
    zip.args(pictures.iter().map(|(name, _)| name));
    assert!(zip.status().unwrap().success());
    File::new("Pictures.zip", std::fs::read(archive).unwrap())
}

/// OCM-21 … OCM-23: "assign role (in bulk)".
async fn assign_role(client: &JourneyClient) {
    // "filter and select the users" · "select the role(s) you wish to add" · "select apply"
    let filter = json!({"org_unit": TEAM, "search": "do"});
    let apply = async |body: Value| {
        let result = client.accepted("AssignRoles", body).await;
        let users = result["users"].as_array().unwrap().clone();
        users
            .iter()
            .map(|one| json!([one["user"], one["outcome"], one["code"]]))
            .collect::<Vec<_>>()
    };
    let add = || json!({"filter": filter, "roles": ["Relationship Manager"]});
    assert_eq!(apply(add()).await, [json!(["johndoe22", "assigned", null])]);
    assert_eq!(apply(add()).await, [json!(["johndoe22", "skipped", "role.already_assigned"])]);
    let roles = async || client.row("user", json!({"user": "johndoe22"})).await["roles"].clone();
    assert_eq!(roles().await, json!(["Account Manager", "Relationship Manager"]));
    // "to remove a role from a set of users, click on the remove existing role checkbox"
    let remove = || json!({"users": ["johndoe22", "nobody"], "roles": ["Relationship Manager"], "remove": true});
    let unknown_user = json!(["nobody", "failed", "recipient.user_not_created"]);
    assert_eq!(
        apply(remove()).await,
        [json!(["johndoe22", "removed", null]), unknown_user.clone()]
    );
    assert_eq!(
        apply(remove()).await,
        [json!(["johndoe22", "skipped", "role.not_assigned"]), unknown_user]
    );
    assert_eq!(roles().await, json!(["Account Manager"]));
    // "select the role(s)": an unknown role refuses the whole command.
    let unknown = json!({"users": ["johndoe22"], "roles": ["Relationship Manager", "King"]});
    client.refused("AssignRoles", unknown, "reference.role_not_found").await;
    assert_eq!(
        column(&[client.row("user", json!({"user": "johndoe22"})).await], "roles"),
        [json!(["Account Manager"])]
    );
}
