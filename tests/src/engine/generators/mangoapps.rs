//! MangoApps files: users with an address, a login or an employee ID as key, some deleted.

use serde_json::{Value, json};

use super::file_generator::{FileGenerator, RowPosition, cells, create_users, line};
use crate::support::random::SeededRandom;

pub(super) const GENERATOR: FileGenerator = FileGenerator {
    dialect: "mangoapps",
    company: include_str!("../../../../fixtures/company/acme.json"),
    set_up_commands,
    header: HEADER,
    sizes: &[1_600, 800, 700],
    row,
    settings: |file| {
        if file == 1 { json!({"allowed_email_domains": ["people.example"]}) } else { Value::Null }
    },
    options: |file| match file {
        0 => json!({"existing": "update"}),
        1 => json!({"existing": "skip"}),
        _ => json!({"existing": "update", "blank_means": "clear", "send_welcome_email": false}),
    },
    row_naming: |key| line(&[key, "", "", "", "", "", "", ""]),
    companion_files: &[],
    required_outcomes: &[
        "created",
        "updated",
        "unchanged",
        "activated",
        "deactivated",
        "skipped",
        "duplicate",
        "invalid",
        "csv.field_count_mismatch",
        "csv.quote_in_value",
        "csv.stray_quote",
        "email.domain_not_allowed",
        "field.invalid_email",
        "field.not_allowed",
        "field.not_unique",
        "field.required",
        "phone.invalid",
        "phone.scientific_notation",
        "row.disabled_new_user",
        "row.duplicate_in_file",
        "row.manager_not_found",
        "row.user_exists",
        "user.archived",
    ],
};

const HEADER: &str = "email/login,employee id,firstname,lastname,title,mobile,manager,Enabled";
/// The number of users before the first file.
const EXISTING: usize = 200;

/// The row that created an existing user.
fn existing_row(n: usize) -> [String; 8] {
    let (key, id) = (format!("known{n}@people.example"), format!("K{n}"));
    let manager = format!("known{}@people.example", n / 9);
    cells([&key, &id, "First", "Last", "Clerk", "+84901234567", &manager, "TRUE"])
}

fn set_up_commands() -> Vec<(&'static str, Value)> {
    let rows: String = (0..EXISTING).map(|n| line(&existing_row(n))).collect();
    let text = format!("{HEADER}\n{rows}");
    let import = json!({"dialect": "mangoapps", "files": [{"name": "known.csv", "text": text}]});
    create_users(import, |n| format!("known{n}@people.example"), 0..20, 20..80)
}

/// The address or login of a row. Empty if only the employee ID identifies the user.
fn key(serial: usize) -> String {
    match serial % 9 {
        0 => format!("login{serial}"),
        1 => String::new(),
        _ => format!("p{serial}@people.example"),
    }
}

/// The employee ID of a row.
fn employee_id(serial: usize) -> String {
    format!("E{serial}")
}

fn row(rng: &mut SeededRandom, position: RowPosition) -> String {
    let (n, existing) = (position.serial(), existing_row(rng.below(EXISTING)));
    let manager = match rng.below(8) {
        0 | 1 => key(position.earlier(rng)),
        2 => key(position.later(rng)).to_uppercase(),
        3 => employee_id(position.earlier(rng)),
        4 => existing[0].clone(),
        5 => rng.pick(&["nobody@people.example", "a chief", "KNOWN7@people.example"]).to_owned(),
        _ => String::new(),
    };
    let enabled = rng.pick(&["TRUE", "TRUE", "true", "", "FALSE", "DELETED"]);
    let mut new =
        cells([&key(n), &employee_id(n), "Jo", "Doe", "Clerk", "+84911111111", &manager, enabled]);
    match rng.below(60) {
        0..4 => new = existing,
        4..8 => {
            new = existing;
            enabled.clone_into(&mut new[7]);
        }
        8..14 => {
            new = existing;
            new[4] = format!("Chief {n}");
            // If the address is cleared, only the employee ID identifies the user.
            new[rng.below(3)].clear();
        }
        14 => new[0] = key(position.earlier(rng)).to_uppercase(),
        15 => {
            new[0].clear();
            new[1] = employee_id(position.earlier(rng)).to_lowercase();
        }
        16 => {
            new[0] = rng.pick(&["nobody@", "p@people..example", "p@elsewhere.example"]).to_owned();
        }
        17 => new[0] = format!("p{n}@elsewhere.example"),
        18 => new[5] = rng.pick(&["12", "8.4923E+10", "(+91)1234123411", "84911", ""]).to_owned(),
        19 => return format!("{},Jo\"e,Jo,Doe,Clerk,,,TRUE\n", key(n)),
        20 => new[2] = "Jo \"Joe\" Doe".to_owned(),
        21 => return rng.pick(&["Jo,Jo\n", "x@people.example,,Jo,Jo,,,,,,\n"]).to_owned(),
        22 => new[7] = rng.pick(&["perhaps", "1", "GONE"]).to_owned(),
        23 => new[1] = existing[1].to_lowercase(),
        24 => new[2] = rng.pick(&["Zoë", "Nguyễn", "=1+1", "Јо Doe", "Jo\u{200b}"]).to_owned(),
        25 => new[..2].fill(String::new()),
        26 => new[0] = employee_id(position.earlier(rng)),
        _ => {}
    }
    line(&new)
}
