//! Imports as an operator lives them: what came in, what did not, and how to mend it.

use serde_json::{Value, json};

use crate::support::paths::fixture;
use crate::support::program::Cli;

/// LX-08, LX-11, LX-12, LX-13: 1,000 people with 30 bad rows, and nobody to ask.
#[test]
fn an_operator_gets_through_a_file_with_bad_rows_alone() {
    let cli = Cli::with_company();
    let file = fixture("leapxpert/people-1000-30-bad.csv");
    let words = ["import", &file, "--dialect", "leapxpert", "--add-phones"];
    let refused = cli.run(&words).expect_status(1);
    assert!(refused.stderr.contains("bulk_integration_max_records"), "{}", refused.stderr);
    cli.run(&["config", "set", "bulk_integration_max_records", "5000"]).expect_status(0);

    let told = cli.run(&words).expect_status(5);
    for words in [
        "970 created",
        "26 invalid",
        "4 duplicate",
        "962 phones added",
        "field.required",
        "and 16 more invalid rows",
        "phone.scientific_notation",
    ] {
        assert!(told.stdout.contains(words), "{words}: {}", told.stdout);
    }
    for words in
        ["imports rows", "imports failed-rows", "phones add", "runs start --channel whatsapp"]
    {
        assert!(told.stderr.contains(words), "{words}: {}", told.stderr);
    }

    let import = cli.json(&["imports", "show", "latest"]);
    let import = import["import"].as_str().unwrap();
    let invalid = cli.rows(&["imports", "rows", import, "--outcome", "invalid"]);
    assert_eq!(invalid.len(), 26);
    assert!(invalid.iter().all(|row| !row["problems"].as_array().unwrap().is_empty()));
    assert_eq!(cli.rows(&["imports", "rows", import, "--phone", "rejected"]).len(), 8);
    let csv = cli.run(&["imports", "failed-rows", import]).expect_status(0).stdout;
    assert_eq!(csv.lines().next().unwrap().matches(",_").count(), 4, "{csv}");
}

/// LX-12: the refused rows, mended, are imported as they are; a refused number is added by itself.
#[test]
fn refused_rows_are_mended_and_imported_again() {
    let cli = Cli::with_company();
    let good = "+84 923 448 071";
    let file = cli.people("people.csv", &[("ann", good), ("", "+84923448072"), ("bob", "8.4E+10")]);
    let import = cli.import(&file);
    assert_eq!((&import["created"], &import["invalid"]), (&json!(2), &json!(1)));
    let out = cli.path().join("mend.csv");
    let out = out.to_str().unwrap();
    cli.run(&["imports", "failed-rows", "latest", "-o", out]).expect_status(0);
    let mended = std::fs::read_to_string(out).unwrap().replacen("\n,,Doe,@", "\ncid,,Doe,cid@", 1);
    let mended = cli.file("mended.csv", &mended);
    let import = cli.import(&mended);
    assert_eq!((&import["created"], &import["phones_added"]), (&json!(1), &json!(1)));

    assert_eq!(cli.rows(&["phones", "--search", "bob"]), Vec::<Value>::new());
    cli.run(&["phones", "add", "+84923448073", "bob"]).expect_status(0);
    assert_eq!(cli.rows(&["phones", "--search", "bob"])[0]["phone"], json!("+84923448073"));
    cli.run(&["phones", "remove", "+84923448073"]).expect_status(0);
    assert_eq!(cli.refused(&["phones", "remove", "+84923448073"])["code"], "phone.not_found");
}

/// Contract, section 5: the refused rows are a CSV file, and no answer to `--json`.
#[test]
fn refused_rows_are_no_json() {
    let cli = Cli::with_company();
    cli.import(&cli.people("people.csv", &[("", "+84923448072")]));
    let told = cli.run(&["imports", "failed-rows", "latest", "--json"]).expect_status(2);
    assert!(told.stdout.is_empty() && told.stderr.contains("leave out --json"), "{}", told.stderr);
    let out = cli.path().join("mend.csv");
    cli.run(&["imports", "failed-rows", "latest", "--json", "-o", out.to_str().unwrap()])
        .expect_status(0);
}

/// P29: a kept file that was altered, or is gone, is told as that, and no row of it is shown.
#[test]
fn p29_refused_rows_come_from_the_file_that_was_imported() {
    let cli = Cli::with_company();
    let import = cli.import(&cli.people("people.csv", &[("", "+84923448072")]));
    let kept = cli.data().join("files").join(import["sha256"].as_str().unwrap());
    let whole = std::fs::read(&kept).unwrap();
    let mut altered = whole.clone();
    *altered.last_mut().unwrap() ^= 1;
    let ask = ["imports", "failed-rows", "latest"];
    std::fs::write(&kept, altered).unwrap();
    let told = cli.run(&ask).expect_status(4);
    for words in ["import.file_lost", "is not what it was", kept.to_str().unwrap()] {
        assert!(told.stdout.is_empty() && told.stderr.contains(words), "{words}: {}", told.stderr);
    }
    std::fs::remove_file(&kept).unwrap();
    let told = cli.run(&ask).expect_status(4);
    assert!(told.stderr.contains("is missing") && !told.stderr.contains("log"), "{}", told.stderr);
    std::fs::write(&kept, whole).unwrap();
    cli.run(&ask).expect_status(0);
}

/// LX-12: a file in another encoding, with names and a delimiter of its own, is mended and imported by the same
/// words; what did not fit a column is told, and a second round adds no columns to the first one's.
#[test]
fn refused_rows_come_back_in_the_files_own_columns_however_it_was_read() {
    let cli = Cli::with_company();
    let bytes =
        |text: &str| text.chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect::<Vec<_>>();
    let path = cli.path().join("old.csv");
    let text = "Login;Vorname;E-Mail\nann;Jörg;nobody\nbob;Bärbel;bob@acme.example;Köln;7\n;Zoë;z@acme.example\n";
    std::fs::write(&path, bytes(text)).unwrap();
    let options = ["--dialect", "leapxpert", "--encoding", "windows-1252", "--delimiter", ";"];
    let columns = ["--column", "Login=username", "--column", "Vorname=first_name", "--json"];
    let import = |file: &str| cli.run(&[&["import", file], &options[..], &columns].concat());
    import(path.to_str().unwrap()).expect_status(5);

    let failed = |name: &str| {
        let out = cli.path().join(name);
        cli.run(&["imports", "failed-rows", "latest", "-o", out.to_str().unwrap()])
            .expect_status(0);
        std::fs::read_to_string(out).unwrap()
    };
    let first = failed("first.csv");
    let lines: Vec<&str> = first.lines().collect();
    assert_eq!(lines[0], "\u{feff}Login;Vorname;E-Mail;_row;_column;_code;_reason");
    assert!(lines[1].starts_with("ann;Jörg;nobody;1;E-Mail;field.invalid_email;"), "{first}");
    assert!(
        lines[2].starts_with("bob;Bärbel;bob@acme.example;2;;csv.field_count_mismatch;"),
        "{first}"
    );
    assert!(lines[2].contains("(beyond: Köln;7)"), "{first}");
    // The file's own names, whatever the dialect calls them.
    assert!(lines[3].contains(";3;Login;field.required;"), "{first}");
    assert_eq!(lines.len(), 4);

    let half = first.replacen("nobody", "ann@acme.example", 1);
    let row = import(&cli.file("half.csv", &half)).expect_status(5).json();
    assert_eq!((&row["created"], &row["invalid"]), (&json!(2), &json!(1)));
    assert_eq!(cli.json(&["users", "show", "ann"])["first_name"], json!("Jörg"));
    let second = failed("second.csv");
    assert_eq!(second.lines().next().unwrap().matches("_row").count(), 1, "{second}");
    let row = import(&cli.file("whole.csv", &second.replacen("\n;Zoë", "\nzoe;Zoë", 1)))
        .expect_status(0)
        .json();
    assert_eq!((&row["created"], &row["total"]), (&json!(1), &json!(1)));
}

/// `--on-error reject_file`: nobody comes in, and the operator reads which rows to mend.
#[test]
fn a_file_may_be_refused_for_any_invalid_row() {
    let cli = Cli::with_company();
    let file = cli.people("people.csv", &[("ann", ""), ("", ""), ("bob", "")]);
    let words = ["import", &file, "--dialect", "leapxpert", "--on-error", "reject_file"];
    let answer = cli.refused(&words);
    assert_eq!(answer["code"], json!("import.invalid_rows"));
    assert_eq!(
        (&answer["details"]["invalid"], &answer["details"]["total"]),
        (&json!(1), &json!(3))
    );
    let message = answer["message"].as_str().unwrap();
    assert!(message.contains("row 2, username: field.required"), "{message}");
    assert!(cli.rows(&["users"]).is_empty() && cli.rows(&["imports"]).is_empty());
    cli.refused(&[&words[..], &["--preview"]].concat());
    cli.run(&[&words[..4], &["--on-error", "continue"]].concat()).expect_status(5);
    assert_eq!(cli.rows(&["users"]).len(), 2);
}

/// P23: an operator looks, takes an import back, and reads who stayed and why.
#[test]
fn p23_an_operator_takes_an_import_back() {
    let cli = Cli::with_company();
    let file = cli.people("people.csv", &[("ann", "+84923448071"), ("bob", "+84923448072")]);
    let import = cli.import(&file);
    let id = import["import"].as_str().unwrap();
    assert_eq!((&import["state"], &import["undo"]), (&json!("completed"), &Value::Null));
    let asked = cli.run(&["imports", "undo", "latest"]).expect_status(2);
    assert!(asked.stderr.contains("--yes"), "{}", asked.stderr);
    assert_eq!(cli.rows(&["users"]).len(), 2, "nothing was undone");
    cli.run(&["command", "AssignRoles", r#"{"users":["bob"],"roles":["Team Lead"]}"#])
        .expect_status(0);

    let told = cli.run(&["imports", "undo", "latest", "--yes"]).expect_status(0);
    assert!(
        told.stdout.contains("1 rows would be reversed, 1 left as they are"),
        "{}",
        told.stdout
    );
    let shown = format!("import {id} of people.csv is undone: 1 rows reversed, 1 kept, 0 errored");
    assert!(told.stdout.contains(&shown), "{}", told.stdout);
    assert!(told.stdout.contains("kept:row.changed_since"), "{}", told.stdout);
    assert_eq!(cli.rows(&["users"]).len(), 1);
    assert_eq!(cli.rows(&["phones"]).len(), 1);
    let kept = cli.rows(&["imports", "rows", id, "--undo", "kept"]);
    assert_eq!((kept.len(), &kept[0]["key"]), (1, &json!("bob")));
    let answer = cli.refused(&["imports", "undo", id, "--yes"]);
    assert_eq!(answer["code"], json!("import.already_undone"));

    let again = cli.import(&file);
    assert_eq!((&again["created"], &again["skipped"]), (&json!(1), &json!(1)));
    let row = cli.json(&["imports", "undo", again["import"].as_str().unwrap(), "--yes"]);
    assert_eq!(row["state"], json!("undone"));
    assert_eq!(row["undo"], json!({"reversed": 1, "kept": 0, "errored": 0}));
    assert_eq!(cli.rows(&["imports"]).len(), 2);
}

/// LX-07: one person over the limit and nothing is imported; at the limit, all are.
#[test]
fn the_limit_holds_at_the_import() {
    let cli = Cli::with_company();
    let over = fixture("leapxpert/people-101.csv");
    let answer = cli.refused(&["import", &over, "--dialect", "leapxpert"]);
    assert_eq!(answer["code"], json!("import.too_many_rows"));
    assert_eq!(answer["details"], json!({"limit": 100, "actual": 101, "legacy_code": 20001}));
    assert!(cli.rows(&["users"]).is_empty() && cli.rows(&["imports"]).is_empty());
    let import = cli.import(&fixture("leapxpert/people-100.csv"));
    assert_eq!(import["created"], json!(100));
}

/// LX-08: what is no CSV file is refused as a whole.
#[test]
fn another_kind_of_file_is_refused() {
    let cli = Cli::new();
    let file = fixture("csv/leapxpert/n78-pdf.csv");
    let answer = cli.refused(&["import", &file, "--dialect", "leapxpert"]);
    assert_eq!(answer["code"], json!("import.unsupported_file_type"));
    let answer = cli.refused(&["import", &file, "--dialect", "morse"]);
    assert_eq!(answer["code"], json!("import.unknown_dialect"));
}

/// LX-09: numbers are listed where that was asked for, and only there.
#[test]
fn phones_are_added_only_if_asked_for() {
    let cli = Cli::with_company();
    let file = fixture("leapxpert/people-5.csv");
    let import = cli.json(&["import", &file, "--dialect", "leapxpert"]);
    assert_eq!((&import["created"], &import["phones_added"]), (&json!(5), &json!(0)));
    assert!(cli.rows(&["phones"]).is_empty());
    let again = cli.json(&[
        "import",
        &file,
        "--dialect",
        "leapxpert",
        "--add-phones",
        "--existing",
        "update",
    ]);
    assert_eq!((&again["created"], &again["phones_added"]), (&json!(0), &json!(5)));
    assert_eq!(cli.rows(&["phones"]).len(), 5);
}

/// LX-11: what an import put on the list can be seen before anybody is invited.
#[test]
fn phones_can_be_listed_by_import() {
    let cli = Cli::with_company();
    let first = cli.import(&cli.people("a.csv", &[("ann", "+84923448071")]));
    cli.import(&cli.people("b.csv", &[("bob", "+84923448072")]));
    let listed = cli.rows(&["phones", "--import", first["import"].as_str().unwrap()]);
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0]["user"], json!("ann"));
    let csv = cli.run(&["phones", "--csv"]).expect_status(0).stdout;
    assert_eq!(csv.lines().count(), 3, "{csv}");
}

/// The operator says how the file is to be read, and may give it by the standard input.
#[test]
fn a_file_is_read_as_the_operator_says() {
    let cli = Cli::with_company();
    let text = "Login;Vorname\nann;Jörg\n";
    let bytes: Vec<u8> = text.chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect();
    let path = cli.path().join("old.csv");
    std::fs::write(&path, bytes).unwrap();
    let words = [
        "import",
        path.to_str().unwrap(),
        "--dialect",
        "leapxpert",
        "--encoding",
        "windows-1252",
        "--delimiter",
        ";",
        "--column",
        "Login=username",
        "--column",
        "Vorname=first_name",
    ];
    assert_eq!(cli.json(&words)["created"], json!(1));
    assert_eq!(cli.json(&["users", "show", "ann"])["first_name"], json!("Jörg"));
    let words = ["import", "-", "--dialect", "leapxpert", "--json"];
    let import = cli.run_with_input(&words, "username\nbob\n").expect_status(0).json();
    assert_eq!(import["file_name"], json!("stdin.csv"));
}

/// LX-14: new people get a log-in mail where that was asked for.
#[test]
fn new_people_get_a_log_in_mail_if_asked_for() {
    let cli = Cli::with_company();
    let file = fixture("leapxpert/people-5.csv");
    cli.json(&["import", &file, "--dialect", "leapxpert", "--send-welcome-email"]);
    assert_eq!(std::fs::read_dir(cli.outbox().join("welcome")).unwrap().count(), 5);
}
