//! Which one a verb uses if both a data folder and a running engine are named.

use crate::support::program::{Cli, Output};
use crate::support::running_engine::{Engine, issue, on, output};

#[test]
fn options_of_a_folder_are_refused_beside_url() {
    let cli = Cli::new();
    for option in [
        &["--data", "d"][..],
        &["--outbox", "d"],
        &["--smtp", "smtp://localhost"],
        &["--text-outbox", "d"],
        &["--adopt-runs"],
    ] {
        let words = on(&[&["users"], option].concat(), "http://127.0.0.1:1");
        let refused = output(&mut cli.command(&words)).expect_status(2);
        assert!(refused.stderr.contains(&format!("leave out {}", option[0])), "{refused:?}");
    }
    for verb in [&["serve"][..], &["demo"], &["bench", "log"]] {
        let refused = output(&mut cli.command(&on(verb, "http://127.0.0.1:1"))).expect_status(2);
        assert!(refused.stderr.contains("leave out --url"), "{refused:?}");
    }
    for wrong in ["localhost:8080", "http://ann:pw@localhost"] {
        output(&mut cli.command(&on(&["users"], wrong))).expect_status(2);
    }
    output(&mut cli.command(&on(&["manual"], "http://127.0.0.1:1"))).expect_status(0);
}

/// What is typed wins over the environment. Two environment variables are ambiguous.
#[test]
fn typed_place_wins_over_the_environment() {
    let cli = Cli::with_three_people();
    let token = issue(&cli, "ann");
    let engine = Engine::start(&cli, &[]);
    let run = |words: &[&str], url: &str| -> Output {
        let mut command = cli.command(words);
        output(command.envs([("BOARDING_TOKEN", &*token), ("BOARDING_URL", url)]))
    };
    let both = run(&["users"], &engine.url).expect_status(2);
    assert!(both.stderr.contains("BOARDING_URL and BOARDING_DATA are both set"), "{both:?}");
    let typed = run(&["users", "--url", &engine.url], "http://127.0.0.1:1").expect_status(0);
    assert!(typed.stdout.contains("cid"), "{typed:?}");
    let folder = cli.path().join("other");
    let folder = folder.to_str().unwrap();
    run(&["config", "set", "channels.whatsapp", "true", "--data", folder], &engine.url)
        .expect_status(0);
    run(&["manual"], &engine.url).expect_status(0);
    let mut command = cli.command(&["users"]);
    command.env_remove("BOARDING_DATA");
    command.envs([("BOARDING_TOKEN", &*token), ("BOARDING_URL", &*engine.url)]);
    assert!(output(&mut command).expect_status(0).stdout.contains("cid"));
    let empty = run(&["users", "--data", folder], "").expect_status(0);
    assert!(empty.stderr.contains("no rows"), "{empty:?}");
}
