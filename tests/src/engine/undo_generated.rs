//! P23 for generated files of each dialect: the undo restores what may be seen and what is decided from.

use std::collections::{BTreeMap, BTreeSet};

use boarding_commands::company::{Company, Standing};
use boarding_commands::values::Digest;
use serde_json::{Value, json};

use super::generators::{self, FileGenerator};
use super::{EngineHarness, company_id, ok};
use crate::support::random::SeededRandom;

/// What may be seen of a company. Left out is what an undo keeps on purpose: `history`, the imports with their
/// rows, reports and counts, pictures and mails, and when each number was touched last (`updated_at`). The
/// ids of people taken out again stay taken in the stored rows, where no query shows them.
const VIEWS: [&str; 13] = [
    "users",
    "phone_list",
    "invitations",
    "runs",
    "queue",
    "numbers",
    "number_utilisation",
    "number_suggestions",
    "org_units",
    "roles",
    "templates",
    "config",
    "company",
];

/// Each view's rows and their digest.
type State = BTreeMap<&'static str, (Digest, Vec<Value>)>;

async fn state(harness: &EngineHarness) -> State {
    let mut seen = State::new();
    for name in VIEWS {
        let mut rows = match name {
            "company" => decided_from(harness).await,
            "config" => vec![harness.row(name, json!({})).await],
            "number_suggestions" => {
                harness.all_rows(name, json!({"org_unit": "EMEA", "limit": 500})).await
            }
            _ => harness.all_rows(name, json!({"limit": 500})).await,
        };
        if name == "numbers" {
            let rows = rows.iter_mut().filter_map(Value::as_object_mut);
            rows.for_each(|row| drop(row.remove("updated_at")));
        }
        let digest = Digest::of(serde_json::to_string(&rows).unwrap().as_bytes());
        seen.insert(name, (digest, rows));
    }
    seen
}

/// What commands are decided from: each person as they stand, whose each phone is, each number, each stock.
async fn decided_from(harness: &EngineHarness) -> Vec<Value> {
    let hot = harness.engine().actor(&company_id("acme")).await;
    hot.inspect(|company| {
        let person = |key| {
            let standing = Standing::of(company, &key);
            let Standing { state, person, org_unit, roles, listed, contact, number, pictures } =
                standing;
            let state = format!("{state:?}");
            json!([key, state, person, org_unit, roles, listed, contact, number, pictures])
        };
        let people = company.users.iter().filter(|(_, user)| user.is_created());
        let mut rows: Vec<_> = people.map(|(_, user)| person(user.key())).collect();
        rows.sort_by_cached_key(|row| row[0].to_string());
        let key = |id| company.users.get(id).map(|user| user.key());
        rows.extend(company.phones.iter().map(|(phone, id)| json!([phone, key(*id)])));
        rows.extend(company.numbers.iter().map(|(number, known)| json!([number, known])));
        let stock = |name: Option<&str>| company.numbers.stock(&name.map(Into::into));
        rows.push(json!(stock(None)));
        rows.extend(company.org_units.keys().map(|name| json!([name, stock(Some(name.as_str()))])));
        rows.push(json!(open(company)));
        rows
    })
    .await
    .unwrap()
}

/// What is under way.
fn open(company: &Company) -> Value {
    let Company { open_imports, undoing, listing, scheduled, notifications, .. } = company;
    json!([open_imports, undoing, listing, scheduled, notifications.keys().collect::<Vec<_>>()])
}

/// Compares by digest; names the first row that differs.
#[track_caller]
fn same(what: &str, now: &State, before: &State) {
    for (name, (digest, rows)) in now {
        let (expected, old) = &before[name];
        let differs = rows.iter().zip(old).find(|(now, before)| now != before);
        assert!(
            digest == expected,
            "{what}: {name} has {} rows instead of {}, first {differs:?}",
            rows.len(),
            old.len()
        );
    }
}

/// A company ready for the file of this number, numbers that come back resting nowhere; its file.
async fn ready(generator: &FileGenerator, file: usize, rows: usize) -> (EngineHarness, Value) {
    let harness = generator.harness().await;
    ok(&harness.submit("SetCompanyConfig", json!({"number_cooling_seconds": 0})).await);
    let body = generator.body(&harness, file, rows).await;
    harness.settle().await;
    (harness, body)
}

async fn import(harness: &EngineHarness, body: &Value) -> (Value, Vec<Value>) {
    let import = ok(&harness.submit("ImportFile", body.clone()).await)["import"].clone();
    harness.settle().await;
    let rows = harness.all_rows("import_rows", json!({"import": import, "limit": 500})).await;
    (import, rows)
}

async fn undo(harness: &EngineHarness, import: &Value) -> Value {
    let shown =
        ok(&harness.submit("UndoImport", json!({"import": import, "mode": "preview"})).await);
    ok(&harness.submit("UndoImport", json!({"import": import})).await);
    harness.settle().await;
    let row = harness.row("import", json!({"import": import})).await;
    assert_eq!(row["state"], "undone");
    for name in ["reversed", "kept", "errored"] {
        assert_eq!(shown[name], row["undo"][name], "P23 the preview told otherwise: {name}");
    }
    row["undo"].clone()
}

/// Whether the row changed something.
fn did_something(row: &Value) -> bool {
    let changed = ["created", "updated", "activated", "deactivated"];
    row["outcome"].as_str().is_some_and(|outcome| changed.contains(&outcome))
        || row["phone"] == "added"
}

/// The file comes and goes, and comes again as it did the first time.
async fn comes_and_goes(generator: &FileGenerator, file: usize, rows: usize) {
    let what = format!("{}, file {file}", generator.dialect);
    let (harness, body) = ready(generator, file, rows).await;
    let before = state(&harness).await;
    let (first, came) = import(&harness, &body).await;
    let did = came.iter().filter(|row| did_something(row)).count();
    assert!(did * 3 > rows, "{what}: only {did} rows did anything");
    assert_ne!(state(&harness).await["company"].0, before["company"].0, "{what}");

    let counts = undo(&harness, &first).await;
    assert_eq!(counts, json!({"reversed": did, "kept": 0, "errored": 0}), "{what}");
    same(&what, &state(&harness).await, &before);
    let told = harness.all_rows("import_rows", json!({"import": first, "limit": 500})).await;
    for (row, told) in came.iter().zip(&told) {
        let expected = if did_something(row) { json!("reversed") } else { Value::Null };
        assert_eq!(told["undo"], expected, "{what}: {told}");
    }

    let (_, again) = import(&harness, &body).await;
    assert!(came == again, "{what}: the file comes in otherwise the second time");
}

/// Does something to the person of a row; whether it could.
async fn touch(
    harness: &EngineHarness,
    generator: &FileGenerator,
    key: &Value,
    n: usize,
    rng: &mut SeededRandom,
) -> bool {
    let role = json!({"users": [key], "roles": ["Compliance Reviewer"]});
    let (name, body) = match rng.below(6) {
        0 if generator.dialect != "multiline" => ("AssignRoles", role),
        1 => ("ArchiveUser", json!({"user": key})),
        2 => ("DeactivateUser", json!({"user": key})),
        3 => ("AddCorporatePhone", json!({"user": key, "phone": format!("+8499{n:07}")})),
        4 => ("AssignNumber", json!({"user": key, "number": format!("+12126{:06}", 500 + n)})),
        _ => ("LinkCompleted", json!({"user": key, "channel": "whatsapp"})),
    };
    let hot = harness.engine().actor(&company_id("acme")).await;
    let version = hot.inspect(|company| company.version).await;
    harness.submit(name, body).await;
    // A command that found nothing to do did nothing to the person.
    version != hot.inspect(|company| company.version).await
}

/// The rows of a view that are about these people, or about all others.
fn about(state: &State, name: &str, touched: &BTreeSet<String>, wanted: bool) -> Vec<Value> {
    let is_about = |row: &&Value| {
        let key = row["user"].as_str().or_else(|| row[0].as_str()).unwrap_or_default();
        touched.contains(&key.to_lowercase()) == wanted
    };
    state[name].1.iter().filter(is_about).cloned().collect()
}

/// Whoever was touched since stays as they are, with the reason; everybody else stands as before the file.
async fn touched_are_kept(generator: &FileGenerator, file: usize, rows: usize) {
    let what = generator.dialect;
    let (harness, body) = ready(generator, file, rows).await;
    let before = state(&harness).await;
    let (first, came) = import(&harness, &body).await;
    let mut rng = SeededRandom::new(7);
    let (mut touched, mut numbers) = (BTreeSet::new(), BTreeSet::new());
    for (n, row) in came.iter().enumerate().filter(|(_, row)| did_something(row)) {
        if rng.one_in(8) && touch(&harness, generator, &row["key"], n, &mut rng).await {
            touched.insert(row["key"].as_str().unwrap().trim().to_lowercase());
            numbers.insert(row["row"].as_u64().unwrap());
        }
    }
    // Others are named by a file that finds nothing to change.
    let named: Vec<usize> = (0..came.len())
        .filter(|at| did_something(&came[*at]) && !numbers.contains(&(*at as u64 + 1)))
        .filter(|_| rng.one_in(9))
        .collect();
    named_again(generator, &harness, &came, &named).await;
    touched.extend(named.iter().map(|at| came[*at]["key"].as_str().unwrap().trim().to_lowercase()));
    assert!(touched.len() > 30 && named.len() > 10, "{what}: {} {}", touched.len(), named.len());

    let between = state(&harness).await;
    let counts = undo(&harness, &first).await;
    let did = came.iter().filter(|row| did_something(row)).count();
    let kept = touched.len();
    assert_eq!(counts, json!({"reversed": did - kept, "kept": kept, "errored": 0}), "{what}");
    let after = state(&harness).await;
    for name in ["users", "phone_list", "numbers", "company"] {
        let (now, then) =
            (about(&after, name, &touched, true), about(&between, name, &touched, true));
        assert!(now == then, "{what}: {name} of somebody who was touched");
    }
    for name in ["users", "phone_list"] {
        let (now, then) =
            (about(&after, name, &touched, false), about(&before, name, &touched, false));
        assert!(now == then, "{what}: {name} of somebody who was not touched");
    }
    let told = harness.all_rows("import_rows", json!({"import": first, "limit": 500})).await;
    for (at, row) in told.iter().enumerate().filter(|(at, _)| did_something(&came[*at])) {
        let undone = row["undo"].as_str().unwrap();
        let key = row["key"].as_str().unwrap().trim().to_lowercase();
        let reason = match (touched.contains(&key), named.contains(&at)) {
            (_, true) => undone == "kept:row.named_since",
            (true, _) => ["kept:row.changed_since", "kept:row.invited_since"].contains(&undone),
            _ => undone == "reversed",
        };
        assert!(reason, "{what}: row {} is {undone}", row["row"]);
    }
}

/// Imports the keys of these rows again: who is there already is left as is.
async fn named_again(
    generator: &FileGenerator,
    harness: &EngineHarness,
    came: &[Value],
    named: &[usize],
) {
    let keys: Vec<_> = named.iter().map(|at| came[*at]["key"].as_str().unwrap()).collect();
    let body = generator.naming(&keys);
    let import = ok(&harness.submit("ImportFile", body).await)["import"].clone();
    harness.settle().await;
    let row = harness.row("import", json!({"import": import})).await;
    assert_eq!((&row["created"], &row["updated"]), (&json!(0), &json!(0)), "{row}");
}

fn generator(dialect: &str) -> &'static FileGenerator {
    generators::ALL.iter().find(|generator| generator.dialect == dialect).unwrap()
}

/// P23, P15: with phones and updates, and where blank cells clear what was there.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p23_the_undo_of_a_leapxpert_file_restores_the_company() {
    comes_and_goes(generator("leapxpert"), 0, 1_200).await;
    comes_and_goes(generator("leapxpert"), 2, 1_200).await;
    touched_are_kept(generator("leapxpert"), 0, 700).await;
}

/// P23, P15: people switched on and off are switched back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p23_the_undo_of_an_officechat_file_restores_the_company() {
    comes_and_goes(generator("officechat"), 0, 1_200).await;
    comes_and_goes(generator("officechat"), 2, 1_200).await;
    touched_are_kept(generator("officechat"), 0, 700).await;
}

/// P23, P15, P18: numbers go back to where they came from, the company's own stock among them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p23_the_undo_of_a_multiline_file_restores_the_company() {
    comes_and_goes(generator("multiline"), 0, 1_000).await;
    comes_and_goes(generator("multiline"), 2, 1_000).await;
    touched_are_kept(generator("multiline"), 0, 700).await;
}

/// P23, P15, P17: Agent IDs and PBX IDs are free again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p23_the_undo_of_an_ocm_file_restores_the_company() {
    comes_and_goes(generator("ocm"), 0, 1_200).await;
    touched_are_kept(generator("ocm"), 0, 700).await;
}

/// P23, P15, P17: employee IDs are free again, and whoever was let go is back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p23_the_undo_of_a_mangoapps_file_restores_the_company() {
    comes_and_goes(generator("mangoapps"), 0, 1_200).await;
    comes_and_goes(generator("mangoapps"), 2, 1_200).await;
    touched_are_kept(generator("mangoapps"), 0, 700).await;
}
