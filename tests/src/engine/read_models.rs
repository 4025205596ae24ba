//! Read models are the same after deletion, damage and rebuilds.

use std::fs;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use base64::Engine as _;
use boarding_core::read::store::{Opened, Store};
use boarding_log::EventLog;
use boarding_log::file::{FileLog, Options};
use boarding_projections::rows::{MemoryRows, Rows, Table};
use serde_json::{Value, json};

use super::{EngineHarness, company_id, ok, people_rows};
use crate::support::wait::eventually;

/// An engine with rows in every table. Only the table of run locks may be empty.
async fn with_rows_in_every_table() -> EngineHarness {
    let harness = EngineHarness::acme(None).await;
    let admins = json!({"designated_admin_emails": ["una@acme.example"]});
    ok(&harness.submit("SetCompanyConfig", admins).await);
    harness.import(&people_rows(&["ann", "bob", "cid"])).await;
    harness.import(&people_rows(&["ann", "dan", "not an address"])).await;
    harness.start_run().await;
    harness.settle().await;
    ok(&harness.submit("LinkCompleted", json!({"user": "ann", "channel": "whatsapp"})).await);
    ok(&harness.submit("ArchiveUser", json!({"user": "bob"})).await);
    let own = json!({"kind": "channel_invitation", "language": "en", "subject": "Hello", "text": "{{ link_url }}", "html": "{{ link_button }} {{ link_url }}"});
    ok(&harness.submit("SetTemplate", own).await);
    let later = json!({"source": {"users": ["cid"]}, "channel": "whatsapp", "mode": "confirmed", "expected_recipients": 1, "not_before": harness.now().plus_seconds(3600)});
    ok(&harness.submit("StartBulkIntegration", later).await);
    let undone = harness.import(&people_rows(&["eve"])).await["import"].clone();
    harness.undo_import(&undone).await;
    let pool = json!({"numbers": ["+12125550001", "+12125550002"]});
    ok(&harness.submit("AddNumbers", pool).await);
    ok(&harness.submit("DefinePermissionGroup", json!({"permission_group": "Traders"})).await);
    let text = "email address or device,social_messaging,monitor_calls,monitor_sms,multiline_number\n\
        eve@acme.example,No,off,off,+12125550001\n";
    let accounts = json!({
        "dialect": "multiline", "files": [{"name": "accounts.csv", "text": text}],
        "organization": "Europe", "permission_group": "Traders",
    });
    ok(&harness.submit("ImportFile", accounts).await);
    let invited = json!({
        "dialect": "officechat", "auto_invite": true, "channel": "whatsapp",
        "files": [{"name": "chat.csv", "text": "name,email/login,manager,Enabled\nFay,fay@acme.example,ann,TRUE\n"}],
    });
    ok(&harness.submit("ImportFile", invited).await);
    ok(&harness.submit("ImportFile", agents()).await);
    assert_eq!(ok(&harness.submit("ImportPictures", archive()).await)["inserted"], 1);
    let administrator = json!({"actor": "root", "permissions": ["administer"]});
    ok(&harness.submit("GrantPermissions", administrator).await);
    let bound = json!({"nats_user": "acme-publisher", "actors": ["root"]});
    ok(&harness.submit("BindNatsUser", bound).await);
    let token = json!({"actor": "root", "secret_sha256": "0a".repeat(32)});
    ok(&harness.submit("IssueToken", token).await);
    harness.settle().await;
    harness.set_up("umbrella").await;
    harness.engine().caught_up().await.unwrap();
    harness
}

/// The body of an import of six pictures, one of them of the agent `johndoe22`.
pub(super) fn archive() -> Value {
    let archive = fs::read(crate::support::paths::fixture("ocm/Archive.zip")).unwrap();
    let archive = base64::engine::general_purpose::STANDARD.encode(archive);
    json!({"file": {"name": "Archive.zip", "base64": archive}, "match_attribute": "agent_id"})
}

/// The body of an OCM import of the agent `johndoe22`.
fn agents() -> Value {
    let people = "LAN ID,First Name,Last Name,Agent ID,PBX ID,Profile,Supervisor,Org Unit,Role\n\
        john,John,Doe,johndoe22,4711,supervisor,,Europe,Team Lead\n";
    let files = [
        ("userdetails.csv", people),
        ("featuredetails.csv", "LAN ID,Feature,Enabled\n"),
        ("channelcountdetails.csv", "LAN ID,Channel,Count\n"),
    ];
    let files = files.map(|(name, text)| json!({"name": name, "text": text}));
    json!({"dialect": "ocm", "files": files})
}

const COMPANIES: [&str; 2] = ["acme", "umbrella"];

/// Table, key and content of each row.
type Dump = Vec<(Table, Vec<u8>, Vec<u8>)>;

fn dump(rows: &dyn Rows) -> Dump {
    let mut found = Vec::new();
    for company in COMPANIES {
        for &table in Table::ALL {
            rows.scan(table, &company_id(company), &[], &[], &mut |key, row| {
                found.push((table, key.to_vec(), row.to_vec()));
                ControlFlow::Continue(())
            })
            .unwrap();
        }
    }
    found
}

/// The rows on disk. The engine must be closed.
fn stored(harness: &EngineHarness) -> Dump {
    let (store, _) = Store::open(&harness.data().join("derived")).unwrap();
    let meta = store.read_meta().unwrap();
    dump(&store.view(meta, &Arc::new(())))
}

/// The rows after a replay of the log.
fn replayed(harness: &EngineHarness) -> Dump {
    let log = FileLog::open(&harness.data().join("log"), Options::new(harness.now())).unwrap().log;
    let mut rows = MemoryRows::default();
    let mut reader = log.read_all(1);
    while let Some(entry) = reader.next().unwrap() {
        for recorded in entry.recorded.events() {
            boarding_projections::apply(&recorded, &mut rows).unwrap();
        }
    }
    dump(&rows)
}

/// P12: live rows, rebuilt rows and the rows of a replay are the same.
#[tokio::test]
async fn tables_equal_a_replay_and_are_rebuilt_after_deletion() {
    let mut harness = with_rows_in_every_table().await;
    harness.close().await;
    let live = stored(&harness);
    assert_eq!(live, replayed(&harness));
    for &table in Table::ALL {
        assert!(
            live.iter().any(|(one, ..)| *one == table) || table == Table::Lock,
            "{table} is empty"
        );
    }
    fs::remove_dir_all(harness.data().join("derived")).unwrap();
    harness.open().await;
    assert!(harness.engine().opening_report().set_aside.is_none(), "a folder was set aside");
    harness.engine().caught_up().await.unwrap();
    harness.close().await;
    assert_eq!(stored(&harness), live);
}

type Damage = (&'static str, fn(&Path));

/// Ways to damage the folder of the read models.
const DAMAGES: [Damage; 6] = [
    ("the tree cut in half", |folder| {
        let file = fs::OpenOptions::new().write(true).open(folder.join("db")).unwrap();
        file.set_len(file.metadata().unwrap().len() / 2).unwrap();
    }),
    ("the tree empty", |folder| fs::write(folder.join("db"), b"").unwrap()),
    ("the tree corrupted", |folder| corrupt(&folder.join("db"))),
    ("the settings corrupted", |folder| corrupt(&folder.join("conf"))),
    ("no mark", |folder| fs::remove_file(folder.join("MARK")).unwrap()),
    ("a snapshot corrupted", |folder| {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.file_name().unwrap().to_string_lossy().starts_with("snap.") {
                corrupt(&path);
            }
        }
    }),
];

/// Inverts every 61st byte.
fn corrupt(path: &Path) {
    let mut bytes = fs::read(path).unwrap();
    bytes.iter_mut().step_by(61).for_each(|byte| *byte = !*byte);
    fs::write(path, bytes).unwrap();
}

#[tokio::test]
async fn damaged_read_models_are_set_aside_and_rebuilt() {
    let mut harness = with_rows_in_every_table().await;
    harness.close().await;
    let live = stored(&harness);
    for (what, damage) in DAMAGES {
        damage(&harness.data().join("derived"));
        harness.open().await;
        let set_aside = harness.engine().opening_report().set_aside.clone();
        harness.engine().caught_up().await.unwrap();
        assert!(harness.row("user", json!({"user": "ann"})).await.is_object(), "{what}");
        harness.close().await;
        assert_eq!(stored(&harness), live, "{what}");
        // sled may keep a part of a damaged tree. Then the log restores the rest, and the folder stays. Only a
        // missing mark always sets the folder aside.
        if what == "no mark" {
            assert!(set_aside.is_some_and(|path| path.exists()), "{what}");
        }
    }
}

/// P27: After a restart of the machine without a stop of the program, read models that are whole are used as they are.
#[tokio::test]
async fn whole_read_models_are_kept_after_a_power_cut() {
    let mut harness = with_rows_in_every_table().await;
    harness.close().await;
    let live = stored(&harness);
    let mark = harness.data().join("derived/MARK");
    fs::write(mark, "open since the last start of the machine").unwrap();
    harness.open().await;
    assert_eq!(harness.engine().opening_report().set_aside, None);
    assert!(harness.row("user", json!({"user": "ann"})).await.is_object());
    harness.close().await;
    assert_eq!(stored(&harness), live);
}

/// sled releases its file shortly after the last use, for example after a query of a dropped engine.
#[tokio::test]
async fn store_waits_until_its_file_is_released() {
    let mut harness = EngineHarness::acme(None).await;
    harness.close().await;
    let folder = harness.data().join("derived");
    let file = fs::File::open(folder.join("db")).unwrap();
    file.lock().unwrap();
    let opening = std::thread::spawn(move || Store::open(&folder).unwrap().1);
    // Opening another engine takes longer than one attempt to lock the file.
    drop(EngineHarness::acme(None).await);
    file.unlock().unwrap();
    assert_eq!(opening.join().unwrap(), Opened::Kept);
}

/// An unfinished snapshot file of sled is removed without a rebuild.
#[tokio::test]
async fn unfinished_snapshot_is_removed() {
    let mut harness = with_rows_in_every_table().await;
    harness.close().await;
    let live = stored(&harness);
    fs::write(harness.data().join("derived/snap.0000000000000042.generating"), [7; 100]).unwrap();
    harness.open().await;
    assert!(harness.engine().opening_report().set_aside.is_none());
    harness.close().await;
    assert_eq!(stored(&harness), live);
}

/// On start, the engine rebuilds the tables whose projection has another version.
#[tokio::test]
async fn rows_of_another_projection_version_are_rebuilt() {
    let mut harness = with_rows_in_every_table().await;
    harness.close().await;
    let live = stored(&harness);
    let tree = open_tree(&harness).await;
    for &table in Table::ALL {
        change_version(&tree, table);
    }
    drop(tree);
    harness.open().await;
    harness.engine().caught_up().await.unwrap();
    harness.close().await;
    assert_eq!(stored(&harness), live);
    let tree = open_tree(&harness).await;
    let junk = tree.iter().values().any(|row| row.unwrap() == "junk".as_bytes());
    assert!(!junk, "a row of the old version was not removed");
}

/// Opens the folder of the read models. Waits, because the threads of a closed tree hold its lock for a moment.
async fn open_tree(harness: &EngineHarness) -> sled::Db {
    let folder = harness.data().join("derived");
    eventually("the lock of the read models is free", async || sled::open(&folder).ok()).await
}

/// Sets the version of the table to 0 and adds an invalid row.
fn change_version(tree: &sled::Db, table: Table) {
    let key = b"\0meta";
    type Builds = std::collections::BTreeMap<u8, (u8, u32)>;
    type Digest = Option<(u64, u64)>;
    let (layout, (position, mut builds), write, redo_parts, _): (
        u32,
        (u64, Builds),
        u64,
        u32,
        Digest,
    ) = rmp_serde::from_slice(&tree.get(key).unwrap().unwrap()).unwrap();
    let build = builds.get_mut(&table.id()).unwrap();
    build.1 = 0;
    tree.insert([&[table.id(), build.0], b"acme\0junk".as_slice()].concat(), "junk").unwrap();
    let meta = (layout, (position, builds), write, redo_parts, Digest::None);
    tree.insert(key, rmp_serde::to_vec(&meta).unwrap()).unwrap();
    tree.flush().unwrap();
}

/// Queries during repeated rebuilds return all rows.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tables_are_rebuilt_while_they_are_read() {
    let mut harness = with_rows_in_every_table().await;
    let engine = Arc::new(harness.engine.take().unwrap());
    let rebuilding = {
        let engine = Arc::clone(&engine);
        tokio::task::spawn_blocking(move || {
            for _ in 0..10 {
                engine.rebuild(Table::ALL).unwrap();
            }
        })
    };
    let caller = boarding_core::queries::QueryCaller {
        actor: "admin".to_owned(),
        authenticated: None,
        authority: boarding_commands::decide::Authority::All,
    };
    let mut queries = 0;
    while !rebuilding.is_finished() {
        for (name, count) in
            [("users", 7), ("imports", 6), ("runs", 3), ("phone_list", 3), ("org_units", 17)]
        {
            let answer = engine
                .query(&company_id("acme"), name, super::object(json!({"limit": 500})), &caller)
                .await
                .unwrap();
            let boarding_core::queries::QueryAnswer::Json(answer) = answer else { panic!() };
            let answer = answer.value();
            assert_eq!(answer["rows"].as_array().unwrap().len(), count, "{name}");
            queries += 1;
        }
    }
    rebuilding.await.unwrap();
    assert!(queries > 0);
    Arc::into_inner(engine).unwrap().close().await;
    assert_eq!(stored(&harness), replayed(&harness));
}

/// A rebuild begins although commands arrive without end.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tables_are_rebuilt_while_commands_arrive() {
    let harness = Arc::new(with_rows_in_every_table().await);
    let (sent, is_rebuilt) = (AtomicUsize::new(0), AtomicBool::new(false));
    // Each sender goes on without a gap, so there is always a command to apply.
    let send = async |sender: u32| {
        while !is_rebuilt.load(Ordering::Relaxed) {
            let n = sent.fetch_add(1, Ordering::Relaxed);
            let body = json!({"company_name": format!("Acme {sender} {n}")});
            ok(&harness.submit("SetCompanyConfig", body).await);
        }
    };
    let rebuild = async {
        while sent.load(Ordering::Relaxed) < 500 {
            tokio::task::yield_now().await;
        }
        let harness = Arc::clone(&harness);
        let rebuild = move || harness.engine().rebuild(&[Table::Users]).unwrap();
        tokio::task::spawn_blocking(rebuild).await.unwrap();
        is_rebuilt.store(true, Ordering::Relaxed);
    };
    tokio::join!(rebuild, futures_util::future::join_all((0..16).map(send)));
    let mut harness = Arc::into_inner(harness).unwrap();
    harness.engine.take().unwrap().close().await;
    assert_eq!(stored(&harness), replayed(&harness));
}
