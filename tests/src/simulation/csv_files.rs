//! Random CSV files of a few rows for each dialect, some of them malformed.

use serde_json::{Value, json};

use super::sample_values::{
    ACCOUNTS, ADDRESSES, IDS, NAMES, PEOPLE, PHONES, POOL, ROLES, UNITS, USERS,
};
use crate::support::random::SeededRandom;

/// A random dialect and a file of it.
pub(super) fn any_file(rng: &mut SeededRandom) -> (&'static str, String) {
    match rng.below(10) {
        0..4 => ("leapxpert", leapxpert(rng)),
        4 | 5 => ("officechat", officechat(rng)),
        6..9 => ("multiline", multiline(rng)),
        _ => ("ocm", ocm(rng)),
    }
}

/// The body of an `ImportFile` command that invites no one.
pub(super) fn import_body(dialect: &str, text: &str, rng: &mut SeededRandom) -> Value {
    let mut body = json!({"dialect": dialect, "files": [{"name": "people.csv", "text": text}]});
    match dialect {
        "multiline" => {
            body["organization"] = json!(rng.pick(&[UNITS[0], UNITS[0], UNITS[1], UNITS[2]]));
            body["permission_group"] = json!("Traders");
        }
        "ocm" => {}
        _ => body["existing"] = json!(rng.pick(&["skip", "update"])),
    }
    if dialect == "leapxpert" {
        body["add_to_corporate_phones"] = json!(!rng.one_in(4));
        body["send_welcome_email"] = json!(rng.one_in(3));
    }
    body
}

pub(super) fn leapxpert(rng: &mut SeededRandom) -> String {
    if rng.one_in(12) {
        return rng
            .pick(&["", "username\n", "a;b;c\n1;2;3\n", "username,email\n\"ann,x\n"])
            .to_owned();
    }
    let header = "username,first_name,last_name,email,phone_number,org_unit,role";
    csv_text(header, rng, |rng| {
        let key = if rng.one_in(9) { "" } else { rng.pick(&USERS[..8]) };
        vec![
            // Files of other products may contain the same key.
            if rng.one_in(7) { rng.pick(&PEOPLE) } else { key },
            pick_or_blank(rng, &NAMES),
            pick_or_blank(rng, &NAMES),
            pick_or_blank(rng, &ADDRESSES),
            pick_or_blank(rng, &PHONES),
            pick_or_blank(rng, &[UNITS[0], UNITS[0], UNITS[1], UNITS[2], "sales"]),
            pick_or_blank(rng, &["Agent", "Agent", "Agent;Guest", "King"]),
        ]
    })
}

pub(super) fn officechat(rng: &mut SeededRandom) -> String {
    csv_text("name,firstname,email/login,mobile,manager,Enabled", rng, |rng| {
        vec![
            pick_or_blank(rng, &NAMES),
            pick_or_blank(rng, &NAMES),
            if rng.one_in(9) { "" } else { rng.pick(&PEOPLE) },
            pick_or_blank(rng, &PHONES),
            pick_or_blank(rng, &PEOPLE),
            rng.pick(&["", "TRUE", "TRUE", "FALSE", "perhaps"]),
        ]
    })
}

pub(super) fn multiline(rng: &mut SeededRandom) -> String {
    let header = "firstname,email address or device,social_messaging,multiline_number,monitor_calls,monitor_sms";
    csv_text(header, rng, |rng| {
        vec![
            pick_or_blank(rng, &NAMES),
            if rng.one_in(9) { "" } else { rng.pick(&ACCOUNTS) },
            rng.pick(&["Yes", "No", "No", "No", "perhaps"]),
            if rng.one_in(2) { "" } else { rng.pick(&POOL) },
            "auto",
            "off",
        ]
    })
}

pub(super) fn ocm(rng: &mut SeededRandom) -> String {
    let header = "LAN ID,First Name,Last Name,Agent ID,PBX ID,Profile,Supervisor,Org Unit,Role";
    csv_text(header, rng, |rng| {
        vec![
            rng.pick(&IDS),
            rng.pick(&NAMES),
            "Doe",
            pick_or_blank(rng, &IDS),
            rng.pick(&["1", "2", "3", "4", "x"]),
            rng.pick(&["supervisor", "supervisor", "agent"]),
            pick_or_blank(rng, &IDS),
            rng.pick(&[UNITS[0], UNITS[1], UNITS[1], UNITS[3]]),
            rng.pick(&[ROLES[0], ROLES[0], ROLES[2]]),
        ]
    })
}

fn pick_or_blank(rng: &mut SeededRandom, all: &[&'static str]) -> &'static str {
    if rng.one_in(4) { "" } else { rng.pick(all) }
}

fn csv_text(
    header: &str,
    rng: &mut SeededRandom,
    row: impl Fn(&mut SeededRandom) -> Vec<&'static str>,
) -> String {
    let mut text = format!("{header}\n");
    for _ in 0..=rng.below(6) {
        let cells: Vec<_> = row(rng).into_iter().map(quoted).collect();
        text.push_str(&cells.join(","));
        text.push('\n');
    }
    text
}

fn quoted(cell: &str) -> String {
    format!("\"{}\"", cell.replace('"', "\"\""))
}
