//! Profile pictures: each archive, and what became of each picture of it (queries `picture_import`, `picture_rows`; OCM-20).

use boarding_commands::commit::Fact;
use boarding_commands::event::{Event, FileRef, Permission, PictureFormat, Who};
use boarding_commands::values::{Code, ImportId, Personal, Problem, Time};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::ReadModel;
use crate::imports::key as import_key;
use crate::projection::{Projection, Projector, load};
use crate::query::{
    Answer, Asked, Param, Query, QueryError, Spelled, not_found, page, shape_of, words,
};
use crate::rows::{Rows, Table};
use crate::sheet::Column;

pub const MODEL: ReadModel = ReadModel {
    projectors: &[Projector::of::<Pictures>()],
    queries: &[
        Query {
            name: "picture_import",
            permission: Some(Permission::BulkImportUsers),
            params: &[Param::id("import").required()],
            paged: false,
            row: shape_of::<ArchiveShown>,
            columns: None,
            answer: picture_import,
        },
        Query {
            name: "picture_rows",
            permission: Some(Permission::BulkImportUsers),
            params: &[Param::id("import").required(), Param::word::<PictureOutcome>("outcome")],
            paged: true,
            row: shape_of::<PictureShown>,
            columns: Some(&[
                Column { title: "Number", field: "/number" },
                Column { title: "Name", field: "/name" },
                Column { title: "Outcome", field: "/outcome" },
                Column { title: "User", field: "/user" },
                Column { title: "Problem", field: "/problem" },
                Column { title: "SHA-256", field: "/sha256" },
                Column { title: "Bytes", field: "/bytes" },
            ]),
            answer: picture_rows,
        },
    ],
};

words! {
    /// What became of a picture.
    PictureOutcome {
        Inserted "inserted"
        Invalid "invalid"
    }
}

/// An archive, or a picture of one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Row {
    Archive {
        import: ImportId,
        file: FileRef,
        inserted: u64,
        invalid: u64,
        requested_by: Personal<String>,
        at: Time,
    },
    Picture {
        number: u64,
        name: Personal<String>,
        /// Whose it is now, and where it is kept; or why it was refused.
        content: Result<(Who, String, u64, PictureFormat), Code>,
    },
}

/// An archive of pictures and its counts.
#[derive(Serialize, JsonSchema)]
struct ArchiveShown<'a> {
    import: ImportId,
    file_name: &'a str,
    sha256: &'a str,
    total: u64,
    inserted: u64,
    invalid: u64,
    requested_by: &'a Personal<String>,
    at: Time,
}

/// A picture of an archive and what became of it.
#[derive(Serialize, JsonSchema)]
struct PictureShown<'a> {
    /// Its number in the archive, from 1.
    number: u64,
    name: &'a Personal<String>,
    outcome: Spelled<PictureOutcome>,
    /// Whose picture it is now.
    user: Option<&'a Who>,
    problem: Option<Problem>,
    /// The digest under which it is kept.
    sha256: Option<&'a str>,
    bytes: Option<u64>,
    format: Option<PictureFormat>,
}

/// Archives and their pictures, by import and number; an archive itself has the number 0.
#[derive(Debug)]
pub struct Pictures;

impl Projection for Pictures {
    const TABLE: Table = Table::Pictures;
    const VERSION: u32 = 1;
    const READS: bool = false;
    type Row = Row;

    fn key(fact: &Fact<'_>) -> Option<Vec<u8>> {
        match fact.event {
            Event::PicturesImported { import, .. } => Some(key(*import, 0)),
            Event::PictureInserted { import, number, .. }
            | Event::PictureRefused { import, number, .. } => Some(key(*import, *number)),
            _ => None,
        }
    }

    fn evolve(_: Option<Row>, fact: &Fact<'_>) -> Option<Row> {
        match fact.event {
            Event::PicturesImported { import, file, inserted, invalid, .. } => Some(Row::Archive {
                import: *import,
                file: file.clone(),
                inserted: *inserted,
                invalid: *invalid,
                requested_by: fact.commit.actor.clone(),
                at: fact.commit.at,
            }),
            Event::PictureInserted { number, name, user, sha256, bytes, format, .. } => {
                let content = Ok((user.clone(), sha256.clone(), *bytes, *format));
                Some(Row::Picture { number: *number, name: name.clone(), content })
            }
            Event::PictureRefused { number, name, code, .. } => {
                Some(Row::Picture { number: *number, name: name.clone(), content: Err(*code) })
            }
            _ => None,
        }
    }
}

fn key(import: ImportId, number: u64) -> Vec<u8> {
    [import_key(import).as_slice(), &number.to_be_bytes()].concat()
}

fn archive(asked: &Asked<'_>, rows: &dyn Rows, id: ImportId) -> Result<Row, QueryError> {
    let archive = load::<Pictures>(rows, asked.company, &key(id, 0))?;
    archive.ok_or_else(|| not_found("import", &id))
}

fn picture_import(asked: &Asked<'_>, rows: &dyn Rows) -> Result<Answer, QueryError> {
    let id: ImportId = asked.required_id("import")?;
    match archive(asked, rows, id)? {
        Row::Archive { import, file, inserted, invalid, requested_by, at } => {
            Ok(Answer::Row(json!(ArchiveShown {
                import,
                file_name: &file.name,
                sha256: &file.sha256,
                total: inserted + invalid,
                inserted,
                invalid,
                requested_by: &requested_by,
                at,
            })))
        }
        Row::Picture { .. } => Err(not_found("import", &id)),
    }
}

fn picture_rows(asked: &Asked<'_>, rows: &dyn Rows) -> Result<Answer, QueryError> {
    let id: ImportId = asked.required_id("import")?;
    let wanted = asked.word::<PictureOutcome>("outcome")?;
    archive(asked, rows, id)?;
    page::<Pictures, _>(asked, rows, &import_key(id), |_, row| Ok([show(&row, wanted)]))
}

fn show(row: &Row, wanted: Option<PictureOutcome>) -> Option<Value> {
    let Row::Picture { number, name, content } = row else { return None };
    let outcome = if content.is_ok() { PictureOutcome::Inserted } else { PictureOutcome::Invalid };
    if wanted.is_some_and(|wanted| wanted != outcome) {
        return None;
    }
    let kept = content.as_ref().ok();
    Some(json!(PictureShown {
        number: *number,
        name,
        outcome: Spelled(outcome),
        user: kept.map(|(user, ..)| user),
        problem: content.as_ref().err().map(|code| Problem::new(*code)),
        sha256: kept.map(|(_, sha256, ..)| sha256.as_str()),
        bytes: kept.map(|(_, _, bytes, _)| *bytes),
        format: kept.map(|(.., format)| *format),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Story, at, column, import, who};

    fn story() -> Story {
        let name = |name: &str| Personal(name.to_owned());
        let file = FileRef { name: "Archive.zip".to_owned(), sha256: "ab".repeat(32), bytes: 9 };
        Story::of("acme").then([
            Event::PicturesImported {
                import: import(1),
                file,
                match_attribute: "agent_id".to_owned(),
                inserted: 1,
                invalid: 1,
            },
            Event::PictureInserted {
                import: import(1),
                number: 1,
                name: name("johndoe22.jpg"),
                user: who("john"),
                sha256: "5e".repeat(32),
                bytes: 7,
                format: PictureFormat::Jpeg,
            },
            Event::PictureRefused {
                import: import(1),
                number: 2,
                name: name("johndoe22.png"),
                code: Code::PictureDuplicateForUser,
            },
        ])
    }

    /// OCM-20: the counts inserted and invalid, each listable.
    #[test]
    fn ocm_20_inserted_and_invalid_pictures_are_counted_and_listed() {
        let asked = |outcome: Value| {
            story().ask("picture_rows", &json!({"import": import(1), "outcome": outcome}))
        };
        assert_eq!(column(&asked(json!(null)), "number"), [json!(1), json!(2)]);
        assert_eq!(
            asked(json!("inserted")),
            [json!({"number": 1, "name": "johndoe22.jpg", "outcome": "inserted", "user": "john",
                "problem": null, "sha256": "5e".repeat(32), "bytes": 7, "format": "jpeg"})]
        );
        let invalid = asked(json!("invalid"));
        assert_eq!(invalid[0]["problem"]["code"], "picture.duplicate_for_user");
        let archive = story().ask_row("picture_import", &json!({"import": import(1)}));
        assert_eq!((&archive["total"], &archive["inserted"]), (&json!(2), &json!(1)));
        assert_eq!((&archive["file_name"], &archive["at"]), (&json!("Archive.zip"), &json!(at(0))));
        for query in ["picture_rows", "picture_import"] {
            let no = story().refused(query, &json!({"import": import(2)}));
            assert_eq!(no, "query.not_found");
        }
    }
}
