//! Previews of imports from outside: look, then import exactly that.

use std::path::Path;

use serde_json::{Value, json};

use crate::support::paths::fixture;
use crate::support::program::{Cli, keys};

const COUNTS: [&str; 12] = [
    "activated",
    "created",
    "deactivated",
    "duplicate",
    "invalid",
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

/// The command line that a preview suggests, without the program's name, as the shell would split it.
fn suggested(told: &str) -> Vec<String> {
    let line = told.lines().find_map(|line| line.strip_prefix("to import exactly this: boarding "));
    let line = line.unwrap_or_else(|| panic!("no command line in {told}"));
    let script = format!("printf '%s\\n' {line}");
    let split = std::process::Command::new("bash").args(["-c", &script]).output().unwrap();
    String::from_utf8(split.stdout).unwrap().lines().map(str::to_owned).collect()
}

/// P16, LX-12: an operator looks first, and imports with the words that the preview gives.
#[test]
fn p16_an_operator_looks_first_and_imports_exactly_that() {
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

    let told = cli.run(&preview).expect_status(5);
    for words in [
        "PHONES REFUSED",
        "field.invalid_email",
        "row.user_exists",
        "row.duplicate_in_file",
        "phone.invalid",
        "nothing was imported; the plan is ",
    ] {
        assert!(told.stdout.contains(words), "{words}: {}", told.stdout);
    }
    let document = cli.run(&[&preview[..], &["--json"]].concat()).expect_status(5).json();
    assert_eq!(keys(&document), ["counts", "next", "plan_hash", "rows"]);
    assert_eq!(keys(&document["counts"]), COUNTS);
    assert_eq!(document["rows"].as_array().unwrap().len(), 5);
    assert!(log_bytes(&cli) == before, "a preview left a trace");
    assert!(cli.rows(&["imports"]).is_empty());

    let commit = suggested(&told.stdout);
    let commit: Vec<&str> = commit.iter().map(String::as_str).chain(["--json"]).collect();
    let import = cli.run(&commit).expect_status(5).json();
    for name in COUNTS {
        assert_eq!(import[name], document["counts"][name], "{name}");
    }
    let rows = cli.rows(&["imports", "rows", "latest"]);
    assert_eq!(json!(rows), document["rows"]);
    // Asked again it is another import, and ann is there by now.
    let answer: Value = cli.refused(&commit[..commit.len() - 1]);
    assert_eq!(answer["code"], "import.plan_changed");
}

/// P16: what has changed since the preview refuses the import, with the way on.
#[test]
fn p16_what_has_changed_since_refuses_the_import() {
    let cli = Cli::with_company();
    let file = cli.people("people.csv", &[("ann", "+84923448071"), ("bob", "+84923448072")]);
    let words = ["import", &file, "--dialect", "leapxpert", "--add-phones"];
    let plan = cli.json(&[&words[..], &["--preview"]].concat());
    assert_eq!((&plan["counts"]["created"], &plan["next"]), (&json!(2), &Value::Null));
    cli.run(&["command", "AddUser", r#"{"user":"ann"}"#]).expect_status(0);
    let hash = plan["plan_hash"].as_str().unwrap();
    let commit = [&words[..], &["--plan-hash", hash]].concat();
    assert_eq!(cli.refused(&commit)["code"], "import.plan_changed");
    assert!(cli.run(&commit).expect_status(1).stderr.contains("--preview"), "it says what to do");
    assert!(cli.rows(&["imports"]).is_empty());
    cli.run(&[&commit[..], &["--preview"]].concat()).expect_status(2);
    let text = "username\nann\n";
    let body = json!({"dialect": "leapxpert", "files": [{"name": "a.csv", "text": text}], "mode": "preview"});
    let answer = cli.json(&["command", "ImportFile", &body.to_string()]);
    assert_eq!(answer["result"]["counts"]["skipped"], 1);
}

/// LX-11, LX-12: what needs attention is shown wherever it stands in a long file.
#[test]
fn lx_12_the_rows_to_mend_are_shown_before_the_import() {
    let cli = Cli::with_company();
    let file = fixture("leapxpert/people-1000-30-bad.csv");
    let words = ["import", &file, "--dialect", "leapxpert", "--add-phones", "--preview"];
    cli.run(&words).expect_status(1);
    cli.run(&["config", "set", "bulk_integration_max_records", "5000"]).expect_status(0);
    let told = cli.run(&words).expect_status(5).stdout;
    for words in ["970", "and 16 more invalid rows", "duplicate rows:", "phone.scientific_notation"]
    {
        assert!(told.contains(words), "{words}: {told}");
    }
    let document = cli.run(&[&words[..], &["--json"]].concat()).expect_status(5).json();
    assert_eq!((&document["counts"]["invalid"], &document["next"]), (&json!(26), &json!(101)));
    assert_eq!(document["rows"].as_array().unwrap().len(), 100);
    assert!(cli.rows(&["users"]).is_empty());
}
