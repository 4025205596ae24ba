//! Files of a few rows, of each dialect; now and then one that is no file.

use serde_json::{Value, json};

use super::alphabet::{ACCOUNTS, ADDRESSES, IDS, NAMES, PEOPLE, PHONES, POOL, ROLES, UNITS, USERS};
use super::dice::Dice;

/// A file of any dialect.
pub(super) fn any(dice: &mut Dice) -> (&'static str, String) {
    match dice.below(10) {
        0..4 => ("leapxpert", leapxpert(dice)),
        4 | 5 => ("officechat", officechat(dice)),
        6..9 => ("multiline", multiline(dice)),
        _ => ("ocm", ocm(dice)),
    }
}

/// The command that imports it; it invites nobody.
pub(super) fn body(dialect: &str, text: &str, dice: &mut Dice) -> Value {
    let mut body = json!({"dialect": dialect, "files": [{"name": "people.csv", "text": text}]});
    match dialect {
        "multiline" => {
            body["organization"] = json!(dice.pick(&[UNITS[0], UNITS[0], UNITS[1], UNITS[2]]));
            body["permission_group"] = json!("Traders");
        }
        "ocm" => {}
        _ => body["existing"] = json!(dice.pick(&["skip", "update"])),
    }
    if dialect == "leapxpert" {
        body["add_to_corporate_phones"] = json!(!dice.one_in(4));
        body["send_welcome_email"] = json!(dice.one_in(3));
    }
    body
}

pub(super) fn leapxpert(dice: &mut Dice) -> String {
    if dice.one_in(12) {
        return dice
            .pick(&["", "username\n", "a;b;c\n1;2;3\n", "username,email\n\"ann,x\n"])
            .to_owned();
    }
    let header = "username,first_name,last_name,email,phone_number,org_unit,role";
    text(header, dice, |dice| {
        let key = if dice.one_in(9) { "" } else { dice.pick(&USERS[..8]) };
        vec![
            // A file of another product may name the same person.
            if dice.one_in(7) { dice.pick(&PEOPLE) } else { key },
            blank_or(dice, &NAMES),
            blank_or(dice, &NAMES),
            blank_or(dice, &ADDRESSES),
            blank_or(dice, &PHONES),
            blank_or(dice, &[UNITS[0], UNITS[0], UNITS[1], UNITS[2], "sales"]),
            blank_or(dice, &["Agent", "Agent", "Agent;Guest", "King"]),
        ]
    })
}

pub(super) fn officechat(dice: &mut Dice) -> String {
    text("name,firstname,email/login,mobile,manager,Enabled", dice, |dice| {
        vec![
            blank_or(dice, &NAMES),
            blank_or(dice, &NAMES),
            if dice.one_in(9) { "" } else { dice.pick(&PEOPLE) },
            blank_or(dice, &PHONES),
            blank_or(dice, &PEOPLE),
            dice.pick(&["", "TRUE", "TRUE", "FALSE", "perhaps"]),
        ]
    })
}

pub(super) fn multiline(dice: &mut Dice) -> String {
    let header = "firstname,email address or device,social_messaging,multiline_number,monitor_calls,monitor_sms";
    text(header, dice, |dice| {
        vec![
            blank_or(dice, &NAMES),
            if dice.one_in(9) { "" } else { dice.pick(&ACCOUNTS) },
            dice.pick(&["Yes", "No", "No", "No", "perhaps"]),
            if dice.one_in(2) { "" } else { dice.pick(&POOL) },
            "auto",
            "off",
        ]
    })
}

pub(super) fn ocm(dice: &mut Dice) -> String {
    let header = "LAN ID,First Name,Last Name,Agent ID,PBX ID,Profile,Supervisor,Org Unit,Role";
    text(header, dice, |dice| {
        vec![
            dice.pick(&IDS),
            dice.pick(&NAMES),
            "Doe",
            blank_or(dice, &IDS),
            dice.pick(&["1", "2", "3", "4", "x"]),
            dice.pick(&["supervisor", "supervisor", "agent"]),
            blank_or(dice, &IDS),
            dice.pick(&[UNITS[0], UNITS[1], UNITS[1], UNITS[3]]),
            dice.pick(&[ROLES[0], ROLES[0], ROLES[2]]),
        ]
    })
}

fn blank_or(dice: &mut Dice, all: &[&'static str]) -> &'static str {
    if dice.one_in(4) { "" } else { dice.pick(all) }
}

fn text(header: &str, dice: &mut Dice, row: impl Fn(&mut Dice) -> Vec<&'static str>) -> String {
    let mut text = format!("{header}\n");
    for _ in 0..=dice.below(6) {
        let cells: Vec<_> = row(dice).into_iter().map(quoted).collect();
        text.push_str(&cells.join(","));
        text.push('\n');
    }
    text
}

fn quoted(cell: &str) -> String {
    format!("\"{}\"", cell.replace('"', "\"\""))
}
