//! Who may do what: everybody everything before the first grant, then each what was granted.

use boarding_commands::decide::Authority;
use boarding_commands::envelope::Answer;
use boarding_commands::values::Code;
use boarding_core::read::queries::{QueryCaller, QueryFailure};
use serde_json::{Value, json};

use super::{
    EngineHarness, HEADER, company_id, envelope, import_body, object, ok, people_rows, refused,
};

async fn ask(harness: &EngineHarness, actor: &str, name: &str, body: Value) -> Answer {
    let asked = envelope(harness.engine().clock().id(), actor, &body);
    harness.engine().submit(&company_id("acme"), name, asked, Authority::Granted).await
}

/// The permission that a query asks for in vain.
async fn denied(harness: &EngineHarness, actor: &str, name: &str, params: Value) -> Option<String> {
    let asker = QueryCaller { actor: actor.to_owned(), authority: Authority::Granted };
    match harness.engine().query(&company_id("acme"), name, object(params), &asker).await {
        Ok(_) => None,
        Err(QueryFailure::Refused(refusal)) if refusal.code == Code::AuthPermissionDenied => {
            Some(refusal.details["permission"].as_str().unwrap().to_owned())
        }
        Err(other) => panic!("{name}: {other:?}"),
    }
}

fn queries(run: &str, import: &Value) -> [(&'static str, Value, &'static str); 14] {
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

/// LX-01, LX-02, LX-03: each query and each command needs its own permission, from the first grant on.
#[tokio::test]
async fn lx_01_lx_02_lx_03_permissions_hold_from_the_first_grant_on() {
    let harness = EngineHarness::acme(None).await;
    let import =
        ok(&ask(&harness, "jane", "ImportFile", import_body("people.csv", &people_rows(&["ann"])))
            .await)["import"]
            .clone();
    let run = harness.start_run().await;
    harness.settle().await;
    for (name, params, _) in queries(&run, &import) {
        assert_eq!(denied(&harness, "jane", name, params).await, None, "{name}");
    }
    ok(&ask(
        &harness,
        "root",
        "GrantPermissions",
        json!({"actor": "root", "permissions": ["administer"]}),
    )
    .await);
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
    let no = |answer: &Answer| refused(answer, Code::AuthPermissionDenied)["permission"].clone();
    assert_eq!(
        no(&ask(&harness, "jane", "StartBulkIntegration", by_users.clone()).await),
        "bulk_integrate_users"
    );
    assert_eq!(
        no(&ask(
            &harness,
            "jane",
            "GrantPermissions",
            json!({"actor": "jane", "permissions": ["administer"]})
        )
        .await),
        "administer"
    );
    assert_eq!(
        no(&ask(&harness, "jane", "ImportFile", import_body("people.csv", &people_rows(&["bob"])))
            .await),
        "bulk_import_users"
    );
    assert_eq!(harness.log_bytes(), before);

    for (permission, mine) in
        [("bulk_integrate_users", 3), ("bulk_import_users", 5), ("view_org_units", 1)]
    {
        let actor = format!("only-{permission}");
        ok(&ask(
            &harness,
            "root",
            "GrantPermissions",
            json!({"actor": actor, "permissions": [permission]}),
        )
        .await);
        let mut allowed = 0;
        for (name, params, _) in queries(&run, &import).into_iter().take(9) {
            allowed += usize::from(denied(&harness, &actor, name, params).await.is_none());
        }
        assert_eq!(allowed, mine, "{permission}");
    }
    let runner = "only-bulk_integrate_users";
    ok(&ask(&harness, runner, "StartBulkIntegration", by_users).await);
    assert_eq!(
        no(&ask(&harness, runner, "StartBulkIntegration", by_units.clone()).await),
        "view_org_units"
    );
    ok(&ask(
        &harness,
        "only-bulk_import_users",
        "ImportFile",
        import_body("people.csv", &people_rows(&["bob"])),
    )
    .await);
}

/// LX-02: who may not import learns nothing about the file, and leaves nothing behind.
#[tokio::test]
async fn lx_02_a_file_of_somebody_who_may_not_import_is_neither_read_nor_kept() {
    let harness = EngineHarness::acme(None).await;
    ok(&ask(
        &harness,
        "root",
        "GrantPermissions",
        json!({"actor": "root", "permissions": ["administer"]}),
    )
    .await);
    refused(
        &ask(&harness, "jane", "ImportFile", import_body("people.csv", "")).await,
        Code::AuthPermissionDenied,
    );
    let good = json!({"dialect": "leapxpert", "files": [{"name": "p.csv", "text": format!("{HEADER}a,,,,,,\n")}]});
    refused(&ask(&harness, "jane", "ImportFile", good).await, Code::AuthPermissionDenied);
    assert_eq!(std::fs::read_dir(harness.data().join("files")).unwrap().count(), 0);
}

/// A repeat is a repeat: its answer was given when the asker still had the permission.
#[tokio::test]
async fn a_repeat_is_answered_though_the_permission_is_gone() {
    let harness = EngineHarness::acme(None).await;
    let command = harness.engine().clock().id();
    let import = async || {
        let asked = envelope(command, "jane", &import_body("people.csv", &people_rows(&["ann"])));
        harness.engine().submit(&company_id("acme"), "ImportFile", asked, Authority::Granted).await
    };
    let first = ok(&import().await);
    ok(&ask(
        &harness,
        "root",
        "GrantPermissions",
        json!({"actor": "root", "permissions": ["administer"]}),
    )
    .await);
    let again = import().await;
    assert!(
        matches!(&again, Answer::Accepted { duplicate: true, result, .. } if *result == first),
        "{again:?}"
    );
}
