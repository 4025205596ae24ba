//! Failed people are reached again: `runs retry`, and `invitations resend --filter`.

use serde_json::{Value, json};

use crate::support::program::Cli;

/// The username and the status of each person of a run.
fn log(cli: &Cli, run: &str) -> Value {
    let rows = cli.rows(&["log", run]);
    rows.iter().map(|row| json!([row["username"], row["status"]])).collect()
}

/// A31: A retry invites the failed people of a run, is linked to the run, and shows the number before it asks.
#[test]
fn retry_invites_the_failed_people_of_a_run() {
    let cli = Cli::with_company();
    cli.import(&cli.people("people.csv", &[("ann", "+84923448001"), ("bob", "")]));
    let first = cli.start(&["--user", "ann", "--user", "bob"])["run"].as_str().unwrap().to_owned();
    assert_eq!(log(&cli, &first), json!([["ann", "success"], ["bob", "failed"]]));
    let uncertain = cli.refused(&["runs", "retry", "latest", "--uncertain", "--yes"]);
    assert_eq!(uncertain["code"], "run.empty_selection");

    cli.run(&["phones", "add", "+84923448002", "bob"]).expect_status(0);
    let preview = cli.run(&["runs", "retry", "latest", "--failed", "--preview"]).expect_status(0);
    assert!(preview.stdout.contains("invitation emails to 1 user "), "{}", preview.stdout);
    assert!(!preview.stderr.contains("of import"), "{}", preview.stderr);
    assert_eq!(cli.rows(&["runs"]).len(), 1, "a preview starts no run");
    let output = cli.run(&["runs", "retry", "latest", "--failed", "--yes"]).expect_status(0);
    let shown = [output.stdout, output.stderr].concat();
    assert!(shown.contains("invitation emails to 1 user "), "{shown}");
    assert_eq!(log(&cli, "latest"), json!([["bob", "success"]]));
    let runs = cli.rows(&["runs"]);
    let retried = json!({"failed_of": {"run": first, "outcomes": ["failed"]}});
    assert_eq!((&runs[0]["source"], runs.len()), (&retried, 2));
    let twice = cli.refused(&["runs", "retry", &first, "--yes"]);
    assert_eq!(twice["code"], "run.empty_selection");
    assert_eq!(
        cli.refused(&["runs", "retry", "01JD0000000000000000000000", "--yes"])["code"],
        "query.not_found"
    );
}

/// A31: The filters tell failed people from those who were never invited, and leave out those who were reached.
#[test]
fn resend_filters_mean_what_they_say() {
    let cli = Cli::with_company();
    cli.import(
        &cli.people("people.csv", &[("ann", "+84923448001"), ("bob", ""), ("cid", "+84923448003")]),
    );
    cli.start(&["--user", "ann", "--user", "bob"]);
    let resend = |filter: &str| {
        let words = [
            "invitations",
            "resend",
            "--channel",
            "whatsapp",
            "--filter",
            filter,
            "--yes",
            "--json",
        ];
        let output = cli.run(&words);
        if output.status == 1 { output.json()["code"].clone() } else { log(&cli, "latest") }
    };
    assert_eq!(resend("expired"), "run.empty_selection");
    assert_eq!(resend("bounced"), "run.empty_selection");
    assert_eq!(resend("uncertain"), "run.empty_selection");
    assert_eq!(resend("failed"), json!([["bob", "failed"]]));
    assert_eq!(resend("never_sent"), json!([["bob", "failed"], ["cid", "success"]]));
    assert_eq!(resend("not_invited"), json!([["bob", "failed"]]));
}

/// LX-25: a person who failed before an invitation was made has none to list. The list says where the reason is.
#[test]
fn invitations_name_runs_with_people_who_got_none() {
    let cli = Cli::with_company();
    cli.import(&cli.people("people.csv", &[("ann", "+84923448001"), ("bob", "")]));
    let run = cli.start(&["--user", "ann", "--user", "bob"])["run"].as_str().unwrap().to_owned();
    let hint = format!(
        "1 person failed before an invitation was made: boarding log {run} --status failed"
    );
    for (words, says) in [
        (&["invitations"][..], true),
        (&["invitations", "--state", "failed"], true),
        (&["invitations", "--user", "BOB"], true),
        (&["invitations", "--user", "ann"], false),
        (&["invitations", "--state", "sent"], false),
    ] {
        let stderr = cli.run(words).expect_status(0).stderr;
        assert_eq!(stderr.contains(&hint), says, "{words:?}: {stderr}");
    }
    cli.run(&["phones", "add", "+84923448002", "bob"]).expect_status(0);
    cli.run(&["runs", "retry", &run, "--yes"]).expect_status(0);
    let stderr = cli.run(&["invitations"]).expect_status(0).stderr;
    assert!(!stderr.contains("failed before"), "{stderr}");
}

/// A38: `runs resume` carries a scheduled run to its end with the first call after its time.
#[test]
fn resume_ends_a_scheduled_run_whose_time_has_come() {
    let cli = Cli::with_company();
    cli.import(&cli.people("people.csv", &[("ann", "+84923448001")]));
    let soon = boarding_core::clock::Clock::system().now().plus_seconds(3).to_string();
    let scheduled = cli.start(&["--user", "ann", "--not-before", &soon]);
    assert_eq!(scheduled["state"], "scheduled");
    let run = scheduled["run"].as_str().unwrap();
    loop {
        let resumed = cli.rows(&["runs", "resume"]);
        let state = cli.json(&["runs", "show", run])["state"].clone();
        if let [row] = &resumed[..] {
            assert_eq!((&row["run"], &state), (&json!(run), &json!("completed")));
            break;
        }
        assert_eq!((resumed.len(), &state), (0, &json!("scheduled")));
    }
}

/// LX-07: A filter that finds more people than a run may have is invited in parts.
#[test]
fn filter_over_the_limit_is_invited_in_parts() {
    let cli = Cli::with_company();
    let people = [("ann", "+84923448001"), ("bob", "+84923448002"), ("cid", "+84923448003")];
    cli.import(&cli.people("people.csv", &people));
    cli.run(&["config", "set", "bulk_integration_max_records", "2"]).expect_status(0);
    let resend = ["invitations", "resend", "--channel", "whatsapp", "--filter", "not_invited"];
    let refused = cli.run(&[&resend[..], &["--yes"]].concat()).expect_status(1);
    assert!(refused.stderr.contains("add --limit 2"), "{}", refused.stderr);
    let mut parts = Vec::new();
    for _ in 0..2 {
        cli.run(&[&resend[..], &["--limit", "2", "--yes"]].concat()).expect_status(0);
        parts.push(log(&cli, "latest"));
    }
    assert_eq!(
        json!(parts),
        json!([[["ann", "success"], ["bob", "success"]], [["cid", "success"]]])
    );
    let again = cli.run(&[&resend[..], &["--yes"]].concat()).expect_status(1);
    assert!(again.stderr.contains("the filter not_invited finds nobody"), "{}", again.stderr);
}
