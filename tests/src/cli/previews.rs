//! Previews of imports, and imports bound to a preview by its plan hash.

use std::path::Path;

use serde_json::{Value, json};

use crate::support::paths::fixture;
use crate::support::program::{Cli, keys};

const COUNTS: [&str; 15] = [
    "activated",
    "blank_rows",
    "created",
    "deactivated",
    "duplicate",
    "invalid",
    "lost",
    "notes",
    "phones_added",
    "phones_failed",
    "skipped",
    "total",
    "unchanged",
    "updated",
    "warnings",
];

fn log_bytes(cli: &Cli) -> Vec<(String, Vec<u8>)> {
    let read = |path: &Path| (path.display().to_string(), std::fs::read(path).unwrap());
    let entries = std::fs::read_dir(cli.data().join("log")).unwrap();
    let mut files: Vec<_> = entries.map(|entry| read(&entry.unwrap().path())).collect();
    files.sort();
    files
}

/// The arguments of the command that a preview suggests, split as a shell splits them.
fn suggested(stdout: &str) -> Vec<String> {
    let mut lines = stdout.lines();
    let line = lines.find_map(|line| line.strip_prefix("to import exactly this: boarding "));
    let line = line.unwrap_or_else(|| panic!("no command line in {stdout}"));
    let script = format!("printf '%s\\n' {line}");
    let split = std::process::Command::new("bash").args(["-c", &script]).output().unwrap();
    String::from_utf8(split.stdout).unwrap().lines().map(str::to_owned).collect()
}

/// P16, LX-12: The command that a preview suggests imports exactly the rows of the preview.
#[test]
fn command_suggested_by_a_preview_imports_exactly_its_rows() {
    let cli = Cli::with_company();
    cli.run(&["command", "AddUser", r#"{"user":"bob"}"#]).expect_status(0);
    let file = cli.file(
        "new people; May.csv",
        "Login;Vorname;email;phone_number\n\
         ann;Ann;ann@acme.example;+84923448071\n\
         bob;Bob;bob@acme.example;\n\
         cid;Cid;nobody;\n\
         dee;Dee;dee@acme.example;12\n\
         ann;Ann;ann@acme.example;\n",
    );
    let options =
        ["--delimiter", ";", "--column", "Login=username", "--column", "Vorname=first_name"];
    let words =
        [&["import", &file, "--dialect", "leapxpert", "--add-phones"][..], &options].concat();
    let preview = [&words[..], &["--preview"]].concat();
    let before = log_bytes(&cli);

    let output = cli.run(&preview).expect_status(5);
    for words in [
        "PHONES REJECTED",
        "field.invalid_email",
        "row.user_exists",
        "row.duplicate_in_file",
        "phone.invalid",
        "nothing was imported; the hash of the plan is ",
    ] {
        assert!(output.stdout.contains(words), "{words}: {}", output.stdout);
    }
    let document = cli.run(&[&preview[..], &["--json"]].concat()).expect_status(5).json();
    assert_eq!(keys(&document), ["counts", "next", "plan_hash", "rows", "warnings"]);
    assert_eq!(keys(&document["counts"]), COUNTS);
    assert_eq!(document["rows"].as_array().unwrap().len(), 5);
    assert!(log_bytes(&cli) == before, "a preview changed the log");
    assert!(cli.rows(&["imports"]).is_empty());

    let words = suggested(&output.stdout);
    let words: Vec<&str> = words.iter().map(String::as_str).chain(["--json"]).collect();
    let import = cli.run(&words).expect_status(5).json();
    for name in COUNTS {
        assert_eq!(import[name], document["counts"][name], "{name}");
    }
    let rows = cli.rows(&["imports", "rows", "latest"]);
    assert_eq!(json!(rows), document["rows"]);
    // The same command is another import, for which ann exists already.
    let answer: Value = cli.refused(&words[..words.len() - 1]);
    assert_eq!(answer["code"], "import.plan_changed");
}

/// P16: An import is refused if its rows have changed since the preview. The message names `--preview`.
#[test]
fn changed_plan_refuses_the_import() {
    let cli = Cli::with_company();
    let file = cli.people("people.csv", &[("ann", "+84923448071"), ("bob", "+84923448072")]);
    let words = ["import", &file, "--dialect", "leapxpert", "--add-phones"];
    let plan = cli.json(&[&words[..], &["--preview"]].concat());
    assert_eq!((&plan["counts"]["created"], &plan["next"]), (&json!(2), &Value::Null));
    cli.run(&["command", "AddUser", r#"{"user":"ann"}"#]).expect_status(0);
    let hash = plan["plan_hash"].as_str().unwrap();
    let commit = [&words[..], &["--plan-hash", hash]].concat();
    assert_eq!(cli.refused(&commit)["code"], "import.plan_changed");
    assert!(cli.run(&commit).expect_status(1).stderr.contains("--preview"), "no next command");
    assert!(cli.rows(&["imports"]).is_empty());
    cli.run(&[&commit[..], &["--preview"]].concat()).expect_status(2);
    let text = "username\nann\n";
    let body = json!({"dialect": "leapxpert", "files": [{"name": "a.csv", "text": text}], "mode": "preview"});
    let answer = cli.json(&["command", "ImportFile", &body.to_string()]);
    assert_eq!(answer["result"]["counts"]["skipped"], 1);
}

/// LX-11, LX-12: A preview shows invalid rows and rejected phones of the whole file, wherever they are.
#[test]
fn preview_shows_the_invalid_rows_of_a_long_file() {
    let cli = Cli::with_company();
    let file = fixture("leapxpert/people-1000-30-bad.csv");
    let words = ["import", &file, "--dialect", "leapxpert", "--add-phones", "--preview"];
    cli.run(&words).expect_status(1);
    cli.run(&["config", "set", "bulk_integration_max_records", "5000"]).expect_status(0);
    let stdout = cli.run(&words).expect_status(5).stdout;
    for words in ["970", "and 16 more invalid rows", "duplicate rows:", "phone.scientific_notation"]
    {
        assert!(stdout.contains(words), "{words}: {stdout}");
    }
    let document = cli.run(&[&words[..], &["--json"]].concat()).expect_status(5).json();
    assert_eq!((&document["counts"]["invalid"], &document["next"]), (&json!(26), &json!(101)));
    assert_eq!(document["rows"].as_array().unwrap().len(), 100);
    assert!(cli.rows(&["users"]).is_empty());
}

/// N99: A preview shows the old and the new value of each cell, and warns of values that moved between people.
#[test]
fn preview_shows_changes_and_values_that_moved() {
    let cli = Cli::with_company_of("company/field.json");
    let import = |file: &str, options: &[&str]| {
        let file = fixture(&format!("field/{file}.csv"));
        cli.run(&[&["import", &file, "--dialect", "leapxpert"], options].concat()).expect_status(0)
    };
    import("93-before", &[]);
    let options = ["--existing", "update", "--preview"];
    let shown = import("93-shifted-column", &options).stdout;
    for words in ["import.values_moved", "4 values move", "s0@acme.example", "s1@acme.example"] {
        assert!(shown.contains(words), "{words}: {shown}");
    }
    let document = import("93-shifted-column", &[&options[..], &["--json"]].concat()).json();
    let change = json!([{"field": "email", "old": "s0@acme.example", "new": "s1@acme.example"}]);
    assert_eq!(document["changes"][0]["changes"], change);
    assert_eq!(document["warnings"][0]["code"], "import.values_moved");
}

/// A preview of an import with invitations says who would be invited, and whether the numbers suffice.
#[test]
fn preview_shows_invitations_and_numbers() {
    let cli = Cli::with_company_of("company/field.json");
    cli.run(&["numbers", "add", "+12125550001", "--org-unit", "Sales"]).expect_status(0);
    let text = "firstname,email address or device,social_messaging,monitor_calls,monitor_sms\n\
        Ann,ann@acme.example,Yes,off,off\nBob,bob@acme.example,Yes,off,off\n";
    let file = cli.file("accounts.csv", text);
    let words = ["import", &file, "--dialect", "multiline", "--organization", "Sales"];
    let words = [&words[..], &["--permission-group", "Traders", "--invite", "--preview"]].concat();
    let document = cli.run(&[&words[..], &["--json"]].concat()).expect_status(0).json();
    let expected = json!({"invite": 1, "skip": 0, "fail": {"number.none_available": 1}});
    assert_eq!(document["invites"]["expected"], expected);
    assert_eq!(document["invites"]["people"], json!(["ann@acme.example"]));
    let numbers = json!({"organization": "Sales", "needed": 2, "available": 1});
    assert_eq!(document["numbers"], numbers);
    let shown = cli.run(&words).expect_status(0).stdout;
    for words in [
        "import.numbers_short]\n  show the free numbers of each organization:",
        "to be invited now: 1 (ann@acme.example)",
    ] {
        assert!(shown.contains(words), "{words}: {shown}");
    }
}

/// A preview names the people that a file would activate or deactivate.
#[test]
fn preview_names_people_who_would_be_deactivated() {
    let cli = Cli::new();
    let header = "email/login,Enabled";
    let before = format!("{header}\nann@acme.example,TRUE\nbob@acme.example,TRUE\n");
    let import = |name: &str, text: &str, more: &[&str]| {
        let file = cli.file(name, text);
        cli.run(&[&["import", &file, "--dialect", "officechat"], more].concat()).stdout
    };
    import("before.csv", &before, &[]);
    let after = format!("{header}\nann@acme.example,FALSE\n");
    let shown = import("after.csv", &after, &["--existing", "update", "--preview"]);
    assert!(shown.contains("would be deactivated: ann@acme.example\n"), "{shown}");
}
