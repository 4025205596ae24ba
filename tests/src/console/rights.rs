//! Operators see and do what their permissions allow, in their own company.

use serde_json::Value;

use super::browser::Browser;
use super::form::Form;
use crate::support::program::Cli;
use crate::support::running_engine::{Engine, issue};

/// A page or an action that needs another permission names it, and does nothing.
#[test]
fn missing_permission_is_named() {
    let cli = Cli::with_three_people();
    let run = cli.start(&["--user", "ann"])["run"].as_str().unwrap().to_owned();
    let import = cli.rows(&["imports"])[0]["import"].as_str().unwrap().to_owned();
    let (token, admin) = (issue(&cli, "olga@local"), issue(&cli, "admin@local"));
    let engine = Engine::start(&cli, &[]);
    let mut browser = Browser::signed_in(&engine, &token);
    let import_form =
        browser.form("/console/imports/new", "/preview").file("a.csv", "username\neve\n");
    let preview = browser.submit(&import_form).expect(200);
    let phone = browser.form("/console/phones", "/phones").set("phone", "+84923448075");
    let confirm = "/console/runs/confirm?source=users&users=bob&channel=whatsapp";
    let start = browser.form(confirm, "/start");
    let undo = browser.form(&format!("/console/imports/{import}/undo"), "/undo");
    let grant = |actor: &str, permission: &str| {
        engine.run(&admin, &["permissions", "grant", actor, permission]).expect_status(0);
    };
    grant("admin@local", "administer");
    grant("olga@local", "accounts");
    let version =
        || engine.run(&admin, &["query", "company_status"]).json()["row"]["version"].clone();
    let before = version();
    let pages = [
        ("/console/runs", "bulk_integrate_users"),
        (&format!("/console/runs/{run}"), "bulk_integrate_users"),
        (confirm, "bulk_integrate_users"),
        (&format!("/console/download/integration_log?run={run}"), "bulk_integrate_users"),
        ("/console/imports", "bulk_import_users"),
        (&format!("/console/imports/{import}"), "bulk_import_users"),
        (&format!("/console/download/failed_rows?import={import}"), "bulk_import_users"),
        ("/console/access", "administer"),
        ("/console/history", "administer"),
    ];
    for (path, permission) in pages {
        let page = browser.get(path).expect(403);
        page.shows(&["Permission missing", &format!("<code>{permission}</code>")]);
    }
    let forms = [
        (import_form, "bulk_import_users"),
        (Form::of(&preview, "/commit"), "bulk_import_users"),
        (start, "bulk_integrate_users"),
        (undo, "bulk_import_users"),
        (phone.set("user", "ann"), "bulk_import_users"),
    ];
    for (form, permission) in forms {
        browser.send(&form).expect(403).shows(&[&format!("<code>{permission}</code>")]);
    }
    assert_eq!(version(), before);
    // A page with several parts shows those that it may, and names what the others need.
    let home = browser.open("/console/").expect(200);
    home.shows(&["Parts of this page need", "<code>bulk_integrate_users</code>"]);
    home.hides(&[&run[18..]]);
    browser.open("/console/people").expect(200).shows(&["ann@acme.example"]);
    browser.open("/console/person?user=ann").expect(200).hides(&["Everything that happened"]);
}

/// Without any permission, an operator sees no person.
#[test]
fn operator_without_permission_sees_nobody() {
    let cli = Cli::with_three_people();
    let token = issue(&cli, "olga@local");
    cli.run(&["permissions", "grant", "admin@local", "administer"]).expect_status(0);
    let engine = Engine::start(&cli, &[]);
    let mut browser = Browser::signed_in(&engine, &token);
    for path in ["people", "phones", "person?user=ann", "settings", "download/users", "runs/new"] {
        browser.get(&format!("/console/{path}")).expect(403).hides(&["ann", "+849"]);
    }
    browser.open("/console/").expect(200).hides(&["ann@", "three.csv"]);
}

/// A session of another company finds no run, import, user or upload by its id.
#[test]
fn other_company_finds_nothing_by_id() {
    let cli = Cli::with_three_people();
    let started = cli.start(&["--user", "ann", "--user", "nobody"]);
    let run = started["run"].as_str().unwrap().to_owned();
    let import = cli.rows(&["imports"])[0]["import"].as_str().unwrap().to_owned();
    let token = issue(&cli, "olga@local");
    let globex =
        |words: &[&str]| -> Value { cli.json(&[&["--company", "globex"], words].concat()) };
    globex(&["config", "set", "channels.whatsapp", "true"]);
    let other = globex(&["tokens", "issue", "--for", "olga@local"]);
    let engine = Engine::start(&cli, &[]);
    let mut own = Browser::signed_in(&engine, &token);
    let mut browser = Browser::signed_in_to(&engine, "globex", other["secret"].as_str().unwrap());
    let paths = [
        format!("runs/{run}"),
        format!("imports/{import}"),
        format!("imports/{import}/undo"),
        "person?user=ann".to_owned(),
        format!("runs/confirm?source=failed_of&run={run}&channel=whatsapp"),
        format!("runs/confirm?source=import&import={import}&channel=whatsapp"),
        format!("download/integration_log?run={run}"),
        format!("download/import_rows?import={import}"),
        format!("download/failed_rows?import={import}"),
    ];
    for path in paths {
        own.get(&format!("/console/{path}")).expect(200);
        let page = browser.get(&format!("/console/{path}"));
        assert!((400..500).contains(&page.status), "{path}: {page:?}");
        page.hides(&["ann@", "bob@", ">bob", "three.csv", "+849"]);
    }
    for path in ["people", "phones", "runs", "imports", "history", "access", "download/users"] {
        browser.get(&format!("/console/{path}")).expect(200).hides(&[
            ">ann<",
            "ann@",
            "three.csv",
            &run,
            &import,
        ]);
    }
    // An upload belongs to the company that has sent it.
    let file = "username,first_name,last_name,email\ndan,Dan,Doe,dan@acme.example\n";
    let form = own.form("/console/imports/new", "/preview").file("dan.csv", file);
    let preview = own.submit(&form).expect(200);
    let meant = Form::of(&preview, "/commit");
    let form = browser
        .form("/console/imports/new", "/preview")
        .file("eve.csv", &file.replace("dan", "eve"));
    let preview = browser.submit(&form).expect(200);
    let stolen = Form::of(&preview, "/commit").set("body", meant.value("body"));
    let stolen = stolen.set("plan_hash", meant.value("plan_hash"));
    browser.send(&stolen).expect(400).shows(&["import.upload_not_found"]);
    browser.get("/console/people").expect(200).hides(&["dan"]);
}
