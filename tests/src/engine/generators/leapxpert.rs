//! LeapXpert files: new and existing users, with and without phones.

use serde_json::{Value, json};

use super::file_generator::{FileGenerator, RowPosition, cells, create_users, line};
use crate::support::random::SeededRandom;

pub(super) const GENERATOR: FileGenerator = FileGenerator {
    dialect: "leapxpert",
    company: include_str!("../../../../fixtures/company/acme.json"),
    set_up_commands,
    header: HEADER,
    sizes: &[1_400, 850, 850],
    row,
    settings: |file| if file == 2 { json!({"assume_plus": true}) } else { Value::Null },
    options: |file| match file {
        0 => json!({"existing": "update", "add_to_corporate_phones": true}),
        1 => json!({"existing": "skip", "add_to_corporate_phones": true}),
        _ => json!({"existing": "update", "blank_means": "clear"}),
    },
    row_naming: |key| line(&[key, "", "", "", "", "", ""]),
    companion_files: &[],
    required_outcomes: &[
        "created",
        "updated",
        "unchanged",
        "skipped",
        "duplicate",
        "invalid",
        "added",
        "already_present",
        "rejected:phone.already_provisioned",
        "rejected:phone.invalid",
        "rejected:phone.scientific_notation",
        "csv.field_count_mismatch",
        "csv.stray_quote",
        "field.control_character",
        "field.invalid_email",
        "field.invisible_character",
        "field.length",
        "field.mixed_script",
        "field.required",
        "phone.plus_assumed",
        "reference.org_unit_not_found",
        "reference.role_not_found",
        "row.duplicate_in_file",
        "row.user_exists",
        "user.archived",
    ],
};

const HEADER: &str = "username,first_name,last_name,email,phone_number,org_unit,role";
/// The number of users before the first file.
const EXISTING: usize = 200;

/// The row that created an existing user.
fn existing_row(n: usize) -> [String; 7] {
    [
        format!("known{n}"),
        format!("First{n}"),
        "Last".to_owned(),
        format!("known{n}@people.example"),
        format!("+8490{n:07}"),
        "Europe".to_owned(),
        "Account Manager".to_owned(),
    ]
}

fn set_up_commands() -> Vec<(&'static str, Value)> {
    let rows: String = (0..EXISTING).map(|n| line(&existing_row(n))).collect();
    let text = format!("{HEADER}\n{rows}");
    let import = json!({
        "dialect": "leapxpert", "files": [{"name": "known.csv", "text": text}],
        "add_to_corporate_phones": true,
    });
    let limit = json!({"bulk_integration_max_records": 10_000});
    let mut commands = vec![("SetCompanyConfig", limit)];
    commands.extend(create_users(import, |n| format!("known{n}"), 0..20, 20..40));
    let phone = |n: usize| json!({"phone": format!("+8490{n:07}")});
    commands.extend((40..60).map(|n| ("RemoveCorporatePhone", phone(n))));
    commands
}

fn row(rng: &mut SeededRandom, position: RowPosition) -> String {
    let n = position.serial();
    let existing = existing_row(rng.below(EXISTING));
    let unit = rng.pick(&["", "Europe", "Wealth Advisors Hanoi", "Private Banking, Zürich"]);
    let role = rng.pick(&["", "Team Lead", "Account Manager;Team Lead"]);
    let (key, email, phone) =
        (format!("p{n}"), format!("p{n}@people.example"), format!("+8491{n:07}"));
    let mut new = cells([&key, "Jo", "Doe", &email, &phone, unit, role]);
    match rng.below(60) {
        0..5 => new = existing,
        5..9 => {
            new = existing;
            new[1] = format!("Other{n}");
            if rng.one_in(2) {
                new[2].clear();
            }
        }
        9 | 10 => new[0] = format!("P{}", position.earlier(rng)),
        11 => new[0].clear(),
        12 | 13 => new[3] = rng.pick(&["nobody", "a@b", "x@people..example", ""]).to_owned(),
        14 => new[5] = rng.pick(&["Nowhere", "europe", "Europe (old)"]).to_owned(),
        15 => new[6] = rng.pick(&["King", "account manager", "Account Manager;King"]).to_owned(),
        16..19 => new[4] = rng.pick(&["12", "8.4923E+10", "84923448071", "n/a", ""]).to_owned(),
        19..21 => new[4].clone_from(&existing[4]),
        21..23 => new[4] = format!("+8491{:07}", position.earlier(rng)),
        23 => return format!("{key},Jo\"hn,Doe,{email},{phone},,\n"),
        24 => new[1] = "Jo \"Joe\" X".to_owned(),
        25 => return rng.pick(&["p,Jo\n", "p,Jo,Doe,x@people.example,,,,,\n"]).to_owned(),
        26 => new[1] = rng.pick(&["Jo\u{7}", "Jo\nDoe", "Jo\u{200b}", "Јo Doe"]).to_owned(),
        27 => new[0] = format!("p\u{200b}{n}"),
        28 => new[1] = rng.pick(&["Zoë", "Nguyễn", "=1+1", "'=x", "'t Hooft"]).to_owned(),
        29 => new[2] = "x".repeat(254 + rng.below(3)),
        30 => new[0] = format!("KNOWN{}", rng.below(EXISTING)),
        31 => return "\n".to_owned(),
        _ => {}
    }
    line(&new)
}
