//! MultiLine files: accounts that request numbers of a pool that is partly in use.

use serde_json::{Value, json};

use super::file_generator::{FileGenerator, RowPosition, cells, line};
use crate::support::random::SeededRandom;

pub(super) const GENERATOR: FileGenerator = FileGenerator {
    dialect: "multiline",
    company: include_str!("../../../../fixtures/company/multiline.json"),
    set_up_commands,
    header: HEADER,
    sizes: &[1_000, 200, 600, 200, 200, 200, 600, 100, 100],
    row,
    settings: |file| match file {
        3 => json!({"smtp_offload": true}),
        4 => json!({"smtp_offload": false, "allowed_email_domains": ["people.example"]}),
        5 => json!({"allowed_email_domains": [], "number_overbooking": true}),
        6 => json!({"number_overbooking": false, "assume_plus": true}),
        7 => json!({"number_cooling_seconds": 0}),
        _ => Value::Null,
    },
    options: |file| {
        let (organization, group) = match file % 4 {
            0 | 1 => ("EMEA", "Traders"),
            2 => ("APAC", "Advisers"),
            _ => ("Paris", "Advisers"),
        };
        json!({"organization": organization, "permission_group": group})
    },
    row_naming: |key| line(&["", "", key, "No", "", "off", "off", "", "", "", ""]),
    companion_files: &[],
    required_outcomes: &[
        "created",
        "skipped",
        "duplicate",
        "invalid",
        "assigned",
        "csv.field_count_mismatch",
        "csv.stray_quote",
        "email.domain_not_allowed",
        "field.conflict",
        "field.email_required_smtp_offload",
        "field.ignored_not_applicable",
        "field.length",
        "field.not_allowed",
        "field.not_email_or_phone",
        "field.not_number",
        "field.required",
        "number.allocated_to_other_org",
        "number.none_available",
        "number.not_available",
        "number.not_in_pool",
        "phone.invalid",
        "phone.plus_assumed",
        "phone.scientific_notation",
        "row.duplicate_in_file",
        "row.user_exists",
    ],
};

const HEADER: &str = "firstname,lastname,email address or device,social_messaging,multiline_number,\
    monitor_calls,monitor_sms,forwarding_number,restrict_incoming_social_messaging,Language,primary_number";
/// The first number and the count of each organization. `None` is the company's own stock.
const STOCKS: [(Option<&str>, usize, usize); 4] = [
    (Some("EMEA"), 0, 2_000),
    (Some("APAC"), 20_000, 60),
    (Some("Paris"), 30_000, 300),
    (None, 10_000, 200),
];
/// The number of accounts before the first file: this many in EMEA with numbers, and in APAC without.
const EXISTING: usize = 100;

fn number(n: usize) -> String {
    format!("+12126{n:06}")
}

fn existing_key(organization: &str, n: usize) -> String {
    format!("{}{n}@people.example", organization.to_lowercase())
}

fn import(organization: &str, rows: &str) -> Value {
    let text = format!("{HEADER}\n{rows}");
    json!({
        "dialect": "multiline", "files": [{"name": "known.csv", "text": text}],
        "organization": organization, "permission_group": "Traders",
    })
}

fn set_up_commands() -> Vec<(&'static str, Value)> {
    let mut commands = Vec::new();
    for (org_unit, first, count) in STOCKS {
        let all: Vec<_> = (first..first + count).map(number).collect();
        let some = all.chunks(1_000);
        commands.extend(
            some.map(|some| ("AddNumbers", json!({"numbers": some, "org_unit": org_unit}))),
        );
    }
    let account = |organization: &str, n: usize, number: &str| {
        let key = existing_key(organization, n);
        line(&["Jo", "Doe", &key, "No", number, "off", "off", "", "", "", ""])
    };
    let emea: String = (0..EXISTING).map(|n| account("EMEA", n, &number(n))).collect();
    let apac: String = (0..EXISTING).map(|n| account("APAC", n, "")).collect();
    commands.extend([("ImportFile", import("EMEA", &emea)), ("ImportFile", import("APAC", &apac))]);
    // Numbers needed by pending invitations, reserved numbers and cooling numbers.
    let invited: Vec<_> = (0..40).map(|n| existing_key("APAC", n)).collect();
    commands.push(("ResendInvitation", json!({"users": invited, "channel": "whatsapp"})));
    let reserve = |n: usize| ("ReserveNumber", json!({"number": number(n), "tag": "Board"}));
    commands.extend((200..230).chain(10_000..10_010).map(reserve));
    commands.push(("SetCompanyConfig", json!({"number_cooling_seconds": 3_600})));
    commands.extend((0..20).map(|n| ("ReleaseNumber", json!({"number": number(n)}))));
    commands
}

/// The key of a row: an address or a device number.
fn key(serial: usize) -> String {
    if serial.is_multiple_of(6) {
        format!("+4479{serial:08}")
    } else {
        format!("ml{serial}@people.example")
    }
}

/// The number that a row requests: often the next one of EMEA, often none.
fn requested_number(rng: &mut SeededRandom, position: RowPosition) -> String {
    let next = (position.file * 180 + position.row / 3) % 2_000;
    match rng.below(20) {
        0..6 => number(next),
        6 => number(rng.below(2_000)),
        7 => number(10_000 + rng.below(200)),
        8 => number(20_000 + rng.below(60)),
        9 => number(30_000 + rng.below(300)),
        10 if position.row > 9 => {
            rng.pick(&["+12129999999", "12126000400", "2.1E+10", "x"]).to_owned()
        }
        _ => String::new(),
    }
}

fn row(rng: &mut SeededRandom, position: RowPosition) -> String {
    let (n, requested) = (position.serial(), requested_number(rng, position));
    let social = rng.pick(&["Yes", "No", "yes", "NO"]);
    let restrict = rng.pick(&["", "", "true", "FALSE"]);
    let language = rng.pick(&["", "English", "german", "French"]);
    let mut new =
        cells(["Jo", "Doe", &key(n), social, &requested, "auto", "On", "", restrict, language, ""]);
    match rng.below(60) {
        0 | 1 => new[2] = existing_key("EMEA", rng.below(EXISTING)).to_uppercase(),
        2 => new[2] = existing_key("APAC", rng.below(EXISTING)),
        3 | 4 => new[2] = key(position.earlier(rng)).to_uppercase(),
        5 | 6 => new[2] = rng.pick(&["", "nobody@", "12345", "Jo Doe", "8.4E+10"]).to_owned(),
        7 | 8 => new[2] = format!("ml{n}@elsewhere.example"),
        9 => new[3] = rng.pick(&["", "perhaps", "TRUE"]).to_owned(),
        10 => new[5] = rng.pick(&["", "on", "AUTO "]).to_owned(),
        11 => new[6] = rng.pick(&["", "auto", "OFF"]).to_owned(),
        12 | 13 => {
            new[7] =
                rng.pick(&["123", "4471234", "1234567890123456789", "x7", "4.4E+9"]).to_owned();
        }
        14 => new[8] = "perhaps".to_owned(),
        15 => new[9] = rng.pick(&["Dutch", "Deutsch", "SPANISH"]).to_owned(),
        16 | 17 => new[10] = rng.pick(&["+12126000300", new[4].as_str()]).to_owned(),
        18 => new[10] = std::mem::take(&mut new[4]),
        19 => {
            return rng
                .pick(&["Jo,Doe\n", "Jo,Doe,x@people.example,No,,off,off,,,,,,\n"])
                .to_owned();
        }
        20 => return format!("Jo\"e,Doe,{},No,,off,off,,,,\n", key(n)),
        21 if position.row.is_multiple_of(7) => {
            return "Note: fill in one row for each account,,,,,,,,,,\n".to_owned();
        }
        _ => {}
    }
    line(&new)
}
