//! The benches measure what they say, and explain how `--vs` is used. The figures are not checked.

use serde_json::Value;

use crate::support::program::Cli;

/// The names of the engine's figures, and of what is beside each.
fn names(documents: &[Value]) -> Vec<(&str, Vec<&str>)> {
    documents.iter().map(|document| (what(document), beside(document))).collect()
}

fn what(document: &Value) -> &str {
    document["what"].as_str().unwrap()
}

fn beside(document: &Value) -> Vec<&str> {
    document["beside"].as_array().unwrap().iter().map(what).collect()
}

/// Runs a bench with `--json`. Asserts that each figure has rounds and rates, and that the memory is last.
fn figures(words: &[&str], rounds: usize) -> Vec<Value> {
    let cli = Cli::new();
    let rounds_word = rounds.to_string();
    let mut documents = cli.rows(&[&["bench"], words, &["--rounds", &rounds_word]].concat());
    let memory = documents.pop().unwrap();
    assert_eq!(memory["what"], "memory");
    assert!(memory["peak_memory_bytes"].as_u64().unwrap() > 0, "{memory}");
    for document in &documents {
        let series = document["beside"].as_array().unwrap().iter().chain([document]);
        for one in series {
            assert_eq!(one["rounds_per_second"].as_array().unwrap().len(), rounds, "{one}");
            assert!(one["per_second"].as_f64().unwrap() > 0.0, "{one}");
        }
        for one in document["beside"].as_array().unwrap() {
            assert!(one["ratio"].as_f64().unwrap() > 0.0, "{one}");
        }
    }
    let left = std::fs::read_dir(cli.data().join("bench")).unwrap().count();
    assert_eq!(left, 0, "the bench leaves files");
    documents
}

#[test]
fn companies_are_measured_beside_a_raw_file() {
    let documents = figures(&["companies", "--companies", "3", "--people", "4"], 2);
    let raw = vec!["a raw file, the same commits"];
    let expected =
        [("import, durable", raw.clone()), ("run, durable", raw.clone()), ("import and run", raw)];
    assert_eq!(names(&documents), expected);
}

#[test]
fn replay_verifies_and_builds_all_read_models() {
    let documents = figures(&["replay", "--people", "20"], 1);
    let (read, alone) = ("a plain read of the log", "the events applied in memory only");
    let expected = [
        ("verify, all hashes", vec![read]),
        ("open, and build all read models", vec![read, alone]),
        ("verify, open, and build all read models", vec![read, alone]),
    ];
    assert_eq!(names(&documents), expected);
}

/// More than one step of 500 rows, so that the deep page has a cursor.
#[test]
fn each_list_is_queried_in_each_way() {
    let documents = figures(&["query", "--people", "700", "--requests", "2"], 1);
    let names = names(&documents);
    let kinds = |list: &str| -> Vec<&str> {
        let of_list = names.iter().filter_map(|(what, _)| what.split_once(", "));
        of_list.filter(|(name, _)| *name == list).map(|(_, kind)| kind).collect()
    };
    for list in ["users", "phone_list", "integration_log"] {
        assert_eq!(kinds(list), ["first page", "deep page", "search", "earlier position"]);
    }
    for list in ["import_rows", "invitations", "history"] {
        assert_eq!(kinds(list), ["first page", "deep page", "earlier position"]);
    }
}

#[test]
fn serve_is_measured_in_process_without_nats() {
    let documents = figures(&["serve", "--companies", "2", "--requests", "64"], 1);
    let expected: Vec<String> = [1, 16, 64, 256]
        .iter()
        .flat_map(|clients| {
            let commands = format!("commands in process, {clients} at once");
            [commands, format!("50 users in process, {clients} at once")]
        })
        .collect();
    let measured: Vec<&str> = names(&documents).into_iter().map(|(what, _)| what).collect();
    assert_eq!(measured, expected);
}

/// Without a Postgres, a run and an import print the medians as before, and then the disk.
#[test]
fn run_and_import_print_medians_and_the_disk() {
    let cli = Cli::new();
    let run = cli.rows(&["bench", "run", "--people", "5", "--channel", "null", "--rounds", "2"]);
    assert_eq!(run.len(), 2);
    assert_eq!(run[0]["outcome"]["passed"], 5);
    assert!(run[1]["fdatasyncs_per_second"].as_f64().unwrap() > 0.0);
    let import = cli.rows(&["bench", "import", "--rows", "5", "--rounds", "2"]);
    assert!(import[0]["rows_per_second"].as_f64().unwrap() > 0.0);
    assert_eq!(import[0]["run_seconds"], Value::Null);
}

#[test]
fn wrong_address_of_a_postgres_is_explained() {
    let cli = Cli::new();
    let wrong = cli.run(&["bench", "run", "--vs", "localhost"]).expect_status(2);
    assert!(wrong.stderr.contains("expected postgres://user:password@host"), "{}", wrong.stderr);
    let tls = cli.run(&["bench", "import", "--vs", "postgres://u:secret@h/d?sslmode=require"]);
    let tls = tls.expect_status(2);
    assert!(tls.stderr.contains("asks for TLS"), "{}", tls.stderr);
    // No server listens on port 1.
    let url = "postgres://u:secret@127.0.0.1:1/d";
    for verb in ["run", "import", "companies", "serve"] {
        let unreachable = cli.run(&["bench", verb, "--vs", url]).expect_status(4);
        let expected = "cannot connect to Postgres at 127.0.0.1:1, database d; start it there";
        assert!(unreachable.stderr.contains(expected), "{}", unreachable.stderr);
        assert!(!unreachable.stderr.contains("secret"), "{}", unreachable.stderr);
    }
    let outbox = cli.run(&["bench", "run", "--channel", "outbox", "--vs", url]).expect_status(2);
    assert!(outbox.stderr.contains("--channel null"), "{}", outbox.stderr);
}

/// Needs a Postgres for tests: its address in `BOARDING_TEST_POSTGRES`. Without one there is nothing to compare.
#[test]
fn the_same_work_is_done_on_postgres() {
    let Ok(url) = std::env::var("BOARDING_TEST_POSTGRES") else { return };
    let vs = ["--vs", &url, "--vs-connections", "4"];
    let per_commit =
        ["Postgres, 1 recipient a commit", "Postgres, 100 recipients a commit"].as_slice();
    let words = [&["companies", "--companies", "3", "--people", "4"][..], &vs].concat();
    let companies = figures(&words, 1);
    let names = names(&companies);
    assert_eq!(names[0].1[1..], ["Postgres, 1 company an upsert"]);
    assert_eq!((&names[1].1[1..], &names[2].1[1..]), (per_commit, per_commit));
    figures(&[&["serve", "--companies", "2", "--requests", "64"][..], &vs].concat(), 1);
    let cli = Cli::new();
    let run = cli.rows(
        &[&["bench", "run", "--people", "150", "--channel", "null", "--rounds", "1"][..], &vs]
            .concat(),
    );
    assert_eq!(run[1]["what"], "run, durable");
    assert_eq!(run[1]["beside"].as_array().unwrap().len(), 2);
    let import =
        cli.rows(&[&["bench", "import", "--rows", "1500", "--rounds", "1"][..], &vs].concat());
    assert_eq!(
        beside(&import[1]),
        ["Postgres, 1,000-row upserts", "Postgres, one COPY and one upsert"]
    );
}
