//! Rules for all verbs: exit statuses, JSON, ids.

use serde_json::{Value, json};

use crate::support::paths::fixture;
use crate::support::program::{Cli, keys};

const RUN_KEYS: [&str; 19] = [
    "channel",
    "ended_at",
    "failed",
    "not_before",
    "passed",
    "queue_place",
    "remaining",
    "requested_at",
    "requested_by",
    "run",
    "skipped",
    "source",
    "started_at",
    "state",
    "total",
    "tried_again",
    "waiting_for",
    "withdrawn_at",
    "withdrawn_by",
];
const IMPORT_KEYS: [&str; 25] = [
    "activated",
    "blank_rows",
    "created",
    "deactivated",
    "dialect",
    "duplicate",
    "ended_at",
    "file_name",
    "import",
    "invalid",
    "lost",
    "not_invited",
    "notes",
    "phones_added",
    "phones_failed",
    "requested_by",
    "run",
    "sha256",
    "skipped",
    "started_at",
    "state",
    "total",
    "unchanged",
    "undo",
    "updated",
];

#[test]
fn invalid_arguments_end_with_2_and_create_no_folder() {
    let cli = Cli::new();
    for words in [
        &["fly"][..],
        &["import"],
        &["import", "people.csv"],
        &["import", "nowhere.csv", "--dialect", "leapxpert"],
        &["runs", "start", "--channel", "whatsapp"],
        &["runs", "start", "--channel", "whatsapp", "--import", "latest", "--user", "ann", "--yes"],
        &["runs", "--company", "Not A Company"],
        &["config", "set", "language"],
        &["config", "set", "language", "en", "company_name"],
        &["command", "ArchiveUser", "{not json"],
        &["query", "runs", "state"],
        &["import", "x.csv", "--dialect", "leapxpert", "--delimiter", "ab"],
        &["runs", "--as-of"],
        &["phones", "--search", "ann", "list"],
        &["runs", "--limit", "1", "queue"],
        &["runs", "list", "--smtp", "gopher://mail.example"],
    ] {
        let output = cli.run(words).expect_status(2);
        assert!(output.stdout.is_empty(), "{words:?}: {}", output.stdout);
        assert!(!output.stderr.is_empty(), "{words:?}");
        assert!(!cli.data().exists(), "{words:?} created a data folder");
    }
}

#[test]
fn missing_company_is_reported_where_one_is_needed() {
    let cli = Cli::new();
    let mut command = cli.command(&["runs"]);
    let output = command.env_remove("BOARDING_COMPANY").output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("--company"));
    let mut command = cli.command(&["template", "leapxpert"]);
    let output = command.env_remove("BOARDING_COMPANY").output().unwrap();
    assert_eq!(output.status.code(), Some(0), "a template belongs to no company");
    assert!(!cli.data().exists());
}

#[test]
fn mail_server_password_is_never_printed() {
    let cli = Cli::new();
    for words in [&["runs", "--smtp", "smtp://u:s3cret@mail.example:none"][..], &["--help"]] {
        let mut command = cli.command(words);
        let output = command.env("BOARDING_SMTP", "smtp://u:s3cret@mail.example").output().unwrap();
        let printed = [output.stdout, output.stderr].concat();
        assert!(!String::from_utf8_lossy(&printed).contains("s3cret"), "{words:?}");
    }
}

#[test]
fn refusal_ends_with_1_and_is_on_stdout_and_stderr() {
    let cli = Cli::new();
    let answer = cli.refused(&["command", "ArchiveUser", r#"{"user":"nobody"}"#]);
    assert_eq!(keys(&answer), ["code", "command", "details", "message", "outcome"]);
    assert_eq!(answer["code"], json!("user.not_found"));
    for words in [
        &["query", "rumours"][..],
        &["query", "runs", "state=asleep"],
        &["runs", "show", "01JD0000000000000000000000"],
        &["users", "show", "nobody"],
        &["config", "get", "colour"],
        &["template", "morse"],
        &["command", "FlyAway"],
    ] {
        cli.refused(words);
    }
    let plain = cli.run(&["users", "archive", "nobody"]).expect_status(1);
    assert!(plain.stdout.is_empty(), "without --json it is on stderr only: {}", plain.stdout);
    assert!(plain.stderr.contains("boarding users --search"), "{}", plain.stderr);
}

/// The exit status distinguishes a folder in use from damage.
#[test]
fn folder_in_use_ends_with_4_and_damage_with_3() {
    let cli = Cli::new();
    cli.run(&["config", "set", "language", "en"]).expect_status(0);
    let lock = std::fs::File::open(cli.data().join("LOCK")).unwrap();
    lock.lock().unwrap();
    let output = cli.run(&["runs", "resume"]).expect_status(4);
    assert!(output.stderr.contains("in use"), "{}", output.stderr);
    drop(lock);
    for _ in 0..3 {
        cli.run(&["config", "set", "language", "de"]).expect_status(0);
    }
    damage(&cli);
    let output = cli.run(&["runs"]).expect_status(3);
    assert!(!output.stderr.is_empty());
}

/// Flips one bit in the middle of the first segment.
fn damage(cli: &Cli) {
    let mut segments: Vec<_> = std::fs::read_dir(cli.data().join("log"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_file() && path.metadata().unwrap().len() > 400)
        .collect();
    segments.sort();
    let path = segments.first().unwrap();
    let mut bytes = std::fs::read(path).unwrap();
    let middle = 200;
    bytes[middle] ^= 0x40;
    std::fs::write(path, bytes).unwrap();
}

#[test]
fn common_options_are_accepted_at_every_position() {
    let cli = Cli::with_company();
    for words in [
        &["--json", "phones", "list"][..],
        &["phones", "--json", "--company", "acme", "list"],
        &["phones", "list", "--json", "--actor", "kim"],
    ] {
        assert!(cli.run(words).expect_status(0).stdout.is_empty());
    }
}

#[test]
fn folder_of_a_newer_format_ends_with_4() {
    let cli = Cli::new();
    std::fs::create_dir_all(cli.data()).unwrap();
    std::fs::write(cli.data().join("FORMAT"), "boarding data folder, format 99\n").unwrap();
    let output = cli.run(&["runs"]).expect_status(4);
    assert!(output.stderr.contains("newer program"), "{}", output.stderr);
}

/// P10: A repeat of a command under the same id is done once and gets the same answer.
#[test]
fn command_repeated_under_its_id_is_done_once() {
    let cli = Cli::new();
    let id = "01JD0000000000000000000001";
    let words = ["config", "set", "language", "de", "--id", id];
    let first = cli.json(&words);
    assert_eq!(keys(&first), ["command", "duplicate", "outcome", "position", "result", "version"]);
    assert_eq!((&first["command"], &first["duplicate"]), (&json!(id), &json!(false)));
    let mut repeat = cli.json(&words);
    assert_eq!(repeat["duplicate"], json!(true));
    repeat["duplicate"] = json!(false);
    assert_eq!(repeat, first);
    let other = cli.refused(&["config", "set", "language", "fr", "--id", id]);
    assert_eq!(other["code"], json!("command.duplicate_conflict"));
    assert_eq!(cli.rows(&["history"]).len(), 1);
    let output = cli.run(&["config", "set", "language", "en"]).expect_status(0);
    assert!(output.stderr.contains("command 01"), "the id is not printed: {}", output.stderr);
}

/// P10: Repeats of an import and of a run under their ids are done once.
#[test]
fn import_and_run_repeated_under_their_ids_are_done_once() {
    let cli = Cli::with_company();
    let file = fixture("leapxpert/people-5.csv");
    let id = "01JD0000000000000000000002";
    let import = ["import", &file, "--dialect", "leapxpert", "--add-phones", "--id", id];
    let first = cli.json(&import);
    assert_eq!(cli.json(&import), first);
    assert_eq!(first["import"], json!(id));
    let run = "01JD0000000000000000000003";
    let start =
        ["runs", "start", "--channel", "whatsapp", "--import", "latest", "--yes", "--id", run];
    let first = cli.json(&start);
    let repeat = cli.json(&start);
    assert_eq!((&first["run"], &repeat["duplicate"]), (&json!(run), &json!(true)));
    assert_eq!(first["passed"], repeat["passed"]);
    assert_eq!(cli.rows(&["runs"]).len(), 1);
    assert_eq!(std::fs::read_dir(cli.outbox().join(run)).unwrap().count(), 5);
}

/// The keys of a row of the integration log.
const INTEGRATION_LOG_KEYS: [&str; 11] = [
    "at", "attempt", "channel", "code", "delivery", "device", "email", "org_unit", "reason",
    "status", "username",
];

/// Verbs that list rows, and the keys of these.
const LIST_KEYS: [(&[&str], &[&str]); 4] = [
    (&["phones"], &["channels", "full_name", "phone", "updated_at", "user"]),
    (
        &["users", "list"],
        &[
            "attributes",
            "email",
            "first_name",
            "last_name",
            "link_ends",
            "links",
            "org_unit",
            "phone",
            "roles",
            "state",
            "user",
        ],
    ),
    (
        &["imports", "rows", "latest"],
        &[
            "invite",
            "key",
            "line",
            "lost",
            "number",
            "outcome",
            "phone",
            "phone_problem",
            "problems",
            "row",
            "undo",
            "warnings",
        ],
    ),
    (
        &["history"],
        &[
            "actor",
            "at",
            "authenticated",
            "command",
            "correlation",
            "data",
            "event",
            "hash",
            "position",
            "version",
        ],
    ),
];

#[test]
fn rows_have_the_keys_of_the_contract() {
    let cli = Cli::with_company();
    let import = cli.import(&fixture("leapxpert/people-5.csv"));
    let without_warnings: Vec<_> =
        keys(&import).into_iter().filter(|key| *key != "warnings").collect();
    assert_eq!(without_warnings, IMPORT_KEYS);
    let started = cli.start(&["--import", "latest"]);
    let run = started["run"].as_str().unwrap();
    assert_eq!(keys(&cli.json(&["runs", "show", run])), RUN_KEYS);
    assert_eq!(keys(&cli.rows(&["runs"])[0]), RUN_KEYS);
    assert_eq!(keys(&cli.rows(&["log", run])[0]), INTEGRATION_LOG_KEYS);
    for (words, expected) in LIST_KEYS {
        let rows = cli.rows(words);
        assert!(rows.len() >= 5, "{words:?}: {rows:?}");
        assert_eq!(keys(&rows[0]), expected, "{words:?}");
    }
}

/// LX-33: `query` prints the answer document of the contract.
#[test]
fn query_prints_the_document_of_the_contract() {
    let cli = Cli::with_company();
    let answer = cli.run(&["query", "org_units", "limit=2"]).expect_status(0).json();
    assert_eq!(keys(&answer), ["next", "position", "rows"]);
    assert_eq!(answer["rows"].as_array().unwrap().len(), 2);
    assert!(answer["next"].is_string());
    // The queue lives on a NATS server. Without one, no queued command was refused.
    let queued = cli.run(&["query", "queued_commands"]).expect_status(0).json();
    assert_eq!((&queued["rows"], &queued["next"]), (&json!([]), &json!(null)));
    let answer = cli.run(&["query", "config"]).expect_status(0).json();
    assert_eq!(keys(&answer), ["position", "row"]);
    let searched = cli.run(&["query", "users", "search=123"]).expect_status(0).json();
    assert_eq!(searched["rows"], json!([]), "digits are text in a text parameter");
}

#[test]
fn lists_contain_all_rows_without_a_limit() {
    let cli = Cli::with_company();
    cli.run(&["config", "set", "bulk_integration_max_records", "5000"]).expect_status(0);
    cli.import(&fixture("leapxpert/people-1000-30-bad.csv"));
    assert_eq!(cli.rows(&["imports", "rows", "latest"]).len(), 1000);
    assert_eq!(cli.rows(&["users"]).len(), 970);
    for limit in ["1", "7", "501"] {
        let rows = cli.rows(&["users", "--limit", limit]);
        assert_eq!(rows.len().to_string(), limit);
    }
}

/// LX-24: `--as-of` shows an earlier state and is refused for commands.
#[test]
fn as_of_shows_the_past_and_changes_nothing() {
    let cli = Cli::new();
    let first = cli.json(&["users", "add", "ann"]);
    cli.json(&["users", "add", "bob"]);
    let position = first["position"].to_string();
    let earlier = cli.rows(&["users", "--as-of", &position]);
    assert_eq!(earlier.len(), 1);
    assert_eq!(cli.rows(&["users"]).len(), 2);
    cli.run(&["users", "add", "eve", "--as-of", &position]).expect_status(2);
}

#[test]
fn piped_output_is_plain_and_quiet_prints_rows_only() {
    let cli = Cli::with_company();
    let file = fixture("leapxpert/people-5.csv");
    let words = ["import", &file, "--dialect", "leapxpert", "--add-phones"];
    let imported = cli.run(&words).expect_status(0);
    let start = ["runs", "start", "--channel", "whatsapp", "--import", "latest", "--yes"];
    let started = cli.run(&start).expect_status(0);
    for text in [&imported.stdout, &imported.stderr, &started.stdout, &started.stderr] {
        assert!(!text.contains('\u{1b}'), "an escape sequence: {text:?}");
    }
    let quiet = cli.run(&["phones", "-q"]).expect_status(0);
    assert!(quiet.stderr.is_empty(), "{}", quiet.stderr);
    assert_eq!(quiet.stdout.lines().count(), 6, "a heading and five people: {}", quiet.stdout);
}

/// `boarding history | head` succeeds.
#[test]
fn closed_stdout_ends_with_0() {
    let cli = Cli::with_company();
    cli.import(&fixture("leapxpert/people-100.csv"));
    let mut child = cli.command(&["history", "--json"]).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn command_accepts_a_body_or_an_envelope_on_stdin() {
    let cli = Cli::new();
    cli.run(&["command", "AddUser", r#"{"user":"ann"}"#]).expect_status(0);
    let envelope = json!({
        "id": "01JD0000000000000000000004", "actor": "jane@acme.example", "body": {"user": "bob"},
    });
    let answer = cli
        .run_with_input(&["command", "AddUser", "-", "--json"], &envelope.to_string())
        .expect_status(0)
        .json();
    assert_eq!(answer["command"], envelope["id"]);
    let actors: Vec<Value> =
        cli.rows(&["history"]).iter().map(|event| event["actor"].clone()).collect();
    assert_eq!(actors, [json!("olga@local"), json!("jane@acme.example")]);
    cli.run(&["users", "add", "cid", "--actor", "kim@acme.example"]).expect_status(0);
    assert_eq!(cli.rows(&["history"])[2]["actor"], json!("kim@acme.example"));
}

/// Invalid rows and failed recipients end with status 5, for the verb `command` too.
#[test]
fn command_with_failed_rows_or_people_ends_with_5() {
    let cli = Cli::with_company();
    let import = |text: &str, extra: Value| {
        let mut body =
            json!({"dialect": "officechat", "files": [{"name": "people.csv", "text": text}]});
        body.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        cli.run(&["command", "ImportFile", &body.to_string(), "--json"])
    };
    import("name,email/login\nAnn,ann\n", json!({})).expect_status(0);
    import("name,email/login\nBob,bob@@\n", json!({})).expect_status(5);
    // A login without an email address cannot be invited.
    let run = r#"{"source":{"users":["ann"]},"channel":"whatsapp","mode":"confirmed","expected_recipients":1}"#;
    cli.run(&["command", "StartBulkIntegration", run]).expect_status(5);
    // The file creates more people than a run may invite, so the automatic run is refused.
    let many: String = (0..101).map(|n| format!("N,n{n}@people.example\n")).collect();
    cli.run(&["config", "set", "enforce_run_limit_at_import", "false"]).expect_status(0);
    let output = import(
        &format!("first_name,username\n{many}"),
        json!({"dialect": "leapxpert", "auto_invite": true, "channel": "whatsapp"}),
    )
    .expect_status(5);
    assert_eq!(output.json()["result"]["not_invited"], "run.too_many_recipients");
    assert_eq!(output.json()["result"]["created"], 101);
}

#[test]
fn verbs_and_options_of_the_future_are_refused() {
    let cli = Cli::new();
    for verb in ["serve", "audit", "why", "doctor", "backup", "restore"] {
        cli.run(&[verb]).expect_status(2);
    }
    for option in ["--url", "--token"] {
        cli.run(&["runs", option, "x"]).expect_status(2);
    }
    let script = cli.run(&["completions", "bash"]).expect_status(0);
    assert!(script.stdout.contains("failed-rows"));
}
