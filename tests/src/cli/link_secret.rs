//! The secret of links: a changed or missing one is noticed before a dead link is mailed.

use serde_json::json;

use crate::support::mail_text::{decoded, link_tokens};
use crate::support::paths::files_under;
use crate::support::program::Cli;

/// A company that has mailed a link to ann.
fn mailed() -> Cli {
    let cli = Cli::with_company();
    cli.import(&cli.people("people.csv", &[("ann", "+84923448001"), ("bob", "+84923448002")]));
    cli.start(&["--user", "ann"]);
    cli
}

fn tokens(cli: &Cli) -> Vec<String> {
    let mails = files_under(&cli.outbox()).into_iter();
    let mails = mails.map(|path| decoded(&std::fs::read_to_string(path).unwrap()));
    mails.filter_map(|mail| link_tokens(&mail).into_iter().next()).collect()
}

fn secret(cli: &Cli) -> std::path::PathBuf {
    cli.data().join("secret")
}

/// Without the secret nothing is mailed and no secret is made. The old one put back, all works as before.
#[test]
fn missing_secret_stops_mails_until_it_is_put_back() {
    let cli = mailed();
    let kept = std::fs::read(secret(&cli)).unwrap();
    let token = tokens(&cli).remove(0);
    std::fs::rename(secret(&cli), cli.path().join("kept")).unwrap();
    let start = ["runs", "start", "--channel", "whatsapp", "--user", "bob", "--yes"];
    let refused = cli.refused(&start);
    assert_eq!(refused["code"], "link_secret.changed");
    let remedy = "boarding config unset link_secret --company acme";
    assert!(refused["message"].as_str().unwrap().contains(remedy), "{refused}");
    assert_eq!(cli.follow(&token)["code"], "link_secret.changed");
    assert!(!secret(&cli).exists(), "the program makes no secret");
    assert_eq!(tokens(&cli).len(), 1, "nothing was mailed");
    // A mail without a link leaves as before, and makes no secret.
    let file = cli.people("new.csv", &[("cid", "+84923448003")]);
    let words = ["import", &file, "--dialect", "leapxpert", "--send-welcome-email"];
    cli.run(&words).expect_status(0);
    let welcome = cli.rows(&["notifications", "--kind", "welcome"]);
    assert_eq!((welcome.len(), &welcome[0]["state"]), (1, &json!("sent")));
    assert!(!secret(&cli).exists(), "the program makes no secret");
    std::fs::rename(cli.path().join("kept"), secret(&cli)).unwrap();
    cli.run(&start).expect_status(0);
    assert_eq!(cli.follow(&token)["outcome"], "accepted");
    assert_eq!(std::fs::read(secret(&cli)).unwrap(), kept);
}

/// A new secret is accepted knowingly. The links of the old one end, and the new ones work.
#[test]
fn new_secret_is_accepted_by_a_command() {
    let cli = mailed();
    let token = tokens(&cli).remove(0);
    std::fs::remove_file(secret(&cli)).unwrap();
    cli.run(&["config", "unset", "link_secret"]).expect_status(0);
    cli.start(&["--user", "bob"]);
    assert!(secret(&cli).exists());
    assert_eq!(cli.follow(&token)["code"], "invitation.not_found");
    let new = tokens(&cli).into_iter().find(|one| *one != token).unwrap();
    assert_eq!(cli.follow(&new)["outcome"], "accepted");
    cli.start(&["--user", "ann"]);
    assert_eq!(tokens(&cli).len(), 3);
}
