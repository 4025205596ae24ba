//! Mail templates of the company (queries `templates`, `mail_templates`).

use boarding_commands::commit::RecordedEvent;
use boarding_commands::event::FirstMail;
use boarding_commands::event::{Event, MailKind};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::projection::Projection;
use crate::projector::Projector;
use crate::query::{
    Access, AnswerRow, Query, QueryError, QueryRequest, RowsAnswer, page, schema_of,
};
use crate::read_model::ReadModel;
use crate::rows::{Rows, Table};

pub(crate) const MODEL: ReadModel = ReadModel {
    projectors: &[Projector::of::<TemplateProjection>()],
    queries: &[
        Query {
            name: "templates",
            access: Access::Everyone,
            params: &[],
            paged: true,
            row: schema_of::<FirstTemplateShown>,
            csv: None,
            answer: templates,
        },
        Query {
            name: "mail_templates",
            access: Access::Everyone,
            params: &[],
            paged: true,
            row: schema_of::<TemplateRow>,
            csv: None,
            answer: mail_templates,
        },
    ],
};

/// The company's template of one kind of mail in one language.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct TemplateRow {
    pub kind: MailKind,
    pub language: String,
    pub subject: String,
    pub text: String,
    pub html: String,
    /// How often the template was set. An invitation has this number as `template_version`.
    pub version: u64,
}

/// A template, or what is left of one that was removed: its number goes on counting.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct StoredTemplate {
    template: TemplateRow,
    removed: bool,
}

/// The company's template of an invitation or a welcome mail in one language.
#[derive(Serialize, JsonSchema)]
struct FirstTemplateShown<'a> {
    #[schemars(with = "FirstMail")]
    kind: MailKind,
    language: &'a str,
    subject: &'a str,
    text: &'a str,
    html: &'a str,
    /// How often the template was set. An invitation has this number as `template_version`.
    version: u64,
}

/// Templates by kind and language.
#[derive(Debug)]
pub(crate) struct TemplateProjection;

impl Projection for TemplateProjection {
    const TABLE: Table = Table::Templates;
    const VERSION: u32 = 3;
    type Row = StoredTemplate;

    fn key(recorded: &RecordedEvent<'_>) -> Option<Vec<u8>> {
        match recorded.event {
            Event::TemplateSet { kind, language, .. }
            | Event::NoticeTemplateSet { kind, language, .. }
            | Event::TemplateUnset { kind, language } => {
                // Kinds are only added at the end of the list, and the first has the key 1. So the keys of stored
                // rows stay valid.
                Some([&[*kind as u8 + 1], language.as_bytes()].concat())
            }
            _ => None,
        }
    }

    fn evolve(
        before: Option<StoredTemplate>,
        recorded: &RecordedEvent<'_>,
    ) -> Option<StoredTemplate> {
        match recorded.event {
            Event::TemplateSet { kind, language, subject, text, html }
            | Event::NoticeTemplateSet { kind, language, subject, text, html } => {
                let template = TemplateRow {
                    kind: *kind,
                    language: language.clone(),
                    subject: subject.clone(),
                    text: text.clone(),
                    html: html.clone(),
                    version: before.map_or(1, |before| before.template.version + 1),
                };
                Some(StoredTemplate { template, removed: false })
            }
            Event::TemplateUnset { .. } => {
                before.map(|before| StoredTemplate { removed: true, ..before })
            }
            _ => None,
        }
    }
}

fn templates(request: &QueryRequest<'_>, rows: &dyn Rows) -> Result<RowsAnswer, QueryError> {
    page::<TemplateProjection, _>(request, rows, &[], |_, stored| {
        let TemplateRow { kind, language, subject, text, html, version } = &stored.template;
        let (kind, version) = (*kind, *version);
        // The query promises only these two kinds, because its first clients knew no others.
        let is_first_kind = matches!(kind, MailKind::ChannelInvitation | MailKind::Welcome);
        let shown =
            AnswerRow::of(&FirstTemplateShown { kind, language, subject, text, html, version });
        Ok([(is_first_kind && !stored.removed).then_some(shown)])
    })
}

fn mail_templates(request: &QueryRequest<'_>, rows: &dyn Rows) -> Result<RowsAnswer, QueryError> {
    page::<TemplateProjection, _>(request, rows, &[], |_, stored| {
        Ok([(!stored.removed).then(|| AnswerRow::of(&stored.template))])
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{TestCompany, column};
    use serde_json::json;

    #[test]
    fn latest_template_of_each_kind_and_language_is_shown() {
        let set = |kind, language: &str, subject: &str| Event::TemplateSet {
            kind,
            language: language.to_owned(),
            subject: subject.to_owned(),
            text: "{{link_url}}".to_owned(),
            html: "{{link_button}}".to_owned(),
        };
        let rows = TestCompany::new("acme")
            .commit([set(MailKind::Welcome, "en", "Welcome")])
            .commit([set(MailKind::ChannelInvitation, "vi", "Chào")])
            .commit([set(MailKind::ChannelInvitation, "en", "Hi")])
            .commit([set(MailKind::ChannelInvitation, "en", "Hello")])
            .query("templates", &json!({}));
        assert_eq!(column(&rows, "subject"), ["Hello", "Chào", "Welcome"]);
        assert_eq!(rows[1]["kind"], "channel_invitation");
        assert_eq!(column(&rows, "version"), [2, 1, 1]);
    }

    /// ML-14: `mail_templates` lists every kind of mail, `templates` the first two kinds only.
    #[test]
    fn mail_templates_lists_every_kind_of_mail() {
        let set = Event::NoticeTemplateSet {
            kind: MailKind::BatchReport,
            language: "en".to_owned(),
            subject: "Done".to_owned(),
            text: String::new(),
            html: String::new(),
        };
        let company = TestCompany::new("acme").commit([set.clone()]).commit([set.clone()]);
        assert!(company.query("templates", &json!({})).is_empty());
        let version = |company: &TestCompany| {
            let rows = company.query("mail_templates", &json!({}));
            let [row] = rows.as_slice() else { panic!("{rows:?}") };
            assert_eq!(row["kind"], "batch_report");
            row["version"].clone()
        };
        assert_eq!(version(&company), json!(2));
        let unset = Event::TemplateUnset { kind: MailKind::BatchReport, language: "en".to_owned() };
        let company = company.commit([unset]);
        assert!(company.query("mail_templates", &json!({})).is_empty());
        assert_eq!(version(&company.commit([set])), json!(3));
    }
}
