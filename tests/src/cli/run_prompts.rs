//! What the program says about runs before it sends: the parts of the number of people, and runs that are due.

use serde_json::json;

use crate::support::mail_server::MailServer;
use crate::support::program::Cli;

/// LX-20, A40: the prompt says how many people would be invited and why the others would not, how many have a link, and
/// who may have a mail already.
#[test]
fn prompt_shows_the_parts_of_the_number() {
    let cli = Cli::with_company();
    let people = [
        ("ann", "+84923448001"),
        ("lost", "+84923448002"),
        ("bob", ""),
        ("cid", "+84923448003"),
        ("dee", "+84923448004"),
        ("eve", "+84923448005"),
    ];
    cli.import(&cli.people("people.csv", &people));
    let settings =
        json!({"link_base_url": "https://acme.example/link", "mail_from": "on@acme.example"});
    cli.run(&["command", "SetCompanyConfig", &settings.to_string()]).expect_status(0);
    // The mail server takes the mail to this user and breaks off before it answers.
    let server = MailServer::start(&[]);
    let smtp = server.url();
    let first = cli.start(&["--user", "ann", "--user", "lost", "--smtp", &smtp]);
    assert_eq!((&first["passed"], &first["failed"]), (&json!(1), &json!(1)));
    cli.start(&["--user", "dee", "--not-before", "2999-01-01T00:00:00Z"]);
    cli.run(&["users", "archive", "cid"]).expect_status(0);
    cli.run(&["users", "link", "eve", "--channel", "whatsapp"]).expect_status(0);

    let shown = "You're about to send invitation emails to 6 users for them to link their messaging account. \
        Of them, 3 will be invited, 1 will be skipped with recipient.already_linked, 1 will fail with recipient.corporate_phone_missing, \
        1 will fail with recipient.user_archived. Have a link that works: 2. \
        Invited within the last 24 hours: 1. May have got an earlier mail: 1. In a run that waits: 1.";
    let words = "runs start --channel whatsapp --import latest";
    let preview: Vec<_> = words.split(' ').chain(["--preview"]).collect();
    let preview = cli.run(&preview).expect_status(0);
    assert_eq!(preview.stdout.trim_end(), shown);
    let screen = cli.on_terminal(words, "n\n");
    assert!(screen.contains(&format!("{shown} Proceed? [y/N]")), "{screen}");
    assert_eq!(cli.rows(&["runs"]).len(), 2, "no run was started");
}

/// A run whose time has come is left by every verb that starts no runs. The verb says so, and sends no mail.
#[test]
fn due_scheduled_run_is_left_and_said() {
    let cli = Cli::with_company();
    let people = [("ann", "+84923448071"), ("bob", "+84923448072"), ("cid", "+84923448073")];
    cli.import(&cli.people("three.csv", &people));
    let clock = boarding_core::clock::Clock::system();
    let soon = clock.now().plus_seconds(2);
    let scheduled = cli.start(&["--import", "latest", "--not-before", &soon.to_string()]);
    assert_eq!(scheduled["state"], "scheduled", "{scheduled}");
    while clock.now() <= soon {
        std::thread::yield_now();
    }
    for words in [
        &["phones", "remove", "+84923448071"][..],
        &["users", "archive", "bob"],
        &["org-units", "define", "Other"],
    ] {
        let output = cli.run(words).expect_status(0);
        let said = "1 run is due: boarding runs resume";
        assert!(output.stderr.contains(said), "{words:?}: {}", output.stderr);
    }
    assert_eq!(cli.rows(&["runs"])[0]["state"], "scheduled");
    assert!(!cli.outbox().exists());
    cli.run(&["runs", "resume"]).expect_status(5);
    assert_eq!(cli.rows(&["runs"])[0]["state"], "completed");
    let runs: Vec<_> = std::fs::read_dir(cli.outbox()).unwrap().collect();
    let mails = std::fs::read_dir(runs[0].as_ref().unwrap().path()).unwrap();
    assert_eq!((runs.len(), mails.count()), (1, 1));
}
