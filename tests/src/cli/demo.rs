//! The verb `demo`.

use serde_json::json;

use crate::support::program::Cli;

/// LX-33, LX-34, P12: The demo succeeds, shows that the second run waits, and verifies the read models.
#[test]
fn demo_shows_the_main_task_and_verifies_itself() {
    let cli = Cli::new();
    let stdout = cli.run(&["demo"]).expect_status(0).stdout;
    for words in [
        "390 created",
        "invitation emails to 396 users",
        "pending  1",
        "recipient.already_linked",
        "recipient.user_archived",
        "recipient.user_not_created",
        "recipient.corporate_phone_missing",
        "11 linked",
        "identical",
        "The mails are in",
    ] {
        let found = stdout.to_lowercase().contains(&words.to_lowercase());
        assert!(found, "{words}: {stdout}");
    }
    let second = cli.run(&["demo", "--json"]).expect_status(0).json();
    assert_ne!(second["data"], json!(cli.data()), "the second demo uses another folder");
    assert_eq!(second["verified"]["identical"], json!(true));
    let runs = cli.rows(&["runs"]);
    assert_eq!(runs.len(), 2, "the second demo changed the first");
    for run in runs {
        let count = |name: &str| run[name].as_u64().unwrap();
        assert!(count("passed") > 100 && count("skipped") == 3 && count("failed") > 5, "{run}");
        assert_eq!(count("passed") + count("skipped") + count("failed"), count("total"));
    }
}
