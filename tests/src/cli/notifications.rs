//! Who else is told: switched on by settings, looked up with the verb `notifications`.

use serde_json::json;

use crate::support::program::Place;

/// ML-14, catalogue 3.6: an administrator and the starter are told, and what became of the mails is shown.
#[test]
fn ml_14_the_mails_are_switched_on_by_settings_and_shown_by_a_verb() {
    let place = Place::with_company();
    place.run(&["config", "set", "designated_admin_emails", "[\"una@acme.example\"]"]).with(0);
    place.run(&["config", "set", "notify.run_completed", "true"]).with(0);
    let people = place.people("people.csv", &[("ann", "+84912345001"), ("bob", "+84912345002")]);
    place.run(&["import", &people, "--dialect", "leapxpert", "--add-phones"]).with(0);
    let start = ["runs", "start", "--channel", "whatsapp", "--import", "latest", "--yes"];
    place.run(&[&["--actor", "jane@acme.example"], &start[..]].concat()).with(0);
    let rows = place.run(&["notifications", "--json"]).with(0).rows();
    let shown: Vec<_> = rows.iter().map(|row| (&row["kind"], &row["to"], &row["state"])).collect();
    let (una, jane) = (json!("una@acme.example"), json!("jane@acme.example"));
    let (report, completed, sent) = (json!("batch_report"), json!("run_completed"), json!("sent"));
    assert_eq!(shown, [(&completed, &jane, &sent), (&report, &una, &sent)]);
    let one = place.run(&["notifications", "--kind", "batch_report", "--state", "sent", "--csv"]);
    let one = one.with(0).out;
    assert_eq!(one.lines().count(), 2, "{one}");
    assert!(one.starts_with("Key,Kind,To,User,State,"), "{one}");
    let table = place.run(&["notifications"]).with(0).out;
    assert!(table.contains("run_completed") && table.contains("una@acme.example"), "{table}");
    place.run(&["notifications", "--kind", "telegram"]).with(1);
    let bad = "[\"una@acme.example\\r\\nBcc: b@acme.example\"]";
    place.run(&["config", "set", "designated_admin_emails", bad]).with(1);
    assert_eq!(std::fs::read_dir(place.outbox().join("notices")).unwrap().count(), 2);
}
