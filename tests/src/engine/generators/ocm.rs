//! OCM files: agents and supervisors with unique ids, in file order.

use serde_json::{Value, json};

use super::file_generator::{FileGenerator, RowPosition, cells, create_users, line};
use crate::support::random::SeededRandom;

pub(super) const GENERATOR: FileGenerator = FileGenerator {
    dialect: "ocm",
    company: include_str!("../../../../fixtures/company/acme.json"),
    set_up_commands,
    header: HEADER,
    sizes: &[1_400, 800, 800],
    row,
    settings: |file| match file {
        1 => json!({"reference_resolution": "strict"}),
        2 => json!({"reference_resolution": "file_order", "id_extra_characters": ".-_"}),
        _ => Value::Null,
    },
    options: |_| json!({}),
    row_naming: |key| line(&[key, "", "", "", "", "", "", "", "", "", "", ""]),
    companion_files: &[
        ("featuredetails.csv", "LAN ID,Feature,Enabled\n"),
        ("channelcountdetails.csv", "LAN ID,Channel,Count\nleft,in,1\n"),
    ],
    required_outcomes: &[
        "created",
        "duplicate",
        "invalid",
        "csv.field_count_mismatch",
        "csv.stray_quote",
        "field.invisible_character",
        "field.length",
        "field.not_allowed",
        "field.not_number",
        "field.not_unique",
        "field.required",
        "field.special_characters",
        "reference.org_unit_not_found",
        "reference.org_unit_not_team_level",
        "reference.role_not_found",
        "reference.supervisor_not_found",
        "row.duplicate_in_file",
        "row.user_exists",
    ],
};

const HEADER: &str = "LAN ID,First Name,Last Name,Agent ID,PBX ID,Profile,Supervisor,Org Unit,Role,\
    Access Role,CRM Name,Text Chat Greeting Template Name";
/// The number of users before the first file. Every tenth is a supervisor.
const EXISTING: usize = 200;

const TEAMS: [&str; 3] = ["Wealth Advisors Hanoi", "Private Banking, Zürich", "Facilities"];

/// The row that created an existing user.
fn existing_row(n: usize) -> [String; 12] {
    let (key, pbx) = (format!("known{n}"), format!("{}", 900_000 + n));
    let (profile, unit) =
        if n.is_multiple_of(10) { ("supervisor", "Europe") } else { ("agent", TEAMS[n % 3]) };
    let supervisor =
        if n.is_multiple_of(10) { String::new() } else { format!("known{}", n / 10 * 10) };
    cells([&key, "Known", "Doe", "", &pbx, profile, &supervisor, unit, "Team Lead", "", "", ""])
}

fn set_up_commands() -> Vec<(&'static str, Value)> {
    let rows: String = (0..EXISTING).map(|n| line(&existing_row(n))).collect();
    let people = json!({"name": "userdetails.csv", "text": format!("{HEADER}\n{rows}")});
    let companions =
        GENERATOR.companion_files.iter().map(|(name, text)| json!({"name": name, "text": text}));
    let files: Vec<_> = std::iter::once(people).chain(companions).collect();
    let import = json!({"dialect": "ocm", "files": files});
    create_users(import, |n| format!("known{n}"), 0..15, 15..30)
}

fn row(rng: &mut SeededRandom, position: RowPosition) -> String {
    let n = position.serial();
    let supervisor = match rng.below(10) {
        // Every tenth known user is a supervisor, and an agent is none.
        0..6 => format!("Known{}", rng.below(EXISTING) / 10 * 10),
        6 => format!("Known{}", rng.below(EXISTING)),
        7 => format!("p{}", position.earlier(rng)),
        8 => format!("p{}", position.later(rng)),
        _ => rng.pick(&["nobody", ""]).to_owned(),
    };
    let (key, pbx) = (format!("p{n}"), format!("{n}"));
    let agent = if rng.one_in(3) { format!("A{n}") } else { String::new() };
    let (profile, unit) = match rng.below(4) {
        0 => ("Supervisor", rng.pick(&["Europe", "Control", "Facilities"])),
        _ => ("agent", rng.pick(&TEAMS)),
    };
    let access = if rng.one_in(5) { "Team Lead" } else { "" };
    let mut new = cells([
        &key,
        "Jo",
        "Doe",
        &agent,
        &pbx,
        profile,
        &supervisor,
        unit,
        "Team Lead",
        access,
        "",
        "",
    ]);
    match rng.below(60) {
        0..3 => new = existing_row(rng.below(EXISTING)),
        3 => new[0] = format!("KNOWN{}", rng.below(EXISTING)),
        4 | 5 => new[0] = format!("P{}", position.earlier(rng)),
        6 => new[0] = rng.pick(&["", "jö", "j d", "j\u{200b}d"]).to_owned(),
        7 => new[0] = format!("p.{n}"),
        8 => new[3] = rng.pick(&["a-b", "a b", "ä"]).to_owned(),
        9 | 10 => new[3] = format!("a{}", position.earlier(rng)),
        11 => new[3] = format!("known{}", rng.below(EXISTING)),
        12 | 13 => new[4] = format!("{}", position.earlier(rng)),
        14 => new[4] = format!("{}", 900_000 + rng.below(EXISTING)),
        15 => new[4] = rng.pick(&["", "4.7E+10", "+47", "x", "４７"]).to_owned(),
        16 => new[5] = rng.pick(&["", "king", "AGENT"]).to_owned(),
        17 | 18 => new[7] = rng.pick(&["Nowhere", "facilities", "Europe", ""]).to_owned(),
        19 => new[8] = rng.pick(&["King", "team lead", ""]).to_owned(),
        20 => new[9] = "King".to_owned(),
        21 => new[1] = rng.pick(&["", "Zoë", "=1+1"]).to_owned(),
        22 => return rng.pick(&["p,Jo\n", "p,Jo,Doe,,1,agent,,,,,,,,\n"]).to_owned(),
        23 => return format!("{key},Jo\"e,Doe,,{pbx},agent,known30,Facilities,Team Lead,,,\n"),
        24 => new[0] = "p".repeat(65),
        25 => new[6] = key,
        _ => {}
    }
    line(&new)
}
