//! What the program says about runs before it sends: the parts of the number of people, and runs that are due.

use serde_json::json;

use crate::support::mail_server::{MailServer, closed_port, smtp_url};
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

    let shown = "You're about to send invitation emails to 6 users for them to link their messaging account. Of them, 3 will be invited.
  1 person would be skipped: The user is already linked on this channel, so no invitation is needed. [recipient.already_linked]
  1 person would fail: No corporate phone number is listed for the user; add one. [recipient.corporate_phone_missing]
  1 person would fail: The user is archived or deactivated; restore or reactivate the user first. [recipient.user_archived]
  Have a link that works: 2. Invited within the last 24 hours: 1. May have got an earlier mail: 1. In a run that waits: 1.";
    let words = "runs start --channel whatsapp --import latest";
    let preview: Vec<_> = words.split(' ').chain(["--preview"]).collect();
    let preview = cli.run(&preview).expect_status(0);
    assert!(preview.stdout.starts_with(&format!("{shown}\n")), "{}", preview.stdout);
    let screen = cli.on_terminal(words, "n\n").replace('\r', "");
    assert!(screen.contains(&format!("{shown}\nProceed? [y/N]")), "{screen}");
    assert_eq!(cli.rows(&["runs"]).len(), 2, "no run was started");
}

/// A40: what would refuse a start is in its preview, with its sentence and the way to go on.
#[test]
fn preview_names_the_refusal_of_the_start() {
    let cli = Cli::with_three_people();
    let set = |words: &[&str]| drop(cli.run(&[&["config"], words].concat()).expect_status(0));
    let refused = |words: &[&str], code: &str| {
        let preview = cli.run(&[words, &["--preview", "--json"]].concat()).json();
        let shown = match preview["outcome"] == "refused" {
            true => &preview["code"],
            false => &preview["result"]["refusals"][0]["code"],
        };
        assert_eq!(shown, code, "{words:?}: {preview}");
        assert_eq!(cli.refused(&[words, &["--yes"]].concat())["code"], code, "{words:?}");
        // There is no terminal to ask on, and --yes would not help.
        assert_eq!(cli.refused(words)["code"], code, "{words:?}");
    };
    let start = |words: &'static str| {
        let words = words.split(' ').filter(|word| !word.is_empty());
        ["runs", "start", "--channel", "whatsapp"].into_iter().chain(words).collect::<Vec<_>>()
    };
    let all = "--import latest";
    refused(&start("--user ann --not-before 2020-01-01T00:00:00Z"), "run.not_before_in_past");
    set(&["set", "bulk_integration_max_records", "2"]);
    refused(&start(all), "run.too_many_recipients");
    set(&["set", "bulk_integration_max_records", "100", "channels.whatsapp", "false"]);
    refused(&start(all), "channel.not_enabled");
    set(&["set", "channels.whatsapp", "true"]);
    set(&["unset", "link_base_url"]);
    refused(&start("--import latest --smtp smtp://127.0.0.1:1"), "config.link_base_url_unset");
    let output = cli.run(&[&start(all)[..], &["--preview"]].concat()).expect_status(0);
    let said = "with --smtp, the start would be refused: The mails would have a dead link";
    assert!(output.stdout.contains(said), "{}", output.stdout);
    set(&["set", "link_base_url", "https://acme.example/link"]);

    cli.start(&["--user", "ann", "--not-before", "2999-01-01T00:00:00Z"]);
    let unfinished = "run.people_in_unfinished_run";
    refused(&start(all), unfinished);
    refused(
        &["invitations", "resend", "--filter", "not_invited", "--channel", "whatsapp"],
        unfinished,
    );
    let preview = [&start(all)[..], &["--preview"]].concat();
    let output = cli.run(&preview).expect_status(0).stdout;
    let said = "with --yes, the start would be refused: Some of these people are in a run";
    assert!(output.contains(said) && output.contains(&format!("[{unfinished}]")), "{output}");
    assert!(output.contains("repeat the command with --yes-again"), "{output}");
    let output = cli.run(&[&preview[..], &["--yes-again"]].concat()).expect_status(0).stdout;
    assert!(!output.contains("refused"), "{output}");
    set(&["set", "max_pending_runs", "1"]);
    refused(&start("--user bob"), "run.queue_full");
}

/// LX-20: where no mail would leave, the program asks nothing. It says why, and what to do.
#[test]
fn nothing_is_asked_when_no_mail_would_leave() {
    let cli = Cli::with_company();
    cli.import(&cli.people("people.csv", &[("ann", ""), ("bob", "")]));
    let screen = cli.on_terminal("runs start --channel whatsapp --import latest", "y\n");
    assert!(!screen.contains("Proceed?") && !screen.contains("about to send"), "{screen}");
    for words in [
        "No invitation would be sent to any of the 2 users.",
        "2 people would fail: No corporate phone number is listed for the user; add one.",
        "add --yes",
        "no run was started",
    ] {
        assert!(screen.contains(words), "{words}: {screen}");
    }
    assert_eq!(cli.rows(&["runs"]).len(), 0);
}

/// A40: the link of a mail that has never left is no link that works.
#[test]
fn mail_that_never_left_gives_no_link_that_works() {
    let cli = Cli::with_three_people();
    let start = ["runs", "start", "--channel", "whatsapp", "--import", "latest"];
    let server = MailServer::start(&["--mails", "1"]);
    cli.interrupt_when_waiting(&[&start[..], &["--yes", "--smtp", &server.url()]].concat());
    let preview = [&start[..], &["--preview"]].concat();
    for give_up in [false, true] {
        if give_up {
            cli.run(&["runs", "give-up", "latest"]).expect_status(5);
        }
        let shown = cli.json(&preview)["result"].clone();
        assert_eq!((&shown["live_links"], &shown["expected"]["invite"]), (&json!(1), &json!(3)));
    }
}

/// A claim whose mail never left is no mail: the earlier mail counts. A claim that was skipped is none either.
#[test]
fn claim_without_a_mail_hides_no_earlier_mail() {
    let cli = Cli::with_three_people();
    let both = ["--user", "ann", "--user", "bob"];
    cli.start(&both);
    let ann = json!({"user": "ann", "channel": "whatsapp"}).to_string();
    cli.run(&["command", "RevokeInvitation", &ann]).expect_status(0);
    let start = [&["runs", "start", "--channel", "whatsapp"], &both[..]].concat();
    let by_smtp = ["--yes", "--smtp", &smtp_url(closed_port())];
    cli.interrupt_when_waiting(&[&start[..], &by_smtp].concat());
    let preview = [&start[..], &["--preview"]].concat();
    let known = || {
        let shown = cli.json(&preview)["result"].clone();
        (shown["live_links"].clone(), shown["invited_within_24h"].clone())
    };
    assert_eq!(known(), (json!(1), json!(1)));
    let run = &cli.rows(&["runs"])[0]["run"];
    let skip = json!({"run": run, "user": "ann", "code": "recipient.already_linked"}).to_string();
    cli.run(&["command", "UserSkipped", &skip]).expect_status(0);
    assert_eq!(known(), (json!(1), json!(1)));
}

/// A preview of an import says that a run of the same file has not ended, as the import does.
#[test]
fn import_preview_names_the_run_of_the_same_file() {
    let cli = Cli::with_company();
    let file = cli.people("people.csv", &[("ann", "+84923448071")]);
    let import = ["import", &file, "--dialect", "leapxpert", "--add-phones", "--invite"];
    let import = [&import[..], &["--channel", "whatsapp"]].concat();
    let by_smtp = ["--smtp", &smtp_url(closed_port())];
    cli.interrupt_when_waiting(&[&import[..], &by_smtp].concat());
    let refused = cli.refused(&import);
    let (code, message) = (refused["code"].as_str().unwrap(), refused["message"].as_str().unwrap());
    assert_eq!(code, "run.people_in_unfinished_run");
    let preview = [&import[..], &["--preview"]].concat();
    let said = cli.run(&preview).expect_status(0).stderr;
    let refusal = format!("without --yes-again, the import would be refused: {message} [{code}]");
    assert!(said.contains(&refusal), "{said}");
    let again = cli.run(&[&preview[..], &["--yes-again"]].concat()).expect_status(0).stderr;
    assert!(!again.contains("refused"), "{again}");
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

/// LX-34: a preview says which runs the new one would wait behind, and how a scheduled one is withdrawn.
#[test]
fn preview_says_which_runs_are_ahead() {
    let cli = Cli::with_three_people();
    let words = ["runs", "start", "--channel", "whatsapp", "--user", "cid", "--preview"];
    let preview = || cli.run(&words).expect_status(0).stdout;
    assert!(!preview().contains("wait behind"));
    let start = ["runs", "start", "--channel", "whatsapp", "--user", "ann", "--yes", "--smtp"];
    cli.interrupt_when_waiting(&[&start[..], &[&smtp_url(closed_port())]].concat());
    let running = cli.rows(&["runs"])[0]["run"].as_str().unwrap().to_owned();
    let said = format!("the run would wait behind run {running}, which is running\n");
    assert!(preview().contains(&said), "{}", preview());
    cli.run(&["runs", "give-up", &running]).expect_status(5);

    let at = "2999-01-01T00:00:00.000Z";
    let scheduled = cli.start(&["--user", "bob", "--not-before", at]);
    let id = scheduled["run"].as_str().unwrap();
    let said = format!(
        "run {id} for 1 person is scheduled and enters the queue at {at}; a run that starts later waits behind it; to withdraw it: boarding runs withdraw {id}\n"
    );
    assert!(preview().contains(&said), "{}", preview());
    cli.run(&["runs", "withdraw", id]).expect_status(0);
    assert!(!preview().contains("wait"), "{}", preview());
}

/// LX-34: a due run rests until the operator has agreed to a new one. The prompt names it, because it starts too.
#[test]
fn due_run_rests_until_a_new_run_is_confirmed() {
    let cli = Cli::with_three_people();
    let clock = boarding_core::clock::Clock::system();
    let soon = clock.now().plus_seconds(1);
    let scheduled = cli.start(&["--user", "bob", "--not-before", &soon.to_string()]);
    while clock.now() <= soon {
        std::thread::yield_now();
    }
    let start = "runs start --channel whatsapp --user cid";
    let screen = cli.on_terminal(start, "n\n");
    let said =
        format!("run {} for 1 person is due and starts too", scheduled["run"].as_str().unwrap());
    assert!(screen.contains(&said), "{screen}");
    cli.run(&["config", "set", "channels.imessage", "false"]).expect_status(0);
    let refused = ["runs", "start", "--channel", "imessage", "--user", "cid", "--yes"];
    assert_eq!(cli.refused(&refused)["code"], "channel.not_enabled");
    assert_eq!(cli.rows(&["runs"])[0]["state"], "scheduled");
    // It rests beside an import that invites no person, too.
    let file = cli.people("again.csv", &[("ann", "+84923448071")]);
    let import = ["import", &file, "--dialect", "leapxpert", "--auto-invite"];
    cli.run(&[&import[..], &["--channel", "whatsapp"]].concat()).expect_status(0);
    assert_eq!(cli.rows(&["runs"])[0]["state"], "scheduled");

    cli.run(&["phones", "remove", "+84923448072"]).expect_status(0);
    let start = ["runs", "start", "--channel", "whatsapp", "--user", "cid", "--yes"];
    let output = cli.run(&start).expect_status(5);
    assert!(output.stdout.contains("1 person: 1 invited"), "{}", output.stdout);
    let of_due = "is completed: 1 person: 0 invited, 0 skipped, 1 failed";
    assert!(output.stderr.contains(of_due), "{}", output.stderr);
}

/// P5: an import invites no person of a run that has not ended, unless a second mail is wanted.
#[test]
fn import_invites_no_person_of_an_unfinished_run() {
    let cli = Cli::with_three_people();
    cli.start(&["--user", "ann", "--not-before", "2999-01-01T00:00:00Z"]);
    let import = |people: &[(&str, &str)], more: &[&str]| {
        let file = cli.people("again.csv", people);
        let import = ["import", &file, "--dialect", "leapxpert", "--add-phones", "--invite"];
        cli.run(&[&import[..], &["--channel", "whatsapp"], more].concat())
    };
    let both = [("ann", "+84923448071"), ("eve", "+84923448075")];
    for more in [&[][..], &["--yes"]] {
        let refused = import(&both, more).expect_status(1).stderr;
        assert!(refused.contains("1 person of the file is in a run"), "{refused}");
    }
    assert_eq!(cli.rows(&["imports"]).len(), 1);
    import(&both[1..], &[]).expect_status(0);
    import(&both, &["--yes-again"]).expect_status(0);
    assert_eq!(cli.rows(&["runs"]).len(), 3);
}

/// P5: an import that invites asks on a terminal, with the number of people and of links that work already.
#[test]
fn import_that_invites_asks_with_the_number() {
    let cli = Cli::with_three_people();
    cli.start(&["--user", "ann"]);
    let people = [("ann", "+84923448071"), ("eve", "+84923448075")];
    let file = cli.people("again.csv", &people);
    let options = "--dialect leapxpert --add-phones --invite --channel whatsapp";
    let import = format!("import {file} {options}");
    let screen = cli.on_terminal(&import, "n\n");
    for words in ["to be invited now: 2 (ann, eve)", "Have a link that works: 1.", "[y/N]"] {
        assert!(screen.contains(words), "{words}: {screen}");
    }
    assert_eq!((cli.rows(&["imports"]).len(), cli.rows(&["runs"]).len()), (1, 1));
    let screen = cli.on_terminal(&import, "y\n");
    assert!(screen.contains("2 people: 2 invited"), "{screen}");
    let screen = cli.on_terminal(&format!("{import} --yes"), "");
    assert!(!screen.contains("[y/N]"), "{screen}");
}
