//! The law of order: a shuffled file, cut into any commits, comes to the same people, phones, numbers and outcomes.

use std::sync::Arc;

use boarding_commands::decide::ImportRows;
use boarding_commands::decide::imports::AllotmentBuilder;
use boarding_commands::values::ImportId;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::company::{Reply, Request, SimulatedCompany};
use super::environment::Environment;
use super::sample_values::{POOL, ROLES, UNITS};
use super::steps::{self, request};
use crate::support::random::SeededRandom;

/// The people in the files. The first of them exist before.
const PEOPLE: usize = 9;
const EXISTING: usize = 6;
/// Left before the file, and has released what was theirs.
const ARCHIVED: usize = 5;

/// A person's row. The numbers stand for values: an id, a second id, a phone, a number, another person.
#[derive(Debug, Clone, Copy)]
struct Line {
    nth: usize,
    id: Option<usize>,
    other_id: Option<usize>,
    phone: Option<usize>,
    number: Option<usize>,
    chief: Option<usize>,
    is_broken: bool,
    /// Whether the row says that the person has left, in the dialects that know this.
    leaves: bool,
}

/// A dialect with the columns that hold unique values or name other people.
#[derive(Debug)]
struct Product {
    dialect: &'static str,
    header: &'static str,
    line: fn(&Line) -> String,
    options: fn() -> Value,
}

const PRODUCTS: [Product; 5] = [
    Product {
        dialect: "leapxpert",
        header: "username,first_name,email,phone_number",
        line: |line| {
            let (user, first, phone) = (user(line.nth), first_name(line), phone(line.phone));
            format!("{user},{first},{user}@acme.example,{phone}")
        },
        options: || json!({"existing": "update", "add_to_corporate_phones": true}),
    },
    Product {
        dialect: "officechat",
        header: "name,firstname,email/login,mobile,manager,Enabled",
        line: |line| {
            let (user, first, phone) = (user(line.nth), first_name(line), phone(line.phone));
            let (address, chief) = (address(line.nth), chief(line));
            let enabled = if line.leaves { "FALSE" } else { "TRUE" };
            format!("{user},{first},{address},{phone},{chief},{enabled}")
        },
        options: || json!({"existing": "update", "add_to_corporate_phones": true}),
    },
    Product {
        dialect: "mangoapps",
        header: "email/login,employee id,firstname,mobile,manager,Enabled",
        line: |line| {
            let (first, phone, id) = (first_name(line), phone(line.phone), text("E", line.id));
            let enabled = if line.leaves { "DELETED" } else { "TRUE" };
            format!("{},{id},{first},{phone},{},{enabled}", address(line.nth), chief(line))
        },
        options: || json!({"existing": "update", "add_to_corporate_phones": true}),
    },
    Product {
        dialect: "multiline",
        header: "firstname,email address or device,social_messaging,multiline_number,monitor_calls,monitor_sms",
        line: |line| {
            let number = line.number.map(|n| POOL[n]).unwrap_or_default();
            format!("{},{},No,{number},auto,off", first_name(line), address(line.nth))
        },
        options: || json!({"organization": UNITS[0], "permission_group": "Traders"}),
    },
    Product {
        dialect: "ocm",
        header: "LAN ID,First Name,Last Name,Agent ID,PBX ID,Profile,Supervisor,Org Unit,Role",
        line: |line| {
            let (agent, pbx) = (text("A", line.other_id), text("7", line.id));
            let chief = line.chief.map(user).unwrap_or_default();
            let (user, first) = (user(line.nth), first_name(line));
            format!("{user},{first},Doe,{agent},{pbx},supervisor,{chief},{},{}", UNITS[0], ROLES[0])
        },
        options: || json!({}),
    },
];

fn user(nth: usize) -> String {
    format!("user{nth}")
}

fn address(nth: usize) -> String {
    format!("user{nth}@acme.example")
}

fn first_name(line: &Line) -> &'static str {
    if line.is_broken { "Jo\u{7}" } else { "Jo" }
}

fn text(prefix: &str, n: Option<usize>) -> String {
    n.map(|n| format!("{prefix}{n}")).unwrap_or_default()
}

fn phone(n: Option<usize>) -> String {
    n.map(|n| format!("+4930123450{n}")).unwrap_or_default()
}

fn chief(line: &Line) -> String {
    line.chief.map(address).unwrap_or_default()
}

/// One row for some of the people, in any order. Of two rows with one phone or one number the first gets it: there the
/// order matters, so each is in one row only.
fn lines() -> impl Strategy<Value = Vec<Line>> {
    let n = || proptest::option::weighted(0.8, 0..PEOPLE);
    let chance = |part| proptest::bool::weighted(part);
    let row = (n(), n(), n(), proptest::option::weighted(0.4, 0..POOL.len()), n());
    let rows = proptest::collection::vec((chance(0.8), row, chance(0.1), chance(0.1)), PEOPLE);
    let lines = rows.prop_map(|rows| {
        let (mut phones, mut numbers) = ([false; PEOPLE], [false; POOL.len()]);
        let mut lines = Vec::new();
        for (nth, (is_there, cells, is_broken, leaves)) in rows.into_iter().enumerate() {
            let (id, other_id, phone, number, chief) = cells;
            let phone = phone.filter(|n| !std::mem::replace(&mut phones[*n], true));
            let number = number.filter(|n| !std::mem::replace(&mut numbers[*n], true));
            let line = Line { nth, id, other_id, phone, number, chief, is_broken, leaves };
            lines.extend(is_there.then_some(line));
        }
        lines
    });
    lines.prop_shuffle()
}

/// A company with the people of each dialect. One of them has left.
struct World {
    env: Environment,
    company: SimulatedCompany,
    rng: SeededRandom,
}

impl World {
    fn new(product: &Product) -> Self {
        let (env, company) = (Environment::new(), SimulatedCompany::new("acme", false));
        let mut world = Self { env, company, rng: SeededRandom::new(5) };
        steps::set_up(&mut world.company, &mut world.env).unwrap();
        world.ask("GrantPermissions", json!({"actor": "jane", "permissions": ["administer", "bulk_import_users", "accounts"]}));
        world.ask("SetCompanyConfig", json!({"reference_resolution": "two_pass"}));
        let all = |nth| Some(nth);
        let line = |nth| Line {
            nth,
            id: all(nth),
            other_id: all(nth),
            phone: all(nth),
            number: None,
            chief: None,
            is_broken: false,
            leaves: false,
        };
        let lines: Vec<Line> = (0..EXISTING).map(line).collect();
        world.import(product, &lines, PEOPLE);
        let archived = if matches!(product.dialect, "leapxpert" | "ocm") {
            user(ARCHIVED)
        } else {
            address(ARCHIVED)
        };
        world.ask("ArchiveUser", json!({"user": archived}));
        world
    }

    #[track_caller]
    fn ask(&mut self, name: &'static str, body: Value) -> Value {
        let request = Request { actor: "jane", ..request(&mut self.rng, name, body) };
        self.submit(&request)
    }

    #[track_caller]
    fn submit(&mut self, request: &Request) -> Value {
        match self.company.submit(&mut self.env, request).unwrap() {
            Reply::Accepted { result, .. } => result,
            refused @ Reply::Refused(_) => panic!("{}: {refused:?}", request.name),
        }
    }

    /// Imports the rows in commits of so many. The values are collected anew for each, as after a restart.
    fn import(&mut self, product: &Product, lines: &[Line], per_commit: usize) -> ImportId {
        let lines: String = lines.iter().map(|line| (product.line)(line) + "\n").collect();
        let text = format!("{}\n{lines}", product.header);
        let rows = self.company.rows(product.dialect, &text);
        let files = json!([{"name": "people.csv", "text": text}]);
        let mut body = json!({"dialect": product.dialect, "files": files});
        body.as_object_mut().unwrap().extend((product.options)().as_object().unwrap().clone());
        let request = request(&mut self.rng, "ImportFile", body);
        let splits_import = per_commit < rows.len();
        let result = self.submit(&Request { actor: "jane", splits_import, ..request });
        let import: ImportId = result["import"].as_str().unwrap().parse().unwrap();
        for chunk in rows.chunks(per_commit).filter(|_| splits_import) {
            let mut builder = AllotmentBuilder::default();
            builder.add(&self.company.state, import, &rows);
            let allotment = Some(Arc::new(builder.allot()));
            let command = ImportRows { import, rows: chunk.to_vec().into(), allotment };
            let reply = self.company.submit_internal(&mut self.env, &mut self.rng, command);
            assert_eq!(reply.unwrap().code(), None);
        }
        import
    }

    /// A line for each person, phone and number of the company, and for the outcome of each person's row.
    fn result(&self, import: ImportId) -> Vec<String> {
        let rows = |name, params| self.env.query_rows(&self.company.id, name, params);
        let mut lines = Vec::new();
        for name in ["users", "phone_list", "numbers"] {
            for mut row in rows(name, json!({})) {
                row.as_object_mut().unwrap().remove("updated_at");
                lines.push(format!("{name} {row}"));
            }
        }
        let codes = |problems: &Value| -> Vec<String> {
            let problems = problems.as_array().into_iter().flatten();
            problems.map(|one| format!("{} {}", one["column"], one["code"])).collect()
        };
        for row in rows("import_rows", json!({"import": import})) {
            let Value::Object(row) = row else { panic!("{row}") };
            let (problems, warnings) = (codes(&row["problems"]), codes(&row["warnings"]));
            let [key, outcome, phone, number] =
                ["key", "outcome", "phone", "number"].map(|name| &row[name]);
            lines.push(format!(
                "row of {key}: {outcome}, {phone}, {number}, {problems:?}, {warnings:?}"
            ));
        }
        lines.sort();
        lines
    }
}

/// What the import of these rows comes to.
fn imported(product: &Product, lines: &[Line], per_commit: usize) -> Vec<String> {
    let mut world = World::new(product);
    let import = world.import(product, lines, per_commit);
    world.result(import)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 8, failure_persistence: None, ..ProptestConfig::default() })]

    /// A32: in every dialect, the result depends neither on the order of the rows nor on the bounds of the commits.
    #[test]
    fn shuffled_file_comes_to_the_same_in_any_commits(lines in lines(), per_commit in 1..PEOPLE) {
        let mut sorted = lines.clone();
        sorted.sort_unstable_by_key(|line| line.nth);
        for product in &PRODUCTS {
            let (whole, parts) = (imported(product, &sorted, PEOPLE), imported(product, &lines, per_commit));
            let differing: Vec<_> = whole.iter().zip(&parts).filter(|(one, other)| one != other).collect();
            prop_assert!(whole == parts, "{}: {:#?}", product.dialect, differing);
        }
    }
}
