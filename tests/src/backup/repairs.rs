//! A damaged log stops the companies that lost commits and no other, and `boarding repair` gives the missing part back.

use std::fs;
use std::path::PathBuf;

use serde_json::{Value, json};

use crate::support::program::Cli;
use crate::support::running_engine::Engine;
use crate::support::wait::wait_until;

/// Two companies in one folder with a backup: `acme` has three people, `zeta` has two. Both got another person after it.
fn two_companies() -> Cli {
    let cli = Cli::with_three_people();
    for user in ["zoe", "zed"] {
        add(&cli, "zeta", user, 0);
    }
    cli.run(&["backup", "backup"]).expect_status(0);
    add(&cli, "acme", "dan", 0);
    add(&cli, "zeta", "zac", 0);
    cli
}

/// Adds a person, and returns what the program says.
#[track_caller]
fn add(cli: &Cli, company: &str, user: &str, status: i32) -> String {
    let body = json!({"user": user, "first_name": user}).to_string();
    let output = cli.run(&["command", "AddUser", &body, "--company", company]);
    output.expect_status(status).stderr
}

/// The people of a company.
fn users(cli: &Cli, company: &str, status: i32) -> (Vec<String>, String) {
    let output = cli.run(&["users", "--company", company, "--json"]).expect_status(status);
    let mut users: Vec<_> = output.rows().iter().map(|row| row["user"].to_string()).collect();
    users.sort_unstable();
    (users, output.stderr)
}

fn segment(cli: &Cli) -> PathBuf {
    cli.data().join("log/00000000000000000001.log")
}

/// Changes bytes of the log: those from the first place on where this text stands.
fn damage(cli: &Cli, text: &str, length: usize) -> Vec<u8> {
    let mut bytes = fs::read(segment(cli)).unwrap();
    let at = bytes.windows(text.len()).position(|window| window == text.as_bytes()).unwrap();
    for byte in &mut bytes[at..at + length] {
        *byte ^= 0x11;
    }
    fs::write(segment(cli), &bytes).unwrap();
    bytes
}

#[test]
fn damage_of_one_company_stops_no_other() {
    let cli = two_companies();
    // The commit of zed is in the middle of the history of zeta.
    let damaged = damage(&cli, "zed", 3);
    let history = users(&cli, "acme", 0);
    assert_eq!(history.0.len(), 4, "{history:?}");
    assert!(history.1.contains("warning: the log of company zeta is damaged after version"));
    add(&cli, "acme", "eve", 0);
    let (_, stderr) = users(&cli, "zeta", 3);
    for text in ["company zeta", "00000000000000000001.log at byte ", "boarding repair --from"] {
        assert!(stderr.contains(text), "{stderr}");
    }
    let refused = add(&cli, "zeta", "zia", 3);
    assert!(refused.contains("log.company_damaged"), "{refused}");
    let history = cli.run(&["audit", "history", "user:zoe", "--company", "zeta", "--json"]);
    assert_eq!(history.expect_status(3).rows().len(), 1, "reads go on up to the damage");
    assert_eq!(fs::read(segment(&cli)).unwrap()[..2_000], damaged[..2_000]);
    cli.run(&["audit", "verify"]).expect_status(3);
    assert_eq!(users(&cli, "acme", 0).0.len(), 5);
}

#[test]
fn damaged_company_is_named_by_a_running_engine() {
    let cli = two_companies();
    let tokens = ["acme", "zeta"].map(|company| {
        let issued = cli.json(&["tokens", "issue", "--for", "olga", "--company", company]);
        issued["secret"].as_str().unwrap().to_owned()
    });
    damage(&cli, "zac", 3);
    let engine = Engine::start(&cli, &[]);
    let body = json!({"user": "new"}).to_string();
    let words = |company| ["command", "AddUser", &body, "--json", "--company", company].to_vec();
    engine.run(&tokens[0], &words("acme")).expect_status(0);
    let refused = engine.run(&tokens[1], &["users", "--company", "zeta", "--json"]);
    assert_eq!(refused.status, 1, "the token was made after the damage: {refused:?}");
    let metrics = ureq::get(format!("{}/metrics", engine.url)).call().unwrap();
    let metrics = metrics.into_body().read_to_string().unwrap();
    assert!(metrics.contains("boarding_company_damaged{company=\"zeta\"} 1"), "{metrics}");
    assert!(!metrics.contains("boarding_company_damaged{company=\"acme\"}"), "{metrics}");
    engine.stop();
}

#[test]
fn backup_repairs_what_was_before_it() {
    let cli = two_companies();
    let before = ["acme", "zeta"].map(|company| history(&cli, company));
    damage(&cli, "zed", 3);
    add(&cli, "acme", "eve", 0);
    let unrepaired = cli.run(&["repair", "--json"]).expect_status(3);
    assert_eq!(unrepaired.json()["repaired"], false);
    assert!(unrepaired.stderr.contains("nothing was changed"), "{}", unrepaired.stderr);
    let damaged = fs::read(segment(&cli)).unwrap();
    let planned = cli.json(&["repair", "--from", "backup", "--dry-run"]);
    assert_eq!(planned["segments"], json!(["00000000000000000001.log"]));
    assert_eq!(fs::read(segment(&cli)).unwrap(), damaged, "a dry run changes nothing");
    let repaired = cli.json(&["repair", "--from", "backup"]);
    assert_eq!((&repaired["repaired"], &repaired["left"]), (&json!(true), &json!([])));
    assert_eq!(fs::read(segment(&cli).with_extension("log.damaged")).unwrap(), damaged);
    cli.run(&["audit", "verify"]).expect_status(0);
    let after = ["acme", "zeta"].map(|company| history(&cli, company));
    assert_eq!(after[1], before[1]);
    assert!(after[0].starts_with(&before[0]) && after[0].len() == before[0].len() + 1);
    assert_eq!(users(&cli, "zeta", 0).0.len(), 3);
    add(&cli, "zeta", "zia", 0);
    cli.run(&["audit", "replay"]).expect_status(0);
    assert_eq!(cli.json(&["repair"])["intact"], true);
}

#[test]
fn flipped_bit_is_repaired_without_a_backup() {
    let cli = two_companies();
    let before = history(&cli, "zeta");
    let intact = fs::read(segment(&cli)).unwrap();
    let at = intact.windows(3).position(|window| window == b"zac").unwrap();
    let mut bytes = intact;
    bytes[at + 1] ^= 4;
    fs::write(segment(&cli), &bytes).unwrap();
    users(&cli, "zeta", 3);
    let shown = cli.run(&["repair"]).expect_status(0);
    assert!(shown.stdout.contains("repaired 1 segment of the log"), "{}", shown.stdout);
    assert_eq!(history(&cli, "zeta"), before);
}

/// The last commits of the log are hidden: no query waits for them, also when the read models are made again.
#[test]
fn hidden_end_of_the_log_keeps_no_company_waiting() {
    let cli = two_companies();
    flip(&cli, "zac");
    assert_eq!(users(&cli, "acme", 0).0.len(), 4);
    fs::remove_dir_all(cli.data().join("derived")).unwrap();
    assert_eq!(users(&cli, "acme", 0).0.len(), 4);
    assert_eq!(users(&cli, "zeta", 3).0.len(), 2, "the rows end at the damage");
}

/// Bytes may be right again without a repair, for example after a read error. The lost rows and command ids come back.
#[test]
fn nothing_is_forgotten_when_the_bytes_are_right_again() {
    let cli = two_companies();
    let id = "01JD0000000000000000000001";
    let body = json!({"user": "zulu"}).to_string();
    let command = ["command", "AddUser", &body, "--company", "zeta", "--id", id];
    cli.run(&command).expect_status(0);
    add(&cli, "acme", "eve", 0);
    flip(&cli, "zulu");
    assert_eq!(users(&cli, "zeta", 3).0.len(), 3);
    add(&cli, "acme", "fay", 0);
    flip(&cli, "zulu");
    assert_eq!(users(&cli, "zeta", 0).0.len(), 4);
    let repeated = cli.run(&command).expect_status(0);
    assert!(repeated.stdout.contains("repeated"), "{repeated:?}");
    cli.run(&["audit", "replay"]).expect_status(0);
}

/// A damaged log that an engine goes on with keeps a witness of its end: a lost end is not taken for more damage.
#[test]
fn lost_end_of_a_damaged_log_is_found() {
    let cli = two_companies();
    let issued = cli.json(&["tokens", "issue", "--for", "olga"]);
    let token = issued["secret"].as_str().unwrap();
    flip(&cli, "zac");
    let engine = Engine::start(&cli, &[]);
    for user in ["eve", "fay"] {
        engine.run(token, &["users", "add", user]).expect_status(0);
    }
    let witness = cli.data().join("audit/acknowledged");
    wait_until("the end is written beside the log", || witness.exists().then_some(()));
    // The engine is killed.
    drop(engine);
    let mut bytes = fs::read(segment(&cli)).unwrap();
    let last = bytes.windows(4).rposition(|window| window == b"FRAM").unwrap();
    bytes[last..].fill(0);
    fs::write(segment(&cli), bytes).unwrap();
    flip(&cli, "zed");
    for removes_rows in [false, true] {
        if removes_rows {
            fs::remove_dir_all(cli.data().join("derived")).unwrap();
        }
        let refused = users(&cli, "acme", 3).1;
        assert!(
            refused.contains("has lost its end") || refused.contains("its end is missing"),
            "{refused}"
        );
    }
}

/// Damaged bytes that hold no commit stop no company, and are named.
#[test]
fn damaged_header_is_named_and_stops_no_company() {
    let cli = two_companies();
    let mut bytes = fs::read(segment(&cli)).unwrap();
    bytes[20] ^= 1;
    fs::write(segment(&cli), &bytes).unwrap();
    for company in ["acme", "zeta"] {
        let stderr = users(&cli, company, 3).1;
        assert!(stderr.contains("at byte 0") && stderr.contains("no commit is lost"), "{stderr}");
        assert!(add(&cli, company, "new", 0).contains("warning: the log is damaged"));
    }
    cli.run(&["repair"]).expect_status(0);
    assert_eq!(users(&cli, "acme", 0).0.len(), 5);
}

/// Flips a bit in the last place where the text stands.
fn flip(cli: &Cli, text: &str) {
    let mut bytes = fs::read(segment(cli)).unwrap();
    let flipped: Vec<_> =
        text.bytes().enumerate().map(|(n, byte)| byte ^ u8::from(n == 0)).collect();
    let is_text = |window: &[u8]| window == text.as_bytes() || window == flipped;
    let at = bytes.windows(text.len()).rposition(is_text).unwrap();
    bytes[at] ^= 1;
    fs::write(segment(cli), &bytes).unwrap();
}

/// The backup ends before the damage.
#[test]
fn backup_that_lacks_the_missing_part_changes_nothing() {
    let cli = two_companies();
    let damaged = damage(&cli, "zac", 3);
    let output = cli.run(&["repair", "--from", "backup", "--json"]).expect_status(3);
    assert_eq!(output.json()["kind"], "damage");
    let used = damaged.iter().rposition(|&byte| byte != 0).unwrap();
    assert_eq!(fs::read(segment(&cli)).unwrap()[..used], damaged[..used]);
    let other = Cli::with_three_people();
    other.run(&["backup", "backup"]).expect_status(0);
    let from = other.path().join("backup");
    let refused = cli.refused(&["repair", "--from", from.to_str().unwrap()]);
    assert_eq!(refused["code"], "repair.other_log");
}

fn history(cli: &Cli, company: &str) -> Vec<Value> {
    cli.rows(&["audit", "history", "--company", company])
}
