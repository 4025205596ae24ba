//! Imports: results, invalid rows and how to correct them, undo.

use serde_json::{Value, json};

use crate::support::paths::fixture;
use crate::support::program::Cli;

/// LX-08, LX-11, LX-12, LX-13: The output of an import with 30 bad rows in 1,000 is enough to correct them.
#[test]
fn output_of_an_import_explains_its_bad_rows() {
    let cli = Cli::with_company();
    let file = fixture("leapxpert/people-1000-30-bad.csv");
    let words = ["import", &file, "--dialect", "leapxpert", "--add-phones"];
    let refused = cli.run(&words).expect_status(1);
    assert!(refused.stderr.contains("bulk_integration_max_records"), "{}", refused.stderr);
    cli.run(&["config", "set", "bulk_integration_max_records", "5000"]).expect_status(0);

    let output = cli.run(&words).expect_status(5);
    for words in [
        "970 created",
        "26 invalid",
        "4 duplicate",
        "962 phones added",
        "field.required",
        "and 16 more invalid rows",
        "phone.scientific_notation",
    ] {
        assert!(output.stdout.contains(words), "{words}: {}", output.stdout);
    }
    for words in
        ["imports rows", "imports failed-rows", "phones add", "runs start --channel whatsapp"]
    {
        assert!(output.stderr.contains(words), "{words}: {}", output.stderr);
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

/// LX-12: The file of failed rows can be imported after correction. A rejected phone can be added alone.
#[test]
fn failed_rows_are_corrected_and_imported_again() {
    let cli = Cli::with_company();
    let valid = "+84 923 448 071";
    let file =
        cli.people("people.csv", &[("ann", valid), ("", "+84923448072"), ("bob", "8.4E+10")]);
    let import = cli.import(&file);
    assert_eq!((&import["created"], &import["invalid"]), (&json!(2), &json!(1)));
    let failed = cli.path().join("failed.csv");
    let failed = failed.to_str().unwrap();
    cli.run(&["imports", "failed-rows", "latest", "-o", failed]).expect_status(0);
    let text = std::fs::read_to_string(failed).unwrap();
    let corrected = text.replacen("\n,,Doe,@", "\ncid,,Doe,cid@", 1);
    let corrected = cli.file("corrected.csv", &corrected);
    let import = cli.import(&corrected);
    assert_eq!((&import["created"], &import["phones_added"]), (&json!(1), &json!(1)));

    assert_eq!(cli.rows(&["phones", "--search", "bob"]), Vec::<Value>::new());
    cli.run(&["phones", "add", "+84923448073", "bob"]).expect_status(0);
    assert_eq!(cli.rows(&["phones", "--search", "bob"])[0]["phone"], json!("+84923448073"));
    cli.run(&["phones", "remove", "+84923448073"]).expect_status(0);
    assert_eq!(cli.refused(&["phones", "remove", "+84923448073"])["code"], "phone.not_found");
}

/// Failed rows are a CSV file. `--json` is refused unless `-o` names a file.
#[test]
fn failed_rows_cannot_be_printed_as_json() {
    let cli = Cli::with_company();
    cli.import(&cli.people("people.csv", &[("", "+84923448072")]));
    let output = cli.run(&["imports", "failed-rows", "latest", "--json"]).expect_status(2);
    assert!(output.stdout.is_empty(), "{}", output.stdout);
    assert!(output.stderr.contains("leave out --json"), "{}", output.stderr);
    let failed = cli.path().join("failed.csv");
    cli.run(&["imports", "failed-rows", "latest", "--json", "-o", failed.to_str().unwrap()])
        .expect_status(0);
}

/// P29: If the stored file was changed or is missing, the program says so and prints no rows.
#[test]
fn changed_or_missing_file_prints_no_failed_rows() {
    let cli = Cli::with_company();
    let import = cli.import(&cli.people("people.csv", &[("", "+84923448072")]));
    let stored = cli.data().join("files").join(import["sha256"].as_str().unwrap());
    let original = std::fs::read(&stored).unwrap();
    let mut changed = original.clone();
    *changed.last_mut().unwrap() ^= 1;
    let words = ["imports", "failed-rows", "latest"];
    std::fs::write(&stored, changed).unwrap();
    let output = cli.run(&words).expect_status(4);
    assert!(output.stdout.is_empty(), "{}", output.stdout);
    for part in ["import.file_lost", "is not what it was", stored.to_str().unwrap()] {
        assert!(output.stderr.contains(part), "{part}: {}", output.stderr);
    }
    std::fs::remove_file(&stored).unwrap();
    let stderr = cli.run(&words).expect_status(4).stderr;
    assert!(stderr.contains("is missing") && !stderr.contains("log"), "{stderr}");
    std::fs::write(&stored, original).unwrap();
    cli.run(&words).expect_status(0);
}

/// LX-12: Failed rows of a file with another encoding, delimiter and header can be imported with the same
/// options. Extra cells are listed. A second round adds no second set of `_` columns.
#[test]
fn failed_rows_keep_the_columns_of_the_file() {
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
    // `_column` is the column name of the file, not of the dialect.
    assert!(lines[3].contains(";3;Login;field.required;"), "{first}");
    assert_eq!(lines.len(), 4);

    let partly_corrected = first.replacen("nobody", "ann@acme.example", 1);
    let row = import(&cli.file("partly.csv", &partly_corrected)).expect_status(5).json();
    assert_eq!((&row["created"], &row["invalid"]), (&json!(2), &json!(1)));
    assert_eq!(cli.json(&["users", "show", "ann"])["first_name"], json!("Jörg"));
    let second = failed("second.csv");
    assert_eq!(second.lines().next().unwrap().matches("_row").count(), 1, "{second}");
    let row = import(&cli.file("whole.csv", &second.replacen("\n;Zoë", "\nzoe;Zoë", 1)))
        .expect_status(0)
        .json();
    assert_eq!((&row["created"], &row["total"]), (&json!(1), &json!(1)));
}

/// `--on-error reject_file` imports nothing and lists the invalid rows.
#[test]
fn reject_file_refuses_a_file_with_invalid_rows() {
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

/// P23: An undo shows a preview, needs `--yes`, and lists the rows that it kept and why.
#[test]
fn undo_reverses_an_import_and_lists_kept_rows() {
    let cli = Cli::with_company();
    let file = cli.people("people.csv", &[("ann", "+84923448071"), ("bob", "+84923448072")]);
    let import = cli.import(&file);
    let id = import["import"].as_str().unwrap();
    assert_eq!((&import["state"], &import["undo"]), (&json!("completed"), &Value::Null));
    let unconfirmed = cli.run(&["imports", "undo", "latest"]).expect_status(2);
    assert!(unconfirmed.stderr.contains("--yes"), "{}", unconfirmed.stderr);
    assert_eq!(cli.rows(&["users"]).len(), 2, "nothing was undone");
    cli.run(&["command", "AssignRoles", r#"{"users":["bob"],"roles":["Team Lead"]}"#])
        .expect_status(0);

    let stdout = cli.run(&["imports", "undo", "latest", "--yes"]).expect_status(0).stdout;
    assert!(stdout.contains("1 row would be reversed, 1 kept"), "{stdout}");
    let result = format!("import {id} of people.csv is undone: 1 row reversed, 1 kept, 0 errored");
    assert!(stdout.contains(&result), "{stdout}");
    assert!(stdout.contains("kept:row.changed_since"), "{stdout}");
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

/// P23: the newest import is undone. Its rows are listed with a note, and a run of the latest import is refused so.
#[test]
fn latest_import_that_was_undone_is_named() {
    let cli = Cli::with_company();
    let people = cli.people("people.csv", &[("ann", "+84923448071"), ("bob", "+84923448072")]);
    let import = cli.import(&people)["import"].as_str().unwrap().to_owned();
    cli.run(&["imports", "undo", "latest", "--yes"]).expect_status(0);
    let rows = cli.run(&["imports", "rows", "latest"]).expect_status(0);
    let said = format!("no completed import; the last one, {import}, was undone\n");
    assert!(rows.stderr.contains(&said), "{}", rows.stderr);
    assert!(rows.stdout.contains("ann"), "{}", rows.stdout);
    let start = ["runs", "start", "--channel", "whatsapp", "--import", "latest", "--yes"];
    let refused = cli.refused(&start);
    assert_eq!(refused["code"], "import.none_available");
    let said = format!("The company has no completed import; the last one, {import}, was undone.");
    assert_eq!(refused["message"], said);
    let again = cli.import(&people)["import"].as_str().unwrap().to_owned();
    let third = cli.import(&cli.people("third.csv", &[("cid", "+84923448073")]));
    cli.run(&["imports", "undo", third["import"].as_str().unwrap(), "--yes"]).expect_status(0);
    let stderr = cli.run(&["imports", "rows", "latest"]).expect_status(0).stderr;
    let said = format!("third.csv, is undone; the newest one that is not: {again}\n");
    assert!(stderr.contains(&said), "{stderr}");
}

/// P23: only kept rows have a cause, so only they are counted where not all get one.
#[test]
fn causes_of_kept_rows_are_counted() {
    let cli = Cli::with_many_people(102);
    cli.run(&["phones", "remove", "+12122000000"]).expect_status(0);
    cli.run(&["imports", "undo", "latest", "--yes"]).expect_status(0);
    let reversed = cli.run(&["imports", "rows", "latest", "--undo", "reversed"]).expect_status(0);
    assert!(!reversed.stderr.contains("say what changed them"), "{}", reversed.stderr);
}

/// LX-14: all mails about an import that failed are counted, however many there are.
#[test]
fn failed_mails_of_a_large_import_are_all_counted() {
    let cli = Cli::with_company();
    cli.run(&["config", "set", "bulk_integration_max_records", "2000"]).expect_status(0);
    let rows: String = (0..1_001).map(|n| format!("u{n},U\n")).collect();
    let file = cli.file("people.csv", &format!("username,first_name\n{rows}"));
    let import = ["import", &file, "--dialect", "leapxpert", "--send-welcome-email"];
    let output = cli.run(&import).expect_status(0);
    assert!(output.stderr.contains("1001 mails about this import failed"), "{}", output.stderr);
}

/// P23: An undo that reverses nothing leaves the import as it was: a source of runs, and not undone.
#[test]
fn import_whose_rows_are_all_kept_stays() {
    let cli = Cli::with_company();
    let file = cli.people("people.csv", &[("ann", "+84923448071"), ("bob", "+84923448072")]);
    cli.import(&file);
    cli.run(&["roles", "assign", "Team Lead", "--user", "ann", "--user", "bob"]).expect_status(0);
    for _ in 0..2 {
        let undo = cli.run(&["imports", "undo", "latest", "--yes"]).expect_status(5).stdout;
        assert!(undo.contains("nothing was undone, so the import stays"), "{undo}");
        assert!(undo.contains("is completed: 0 rows reversed, 2 kept"), "{undo}");
    }
    assert_eq!(cli.start(&["--import", "latest"])["passed"], 2);
}

/// P23: An undo says that the import changed nothing. The earlier import of the same people can then be undone.
#[test]
fn undo_of_an_import_without_changes_says_so() {
    let cli = Cli::with_company();
    let file = cli.people("people.csv", &[("ann", "+84923448071")]);
    let first = cli.import(&file);
    cli.import(&file);
    let undo = cli.run(&["imports", "undo", "latest", "--yes"]).expect_status(0).stdout;
    let said = undo.matches("The import changed no user, so there is nothing to take back").count();
    assert_eq!(said, 2, "before and after: {undo}");
    let first = first["import"].as_str().unwrap();
    let undo = cli.run(&["imports", "undo", first, "--yes"]).expect_status(0).stdout;
    assert!(undo.contains("1 row reversed, 0 kept"), "{undo}");
}

/// LX-07: A file with one person over the limit imports nothing. A file at the limit is imported.
#[test]
fn file_over_the_limit_imports_nothing() {
    let cli = Cli::with_company();
    let over = fixture("leapxpert/people-101.csv");
    let answer = cli.refused(&["import", &over, "--dialect", "leapxpert"]);
    assert_eq!(answer["code"], json!("import.too_many_rows"));
    assert_eq!(answer["details"], json!({"limit": 100, "actual": 101, "legacy_code": 20001}));
    assert!(cli.rows(&["users"]).is_empty() && cli.rows(&["imports"]).is_empty());
    let import = cli.import(&fixture("leapxpert/people-100.csv"));
    assert_eq!(import["created"], json!(100));
}

/// LX-08: A file that is not CSV is refused as a whole.
#[test]
fn file_of_another_type_is_refused() {
    let cli = Cli::new();
    let file = fixture("csv/leapxpert/n78-pdf.csv");
    let answer = cli.refused(&["import", &file, "--dialect", "leapxpert"]);
    assert_eq!(answer["code"], json!("import.unsupported_file_type"));
    let answer = cli.refused(&["import", &file, "--dialect", "morse"]);
    assert_eq!(answer["code"], json!("import.unknown_dialect"));
}

/// LX-09: An import adds phones to the corporate list with `--add-phones` only.
#[test]
fn phones_are_added_only_with_the_option() {
    let cli = Cli::with_company();
    let file = fixture("leapxpert/people-5.csv");
    let import = cli.json(&["import", &file, "--dialect", "leapxpert"]);
    assert_eq!((&import["created"], &import["phones_added"]), (&json!(5), &json!(0)));
    assert!(cli.rows(&["phones"]).is_empty());
    let second = cli.json(&[
        "import",
        &file,
        "--dialect",
        "leapxpert",
        "--add-phones",
        "--existing",
        "update",
    ]);
    assert_eq!((&second["created"], &second["phones_added"]), (&json!(0), &json!(5)));
    assert_eq!(cli.rows(&["phones"]).len(), 5);
}

/// LX-11: The phones that one import added can be listed.
#[test]
fn phones_are_listed_by_import() {
    let cli = Cli::with_company();
    let first = cli.import(&cli.people("a.csv", &[("ann", "+84923448071")]));
    cli.import(&cli.people("b.csv", &[("bob", "+84923448072")]));
    let listed = cli.rows(&["phones", "--import", first["import"].as_str().unwrap()]);
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0]["user"], json!("ann"));
    let csv = cli.run(&["phones", "--csv"]).expect_status(0).stdout;
    assert_eq!(csv.lines().count(), 3, "{csv}");
}

/// Options set encoding, delimiter and column names. The file may come from the standard input.
#[test]
fn options_control_how_a_file_is_read() {
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

/// LX-14: New people get a welcome mail with `--send-welcome-email`.
#[test]
fn new_people_get_a_welcome_mail_with_the_option() {
    let cli = Cli::with_company();
    let file = fixture("leapxpert/people-5.csv");
    cli.json(&["import", &file, "--dialect", "leapxpert", "--send-welcome-email"]);
    assert_eq!(std::fs::read_dir(cli.outbox().join("welcome")).unwrap().count(), 5);
}

/// A refused file and a previewed one leave nothing in the data folder. An imported one stays, also when it is refused
/// later.
#[test]
fn refused_files_are_not_kept() {
    let cli = Cli::with_company_of("company/field.json");
    let files = || {
        let entries = std::fs::read_dir(cli.data().join("files")).unwrap();
        entries.filter(|entry| entry.as_ref().unwrap().file_type().unwrap().is_file()).count()
    };
    let good = cli.file("good.csv", "username,email\nann,ann@acme.example\n");
    let bad = cli.file("bad.csv", "username,email\nann,nobody\n");
    let odd = cli.file("odd.csv", "who,what\nann,nobody\n");
    let import = |file: &str, options: &[&str]| {
        cli.run(&[&["import", file, "--dialect", "leapxpert"], options].concat())
    };
    let strict = ["--on-error", "reject_file"];
    import(&odd, &[]).expect_status(1);
    import(&bad, &strict).expect_status(1);
    import(&good, &["--preview"]).expect_status(0);
    let body = json!({"dialect": "leapxpert", "files": [{"name": "a.csv", "text": "who\nann\n"}]});
    cli.run(&["command", "ImportFile", &body.to_string()]).expect_status(1);
    assert_eq!(files(), 0);
    let first = json!({"name": "userdetails.csv", "text": "LAN ID\n"});
    let body = json!({"dialect": "ocm", "files": [first, {"name": "b.csv", "base64": "%"}]});
    cli.run(&["command", "ImportFile", &body.to_string()]).expect_status(1);
    assert_eq!(files(), 0, "the file before the bad one");
    import(&good, &[]).expect_status(0);
    import(&good, &["--plan-hash", "x"]).expect_status(1);
    assert_eq!(files(), 1);
}

/// P23, LX-12: the rows that an undo kept are filtered like all others. Not every one of many has its cause looked up.
#[test]
fn kept_rows_are_filtered_and_first_have_causes() {
    let cli = Cli::with_company_of("company/field.json");
    let people: String = (0..101).map(|n| format!("user{n},user{n}@acme.example\n")).collect();
    let file = cli.file("people.csv", &format!("username,email\n{people}"));
    cli.run(&["config", "set", "bulk_integration_max_records", "500"]).expect_status(0);
    let words = ["import", &file, "--dialect", "leapxpert", "--json"];
    let first = cli.run(&words).expect_status(0).json()["import"].as_str().unwrap().to_owned();
    cli.run(&words).expect_status(0);
    cli.run(&["imports", "undo", &first, "--yes"]).expect_status(5);
    let kept = ["imports", "rows", &first, "--undo", "kept"];
    let of = |options: &[&str]| cli.run(&[&kept[..], options].concat()).expect_status(0);
    let all = of(&[]);
    assert_eq!(all.stdout.matches("people.csv, row").count(), 100, "{}", all.stdout);
    assert!(
        all.stdout.contains("user100") && all.stderr.contains("first 100 of 101 kept rows"),
        "{all:?}"
    );
    for none in [["--phone", "rejected"], ["--outcome", "archived"]] {
        let output = of(&none);
        assert!(output.stderr.contains("no rows"), "{none:?}: {output:?}");
    }
}
