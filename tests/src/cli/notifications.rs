//! Who else is told: switched on by settings, looked up with the verb `notifications`.

use serde_json::json;

use crate::support::program::Cli;

/// ML-14, catalogue 3.6: an administrator and the starter are told, and what became of the mails is shown.
#[test]
fn ml_14_the_mails_are_switched_on_by_settings_and_shown_by_a_verb() {
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
