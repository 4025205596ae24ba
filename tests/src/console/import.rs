//! An import by forms alone: the preview, the import, its rows and its files.

use std::fs;

use serde_json::{Value, json};

use super::browser::Browser;
use super::form::Form;
use crate::support::page::Page;
use crate::support::program::Cli;
use crate::support::running_engine::{Engine, issue};
use crate::support::wait::wait_until;

/// Two good rows, one without a user name, one with a wrong address and a wrong phone, and ann, who exists already.
const FILE: &str = "username,first_name,last_name,email,phone_number,org_unit,role\n\
    dan,Dan,Doe,dan@acme.example,+84923448074,Fixed Income Desk,\n\
    eve,Eve,Doe,eve@acme.example,+84923448075,Fixed Income Desk,\n\
    ,No,Name,no@acme.example,+84923448076,Fixed Income Desk,\n\
    fay,Fay,Doe,not an address,12,Fixed Income Desk,\n\
    ann,Ann,New,ann@acme.example,+84923448071,Fixed Income Desk,\n";

fn preview(browser: &mut Browser, name: &str, file: &str) -> Page {
    let form = browser.form("/console/imports/new?dialect=leapxpert", "/preview");
    let form = form.set("add_to_corporate_phones", "1").file(name, file);
    browser.submit(&form).expect(200)
}

fn version(engine: &Engine<'_>, token: &str) -> Value {
    engine.run(token, &["query", "company_status"]).json()["row"]["version"].clone()
}

fn imports(engine: &Engine<'_>, token: &str) -> Vec<Value> {
    engine.run(token, &["imports", "--json"]).rows()
}

/// The preview shows the problems and writes nothing. The import writes exactly this, once.
#[test]
fn file_is_imported_as_its_preview_has_shown() {
    let cli = Cli::with_three_people();
    let token = issue(&cli, "olga@local");
    let engine = Engine::start(&cli, &[]);
    let mut browser = Browser::signed_in(&engine, &token);
    let before = version(&engine, &token);
    let page = preview(&mut browser, "staff list.csv", FILE);
    page.shows(&["Nothing is imported yet", "staff list.csv", "LeapXpert", "field.required"]);
    page.shows(&[
        "rows: <strong>5</strong>",
        "created: <strong>2</strong>",
        "invalid: <strong>2</strong>",
    ]);
    page.shows(&[
        "skipped: <strong>1</strong>",
        "<strong>username</strong>",
        "field.invalid_email",
    ]);
    assert_eq!(version(&engine, &token), before);
    let form = Form::of(&page, "/commit");
    let page = browser.submit(&form).expect(200);
    page.shows(&["<h1>Import</h1>", "created: <strong>2</strong>", "field.invalid_email"]);
    page.shows(&["phones added: <strong>2</strong>", "runs/new?import="]);
    let rows = imports(&engine, &token);
    let newest = ["file_name", "created", "skipped", "invalid", "phones_added", "requested_by"];
    let newest = newest.map(|name| rows[0][name].clone());
    assert_eq!(json!(newest), json!(["staff list.csv", 2, 1, 2, 2, "olga@local"]));
    // The same form again opens the same import.
    let after = version(&engine, &token);
    let again = browser.submit(&form).expect(200);
    assert_eq!(again.between("runs/new?import=", "\""), page.between("runs/new?import=", "\""));
    assert_eq!((version(&engine, &token), imports(&engine, &token).len()), (after, 2));
    let id = rows[0]["import"].as_str().unwrap();
    let created = browser.open(&format!("/console/imports/{id}?outcome=created")).expect(200);
    created.shows(&[">dan</a>", ">eve</a>"]);
    created.hides(&[">ann</a>", "fay"]);
    let failed = format!("/console/download/failed_rows?import={id}");
    let file = browser.get(&failed).expect(200);
    let printed = engine.run(&token, &["imports", "failed-rows", id]).expect_status(0).stdout;
    assert!(file.text.contains("not an address") && file.text.lines().count() == 4, "{file:?}");
    assert_eq!(file.text.replace('\r', ""), printed.replace('\r', ""));
    let name = file.headers["content-disposition"].to_str().unwrap();
    assert_eq!(name, "attachment; filename=\"failed_rows.csv\"");
    // The mended file is imported as it is.
    let mended = file.text.replace("not an address", "fay@acme.example");
    let mended = mended.replace(",No,Name", "gus,No,Name");
    let page = preview(&mut browser, "mended.csv", &mended);
    page.shows(&["created: <strong>2</strong>", "invalid: <strong>0</strong>"]);
}

/// The plan that was shown is not the plan any more, so the operator confirms again.
#[test]
fn changed_plan_of_an_import_is_shown_again() {
    let cli = Cli::with_three_people();
    let token = issue(&cli, "olga@local");
    let engine = Engine::start(&cli, &[]);
    let mut browser = Browser::signed_in(&engine, &token);
    let page = preview(&mut browser, "staff.csv", FILE);
    engine.run(&token, &["users", "add", "dan"]).expect_status(0);
    let again = browser.submit(&Form::of(&page, "/commit")).expect(409);
    again.shows(&[
        "The data has changed",
        "created: <strong>1</strong>",
        "skipped: <strong>2</strong>",
    ]);
    assert_eq!(imports(&engine, &token).len(), 1);
    let page = browser.submit(&Form::of(&again, "/commit")).expect(200);
    page.shows(&["<h1>Import</h1>", "created: <strong>1</strong>"]);
}

/// The form keeps its choices when the file was refused, and no upload is left behind.
#[test]
fn refused_file_leads_back_to_the_form() {
    let cli = Cli::with_three_people();
    let token = issue(&cli, "olga@local");
    let engine = Engine::start(&cli, &[]);
    let mut browser = Browser::signed_in(&engine, &token);
    let form = browser.form("/console/imports/new", "/preview");
    assert_eq!(form.value("existing"), "skip");
    let form = form.set("existing", "update").set("add_to_corporate_phones", "1");
    let form = form.set("delimiter", "tab");
    browser.submit(&form).expect(400).shows(&["Choose a file."]);
    let page = browser.submit(&form.file("wrong.csv", "no such columns\n1\n")).expect(400);
    page.shows(&["role=\"alert\"", "username, first_name"]);
    let again = Form::of(&page, "/preview");
    for name in ["existing", "add_to_corporate_phones", "delimiter", "dialect"] {
        assert!(!again.value(name).is_empty(), "{name}: {again:?}");
    }
    assert_eq!(again.value("existing"), "update");
    assert_eq!(fs::read_dir(cli.data().join("uploads/acme")).unwrap().count(), 0);
}

/// The page shows what the undo would do. Rows of people who were changed since stay, with the reason.
#[test]
fn import_is_undone_after_its_numbers_were_shown() {
    let cli = Cli::with_three_people();
    let token = issue(&cli, "olga@local");
    let engine = Engine::start(&cli, &[]);
    let mut browser = Browser::signed_in(&engine, &token);
    engine.run(&token, &["users", "archive", "bob"]).expect_status(0);
    let id = imports(&engine, &token)[0]["import"].as_str().unwrap().to_owned();
    let page = format!("/console/imports/{id}");
    browser.open(&page).expect(200).shows(&[&format!("{page}/undo")]);
    let before = version(&engine, &token);
    let shown = browser.open(&format!("{page}/undo")).expect(200);
    shown.shows(&["Rows that will be reversed</dt><dd>2", "Rows that will be kept</dt><dd>1"]);
    assert_eq!(version(&engine, &token), before);
    let form = Form::of(&shown, "/undo");
    browser.submit(&form).expect(200).shows(&["<h1>Import</h1>"]);
    browser.submit(&form).expect(200);
    let ended = || {
        let page = browser.open(&format!("{page}?undo=kept"));
        let has_ended =
            ["2 reversed, 1 kept", "Undone"].iter().all(|text| page.text.contains(text));
        has_ended.then_some(page)
    };
    let kept = wait_until("the undo has ended", ended);
    kept.shows(&[">bob</a>", "Undone", "changed"]);
    kept.hides(&[">ann</a>"]);
    let users = engine.run(&token, &["users", "--json"]).rows();
    assert_eq!(users.iter().map(|row| &row["user"]).collect::<Vec<_>>(), ["bob"]);
    let undone = browser.open("/console/history").expect(200).text;
    assert_eq!(undone.matches("<strong>Import undone").count(), 1, "{undone}");
}

/// The dialect of three files takes them together.
#[test]
fn several_files_are_imported_together() {
    let cli = Cli::with_company();
    let token = issue(&cli, "olga@local");
    let engine = Engine::start(&cli, &[]);
    let mut browser = Browser::signed_in(&engine, &token);
    let form = browser.form("/console/imports/new?dialect=ocm", "/preview");
    let mut form = form;
    for name in
        ["AccountOwner.csv", "AccountOwnerAddress.csv", "AccountOwnerRelation.csv", "x", "y"]
    {
        form = form.file(name, "a\n");
    }
    browser.submit(&form).expect(400).shows(&["at most 4 files"]);
}
