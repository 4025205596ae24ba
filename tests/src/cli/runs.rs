//! Runs as an operator lives them: who is invited, who is not and why, and who has linked.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::support::paths::fixture;
use crate::support::program::Cli;

/// Three people with numbers: ann, bob and cid.
fn with_three() -> Cli {
    let cli = Cli::with_company();
    let people = [("ann", "+84923448071"), ("bob", "+84923448072"), ("cid", "+84923448073")];
    cli.import(&cli.people("three.csv", &people));
    cli
}

fn statuses(cli: &Cli, run: &Value) -> Vec<(String, String, String)> {
    let rows = cli.rows(&["log", run["run"].as_str().unwrap()]);
    let text = |row: &Value, name: &str| row[name].as_str().unwrap_or("").to_owned();
    rows.iter().map(|row| (text(row, "username"), text(row, "status"), text(row, "code"))).collect()
}

/// The token in the only link of a mail.
fn token(mail: &Path) -> String {
    let text = std::fs::read_to_string(mail).unwrap().replace("=\r\n", "").replace("=\n", "");
    let (_, link) = text.split_once("https://link.acme.example/link/").unwrap();
    link.chars().take_while(|c| c.is_ascii_alphanumeric() || "-_".contains(*c)).collect()
}

/// LX-15, LX-21, LX-22, LX-23, LX-25, LX-31: the main job from the import to the link.
#[test]
fn people_are_invited_skipped_and_failed_with_reasons_and_link() {
    let cli = with_three();
    cli.json(&["command", "LinkCompleted", r#"{"user":"ann","channel":"whatsapp"}"#]);
    cli.run(&["users", "archive", "bob"]).expect_status(0);
    let ended = cli.run(&[
        "runs",
        "start",
        "--channel",
        "WhatsApp Native",
        "--import",
        "latest",
        "--yes",
        "--json",
    ]);
    let run = ended.expect_status(5).json();
    assert_eq!(
        ["total", "passed", "skipped", "failed", "remaining"].map(|name| run[name].clone()),
        [3, 1, 1, 1, 0].map(|n| json!(n))
    );
    let expected = [
        ("ann", "skipped", "recipient.already_linked"),
        ("bob", "failed", "recipient.user_archived"),
        ("cid", "success", ""),
    ];
    let expected = expected.map(|(a, b, c)| (a.to_owned(), b.to_owned(), c.to_owned()));
    assert_eq!(statuses(&cli, &run), expected);
    for row in cli.rows(&["log", "latest"]) {
        let explained = row["reason"].as_str().is_some_and(|reason| !matches!(reason, "" | "-"));
        assert_eq!(explained, row["status"] != "success", "{row}");
    }

    let folder = cli.outbox().join(run["run"].as_str().unwrap());
    let mails: Vec<_> = std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).collect();
    assert_eq!(mails.len(), 1);
    let channels =
        |user: &str| cli.rows(&["phones", "--search", user])[0]["channels"]["whatsapp"].clone();
    assert_eq!(
        ["ann", "bob", "cid"].map(channels),
        ["linked", "not_linked", "invited"].map(|s| json!(s))
    );
    let body = json!({"token": token(&mails[0])}).to_string();
    cli.json(&["command", "LinkCompleted", &body]);
    assert_eq!(channels("cid"), json!("linked"));
    assert_eq!(
        cli.refused(&["command", "LinkCompleted", &body])["code"],
        "invitation.already_used"
    );
}

/// LX-16, LX-17, LX-19: an earlier import, org units, single users; unknown ones are refused.
#[test]
fn a_run_takes_an_import_org_units_or_users() {
    let cli = Cli::with_company();
    let first = cli.import(&cli.people("a.csv", &[("ann", "+84923448071")]));
    cli.import(&cli.people("b.csv", &[("bob", "+84923448072")]));
    let users =
        |run: Value| statuses(&cli, &run).into_iter().map(|(user, ..)| user).collect::<Vec<_>>();
    assert_eq!(users(cli.start(&["--import", "latest"])), ["bob"]);
    assert_eq!(users(cli.start(&["--import", first["import"].as_str().unwrap()])), ["ann"]);
    assert_eq!(users(cli.start(&["--org-unit", "Fixed Income Desk"])), ["ann", "bob"]);
    assert_eq!(users(cli.start(&["--user", "bob", "--user", "ann"])), ["ann", "bob"]);

    let refused = |words: &[&str]| {
        let start = ["runs", "start", "--channel", "whatsapp", "--yes"];
        cli.refused(&[&start, words].concat())["code"].as_str().unwrap().to_owned()
    };
    assert_eq!(refused(&["--import", "01JD0000000000000000000000"]), "import.not_found");
    assert_eq!(refused(&["--org-unit", "Nowhere"]), "org_unit.not_found");
    assert_eq!(refused(&["--org-unit", "Facilities"]), "org_unit.role_lacks_permission");
    let none = Cli::with_company();
    let start = ["runs", "start", "--channel", "whatsapp", "--yes", "--import", "latest"];
    assert_eq!(none.refused(&start)["code"], "import.none_available");
}

/// LX-05, LX-06, LX-07: the channel must be enabled, and the limit holds when a run is confirmed.
#[test]
fn channel_and_limit_are_settings_of_the_company() {
    let cli = with_three();
    cli.run(&["config", "set", "channels.whatsapp", "false"]).expect_status(0);
    let start = ["runs", "start", "--channel", "whatsapp", "--import", "latest", "--yes"];
    assert_eq!(cli.refused(&start)["code"], "channel.not_enabled");
    cli.run(&["config", "set", "channels.whatsapp", "true"]).expect_status(0);
    for bad in ["0", "-1", "many"] {
        let answer = cli.refused(&["config", "set", "bulk_integration_max_records", bad]);
        assert_eq!(answer["code"], "config.invalid_value", "{bad}");
    }
    cli.run(&["config", "set", "bulk_integration_max_records", "2"]).expect_status(0);
    let answer = cli.refused(&start);
    assert_eq!(answer["code"], "run.too_many_recipients");
    assert_eq!(answer["details"]["legacy_code"], json!(20001));
    assert_eq!(cli.rows(&["runs"]), Vec::<Value>::new());
    let limit = cli.run(&["config", "get", "bulk_integration_max_records"]).expect_status(0);
    assert_eq!(limit.stdout, "2\n");
    cli.run(&["config", "set", "bulk_integration_max_records", "3"]).expect_status(0);
    cli.run(&start).expect_status(0);
}

/// LX-20: the number is shown first; without a yes nothing is sent and nothing recorded.
#[test]
fn nothing_starts_without_a_yes() {
    let cli = with_three();
    let events = cli.rows(&["history"]).len();
    let start = ["runs", "start", "--channel", "whatsapp", "--import", "latest"];
    let ended = cli.run(&start).expect_status(2);
    assert!(ended.stderr.contains("--yes"), "{}", ended.stderr);
    assert_eq!(cli.rows(&["history"]).len(), events);
    assert!(!cli.outbox().exists());
    let ended = cli.run(&[&start[..], &["--yes"]].concat()).expect_status(0);
    assert!(ended.stdout.contains("invitation emails to 3 users"), "{}", ended.stdout);
    assert!(ended.stdout.contains("3 invited, 0 skipped, 0 failed"), "{}", ended.stdout);
}

/// LX-20: on a terminal the question is asked, and a no is a no.
#[test]
fn on_a_terminal_the_question_is_asked() {
    let cli = with_three();
    for (answer, runs) in [("n", 0), ("", 0), ("y", 1)] {
        let words = "runs start --channel whatsapp --import latest";
        let line = format!("{} {words}", crate::support::program::program().display());
        let mut command = cli.command(&[]);
        let environment: Vec<_> = command
            .get_envs()
            .filter_map(|(name, value)| Some((name.to_owned(), value?.to_owned())))
            .collect();
        command = Command::new("script");
        command.args(["-qec", &line, "/dev/null"]).envs(environment).current_dir(cli.path());
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(format!("{answer}\n").as_bytes()).unwrap();
        let shown = String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap();
        assert!(shown.contains("emails to 3 users") && shown.contains("[y/N]"), "{shown}");
        assert_eq!(cli.rows(&["runs"]).len(), runs, "{answer:?}: {shown}");
    }
}

/// LX-32: a run that waits is withdrawn; one that has started is not.
#[test]
fn a_started_run_cannot_be_stopped() {
    let cli = with_three();
    let run = cli.start(&["--import", "latest"]);
    let answer = cli.refused(&["runs", "withdraw", run["run"].as_str().unwrap()]);
    assert_eq!(answer["code"], "run.cannot_be_stopped");
    let scheduled = cli.start(&["--import", "latest", "--not-before", "2999-01-01T00:00:00Z"]);
    assert_eq!(scheduled["state"], "scheduled");
    let id = scheduled["run"].as_str().unwrap();
    cli.run(&["runs", "withdraw", id]).expect_status(0);
    assert_eq!(cli.json(&["runs", "show", id])["state"], "withdrawn");
    assert_eq!(cli.rows(&["runs", "--state", "withdrawn"]).len(), 1);
    assert_eq!(cli.rows(&["runs", "queue"]), Vec::<Value>::new());
}

/// LX-24: the log of every run stays, also as CSV and for spreadsheets.
#[test]
fn the_log_of_every_run_stays() {
    let cli = with_three();
    let first = cli.start(&["--import", "latest"]);
    let second = cli.start(&["--user", "ann", "--user", "nobody"]);
    assert_eq!(statuses(&cli, &first).len(), 3);
    assert_eq!(statuses(&cli, &second).len(), 2);
    let run = first["run"].as_str().unwrap();
    let csv = cli.run(&["log", run, "--csv"]).expect_status(0).stdout;
    assert!(csv.starts_with("Username,Email,Organizational Unit,Channel,Status,Reason"), "{csv}");
    let file = cli.path().join("log.csv");
    let words = ["log", run, "--spreadsheet", "-o", file.to_str().unwrap()];
    assert!(cli.run(&words).expect_status(0).stdout.is_empty());
    assert!(std::fs::read(file).unwrap().starts_with(b"\xef\xbb\xbf"));
    let failed = cli.rows(&["log", "latest", "--status", "failed"]);
    assert_eq!(failed.len(), 1);
    assert_eq!(failed[0]["code"], "recipient.user_not_created");
    assert_eq!(cli.rows(&["log", run, "--search", "ann"]).len(), 1);
}

/// LX-35: two companies in one folder have nothing to do with each other.
#[test]
fn companies_are_apart() {
    let cli = with_three();
    let ended = cli.run(&["users", "--company", "globex"]).expect_status(0);
    assert!(ended.stderr.contains("acme"), "{}", ended.stderr);
    cli.json(&["users", "add", "ann", "--company", "globex"]);
    assert_eq!(cli.rows(&["users", "--company", "globex"]).len(), 1);
    assert_eq!(cli.rows(&["users"]).len(), 3);
}

/// Mails go where the operator wants them.
#[test]
fn the_outbox_may_be_elsewhere() {
    let cli = Cli::with_company();
    cli.import(&fixture("leapxpert/people-5.csv"));
    let outbox = cli.path().join("mails");
    let run = cli.start(&["--import", "latest", "--outbox", outbox.to_str().unwrap()]);
    let folder = outbox.join("acme").join(run["run"].as_str().unwrap());
    assert_eq!(std::fs::read_dir(folder).unwrap().count(), 5);
    assert!(!cli.outbox().exists());
}

/// LX-24, P7: Ctrl-C leaves the run for the next start, which invites the others and nobody twice.
#[test]
fn an_interrupted_run_goes_on_with_the_next_start() {
    let cli = Cli::with_company();
    cli.run(&["config", "set", "bulk_integration_max_records", "10000"]).expect_status(0);
    cli.import(&fixture("leapxpert/people-10000.csv"));
    let start = ["runs", "start", "--channel", "whatsapp", "--import", "latest", "--yes"];
    let mut child = cli.command(&start).spawn().unwrap();
    let mut told = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    told.read_line(&mut line).unwrap();
    assert!(line.starts_with("inviting"), "{line}");
    let interrupt = Command::new("kill").args(["-INT", &child.id().to_string()]).status();
    assert!(interrupt.unwrap().success());
    told.read_to_string(&mut line).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130), "{line}");
    assert!(line.contains("boarding runs resume"), "{line}");

    let run = &cli.rows(&["runs"])[0];
    assert_eq!(run["state"], "running", "{run}");
    let resumed = cli.run(&["runs", "resume", "--json"]).expect_status(0).rows();
    assert_eq!(
        (&resumed[0]["state"], &resumed[0]["passed"]),
        (&json!("completed"), &json!(10_000))
    );
    let mails = std::fs::read_dir(cli.outbox().join(run["run"].as_str().unwrap())).unwrap();
    assert_eq!(mails.count(), 10_000);
}
