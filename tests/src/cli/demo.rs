//! The demo, as somebody runs it who has just heard of the product.

use serde_json::json;

use crate::support::program::Cli;

/// LX-33, LX-34, P12: it ends well, the second run is seen to wait, and it proves itself.
#[test]
fn the_demo_tells_the_main_job_and_proves_itself() {
    let cli = Cli::new();
    let told = cli.run(&["demo"]).expect_status(0).stdout;
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
        let found = told.to_lowercase().contains(&words.to_lowercase());
        assert!(found, "{words}: {told}");
    }
    let second = cli.run(&["demo", "--json"]).expect_status(0).json();
    assert_ne!(second["data"], json!(cli.data()), "a second demo gets a folder of its own");
    assert_eq!(second["verified"]["identical"], json!(true));
    let runs = cli.rows(&["runs"]);
    assert_eq!(runs.len(), 2, "the first demo is as it was");
    for run in runs {
        let count = |name: &str| run[name].as_u64().unwrap();
        assert!(count("passed") > 100 && count("skipped") == 3 && count("failed") > 5, "{run}");
        assert_eq!(count("passed") + count("skipped") + count("failed"), count("total"));
    }
}
