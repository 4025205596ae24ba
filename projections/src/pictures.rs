//! Archives of profile pictures and each picture's outcome (queries `picture_imports`, `picture_import`, `picture_rows`).

use boarding_commands::commit::RecordedEvent;
use boarding_commands::event::{Event, FileRef, Permission, PictureFormat, Who};
use boarding_commands::values::{Code, ImportId, Personal, Problem, Time};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::csv_export::{CsvLayout, ExportColumn};
use crate::projection::{Projection, load, newest_first};
use crate::projector::Projector;
use crate::query::{
    Access, AnswerRow, Newest, Param, Query, QueryError, QueryRequest, RowsAnswer, WireName,
    not_found, page, schema_of, wire_enum,
};
use crate::read_model::ReadModel;
use crate::rows::{Rows, Table};
use crate::tables::imports::key as import_key;

pub(crate) const MODEL: ReadModel = ReadModel {
    projectors: &[Projector::of::<PictureProjection>(), Projector::of::<PictureOrderProjection>()],
    queries: &[
        Query {
            name: "picture_imports",
            access: Access::Permission(Permission::BulkImportUsers),
            params: &[],
            paged: true,
            row: schema_of::<ArchiveShown>,
            csv: None,
            answer: picture_imports,
        },
        Query {
            name: "picture_import",
            access: Access::Permission(Permission::BulkImportUsers),
            params: &[Param::id_or_latest("import", Newest::Pictures).required()],
            paged: false,
            row: schema_of::<ArchiveShown>,
            csv: None,
            answer: picture_import,
        },
        Query {
            name: "picture_rows",
            access: Access::Permission(Permission::BulkImportUsers),
            params: &[
                Param::id_or_latest("import", Newest::Pictures).required(),
                Param::one_of::<PictureOutcome>("outcome"),
            ],
            paged: true,
            row: schema_of::<PictureShown>,
            csv: Some(CsvLayout::report(&[
                ExportColumn { title: "Number", field: "/number" },
                ExportColumn { title: "Name", field: "/name" },
                ExportColumn { title: "Outcome", field: "/outcome" },
                ExportColumn { title: "User", field: "/user" },
                ExportColumn { title: "Problem", field: "/problem" },
                ExportColumn { title: "SHA-256", field: "/sha256" },
                ExportColumn { title: "Bytes", field: "/bytes" },
            ])),
            answer: picture_rows,
        },
    ],
};

wire_enum! {
    /// Whether all pictures of an archive have an outcome.
    ArchiveState {
        Processing "processing"
        Completed "completed"
    }
}

wire_enum! {
    /// The outcome of a picture.
    PictureOutcome {
        Inserted "inserted"
        Invalid "invalid"
    }
}

/// An archive or one of its pictures.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) enum PictureRow {
    Archive {
        import: ImportId,
        file: FileRef,
        /// Whether all pictures have an outcome. Before that the counts are 0.
        completed: bool,
        total: u64,
        inserted: u64,
        invalid: u64,
        requested_by: Personal<String>,
        at: Time,
        /// The version of its first event, by which archives are listed.
        version: u64,
    },
    Picture {
        number: u64,
        name: Personal<String>,
        /// The user, the SHA-256, the size in bytes and the format; or the reason of a refusal.
        content: Result<(Who, String, u64, PictureFormat), Code>,
    },
}

/// An archive of pictures and its counts.
#[derive(Serialize, JsonSchema)]
struct ArchiveShown<'a> {
    import: ImportId,
    file_name: &'a str,
    sha256: &'a str,
    state: WireName<ArchiveState>,
    total: u64,
    /// 0 while the state is `processing`, as `invalid` is.
    inserted: u64,
    invalid: u64,
    requested_by: &'a Personal<String>,
    at: Time,
}

/// A picture of an archive, with its outcome.
#[derive(Serialize, JsonSchema)]
struct PictureShown<'a> {
    /// The number in the archive, from 1.
    number: u64,
    name: &'a Personal<String>,
    outcome: WireName<PictureOutcome>,
    /// The user who has the picture now.
    user: Option<&'a Who>,
    problem: Option<Problem>,
    /// The digest under which the picture is stored.
    sha256: Option<&'a str>,
    bytes: Option<u64>,
    format: Option<PictureFormat>,
}

/// Archives and pictures by import and number. The archive itself has the number 0.
#[derive(Debug)]
pub(crate) struct PictureProjection;

impl Projection for PictureProjection {
    const TABLE: Table = Table::Pictures;
    const VERSION: u32 = 2;
    type Row = PictureRow;

    fn key(recorded: &RecordedEvent<'_>) -> Option<Vec<u8>> {
        match recorded.event {
            Event::PicturesAccepted { import, .. } | Event::PicturesImported { import, .. } => {
                Some(key(*import, 0))
            }
            Event::PictureInserted { import, number, .. }
            | Event::PictureRefused { import, number, .. } => Some(key(*import, *number)),
            _ => None,
        }
    }

    fn evolve(row: Option<PictureRow>, recorded: &RecordedEvent<'_>) -> Option<PictureRow> {
        // A large archive was accepted first: its row says who sent it, and when.
        let first = |row: Option<PictureRow>| match row {
            Some(PictureRow::Archive { requested_by, at, version, .. }) => {
                (requested_by, at, version)
            }
            _ => (recorded.commit.actor.clone(), recorded.commit.at, recorded.version),
        };
        match recorded.event {
            Event::PicturesAccepted { import, file, total, .. } => {
                let (requested_by, at, version) = first(row);
                Some(PictureRow::Archive {
                    import: *import,
                    file: file.clone(),
                    completed: false,
                    total: *total,
                    inserted: 0,
                    invalid: 0,
                    requested_by,
                    at,
                    version,
                })
            }
            Event::PicturesImported { import, file, inserted, invalid, .. } => {
                let (requested_by, at, version) = first(row);
                Some(PictureRow::Archive {
                    import: *import,
                    file: file.clone(),
                    completed: true,
                    total: inserted + invalid,
                    inserted: *inserted,
                    invalid: *invalid,
                    requested_by,
                    at,
                    version,
                })
            }
            Event::PictureInserted { number, name, user, sha256, bytes, format, .. } => {
                let content = Ok((user.clone(), sha256.clone(), *bytes, *format));
                Some(PictureRow::Picture { number: *number, name: name.clone(), content })
            }
            Event::PictureRefused { number, name, code, .. } => Some(PictureRow::Picture {
                number: *number,
                name: name.clone(),
                content: Err(*code),
            }),
            _ => None,
        }
    }
}

/// Ids of archives, newest first. Ids cannot give this order, because clients may choose them.
#[derive(Debug)]
pub(crate) struct PictureOrderProjection;

impl Projection for PictureOrderProjection {
    const TABLE: Table = Table::PictureOrder;
    const VERSION: u32 = 1;
    const READS: bool = false;
    type Row = ImportId;

    fn key(recorded: &RecordedEvent<'_>) -> Option<Vec<u8>> {
        let is_archive = matches!(
            recorded.event,
            Event::PicturesAccepted { .. } | Event::PicturesImported { .. }
        );
        is_archive.then(|| newest_first(recorded.version))
    }

    fn evolve(_: Option<ImportId>, recorded: &RecordedEvent<'_>) -> Option<ImportId> {
        match recorded.event {
            Event::PicturesAccepted { import, .. } | Event::PicturesImported { import, .. } => {
                Some(*import)
            }
            _ => None,
        }
    }
}

impl PictureRow {
    /// The archive; none for a picture.
    fn shown(&self) -> Option<AnswerRow> {
        let Self::Archive {
            import,
            file,
            completed,
            total,
            inserted,
            invalid,
            requested_by,
            at,
            ..
        } = self
        else {
            return None;
        };
        let state = if *completed { ArchiveState::Completed } else { ArchiveState::Processing };
        Some(AnswerRow::of(&ArchiveShown {
            import: *import,
            file_name: &file.name,
            sha256: &file.sha256,
            state: WireName(state),
            total: *total,
            inserted: *inserted,
            invalid: *invalid,
            requested_by,
            at: *at,
        }))
    }
}

fn key(import: ImportId, number: u64) -> Vec<u8> {
    [import_key(import).as_slice(), &number.to_be_bytes()].concat()
}

fn archive(
    request: &QueryRequest<'_>,
    rows: &dyn Rows,
    id: ImportId,
) -> Result<PictureRow, QueryError> {
    let archive = load::<PictureProjection>(rows, request.company, &key(id, 0))?;
    archive.ok_or_else(|| not_found("import", &id))
}

fn picture_import(request: &QueryRequest<'_>, rows: &dyn Rows) -> Result<RowsAnswer, QueryError> {
    let id: ImportId = request.required_id("import")?;
    let shown = archive(request, rows, id)?.shown();
    shown.map(RowsAnswer::Row).ok_or_else(|| not_found("import", &id))
}

fn picture_imports(request: &QueryRequest<'_>, rows: &dyn Rows) -> Result<RowsAnswer, QueryError> {
    page::<PictureOrderProjection, _>(request, rows, &[], |place, id| {
        let archive = load::<PictureProjection>(rows, request.company, &key(id, 0))?;
        // The end of a large archive has a place too, where it is not listed again.
        let is_first = |archive: &PictureRow| match archive {
            PictureRow::Archive { version, .. } => newest_first(*version) == place,
            PictureRow::Picture { .. } => false,
        };
        Ok([archive.filter(is_first).and_then(|archive| archive.shown())])
    })
}

fn picture_rows(request: &QueryRequest<'_>, rows: &dyn Rows) -> Result<RowsAnswer, QueryError> {
    let id: ImportId = request.required_id("import")?;
    let wanted = request.one_of::<PictureOutcome>("outcome")?;
    archive(request, rows, id)?;
    page::<PictureProjection, _>(request, rows, &import_key(id), |_, row| Ok([show(&row, wanted)]))
}

fn show(row: &PictureRow, wanted: Option<PictureOutcome>) -> Option<AnswerRow> {
    let PictureRow::Picture { number, name, content } = row else { return None };
    let outcome = if content.is_ok() { PictureOutcome::Inserted } else { PictureOutcome::Invalid };
    if wanted.is_some_and(|wanted| wanted != outcome) {
        return None;
    }
    let kept = content.as_ref().ok();
    Some(AnswerRow::of(&PictureShown {
        number: *number,
        name,
        outcome: WireName(outcome),
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
    use crate::testing::{TestCompany, at, column, import, who};
    use serde_json::{Value, json};

    fn company() -> TestCompany {
        let name = |name: &str| Personal(name.to_owned());
        let file = FileRef { name: "Archive.zip".to_owned(), sha256: "ab".repeat(32), bytes: 9 };
        TestCompany::new("acme").commit([
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
                replaced: None,
            },
            Event::PictureRefused {
                import: import(1),
                number: 2,
                name: name("johndoe22.png"),
                code: Code::PictureDuplicateForUser,
            },
        ])
    }

    /// OCM-20: a large archive is listed once, from its start on, by who requested it.
    #[test]
    fn large_archive_is_listed_once() {
        let file = || FileRef { name: "Big.zip".to_owned(), sha256: "cd".repeat(32), bytes: 9 };
        let match_attribute = || "agent_id".to_owned();
        let accepted = Event::PicturesAccepted {
            import: import(2),
            file: file(),
            match_attribute: match_attribute(),
            total: 1,
        };
        let refused = Event::PictureRefused {
            import: import(2),
            number: 1,
            name: Personal("a.png".to_owned()),
            code: Code::PictureNoMatch,
        };
        let ended = Event::PicturesImported {
            import: import(2),
            file: file(),
            match_attribute: match_attribute(),
            inserted: 0,
            invalid: 1,
        };
        let company = company().commit([accepted]);
        let states =
            |company: &TestCompany| column(&company.query("picture_imports", &json!({})), "state");
        assert_eq!(states(&company), ["processing", "completed"]);
        let company = company.commit([refused, ended]);
        assert_eq!(states(&company), ["completed", "completed"]);
    }

    /// OCM-20.
    #[test]
    fn inserted_and_invalid_pictures_are_counted_and_listed() {
        let asked = |outcome: Value| {
            company().query("picture_rows", &json!({"import": import(1), "outcome": outcome}))
        };
        assert_eq!(column(&asked(json!(null)), "number"), [json!(1), json!(2)]);
        assert_eq!(
            asked(json!("inserted")),
            [json!({"number": 1, "name": "johndoe22.jpg", "outcome": "inserted", "user": "john",
                "problem": null, "sha256": "5e".repeat(32), "bytes": 7, "format": "jpeg"})]
        );
        let invalid = asked(json!("invalid"));
        assert_eq!(invalid[0]["problem"]["code"], "picture.duplicate_for_user");
        let archive = company().query_row("picture_import", &json!({"import": import(1)}));
        assert_eq!((&archive["total"], &archive["inserted"]), (&json!(2), &json!(1)));
        assert_eq!((&archive["file_name"], &archive["at"]), (&json!("Archive.zip"), &json!(at(0))));
        for query in ["picture_rows", "picture_import"] {
            let no = company().refusal(query, &json!({"import": import(2)}));
            assert_eq!(no, "query.not_found");
        }
    }
}
