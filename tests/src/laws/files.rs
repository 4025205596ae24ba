//! Files of a few rows, of each dialect; now and then one that is no file.

use serde_json::{Value, json};

use super::alphabet::{ACCOUNTS, ADDRESSES, IDS, NAMES, PEOPLE, PHONES, POOL, ROLES, UNITS, USERS};
use crate::support::random::SeededRandom;

/// A file of any dialect.
pub(super) fn any(rng: &mut SeededRandom) -> (&'static str, String) {
    match rng.below(10) {
        0..4 => ("leapxpert", leapxpert(rng)),
        4 | 5 => ("officechat", officechat(rng)),
        6..9 => ("multiline", multiline(rng)),
        _ => ("ocm", ocm(rng)),
    }
}

/// The command that imports it; it invites nobody.
pub(super) fn body(dialect: &str, text: &str, rng: &mut SeededRandom) -> Value {
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
    text(header, rng, |rng| {
        let key = if rng.one_in(9) { "" } else { rng.pick(&USERS[..8]) };
        vec![
            // A file of another product may name the same person.
            if rng.one_in(7) { rng.pick(&PEOPLE) } else { key },
            blank_or(rng, &NAMES),
            blank_or(rng, &NAMES),
            blank_or(rng, &ADDRESSES),
            blank_or(rng, &PHONES),
            blank_or(rng, &[UNITS[0], UNITS[0], UNITS[1], UNITS[2], "sales"]),
            blank_or(rng, &["Agent", "Agent", "Agent;Guest", "King"]),
        ]
    })
}

pub(super) fn officechat(rng: &mut SeededRandom) -> String {
    text("name,firstname,email/login,mobile,manager,Enabled", rng, |rng| {
        vec![
            blank_or(rng, &NAMES),
            blank_or(rng, &NAMES),
            if rng.one_in(9) { "" } else { rng.pick(&PEOPLE) },
            blank_or(rng, &PHONES),
            blank_or(rng, &PEOPLE),
            rng.pick(&["", "TRUE", "TRUE", "FALSE", "perhaps"]),
        ]
    })
}

pub(super) fn multiline(rng: &mut SeededRandom) -> String {
    let header = "firstname,email address or device,social_messaging,multiline_number,monitor_calls,monitor_sms";
    text(header, rng, |rng| {
        vec![
            blank_or(rng, &NAMES),
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
    text(header, rng, |rng| {
        vec![
            rng.pick(&IDS),
            rng.pick(&NAMES),
            "Doe",
            blank_or(rng, &IDS),
            rng.pick(&["1", "2", "3", "4", "x"]),
            rng.pick(&["supervisor", "supervisor", "agent"]),
            blank_or(rng, &IDS),
            rng.pick(&[UNITS[0], UNITS[1], UNITS[1], UNITS[3]]),
            rng.pick(&[ROLES[0], ROLES[0], ROLES[2]]),
        ]
    })
}

fn blank_or(rng: &mut SeededRandom, all: &[&'static str]) -> &'static str {
    if rng.one_in(4) { "" } else { rng.pick(all) }
}

fn text(
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
