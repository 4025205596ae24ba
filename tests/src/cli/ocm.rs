//! Secure Work From Home (OCM): imports of three files, roles in bulk, profile pictures.

use std::fmt::Write as _;
use std::path::Path;

use serde_json::{Value, json};

use crate::support::paths::fixture;
use crate::support::program::Cli;

const TEAM: &str = "Wealth Advisors Hanoi";
const HEADER: &str =
    "LAN ID,First Name,Last Name,Agent ID,PBX ID,Profile,Supervisor,Org Unit,Role\n";

/// The path of a fixture of OCM. An absolute path stays as it is.
fn path(file: &str) -> String {
    if Path::new(file).is_absolute() { file.to_owned() } else { fixture(&format!("ocm/{file}")) }
}

/// Imports files together and returns the row of the import. Invalid rows are allowed.
#[track_caller]
fn import(cli: &Cli, files: &[&str]) -> Value {
    let files: Vec<_> = files.iter().map(|file| path(file)).collect();
    let files: Vec<&str> = files.iter().map(String::as_str).collect();
    let output = cli.run(&[&["import"], &files[..], &["--dialect", "ocm", "--json"]].concat());
    assert!([0, 5].contains(&output.status), "{output:?}");
    output.json()
}

#[track_caller]
fn refused(cli: &Cli, files: &[&str]) -> Value {
    let files: Vec<_> = files.iter().map(|file| path(file)).collect();
    let files: Vec<&str> = files.iter().map(String::as_str).collect();
    cli.refused(&[&["import"], &files[..], &["--dialect", "ocm"]].concat())
}

#[track_caller]
fn user(cli: &Cli, key: &str) -> Value {
    cli.json(&["query", "user", &format!("user={key}")])["row"].clone()
}

/// The fixtures of the three files that every import needs.
const FILES: [&str; 3] = ["userdetails.csv", "featuredetails.csv", "channelcountdetails.csv"];

fn texts(list: &Value) -> Vec<&str> {
    list.as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}

/// OCM-02 … OCM-13, N43, N74 … N76: Each fixture gives the counts, rows and codes of its `.expected.json`.
#[test]
fn ocm_fixtures_give_their_expected_results() {
    let mut cases = 0;
    for entry in std::fs::read_dir(fixture("ocm")).unwrap() {
        let file = entry.unwrap().path();
        if !file.to_string_lossy().ends_with(".expected.json") {
            continue;
        }
        let expected: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
        let cli = Cli::with_company();
        if expected["settings"].is_object() {
            let settings = expected["settings"].to_string();
            cli.json(&["command", "SetCompanyConfig", &settings]);
        }
        if expected["after"].is_array() {
            import(&cli, &texts(&expected["after"]));
        }
        cases += 1;
        if expected["refused"].is_object() {
            let refusal = refused(&cli, &texts(&expected["files"]));
            assert_eq!(refusal["code"], expected["refused"]["code"], "{}", file.display());
            assert_eq!(refusal["details"], expected["refused"]["details"], "{}", file.display());
            assert!(cli.rows(&["users"]).is_empty(), "{}", file.display());
            continue;
        }
        let row = import(&cli, &texts(&expected["files"]));
        for (count, value) in expected["counts"].as_object().unwrap() {
            assert_eq!(&row[count], value, "{}: {count}", file.display());
        }
        let id = row["import"].as_str().unwrap();
        let brief = |row: &Value| {
            let problems = row["problems"].as_array().unwrap();
            let codes: Vec<_> = problems.iter().map(|p| json!([p["column"], p["code"]])).collect();
            json!({"row": row["row"], "line": row["line"], "key": row["key"], "outcome": row["outcome"], "codes": codes})
        };
        let rows: Vec<_> = cli.rows(&["imports", "rows", id]).iter().map(brief).collect();
        assert_eq!(json!(rows), expected["rows"], "{}", file.display());
        let accepted = &cli.rows(&["history", &format!("import:{id}"), "--limit", "1"])[0];
        let warnings = accepted["data"]["warnings"].as_array().unwrap();
        let codes: Vec<_> = warnings.iter().map(|warning| warning["code"].clone()).collect();
        assert_eq!(json!(codes), expected["warnings"], "{}", file.display());
    }
    assert!(cases >= 5, "only {cases} cases were found");
}

/// OCM-01, OCM-02: The administrator downloads three templates, adds one row per user to the user details, and
/// selects all three files. The other two "can be used as they are without modification".
#[test]
fn three_templates_are_filled_in_and_imported() {
    let cli = Cli::with_company();
    let template =
        |words: &[&str]| cli.run(&[&["template", "ocm"], words].concat()).expect_status(0).stdout;
    let people = template(&[]);
    let row = format!("johndoe22,John,Doe,,4711,supervisor,,{TEAM},Team Lead,,,\r\n");
    let header = people.lines().next().unwrap();
    let people = cli.file("userdetails.csv", &format!("{header}\r\n{row}"));
    let features = cli.file("featuredetails.csv", &template(&["--file", "featuredetails"]));
    let channels = cli.file("channels.csv", &template(&["--file", "channelcountdetails"]));
    let row = import(&cli, &[&people, &features, &channels]);
    assert_eq!((&row["created"], &row["warnings"]), (&json!(1), &json!(0)));
    assert_eq!(row["file_name"], json!("userdetails.csv"));
    let user = user(&cli, "JOHNDOE22");
    let attributes = json!({"agent_id": "johndoe22", "pbx_id": "4711", "profile": "supervisor"});
    assert_eq!((&user["user"], &user["attributes"]), (&json!("johndoe22"), &attributes));
}

/// OCM-01: A missing file, a fourth file and an unknown file are refused, and nothing is imported.
#[test]
fn import_needs_all_three_files_and_no_other() {
    let cli = Cli::with_company();
    let missing = refused(&cli, &FILES[..2]);
    assert_eq!(missing["code"], "import.missing_companion_file");
    assert_eq!(missing["details"], json!({"which": ["channelcountdetails"]}));
    let notes = cli.file("notes.csv", "Name,Remark\nJane,on leave\n");
    let unexpected = refused(&cli, &[&FILES[..], &[notes.as_str()]].concat());
    assert_eq!(unexpected["code"], "import.unexpected_file");
    assert_eq!(unexpected["details"], json!({"file": "notes.csv"}));
    let empty = cli.file("userdetails.csv", "");
    let nothing = refused(&cli, &[&empty, FILES[1], FILES[2]]);
    assert_eq!(nothing["code"], "import.empty_file");
    assert_eq!(nothing["details"], json!({"file": "userdetails.csv"}));
    let misspelled = cli.file("userdetails.csv", "LAN ID,Name\njohn,John\n");
    assert_eq!(refused(&cli, &[FILES[1], &misspelled, FILES[2]])["code"], "csv.missing_column");
    let alone = fixture("ocm/userdetails.csv");
    let other = cli.refused(&["import", &alone, &path(FILES[1]), "--dialect", "leapxpert"]);
    assert_eq!(other["code"], "import.unexpected_file");
    assert!(cli.rows(&["users"]).is_empty() && cli.rows(&["imports"]).is_empty());
}

/// OCM-02, A29: A companion file is recognised by its name. An unexpected header gives a warning.
#[test]
fn companion_file_with_another_header_gives_a_warning() {
    let cli = Cli::with_company();
    let features = cli.file("featuredetails.csv", "hello\n");
    let row = import(&cli, &[FILES[0], &features, FILES[2]]);
    let id = format!("import:{}", row["import"].as_str().unwrap());
    let warnings = cli.rows(&["history", &id, "--limit", "1"])[0]["data"]["warnings"].clone();
    let of_header = |one: &&Value| one["code"] == "ocm.companion_header";
    let found: Vec<_> = warnings.as_array().unwrap().iter().filter(of_header).collect();
    assert_eq!(found.len(), 1, "{warnings}");
    assert!(found[0]["message"].as_str().unwrap().contains("featuredetails"), "{warnings}");
}

/// OCM-01, N04, N30, N33: A fault in the file of users is reported with the name of that file.
#[test]
fn fault_in_the_file_of_users_names_the_file() {
    let cli = Cli::with_company();
    let row = format!("john2,John,Doe,,2002,agent,jane1,{TEAM},Team Lead");
    let whole = format!("{HEADER}{row}\n");
    for (text, code) in [
        (format!("{row}\n"), "csv.missing_header"),
        (whole.replace(',', ";"), "csv.wrong_delimiter"),
        ("LAN ID,Name\njohn,John\n".to_owned(), "csv.missing_column"),
    ] {
        let people = cli.file("people.csv", &text);
        let refusal = refused(&cli, &[FILES[1], &people, FILES[2]]);
        assert_eq!(refusal["code"], code);
        assert_eq!(refusal["details"]["file"], json!("people.csv"));
    }
    assert!(cli.rows(&["imports"]).is_empty());
}

/// OCM-01, N08, N30: Delimiter and encoding options apply to the file of users. The companion files may differ.
#[test]
fn companion_files_may_have_another_delimiter_and_encoding() {
    let cli = Cli::with_company();
    let row = format!("jane1;Jane;Doe;;2002;supervisor;;{TEAM};Team Lead");
    let people = cli.file("people.csv", &format!("{}{row}\n", HEADER.replace(',', ";")));
    let with = |words: &[&str]| {
        let (features, channels) = (path(FILES[1]), path(FILES[2]));
        let files = ["import", &people, &features, &channels, "--dialect", "ocm", "--json"];
        cli.run(&[&files[..], words].concat()).expect_status(0).json()
    };
    assert_eq!(with(&["--delimiter", ";"])["created"], json!(1));
    let again = with(&["--delimiter", ";", "--encoding", "windows-1252"]);
    assert_eq!(again["duplicate"], json!(1));
}

/// OCM-13, OCM-14, OCM-15: "the number of duplicate records (lan id of record already exists), inserted
/// records and invalid records". The rows of each count can be listed, and the counts add up to all rows.
#[test]
fn rows_of_each_of_the_three_counts_are_listed() {
    let cli = Cli::with_company();
    import(&cli, &FILES);
    let before = user(&cli, "johndoe22");
    let row = import(&cli, &["hard.csv", FILES[1], FILES[2]]);
    let mut rows = 0;
    for outcome in ["duplicate", "created", "invalid"] {
        let words = ["imports", "rows", row["import"].as_str().unwrap(), "--outcome", outcome];
        let listed = cli.rows(&words);
        assert_eq!(json!(listed.len()), row[outcome], "{outcome}");
        assert!(listed.iter().all(|row| row["outcome"] == outcome));
        rows += listed.len();
    }
    assert_eq!(json!(rows), row["total"]);
    assert_eq!(user(&cli, "johndoe22"), before, "nothing was changed");
}

/// N84: A file with more rows than one commit holds continues in the background. The file of users may be at any
/// position among the files. A supervisor in the first row is found by the last row.
#[test]
fn long_file_of_users_is_imported_at_any_position() {
    let cli = Cli::with_company();
    let mut text = format!("{HEADER}boss,B,B,,1,supervisor,,{TEAM},Team Lead\n");
    for n in 2..=1_200 {
        writeln!(text, "agent{n},A,A,,{n},agent,boss,{TEAM},Account Manager").unwrap();
    }
    text += "late,L,L,,1200,agent,nobody,No Team,Account Manager\n";
    let people = cli.file("people.csv", &text);
    let preview = cli.run(&[
        "import",
        &path(FILES[2]),
        &people,
        &path(FILES[1]),
        "--dialect",
        "ocm",
        "--preview",
        "--json",
    ]);
    let row = import(&cli, &[FILES[2], &people, FILES[1]]);
    assert_eq!(
        (&row["created"], &row["invalid"], &row["total"]),
        (&json!(1_200), &json!(1), &json!(1_201))
    );
    assert_eq!(preview.expect_status(5).json()["counts"]["created"], json!(1_200));
    let words = ["imports", "rows", "latest", "--outcome", "invalid"];
    let problems = cli.rows(&words)[0]["problems"].clone();
    let columns: Vec<_> =
        problems.as_array().unwrap().iter().map(|p| p["column"].clone()).collect();
    assert_eq!(columns, ["Org Unit", "Supervisor", "PBX ID"]);
}

/// A23, OCM-08: A setting says whether a supervisor may be in the same file, and in which rows. The setting also
/// applies to files of several commits. The preview has the same counts as the import.
#[test]
fn setting_says_where_a_supervisor_may_be() {
    const AGENTS: u64 = 600;
    let mut text = HEADER.to_owned();
    let agents = |text: &mut String, from: u64| {
        for n in from..from + AGENTS {
            writeln!(text, "agent{n},A,A,,{n},agent,boss,{TEAM},Account Manager").unwrap();
        }
    };
    agents(&mut text, 1);
    text += &format!("boss,B,B,,9001,supervisor,,{TEAM},Team Lead\n");
    agents(&mut text, 2_000);
    for (setting, created) in
        [("strict", 1), ("file_order", 1 + AGENTS), ("two_pass", 1 + 2 * AGENTS)]
    {
        let cli = Cli::with_company();
        let setting = json!({"reference_resolution": setting}).to_string();
        cli.json(&["command", "SetCompanyConfig", &setting]);
        let people = cli.file("people.csv", &text);
        let (features, channels) = (path(FILES[1]), path(FILES[2]));
        let words = ["import", &features, &people, &channels, "--dialect", "ocm"];
        let preview = cli.run(&[&words[..], &["--preview", "--json"]].concat()).json();
        let row = import(&cli, &[FILES[1], &people, FILES[2]]);
        let invalid = 1 + 2 * AGENTS - created;
        assert_eq!(
            (&row["created"], &row["invalid"]),
            (&json!(created), &json!(invalid)),
            "{setting}"
        );
        assert_eq!(preview["counts"]["created"], json!(created), "{setting}");
        let rows = cli.rows(&["imports", "rows", "latest", "--outcome", "invalid"]);
        let of_supervisor =
            |row: &Value| row["problems"][0]["code"] == "reference.supervisor_not_found";
        assert!(rows.len() as u64 == invalid && rows.iter().all(of_supervisor), "{setting}");
    }
}

/// OCM-21, OCM-22, OCM-23: Filter and select the users, select the role, check "remove existing role".
#[test]
fn roles_are_assigned_and_removed_in_bulk() {
    let cli = Cli::with_company();
    import(&cli, &FILES);
    let assign = |body: &Value| {
        let words = ["command", "AssignRoles", &body.to_string(), "--json"];
        let output = cli.run(&words);
        let users = output.json()["result"]["users"].as_array().unwrap().clone();
        let status = if users.iter().any(|one| one["outcome"] == "failed") { 5 } else { 0 };
        output.expect_status(status);
        users
            .iter()
            .map(|one| json!([one["user"], one["outcome"], one["code"]]))
            .collect::<Vec<_>>()
    };
    let filter = json!({"org_unit": "Private Banking, Zürich", "state": "active"});
    let mut body = json!({"filter": filter, "roles": ["Relationship Manager"]});
    let (john, maria) = ("johndoe22", "MariaRossi3");
    assert_eq!(assign(&body), [json!([john, "assigned", null]), json!([maria, "assigned", null])]);
    let repeat = assign(&body);
    assert_eq!(repeat[0], json!([john, "skipped", "role.already_assigned"]));
    let roles = || user(&cli, "johndoe22")["roles"].clone();
    assert_eq!(roles(), json!(["Account Manager", "Relationship Manager"]));
    body["remove"] = json!(true);
    assert_eq!(assign(&body)[1], json!([maria, "removed", null]));
    assert_eq!(assign(&body)[1], json!([maria, "skipped", "role.not_assigned"]));
    assert_eq!(roles(), json!(["Account Manager"]));
    let named = json!({"users": ["johndoe22", "nobody"], "roles": ["Client Associate"]});
    assert_eq!(assign(&named)[1], json!(["nobody", "failed", "recipient.user_not_created"]));
    let unknown = json!({"users": ["janedoe1"], "roles": ["Client Associate", "King"]}).to_string();
    let answer = cli.refused(&["command", "AssignRoles", &unknown]);
    assert_eq!(answer["code"], "reference.role_not_found");
}

/// OCM-16 … OCM-20: "put all the profile pictures in 1 zip file", matched by Agent ID, after the users exist.
#[test]
fn profile_pictures_are_imported_after_the_users() {
    let cli = Cli::with_company();
    let archive = path("Archive.zip");
    let early = cli.run(&["pictures", &archive, "--json"]).expect_status(5).json();
    assert_eq!((&early["inserted"], &early["invalid"]), (&json!(0), &json!(6)));
    let files = std::fs::read_dir(cli.data().join("files")).unwrap().count();
    assert_eq!(files, 1, "pictures of unknown people are not kept, only their archive is");
    import(&cli, &FILES);
    let output = cli.run(&["pictures", &archive]).expect_status(5);
    assert!(output.stdout.contains("2 inserted, 4 invalid"), "{}", output.stdout);
    let second = cli.run(&["pictures", &archive, "--json"]).expect_status(5).json();
    assert_eq!(
        (&second["inserted"], &second["total"]),
        (&json!(2), &json!(6)),
        "pictures are replaced"
    );
    let id = second["import"].as_str().unwrap();
    let archives = cli.rows(&["pictures"]);
    assert_eq!((archives.len(), &archives[0]["import"]), (3, &second["import"]));
    let latest = cli.run(&["query", "picture_import", "import=latest"]).expect_status(0).json();
    assert_eq!(latest["row"], second);
    assert_eq!(cli.rows(&["pictures", "--rows", "latest"]), cli.rows(&["pictures", "--rows", id]));
    let rows = |outcome: &str| cli.rows(&["pictures", "--rows", id, "--outcome", outcome]);
    let inserted: Vec<_> =
        rows("inserted").iter().map(|row| json!([row["name"], row["user"]])).collect();
    let expected =
        [json!(["johndoe22.png", "johndoe22"]), json!(["MARIAROSSI3.JPG", "MariaRossi3"])];
    assert_eq!(inserted, expected);
    let codes: Vec<_> =
        rows("invalid").iter().map(|row| json!([row["name"], row["problem"]["code"]])).collect();
    let expected = [
        json!(["johndoe22.jpg", "picture.duplicate_for_user"]),
        json!(["nobody9.png", "picture.user_not_found"]),
        json!(["IMG 1.png", "picture.no_match"]),
        json!(["janedoe1.png", "picture.unsupported_format"]),
    ];
    assert_eq!(codes, expected);
    let digest = rows("inserted")[0]["sha256"].as_str().unwrap().to_owned();
    let bytes = std::fs::read(cli.data().join("files").join(digest)).unwrap();
    assert!(bytes.starts_with(b"\x89PNG"), "the picture is stored unchanged");
    // `--match` accepts the product's name of the attribute. The archive may come from the standard input.
    let empty = format!("PK\u{5}\u{6}{}", "\0".repeat(18));
    let piped = ["pictures", "-", "--match", "Agent ID", "--json"];
    let piped = cli.run_with_input(&piped, &empty).expect_status(0).json();
    assert_eq!((&piped["file_name"], &piped["total"]), (&json!("stdin.zip"), &json!(0)));
    let refusal = cli.refused(&["pictures", &path(FILES[0])]);
    assert_eq!(refusal["code"], "import.unsupported_file_type");
    let history = cli.rows(&["history", "user:johndoe22"]);
    let pictures = history.iter().filter(|row| row["event"] == "PictureInserted").count();
    assert_eq!(pictures, 2);
}

/// A shortened list of refused pictures shows how many are missing, and the command that lists them.
#[test]
fn shortened_list_of_pictures_names_the_command_for_all() {
    let cli = Cli::with_company();
    let names: Vec<String> = (1..=12).map(|n| format!("unknown{n}.png")).collect();
    names.iter().for_each(|name| drop(cli.file(name, "no picture")));
    let mut zip = std::process::Command::new(crate::support::clients::python());
    zip.current_dir(cli.path()).args(["-m", "zipfile", "-c", "Twelve.zip"]).args(&names);
    assert!(zip.status().unwrap().success());
    let output = cli.run(&["pictures", "Twelve.zip"]).expect_status(5).stdout;
    assert!(output.contains("… and 2 more: boarding pictures --rows "), "{output}");
}

/// A41: An archived person, the leaver, releases the PBX ID. While another person has this ID, restoring the leaver is
/// refused. The refusal names the other person.
#[test]
fn leaver_releases_the_pbx_id_until_restored() {
    let (cli, [features, channels]) = dealing_floor();
    let import = |file: &str| {
        let file = fixture(&format!("field/{file}.csv"));
        cli.run(&["import", &file, &features, &channels, "--dialect", "ocm"]).expect_status(0);
    };
    import("52-userdetails-1");
    cli.run(&["users", "archive", "leaver1"]).expect_status(0);
    import("52-userdetails-2");
    assert_eq!(cli.json(&["users", "show", "newbie1"])["attributes"]["pbx_id"], "2003");
    let refusal = cli.refused(&["users", "restore", "leaver1"]);
    assert_eq!(refusal["code"], "field.not_unique");
    assert_eq!(refusal["details"], json!({"field": "pbx_id", "holder": "newbie1"}));
    cli.run(&["users", "archive", "newbie1"]).expect_status(0);
    cli.run(&["users", "restore", "leaver1"]).expect_status(0);
    assert_eq!(cli.refused(&["users", "restore", "newbie1"])["details"]["holder"], "leaver1");
}

/// A company with a department and a team, and the two companion files of every import.
fn dealing_floor() -> (Cli, [String; 2]) {
    let cli = Cli::with_company_of("company/field.json");
    cli.run(&["org-units", "define", "Desk", "--level", "department"]).expect_status(0);
    let team = ["org-units", "define", "TeamA", "--parent", "Desk", "--level", "team"];
    cli.run(&team).expect_status(0);
    let parts = ["LAN ID,Feature,Enabled\n", "LAN ID,Channel,Count\n"];
    let others = [cli.file("f.csv", parts[0]), cli.file("c.csv", parts[1])];
    (cli, others)
}

/// OCM-08: With two passes, no person is created under a supervisor whose row fails, even if that row is later.
#[test]
fn person_is_not_created_under_a_supervisor_whose_row_fails() {
    let (cli, [features, channels]) = dealing_floor();
    cli.run(&["config", "set", "reference_resolution", "two_pass"]).expect_status(0);
    let rows = "ann,Ann,Lee,,2001,agent,king,TeamA,Agent\nbob,Bob,Ray,,2002,agent,boss,TeamA,Agent\n\
        king,Kay,Ing,,1001,supervisor,,Desk,King\nboss,Bo,Ss,,1002,supervisor,,Desk,Agent\n";
    let people = cli.file("people.csv", &format!("{HEADER}{rows}"));
    let import = ["import", &people, &features, &channels, "--dialect", "ocm"];
    cli.run(&import).expect_status(5);
    let rows = cli.rows(&["imports", "rows", "latest"]);
    let outcomes: Vec<_> = rows.iter().map(|row| row["outcome"].as_str().unwrap()).collect();
    assert_eq!(outcomes, ["invalid", "created", "invalid", "created"]);
    assert_eq!(rows[0]["problems"][0]["code"], "reference.supervisor_not_found");
}

/// P23: The preview and the result of an undo name the people who are left without a supervisor.
#[test]
fn undo_names_people_left_without_a_supervisor() {
    let (cli, [features, channels]) = dealing_floor();
    let import = |name: &str, row: &str| {
        let people = cli.file(name, &format!("{HEADER}{row}\n"));
        let import = ["import", &people, &features, &channels, "--dialect", "ocm", "--json"];
        cli.run(&import).expect_status(0).json()["import"].as_str().unwrap().to_owned()
    };
    let first = import("boss.csv", "boss,Bo,Ss,,1001,supervisor,,Desk,Agent");
    import("ann.csv", "ann,Ann,Lee,,2001,agent,BOSS,TeamA,Agent");
    let left = json!({"total": 1, "users": ["ann"]});
    let preview = json!({"import": first, "mode": "preview"}).to_string();
    let preview = cli.json(&["command", "UndoImport", &preview]);
    assert_eq!(preview["result"]["unsupervised"], left);
    let output = cli.run(&["imports", "undo", &first, "--yes"]).expect_status(0).stdout;
    for words in ["1 person would be left", "1 person is left"] {
        assert!(output.contains(&format!("{words} without a supervisor: ann.")), "{output}");
    }
    assert_eq!(cli.json(&["imports", "show", &first])["undo"]["unsupervised"], left);
}

/// OCM-11: CRM names and greeting templates are checked once the company has defined some. A blank cell is valid.
#[test]
fn crm_name_and_greeting_template_are_checked_once_defined() {
    let cli = Cli::with_company();
    let settings = ["crm_names", "[\"Salesforce\"]", "greeting_templates", "[\"Welcome Hanoi\"]"];
    let people = |crm: &str, greeting: &str| {
        let header =
            HEADER.replace('\n', ",Access Role,CRM Name,Text Chat Greeting Template Name\n");
        let row = format!("boss,B,B,,9001,supervisor,,{TEAM},Team Lead,,{crm},{greeting}\n");
        let file = cli.file("people.csv", &(header + &row));
        let (features, channels) = (path(FILES[1]), path(FILES[2]));
        let words = ["import", &features, &file, &channels, "--dialect", "ocm", "--preview"];
        let preview = cli.run(&[&words[..], &["--json"]].concat()).json();
        let problems = preview["rows"][0]["problems"].as_array().unwrap().clone();
        problems.iter().map(|one| json!([one["column"], one["code"]])).collect::<Vec<_>>()
    };
    assert_eq!(people("Pipedrive", "Any"), Vec::<Value>::new());
    cli.run(&[&["config", "set"][..], &settings].concat()).expect_status(0);
    assert_eq!(people("Salesforce", "Welcome Hanoi"), Vec::<Value>::new());
    assert_eq!(people("", ""), Vec::<Value>::new());
    let crm = json!(["CRM Name", "reference.crm_name_not_found"]);
    let code = "reference.greeting_template_not_found";
    let greeting = json!(["Text Chat Greeting Template Name", code]);
    assert_eq!(people("Pipedrive", "Welcome"), [crm, greeting]);
}
