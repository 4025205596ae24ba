//! Accounts and their numbers: the pool, permission groups, reports, invitations.

use serde_json::{Value, json};

use crate::support::program::Cli;

const HEADER: &str =
    "email address or device,social_messaging,monitor_calls,monitor_sms,multiline_number";

/// N90: A range or a file with more numbers than one command takes is added in parts. A mistyped end is refused.
#[test]
fn many_numbers_are_added_in_parts() {
    let cli = Cli::new();
    let add = |from: &str, to: &str| cli.run(&["numbers", "add", "--from", from, "--to", to]);
    let output = add("+44 20 7100 0000", "+44 20 7100 1499").expect_status(0);
    assert!(output.stdout.starts_with("1500 numbers added, 0 already"), "{}", output.stdout);
    let list: String = (0..2_500).map(|n| format!("+44207100{n:04}\n")).collect();
    let list = cli.file("numbers.txt", &list);
    let output = cli.run(&["numbers", "add", "--file", &list]).expect_status(0);
    assert!(output.stdout.starts_with("1000 numbers added, 1500 already"), "{}", output.stdout);
    let refused = add("+44 20 7100 0000", "+44 21 7100 0000").expect_status(1);
    assert!(refused.stderr.contains("this one has 100000001"), "{}", refused.stderr);
}

/// A company with two organizations, a group, and three numbers for one of them.
fn meridian() -> Cli {
    let cli = Cli::new();
    cli.run(&["config", "set", "channels.whatsapp", "true"]).expect_status(0);
    for name in ["EMEA", "APAC"] {
        cli.run(&["org-units", "define", name]).expect_status(0);
    }
    let group =
        ["permission-groups", "define", "Traders", "--permission", "voice", "--permission", "sms"];
    cli.run(&group).expect_status(0);
    let list =
        cli.file("numbers.txt", "\u{feff}+1 212 555 0001\r\n\n+1 212 555 0002\r\n +12125550003 \n");
    let output =
        cli.run(&["numbers", "add", "--file", &list, "--org-unit", "EMEA"]).expect_status(0);
    assert!(
        output.stdout.starts_with("3 numbers added, 0 already in the pool"),
        "{}",
        output.stdout
    );
    cli
}

/// Imports accounts, each `(address, number)`, and returns the row of the import.
fn import(cli: &Cli, accounts: &[(&str, &str)], options: &[&str]) -> Value {
    let rows: String =
        accounts.iter().map(|(user, number)| format!("{user},No,off,off,{number}\n")).collect();
    let file = cli.file("accounts.csv", &format!("{HEADER}\n{rows}"));
    let words = [
        "import",
        &file,
        "--dialect",
        "multiline",
        "--organization",
        "EMEA",
        "--permission-group",
        "Traders",
        "--json",
    ];
    cli.run(&[&words, options].concat()).json()
}

/// ML-15, P18: Each verb of the number pool, and the states after it.
#[test]
fn number_pool_verbs_change_the_states_of_numbers() {
    let cli = meridian();
    let output = cli
        .run(&["numbers", "add", "+1 212 555 0004", "+1 212 555 0001", "+1 212 555 0005"])
        .expect_status(0);
    assert!(
        output.stdout.starts_with("2 numbers added, 1 already in the pool"),
        "{}",
        output.stdout
    );
    let states = |words: &[&str]| {
        let rows = cli.rows(&[&["numbers", "list"], words].concat());
        rows.iter()
            .map(|row| json!([row["number"], row["org_unit"], row["state"]]))
            .collect::<Vec<_>>()
    };
    let output = cli.run(&["numbers", "allocate", "APAC", "--quantity", "1"]).expect_status(0);
    assert!(output.stdout.starts_with("1 number allocated to APAC"), "{}", output.stdout);
    cli.run(&["numbers", "allocate", "EMEA", "+1 212 555 0005"]).expect_status(0);
    assert_eq!(states(&["--org-unit", "APAC"]), [json!(["+12125550004", "APAC", "available"])]);
    let output = cli.run(&["numbers", "withdraw", "+12125550004", "+12125550005"]).expect_status(0);
    assert!(output.stdout.starts_with("2 numbers withdrawn"), "{}", output.stdout);
    assert!(states(&["--org-unit", "APAC"]).is_empty());
    let refusal = cli.refused(&["numbers", "allocate", "EMEA", "--quantity", "3"]);
    assert_eq!(refusal["code"], "number.none_available");

    cli.run(&["numbers", "reserve", "+12125550003", "--tag", "Board"]).expect_status(0);
    assert_eq!(states(&["--state", "reserved"]), [json!(["+12125550003", "EMEA", "reserved"])]);
    import(&cli, &[("ann@acme.example", ""), ("bob@acme.example", "")], &[]);
    let refusal = cli.refused(&["numbers", "assign", "+12125550003", "ann@acme.example"]);
    assert_eq!(refusal["code"], "number.not_available");
    cli.run(&["numbers", "assign", "+12125550003", "ann@acme.example", "--tag", "Board"])
        .expect_status(0);
    assert_eq!(states(&["--search", "ann@acme"]), [json!(["+12125550003", "EMEA", "assigned"])]);
    cli.run(&["numbers", "release", "+12125550003"]).expect_status(0);
    cli.run(&["numbers", "reserve", "+12125550003", "--tag", "Board"]).expect_status(0);
    cli.run(&["numbers", "unreserve", "+12125550003"]).expect_status(0);

    let suggested = cli.rows(&["numbers", "suggest", "--org-unit", "EMEA", "--limit", "2"]);
    assert_eq!(suggested, [json!({"number": "+12125550001"}), json!({"number": "+12125550002"})]);
    let table = cli.run(&["numbers", "utilisation"]).expect_status(0).stdout;
    assert!(
        table.contains("ORG UNIT") && table.contains("EMEA") && table.contains("SPARE"),
        "{table}"
    );
    let emea = &cli.rows(&["numbers", "utilisation", "--org-unit", "EMEA"])[0];
    assert_eq!((&emea["total"], &emea["available"]), (&json!(3), &json!(3)));
    assert!(cli.run(&["numbers"]).expect_status(0).stdout.contains("available"));
}

/// ML-15, ML-06: an invited person chooses one of the available numbers of her organization. The counts show the
/// invitation that waits for a number, and reserved numbers only if an administrator reserved them.
#[test]
fn person_chooses_a_number_during_activation() {
    let cli = meridian();
    import(&cli, &[("ann@acme.example", "")], &["--invite", "--channel", "whatsapp"]);
    let counts = || {
        let row = cli.rows(&["numbers", "utilisation", "--org-unit", "EMEA"]).remove(0);
        ["available", "reserved", "assigned", "registered", "pending_without_number", "spare"]
            .map(|name| row[name].as_u64().unwrap())
    };
    assert_eq!(counts(), [3, 0, 0, 0, 1, 2]);
    cli.run(&["numbers", "reserve", "+12125550001", "--tag", "Board"]).expect_status(0);
    assert_eq!(counts(), [2, 1, 0, 0, 1, 2]);
    let suggested = || cli.rows(&["numbers", "suggest", "--user", "ANN@acme.example"]);
    assert_eq!(suggested(), [json!({"number": "+12125550002"}), json!({"number": "+12125550003"})]);
    let output = cli.run(&["numbers", "assign", "+12125550001", "ann@acme.example"]);
    let advice = "boarding numbers unreserve NUMBER";
    assert!(output.expect_status(1).stderr.contains(advice), "the reserved number needs its tag");
    cli.run(&["numbers", "assign", "+12125550002", "ann@acme.example"]).expect_status(0);
    assert_eq!(counts(), [1, 1, 1, 0, 0, 2]);
    cli.json(&["command", "LinkCompleted", r#"{"user":"ann@acme.example","channel":"whatsapp"}"#]);
    assert_eq!(counts(), [1, 1, 0, 1, 0, 2]);
    let account = cli.json(&["accounts", "show", "ann@acme.example"]);
    assert_eq!(
        (&account["status"], &account["number"]),
        (&json!("active"), &json!("+12125550002"))
    );
    assert_eq!(suggested(), [json!({"number": "+12125550003"})]);
}

/// ML-12, ML-13: Reports of batch operations are listed, and one is written to a file.
#[test]
fn batch_operation_reports_are_listed_and_downloaded() {
    let cli = meridian();
    assert_eq!(cli.refused(&["reports", "show", "latest"])["code"], "import.none_available");
    let import = import(&cli, &[("ann@acme.example", "+12125550001"), ("nobody", "")], &[]);
    let people = cli.people("people.csv", &[("zoe", "")]);
    cli.run(&["import", &people, "--dialect", "leapxpert"]);
    let batch = &cli.rows(&["reports"])[0];
    assert_eq!(
        (&batch["import"], &batch["success"], &batch["failed"]),
        (&import["import"], &json!(1), &json!(1))
    );
    let accounts = cli.rows(&["reports", "show", "latest"]);
    assert_eq!((accounts.len(), &accounts[1]["code"]), (2, &json!("field.not_email_or_phone")));
    let out = cli.path().join("report.csv");
    let id = import["import"].as_str().unwrap();
    cli.run(&["reports", "show", id, "--csv", "-o", out.to_str().unwrap()]).expect_status(0);
    let csv = std::fs::read_to_string(out).unwrap();
    assert!(csv.starts_with("Row,Account,Status,Code,Reason,Number"), "{csv}");
    assert!(
        cli.run(&["reports", "--spreadsheet"])
            .expect_status(0)
            .stdout
            .contains("Report,File Name,Total")
    );
}

/// ML-04: Permission groups are defined and listed. An unknown group names the verb that lists them.
#[test]
fn permission_groups_are_defined_and_listed() {
    let cli = meridian();
    cli.run(&["permission-groups", "define", "Advisers"]).expect_status(0);
    let groups = cli.rows(&["permission-groups"]);
    let traders = json!({"permission_group": "Traders", "permissions": ["voice", "sms"]});
    assert_eq!(groups, [json!({"permission_group": "Advisers", "permissions": []}), traders]);
    let file = cli.file("accounts.csv", &format!("{HEADER}\nann@acme.example,No,off,off,\n"));
    let words = [
        "import",
        &file,
        "--dialect",
        "multiline",
        "--organization",
        "EMEA",
        "--permission-group",
        "Pirates",
    ];
    let output = cli.run(&words).expect_status(1);
    assert!(output.stderr.contains("boarding permission-groups"), "{}", output.stderr);
}

/// ML-09, ML-10, ML-17, ML-18: Invitations are sent later, resent, moved and revoked.
#[test]
fn invitations_are_resent_moved_and_revoked() {
    let cli = meridian();
    let (ann, bob) = ("ann@acme.example", "bob@acme.example");
    import(&cli, &[(ann, "+12125550001"), (bob, "")], &[]);
    let resend = ["invitations", "resend", "--channel", "whatsapp"];
    let unconfirmed = cli.run(&[&resend[..], &["--user", ann]].concat()).expect_status(2);
    assert!(
        unconfirmed.stderr.contains("invitations resend asks before it sends mails")
            && unconfirmed.stderr.contains("--yes"),
        "{}",
        unconfirmed.stderr
    );
    let run = cli
        .run(&[&resend[..], &["--user", ann, "--yes", "--json"]].concat())
        .expect_status(0)
        .json();
    assert_eq!((&run["total"], &run["passed"]), (&json!(1), &json!(1)));
    let asked = ["--filter", "not_invited", "--yes", "--id", "01JD0000000000000000000001"];
    let stdout = cli.run(&[&resend[..], &asked].concat()).expect_status(0).stdout;
    assert!(!stdout.contains("not_invited") && stdout.contains("1 invited"), "{stdout}");
    let sent = cli.rows(&["invitations", "list", "--state", "sent"]);
    assert_eq!(sent.iter().map(|row| &row["user"]).collect::<Vec<_>>(), [ann, bob]);
    let runs = cli.rows(&["runs"]).len();
    let repeated = cli.run(&[&resend[..], &asked].concat()).expect_status(0).stdout;
    assert!(repeated.contains("1 invited"), "{repeated}");
    assert_eq!(cli.rows(&["runs"]).len(), runs, "the same id starts no second run");

    let moving = ["invitations", "move", bob, "--to", "APAC"];
    let check = cli.run(&[&moving[..], &["--check"]].concat()).expect_status(5).stdout;
    let said = "1 account cannot be moved to APAC: Unable to move account(s).";
    assert!(check.starts_with(said), "{check}");
    // The hint is below the line that it is about, and the judgements follow.
    let hint = "numbers in APAC: 1 needed, 0 available\n  show the free numbers of each organization: boarding numbers utilisation\n";
    assert!(check.contains(hint), "{check}");
    let refusal = cli.refused(&moving);
    assert_eq!(refusal["code"], "number.insufficient_in_destination");
    cli.run(&["numbers", "add", "+12125550021", "--org-unit", "APAC"]).expect_status(0);
    let check = cli.run(&[&moving[..], &["--check"]].concat()).expect_status(0).stdout;
    assert!(check.starts_with("1 account can be moved to APAC"), "{check}");
    let stdout = cli.run(&moving).expect_status(0).stdout;
    assert!(
        stdout.starts_with("1 account moved to APAC\n") && stdout.contains("Traders"),
        "{stdout}"
    );
    cli.run(&["invitations", "revoke", ann, "--channel", "whatsapp"]).expect_status(0);
    let revoked = cli.rows(&["invitations", "--state", "revoked"]);
    assert_eq!(revoked[0]["user"], ann);
    assert_eq!(cli.rows(&["numbers", "list", "--search", "0001"])[0]["state"], "available");
}

/// ML-17: a move says which accounts are in the organization already, and why an account has no pending invitation.
#[test]
fn move_says_why_an_account_stays() {
    let cli = meridian();
    let (ann, bob, cid) = ("ann@acme.example", "bob@acme.example", "cid@acme.example");
    import(&cli, &[(ann, "+12125550001"), (bob, ""), (cid, "")], &[]);
    let resend = ["invitations", "resend", "--channel", "whatsapp", "--yes", "--user"];
    for user in [ann, bob] {
        cli.run(&[&resend[..], &[user]].concat()).expect_status(0);
    }
    let accept = json!({"user": ann, "channel": "whatsapp"}).to_string();
    cli.run(&["command", "LinkCompleted", &accept]).expect_status(0);
    for (user, why) in [(ann, "it is active already"), (cid, "it was not invited yet")] {
        let moving = ["invitations", "move", user, "--to", "APAC"];
        let check = cli.run(&[&moving[..], &["--check"]].concat()).expect_status(5).stdout;
        assert!(check.contains(why) && check.contains("refused  no "), "{check}");
        let refusal = cli.refused(&moving);
        assert!(refusal["message"].as_str().unwrap().contains(why), "{refusal}");
    }
    let here = ["invitations", "move", bob, "--to", "EMEA"];
    for words in [[&here[..], &["--check"]].concat(), here.to_vec()] {
        let output = cli.run(&words).expect_status(0);
        let said = "1 account is in EMEA already, so there is nothing to move";
        assert!(format!("{}{}", output.stdout, output.stderr).contains(said), "{output:?}");
        assert!(!output.stdout.contains("can be moved"), "{output:?}");
    }
}

/// ML-15: a reservation that takes a number of an invited account warns. No suggestion says why.
#[test]
fn reservation_warns_when_invited_accounts_lack_numbers() {
    let cli = meridian();
    let (ann, bob) = ("ann@acme.example", "bob@acme.example");
    import(&cli, &[(ann, "+12125550001"), (bob, "")], &["--invite", "--channel", "whatsapp"]);
    let reserve = |number: &str| {
        let words = ["numbers", "reserve", number, "--tag", "Board"];
        cli.run(&words).expect_status(0).stderr
    };
    assert!(!reserve("+1 212 555 0002").contains("wait"));
    let warned = reserve("+1 212 555 0003");
    let said = "1 invited account waits for a number in EMEA, and 0 are available without a tag";
    assert!(warned.starts_with(said) && warned.contains("boarding numbers add"), "{warned}");
    let none = cli.run(&["numbers", "suggest", "--user", bob]).expect_status(0).stderr;
    let said = "no number is available in EMEA: 2 reserved, 1 assigned; add numbers:";
    assert!(none.contains(said), "{none}");
    let none = cli.run(&["numbers", "suggest", "--org-unit", "APAC"]).expect_status(0).stderr;
    assert!(none.contains("no number is available in APAC: there are none"), "{none}");
}

/// ML-11: An import without a terminal prints its progress in lines. `imports progress` shows it at any time.
#[test]
fn progress_of_an_import_is_printed_and_can_be_queried() {
    let cli = meridian();
    let accounts: Vec<_> = (0..1_000).map(|n| format!("u{n}@acme.example")).collect();
    let rows: String = accounts.iter().map(|user| format!("{user},No,off,off,\n")).collect();
    let file = cli.file("accounts.csv", &format!("{HEADER}\n{rows}"));
    let words = [
        "import",
        &file,
        "--dialect",
        "multiline",
        "--organization",
        "EMEA",
        "--permission-group",
        "Traders",
    ];
    let stderr = cli.run(&words).expect_status(0).stderr;
    let processed: Vec<u64> = stderr
        .lines()
        .filter_map(|line| line.strip_prefix("importing ")?.split('/').next()?.parse().ok())
        .collect();
    assert!(processed.is_sorted() && processed.last() == Some(&1_000), "{stderr}");
    let progress = cli.json(&["imports", "progress", "latest"]);
    assert_eq!((&progress["processed"], &progress["percent"]), (&json!(1_000), &json!(100)));
    let plain = cli.run(&["imports", "progress", "latest"]).expect_status(0).stdout;
    assert!(
        plain.contains("processed   1000") && plain.contains("dialect     multiline"),
        "{plain}"
    );
    let unknown = cli.refused(&["imports", "progress", "01JD0000000000000000000000"]);
    assert_eq!(unknown["code"], "query.not_found");
}

/// ML-07, ML-16, OCM-01: Each dialect has a template. With `--own` it has the columns that the company's settings
/// allow: "column only included in the CSV if the organization is configured with Social Messaging".
#[test]
fn templates_are_printed_for_each_dialect_and_company() {
    let cli = meridian();
    for (words, header) in [
        (&["leapxpert"][..], "username,first_name,"),
        (&["officechat"], "name,firstname,lastname,email/login,title,mobile,manager,Enabled"),
        (&["multiline"], "firstname,lastname,email address or device,"),
        (&["ocm"], "LAN ID,First Name,Last Name,Agent ID,"),
        (&["ocm", "--file", "userdetails"], "LAN ID,First Name,Last Name,Agent ID,"),
        (&["ocm", "--file", "featuredetails"], "LAN ID,"),
        (&["ocm", "--file", "channelcountdetails"], "LAN ID,"),
    ] {
        let text = cli.run(&[&["template"], words].concat()).expect_status(0).stdout;
        assert!(text.starts_with(header), "{words:?}: {text}");
    }
    let social = "restrict_incoming_social_messaging";
    let template = |words: &[&str]| {
        cli.run(&[&["template", "multiline"], words].concat()).expect_status(0).stdout
    };
    cli.run(&["config", "set", "social_messaging", "true"]).expect_status(0);
    assert!(template(&["--own"]).contains(social) && !template(&[]).contains(social));
    cli.run(&["config", "set", "social_messaging", "false"]).expect_status(0);
    assert!(!template(&["--own"]).contains(social));
}

/// OCM-09, ML-04: a filter of a query finds a name as a file and a command do: blanks around it do not count.
#[test]
fn filters_of_queries_find_names_with_blanks_around_them() {
    let cli = meridian();
    import(&cli, &[("ann@acme.example", "")], &[]);
    cli.run(&["roles", "define", "Agent"]).expect_status(0);
    let zoe = json!({"user": "zoe", "org_unit": "EMEA", "roles": ["Agent"]}).to_string();
    cli.run(&["command", "AddUser", &zoe]).expect_status(0);
    for (query, filter) in [
        ("users", "role= Agent "),
        ("number_utilisation", "org_unit=EMEA "),
        ("accounts", "permission_group=Traders\u{a0}"),
        ("batch_operation_reports", "permission_group=Traders "),
    ] {
        let answer = cli.run(&["query", query, filter]).expect_status(0).json();
        assert_eq!(answer["rows"].as_array().map(Vec::len), Some(1), "{query} {filter}: {answer}");
    }
}

/// ML-06: an import warns like its preview that the organization has too few numbers. Advice for an empty stock says
/// which numbers are meant.
#[test]
fn import_warns_of_too_few_numbers() {
    let cli = meridian();
    let rows: String = (0..5).map(|n| format!("u{n}@meridian.example,No,off,off,\n")).collect();
    let file = cli.file("five.csv", &format!("{HEADER}\n{rows}"));
    let place =
        ["--dialect", "multiline", "--organization", "EMEA", "--permission-group", "Traders"];
    let import = [&["import", &file], &place[..]].concat();
    let said = "EMEA: needed 5, available 3";
    assert!(cli.run(&[&import[..], &["--preview"]].concat()).stdout.contains(said));
    let output = cli.run(&import).expect_status(0).stdout;
    assert!(output.contains(said), "{output}");
    let allocate = ["numbers", "allocate", "EMEA", "--quantity", "1"];
    let message = cli.refused(&allocate)["message"].as_str().unwrap().to_owned();
    assert!(message.starts_with("The company's own stock"), "{message}");
}
