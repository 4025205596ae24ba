//! Permissions: everything is allowed before the first grant, then only what was granted.

use boarding_commands::decide::Authority;
use boarding_commands::envelope::Answer;
use boarding_commands::values::Code;
use boarding_core::queries::{QueryCaller, QueryFailure};
use serde_json::{Value, json};

use super::{
    EngineHarness, HEADER, company_id, envelope, import_body, object, ok, people_rows, refused,
};

/// The permission that the actor lacks for a query. `None` if the query is allowed.
async fn denied(harness: &EngineHarness, actor: &str, name: &str, params: Value) -> Option<String> {
    let caller =
        QueryCaller { actor: actor.to_owned(), authenticated: None, authority: Authority::Granted };
    // Without this, the rows may be a moment older than the last command.
    harness.engine().caught_up().await.unwrap();
    match harness.engine().query(&company_id("acme"), name, object(params), &caller).await {
        Ok(_) => None,
        Err(QueryFailure::Refused(refusal)) if refusal.code == Code::AuthPermissionDenied => {
            Some(refusal.details["permission"].as_str().unwrap().to_owned())
        }
        Err(other) => panic!("{name}: {other:?}"),
    }
}

/// Queries and the permission that each needs.
fn queries(run: &str, import: &Value) -> [(&'static str, Value, &'static str); 15] {
    let of_run = json!({"run": run});
    let of_import = json!({"import": import});
    [
        ("runs", json!({}), "bulk_integrate_users"),
        ("run", of_run.clone(), "bulk_integrate_users"),
        ("integration_log", of_run, "bulk_integrate_users"),
        ("imports", json!({}), "bulk_import_users"),
        ("import", of_import.clone(), "bulk_import_users"),
        ("import_progress", of_import.clone(), "bulk_import_users"),
        ("import_rows", of_import.clone(), "bulk_import_users"),
        ("failed_rows", of_import, "bulk_import_users"),
        ("org_units", json!({}), "view_org_units"),
        ("notifications", json!({}), "administer"),
        ("permissions", json!({}), "administer"),
        ("history", json!({}), "administer"),
        ("history", json!({"entity": format!("run:{run}")}), "bulk_integrate_users"),
        (
            "history",
            json!({"entity": format!("import:{}", import.as_str().unwrap())}),
            "bulk_import_users",
        ),
        ("history", json!({"entity": "user:ann"}), "accounts"),
    ]
}

fn people_file(name: &str) -> Value {
    import_body("people.csv", &people_rows(&[name]))
}

/// Makes `root` an administrator, then grants the permission as `root`.
async fn grant_as_root(harness: &EngineHarness, actor: &str, permission: &str) {
    for (actor, permission) in [("root", "administer"), (actor, permission)] {
        let body = json!({"actor": actor, "permissions": [permission]});
        ok(&harness.submit_as("root", "GrantPermissions", body).await);
    }
}

/// The permission that the actor lacks for a command. Panics if the command is accepted.
async fn missing(harness: &EngineHarness, actor: &str, name: &str, body: Value) -> Value {
    let answer = harness.submit_as(actor, name, body).await;
    refused(&answer, Code::AuthPermissionDenied)["permission"].clone()
}

/// LX-01, LX-02, LX-03: from the first grant on, each query and command needs its own permission.
#[tokio::test]
async fn permissions_apply_from_the_first_grant_on() {
    let harness = EngineHarness::acme(None).await;
    let import = harness.submit_as("jane", "ImportFile", people_file("ann")).await;
    let import = ok(&import)["import"].clone();
    let run = harness.start_run().await;
    harness.settle().await;
    for (name, params, _) in queries(&run, &import) {
        assert_eq!(denied(&harness, "jane", name, params).await, None, "{name}");
    }
    grant_as_root(&harness, "root", "administer").await;
    let before = harness.log_bytes();
    for (name, params, permission) in queries(&run, &import) {
        let denied = denied(&harness, "jane", name, params.clone()).await;
        assert!(denied.is_some(), "{name} {params}");
        if params.get("entity").is_none() {
            assert_eq!(denied.as_deref(), Some(permission), "{name}");
        }
    }
    let by_units =
        json!({"source": {"org_units": ["Europe"]}, "channel": "whatsapp", "mode": "preview"});
    let by_users = json!({"source": {"users": ["ann"]}, "channel": "whatsapp", "mode": "preview"});
    let grant = json!({"actor": "jane", "permissions": ["administer"]});
    for (name, body, permission) in [
        ("StartBulkIntegration", by_users.clone(), "bulk_integrate_users"),
        ("GrantPermissions", grant, "administer"),
        ("ImportFile", people_file("bob"), "bulk_import_users"),
    ] {
        assert_eq!(missing(&harness, "jane", name, body).await, permission);
    }
    assert_eq!(harness.log_bytes(), before);

    for (permission, count) in
        [("bulk_integrate_users", 3), ("bulk_import_users", 5), ("view_org_units", 1)]
    {
        let actor = format!("only-{permission}");
        grant_as_root(&harness, &actor, permission).await;
        let mut allowed = 0;
        for (name, params, _) in queries(&run, &import).into_iter().take(9) {
            allowed += usize::from(denied(&harness, &actor, name, params).await.is_none());
        }
        assert_eq!(allowed, count, "{permission}");
        // A chain has events of the import, the run and the user.
        for params in [json!({"import": import, "row": 1}), json!({"run": run, "user": "ann"})] {
            assert!(denied(&harness, &actor, "why", params).await.is_some(), "{permission}");
        }
    }
    let actor = "only-bulk_integrate_users";
    ok(&harness.submit_as(actor, "StartBulkIntegration", by_users).await);
    let permission = missing(&harness, actor, "StartBulkIntegration", by_units).await;
    assert_eq!(permission, "view_org_units");
    ok(&harness.submit_as("only-bulk_import_users", "ImportFile", people_file("bob")).await);
}

/// LX-01, LX-02, LX-03: after the first grant, only actors with some permission see people, phones and settings.
#[tokio::test]
async fn people_and_settings_need_a_permission_once_granted() {
    let harness = EngineHarness::acme(None).await;
    harness.import(&people_rows(&["ann"])).await;
    harness.engine().caught_up().await.unwrap();
    let queries = [
        ("users", json!({})),
        ("user", json!({"user": "ann"})),
        ("phone_list", json!({})),
        ("config", json!({})),
    ];
    for (name, params) in queries.clone() {
        assert_eq!(denied(&harness, "jane", name, params).await, None, "{name}");
    }
    grant_as_root(&harness, "kim", "view_org_units").await;
    for (name, params) in queries {
        assert!(denied(&harness, "jane", name, params.clone()).await.is_some(), "{name}");
        assert_eq!(denied(&harness, "kim", name, params).await, None, "{name}");
    }
    let numbers = denied(&harness, "kim", "number_suggestions", json!({})).await;
    assert_eq!(numbers.as_deref(), Some("accounts"));
}

/// LX-02: without the permission to import, the engine neither reads nor stores the file.
#[tokio::test]
async fn file_without_import_permission_is_not_stored() {
    let harness = EngineHarness::acme(None).await;
    grant_as_root(&harness, "root", "administer").await;
    let empty = import_body("people.csv", "");
    let valid = json!({"dialect": "leapxpert", "files": [{"name": "p.csv", "text": format!("{HEADER}a,,,,,,\n")}]});
    for body in [empty, valid] {
        let answer = harness.submit_as("jane", "ImportFile", body).await;
        refused(&answer, Code::AuthPermissionDenied);
    }
    assert_eq!(std::fs::read_dir(harness.data().join("files")).unwrap().count(), 0);
}

/// A repeated command gets the first answer, even if the actor has lost the permission since.
#[tokio::test]
async fn repeat_is_answered_after_the_permission_is_lost() {
    let harness = EngineHarness::acme(None).await;
    let command = harness.engine().clock().id();
    let import = async || {
        let envelope = envelope(command, "jane", &people_file("ann"));
        let engine = harness.engine();
        engine.submit(&company_id("acme"), "ImportFile", envelope, Authority::Granted).await
    };
    let first = ok(&import().await);
    grant_as_root(&harness, "root", "administer").await;
    let repeat = import().await;
    assert!(
        matches!(&repeat, Answer::Accepted { duplicate: true, result, .. } if *result == first),
        "{repeat:?}"
    );
}

/// A41: an answer about a value that another person has names this person. The actor has a permission to see people.
/// An actor without a permission learns nothing.
#[tokio::test]
async fn holder_of_a_value_is_named_only_to_permitted_actors() {
    let harness = EngineHarness::acme(None).await;
    let phone = "+84912345000";
    for (name, body) in [
        ("AddUser", json!({"user": "ann", "phone": phone})),
        ("AddCorporatePhone", json!({"phone": phone, "user": "ann"})),
        ("ArchiveUser", json!({"user": "ann"})),
        ("AddUser", json!({"user": "zoe", "phone": phone})),
        ("AddCorporatePhone", json!({"phone": phone, "user": "zoe"})),
        ("AddUser", json!({"user": "eve"})),
    ] {
        ok(&harness.submit(name, body).await);
    }
    let commands = [
        ("RestoreUser", json!({"user": "ann"}), "accounts"),
        ("AddCorporatePhone", json!({"phone": phone, "user": "eve"}), "bulk_import_users"),
    ];
    grant_as_root(&harness, "importer", "bulk_import_users").await;
    for (name, body, permission) in commands {
        let actor = format!("with {permission}");
        grant_as_root(&harness, &actor, permission).await;
        let answer = json!(harness.submit_as(&actor, name, body.clone()).await).to_string();
        assert!(answer.contains("zoe"), "{name}: {answer}");
        assert_eq!(denied(&harness, &actor, "user", json!({"user": "zoe"})).await, None);
        let answer = json!(harness.submit_as("guest", name, body).await).to_string();
        assert!(
            answer.contains("permission_denied") && !answer.contains("zoe"),
            "{name}: {answer}"
        );
        assert!(denied(&harness, "guest", "user", json!({"user": "zoe"})).await.is_some());
    }
    let rows = "dee,A,B,dee@people.example,+84912345000,,\n";
    let answer = harness.submit_as("importer", "ImportFile", import_body("people.csv", rows)).await;
    let import = json!({"import": ok(&answer)["import"]});
    harness.settle().await;
    let seen = harness.rows("import_rows", import.clone()).await;
    assert!(seen[0].to_string().contains("by zoe"), "{seen:?}");
    assert_eq!(denied(&harness, "importer", "import_rows", import.clone()).await, None);
    assert_eq!(denied(&harness, "importer", "user", json!({"user": "zoe"})).await, None);
    let outsider = denied(&harness, "guest", "import_rows", import).await;
    assert_eq!(outsider.as_deref(), Some("bulk_import_users"));
}
