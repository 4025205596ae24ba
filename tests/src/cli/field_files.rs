//! Files from the field: small inputs that people report of tools for this job, with the result that each must have.

use serde_json::{Value, json};

use crate::support::paths::fixture;
use crate::support::program::{Cli, Output};

fn company() -> Cli {
    Cli::with_company_of("company/field.json")
}

fn leapxpert(cli: &Cli, file: &str, options: &[&str]) -> Output {
    let file = fixture(&format!("csv/leapxpert/field-{file}.csv"));
    cli.run(&[&["import", &file, "--dialect", "leapxpert"], options].concat())
}

/// The codes of the problems and warnings of each row of the newest import.
fn codes(cli: &Cli) -> Value {
    let rows = cli.rows(&["imports", "rows", "latest"]);
    let codes = |row: &Value| {
        let all = [&row["problems"], &row["warnings"]].map(|list| list.as_array().unwrap().clone());
        all.concat().iter().map(|one| one["code"].clone()).collect::<Vec<_>>()
    };
    rows.iter().map(|row| json!([row["outcome"], codes(row)])).collect()
}

/// A34, ML-08: a person whose name begins with "Not" is no note. The invalid row is in every report.
#[test]
fn person_is_not_taken_for_a_note() {
    let cli = company();
    let file = fixture("csv/multiline/field-note-row-or-person.csv");
    let words = ["import", &file, "--dialect", "multiline", "--organization", "Sales"];
    let words = [&words[..], &["--permission-group", "Traders"]].concat();
    let output = cli.run(&words).expect_status(5);
    assert!(output.stdout.contains("1 created, 1 invalid"), "{}", output.stdout);
    let failed = cli.run(&["imports", "failed-rows", "latest"]).expect_status(0).stdout;
    assert!(failed.contains("pia@acme.example") && failed.contains("monitor_calls"), "{failed}");
    let strict = [&words[..], &["--on-error", "reject_file"]].concat();
    assert_eq!(cli.refused(&strict)["details"]["invalid"], json!(1));
}

/// A34: notes and blank rows are counted, and a note is listed with its line.
#[test]
fn notes_and_blank_rows_are_counted() {
    let cli = company();
    let text = "Note: delete me,,,,,\nlastname,firstname,email address or device,social_messaging,monitor_calls,\
        monitor_sms\n\nSmit,Jan,jan@acme.example,Yes,off,off\nNOTE,,,,,\n,,,,,\n";
    let file = cli.file("accounts.csv", text);
    let words = ["import", &file, "--dialect", "multiline", "--organization", "Sales"];
    let output = cli.run(&[&words[..], &["--permission-group", "Traders"]].concat());
    let output = output.expect_status(0);
    for part in ["rows: 2, lines 1, 5", "2 rows of instructions", "2 blank rows"] {
        assert!(output.stdout.contains(part), "{}", output.stdout);
    }
    let row = cli.json(&["imports", "show", "latest"]);
    let counts = ["total", "notes", "blank_rows", "lost"].map(|name| row[name].clone());
    assert_eq!(json!(counts), json!([1, 2, 2, 0]));
}

/// LX-12: a phone that was not added ends with status 5, and so does a missing column. A blank cell is a warning.
#[test]
fn lost_phone_ends_with_status_5() {
    let cli = company();
    for options in [&["--add-phones", "--preview"][..], &["--add-phones"]] {
        let output = leapxpert(&cli, "04-bad-phone-only", options).expect_status(5);
        assert!(output.stdout.contains("phone.invalid"), "{}", output.stdout);
    }
    let people = cli.people("blank.csv", &[("ann", ""), ("bob", "+84923448071")]);
    let people = std::fs::read_to_string(people).unwrap().replace("Fixed Income Desk", "Sales");
    let file = cli.file("blank.csv", &people);
    let import = ["import", &file, "--dialect", "leapxpert", "--add-phones"];
    let preview = cli.run(&[&import[..], &["--preview"]].concat()).expect_status(0).stdout;
    assert!(preview.contains("phone.missing"), "{preview}");
    let output = cli.run(&import).expect_status(0);
    for part in ["; 1 warning", "phone.missing"] {
        assert!(output.stdout.contains(part), "{part}: {}", output.stdout);
    }
    assert_eq!(cli.rows(&["imports", "rows", "latest", "--with", "warnings"])[0]["key"], "ann");
    let no_phones = cli.file("none.csv", "username,email\ncid,cid@acme.example\n");
    let output = cli.run(&["import", &no_phones, "--dialect", "leapxpert", "--add-phones"]);
    let output = output.expect_status(5);
    assert!(output.stdout.contains("csv.missing_phone_column"), "{}", output.stdout);
}

/// OC-15: a mobile number that is not one is counted as a warning, and ends with status 5.
#[test]
fn bad_mobile_of_office_chat_ends_with_status_5() {
    let cli = company();
    let file = cli.file("chat.csv", "email/login,mobile\nann@acme.example,12\n");
    for preview in [true, false] {
        let words = ["import", &file, "--dialect", "officechat", "--preview"];
        let words = if preview { &words[..] } else { &words[..4] };
        let output = cli.run(words).expect_status(5);
        assert!(output.stdout.contains("phone.invalid"), "{}", output.stdout);
    }
    let row = cli.json(&["imports", "show", "latest"]);
    assert_eq!((&row["warnings"], &row["lost"]), (&json!(1), &json!(1)));
}

/// LX-12, N91, A42: an import and its preview say how many cells, phones and rows were lost, and on which lines.
#[test]
fn losses_are_told_by_kind_and_line() {
    let cli = company();
    let rows = [
        "ann,#N/A,ann@acme.example,+84923448071",
        "bob,Bob,bob@acme.example,12",
        "ann,Ann,ann@acme.example,+84923448073",
        "cid,Cid,cid@acme.example,+84923448071",
        "dan,Dan,dan@acme.example,#VALUE!",
    ];
    let text = format!("username,first_name,email,phone_number\n{}\n", rows.join("\n"));
    let file = cli.file("lost.csv", &text);
    let import = ["import", &file, "--dialect", "leapxpert", "--add-phones"];
    let lost = "lost: 2 cells (lines 2, 6), 2 phones (lines 3, 5), 1 row (line 4)\n";
    let preview = cli.run(&[&import[..], &["--preview"]].concat()).expect_status(5);
    assert!(preview.stdout.contains(lost), "{}", preview.stdout);
    let output = cli.run(&import).expect_status(5);
    assert!(output.stdout.contains(lost), "{}", output.stdout);
    assert!(output.stderr.contains("--with losses"), "{}", output.stderr);
    let listed = cli.rows(&["imports", "rows", "latest", "--with", "losses"]);
    assert_eq!(listed.len(), 5);
}

/// A42: the first valid row takes the key. A later row names its line and what differs, and is a loss.
#[test]
fn rows_of_one_key_are_reported() {
    let cli = company();
    leapxpert(&cli, "05-mended-below", &[]).expect_status(5);
    assert_eq!(codes(&cli), json!([["invalid", ["field.invalid_email"]], ["created", []]]));
    let output = leapxpert(&cli, "130-row-per-role", &[]).expect_status(5);
    let expected = json!([["created", []], ["duplicate", ["row.duplicate_in_file"]]]);
    assert_eq!(codes(&cli), expected);
    assert!(output.stdout.contains("line 2: it has other values in role"), "{}", output.stdout);
}

/// Keys that differ in the width of their letters, and addresses of two people, are warnings that name the lines.
#[test]
fn rows_that_look_like_one_person_are_warned_of() {
    let cli = company();
    leapxpert(&cli, "45c-fullwidth-key", &[]).expect_status(0);
    let alike = json!([["created", ["key.looks_alike"]], ["created", ["key.looks_alike"]]]);
    assert_eq!(codes(&cli), alike);
    let cli = company();
    let output = leapxpert(&cli, "46-shared-email", &["--add-phones"]).expect_status(0);
    assert_eq!(codes(&cli), json!([["created", ["email.shared"]], ["created", ["email.shared"]]]));
    assert!(output.stdout.contains("(line 3)") && output.stdout.contains("(line 2)"));
}
