//! Imports of large archives of pictures that are killed.

use std::fs;

use serde_json::json;

use super::sample_folder::{SampleFolder, id};
use crate::support::pictures::write_pictures;

/// P14, OCM-20: A killed import of a large archive goes on. Each picture has one outcome.
#[test]
fn killed_import_of_pictures_continues() {
    let folder = SampleFolder::with_company();
    for agent in [1, 2_400] {
        let attributes = json!({"agent_id": format!("agent{agent}")});
        folder.command_accepted(
            "AddUser",
            &json!({"user": agent.to_string(), "attributes": attributes}),
        );
    }
    let archive = folder.data().with_file_name("Faces.zip");
    write_pictures(&archive, "[f'agent{n}.png' for n in range(1, 2401)]", 2);
    let import = id();
    let words = ["pictures", archive.to_str().unwrap(), "--id", &import];
    // The archive is stored first, and then the pictures of the first command.
    let files = folder.data().join("files");
    let is_time = || fs::read_dir(&files).is_ok_and(|files| files.count() >= 2);
    let killed = folder.start(&words).kill_when(is_time).was_killed();
    assert!(killed, "the import ended before it was killed");
    folder.lines(&["runs", "resume"], 0);
    let row = folder.lines(&["query", "picture_import", &format!("import={import}")], 0).remove(0);
    let row = row.get("row").unwrap_or(&row);
    assert_eq!(
        (&row["state"], &row["inserted"], &row["invalid"]),
        (&json!("completed"), &json!(2), &json!(2_398)),
        "{row}"
    );
    let rows = folder.lines(&["pictures", "--rows", &import], 0);
    let numbers: Vec<_> = rows.iter().map(|row| row["number"].as_u64().unwrap()).collect();
    assert_eq!(numbers, (1..=2_400).collect::<Vec<_>>());
}
