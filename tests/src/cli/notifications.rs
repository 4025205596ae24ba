//! The verb `notifications`: mails to administrators and to the person who started a run.

use serde_json::json;

use crate::support::program::Cli;

/// ML-14: settings switch the mails on, and the verb shows the state of each.
#[test]
fn settings_switch_notifications_on_and_a_verb_lists_them() {
    let cli = Cli::with_company();
    cli.run(&["config", "set", "designated_admin_emails", "[\"una@acme.example\"]"])
        .expect_status(0);
    cli.run(&["config", "set", "notify.run_completed", "true"]).expect_status(0);
    let people = cli.people("people.csv", &[("ann", "+84912345001"), ("bob", "+84912345002")]);
    cli.run(&["import", &people, "--dialect", "leapxpert", "--add-phones"]).expect_status(0);
    let start = ["runs", "start", "--channel", "whatsapp", "--import", "latest", "--yes"];
    cli.run(&[&["--actor", "jane@acme.example"], &start[..]].concat()).expect_status(0);
    let rows = cli.run(&["notifications", "--json"]).expect_status(0).rows();
    let shown: Vec<_> = rows.iter().map(|row| (&row["kind"], &row["to"], &row["state"])).collect();
    let (una, jane) = (json!("una@acme.example"), json!("jane@acme.example"));
    let (report, completed, sent) = (json!("batch_report"), json!("run_completed"), json!("sent"));
    assert_eq!(shown, [(&completed, &jane, &sent), (&report, &una, &sent)]);
    let one = cli.run(&["notifications", "--kind", "batch_report", "--state", "sent", "--csv"]);
    let one = one.expect_status(0).stdout;
    assert_eq!(one.lines().count(), 2, "{one}");
    assert!(one.starts_with("Key,Kind,To,User,State,"), "{one}");
    let table = cli.run(&["notifications"]).expect_status(0).stdout;
    assert!(table.contains("run_completed") && table.contains("una@acme.example"), "{table}");
    cli.run(&["notifications", "--kind", "telegram"]).expect_status(1);
    let bad = "[\"una@acme.example\\r\\nBcc: b@acme.example\"]";
    cli.run(&["config", "set", "designated_admin_emails", bad]).expect_status(1);
    assert_eq!(std::fs::read_dir(cli.outbox().join("notices")).unwrap().count(), 2);
}

/// OC-14: after an import without an administrator's address, the program says so, and a new link is refused.
#[test]
fn missing_administrator_is_said_after_an_import() {
    let cli = Cli::new();
    let file = cli.file("people.csv", "email/login\nann@people.example\n");
    let import = ["import", &file, "--dialect", "officechat"];
    let output = cli.run(&import).expect_status(0);
    let advice = "boarding config set network_admin_email ADDRESS";
    assert!(output.stderr.contains(advice), "{}", output.stderr);
    let refusal = cli.refused(&["imports", "link", "latest"]);
    assert_eq!(refusal["code"], "config.network_admin_email_unset");
    cli.run(&["config", "set", "network_admin_email", "admin@people.example"]).expect_status(0);
    cli.run(&["imports", "link", "latest"]).expect_status(0);
    let rows = cli.rows(&["notifications"]);
    let mail = (&rows[0]["kind"], &rows[0]["to"], &rows[0]["state"]);
    assert_eq!(mail, (&json!("import_completed"), &json!("admin@people.example"), &json!("sent")));
    let file = cli.file("more.csv", "email/login\nbob@people.example\n");
    let output = cli.run(&["import", &file, "--dialect", "officechat"]).expect_status(0);
    assert!(!output.stderr.contains(advice), "{}", output.stderr);
}
