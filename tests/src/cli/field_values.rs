//! Phones and unique values of files from the field: small inputs that people report of tools for this job.

use serde_json::json;

use crate::support::mail_text::{decoded, link_token};
use crate::support::paths::fixture;
use crate::support::program::Cli;

/// The company of the field cases: a role, two org units that have it, and a channel.
fn company() -> Cli {
    let cli = Cli::new();
    for words in [
        &["roles", "define", "Account Manager", "--permission", "bulk_integration"][..],
        &["roles", "define", "Supervisor"],
        &["org-units", "define", "Sales", "--role", "Account Manager"],
        &["org-units", "define", "Support", "--role", "Account Manager"],
        &["config", "set", "channels.whatsapp", "true"],
    ] {
        cli.run(words).expect_status(0);
    }
    cli
}

/// N90: Only cells that are one number are taken, also with `assume_plus`. The others are shown as they are.
#[test]
fn cell_that_is_not_one_number_is_rejected_and_shown() {
    let cli = company();
    cli.run(&["config", "set", "assume_plus", "true"]).expect_status(0);
    let file = fixture("field/phones-assume-plus.csv");
    let words = ["import", &file, "--dialect", "leapxpert", "--add-phones"];
    let output = cli.run(&words);
    let rows = cli.rows(&["imports", "rows", "latest"]);
    let phones: Vec<_> = rows.iter().map(|row| &row["phone"]).collect();
    let rejected = "rejected:phone.invalid";
    assert_eq!(phones, [rejected, "added", "added", rejected, rejected]);
    for (row, cell) in [(0, "84923448071.0"), (3, "2026-11-28"), (4, "192.168.10.20")] {
        let message = rows[row]["phone_problem"]["message"].as_str().unwrap();
        assert!(message.contains(cell), "{message}");
        assert!(output.stdout.contains(cell), "{}", output.stdout);
    }
    let listed = cli.rows(&["phones"]);
    let listed: Vec<_> = listed.iter().map(|row| [&row["phone"], &row["user"]]).collect();
    assert_eq!(json!(listed), json!([["+84923448072", "f2"], ["+84923448073", "f3"]]));
}

/// N90: A range in one argument is refused by name. A range has the options `--from` and `--to`.
#[test]
fn range_of_numbers_has_its_own_spelling() {
    let cli = company();
    let range = "+1 212 555 0001-0005";
    let words = ["numbers", "add", "+1 212 555 0009", range, "--org-unit", "Sales"];
    let output = cli.run(&words).expect_status(1);
    for words in ["phone.invalid", range, "--from NUMBER --to NUMBER"] {
        assert!(output.stderr.contains(words), "{}", output.stderr);
    }
    let words = ["numbers", "add", "--from", "+1 212 555 0001", "--to", "+1 212 555 0005"];
    let output = cli.run(&[&words[..], &["--org-unit", "Sales"]].concat()).expect_status(0);
    assert!(output.stdout.starts_with("5 numbers added"), "{}", output.stdout);
    assert_eq!(cli.rows(&["numbers"]).len(), 5);
}

/// A32: Two people swap their employee ids in one file of MangoApps.
#[test]
fn two_people_swap_their_employee_ids_in_one_file() {
    let cli = company();
    let import = |file: &str, options: &[&str]| {
        let file = fixture(&format!("field/{file}"));
        let words = ["import", &file, "--dialect", "mangoapps", "--json"];
        cli.run(&[&words, options].concat()).expect_status(0).json()
    };
    import("53-mango-1.csv", &[]);
    let swapped = import("53-mango-swap.csv", &["--existing", "update"]);
    assert_eq!((&swapped["updated"], &swapped["invalid"]), (&json!(2), &json!(0)));
    let ids: Vec<_> =
        cli.rows(&["users"]).iter().map(|one| one["attributes"]["employee_id"].clone()).collect();
    assert_eq!(ids, ["E2", "E1"]);
}

/// A32: Swapped phones far apart, in different commits of the import, end as those in one commit.
#[test]
fn phones_are_swapped_however_far_apart_the_rows_are() {
    let cli = company();
    cli.run(&["config", "set", "bulk_integration_max_records", "5000"]).expect_status(0);
    let phone = |n: usize| format!("+84923{n:06}");
    let person = |n: usize, of: usize| (format!("u{n:04}"), phone(of));
    let import = |people: Vec<(String, String)>, options: &[&str]| {
        let people: Vec<_> =
            people.iter().map(|(key, phone)| (key.as_str(), phone.as_str())).collect();
        let text = cli.people("people.csv", &people);
        let content = std::fs::read_to_string(&text).unwrap().replace("Fixed Income Desk", "Sales");
        let file = cli.file("people.csv", &content);
        let words = ["import", &file, "--dialect", "leapxpert", "--add-phones", "--json"];
        cli.run(&[&words, options].concat()).json()
    };
    import((0..1_100).map(|n| person(n, n)).collect(), &[]);
    let shifted = (0..1_100).map(|n| person(n, (n + 1) % 1_100)).collect();
    let changed = import(shifted, &["--existing", "update"]);
    assert_eq!((&changed["updated"], &changed["phones_added"]), (&json!(1_100), &json!(1_100)));
    let listed = cli.rows(&["phones"]);
    assert_eq!(listed.len(), 1_100);
    for row in listed {
        let n: usize = row["user"].as_str().unwrap()[1..].parse().unwrap();
        assert_eq!(row["phone"], json!(phone((n + 1) % 1_100)));
    }
}

/// A37: The link of a person who left, or whose number was given to another person, is refused with the reason.
#[test]
fn link_is_refused_when_its_person_has_left() {
    let leave: &[&[&str]] = &[&["users", "deactivate", "ann"]];
    let give_away: &[&[&str]] =
        &[&["phones", "remove", "+84923448001"], &["phones", "add", "+84923448001", "bob"]];
    for (steps, code) in
        [(leave, "invitation.user_inactive"), (give_away, "invitation.phone_changed")]
    {
        let cli = company();
        cli.import(&fixture("field/01-email-swap-1.csv"));
        let run = cli.start(&["--user", "ann"])["run"].as_str().unwrap().to_owned();
        let mail = std::fs::read_dir(cli.outbox().join(run)).unwrap().next().unwrap().unwrap();
        let token = link_token(&decoded(&std::fs::read_to_string(mail.path()).unwrap()));
        for step in steps {
            cli.run(step).expect_status(0);
        }
        let body = json!({"token": token}).to_string();
        assert_eq!(cli.refused(&["command", "LinkCompleted", &body])["code"], code);
        assert_eq!(cli.json(&["users", "show", "ann"])["link_ends"]["whatsapp"], code);
        let history = cli.run(&["history", "user:ann"]).expect_status(0).stdout;
        assert!(history.contains("InvitationEnded") && history.contains(code), "{history}");
    }
}

/// A41: In every dialect with phones, a row takes the phone of a person who left. That person then cannot come back
/// while the phone has another owner, who is named.
#[test]
fn row_takes_the_phone_of_an_archived_person() {
    let lx = "username,first_name,email,phone_number,org_unit,role\n\
        KEY,Ann,KEY@acme.example,PHONE,Sales,Account Manager\n";
    let office = "name,firstname,lastname,email/login,title,mobile,Enabled\n\
        KEY,Ann,Lee,KEY@acme.example,,PHONE,TRUE\n";
    let mango = "email/login,firstname,mobile,Enabled\nKEY@acme.example,Ann,PHONE,TRUE\n";
    for (dialect, text, domain) in [
        ("leapxpert", lx, ""),
        ("officechat", office, "@acme.example"),
        ("mangoapps", mango, "@acme.example"),
    ] {
        let cli = company();
        let import = |key: &str| {
            let text = text.replace("KEY", key).replace("PHONE", "+84923448001");
            let file = cli.file("people.csv", &text);
            let words = ["import", &file, "--dialect", dialect, "--add-phones", "--json"];
            cli.run(&words).expect_status(0).json()
        };
        let [ann, bob] = ["ann", "bob"].map(|key| format!("{key}{domain}"));
        import("ann");
        cli.run(&["users", "archive", &ann]).expect_status(0);
        let taken = import("bob");
        assert_eq!((&taken["phones_added"], &taken["phones_failed"]), (&json!(1), &json!(0)));
        let listed = cli.rows(&["phones"]);
        let listed: Vec<_> = listed.iter().map(|row| [&row["phone"], &row["user"]]).collect();
        assert_eq!(json!(listed), json!([["+84923448001", bob]]));
        let refusal = cli.refused(&["users", "restore", &ann]);
        assert_eq!(refusal["code"], "phone.already_provisioned", "{dialect}");
        assert_eq!(refusal["details"]["holder"], json!(bob));
        cli.run(&["users", "archive", &bob]).expect_status(0);
        cli.run(&["users", "restore", &ann]).expect_status(0);
    }
}
