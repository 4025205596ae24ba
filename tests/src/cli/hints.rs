//! Hints after a refusal and after a list without rows: commands that can be copied, and names that are near.

use crate::support::program::{Cli, Output};

/// Runs a command that names the company and the folder by options: the environment names others.
fn by_options(cli: &Cli, words: &[&str]) -> Output {
    let data = cli.data();
    let place = ["--company", "other", "--data", data.to_str().unwrap()];
    let mut command = cli.command(&[words, &place].concat());
    command.env_remove("BOARDING_DATA").env_remove("BOARDING_COMPANY");
    crate::support::program::output(command.spawn().unwrap())
}

#[test]
fn hint_names_the_company_and_folder_of_the_options() {
    let cli = Cli::new();
    let role = ["roles", "define", "Lead", "--permission", "bulk_integration"];
    by_options(&cli, &role).expect_status(0);
    by_options(&cli, &["org-units", "define", "Sales", "--role", "Lead"]).expect_status(0);
    let start = ["runs", "start", "--channel", "imessage", "--org-unit", "Sales", "--yes"];
    let place = format!("--company other --data {}", cli.data().display());
    let refused = |words: &[&str]| by_options(&cli, words).expect_status(1).stderr;
    let disabled = refused(&start);
    let enable = format!("enable it: boarding config set channels.imessage true {place}\n");
    assert!(disabled.contains(&enable), "{disabled}");
    by_options(&cli, &["config", "set", "channels.imessage", "true"]).expect_status(0);
    let nobody = refused(&start);
    assert!(nobody.contains(&format!("users list --org-unit Sales {place}\n")), "{nobody}");
    let unknown = refused(&["notifications", "resend", "no-such-key"]);
    assert!(unknown.contains(&format!("boarding notifications list {place}\n")), "{unknown}");
    by_options(&cli, &["users", "add", "ann", "--email", "ann@acme.example"]).expect_status(0);
    let link = ["runs", "start", "--channel", "imessage", "--user", "ann", "--yes", "--smtp"];
    let unset = refused(&[&link[..], &["smtp://127.0.0.1:1"]].concat());
    let data = format!(" --company other --data {}", cli.data().display());
    let settings: Vec<_> = unset.lines().filter(|line| line.contains("config set link")).collect();
    assert!(!settings.is_empty(), "{unset}");
    assert!(settings.iter().all(|line| line.contains(&data)), "{unset}");

    // The environment names the place for the next command as well.
    let short =
        cli.run(&["runs", "start", "--channel", "whatsapp", "--org-unit", "Sales", "--yes"]);
    let stderr = short.expect_status(1).stderr;
    assert!(!stderr.contains("--data"), "{stderr}");
}

#[test]
fn mistyped_name_of_a_filter_is_said() {
    let cli = Cli::new();
    for words in [
        &["roles", "define", "Lead"][..],
        &["org-units", "define", "Zürich"],
        &["permission-groups", "define", "Traders"],
        &["users", "add", "ann"],
        &["command", "AddUser", r#"{"user":"bob","attributes":{"supervisor":"boss2"}}"#],
    ] {
        cli.run(words).expect_status(0);
    }
    let unit = "the company has no org unit Zurich (did you mean Zürich?)";
    let supervisor = "the company has no supervisor boss3 (did you mean boss2?)";
    for (words, remark) in [
        (&["users", "--org-unit", "Zurich"][..], unit),
        (&["users", "--supervisor", "boss3"], supervisor),
        (&["roles", "assign", "Lead", "--supervisor", "boss3"], supervisor),
        (&["invitations", "--user", "anne"], "the company has no user anne (did you mean ann?)"),
        (&["accounts", "--organization", "Zurich"], unit),
        (&["accounts", "--permission-group", "Trader"], "no permission group Trader (did you"),
        (&["numbers", "--org-unit", "Zurich"], unit),
        (&["numbers", "suggest", "--org-unit", "Zurich"], unit),
    ] {
        let stderr = cli.run(words).expect_status(0).stderr;
        assert!(stderr.contains(remark), "{words:?}: {stderr}");
    }
    for words in [
        &["users", "--supervisor", "BOSS2"][..],
        &["users", "--supervisor", "ann"],
        &["invitations", "--user", "ANN"],
        &["numbers", "--org-unit", "Zürich"],
        // The engine composes the letters of a name and ignores what cannot be seen.
        &["accounts", "--organization", "Zu\u{308}rich "],
        &["accounts", "--permission-group", "Traders\u{200b}"],
        &["users", "--supervisor", " boss2"],
    ] {
        let stderr = cli.run(words).expect_status(0).stderr;
        assert!(!stderr.contains("has no"), "{words:?}: {stderr}");
    }
}

#[test]
fn outcomes_and_refusals_are_sentences_with_examples() {
    let cli = Cli::new();
    cli.run(&["roles", "define", "Lead"]).expect_status(0);
    cli.run(&["users", "add", "ann"]).expect_status(0);
    let assign = ["roles", "assign", "Lead", "--user", "ann", "--user", "nobody"];
    cli.run(&assign).expect_status(5);
    let stdout = cli.run(&assign).expect_status(5).stdout;
    for sentence in ["has this role already", "has no such user; check the spelling"] {
        assert!(stdout.contains(sentence), "{stdout}");
    }
    let file = cli.people("kept.csv", &[("bob", "+84923448071")]);
    let text = std::fs::read_to_string(&file).unwrap().replace("Fixed Income Desk", "");
    std::fs::write(&file, text).unwrap();
    cli.run(&["import", &file, "--dialect", "leapxpert"]).expect_status(0);
    cli.run(&["users", "deactivate", "bob"]).expect_status(0);
    let undone = cli.run(&["imports", "undo", "latest", "--yes"]).stdout;
    let listed = cli.run(&["imports", "rows", "latest", "--undo", "kept"]).expect_status(0).stdout;
    for shown in [undone, listed] {
        assert!(shown.contains("The user was changed after the import"), "{shown}");
    }
    let typo = cli.run(&["permissions", "grant", "joe", "bulk_import_usrs"]).expect_status(1);
    let meant = "There is no permission bulk_import_usrs (did you mean bulk_import_users?)";
    assert!(typo.stderr.contains(meant), "{}", typo.stderr);
    for time in ["tomorrow", "2030-01-01T08:00"] {
        let start = ["runs", "start", "--channel", "whatsapp", "--user", "ann", "--not-before"];
        let stderr = cli.run(&[&start[..], &[time]].concat()).expect_status(2).stderr;
        assert!(stderr.contains("such as 2030-01-31T08:00:00Z"), "{stderr}");
    }
}

#[test]
fn numbers_of_the_phone_list_are_shown_with_their_user() {
    let cli = Cli::new();
    for user in ["ann", "anna"] {
        cli.run(&["users", "add", user]).expect_status(0);
    }
    cli.run(&["phones", "add", "+84 923 448 071", "ann"]).expect_status(0);
    cli.run(&["phones", "add", "+84 923 448 072", "anna"]).expect_status(0);
    let shown = cli.run(&["users", "show", "ANN"]).expect_status(0).stdout;
    let line = shown.lines().find(|line| line.starts_with("corporate phones ")).unwrap();
    assert_eq!(line.split_whitespace().skip(2).collect::<Vec<_>>(), ["+84923448071"]);
    assert_eq!(cli.json(&["users", "show", "ann"]).get("corporate_phones"), None);
    let again = cli.run(&["users", "add", "ann", "--email", "a@acme.example"]).expect_status(1);
    assert!(again.stderr.contains("--existing update"), "{}", again.stderr);
}

#[test]
fn run_that_cannot_be_withdrawn_says_why() {
    let cli = Cli::with_three_people();
    let none = cli.run(&["runs", "show", "latest"]).expect_status(1).stderr;
    assert!(none.contains("The company has no run yet."), "{none}");
    cli.start(&["--user", "ann"]);
    let over = cli.run(&["runs", "withdraw", "latest"]).expect_status(1).stderr;
    assert!(over.contains("The run is completed, so there is nothing to withdraw."), "{over}");
}
