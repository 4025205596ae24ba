//! Office Chat files: activated and deactivated users, with managers inside and outside the file.

use serde_json::{Value, json};

use super::file_generator::{FileGenerator, RowPosition, cells, create_users, line};
use crate::support::random::SeededRandom;

pub(super) const GENERATOR: FileGenerator = FileGenerator {
    dialect: "officechat",
    company: include_str!("../../../../fixtures/company/acme.json"),
    set_up_commands,
    header: HEADER,
    sizes: &[1_400, 800, 800],
    row,
    settings: |file| {
        if file == 1 { json!({"allowed_email_domains": ["people.example"]}) } else { Value::Null }
    },
    options: |file| match file {
        0 => json!({"existing": "update"}),
        1 => json!({"existing": "skip"}),
        _ => json!({"existing": "update", "blank_means": "clear", "send_welcome_email": false}),
    },
    row_naming: |key| line(&["", "", "", key, "", "", "", ""]),
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

const HEADER: &str = "name,firstname,lastname,email/login,title,mobile,manager,Enabled";
/// The number of users before the first file.
const EXISTING: usize = 200;

/// The row that created an existing user.
fn existing_row(n: usize) -> [String; 8] {
    let (key, manager) =
        (format!("known{n}@people.example"), format!("known{}@people.example", n / 9));
    cells(["Known", "First", "Last", &key, "Clerk", "+84901234567", &manager, "TRUE"])
}

fn set_up_commands() -> Vec<(&'static str, Value)> {
    let rows: String = (0..EXISTING).map(|n| line(&existing_row(n))).collect();
    let text = format!("{HEADER}\n{rows}");
    let import = json!({"dialect": "officechat", "files": [{"name": "known.csv", "text": text}]});
    create_users(import, |n| format!("known{n}@people.example"), 0..20, 20..80)
}

/// The key of a row: an address or a login.
fn key(serial: usize) -> String {
    if serial.is_multiple_of(9) {
        format!("login{serial}")
    } else {
        format!("p{serial}@people.example")
    }
}

fn row(rng: &mut SeededRandom, position: RowPosition) -> String {
    let (n, existing) = (position.serial(), existing_row(rng.below(EXISTING)));
    let manager = match rng.below(8) {
        0 | 1 => key(position.earlier(rng)),
        2 | 3 => key(position.later(rng)).to_uppercase(),
        4 => existing[3].clone(),
        5 => rng.pick(&["nobody@people.example", "a chief", "KNOWN7@people.example"]).to_owned(),
        6 => key(n),
        _ => String::new(),
    };
    let enabled = rng.pick(&["TRUE", "TRUE", "true", "", "FALSE"]);
    let mut new =
        cells(["Jo Doe", "Jo", "Doe", &key(n), "Clerk", "+84911111111", &manager, enabled]);
    match rng.below(60) {
        0..4 => new = existing,
        4..8 => {
            new = existing;
            enabled.clone_into(&mut new[7]);
        }
        8..14 => {
            new = existing;
            new[4] = format!("Chief {n}");
            enabled.clone_into(&mut new[7]);
            new[rng.below(3)].clear();
        }
        14 | 15 => new[3] = key(position.earlier(rng)).to_uppercase(),
        16 => {
            new[3] =
                rng.pick(&["", "nobody@", "p@people..example", "p@elsewhere.example"]).to_owned();
        }
        17 => new[3] = format!("p{n}@elsewhere.example"),
        18 => new[5] = rng.pick(&["12", "8.4923E+10", "(+91)1234123411", "84911", ""]).to_owned(),
        19 => return format!("Jo\"e,Jo,Doe,{},Clerk,,,TRUE\n", key(n)),
        20 => new[0] = "Jo \"Joe\" Doe".to_owned(),
        21 => return rng.pick(&["Jo,Jo\n", "Jo,Jo,Doe,x@people.example,,,,,,\n"]).to_owned(),
        22 => new[7] = rng.pick(&["perhaps", "1", "DELETED"]).to_owned(),
        23 => return format!("“Jo”,“Jo”,“Doe”,“{}”,“Clerk”,“+84911111112″,“”, “TRUE”\n", key(n)),
        24 => new[1] = rng.pick(&["Zoë", "Nguyễn", "=1+1", "Јо Doe", "Jo\u{200b}"]).to_owned(),
        _ => {}
    }
    line(&new)
}
