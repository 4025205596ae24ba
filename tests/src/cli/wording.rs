//! What an operator reads: whole tables, messages that fit their case, nouns that fit their numbers.

use serde_json::Value;

use crate::support::mail_text::decoded;
use crate::support::program::{Cli, program};

/// Runs a verb on a terminal with 80 columns and returns the screen.
fn screen(cli: &Cli, words: &str) -> String {
    cli.terminal(&format!("stty cols 80; {} {words}", program().display()), "")
}

/// LX-24: A table that is too wide for the terminal says so. All its columns are shown on request.
#[test]
fn wide_shows_the_columns_that_do_not_fit() {
    let cli = Cli::with_company();
    cli.import(&cli.people("people.csv", &[("ann", "+84912345001")]));
    let run = cli.start(&["--import", "latest"])["run"].as_str().unwrap().to_owned();
    let narrow = screen(&cli, "runs list");
    assert!(narrow.contains(&run) && narrow.contains("more columns: add --wide"), "{narrow}");
    let is_too_wide = |line: &&str| !line.contains('─') && line.chars().count() > 80;
    assert_eq!(narrow.lines().find(is_too_wide), None, "{narrow}");
    assert!(!narrow.contains("WITHDRAWN AT"), "{narrow}");
    let wide = screen(&cli, "runs list --wide");
    assert!(wide.contains(&run) && wide.contains("WITHDRAWN AT"), "{wide}");
    assert!(!wide.contains("--wide"), "{wide}");
}

/// P18: A number that is in use is named with its account, and the message fits each verb that meets it.
#[test]
fn number_in_use_is_named_with_its_account() {
    let cli = Cli::new();
    let [first, second] = ["+12125550001", "+12125550002"];
    for words in [
        &["org-units", "define", "EMEA"][..],
        &["org-units", "define", "APAC"],
        &["permission-groups", "define", "Traders"],
        &["numbers", "add", first, second, "--org-unit", "EMEA"],
        &["accounts", "add", "ann@acme.example", "--organization", "EMEA", "--number", first]
            .into_iter()
            .chain(["--permission-group", "Traders", "--first-name", "Ann"])
            .collect::<Vec<_>>(),
    ] {
        cli.run(words).expect_status(0);
    }
    let message = "ann@acme.example has the number ********001; release it first.";
    for words in [
        &["numbers", "assign", second, "ann@acme.example"][..],
        &["numbers", "unreserve", first],
        &["numbers", "withdraw", first],
    ] {
        let output = cli.run(words).expect_status(1);
        assert!(output.stderr.contains(message), "{words:?}: {}", output.stderr);
        let advice = "boarding numbers list --search ann@acme.example; release it: boarding numbers release NUMBER";
        assert!(output.stderr.contains(advice), "{words:?}: {}", output.stderr);
        let refused = cli.refused(words);
        assert_eq!(refused["code"], "number.in_use");
        assert_eq!(refused["message"], message, "{words:?}");
        assert_eq!(refused["details"]["user"], "ann@acme.example");
    }
}

/// LX-21: The program says that a mistyped user does not exist. No file has a row to correct.
#[test]
fn mistyped_user_is_not_told_to_mend_a_row() {
    let cli = Cli::with_company();
    cli.import(&cli.people("people.csv", &[("ann", "+84912345001")]));
    let start = ["runs", "start", "--channel", "whatsapp", "--user", "anm", "--yes"];
    let mut texts = vec![cli.run(&start).expect_status(5)];
    texts.push(cli.run(&["log", "latest"]).expect_status(0));
    texts.push(cli.run(&["phones", "add", "+84912345002", "anm"]).expect_status(1));
    texts.push(cli.run(&["users", "deactivate", "anm"]).expect_status(1));
    for output in texts {
        let text = format!("{}{}", output.stdout, output.stderr);
        assert!(text.contains("The company has no such user; check the spelling"), "{text}");
        assert!(!text.contains("row") && !text.contains("file"), "{text}");
    }
}

/// LX-18, LX-12, OC-13, ML-17: A refusal says what to type next, for the case in which it was met.
#[test]
fn refusal_says_what_to_type_next() {
    let cli = Cli::new();
    let account = ["--organization", "Desk", "--permission-group", "Traders"];
    let file = cli.file("people.csv", "email/login\ncid@acme.example\n");
    for words in [
        &["config", "set", "channels.whatsapp", "true"][..],
        &["org-units", "define", "Desk"],
        &["org-units", "define", "Other"],
        &["permission-groups", "define", "Traders"],
        &[&["accounts", "add", "ann@acme.example"][..], &account].concat(),
        &["users", "add", "bob"],
        &["users", "add", "eve"],
        &["phones", "add", "+84923448071", "bob"],
    ] {
        cli.run(words).expect_status(0);
    }
    let start = ["runs", "start", "--channel", "whatsapp", "--org-unit", "Desk", "--preview"];
    let shift = ["invitations", "move", "ann@acme.example", "--to", "Other"];
    for (words, status, advice) in [
        (&start[..], 1, "boarding org-units define NAME --role ROLE"),
        (&["phones", "add", "+84923448071", "eve"], 1, "boarding phones remove PHONE"),
        (&shift, 1, "An account has no pending invitation, so it cannot be moved"),
        (
            &["import", &file, "--dialect", "officechat", "--channel", "whatsapp"],
            2,
            "add --auto-invite",
        ),
    ] {
        let output = cli.run(words).expect_status(status);
        assert!(output.stderr.contains(advice), "{words:?}: {}", output.stderr);
    }
    let checked = cli.run(&[&shift[..], &["--check"]].concat()).expect_status(5).stdout;
    assert!(checked.contains("has no pending invitation"), "{checked}");
}

/// A refusal of a whole file lists its rows, one on a line, and never as JSON.
#[test]
fn details_of_a_refusal_are_printed_as_a_list() {
    let cli = Cli::with_company();
    let people = cli.people("people.csv", &[("ann", "12"), ("a b\u{7}", "+84912345001")]);
    let words = ["import", &people, "--dialect", "leapxpert", "--add-phones"];
    let output = cli.run(&[&words[..], &["--on-error", "reject_file"]].concat()).expect_status(1);
    let lines: Vec<&str> = output.stderr.lines().collect();
    let list = lines.iter().position(|line| *line == "  problems:").unwrap();
    assert!(lines[list + 1].starts_with("    code: ") && lines[list + 1].contains("row: "));
    assert!(!output.stderr.contains(['{', '}', '"']), "{}", output.stderr);
    let swapped = cli.file("swapped.csv", "user,first,phone_number\nann,Ann,+84912345001\n");
    let output = cli.run(&["import", &swapped, "--dialect", "leapxpert"]).expect_status(1);
    assert!(!output.stderr.contains(['{', '}', '"']), "{}", output.stderr);
    let meant = output.stderr.lines().skip_while(|line| *line != "  did_you_mean:").nth(1);
    assert!(meant.is_some_and(|line| line.starts_with("    ")), "{}", output.stderr);
}

/// The words after the number 1 that read like a plural.
fn wrong_plurals(text: &str) -> Vec<String> {
    const SINGULAR: [&str; 6] = ["is", "was", "has", "as", "this", "its"];
    let is_one = |word: &str| word.trim_start_matches(['(', '+', ':']) == "1";
    let lines = text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    let pairs = lines.flat_map(|words| {
        let pairs = words.windows(2).filter(|pair| is_one(pair[0])).map(|pair| pair[1]);
        pairs.collect::<Vec<_>>()
    });
    let plain = pairs.map(|word| word.trim_matches(|c: char| !c.is_alphanumeric()));
    let is_plural = |word: &&str| {
        ["people", "were", "are", "have"].contains(word)
            || word.ends_with('s') && !word.ends_with("ss") && !SINGULAR.contains(word)
    };
    plain.filter(is_plural).map(|word| format!("1 {word}")).collect()
}

/// The calls whose texts count one of a kind.
const VERBS: [&str; 42] = [
    "import PEOPLE --dialect leapxpert --add-phones --preview",
    "import PEOPLE --dialect leapxpert --add-phones",
    "import PEOPLE --dialect leapxpert --add-phones",
    "import WRONG --dialect leapxpert --on-error reject_file",
    "import WRONG --dialect leapxpert --preview",
    "import WRONG --dialect leapxpert",
    "imports list",
    "imports show latest",
    "imports progress latest",
    "imports rows latest",
    "phones list",
    "users list",
    "runs start --channel whatsapp --user ann --preview",
    "runs start --channel whatsapp --user ann --yes",
    "runs list",
    "runs show latest",
    "runs start --channel whatsapp --user anm --yes",
    "runs retry latest --yes",
    "log latest",
    "invitations list",
    "invitations resend --channel whatsapp --user ann --preview",
    "roles define Lead",
    "roles assign Lead --user ann --preview",
    "roles assign Lead --user ann",
    "org-units define EMEA",
    "permission-groups define Traders",
    "numbers add +12125550001",
    "numbers allocate EMEA --quantity 1",
    "numbers allocate EMEA --quantity 1",
    "numbers utilisation",
    "numbers list",
    "import ACCOUNTS --dialect multiline --organization EMEA --permission-group Traders --invite",
    "import ACCOUNTS --dialect multiline --organization EMEA --permission-group Traders",
    "reports show latest",
    "accounts list",
    "invitations move ann@acme.example --to APAC --check",
    "numbers withdraw +12125550001",
    "permissions grant olga@local administer",
    "templates list",
    "history --limit 1",
    "notifications list",
    "imports undo latest --yes",
];

/// One of each: a person, a row, a phone, a number, an account. No text counts it as several.
#[test]
fn one_of_a_kind_is_never_a_plural() {
    assert_eq!(wrong_plurals("of 1 rows, 1 row (1 people)"), ["1 rows", "1 people"]);
    let cli = Cli::with_company();
    let people = cli.people("people.csv", &[("ann", "+84912345001")]);
    let wrong = cli.people("wrong.csv", &[("a b\u{7}", "+84912345002")]);
    let accounts = "email_address,first_name,last_name\nann@acme.example,Ann,Doe\n";
    let accounts = cli.file("accounts.csv", accounts);
    let mut said = 0;
    for verb in VERBS {
        let words: Vec<&str> = verb.split(' ').collect();
        let files = [("PEOPLE", &people), ("WRONG", &wrong), ("ACCOUNTS", &accounts)];
        let file = |word| files.iter().find(|(name, _)| *name == word);
        let words: Vec<&str> =
            words.into_iter().map(|word| file(word).map_or(word, |(_, path)| path)).collect();
        let output = cli.run(&words);
        assert!([0, 1, 5].contains(&output.status), "{verb}: {}", output.stderr);
        let text = format!("{}\n{}", output.stdout, output.stderr);
        assert_eq!(wrong_plurals(&text), Vec::<String>::new(), "{verb}: {text}");
        said += usize::from(text.contains("1 "));
    }
    assert!(said > 20, "only {said} texts count something");
    let mails = std::fs::read_dir(cli.outbox()).unwrap();
    for run in mails.map(|folder| folder.unwrap().path()) {
        for mail in std::fs::read_dir(&run).unwrap() {
            let text = decoded(&std::fs::read_to_string(mail.unwrap().path()).unwrap());
            assert_eq!(wrong_plurals(&text), Vec::<String>::new(), "{text}");
        }
    }
}

/// The paths of texts that are empty or only a dash.
fn texts_for_nothing(path: &str, value: &Value, found: &mut Vec<String>) {
    match value {
        Value::String(text) if text.is_empty() || text == "-" => {
            found.push(format!("{path}: {text:?}"));
        }
        Value::Array(list) => {
            list.iter().for_each(|value| texts_for_nothing(path, value, found));
        }
        Value::Object(fields) => fields
            .iter()
            .for_each(|(name, value)| texts_for_nothing(&format!("{path}/{name}"), value, found)),
        _ => {}
    }
}

/// Contract 3: JSON has null where nothing is known, in every query. Tables and CSV show a dash.
#[test]
fn json_has_null_where_a_table_has_a_dash() {
    let cli = Cli::new();
    let data = cli.data().to_string_lossy().into_owned();
    cli.run(&["demo", "--data", &data]).expect_status(0);
    let user =
        cli.rows(&["phones", "list", "--limit", "1"])[0]["user"].as_str().unwrap().to_owned();
    let list = cli.run(&["query"]).expect_status(0).stdout;
    let mut answered = 0;
    for line in list.lines() {
        let mut words = line.split_whitespace();
        let Some(name) = words.next() else { continue };
        // Two queries answer with a file. Two others need pictures or accounts, which the demo has not.
        let given = words.filter_map(|word| word.strip_suffix('!')).map(|word| match word {
            "run" | "import" => format!("{word}=latest"),
            "dialect" => "dialect=leapxpert".to_owned(),
            _ => format!("{word}={user}"),
        });
        let given: Vec<String> = given.collect();
        let words = ["query", name].into_iter().chain(given.iter().map(String::as_str));
        let output = cli.run(&words.collect::<Vec<_>>());
        let Ok(answer) = serde_json::from_str(&output.stdout) else { continue };
        let mut found = Vec::new();
        texts_for_nothing(name, &answer, &mut found);
        assert_eq!(found, Vec::<String>::new());
        answered += usize::from(output.status == 0);
    }
    assert!(answered > 30, "{answered} queries were answered");
}

/// The lines of a text that hold this word.
fn has_word(text: &str, word: &str) -> bool {
    text.split(|c: char| !c.is_alphanumeric() && c != '_').any(|one| one.eq_ignore_ascii_case(word))
}

/// A person with a mail is invited in the summary, the list of runs and the log. JSON keeps the words of the contract.
#[test]
fn invited_person_has_one_word_in_all_tables() {
    let cli = Cli::with_three_people();
    let start = ["runs", "start", "--channel", "whatsapp", "--user", "ann", "--yes"];
    let summary = cli.run(&start).expect_status(0).stdout;
    let shown = |words: &[&str]| cli.run(words).expect_status(0).stdout;
    let (runs, run) = (shown(&["runs"]), shown(&["runs", "show", "latest"]));
    let (log, only) = (shown(&["log", "latest"]), shown(&["log", "latest", "--status", "invited"]));
    for text in [&summary, &runs, &run, &log, &only] {
        assert!(has_word(text, "invited"), "{text}");
        assert!(!["passed", "success"].iter().any(|word| has_word(text, word)), "{text}");
    }
    assert_eq!(cli.rows(&["log", "latest", "--status", "invited"])[0]["status"], "success");
    let phones = shown(&["phones"]);
    assert!(phones.contains("LISTED SINCE") && !phones.contains("UPDATED AT"), "{phones}");
    let user = shown(&["users", "show", "ann"]);
    let names: Vec<&str> = user.lines().map(|line| line.split("  ").next().unwrap()).collect();
    assert!(names.contains(&"why the last link ended"), "{user}");
    assert!(names.iter().all(|name| !name.contains('_')), "{user}");
}

/// A row of MangoApps with DELETED archives its user: summary, rows and list of users say so.
#[test]
fn archived_user_has_one_word_in_all_tables() {
    let cli = Cli::new();
    let file = |name: &str, enabled: &[&str]| {
        let row = |(n, word): (usize, &&str)| format!("E{n},Ann{n},Lee,{word}\n");
        let rows: String = enabled.iter().enumerate().map(row).collect();
        cli.file(name, &format!("employee id,firstname,lastname,Enabled\n{rows}"))
    };
    let (staff, changes) =
        (file("a.csv", &["TRUE"; 3]), file("b.csv", &["TRUE", "FALSE", "DELETED"]));
    let import = |file: &str| {
        let words = ["import", file, "--dialect", "mangoapps", "--existing", "update"];
        cli.run(&words).expect_status(0).stdout
    };
    import(&staff);
    let summary = import(&changes);
    assert!(summary.contains("1 unchanged, 1 deactivated, 1 archived"), "{summary}");
    let rows = cli.run(&["imports", "rows", "latest"]).expect_status(0).stdout;
    let line = |key: &str| rows.lines().find(|line| line.contains(key)).unwrap_or_default();
    assert!(line("E1").contains("deactivated") && line("E2").contains("archived"), "{rows}");
    let only = cli.rows(&["imports", "rows", "latest", "--outcome", "archived"]);
    assert_eq!(only.len(), 1);
    assert_eq!(
        (&only[0]["outcome"], &only[0]["archived"]),
        (&Value::from("deactivated"), &Value::from(true))
    );
    assert_eq!(cli.rows(&["users", "list", "--state", "archived"])[0]["user"], "E2");
    assert_eq!(cli.json(&["imports", "show", "latest"])["archived"], 1);
    let csv = ["imports", "rows", "latest", "--outcome", "archived", "--csv"];
    let csv = cli.run(&csv).expect_status(0).stdout;
    assert!(csv.lines().count() == 2 && csv.contains(",E2,"), "{csv}");
}
