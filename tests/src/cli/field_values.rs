//! Phones and unique values of files from the field: small inputs that people report of tools for this job.

use serde_json::json;

use crate::support::paths::fixture;
use crate::support::program::Cli;

/// The company of the field cases: a role, two org units that have it, and a channel.
fn company() -> Cli {
    let cli = Cli::new();
    for words in [
        &["roles", "define", "Account Manager", "--permission", "bulk_integration"][..],
        &["roles", "define", "Supervisor"],
        &["org-units", "define", "Sales", "--role", "Account Manager"],
        &["org-units", "define", "Support", "--role", "Account Manager"],
        &["config", "set", "channels.whatsapp", "true"],
    ] {
        cli.run(words).expect_status(0);
    }
    cli
}

/// N90: Only cells that are one number are taken, also with `assume_plus`. The others are shown as they are.
#[test]
fn cell_that_is_not_one_number_is_rejected_and_shown() {
    let cli = company();
    cli.run(&["config", "set", "assume_plus", "true"]).expect_status(0);
    let file = fixture("field/phones-assume-plus.csv");
    let words = ["import", &file, "--dialect", "leapxpert", "--add-phones"];
    let output = cli.run(&words);
    let rows = cli.rows(&["imports", "rows", "latest"]);
    let phones: Vec<_> = rows.iter().map(|row| &row["phone"]).collect();
    let rejected = "rejected:phone.invalid";
    assert_eq!(phones, [rejected, "added", "added", rejected, rejected]);
    for (row, cell) in [(0, "84923448071.0"), (3, "2026-11-28"), (4, "192.168.10.20")] {
        let message = rows[row]["phone_problem"]["message"].as_str().unwrap();
        assert!(message.contains(cell), "{message}");
        assert!(output.stdout.contains(cell), "{}", output.stdout);
    }
    let listed = cli.rows(&["phones"]);
    let listed: Vec<_> = listed.iter().map(|row| [&row["phone"], &row["user"]]).collect();
    assert_eq!(json!(listed), json!([["+84923448072", "f2"], ["+84923448073", "f3"]]));
}

/// N90: A range in one argument is refused by name. A range has options of its own.
#[test]
fn range_of_numbers_has_its_own_spelling() {
    let cli = company();
    let range = "+1 212 555 0001-0005";
    let words = ["numbers", "add", "+1 212 555 0009", range, "--org-unit", "Sales"];
    let output = cli.run(&words).expect_status(1);
    for words in ["phone.invalid", range, "--from NUMBER --to NUMBER"] {
        assert!(output.stderr.contains(words), "{}", output.stderr);
    }
    let words = ["numbers", "add", "--from", "+1 212 555 0001", "--to", "+1 212 555 0005"];
    let output = cli.run(&[&words[..], &["--org-unit", "Sales"]].concat()).expect_status(0);
    assert!(output.stdout.starts_with("5 numbers added"), "{}", output.stdout);
    assert_eq!(cli.rows(&["numbers"]).len(), 5);
}
