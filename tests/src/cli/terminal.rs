//! What an operator sees and types: newest ids, settings, folders, files for a spreadsheet.

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use serde_json::json;

use crate::support::program::Cli;

/// LX-24: The word `latest` stands for the newest id in every query.
#[test]
fn latest_works_in_queries() {
    let cli = Cli::with_company();
    let none = cli.run(&["query", "run", "run=latest"]).expect_status(1);
    assert!(none.stderr.contains("run.not_found"), "{}", none.stderr);
    let people = cli.people("people.csv", &[("ann", "+84912345001")]);
    let import = cli.import(&people)["import"].clone();
    let run = cli.start(&["--import", "latest"])["run"].clone();
    let query = |words: &[&str]| cli.run(&[&["query"], words].concat()).expect_status(0).json();
    assert_eq!(query(&["run", "run=latest"])["row"]["run"], run);
    assert_eq!(query(&["integration_log", "run=latest"])["rows"][0]["username"], "ann");
    assert_eq!(query(&["import", "import=latest"])["row"]["import"], import);
    assert_eq!(query(&["import_rows", "import=latest"])["rows"][0]["key"], "ann");
    assert_eq!(query(&["phone_list", "import=latest"])["rows"][0]["user"], "ann");
    let events = query(&["history", "entity=run:latest"]);
    assert_eq!(events["rows"][0]["event"], "RunRequested");
    let failed = cli.run(&["query", "failed_rows", "import=latest"]).expect_status(0).stdout;
    assert!(failed.ends_with("_row,_column,_code,_reason\r\n"), "{failed}");
    let past = cli.run(&["query", "runs", "--as-of", "1"]).expect_status(0).json();
    assert_eq!(past["rows"], json!([]));
}

#[test]
fn query_without_name_lists_all_queries() {
    let cli = Cli::new();
    let list = cli.run(&["query"]).expect_status(0).stdout;
    for name in ["phone_list", "failed_rows", "permissions", "integration_log          run! status"]
    {
        assert!(list.contains(name), "{name}: {list}");
    }
    assert!(!cli.data().exists(), "a list of names needs no folder");
}

/// LX-05: A setting is read by every name that can set it, with its default, and can be unset.
#[test]
fn setting_is_read_by_every_name_and_unset() {
    let cli = Cli::new();
    let vendors = "com.leapxpert.user.bulkintegration.records";
    cli.run(&["config", "set", vendors, "7", "channels.whatsapp", "true"]).expect_status(0);
    let in_words = "Define maximum number of records (users) per Bulk Integration run";
    let spelled = "Bulk integration max-records";
    for name in [vendors, in_words, spelled, "bulk_integration_max_records"] {
        let shown = cli.run(&["config", "get", name]).expect_status(0);
        assert_eq!(shown.stdout, "7\n");
        assert!(shown.stderr.contains("default: 100"), "{}", shown.stderr);
        assert!(
            shown.stderr.contains("meaning: The most recipients of one run"),
            "{}",
            shown.stderr
        );
    }
    cli.run(&["config", "set", in_words, "8", "Channels.WhatsApp", "true"]).expect_status(0);
    assert_eq!(cli.json(&["config", "get", vendors]), 8);
    cli.run(&["config", "set", vendors, "9", spelled, "9"]).expect_status(2);
    cli.run(&["config", "unset", spelled, "channels"]).expect_status(0);
    assert_eq!(cli.json(&["config", "get", vendors]), 100);
    assert_eq!(cli.json(&["config", "get", "channels.whatsapp"]), false);
    for verb in ["get", "unset"] {
        let typo = cli.refused(&["config", verb, "bulk_integration_max_record"]);
        assert_eq!(typo["code"], "config.unknown_setting");
        assert!(typo["message"].as_str().unwrap().contains("did you mean"), "{typo}");
    }
}

#[test]
fn reading_verb_creates_no_folder() {
    let cli = Cli::new();
    for words in [
        &["users"][..],
        &["runs", "list"],
        &["imports", "rows", "latest"],
        &["query", "users"],
        &["log", "latest"],
    ] {
        let output = cli.run(words).expect_status(2);
        assert!(output.stderr.contains("there is no data folder"), "{}", output.stderr);
    }
    assert!(!cli.data().exists());
}

#[test]
fn empty_variable_counts_as_unset() {
    let cli = Cli::new();
    let command = |company: &str| {
        let mut command = cli.command(&["roles", "define", "Lead", "--company", "acme"]);
        command.env("BOARDING_COMPANY", company).env("BOARDING_SMTP", "").output().unwrap()
    };
    assert!(command("").status.success());
    let mut without = cli.command(&["users"]);
    let without = without.env("BOARDING_COMPANY", "").output().unwrap();
    let text = String::from_utf8(without.stderr).unwrap();
    assert!(text.contains("no company is given"), "{text}");
}

/// The bytes that the files of a folder take on the disk.
fn bytes_on_disk(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    let bytes = entries.map(|entry| match entry.file_type().unwrap().is_dir() {
        true => bytes_on_disk(&entry.path()),
        false => entry.metadata().unwrap().blocks() * 512,
    });
    bytes.sum()
}

#[test]
fn new_folder_takes_little_space() {
    let cli = Cli::with_company();
    let bytes = bytes_on_disk(&cli.data());
    assert!(bytes < 8 * 1024 * 1024, "a new folder takes {bytes} bytes");
}

/// N05, N65: Failed rows for a spreadsheet have guarded formulas, and are imported again without a warning.
#[test]
fn failed_rows_for_spreadsheet_are_guarded() {
    let cli = Cli::with_company();
    let text = "username,first_name,last_name,email,phone_number,org_unit,role\n\
        ann,=1+1,Doe,ann@@,,Fixed Income Desk,\n";
    let file = cli.file("people.csv", text);
    cli.run(&["import", &file, "--dialect", "leapxpert"]).expect_status(5);
    let words = ["imports", "failed-rows", "latest", "--spreadsheet", "-o", "failed.csv"];
    cli.run(&words).expect_status(0);
    let path = cli.path().join("failed.csv");
    let failed = std::fs::read_to_string(&path).unwrap();
    assert!(failed.starts_with("\u{feff}username,") && failed.contains("ann,'=1+1,"), "{failed}");
    std::fs::write(&path, failed.replace("ann@@", "ann@acme.example")).unwrap();
    let again = cli.import("failed.csv");
    assert_eq!(again["created"], 1, "{again}");
    cli.run(&["users", "--spreadsheet", "-o", "users.csv"]).expect_status(0);
    let same = cli.run(&["import", "users.csv", "--dialect", "leapxpert", "--existing", "update"]);
    assert!(!same.expect_status(0).stdout.contains("csv.bom_removed"));
    let accepted = cli.run(&["query", "history", "entity=import:latest"]).expect_status(0).stdout;
    assert!(!accepted.contains("csv.bom_removed"), "{accepted}");
    assert_eq!(cli.json(&["users", "show", "ann"])["first_name"], "=1+1");
}

/// A mistyped name gets the name that is meant, or no suggestion at all.
#[test]
fn suggestion_is_right_or_absent() {
    let cli = Cli::with_company_of("company/field.json");
    let start = ["runs", "start", "--channel", "whatsapp", "--yes", "--org-unit"];
    for (words, near) in [
        (&["config", "set", "channel.whatsap", "true"][..], Some("channels.whatsapp")),
        (&["config", "set", "colour", "red"], None),
        (&["command", "ArchivUser", "{}"], Some("ArchiveUser")),
        (&["command", "Explode", "{}"], None),
        (&["query", "import_row"], Some("import_rows")),
        (&["query", "weather"], None),
        (&["query", "users", "serch=ann"], Some("search")),
        (&["query", "users", "state=activ"], Some("active")),
        (&["query", "users", "state=asleep"], None),
        (&["template", "leapexpert"], Some("leapxpert")),
        (&[&start[..], &["Sale"]].concat(), Some("Sales")),
        (&[&start[..], &["Moon"]].concat(), None),
        (&["users", "add", "kim", "--role", "Account Manger"], Some("Account Manager")),
    ] {
        let message = cli.refused(words)["message"].as_str().unwrap().to_owned();
        match near {
            Some(near) => {
                assert!(message.contains(&format!("did you mean {near}?")), "{words:?}: {message}");
            }
            None => assert!(!message.contains("did you mean"), "{words:?}: {message}"),
        }
    }
}

/// Contract 3: A person without a reason has null in JSON, and the dash of the product in tables and CSV.
#[test]
fn person_without_a_reason_has_null_in_json() {
    let cli = Cli::with_company_of("company/field.json");
    cli.import(&crate::support::paths::fixture("field/01-email-swap-1.csv"));
    cli.start(&["--user", "ann"]);
    let log = cli.rows(&["log", "latest"]);
    assert_eq!((&log[0]["status"], &log[0]["reason"]), (&json!("success"), &json!(null)));
    let answer = cli.json(&["query", "integration_log", "run=latest"]);
    assert_eq!(answer["rows"][0]["reason"], json!(null));
    let table = cli.run(&["log", "latest"]).expect_status(0).stdout;
    assert!(table.trim_end().ends_with('-'), "{table}");
    let csv = cli.run(&["log", "latest", "--csv"]).expect_status(0).stdout;
    assert!(csv.contains(",success,-,,"), "{csv}");
}
