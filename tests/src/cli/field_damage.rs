//! Cells of files from the field that spreadsheets, databases, wrong encodings and typing errors have damaged.

use serde_json::{Value, json};

use crate::support::mail_server::MailServer;
use crate::support::paths::fixture;
use crate::support::program::{Cli, Output};

fn company() -> Cli {
    Cli::with_company_of("company/field.json")
}

fn import(cli: &Cli, file: &str) -> Output {
    let file = fixture(&format!("field/{file}.csv"));
    cli.run(&["import", &file, "--dialect", "leapxpert"])
}

/// The outcome of each row of the newest import, with the columns and codes of its problems and warnings.
fn outcomes(cli: &Cli) -> Value {
    let rows = cli.rows(&["imports", "rows", "latest"]);
    let named = |row: &Value| {
        let all = [&row["problems"], &row["warnings"]].map(|list| list.as_array().unwrap().clone());
        let one = |one: &Value| {
            let column = one["column"].as_str().unwrap_or_default();
            format!("{column} {}", one["code"].as_str().unwrap())
        };
        all.concat().iter().map(one).collect::<Vec<_>>()
    };
    rows.iter().map(|row| json!([row["outcome"], named(row)])).collect()
}

/// N91: Errors of a spreadsheet make a key invalid. Other cells are empty, with a warning, and count as lost.
#[test]
fn errors_of_spreadsheets_are_not_values() {
    let cli = company();
    import(&cli, "18-excel-errors").expect_status(5);
    let error = |columns: &[&str]| -> Vec<String> {
        columns.iter().map(|column| format!("{column} text.spreadsheet_error")).collect()
    };
    let expected = json!([
        ["created", error(&["first_name", "last_name", "phone_number"])],
        ["invalid", error(&["username"])],
        ["created", error(&["email"])],
    ]);
    assert_eq!(outcomes(&cli), expected);
    assert_eq!(cli.json(&["users", "show", "kim"])["first_name"], Value::Null);
    assert_eq!(cli.json(&["imports", "show", "latest"])["lost"], json!(4));
}

/// N92: `\N` is empty. NULL is no key, and elsewhere a warning: a person may have this name.
#[test]
fn null_words_are_warned_of_and_are_no_keys() {
    let cli = company();
    import(&cli, "19-null-words").expect_status(5);
    let expected = json!([
        ["created", ["phone_number phone.invalid", "last_name text.null_word"]],
        ["created", []],
        ["invalid", ["username text.null_word"]],
        ["invalid", ["username text.null_word"]],
    ]);
    assert_eq!(outcomes(&cli), expected);
    assert_eq!(cli.json(&["users", "show", "kim"])["last_name"], json!("NULL"));
    assert_eq!(cli.json(&["users", "show", "lea"])["first_name"], Value::Null);
    let rows = cli.rows(&["imports", "rows", "latest"]);
    let words = "The key is NULL, which programs write for an empty value";
    let message = rows[2]["problems"][0]["message"].as_str().unwrap();
    assert!(message.starts_with(words), "{message}");
}

/// N59: A phone in scientific notation is shown as the cell has it, and a number without its plus sign is not shown.
#[test]
fn phone_in_scientific_notation_is_shown_as_it_is() {
    let cli = company();
    let header = "username,email,phone_number,org_unit\n";
    let row = |(key, cell): (&str, &str)| format!("{key},{key}@acme.example,\"{cell}\",Sales\n");
    let cells = [("s1", "8.4E+10"), ("s2", "8,4E+10"), ("s3", "84923448072")];
    let text = header.to_owned() + &cells.map(row).concat();
    let file = cli.file("phones.csv", &text);
    let import = ["import", &file, "--dialect", "leapxpert", "--add-phones"];
    let output = cli.run(&import).expect_status(5).stdout;
    for (_, cell) in &cells[..2] {
        let words = format!("A spreadsheet turned the phone number into {cell};");
        assert!(output.contains(&words), "{output}");
    }
    assert!(output.contains("may have removed the plus sign"), "{output}");
    assert!(!output.contains("84923448072"), "{output}");
}

/// N97: Pictographs stay whole in names: joiners, and the marks that make a picture of a character.
#[test]
fn pictographs_stay_whole_in_names() {
    let cli = company();
    let output = import(&cli, "28-emoji").expect_status(0);
    assert!(!output.stdout.contains("warning"), "{}", output.stdout);
    let user = cli.json(&["users", "show", "fam"]);
    let file = std::fs::read_to_string(fixture("field/28-emoji.csv")).unwrap();
    let cells: Vec<_> = file.lines().nth(1).unwrap().split(',').collect();
    assert_eq!((&user["first_name"], &user["last_name"]), (&json!(cells[1]), &json!(cells[2])));
}

/// N94: A key in scientific notation is invalid, and the message shows the cell.
#[test]
fn key_in_scientific_notation_is_invalid() {
    let cli = company();
    let output = import(&cli, "21-scientific-keys").expect_status(5);
    let scientific = json!(["invalid", ["username key.scientific_notation"]]);
    assert_eq!(outcomes(&cli), json!([scientific, scientific]));
    let words = "A spreadsheet turned the key into 1.23457E+11";
    assert!(output.stdout.contains(words), "{}", output.stdout);
}

/// N93: Text that was encoded twice, and letters that were lost, are warnings of each cell.
#[test]
fn damaged_letters_are_warnings_in_summary_and_preview() {
    for (file, code, expected) in [
        ("24-mojibake", "text.looks_double_encoded", [2, 2]),
        ("25-replacement-chars", "text.replacement_character", [2, 2]),
    ] {
        let cli = company();
        let path = fixture(&format!("field/{file}.csv"));
        let words = ["import", &path, "--dialect", "leapxpert", "--preview"];
        let preview = cli.run(&words).expect_status(0).stdout;
        assert!(preview.matches(code).count() == 4, "{preview}");
        let output = import(&cli, file).expect_status(0).stdout;
        assert!(output.contains("4 warnings") && output.matches(code).count() == 4, "{output}");
        let rows = cli.rows(&["imports", "rows", "latest"]);
        let counts: Vec<_> =
            rows.iter().map(|row| row["warnings"].as_array().unwrap().len()).collect();
        assert_eq!(counts, expected);
    }
}

/// N09: The advice shows the first damaged cell in each encoding that gives words of one script.
#[test]
fn refused_encoding_is_shown_in_readings() {
    let cli = company();
    for (file, encoding, shown) in [
        ("90-cyrillic-1251", "windows-1251", "Иван"),
        ("90b-shift-jis", "shift_jis", "太郎"),
        ("90e-latin2", "windows-1250", "Łukasz"),
    ] {
        let path = fixture(&format!("field/{file}.csv"));
        let words = ["import", &path, "--dialect", "leapxpert"];
        let refusal = cli.refused(&words);
        assert_eq!(refusal["code"], "csv.invalid_encoding");
        let readings = refusal["details"]["readings"].as_array().unwrap();
        assert_eq!(readings[0], json!({"encoding": encoding, "shown": shown}), "{readings:?}");
        let advice = cli.run(&words).expect_status(1).stderr;
        let line = format!("--encoding {encoding:<14} reads {shown}");
        assert!(advice.contains(&line), "{advice}");
        let lines = advice.lines().filter(|line| !line.contains("--encoding"));
        assert!(lines.clone().all(|line| !line.contains("windows-1252")), "{advice}");
        assert!(lines.clone().all(|line| !line.contains("readings:")), "{advice}");
        cli.run(&[&words[..], &["--encoding", encoding]].concat()).expect_status(0);
    }
}

/// The last line of a report is no person.
#[test]
fn total_at_the_end_is_no_person() {
    let cli = company();
    import(&cli, "17-footer-total").expect_status(5);
    assert_eq!(outcomes(&cli), json!([["created", []], ["invalid", [" row.not_a_person"]]]));
    assert_eq!(cli.rows(&["users"]).len(), 1);
}

/// N53: Wide signs get a hint, a domain with an underscore is refused, letters beyond ASCII are accepted.
#[test]
fn odd_addresses_are_judged_with_a_hint() {
    let cli = company();
    import(&cli, "37b-odd-domains").expect_status(5);
    let rows = outcomes(&cli);
    let outcomes: Vec<_> = rows.as_array().unwrap().iter().map(|row| row[0].clone()).collect();
    assert_eq!(outcomes, ["invalid", "created", "created", "created", "created"]);
    let cli = company();
    import(&cli, "37-emails").expect_status(5);
    let rows = cli.rows(&["imports", "rows", "latest"]);
    let outcomes: Vec<_> = rows.iter().map(|row| row["outcome"].as_str().unwrap()).collect();
    let bad = "invalid";
    assert_eq!(outcomes, [bad, bad, bad, bad, bad, bad, bad, bad, bad, bad, bad, "created"]);
    for row in &rows[..11] {
        assert_eq!(row["problems"][0]["column"], "email", "{row}");
    }
    for (row, words) in [(5, "write @"), (6, "full stop"), (9, "underscore")] {
        let message = rows[row]["problems"][0]["message"].as_str().unwrap();
        assert!(message.contains(words), "{message}");
    }
}

/// N53: By a server without SMTPUTF8, a domain beyond ASCII is no obstacle. Only letters before the @ are, and it is said.
#[test]
fn domains_beyond_ascii_are_invited_by_a_plain_server() {
    let cli = company();
    let server = MailServer::start(&["--plain-addresses"]);
    let (sender, links) = ("Acme <onboarding@acme.example>", "https://link.acme.example/");
    cli.run(&["config", "set", "link_base_url", links, "mail_from", sender]).expect_status(0);
    let file = fixture("field/37b-odd-domains.csv");
    cli.run(&["import", &file, "--dialect", "leapxpert", "--add-phones"]).expect_status(5);
    let smtp = server.url();
    let words = ["runs", "start", "--channel", "whatsapp", "--import", "latest", "--yes"];
    cli.run(&[&words[..], &["--smtp", &smtp]].concat()).expect_status(5);
    let mut log = cli.rows(&["log", "latest"]);
    log.sort_by_key(|row| row["username"].to_string());
    let outcomes: Vec<_> = log.iter().map(|row| [&row["username"], &row["status"]]).collect();
    let (sent, failed) = ("success", "failed");
    let expected =
        [["u10", failed], ["u13", failed], ["u14", sent], ["u15", sent], ["u16", failed]];
    assert_eq!(json!(outcomes), json!(expected));
    for row in [&log[1], &log[4]] {
        assert!(row["reason"].as_str().unwrap().contains("before the @"), "{row}");
    }
    let received: Vec<_> = server.received().into_iter().flat_map(|mail| mail.to).collect();
    assert_eq!(received, ["a@xn--mnchen-3ya.example"; 2]);
}

/// Roles with another separator get a hint that names the right one.
#[test]
fn separator_of_roles_is_named() {
    let cli = company();
    import(&cli, "38-roles").expect_status(5);
    let rows = cli.rows(&["imports", "rows", "latest"]);
    let outcomes: Vec<_> = rows.iter().map(|row| row["outcome"].as_str().unwrap()).collect();
    let (made, bad) = ("created", "invalid");
    assert_eq!(outcomes, [made, made, bad, made, bad, made, bad, bad]);
    for (row, words) in [
        (2, "with ; instead of a comma"),
        (4, "did you mean Account Manager?"),
        (6, "with ; instead of /"),
        (7, "with ; instead of a line break"),
    ] {
        let message = rows[row]["problems"][0]["message"].as_str().unwrap();
        assert!(message.contains(words), "{message}");
    }
}

/// Allowed domains compare without case and in A-labels. A subdomain is another domain.
#[test]
fn allowed_domains_compare_as_dns_does() {
    let cli = company();
    let domains = r#"["ACME.example","münchen.example"]"#;
    cli.run(&["config", "set", "allowed_email_domains", domains]).expect_status(0);
    import(&cli, "96-domains").expect_status(5);
    let created = json!(["created", []]);
    let refused = json!(["invalid", ["email email.domain_not_allowed"]]);
    assert_eq!(outcomes(&cli), json!([created, refused, created, created]));
}

/// P25: Names of roles with any separator or quote come back unchanged from an export.
#[test]
fn exported_roles_are_imported_unchanged() {
    let cli = company();
    let roles =
        ["Desk; EMEA", "A|B", "\"Quoted\" lead", "the \"A\" team", "a, b", "it's", "=sum", "“x”"];
    for role in roles {
        cli.run(&["roles", "define", role]).expect_status(0);
    }
    let body = json!({"user": "kim", "email": "kim@acme.example", "roles": roles}).to_string();
    cli.run(&["command", "AddUser", &body]).expect_status(0);
    let before = cli.json(&["users", "show", "kim"])["roles"].clone();
    let export = cli.run(&["users", "--csv"]).expect_status(0).stdout;
    let file = cli.file("export.csv", &export);
    let words = ["import", &file, "--dialect", "leapxpert", "--existing", "update", "--json"];
    let result = cli.run(&words).expect_status(0).json();
    assert_eq!((&result["unchanged"], &result["updated"]), (&json!(1), &json!(0)), "{export}");
    assert_eq!(cli.json(&["users", "show", "kim"])["roles"], before);
}

/// P3: A key that is given twice is refused by its name, wherever it stands.
#[test]
fn key_that_is_given_twice_is_refused_by_name() {
    let cli = company();
    for (body, field) in [
        (r#"{"user":"kim","user":"lea"}"#, "user"),
        (r#"{"user":"kim","attributes":{"title":"a","title":"b"}}"#, "attributes.title"),
    ] {
        let refusal = cli.refused(&["command", "AddUser", body]);
        assert_eq!(refusal["code"], "envelope.malformed");
        assert_eq!(refusal["details"]["field"], field);
    }
}

/// A38: A start in the past is refused, with the time of the clock.
#[test]
fn start_in_the_past_is_refused_with_the_time() {
    let cli = company();
    let start = ["runs", "start", "--channel", "whatsapp", "--user", "kim", "--yes"];
    let refusal = cli.refused(&[&start[..], &["--not-before", "2020-01-01T00:00:00Z"]].concat());
    assert_eq!(refusal["code"], "run.not_before_in_past");
    assert!(refusal["details"]["now"].as_str().is_some_and(|now| now.starts_with("20")));
    // A clock that is half a minute behind is no mistake: the run starts at once.
    let now = boarding_core::clock::Clock::system().now();
    let late = boarding_commands::values::Time(now.0 - 30_000).to_string();
    let run = cli.start(&["--user", "kim", "--not-before", &late]);
    assert_eq!(run["state"], "completed", "{run}");
}

/// A language tag compares without case. A wording that no mail uses is said.
#[test]
fn template_is_found_by_its_language_without_case() {
    let cli = company();
    let text =
        cli.file("welcome.txt", "Subject: Bem-vindo\n\nOlá {{ first_name }} {{ link_url }}\n");
    let html = cli.file("welcome.html", "<p>Olá</p>{{ link_button }} {{ link_url }}\n");
    let set = [
        "templates",
        "set",
        "channel_invitation",
        "--language",
        "pt-br",
        "--text",
        &text,
        "--html",
        &html,
    ];
    let output = cli.run(&set).expect_status(0);
    assert!(output.stderr.contains("config set language pt-br"), "{}", output.stderr);
    cli.run(&["config", "set", "language", "pt-BR"]).expect_status(0);
    let show = ["templates", "show", "channel_invitation"];
    assert!(cli.run(&show).expect_status(0).stdout.contains("Bem-vindo"));
    let again = cli.run(&set).expect_status(0);
    assert!(!again.stderr.contains("config set language"), "{}", again.stderr);
    // A region without a wording gets that of its language, and an unknown language gets English.
    cli.file("welcome.txt", "Subject: Ligar a conta\n\n{{ link_url }}\n");
    let set = set.map(|word| if word == "pt-br" { "pt" } else { word });
    cli.run(&set).expect_status(0);
    for (language, subject) in [("pt-AO", "Ligar a conta"), ("pt-BR", "Bem-vindo"), ("tlh", "Link")]
    {
        cli.run(&["config", "set", "language", language]).expect_status(0);
        let shown = cli.run(&show).expect_status(0).stdout;
        assert!(shown.starts_with("Subject: ") && shown.contains(subject), "{language}: {shown}");
    }
}
