//! P23 for generated files of each dialect: an undo restores queries and company state.

use std::collections::{BTreeMap, BTreeSet};

use boarding_commands::company::{Company, UserSnapshot};
use boarding_commands::values::Digest;
use serde_json::{Value, json};

use super::generators::{self, FileGenerator};
use super::{EngineHarness, company_id, ok};
use crate::support::random::SeededRandom;

/// The queries whose answers an undo restores, and the company state.
///
/// An undo keeps the history, the imports with their rows and reports, pictures, mails, and the `updated_at` of
/// numbers. The internal ids of removed users are not reused, but no query shows them.
const QUERIES: [&str; 13] = [
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

/// The rows of each query and their digest.
type State = BTreeMap<&'static str, (Digest, Vec<Value>)>;

async fn state(harness: &EngineHarness) -> State {
    let mut state = State::new();
    for name in QUERIES {
        let mut rows = match name {
            "company" => company_state(harness).await,
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
        state.insert(name, (digest, rows));
    }
    state
}

/// The company state without internal ids: users, phones, numbers, stocks, unfinished work.
async fn company_state(harness: &EngineHarness) -> Vec<Value> {
    let actor = harness.engine().actor(&company_id("acme")).await;
    actor
        .inspect(|company| {
            let person = |key| {
                let standing = UserSnapshot::of(company, &key);
                let UserSnapshot {
                    state,
                    person,
                    org_unit,
                    roles,
                    listed,
                    contact,
                    number,
                    pictures,
                } = standing;
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
            rows.extend(
                company.org_units.keys().map(|name| json!([name, stock(Some(name.as_str()))])),
            );
            rows.push(json!(unfinished_work(company)));
            rows
        })
        .await
        .unwrap()
}

fn unfinished_work(company: &Company) -> Value {
    let Company { open_imports, undoing, listing, scheduled, notifications, .. } = company;
    json!([open_imports, undoing, listing, scheduled, notifications.keys().collect::<Vec<_>>()])
}

/// Compares two states by digest. The message shows the first row that differs.
#[track_caller]
fn assert_same(what: &str, now: &State, before: &State) {
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

/// An engine whose released numbers do not cool down, and the body that imports the file of this number.
async fn prepare(generator: &FileGenerator, file: usize, rows: usize) -> (EngineHarness, Value) {
    let harness = generator.harness().await;
    ok(&harness.submit("SetCompanyConfig", json!({"number_cooling_seconds": 0})).await);
    let body = generator.import_body(&harness, file, rows).await;
    harness.settle().await;
    (harness, body)
}

async fn import(harness: &EngineHarness, body: &Value) -> (Value, Vec<Value>) {
    let import = ok(&harness.submit("ImportFile", body.clone()).await)["import"].clone();
    harness.settle().await;
    let rows = harness.all_rows("import_rows", json!({"import": import, "limit": 500})).await;
    (import, rows)
}

/// Undoes an import. The counts must equal those of the undo's preview.
async fn undo(harness: &EngineHarness, import: &Value) -> Value {
    let shown =
        ok(&harness.submit("UndoImport", json!({"import": import, "mode": "preview"})).await);
    let row = harness.undo_import(import).await;
    assert_eq!(row["state"], "undone");
    for name in ["reversed", "kept", "errored"] {
        assert_eq!(shown[name], row["undo"][name], "P23 the preview differs: {name}");
    }
    row["undo"].clone()
}

/// Whether the row changed the company.
fn has_effect(row: &Value) -> bool {
    let changed = ["created", "updated", "activated", "deactivated"];
    row["outcome"].as_str().is_some_and(|outcome| changed.contains(&outcome))
        || row["phone"] == "added"
}

/// Imports a file, undoes the import and imports the file again with the same result.
async fn check_undo(generator: &FileGenerator, file: usize, rows: usize) {
    let what = format!("{}, file {file}", generator.dialect);
    let (harness, body) = prepare(generator, file, rows).await;
    let before = state(&harness).await;
    let (first, imported) = import(&harness, &body).await;
    let effective = imported.iter().filter(|row| has_effect(row)).count();
    assert!(effective * 4 > rows, "{what}: only {effective} rows have an effect");
    assert_ne!(state(&harness).await["company"].0, before["company"].0, "{what}");

    let counts = undo(&harness, &first).await;
    assert_eq!(counts, json!({"reversed": effective, "kept": 0, "errored": 0}), "{what}");
    assert_same(&what, &state(&harness).await, &before);
    let undone = harness.all_rows("import_rows", json!({"import": first, "limit": 500})).await;
    for (row, undone) in imported.iter().zip(&undone) {
        let expected = if has_effect(row) { json!("reversed") } else { Value::Null };
        assert_eq!(undone["undo"], expected, "{what}: {undone}");
    }

    let (_, again) = import(&harness, &body).await;
    assert!(imported == again, "{what}: the second import has another result");
}

/// Submits a random command for the user of a row. Returns whether it changed the company.
async fn change_user(
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
    let actor = harness.engine().actor(&company_id("acme")).await;
    let version = actor.inspect(|company| company.version).await;
    harness.submit(name, body).await;
    // A command without events does not count as a change of the user.
    version != actor.inspect(|company| company.version).await
}

/// The rows of a query about these users, or about all others.
fn rows_about(state: &State, name: &str, users: &BTreeSet<String>, included: bool) -> Vec<Value> {
    let is_about = |row: &&Value| {
        let key = row["user"].as_str().or_else(|| row[0].as_str()).unwrap_or_default();
        users.contains(&key.to_lowercase()) == included
    };
    state[name].1.iter().filter(is_about).cloned().collect()
}

/// Changes some users after an import. Its undo keeps those with the reason and restores the others.
async fn check_kept_users(generator: &FileGenerator, file: usize, rows: usize) {
    let what = generator.dialect;
    let (harness, body) = prepare(generator, file, rows).await;
    let before = state(&harness).await;
    let (first, imported) = import(&harness, &body).await;
    let mut rng = SeededRandom::new(7);
    let (mut changed, mut numbers) = (BTreeSet::new(), BTreeSet::new());
    for (n, row) in imported.iter().enumerate().filter(|(_, row)| has_effect(row)) {
        if rng.one_in(8) && change_user(&harness, generator, &row["key"], n, &mut rng).await {
            changed.insert(row["key"].as_str().unwrap().trim().to_lowercase());
            numbers.insert(row["row"].as_u64().unwrap());
        }
    }
    // A second file contains other users of the import and changes nothing.
    let repeated: Vec<usize> = (0..imported.len())
        .filter(|at| has_effect(&imported[*at]) && !numbers.contains(&(*at as u64 + 1)))
        .filter(|_| rng.one_in(9))
        .collect();
    import_again(generator, &harness, &imported, &repeated).await;
    changed.extend(
        repeated.iter().map(|at| imported[*at]["key"].as_str().unwrap().trim().to_lowercase()),
    );
    assert!(
        changed.len() > 30 && repeated.len() > 10,
        "{what}: {} {}",
        changed.len(),
        repeated.len()
    );

    let between = state(&harness).await;
    let mut counts = undo(&harness, &first).await;
    // People who are kept may lose their supervisor; the products without supervisors have none.
    let left = counts.as_object_mut().unwrap().remove("unsupervised");
    assert!(left.is_none() || what == "ocm", "{what}: {left:?}");
    let effective = imported.iter().filter(|row| has_effect(row)).count();
    let kept = changed.len();
    assert_eq!(counts, json!({"reversed": effective - kept, "kept": kept, "errored": 0}), "{what}");
    let after = state(&harness).await;
    for name in ["users", "phone_list", "numbers", "company"] {
        let (now, then) =
            (rows_about(&after, name, &changed, true), rows_about(&between, name, &changed, true));
        assert!(now == then, "{what}: {name} of a changed user");
    }
    for name in ["users", "phone_list"] {
        let (now, then) =
            (rows_about(&after, name, &changed, false), rows_about(&before, name, &changed, false));
        assert!(now == then, "{what}: {name} of an unchanged user");
    }
    let rows = harness.all_rows("import_rows", json!({"import": first, "limit": 500})).await;
    for (at, row) in rows.iter().enumerate().filter(|(at, _)| has_effect(&imported[*at])) {
        let undone = row["undo"].as_str().unwrap();
        let key = row["key"].as_str().unwrap().trim().to_lowercase();
        let reason = match (changed.contains(&key), repeated.contains(&at)) {
            (_, true) => undone == "kept:row.named_since",
            (true, _) => ["kept:row.changed_since", "kept:row.invited_since"].contains(&undone),
            _ => undone == "reversed",
        };
        assert!(reason, "{what}: row {} is {undone}", row["row"]);
    }
}

/// Imports the keys of these rows again, which changes no user.
async fn import_again(
    generator: &FileGenerator,
    harness: &EngineHarness,
    imported: &[Value],
    repeated: &[usize],
) {
    let keys: Vec<_> = repeated.iter().map(|at| imported[*at]["key"].as_str().unwrap()).collect();
    let body = generator.import_naming(&keys);
    let import = ok(&harness.submit("ImportFile", body).await)["import"].clone();
    harness.settle().await;
    let row = harness.row("import", json!({"import": import})).await;
    assert_eq!((&row["created"], &row["updated"]), (&json!(0), &json!(0)), "{row}");
}

/// P23, P15: with phones, updates and blank cells that clear values.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn undo_of_a_leapxpert_file_restores_the_company() {
    check_undo(generators::for_dialect("leapxpert"), 0, 600).await;
    check_undo(generators::for_dialect("leapxpert"), 2, 600).await;
    check_kept_users(generators::for_dialect("leapxpert"), 0, 560).await;
}

/// P23, P15: activations and deactivations are reversed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn undo_of_an_officechat_file_restores_the_company() {
    check_undo(generators::for_dialect("officechat"), 0, 600).await;
    check_undo(generators::for_dialect("officechat"), 2, 600).await;
    check_kept_users(generators::for_dialect("officechat"), 0, 560).await;
}

/// P23, P15, P18: numbers return to their organization or to the company's own stock.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn undo_of_a_multiline_file_restores_the_company() {
    check_undo(generators::for_dialect("multiline"), 0, 600).await;
    check_undo(generators::for_dialect("multiline"), 2, 600).await;
    check_kept_users(generators::for_dialect("multiline"), 0, 560).await;
}

/// P23, P15, P17: Agent IDs and PBX IDs are free again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn undo_of_an_ocm_file_restores_the_company() {
    check_undo(generators::for_dialect("ocm"), 0, 600).await;
    check_kept_users(generators::for_dialect("ocm"), 0, 560).await;
}

/// P23, P15, P17: employee IDs are free again, and deleted users are restored.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn undo_of_a_mangoapps_file_restores_the_company() {
    check_undo(generators::for_dialect("mangoapps"), 0, 600).await;
    check_undo(generators::for_dialect("mangoapps"), 2, 600).await;
    check_kept_users(generators::for_dialect("mangoapps"), 0, 560).await;
}
