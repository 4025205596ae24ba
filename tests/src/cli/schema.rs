//! The verb `schema`, which needs no company and no data folder.

use serde_json::json;

use crate::support::program::{Cli, keys};

#[test]
fn schema_prints_the_contract_or_one_part() {
    let cli = Cli::new();
    let whole = cli.json(&["schema"]);
    assert_eq!(whole["$schema"], json!("https://json-schema.org/draft/2020-12/schema"));
    assert_eq!(cli.run(&["schema", "json"]).expect_status(0).json(), whole);
    let part = cli.json(&["schema", "ImportFile"]);
    assert_eq!(part["additionalProperties"], json!(false));
    assert_eq!(keys(&part["$defs"]).first(), Some(&"asked.Action"));
    assert_eq!(cli.json(&["schema", "json", "ImportFile"]), part);
    let event = cli.json(&["schema", "event.InviteSent"]);
    assert_eq!(event["properties"]["event"]["const"], json!("InviteSent"));
    let row = cli.json(&["schema", "query.runs.row"]);
    assert!(row["properties"]["queue_place"].is_object());
    let asyncapi = cli.json(&["schema", "asyncapi"]);
    assert_eq!(asyncapi["asyncapi"], json!("3.0.0"));
    let subject = cli.json(&["schema", "asyncapi", "ImportFile"]);
    let address = "boarding.v1.{company}.command.ImportFile";
    assert_eq!(subject["channels"]["command.ImportFile"]["address"], json!(address));
    assert!(!cli.data().exists(), "a data folder was created");
    let plain = cli.run(&["schema", "ImportFile"]).expect_status(0);
    assert!(plain.stdout.lines().count() > 20, "without --json the document is indented");
}

#[test]
fn unknown_part_ends_with_2_and_the_closest_name() {
    let cli = Cli::new();
    for (words, closest) in [
        (&["schema", "importfile"][..], "ImportFile"),
        (&["schema", "event.InviteSend"], "event.InviteSent"),
        (&["schema", "asyncapi", "event.UserCreate"], "event.UserCreated"),
        (&["schema", "query.integrationlog"], "query.integration_log"),
        (&["schema", "zebra"], "--help"),
        (&["schema", "yaml", "ImportFile"], "json or asyncapi"),
    ] {
        let output = cli.run(words).expect_status(2);
        assert!(output.stdout.is_empty(), "{words:?}");
        assert!(output.stderr.contains(closest), "{words:?}: {}", output.stderr);
    }
}
