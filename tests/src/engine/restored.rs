//! P23 for generated files of each dialect: the undo restores what may be seen and what is decided from.

use std::collections::{BTreeMap, BTreeSet};

use boarding_commands::company::{Company, Standing};
use boarding_commands::digest::Digest;
use serde_json::{Value, json};

use super::made::{self, Maker};
use super::restart::all;
use super::{Site, id, ok};
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

async fn state(site: &Site) -> State {
    let mut seen = State::new();
    for name in VIEWS {
        let mut rows = match name {
            "company" => decided_from(site).await,
            "config" => vec![site.row(name, json!({})).await],
            "number_suggestions" => {
                all(site, name, json!({"org_unit": "EMEA", "limit": 500})).await
            }
            _ => all(site, name, json!({"limit": 500})).await,
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
async fn decided_from(site: &Site) -> Vec<Value> {
    let hot = site.engine().hot(&id("acme")).await;
    hot.look(|company| {
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
async fn ready(maker: &Maker, file: usize, rows: usize) -> (Site, Value) {
    let site = maker.site().await;
    ok(&site.ask("SetCompanyConfig", json!({"number_cooling_seconds": 0})).await);
    let body = maker.body(&site, file, rows).await;
    site.settle().await;
    (site, body)
}

async fn import(site: &Site, body: &Value) -> (Value, Vec<Value>) {
    let import = ok(&site.ask("ImportFile", body.clone()).await)["import"].clone();
    site.settle().await;
    let rows = all(site, "import_rows", json!({"import": import, "limit": 500})).await;
    (import, rows)
}

async fn undo(site: &Site, import: &Value) -> Value {
    let shown = ok(&site.ask("UndoImport", json!({"import": import, "mode": "preview"})).await);
    ok(&site.ask("UndoImport", json!({"import": import})).await);
    site.settle().await;
    let row = site.row("import", json!({"import": import})).await;
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
async fn comes_and_goes(maker: &Maker, file: usize, rows: usize) {
    let what = format!("{}, file {file}", maker.dialect);
    let (site, body) = ready(maker, file, rows).await;
    let before = state(&site).await;
    let (first, came) = import(&site, &body).await;
    let did = came.iter().filter(|row| did_something(row)).count();
    assert!(did * 3 > rows, "{what}: only {did} rows did anything");
    assert_ne!(state(&site).await["company"].0, before["company"].0, "{what}");

    let counts = undo(&site, &first).await;
    assert_eq!(counts, json!({"reversed": did, "kept": 0, "errored": 0}), "{what}");
    same(&what, &state(&site).await, &before);
    let told = all(&site, "import_rows", json!({"import": first, "limit": 500})).await;
    for (row, told) in came.iter().zip(&told) {
        let expected = if did_something(row) { json!("reversed") } else { Value::Null };
        assert_eq!(told["undo"], expected, "{what}: {told}");
    }

    let (_, again) = import(&site, &body).await;
    assert!(came == again, "{what}: the file comes in otherwise the second time");
}

/// Does something to the person of a row; whether it could.
async fn touch(site: &Site, maker: &Maker, key: &Value, n: usize, rng: &mut SeededRandom) -> bool {
    let role = json!({"users": [key], "roles": ["Compliance Reviewer"]});
    let (name, body) = match rng.below(6) {
        0 if maker.dialect != "multiline" => ("AssignRoles", role),
        1 => ("ArchiveUser", json!({"user": key})),
        2 => ("DeactivateUser", json!({"user": key})),
        3 => ("AddCorporatePhone", json!({"user": key, "phone": format!("+8499{n:07}")})),
        4 => ("AssignNumber", json!({"user": key, "number": format!("+12126{:06}", 500 + n)})),
        _ => ("LinkCompleted", json!({"user": key, "channel": "whatsapp"})),
    };
    let hot = site.engine().hot(&id("acme")).await;
    let version = hot.look(|company| company.version).await;
    site.ask(name, body).await;
    // A command that found nothing to do did nothing to the person.
    version != hot.look(|company| company.version).await
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
async fn touched_are_kept(maker: &Maker, file: usize, rows: usize) {
    let what = maker.dialect;
    let (site, body) = ready(maker, file, rows).await;
    let before = state(&site).await;
    let (first, came) = import(&site, &body).await;
    let mut rng = SeededRandom::new(7);
    let (mut touched, mut numbers) = (BTreeSet::new(), BTreeSet::new());
    for (n, row) in came.iter().enumerate().filter(|(_, row)| did_something(row)) {
        if rng.one_in(8) && touch(&site, maker, &row["key"], n, &mut rng).await {
            touched.insert(row["key"].as_str().unwrap().trim().to_lowercase());
            numbers.insert(row["row"].as_u64().unwrap());
        }
    }
    // Others are named by a file that finds nothing to change.
    let named: Vec<usize> = (0..came.len())
        .filter(|at| did_something(&came[*at]) && !numbers.contains(&(*at as u64 + 1)))
        .filter(|_| rng.one_in(9))
        .collect();
    named_again(maker, &site, &came, &named).await;
    touched.extend(named.iter().map(|at| came[*at]["key"].as_str().unwrap().trim().to_lowercase()));
    assert!(touched.len() > 30 && named.len() > 10, "{what}: {} {}", touched.len(), named.len());

    let between = state(&site).await;
    let counts = undo(&site, &first).await;
    let did = came.iter().filter(|row| did_something(row)).count();
    let kept = touched.len();
    assert_eq!(counts, json!({"reversed": did - kept, "kept": kept, "errored": 0}), "{what}");
    let after = state(&site).await;
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
    let told = all(&site, "import_rows", json!({"import": first, "limit": 500})).await;
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
async fn named_again(maker: &Maker, site: &Site, came: &[Value], named: &[usize]) {
    let keys: Vec<_> = named.iter().map(|at| came[*at]["key"].as_str().unwrap()).collect();
    let body = maker.naming(&keys);
    let import = ok(&site.ask("ImportFile", body).await)["import"].clone();
    site.settle().await;
    let row = site.row("import", json!({"import": import})).await;
    assert_eq!((&row["created"], &row["updated"]), (&json!(0), &json!(0)), "{row}");
}

fn maker(dialect: &str) -> &'static Maker {
    made::ALL.iter().find(|maker| maker.dialect == dialect).unwrap()
}

/// P23, P15: with phones and updates, and where blank cells clear what was there.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p23_the_undo_of_a_leapxpert_file_restores_the_company() {
    comes_and_goes(maker("leapxpert"), 0, 1_200).await;
    comes_and_goes(maker("leapxpert"), 2, 1_200).await;
    touched_are_kept(maker("leapxpert"), 0, 700).await;
}

/// P23, P15: people switched on and off are switched back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p23_the_undo_of_an_officechat_file_restores_the_company() {
    comes_and_goes(maker("officechat"), 0, 1_200).await;
    comes_and_goes(maker("officechat"), 2, 1_200).await;
    touched_are_kept(maker("officechat"), 0, 700).await;
}

/// P23, P15, P18: numbers go back to where they came from, the company's own stock among them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p23_the_undo_of_a_multiline_file_restores_the_company() {
    comes_and_goes(maker("multiline"), 0, 1_000).await;
    comes_and_goes(maker("multiline"), 2, 1_000).await;
    touched_are_kept(maker("multiline"), 0, 700).await;
}

/// P23, P15, P17: Agent IDs and PBX IDs are free again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p23_the_undo_of_an_ocm_file_restores_the_company() {
    comes_and_goes(maker("ocm"), 0, 1_200).await;
    touched_are_kept(maker("ocm"), 0, 700).await;
}

/// P23, P15, P17: employee IDs are free again, and whoever was let go is back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p23_the_undo_of_a_mangoapps_file_restores_the_company() {
    comes_and_goes(maker("mangoapps"), 0, 1_200).await;
    comes_and_goes(maker("mangoapps"), 2, 1_200).await;
    touched_are_kept(maker("mangoapps"), 0, 700).await;
}
