//! The query `picture`: the picture that a user has now, and its bytes in parts.

use std::io::{Read as _, Seek as _, SeekFrom};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use boarding_commands::event::Permission;
use boarding_commands::values::{Code, CompanyId, Refusal};
use boarding_projections::query::{Access, AnswerRow, Param};
use boarding_projections::user_pictures::{UserPictureRow, of_user};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};

use super::engine_query::{EngineQuery, EngineQueryRequest};
use super::failure::{JsonAnswer, QueryAnswer, QueryFailure, malformed, unavailable};
use super::query_schema::{QuerySchema, ResponseKind};
use crate::context::EngineContext;
use crate::limits::PICTURE_PART_BYTES;

/// The most digits of an offset. No picture has so many bytes, and a number of twelve digits fits in 64 bits.
const OFFSET_DIGITS_MAX: usize = 12;

/// The picture of a user. With an `offset` it has a part of the bytes.
#[derive(Serialize, JsonSchema)]
struct PicturePart {
    #[serde(flatten)]
    picture: UserPictureRow,
    /// The bytes from `offset`, in Base64, at most 512 KiB of them. Null without an `offset`.
    content: Option<String>,
    /// The offset of the next part; null after the last one.
    next_offset: Option<u64>,
}

pub(super) const QUERY: EngineQuery = EngineQuery {
    schema: QuerySchema {
        name: "picture",
        params: &[Param::text("user").required(), Param::pattern("offset", "^[0-9]{1,12}$")],
        one_of: &[],
        paged: false,
        has_csv: false,
        response: ResponseKind::Row(PicturePart::json_schema),
    },
    access: |_| Ok(Access::Permission(Permission::BulkImportUsers)),
    answer: picture,
};

/// Answers the query.
fn picture(request: &EngineQueryRequest<'_>) -> Result<QueryAnswer, QueryFailure> {
    let EngineQueryRequest { context, company, params, rows, position, .. } = *request;
    let user = params.get("user").and_then(Value::as_str).filter(|user| !user.is_empty());
    let user = user.ok_or_else(|| malformed("user", "expected the key of a user"))?;
    let offset = match params.get("offset") {
        None | Some(Value::Null) => None,
        Some(offset) => Some(as_offset(offset)?),
    };
    let found = of_user(rows, company, user).map_err(|error| unavailable(&error))?;
    let none = || Refusal::new(Code::PictureNotFound).with(json!({"user": user}));
    let picture = found.ok_or_else(none)?;
    let mut part = PicturePart { picture, content: None, next_offset: None };
    if let Some(offset) = offset {
        let bytes = read(context, &part.picture.sha256, offset).map_err(|lost| {
            no_longer_kept(context, company, user, &part.picture.sha256).unwrap_or(lost)
        })?;
        let next = offset.saturating_add(bytes.len() as u64);
        part.next_offset =
            Some(next).filter(|next| !bytes.is_empty() && *next < part.picture.bytes);
        part.content = Some(STANDARD.encode(bytes));
    }
    Ok(QueryAnswer::Json(JsonAnswer::row(position, &AnswerRow::of(&part))))
}

/// Returns a refusal if the user's picture was replaced or removed: the bytes of earlier pictures are deleted.
fn no_longer_kept(
    context: &EngineContext,
    company: &CompanyId,
    user: &str,
    sha256: &str,
) -> Option<QueryFailure> {
    let now = of_user(&context.read_models.view(), company, user).ok()?;
    let words = "The bytes of this earlier picture were removed when the user lost it.".to_owned();
    let refusal = Refusal::new(Code::PictureNotFound).worded(words).with(json!({"user": user}));
    now.is_none_or(|now| now.sha256 != sha256).then(|| refusal.into())
}

/// Parses an offset, which is a text of decimal digits.
fn as_offset(value: &Value) -> Result<u64, Refusal> {
    let digits = value.as_str().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
    let offset =
        digits.filter(|text| text.len() <= OFFSET_DIGITS_MAX).and_then(|text| text.parse().ok());
    offset.ok_or_else(|| malformed("offset", "expected a number of bytes"))
}

/// Reads the part of a picture that begins at the offset, at most [`PICTURE_PART_BYTES`].
fn read(context: &EngineContext, sha256: &str, offset: u64) -> Result<Vec<u8>, QueryFailure> {
    let lost = |error: std::io::Error| QueryFailure::Failed {
        code: Code::ImportFileLost,
        why: format!("the picture {sha256} cannot be read: {error}"),
    };
    let mut file = context.files.open(sha256).map_err(lost)?;
    file.seek(SeekFrom::Start(offset)).map_err(lost)?;
    let mut bytes = Vec::new();
    file.take(PICTURE_PART_BYTES as u64).read_to_end(&mut bytes).map_err(lost)?;
    Ok(bytes)
}
