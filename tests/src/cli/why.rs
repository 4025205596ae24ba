//! `boarding why`: one line for each step, as text and as JSON, and what it prints if there is nothing to explain.

use serde_json::Value;

use crate::support::program::Cli;

/// LX-25: each line has the time, the step and the sentence of a row of the query.
#[test]
fn why_prints_one_line_for_each_step() {
    let cli = Cli::with_three_people();
    cli.start(&["--user", "bob"]);
    let import = ["why", "--import", "latest", "--row", "2"];
    let run = ["why", "--run", "latest", "--user", "BOB"];
    for (words, first, last) in [
        (import, "import_accepted", "The import ended. Of its rows: 3 created."),
        (run, "user", "The run ended. Of its people: 1 invited."),
    ] {
        let rows = cli.rows(&words);
        assert_eq!(rows[0]["step"], first, "{rows:?}");
        assert_eq!(rows[rows.len() - 1]["says"], last, "{rows:?}");
        let text = cli.run(&words).expect_status(0).stdout;
        let line = |row: &Value| {
            let [at, step, says] = ["at", "step", "says"].map(|name| row[name].as_str().unwrap());
            format!("{at}  {step:15}  {says}")
        };
        assert_eq!(text.lines().collect::<Vec<_>>(), rows.iter().map(line).collect::<Vec<_>>());
    }
    let requested = cli.rows(&run).into_iter().find(|row| row["step"] == "run_requested").unwrap();
    let before = (requested["position"].as_u64().unwrap() - 1).to_string();
    let earlier = cli.refused(&[&run[..], &["--as-of", &before]].concat());
    assert_eq!(earlier["code"], "run.not_found");
}

#[test]
fn refused_why_names_the_list_to_look_at() {
    let cli = Cli::with_three_people();
    let run = cli.start(&["--user", "bob"])["run"].clone();
    let people = format!("boarding log {}", run.as_str().unwrap());
    for (words, advice) in [
        (["why", "--import", "latest", "--row", "9"], "boarding imports rows "),
        (["why", "--import", "01JD0000000000000000000000", "--row", "1"], "boarding imports list"),
        (["why", "--run", "01JD0000000000000000000000", "--user", "bob"], "boarding runs list"),
        (["why", "--run", "latest", "--user", "ann"], &people),
    ] {
        let output = cli.run(&words).expect_status(1);
        assert!(output.stdout.is_empty() && output.stderr.contains(advice), "{}", output.stderr);
    }
    for words in [&["why"][..], &["why", "--import", "latest"], &["why", "--row", "1"]] {
        cli.run(words).expect_status(2);
    }
}
