//! What the program says about causes, about lists that are cut, and about values that are not there.

use serde_json::json;

use crate::support::program::Cli;

/// A file of the dialect `leapxpert` with a row for each user.
fn people(cli: &Cli, name: &str, users: &[&str], first_name: &str) -> String {
    let phone = |at: usize| format!("+8492344807{at}");
    let row = |(at, user): (usize, &&str)| {
        format!("{user},{first_name},Lee,{user}@acme.example,{}\n", phone(at))
    };
    let rows: String = users.iter().enumerate().map(row).collect();
    cli.file(name, &format!("username,first_name,last_name,email,phone_number\n{rows}"))
}

/// A kept row names the import with its row, the run, or the command that changed its person, and when.
#[test]
fn undo_says_what_changed_each_kept_person() {
    let cli = Cli::with_company();
    let users = ["ann", "bob", "cid", "dee"];
    let first = cli.import(&people(&cli, "first.csv", &users, "A"))["import"].clone();
    let first = first.as_str().unwrap();
    let second = people(&cli, "second.csv", &["ann"], "B");
    let words = ["import", &second, "--dialect", "leapxpert", "--existing", "update"];
    cli.run(&words).expect_status(0);
    cli.run(&["users", "deactivate", "bob"]).expect_status(0);
    let run = cli.start(&["--user", "cid"])["run"].clone();
    let undone = cli.run(&["imports", "undo", first, "--yes"]).expect_status(0).stdout;
    let listed = cli.run(&["imports", "rows", first, "--undo", "kept"]).expect_status(0).stdout;
    for text in [&undone, &listed] {
        let line = |user: &str| {
            let is_of = |line: &&str| line.split_whitespace().nth(1) == Some(user);
            text.lines().find(is_of).unwrap_or_else(|| panic!("{text}"))
        };
        assert!(line("ann").contains("of second.csv, row 1, by olga@local at 20"), "{text}");
        assert!(line("bob").contains("UserDeactivated by olga@local at 20"), "{text}");
        assert!(line("cid").contains(&format!("run {}, at 20", run.as_str().unwrap())), "{text}");
    }
}

/// A32: two rows of one file with one value name each other by row and line, and no other user.
#[test]
fn rows_with_one_value_name_each_other_by_line() {
    let cli = Cli::new();
    let rows = "employee id,firstname,Enabled,email/login\n\
                E1,Ann,TRUE,ann@acme.example\nE2,Bob,TRUE,bob@acme.example\nE1,Cid,TRUE,cid@acme.example\n";
    let file = cli.file("same.csv", rows);
    let output = cli.run(&["import", &file, "--dialect", "mangoapps"]).expect_status(5).stdout;
    let text = output.to_lowercase();
    assert!(!text.contains("another user"), "{output}");
    for other in ["row 3, line 4", "row 1, line 2"] {
        assert!(
            text.contains(&format!("row of this file has the same value: {other};")),
            "{output}"
        );
    }
}

/// A list of ten shows an eleventh row. A longer one says how many more there are, and which command lists them.
#[test]
fn cut_list_never_hides_one_row_and_names_the_rest() {
    let cli = Cli::with_company();
    let import = |count: usize| {
        let users: Vec<String> = (0..count).map(|n| format!("a b\u{7}{n}")).collect();
        let users: Vec<&str> = users.iter().map(String::as_str).collect();
        let file = people(&cli, "wrong.csv", &users, "A");
        let preview = ["import", &file, "--dialect", "leapxpert", "--preview"];
        let import = ["import", &file, "--dialect", "leapxpert"];
        [&preview[..], &import[..]].map(|words| cli.run(words).expect_status(5).stdout)
    };
    for text in import(11) {
        assert!(!text.contains('…') && text.contains("\n 11 "), "{text}");
    }
    for text in import(12) {
        assert!(text.contains("… and 2 more invalid rows: "), "{text}");
        assert!(
            text.contains("boarding imports rows") && text.contains("--outcome invalid"),
            "{text}"
        );
    }
}

#[test]
fn import_that_changes_nobody_suggests_nothing() {
    let cli = Cli::with_company();
    let file = people(&cli, "people.csv", &["ann"], "A");
    let words = ["import", &file, "--dialect", "leapxpert"];
    let first = cli.run(&words).expect_status(0).stderr;
    assert!(first.contains("to invite these people") && first.contains("no phones"), "{first}");
    let again = cli.run(&words).expect_status(0).stderr;
    for note in ["to invite", "no phones", "to correct failed rows"] {
        assert!(!again.contains(note), "{again}");
    }
}

/// The report of accounts has no link, so only its sender can be a placeholder.
#[test]
fn report_without_a_link_is_not_said_to_have_one() {
    let cli = Cli::new();
    for words in [
        &["org-units", "define", "EMEA"][..],
        &["permission-groups", "define", "Traders"],
        &["config", "set", "designated_admin_emails", r#"["una@acme.example"]"#],
    ] {
        cli.run(words).expect_status(0);
    }
    let file = cli.file(
        "a.csv",
        "email_address,social_messaging,monitor_calls,monitor_sms\na@acme.example,No,off,off\n",
    );
    let words = [
        "import",
        &file,
        "--dialect",
        "multiline",
        "--organization",
        "EMEA",
        "--permission-group",
        "Traders",
    ];
    let stderr = cli.run(&words).expect_status(0).stderr;
    assert!(stderr.contains("note: the sender of these mails is a placeholder"), "{stderr}");
    assert!(
        stderr.contains("config set mail_from") && !stderr.contains("link_base_url"),
        "{stderr}"
    );
}

#[test]
fn settings_have_their_defaults_before_the_first_write() {
    let cli = Cli::new();
    let get = ["config", "get", "bulk_integration_max_records"];
    let before = cli.run(&get).expect_status(0);
    assert_eq!(before.stdout, "100\n");
    assert!(before.stderr.contains("there is no data folder"), "{}", before.stderr);
    assert!(before.stderr.contains("these are the defaults"), "{}", before.stderr);
    assert!(!cli.data().exists());
    assert_eq!(cli.json(&["config"])["channels"], json!({"whatsapp": false, "imessage": false}));
    cli.run(&["config", "set", "language", "de"]).expect_status(0);
    let other = cli.run(&["config", "get", "language", "--company", "other"]).expect_status(0);
    assert_eq!(other.stdout, "en\n");
    assert!(other.stderr.contains("has no company other yet"), "{}", other.stderr);
    let own = cli.run(&["config", "get", "language"]).expect_status(0);
    assert!(own.stdout == "de\n" && !own.stderr.contains("these are the defaults"), "{own:?}");
}

/// A retry for nobody says what it looked for and what the run has instead.
#[test]
fn retry_for_nobody_says_what_there_is() {
    let cli = Cli::with_company();
    cli.import(&people(&cli, "people.csv", &["ann"], "A"));
    let run = cli.start(&["--user", "ann", "--user", "eve"])["run"].clone();
    let run = run.as_str().unwrap();
    let output = cli.run(&["runs", "retry", "latest", "--uncertain", "--yes"]).expect_status(1);
    for words in [
        "The run has no person whose mail may have been sent: 1 failed, 0 uncertain.",
        &format!("boarding runs retry {run} --failed"),
    ] {
        assert!(output.stderr.contains(words), "{}", output.stderr);
    }
    cli.run(&["org-units", "define", "Empty", "--role", "Account Manager"]).expect_status(0);
    let words = ["runs", "start", "--channel", "whatsapp", "--org-unit", "Empty", "--yes"];
    let stderr = cli.run(&words).expect_status(1).stderr;
    assert!(stderr.contains("No person belongs to these org units: Empty."), "{stderr}");
}

/// An id that is none: each verb says that an id or `latest` is meant.
#[test]
fn wrong_id_is_answered_with_the_word_latest() {
    let cli = Cli::with_three_people();
    for words in [
        &["runs", "show", "foo"][..],
        &["runs", "withdraw", "foo"],
        &["runs", "retry", "foo", "--yes"],
        &["log", "foo"],
        &["imports", "show", "foo"],
        &["imports", "undo", "foo", "--yes"],
        &["reports", "show", "foo"],
        &["phones", "list", "--import", "foo"],
        &["pictures", "list", "--import", "foo"],
        &["history", "run:foo"],
    ] {
        let stderr = cli.run(words).expect_status(1).stderr;
        assert!(stderr.contains("latest"), "{words:?}: {stderr}");
    }
}

/// The usage line of a verb lists the options that may stand in place of its names.
#[test]
fn usage_lists_what_may_be_given_instead() {
    let cli = Cli::new();
    for (words, instead) in [
        ("pictures remove", "<USER>...|--import <latest|ID>"),
        ("pictures download", "<USER>|--all"),
        ("notifications resend", "<KEY>...|--state <STATE>"),
        ("nats-users bind", "<ACTOR>...|--anyone"),
        ("numbers add", "<NUMBER>...|--file <FILE>|--from <NUMBER>"),
        ("numbers allocate", "<NUMBER>...|--quantity <NUMBERS>"),
    ] {
        let words: Vec<&str> = words.split(' ').chain(["--help"]).collect();
        let help = cli.run(&words).expect_status(0).stdout;
        let usage = help.lines().find(|line| line.starts_with("Usage:")).unwrap_or_default();
        assert!(usage.contains(instead), "{help}");
    }
    let conf = cli.run(&["nats-config", "acme"]).expect_status(0).stdout;
    assert!(conf.contains("boarding manual nats") && !conf.contains("tests/"), "{conf}");
}
