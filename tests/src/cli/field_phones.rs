//! Phones wherever they are taken: one reading of them, and a list that follows the file.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::support::program::Cli;

/// A company with ann, an organization and a permission group.
fn company() -> Cli {
    let cli = Cli::with_company_of("company/field.json");
    cli.run(&["users", "add", "ann", "--email", "ann@acme.example"]).expect_status(0);
    cli
}

/// Every place that takes a phone, with `PHONE` for the number.
const PLACES: [&[&str]; 9] = [
    &["phones", "add", "PHONE", "ann"],
    &["phones", "remove", "PHONE"],
    &["users", "add", "kim", "--phone", "PHONE"],
    &["numbers", "add", "PHONE"],
    &["accounts", "add", "PHONE", "--organization", "Sales", "--permission-group", "Traders"],
    &["command", "AddCorporatePhone", r#"{"phone":"PHONE","user":"ann"}"#],
    &["command", "RemoveCorporatePhone", r#"{"phone":"PHONE"}"#],
    &["command", "AddUser", r#"{"user":"kim","phone":"PHONE"}"#],
    &["command", "AddNumbers", r#"{"numbers":["PHONE"]}"#],
];

fn with_phone(place: &[&str], phone: &str) -> Vec<String> {
    place.iter().map(|word| word.replace("PHONE", phone)).collect()
}

/// N90: What is not one number is refused in every place, also with `assume_plus`, for the same reason.
#[test]
fn text_that_is_not_one_number_is_refused_everywhere() {
    let cli = company();
    cli.run(&["config", "set", "assume_plus", "true"]).expect_status(0);
    for typed in [
        "84923448071.0",
        "2026-11-28",
        "192.168.10.20",
        "+1 212 555 0001-0005",
        "+84923448071/72",
        "+1234567 7654321",
        "+1 212 555 0001 (4)",
        "+1 212 555 0001 ext. 5",
        "8.4E+10",
    ] {
        let refused = PLACES.map(|place| {
            let words = with_phone(place, typed);
            cli.refused(&words.iter().map(String::as_str).collect::<Vec<_>>())
        });
        for (place, refused) in PLACES.iter().zip(&refused[1..]) {
            let code = refused["code"].as_str().unwrap();
            let known = ["phone.invalid", "phone.scientific_notation", "field.not_email_or_phone"];
            assert!(known.contains(&code), "{typed}, {place:?}: {refused}");
        }
        // A single account is a file with one row, whose message names the column and the text.
        let plain = PLACES.iter().zip(&refused).filter(|(place, _)| place[0] != "accounts");
        let reasons: BTreeSet<String> =
            plain.map(|(_, refused)| refused["message"].to_string()).collect();
        assert_eq!(reasons.len(), 1, "{typed}: {reasons:?}");
    }
    assert_eq!(cli.rows(&["phones"]).len() + cli.rows(&["numbers"]).len(), 0);
}

/// N90: One number is read alike in every place, in each of its spellings.
#[test]
fn one_number_is_read_alike_wherever_phones_are_taken() {
    let cli = company();
    let spellings = [
        ("+84 923-448-071", "+84923448071"),
        ("(+84)923448072", "+84923448072"),
        ("0084923448073", "+84923448073"),
        ("+84.923.448.074", "+84923448074"),
    ];
    for (typed, phone) in spellings {
        let [add, remove, user, number, device, ..] = PLACES.map(|place| with_phone(place, typed));
        let run = |words: &[String]| {
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            cli.run(&words).expect_status(0)
        };
        run(&add);
        assert_eq!(cli.rows(&["phones"])[0]["phone"], phone);
        run(&remove);
        assert_eq!(cli.rows(&["phones"]).len(), 0);
        let named = user.iter().map(|word| word.replace("kim", &format!("kim{}", &phone[9..])));
        run(&named.collect::<Vec<_>>());
        let kim = cli.json(&["users", "show", &format!("kim{}", &phone[9..])]);
        assert_eq!(kim["phone"], phone);
        run(&number);
        run(&device);
        assert!(cli.rows(&["accounts"]).iter().any(|one| one["user"] == phone), "{phone}");
    }
    let numbers = cli.rows(&["numbers"]);
    let numbers: Vec<_> = numbers.iter().map(|row| row["number"].clone()).collect();
    assert_eq!(json!(numbers), json!(spellings.map(|(_, phone)| phone)));
}

/// The rows of the last import: the outcome of each phone, and what was said of it.
fn phones_of_rows(cli: &Cli) -> Vec<(Value, String)> {
    let rows = cli.rows(&["imports", "rows", "latest"]);
    let said = |row: &Value| {
        let of_warning = row["warnings"].as_array().unwrap().first().map(|one| &one["message"]);
        let message = of_warning.unwrap_or(&row["phone_problem"]["message"]);
        message.as_str().unwrap_or_default().to_owned()
    };
    rows.iter().map(|row| (row["phone"].clone(), said(row))).collect()
}

/// N63, A32: Two rows with one phone create two users. The first gets the phone, and the second names the row of the first.
#[test]
fn row_without_a_phone_names_the_row_that_got_it() {
    let cli = company();
    let people = [("bob", "+84923448071"), ("cid", "+84923448072"), ("dee", "+84923448071")];
    let file = cli.people("people.csv", &people);
    cli.run(&["org-units", "define", "Fixed Income Desk"]).expect_status(0);
    let words = ["import", &file, "--dialect", "leapxpert", "--add-phones"];
    let shown = cli.run(&[&words[..], &["--preview"]].concat());
    let output = cli.run(&words).expect_status(5);
    for text in [&shown.stdout, &output.stdout] {
        assert!(text.contains("row 1, line 2"), "{text}");
    }
    let rows = phones_of_rows(&cli);
    assert_eq!([&rows[0].0, &rows[1].0], ["added", "added"]);
    assert_eq!(rows[2].0, "rejected:phone.already_provisioned");
    assert!(rows[2].1.contains("has the same phone number: row 1, line 2;"), "{rows:?}");
    assert_eq!(cli.rows(&["users"]).len(), 4);
    let listed = cli.rows(&["phones", "--search", "448071"]);
    assert_eq!((listed.len(), &listed[0]["user"]), (1, &json!("bob")));
}

/// A33: With phones, the list follows the file. A number that was added by hand stays, with a warning.
#[test]
fn list_follows_the_file_and_keeps_numbers_added_by_hand() {
    let cli = company();
    cli.run(&["org-units", "define", "Fixed Income Desk"]).expect_status(0);
    let import = |phones: [&str; 2]| {
        let file = cli.people("people.csv", &[("bob", phones[0]), ("cid", phones[1])]);
        let words = ["import", &file, "--dialect", "leapxpert", "--add-phones"];
        cli.run(&[&words[..], &["--existing", "update"]].concat()).expect_status(0)
    };
    import(["+84923448071", "+84923448072"]);
    cli.run(&["phones", "add", "+84923448079", "cid"]).expect_status(0);
    let output = import(["+84923448081", "+84923448082"]);
    assert!(output.stdout.contains("phone.kept"), "{}", output.stdout);
    let listed = cli.rows(&["phones"]);
    let listed: Vec<_> = listed.iter().map(|row| [&row["phone"], &row["user"]]).collect();
    let expected = [["+84923448079", "cid"], ["+84923448081", "bob"], ["+84923448082", "cid"]];
    assert_eq!(json!(listed), json!(expected));
    let rows = phones_of_rows(&cli);
    assert_eq!((rows[0].1.as_str(), rows[1].1.contains("added by hand")), ("", true));
    assert_eq!(cli.json(&["users", "show", "bob"])["phone"], "+84923448081");
}
