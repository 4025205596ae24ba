//! Verbs of actors with few permissions: what they may not see does not make an accepted command look refused.

use serde_json::Value;

use crate::support::program::Cli;
use crate::support::running_engine::{Engine, issue};

const IMPORT: &[&str] = &["import", "new.csv", "--dialect", "leapxpert", "--add-phones"];

/// An import is done once, however little of what follows the actor may see.
#[test]
fn import_is_accepted_for_actor_who_sees_no_mails() {
    for permissions in [&["bulk_import_users"][..], &["bulk_import_users", "bulk_integrate_users"]]
    {
        let cli = Cli::with_three_people();
        let text = "username,first_name,last_name,email,phone_number\nfay,Fay,Lee,fay@acme.example,+84923448079\n";
        let _ = cli.file("new.csv", text);
        cli.run(&["permissions", "grant", "olga@local", "administer"]).expect_status(0);
        cli.run(&[&["permissions", "grant", "imp"], permissions].concat()).expect_status(0);
        let token = issue(&cli, "imp");
        let engine = Engine::start(&cli, &[]);
        let preview = engine.run(&token, &[IMPORT, &["--preview"]].concat()).expect_status(0);
        assert!(preview.stdout.contains("nothing was imported"), "{preview:?}");
        // The uploaded file is removed with the end of the verb.
        let uploads = std::fs::read_dir(cli.data().join("uploads/acme")).unwrap();
        assert_eq!(uploads.count(), 0);
        let invites = ["--invite", "--channel", "whatsapp", "--yes"];
        let options: &[&str] =
            if permissions.len() > 1 { &invites } else { &["--send-welcome-email"] };
        let done = engine.run(&token, &[IMPORT, options].concat()).expect_status(0);
        assert!(done.stdout.contains("1 created"), "{done:?}");
    }
}

/// A name that is no query is refused as on a folder, and is never used as another path of the engine.
#[test]
fn unknown_names_are_refused_as_on_a_folder() {
    let cli = Cli::with_three_people();
    let token = issue(&cli, "ann");
    let words = [&["query", "events"][..], &["query", "files"], &["command", ""]];
    let on_folder: Vec<Value> =
        words.iter().map(|words| cli.run(&[*words, &["--json"][..]].concat()).json()).collect();
    let engine = Engine::start(&cli, &[]);
    for (words, expected) in words.iter().zip(on_folder) {
        let found = engine.run(&token, &[*words, &["--json"][..]].concat()).expect_status(1).json();
        assert_eq!((&found["code"], &found["message"]), (&expected["code"], &expected["message"]));
    }
}
