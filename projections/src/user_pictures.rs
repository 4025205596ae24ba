//! The profile picture that each user has now (query `pictures`).

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use boarding_commands::commit::RecordedEvent;
use boarding_commands::event::{Event, Permission, PictureFormat, Who};
use boarding_commands::values::{CompanyId, ImportId, Personal, Time, fold};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::csv_export::{CsvLayout, ExportColumn};
use crate::projection::{Projection, load, scan};
use crate::projector::Projector;
use crate::query::{
    Access, AnswerRow, Needle, Newest, Param, Query, QueryError, QueryRequest, RowsAnswer, page,
    schema_of,
};
use crate::read_model::ReadModel;
use crate::rows::{Rows, RowsError, Table};

pub(crate) const MODEL: ReadModel = ReadModel {
    projectors: &[Projector::of::<UserPictureProjection>()],
    queries: &[Query {
        name: "pictures",
        access: Access::Permission(Permission::BulkImportUsers),
        params: &[Param::text("search"), Param::id_or_latest("import", Newest::Pictures)],
        paged: true,
        row: schema_of::<UserPictureRow>,
        csv: Some(CsvLayout::report(&[
            ExportColumn { title: "User", field: "/user" },
            ExportColumn { title: "Name", field: "/name" },
            ExportColumn { title: "Format", field: "/format" },
            ExportColumn { title: "Bytes", field: "/bytes" },
            ExportColumn { title: "SHA-256", field: "/sha256" },
            ExportColumn { title: "Since", field: "/at" },
            ExportColumn { title: "Import", field: "/import" },
        ])),
        answer: pictures,
    }],
};

/// The picture of a user.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct UserPictureRow {
    pub user: Who,
    /// The file name in the archive.
    pub name: Personal<String>,
    pub format: PictureFormat,
    pub bytes: u64,
    pub sha256: String,
    /// When the user got it.
    pub at: Time,
    /// The import of the archive.
    pub import: ImportId,
}

/// Pictures by user.
#[derive(Debug)]
pub(crate) struct UserPictureProjection;

impl Projection for UserPictureProjection {
    const TABLE: Table = Table::UserPictures;
    const VERSION: u32 = 1;
    type Row = UserPictureRow;

    fn key(recorded: &RecordedEvent<'_>) -> Option<Vec<u8>> {
        match recorded.event {
            Event::PictureInserted { user, .. }
            | Event::PictureRemoved { user, .. }
            | Event::UserRemoved { user } => Some(fold(user.as_str()).into_bytes()),
            _ => None,
        }
    }

    fn evolve(_: Option<UserPictureRow>, recorded: &RecordedEvent<'_>) -> Option<UserPictureRow> {
        let Event::PictureInserted { import, name, user, sha256, bytes, format, .. } =
            recorded.event
        else {
            return None;
        };
        Some(UserPictureRow {
            user: user.clone(),
            name: name.clone(),
            format: *format,
            bytes: *bytes,
            sha256: sha256.clone(),
            at: recorded.commit.at,
            import: *import,
        })
    }
}

fn pictures(request: &QueryRequest<'_>, rows: &dyn Rows) -> Result<RowsAnswer, QueryError> {
    let (search, import) = (request.search()?, request.id::<ImportId>("import")?);
    let is_wanted = |row: &UserPictureRow, needle: Option<&Needle>| {
        import.is_none_or(|import| row.import == import)
            && needle.is_none_or(|needle| {
                needle.is_in(row.user.as_str()) || needle.is_in(row.name.as_str())
            })
    };
    page::<UserPictureProjection, _>(request, rows, &[], |_, row| {
        let shown: Option<AnswerRow> =
            is_wanted(&row, search.as_ref()).then(|| AnswerRow::of(&row));
        Ok([shown])
    })
}

/// The picture that a user has now.
///
/// # Errors
/// Those of the store.
pub fn of_user(
    rows: &dyn Rows,
    company: &CompanyId,
    user: &str,
) -> Result<Option<UserPictureRow>, RowsError> {
    load::<UserPictureProjection>(rows, company, fold(user).as_bytes())
}

/// Removes from the digests those of pictures that users of the company have now.
///
/// # Errors
/// Those of the store.
pub fn retain_unused(
    rows: &dyn Rows,
    company: &CompanyId,
    digests: &mut BTreeSet<String>,
) -> Result<(), RowsError> {
    if digests.is_empty() {
        return Ok(());
    }
    scan::<UserPictureProjection>(rows, company, &[], &[], |_, row| {
        digests.remove(&row.sha256);
        let is_decided = digests.is_empty();
        Ok(if is_decided { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{TestCompany, at, column, import, who};
    use serde_json::json;

    fn inserted(n: u128, user: &str, digest: &str) -> Event {
        Event::PictureInserted {
            import: import(n),
            number: 1,
            name: Personal(format!("{user}.png")),
            user: who(user),
            sha256: digest.repeat(32),
            bytes: 7,
            format: PictureFormat::Png,
            replaced: None,
        }
    }

    /// OCM-20: the list has the newest picture of each user, and none that was removed.
    #[test]
    fn each_user_has_the_newest_picture() {
        let removed =
            |user: &str| Event::PictureRemoved { user: who(user), sha256: "5e".repeat(32) };
        let company = TestCompany::new("acme")
            .commit([inserted(1, "ann", "5e"), inserted(1, "bob", "5e"), inserted(1, "cid", "5e")])
            .commit([inserted(2, "Ann", "6f")])
            .commit([removed("BOB")]);
        let rows = company.query("pictures", &json!({}));
        assert_eq!(column(&rows, "user"), ["Ann", "cid"]);
        assert_eq!((&rows[0]["sha256"], &rows[0]["at"]), (&json!("6f".repeat(32)), &json!(at(1))));
        assert_eq!(company.query("pictures", &json!({"import": import(1)})).len(), 1);
        assert_eq!(company.query("pictures", &json!({"search": "ANN"})).len(), 1);
    }
}
