//! Queries: `min_position`, pages, `as_of`, CSV formats, templates, failed rows.

use boarding_commands::values::Code;
use boarding_core::queries::QueryFailure;
use serde_json::{Value, json};

use super::{EngineHarness, import_body, numbered_rows, ok, people_rows};
use crate::support::random::SeededRandom;

/// A query with the position of an accepted command waits until the rows have reached this position. A query with a
/// later position fails with `not_yet_visible`.
#[tokio::test]
async fn query_waits_for_min_position_or_fails() {
    let harness = EngineHarness::acme(None).await;
    let answer = harness.submit("AddUser", json!({"user": "ann"})).await;
    let boarding_commands::envelope::Answer::Accepted { position, .. } = answer else { panic!() };
    let params = json!({"min_position": position});
    assert_eq!(harness.rows("users", params).await.len(), 1);
    let error = harness.query("users", json!({"min_position": position + 1})).await.unwrap_err();
    assert!(matches!(error, QueryFailure::Failed { code: Code::NotYetVisible, .. }), "{error:?}");
    let error = harness.query("users", json!({"min_position": "soon"})).await.unwrap_err();
    assert!(
        matches!(error, QueryFailure::Refused(refusal) if refusal.code == Code::QueryMalformed)
    );
}

#[tokio::test]
async fn pages_of_any_size_have_no_gaps_or_repeats() {
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
        let error = harness.query("users", json!({"limit": limit})).await.unwrap_err();
        assert!(
            matches!(error, QueryFailure::Refused(refusal) if refusal.code == Code::QueryMalformed)
        );
    }
}

const QUERIES: [&str; 8] =
    ["users", "phone_list", "imports", "runs", "invitations", "org_units", "roles", "config"];

async fn answers(harness: &EngineHarness, as_of: Value) -> Vec<Value> {
    let mut answers = Vec::new();
    for name in QUERIES {
        answers.push(harness.json(name, json!({"as_of": as_of})).await["rows"].clone());
    }
    answers
}

/// A query with `as_of` returns the rows of that time: the same as the query returned then.
#[tokio::test]
async fn as_of_gives_the_rows_of_that_position_or_time() {
    let harness = EngineHarness::acme(None).await;
    let mut states = Vec::new();
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
        states.push((position, harness.now(), answers(&harness, Value::Null).await));
        harness.advance_clock(60);
    }
    for (position, time, expected) in &states {
        assert_eq!(&answers(&harness, position.clone()).await, expected, "at {position}");
        assert_eq!(&answers(&harness, json!(time)).await, expected, "at {time}");
    }
    assert_ne!(states[0].2, states[3].2);
    let before = harness.json("users", json!({"as_of": 0})).await;
    assert_eq!((&before["rows"], &before["position"]), (&json!([]), &json!(0)));
}

/// N65: the format `spreadsheet` adds a guard against formulas. JSON and `csv` contain the exact value.
#[tokio::test]
async fn only_spreadsheets_have_formula_guards() {
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
    let error = harness.query("users", json!({"format": "pdf"})).await.unwrap_err();
    assert!(
        matches!(error, QueryFailure::Refused(refusal) if refusal.code == Code::QueryMalformed)
    );
}

#[tokio::test]
async fn csv_contains_the_rows_of_all_pages() {
    let harness = EngineHarness::acme(None).await;
    ok(&harness.submit("SetCompanyConfig", json!({"bulk_integration_max_records": 5000})).await);
    harness.import(&numbered_rows(1_200)).await;
    let text = harness.csv("phone_list", json!({"format": "csv"})).await;
    assert_eq!(text.lines().count(), 1201);
}

/// The history of an entity contains all its events, in order, and no others. The size of the pages does not matter.
#[tokio::test]
async fn history_of_an_entity_is_paged_in_order() {
    let harness = EngineHarness::acme(None).await;
    harness.import(&people_rows(&["ann", "bob"])).await;
    let run = harness.start_run().await;
    harness.settle().await;
    ok(&harness.submit("ArchiveUser", json!({"user": "ANN"})).await);
    let history = async |entity: &str, limit: u64| {
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
        let all = history(&entity, 500).await;
        assert!(all.len() >= 2 || entity.starts_with("phone"), "{entity}: {all:?}");
        assert!(all.is_sorted_by(|a, b| a.0 < b.0), "{entity}: {all:?}");
        assert_eq!(history(&entity, 1).await, all, "{entity}");
    }
    let ann: Vec<_> = history("user:ann", 500).await.into_iter().map(|(_, event)| event).collect();
    for event in ["UserCreated", "InviteDispatched", "InviteSent", "UserArchived"] {
        assert_eq!(ann.iter().filter(|one| *one == event).count(), 1, "{event}: {ann:?}");
    }
    let bob: Vec<_> = history("user:bob", 500).await.into_iter().map(|(_, event)| event).collect();
    assert!(!bob.contains(&"UserArchived".to_owned()), "{bob:?}");
}

/// The failed rows have the file's columns. A corrected copy of them can be imported.
#[tokio::test]
async fn failed_rows_are_imported_after_correction() {
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
    let corrected =
        failed.replace("not-an-address", "bob@people.example").replace("Nowhere", "Europe");
    let body = json!({"dialect": "leapxpert", "files": [{"name": "failed.csv", "text": corrected}], "add_to_corporate_phones": true});
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
    // Unknown and invalid parameters are refused, also by queries that the engine answers without read models.
    for (query, params, parameter) in [
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
        assert_eq!(refusal.details["parameter"], json!(parameter), "{query} {params}");
    }
}

/// LX-08: the template can be imported. A file whose name ends with another type, such as `.xlsx`, is refused.
#[tokio::test]
async fn template_can_be_imported() {
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
    let error = harness.query("template", json!({"dialect": "nothing"})).await.unwrap_err();
    assert!(
        matches!(error, QueryFailure::Refused(refusal) if refusal.code == Code::ImportUnknownDialect)
    );
    super::refused(
        &harness.submit("ImportFile", import_body("people.xlsx", &people_rows(&["ann"]))).await,
        Code::ImportUnsupportedFileType,
    );
}

/// P25, N65: an import of exported users changes none of them, in the formats `csv` and `spreadsheet`.
#[tokio::test]
async fn exported_users_are_unchanged_by_their_import() {
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

/// P25: names with any separator or quote are unchanged after export and import. This is true for roles, org units and
/// people.
#[tokio::test]
async fn exported_names_of_any_spelling_are_imported_unchanged() {
    const MARKS: [&str; 16] = [
        "\"", "'", ";", "|", ",", " ", "/", "\\", "\"\"", "; ", "“", "”", "=", "\u{a0}", "a", "Zoë",
    ];
    let harness = EngineHarness::acme(None).await;
    let mut rng = SeededRandom::new(11);
    let mut name = move |n: usize| {
        let marks: String = (0..=rng.below(5)).map(|_| rng.pick(&MARKS)).collect();
        // Trims the name, because names have no blanks at their ends.
        let name = format!("{}{n}{}", marks.trim(), rng.pick(&MARKS));
        name.trim().to_owned()
    };
    for person in 0..40 {
        let roles = [name(person), name(person + 100), name(person + 200)];
        for role in &roles {
            ok(&harness.submit("DefineRole", json!({"role": role})).await);
        }
        let unit = name(person);
        ok(&harness.submit("DefineOrgUnit", json!({"org_unit": unit, "roles": [roles[0]]})).await);
        let body = json!({"user": format!("user{person}"), "first_name": name(person), "roles": roles,
            "last_name": name(person), "email": "a@people.example", "org_unit": unit});
        ok(&harness.submit("AddUser", body).await);
    }
    for format in ["csv", "spreadsheet"] {
        let text = harness.csv("users", json!({"format": format})).await;
        let mut body = import_body("people.csv", "");
        body["files"][0]["text"] = json!(text);
        body["existing"] = json!("update");
        let result = ok(&harness.submit("ImportFile", body).await);
        assert_eq!((&result["unchanged"], &result["total"]), (&json!(40), &json!(40)), "{text}");
    }
}
