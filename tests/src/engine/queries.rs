//! Queries at the engine: waiting, paging, earlier moments, formats.

use boarding_commands::values::Code;
use boarding_core::read::queries::QueryFailure;
use serde_json::{Value, json};

use super::{EngineHarness, import_body, numbered_rows, ok, people_rows};

/// A query that waits for what was just accepted sees it; one that waits for what never comes says so.
#[tokio::test]
async fn min_position_waits_for_what_is_to_come_and_gives_up_on_what_is_not() {
    let harness = EngineHarness::acme(None).await;
    let answer = harness.submit("AddUser", json!({"user": "ann"})).await;
    let boarding_commands::envelope::Answer::Accepted { position, .. } = answer else { panic!() };
    let asked = json!({"min_position": position});
    assert_eq!(harness.rows("users", asked).await.len(), 1);
    let no = harness.query("users", json!({"min_position": position + 1})).await.unwrap_err();
    assert!(matches!(no, QueryFailure::Failed { code: Code::NotYetVisible, .. }), "{no:?}");
    let no = harness.query("users", json!({"min_position": "soon"})).await.unwrap_err();
    assert!(matches!(no, QueryFailure::Refused(refusal) if refusal.code == Code::QueryMalformed));
}

/// Pages without gaps or repeats, whatever their size.
#[tokio::test]
async fn pages_of_1_200_rows_have_no_gaps_and_no_repeats() {
    let harness = EngineHarness::acme(None).await;
    ok(&harness.submit("SetCompanyConfig", json!({"bulk_integration_max_records": 5000})).await);
    let import = harness.import(&numbered_rows(1_200)).await["import"].clone();
    for limit in [7, 50, 500] {
        let rows = harness.all_rows("import_rows", json!({"import": import, "limit": limit})).await;
        let numbers: Vec<_> = rows.iter().map(|row| row["row"].as_u64().unwrap()).collect();
        assert_eq!(numbers, (1..=1200).collect::<Vec<_>>(), "{limit}");
        let mut users: Vec<_> = harness
            .all_rows("users", json!({"limit": limit}))
            .await
            .iter()
            .map(|row| row["user"].as_str().unwrap().to_owned())
            .collect();
        users.sort();
        users.dedup();
        assert_eq!(users.len(), 1200, "{limit}");
    }
    let history = harness.all_rows("history", json!({"limit": 500})).await;
    let versions: Vec<_> = history.iter().map(|row| row["version"].as_u64().unwrap()).collect();
    assert_eq!(versions, (1..=versions.len() as u64).collect::<Vec<_>>());
    for limit in [0, 501] {
        let no = harness.query("users", json!({"limit": limit})).await.unwrap_err();
        assert!(
            matches!(no, QueryFailure::Refused(refusal) if refusal.code == Code::QueryMalformed)
        );
    }
}

const VIEWS: [&str; 8] =
    ["users", "phone_list", "imports", "runs", "invitations", "org_units", "roles", "config"];

async fn views(harness: &EngineHarness, as_of: Value) -> Vec<Value> {
    let mut seen = Vec::new();
    for name in VIEWS {
        seen.push(harness.json(name, json!({"as_of": as_of})).await["rows"].clone());
    }
    seen
}

/// `as_of`: a position or a time gives what the query answered then.
#[tokio::test]
async fn an_earlier_position_or_time_gives_what_was_answered_then() {
    let harness = EngineHarness::acme(None).await;
    let mut moments = Vec::new();
    for step in 0..4 {
        match step {
            0 => drop(ok(&harness
                .submit("AddUser", json!({"user": "zoe", "email": "zoe@people.example"}))
                .await)),
            1 => drop(harness.import(&people_rows(&["ann", "bob"])).await),
            2 => drop(harness.start_run().await),
            _ => drop(ok(&harness.submit("ArchiveUser", json!({"user": "ann"})).await)),
        }
        harness.settle().await;
        let position = harness.json("users", json!({})).await["position"].clone();
        moments.push((position, harness.now(), views(&harness, Value::Null).await));
        harness.advance_clock(60);
    }
    for (position, time, then) in &moments {
        assert_eq!(&views(&harness, position.clone()).await, then, "at {position}");
        assert_eq!(&views(&harness, json!(time)).await, then, "at {time}");
    }
    assert_ne!(moments[0].2, moments[3].2);
    let before = harness.json("users", json!({"as_of": 0})).await;
    assert_eq!((&before["rows"], &before["position"]), (&json!([]), &json!(0)));
}

/// N65: spreadsheets get a guard against formulas, machines the very value.
#[tokio::test]
async fn n65_spreadsheets_are_guarded_and_machines_are_not() {
    let harness = EngineHarness::acme(None).await;
    let rows = "ann,=cmd|' /C calc'!A0,@SUM,ann@people.example,+84912345678,,\n";
    let import = harness.import(rows).await["import"].clone();
    harness.start_run().await;
    harness.settle().await;
    let user = harness.row("user", json!({"user": "ann"})).await;
    assert_eq!(
        (&user["first_name"], &user["last_name"]),
        (&json!("=cmd|' /C calc'!A0"), &json!("@SUM"))
    );
    let plain = harness.csv("phone_list", json!({"format": "csv"})).await;
    let guarded = harness.csv("phone_list", json!({"format": "spreadsheet"})).await;
    assert!(plain.contains("+84912345678") && !plain.contains("'+84912345678"), "{plain}");
    assert!(guarded.contains("'+84912345678") && guarded.contains("'=cmd"), "{guarded}");
    let run = harness.rows("runs", json!({})).await[0]["run"].clone();
    for (name, params) in
        [("integration_log", json!({"run": run})), ("import_rows", json!({"import": import}))]
    {
        let mut params = params;
        params["format"] = json!("csv");
        let text = harness.csv(name, params).await;
        assert_eq!(text.lines().count(), 2, "{text}");
    }
    let no = harness.query("users", json!({"format": "pdf"})).await.unwrap_err();
    assert!(matches!(no, QueryFailure::Refused(refusal) if refusal.code == Code::QueryMalformed));
}

/// A CSV holds all rows, however many pages they are.
#[tokio::test]
async fn a_csv_holds_every_page() {
    let harness = EngineHarness::acme(None).await;
    ok(&harness.submit("SetCompanyConfig", json!({"bulk_integration_max_records": 5000})).await);
    harness.import(&numbered_rows(1_200)).await;
    let text = harness.csv("phone_list", json!({"format": "csv"})).await;
    assert_eq!(text.lines().count(), 1201);
}

/// The history of one thing holds what concerns it, in order, page by page.
#[tokio::test]
async fn the_history_of_one_thing_is_paged_in_order() {
    let harness = EngineHarness::acme(None).await;
    harness.import(&people_rows(&["ann", "bob"])).await;
    let run = harness.start_run().await;
    harness.settle().await;
    ok(&harness.submit("ArchiveUser", json!({"user": "ANN"})).await);
    let of = async |entity: &str, limit: u64| {
        let rows = harness.all_rows("history", json!({"entity": entity, "limit": limit})).await;
        rows.iter()
            .map(|row| {
                (row["version"].as_u64().unwrap(), row["event"].as_str().unwrap().to_owned())
            })
            .collect::<Vec<_>>()
    };
    let phone = harness.rows("phone_list", json!({"search": "bob"})).await[0]["phone"]
        .as_str()
        .unwrap()
        .to_owned();
    for entity in ["user:ann".to_owned(), format!("run:{run}"), format!("phone:{phone}")] {
        let whole = of(&entity, 500).await;
        assert!(whole.len() >= 2 || entity.starts_with("phone"), "{entity}: {whole:?}");
        assert!(whole.is_sorted_by(|a, b| a.0 < b.0), "{entity}: {whole:?}");
        assert_eq!(of(&entity, 1).await, whole, "{entity}");
    }
    let ann: Vec<_> = of("user:ann", 500).await.into_iter().map(|(_, event)| event).collect();
    for event in ["UserCreated", "InviteDispatched", "InviteSent", "UserArchived"] {
        assert_eq!(ann.iter().filter(|one| *one == event).count(), 1, "{event}: {ann:?}");
    }
    let bob: Vec<_> = of("user:bob", 500).await.into_iter().map(|(_, event)| event).collect();
    assert!(!bob.contains(&"UserArchived".to_owned()), "{bob:?}");
}

/// The refused rows come back in the file's own columns, and go in again once they are mended.
#[tokio::test]
async fn failed_rows_are_imported_again_after_mending() {
    let harness = EngineHarness::acme(None).await;
    let rows = "ann,A,B,ann@people.example,+84912345678,,\nbob,B,C,not-an-address,+84912345679,,\ncid,C,D,cid@people.example,+84912345670,Nowhere,\n";
    let import = harness.import(rows).await["import"].clone();
    let failed = harness.csv("failed_rows", json!({"import": import})).await;
    let lines: Vec<_> = failed.lines().collect();
    assert_eq!(lines.len(), 3, "{failed}");
    assert!(lines[0].ends_with("role,_row,_column,_code,_reason"), "{failed}");
    assert!(
        lines[1].contains(",2,email,field.invalid_email,")
            && lines[2].contains("reference.org_unit_not_found"),
        "{failed}"
    );
    let mended =
        failed.replace("not-an-address", "bob@people.example").replace("Nowhere", "Europe");
    let body = json!({"dialect": "leapxpert", "files": [{"name": "failed.csv", "text": mended}], "add_to_corporate_phones": true});
    let result = ok(&harness.submit("ImportFile", body).await);
    assert_eq!(
        (&result["created"], &result["invalid"], &result["phones_added"]),
        (&json!(2), &json!(0), &json!(2)),
        "{result}"
    );
    let none = harness
        .query("failed_rows", json!({"import": "01JD0000000000000000000000"}))
        .await
        .unwrap_err();
    assert!(
        matches!(&none, QueryFailure::Refused(refusal) if refusal.code == Code::QueryNotFound),
        "{none:?}"
    );
    // What a query does not take is never ignored, by these two neither.
    for (query, params, named) in [
        ("failed_rows", json!({"import": import, "nope": 1}), "nope"),
        ("failed_rows", json!({"import": import, "limit": 0}), "limit"),
        ("failed_rows", json!({"import": 7}), "import"),
        ("template", json!({"dialect": "leapxpert", "nope": 1}), "nope"),
        ("template", json!({"dialect": "leapxpert", "limit": 5}), "limit"),
        ("template", json!({"dialect": "leapxpert", "file": 7}), "file"),
        ("history", json!({"nope": 1}), "nope"),
    ] {
        let QueryFailure::Refused(refusal) =
            harness.query(query, params.clone()).await.unwrap_err()
        else {
            panic!("{query} {params}")
        };
        assert_eq!(refusal.code, Code::QueryMalformed, "{query} {params}");
        assert_eq!(refusal.details["parameter"], json!(named), "{query} {params}");
    }
}

/// The template can be filled in and imported as it comes.
#[tokio::test]
async fn the_template_is_a_file_that_imports() {
    let harness = EngineHarness::acme(None).await;
    let row = harness.row("template", json!({"dialect": "leapxpert"})).await;
    let text = row["text"].as_str().unwrap();
    assert!(text.trim_start_matches('\u{feff}').starts_with("username,"), "{text}");
    ok(&harness
        .submit(
            "ImportFile",
            json!({"dialect": "leapxpert", "files": [{"name": row["file_name"], "text": text}]}),
        )
        .await);
    let no = harness.query("template", json!({"dialect": "nothing"})).await.unwrap_err();
    assert!(
        matches!(no, QueryFailure::Refused(refusal) if refusal.code == Code::ImportUnknownDialect)
    );
    // LX-08: what says it is something else is not taken for a CSV file.
    super::refused(
        &harness.submit("ImportFile", import_body("people.xlsx", &people_rows(&["ann"]))).await,
        Code::ImportUnsupportedFileType,
    );
}

/// P25, N65: people written out and imported again are unchanged, by a program and by way of a spreadsheet.
#[tokio::test]
async fn p25_people_written_out_and_imported_again_are_unchanged() {
    let harness = EngineHarness::acme(None).await;
    for (user, name) in
        [("ann", "=1+1"), ("@bob", "'=x"), ("cid", "“Cid”"), ("dee", "'t Hooft, \"Dee\"")]
    {
        let roles = ["Account Manager", "Team Lead"];
        let body = json!({"user": user, "first_name": name, "last_name": "-", "phone": "+84912345678",
            "email": "a@people.example", "org_unit": "Fixed Income Desk", "roles": roles});
        ok(&harness.submit("AddUser", body).await);
    }
    ok(&harness.submit("ArchiveUser", json!({"user": "dee"})).await);
    for format in ["csv", "spreadsheet"] {
        let text = harness.csv("users", json!({"format": format, "state": "active"})).await;
        let guarded = text.contains("'+84912345678") && text.contains("'@bob");
        assert_eq!(guarded, format == "spreadsheet", "{text}");
        let mut body = import_body("people.csv", "");
        body["files"][0]["text"] = json!(text);
        body["existing"] = json!("update");
        body["on_error"] = json!("reject_file");
        let result = ok(&harness.submit("ImportFile", body).await);
        assert_eq!((&result["unchanged"], &result["total"]), (&json!(3), &json!(3)), "{text}");
    }
}
