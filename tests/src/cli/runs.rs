//! Runs: who is invited, who is not and why, and who has linked.

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::support::mail_server::{MailServer, closed_port, smtp_url};
use crate::support::mail_text::decoded;
use crate::support::paths::fixture;
use crate::support::program::Cli;

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

/// LX-15, LX-21, LX-22, LX-23, LX-25, LX-31: The main task from the import to the link.
#[test]
fn people_are_invited_skipped_and_failed_with_reasons_and_link() {
    let cli = Cli::with_three_people();
    cli.json(&["command", "LinkCompleted", r#"{"user":"ann","channel":"whatsapp"}"#]);
    cli.run(&["users", "archive", "bob"]).expect_status(0);
    let output = cli.run(&[
        "runs",
        "start",
        "--channel",
        "WhatsApp Native",
        "--import",
        "latest",
        "--yes",
        "--json",
    ]);
    let run = output.expect_status(5).json();
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
        let has_reason = row["reason"].as_str().is_some_and(|reason| !matches!(reason, "" | "-"));
        assert_eq!(has_reason, row["status"] != "success", "{row}");
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

/// LX-16, LX-17, LX-19: A run selects an import, org units or users. Unknown ones are refused.
#[test]
fn run_selects_an_import_org_units_or_users() {
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

/// LX-05, LX-06, LX-07: A run needs an enabled channel and at most as many recipients as the limit.
#[test]
fn disabled_channel_and_exceeded_limit_refuse_a_run() {
    let cli = Cli::with_three_people();
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

/// LX-20: Without `--yes` and without a terminal the program sends nothing and records nothing.
#[test]
fn run_does_not_start_without_confirmation() {
    let cli = Cli::with_three_people();
    let events = cli.rows(&["history"]).len();
    let start = ["runs", "start", "--channel", "whatsapp", "--import", "latest"];
    let output = cli.run(&start).expect_status(2);
    assert!(output.stderr.contains("--yes"), "{}", output.stderr);
    assert_eq!(cli.rows(&["history"]).len(), events);
    assert!(!cli.outbox().exists());
    let stdout = cli.run(&[&start[..], &["--yes"]].concat()).expect_status(0).stdout;
    assert!(stdout.contains("invitation emails to 3 users"), "{stdout}");
    assert!(stdout.contains("3 invited, 0 skipped, 0 failed"), "{stdout}");
}

/// LX-20: On a terminal the program shows the number of recipients and starts the run only after `y`.
#[test]
fn terminal_asks_for_confirmation_of_a_run() {
    let cli = Cli::with_three_people();
    for (answer, runs) in [("n", 0), ("", 0), ("y", 1)] {
        let words = "runs start --channel whatsapp --import latest";
        let screen = cli.on_terminal(words, &format!("{answer}\n"));
        assert!(screen.contains("emails to 3 users") && screen.contains("[y/N]"), "{screen}");
        assert_eq!(cli.rows(&["runs"]).len(), runs, "{answer:?}: {screen}");
    }
}

/// LX-30: A mail server gets no mail with a dead link. The outbox may hold such mails, and the program says so.
#[test]
fn run_by_smtp_with_a_placeholder_link_is_refused() {
    let server = MailServer::start(&[]);
    let smtp = server.url();
    let cli = Cli::new();
    for words in [
        &["config", "set", "channels.whatsapp", "true"][..],
        &["users", "add", "ann", "--email", "ann@people.example"],
        &["phones", "add", "+84923448071", "ann"],
    ] {
        cli.run(words).expect_status(0);
    }
    let start = ["runs", "start", "--channel", "whatsapp", "--user", "ann", "--yes"];
    let by_smtp = [&start[..], &["--smtp", &smtp]].concat();
    let refused = cli.refused(&by_smtp);
    assert_eq!(refused["code"], "config.link_base_url_unset");
    for setting in ["link_base_url", "mail_from"] {
        let command = format!("boarding config set {setting} ");
        assert!(refused["message"].as_str().unwrap().contains(&command), "{refused}");
    }
    assert_eq!(cli.rows(&["runs"]), Vec::<Value>::new());

    let in_files = cli.run(&[&start[..], &["--json"]].concat()).expect_status(0);
    assert!(in_files.stderr.contains("placeholder"), "{}", in_files.stderr);
    let settings = ["link_base_url", "https://acme.example/link", "mail_from", "on@acme.example"];
    cli.run(&[&["config", "set"][..], &settings].concat()).expect_status(0);
    let output = cli.run(&by_smtp).expect_status(0);
    assert!(!output.stderr.contains("placeholder"), "{}", output.stderr);
    let received = server.received();
    assert_eq!(received.len(), 1, "only the run with a real link was sent");
    let mail = decoded(&received[0].data);
    let (_, token) = mail.split_once("https://acme.example/link/").unwrap();
    assert!(token.starts_with(|c: char| c.is_ascii_alphanumeric() || "-_".contains(c)), "{mail}");
}

/// A31: A run whose mail server is down says so and waits. An administrator can end it then, and nothing is sent.
#[test]
fn run_that_waits_for_its_mail_server_is_given_up() {
    let cli = Cli::with_three_people();
    cli.interrupt_when_waiting(&[&START[..], &["--smtp", &smtp_url(closed_port())]].concat());

    let waiting = cli.rows(&["runs"])[0]["waiting_for"].clone();
    assert_eq!(waiting["what"], "mail server", "{waiting}");
    let shown = cli.run(&["runs", "show", "latest"]).expect_status(0).stderr;
    assert!(shown.lines().any(|line| line.contains("runs resume") && line.contains("--smtp URL")));
    let run = cli.run(&["runs", "give-up", "latest", "--json"]).expect_status(5);
    let run = run.json();
    assert_eq!((&run["state"], &run["failed"]), (&json!("completed"), &json!(3)));
    assert!(statuses(&cli, &run).iter().all(|(_, _, code)| code == "run.given_up"));
    assert!(!cli.outbox().exists());
}

/// A31: Welcome mails whose mail server is down wait for it, and `runs resume` tries them again.
#[test]
fn welcome_mails_wait_for_their_mail_server() {
    let cli = Cli::with_three_people();
    let port = closed_port();
    let smtp = smtp_url(port);
    let file = cli.people("new.csv", &[("dan", "+84923448081"), ("eve", "+84923448082")]);
    let import = ["import", &file, "--dialect", "leapxpert", "--send-welcome-email"];
    let output = cli.run(&[&import[..], &["--smtp", &smtp]].concat()).expect_status(0);
    assert!(output.stderr.contains("2 mails that could not be sent wait"), "{}", output.stderr);
    let output = cli.run(&["config", "set", "language", "de"]).expect_status(0);
    assert!(output.stderr.contains("2 mails that could not be sent wait"), "{}", output.stderr);
    assert!(!cli.outbox().exists(), "the mails wait for the mail server");

    let server = MailServer::on(port, &[]);
    cli.run(&["runs", "resume", "--smtp", &smtp]).expect_status(0);
    assert_eq!(server.received().len(), 2);
    let rows = cli.rows(&["notifications"]);
    assert!(rows.iter().all(|row| row["state"] == "sent"), "{rows:?}");
    cli.run(&["runs", "resume", "--smtp", &smtp]).expect_status(0);
    assert_eq!(server.received().len(), 2, "no mail is sent twice");
}

/// LX-32: A scheduled run can be withdrawn. A run that has started cannot be stopped.
#[test]
fn started_run_cannot_be_stopped() {
    let cli = Cli::with_three_people();
    let run = cli.start(&["--import", "latest"]);
    let answer = cli.refused(&["runs", "withdraw", run["run"].as_str().unwrap()]);
    assert_eq!(answer["code"], "run.cannot_be_stopped");
    let scheduled = cli.start(&["--import", "latest", "--not-before", "2999-01-01T00:00:00Z"]);
    assert_eq!(scheduled["state"], "scheduled");
    let id = scheduled["run"].as_str().unwrap();
    cli.run(&["runs", "withdraw", "latest"]).expect_status(0);
    let row = cli.json(&["runs", "show", id]);
    assert_eq!((&row["state"], &row["withdrawn_by"]), (&json!("withdrawn"), &json!("olga@local")));
    assert_eq!(row["not_before"], "2999-01-01T00:00:00.000Z");
    assert!(row["withdrawn_at"].is_string() && row["source"]["import"].is_string(), "{row}");
    let statuses: Vec<_> = cli.rows(&["log", id]).iter().map(|row| row["status"].clone()).collect();
    assert_eq!(statuses, ["withdrawn"; 3]);
    let csv = cli.run(&["runs", "--csv"]).expect_status(0).stdout;
    let title = csv.lines().next().unwrap();
    assert!(
        title.ends_with("Scheduled For,Started At,Ended At,Withdrawn By,Withdrawn At"),
        "{csv}"
    );
    assert!(csv.contains("2999-01-01T00:00:00.000Z,,,olga@local,"), "{csv}");
    let table = cli.run(&["runs"]).expect_status(0).stdout;
    assert!(table.contains("ENDED AT") && table.contains(" import 0"), "{table}");
    assert_eq!(cli.rows(&["runs", "--state", "withdrawn"]).len(), 1);
    assert_eq!(cli.rows(&["runs", "queue"]), Vec::<Value>::new());
}

/// LX-24: The log of an earlier run can be listed, exported as CSV, and exported for a spreadsheet.
#[test]
fn log_of_an_earlier_run_is_listed_and_exported() {
    let cli = Cli::with_three_people();
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

/// LX-35: The rows of two companies in one folder are separate.
#[test]
fn companies_in_one_folder_are_separate() {
    let cli = Cli::with_three_people();
    let output = cli.run(&["users", "--company", "globex"]).expect_status(0);
    assert!(output.stderr.contains("acme"), "{}", output.stderr);
    cli.json(&["users", "add", "ann", "--company", "globex"]);
    assert_eq!(cli.rows(&["users", "--company", "globex"]).len(), 1);
    assert_eq!(cli.rows(&["users"]).len(), 3);
}

#[test]
fn outbox_option_changes_the_folder_of_mails() {
    let cli = Cli::with_company();
    cli.import(&fixture("leapxpert/people-5.csv"));
    let outbox = cli.path().join("mails");
    let run = cli.start(&["--import", "latest", "--outbox", outbox.to_str().unwrap()]);
    let folder = outbox.join("acme").join(run["run"].as_str().unwrap());
    assert_eq!(std::fs::read_dir(folder).unwrap().count(), 5);
    assert!(!cli.outbox().exists());
}

/// LX-24, P7: After Ctrl-C, `runs resume` invites the remaining people and none twice.
#[test]
fn interrupted_run_continues_with_the_next_start() {
    let cli = Cli::with_many_people(2_000);
    let start = ["runs", "start", "--channel", "whatsapp", "--import", "latest", "--yes"];
    let mut child = cli.command(&start).spawn().unwrap();
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    let mut text = String::new();
    while !text.contains("inviting") {
        assert_ne!(stderr.read_line(&mut text).unwrap(), 0, "{text}");
    }
    let interrupt = Command::new("kill").args(["-INT", &child.id().to_string()]).status();
    assert!(interrupt.unwrap().success());
    stderr.read_to_string(&mut text).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130), "{text}");
    assert!(text.contains("boarding runs resume"), "{text}");

    let run = &cli.rows(&["runs"])[0];
    assert_eq!(run["state"], "running", "{run}");
    let resumed = cli.run(&["runs", "resume", "--json"]).expect_status(0).rows();
    assert_eq!((&resumed[0]["state"], &resumed[0]["passed"]), (&json!("completed"), &json!(2_000)));
    let mails = std::fs::read_dir(cli.outbox().join(run["run"].as_str().unwrap())).unwrap();
    assert_eq!(mails.count(), 2_000);
}

/// The command that starts a run of the last import. It must not be repeated while the run goes on.
const START: [&str; 7] = ["runs", "start", "--channel", "whatsapp", "--import", "latest", "--yes"];

/// The number of mails of each run.
fn mails_by_run(cli: &Cli) -> Vec<usize> {
    let runs = std::fs::read_dir(cli.outbox()).unwrap().map(|run| run.unwrap().path());
    runs.map(|run| std::fs::read_dir(run).unwrap().count()).collect()
}

/// P7: The same command after a kill in the middle of a run is refused: it would send all mails a second time.
#[test]
fn same_command_after_a_kill_sends_no_second_mail() {
    let cli = Cli::with_many_people(2_000);
    let mut child = cli.command(&START).spawn().unwrap();
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    let mut text = String::new();
    while !text.contains("inviting") {
        assert_ne!(stderr.read_line(&mut text).unwrap(), 0, "{text}");
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let sent = mails_by_run(&cli);
    assert!(sent[0] < 2_000);

    // Other verbs leave the run and say so.
    for words in [&["config", "set", "language", "de"][..], &["roles", "define", "Other"]] {
        let output = cli.run(words).expect_status(0);
        assert!(output.stderr.contains("1 run is due: boarding runs resume"), "{}", output.stderr);
        assert_eq!(mails_by_run(&cli), sent);
    }

    let refusal = cli.refused(&START);
    assert_eq!(refusal["code"], "run.people_in_unfinished_run");
    let runs = cli.rows(&["runs"]);
    assert_eq!(runs.len(), 1, "{runs:?}");
    let run = json!({"run": runs[0]["run"], "state": "running", "people": 2_000});
    assert_eq!(refusal["details"]["runs"], json!([run]));
    let refused = cli.run(&START).expect_status(1);
    assert!(refused.stderr.contains("boarding runs resume"), "{}", refused.stderr);
    let everybody = ["invitations", "resend", "--channel", "whatsapp", "--filter", "not_invited"];
    let refusal = cli.refused(&[&everybody[..], &["--yes"]].concat());
    assert_eq!(refusal["code"], "run.people_in_unfinished_run");
    cli.run(&["runs", "resume"]).expect_status(0);
    assert_eq!(mails_by_run(&cli), [2_000]);
}

/// A scheduled run has its people too. With `--yes-again` they get a second mail.
#[test]
fn people_of_a_scheduled_run_need_a_second_consent() {
    let cli = Cli::with_three_people();
    cli.start(&["--import", "latest", "--not-before", "2999-01-01T00:00:00Z"]);
    let queue = cli.run(&["runs", "queue"]).expect_status(0).stderr;
    assert!(queue.contains("1 run is scheduled for later: boarding runs list"), "{queue}");
    assert_eq!(cli.refused(&START)["code"], "run.people_in_unfinished_run");
    let again = ["runs", "start", "--channel", "whatsapp", "--import", "latest", "--yes-again"];
    cli.run(&again).expect_status(0);
    assert_eq!(mails_by_run(&cli), [3]);
}

/// A failure after the acceptance of a run says that the run is accepted, and never asks for a repeat.
#[test]
fn failure_after_acceptance_asks_for_no_repeat() {
    let cli = Cli::with_three_people();
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("smtp://{}", silent.local_addr().unwrap());
    let start = |user| ["runs", "start", "--channel", "whatsapp", "--user", user, "--yes"];
    let mut child = cli.command(&[&start("ann")[..], &["--smtp", &url]].concat()).spawn().unwrap();
    // A connection shows that the first run sends.
    let _connection = silent.accept().unwrap();
    child.kill().unwrap();
    child.wait().unwrap();

    let failed = cli.run(&[&start("bob")[..], &["--json"]].concat()).expect_status(4);
    let answer = failed.json();
    let accepted = format!("run {} is accepted", answer["result"]["run"].as_str().unwrap());
    assert_eq!(answer["outcome"], "accepted", "{answer}");
    for text in [&accepted, "boarding runs resume", "do not repeat the command", "--smtp URL"] {
        assert!(failed.stderr.contains(text), "{text}: {}", failed.stderr);
    }
    assert!(!failed.stderr.contains("try again"), "{}", failed.stderr);
    assert_eq!(cli.rows(&["runs"]).len(), 2);
}

/// Import & Invite: The same command after a kill asks for consent too.
#[test]
fn same_import_after_a_kill_invites_nobody_again() {
    let cli = Cli::with_three_people();
    let file = cli.people("four.csv", &[("dora", "+84923448074")]);
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("smtp://{}", silent.local_addr().unwrap());
    let import = [
        "import",
        &file,
        "--dialect",
        "leapxpert",
        "--add-phones",
        "--invite",
        "--channel",
        "whatsapp",
    ];
    let mut child = cli.command(&[&import[..], &["--smtp", &url]].concat()).spawn().unwrap();
    let _connection = silent.accept().unwrap();
    child.kill().unwrap();
    child.wait().unwrap();

    let refusal = cli.run(&[&import[..], &["--json"]].concat()).expect_status(1).json();
    assert_eq!(refusal["code"], "run.people_in_unfinished_run");
    assert_eq!(cli.rows(&["imports"]).len(), 2);
}

/// LX-20: a plan that is confirmed twice, as by a double click, starts one run. The second is refused with its id.
#[test]
fn plan_confirmed_twice_starts_one_run() {
    let cli = Cli::with_company();
    cli.import(&cli.people("people.csv", &[("ann", "+84923448001")]));
    let source = json!({"users": ["ann"]});
    let preview = json!({"source": source, "channel": "whatsapp", "mode": "preview"});
    let command = |body: &Value| {
        cli.run(&["command", "StartBulkIntegration", &body.to_string(), "--json"]).json()
    };
    let plan = command(&preview)["result"]["plan_hash"].clone();
    let confirmed =
        json!({"source": source, "channel": "whatsapp", "mode": "confirmed", "plan_hash": plan});
    let first = command(&confirmed);
    assert_eq!(first["outcome"], "accepted", "{first}");
    let second = command(&confirmed);
    assert_eq!(
        (&second["outcome"], &second["code"]),
        (&json!("refused"), &json!("run.already_confirmed"))
    );
    assert_eq!(second["details"]["run"], first["result"]["run"]);
    assert_eq!(cli.rows(&["runs"]).len(), 1);
}
