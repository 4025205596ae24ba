//! The mails that a company words itself (query `templates`; LX-30).

use boarding_commands::commit::Fact;
use boarding_commands::event::FirstMail;
use boarding_commands::event::{Event, TemplateKind};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::ReadModel;
use crate::projection::{Projection, Projector};
use crate::query::{Answer, Asked, Query, QueryError, page, shape_of};
use crate::rows::{Rows, Table};

pub const MODEL: ReadModel = ReadModel {
    projectors: &[Projector::of::<Templates>()],
    queries: &[
        Query {
            name: "templates",
            permission: None,
            params: &[],
            paged: true,
            row: shape_of::<FirstTemplate>,
            columns: None,
            answer: templates,
        },
        Query {
            name: "mail_templates",
            permission: None,
            params: &[],
            paged: true,
            row: shape_of::<Template>,
            columns: None,
            answer: mail_templates,
        },
    ],
};

/// A mail of the company's own, in one language.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Template {
    pub kind: TemplateKind,
    pub language: String,
    pub subject: String,
    pub text: String,
    pub html: String,
    /// Counts how often it was set, from 1: an invitation's `template_version` (ML-03).
    pub version: u64,
}

/// The same of an invitation or a welcome mail: those that were there first.
#[derive(Serialize, JsonSchema)]
struct FirstTemplate<'a> {
    #[schemars(with = "FirstMail")]
    kind: TemplateKind,
    language: &'a str,
    subject: &'a str,
    text: &'a str,
    html: &'a str,
    /// Counts how often it was set, from 1: an invitation's `template_version` (ML-03).
    version: u64,
}

/// Templates by kind and language.
#[derive(Debug)]
pub struct Templates;

impl Projection for Templates {
    const TABLE: Table = Table::Templates;
    const VERSION: u32 = 2;
    type Row = Template;

    fn key(fact: &Fact<'_>) -> Option<Vec<u8>> {
        match fact.event {
            Event::TemplateSet { kind, language, .. }
            | Event::NoticeTemplateSet { kind, language, .. } => {
                Some([&[number(*kind)], language.as_bytes()].concat())
            }
            _ => None,
        }
    }

    fn evolve(before: Option<Template>, fact: &Fact<'_>) -> Option<Template> {
        match fact.event {
            Event::TemplateSet { kind, language, subject, text, html }
            | Event::NoticeTemplateSet { kind, language, subject, text, html } => Some(Template {
                kind: *kind,
                language: language.clone(),
                subject: subject.clone(),
                text: text.clone(),
                html: html.clone(),
                version: before.map_or(1, |before| before.version + 1),
            }),
            _ => None,
        }
    }
}

fn number(kind: TemplateKind) -> u8 {
    match kind {
        TemplateKind::ChannelInvitation => 1,
        TemplateKind::Welcome => 2,
        TemplateKind::ImportCompleted => 3,
        TemplateKind::BatchReport => 4,
        TemplateKind::RunStarted => 5,
        TemplateKind::RunCompleted => 6,
        TemplateKind::NumberThreshold => 7,
        TemplateKind::InvitationsExceedNumbers => 8,
        TemplateKind::Reminder => 9,
        TemplateKind::ExpiredDigest => 10,
    }
}

fn templates(asked: &Asked<'_>, rows: &dyn Rows) -> Result<Answer, QueryError> {
    page::<Templates, _>(asked, rows, &[], |_, template| {
        let Template { kind, language, subject, text, html, version } = &template;
        let (kind, version) = (*kind, *version);
        let first = matches!(kind, TemplateKind::ChannelInvitation | TemplateKind::Welcome);
        let shown = json!(FirstTemplate { kind, language, subject, text, html, version });
        Ok([first.then_some(shown)])
    })
}

fn mail_templates(asked: &Asked<'_>, rows: &dyn Rows) -> Result<Answer, QueryError> {
    page::<Templates, _>(asked, rows, &[], |_, template| Ok([Some(json!(template))]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Story, column};

    #[test]
    fn each_kind_and_language_has_the_template_that_was_last_set() {
        let set = |kind, language: &str, subject: &str| Event::TemplateSet {
            kind,
            language: language.to_owned(),
            subject: subject.to_owned(),
            text: "{{link_url}}".to_owned(),
            html: "{{link_button}}".to_owned(),
        };
        let rows = Story::of("acme")
            .then([set(TemplateKind::Welcome, "en", "Welcome")])
            .then([set(TemplateKind::ChannelInvitation, "vi", "Chào")])
            .then([set(TemplateKind::ChannelInvitation, "en", "Hi")])
            .then([set(TemplateKind::ChannelInvitation, "en", "Hello")])
            .ask("templates", &json!({}));
        assert_eq!(column(&rows, "subject"), ["Hello", "Chào", "Welcome"]);
        assert_eq!(rows[1]["kind"], "channel_invitation");
        assert_eq!(column(&rows, "version"), [2, 1, 1]);
    }

    /// ML-14: the wording of every mail is shown by `mail_templates`; `templates` stays with the first two.
    #[test]
    fn ml_14_every_mails_wording_is_shown() {
        let set = Event::NoticeTemplateSet {
            kind: TemplateKind::BatchReport,
            language: "en".to_owned(),
            subject: "Done".to_owned(),
            text: String::new(),
            html: String::new(),
        };
        let story = Story::of("acme").then([set.clone()]).then([set]);
        assert!(story.ask("templates", &json!({})).is_empty());
        let rows = story.ask("mail_templates", &json!({}));
        let [row] = rows.as_slice() else { panic!("{rows:?}") };
        assert_eq!((&row["kind"], &row["version"]), (&json!("batch_report"), &json!(2)));
    }
}
