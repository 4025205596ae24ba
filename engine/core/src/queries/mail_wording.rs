//! The query `mail_wording`: the wording of a mail that a person with a language gets.

use boarding_commands::company::Company;
use boarding_commands::event::MailKind;
use boarding_commands::values::{Code, Refusal};
use boarding_projections::query::{Access, AnswerRow, Param};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;

use super::engine_query::{EngineQuery, EngineQueryRequest, text_of};
use super::failure::{JsonAnswer, QueryAnswer, QueryFailure, malformed};
use super::query_schema::{QuerySchema, ResponseKind};

/// A wording in force.
#[derive(Serialize, JsonSchema)]
struct MailWording {
    kind: String,
    language: String,
    subject: String,
    text: String,
    html: String,
    /// How often the company has set this wording; 0 for the built-in one.
    version: u64,
}

pub(super) const QUERY: EngineQuery = EngineQuery {
    schema: QuerySchema {
        name: "mail_wording",
        params: &[Param::text("kind").required(), Param::text("language")],
        one_of: &[],
        paged: false,
        has_csv: false,
        response: ResponseKind::Row(MailWording::json_schema),
    },
    access: |_| Ok(Access::Everyone),
    answer: mail_wording,
};

/// Reads the company as of its last durable commit. Without a language, the wording is that of the company's language.
fn mail_wording(request: &EngineQueryRequest<'_>) -> Result<QueryAnswer, QueryFailure> {
    let kind = text_of(request.params, "kind")?;
    let language = text_of(request.params, "language")?;
    let kind = kind.ok_or_else(|| malformed("kind", "expected the name of a mail"))?;
    let kind = MailKind::ALL.into_iter().find(|known| known.as_str() == kind).ok_or_else(|| {
        let known: Vec<_> = MailKind::ALL.into_iter().map(MailKind::as_str).collect();
        let words = format!("There is no mail {kind}; the mails are {}.", known.join(", "));
        Refusal::new(Code::QueryNotFound).worded(words).with(json!({"known": known}))
    })?;
    let read = move |company: &Company| {
        let wording = company.wording(kind, language.as_deref())?;
        let mail = company.worded(kind, &wording)?;
        Some(MailWording {
            kind: kind.as_str().to_owned(),
            language: mail.language,
            subject: mail.subject,
            text: mail.text,
            html: mail.html,
            version: wording.version,
        })
    };
    let found = request.actor().inspect(read)?.ok_or_else(|| Refusal::new(Code::QueryNotFound))?;
    Ok(QueryAnswer::Json(JsonAnswer::row(request.position, &AnswerRow::of(&found))))
}
