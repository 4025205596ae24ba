//! `UnsetTemplate`: removes the company's own wording of a mail in one language.

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::company::Company;
use crate::decide::rule::{Context, Decide, Decision};
use crate::event::{Event, MailKind, Permission};
use crate::template;
use crate::values::{Code, Refusal};

/// Removes the company's own wording of a mail in one language: the product's wording is in force again.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UnsetTemplate {
    pub kind: MailKind,
    /// A BCP 47 tag: `en`, `pt-BR`.
    pub language: String,
}

/// The `result` of removing a template.
#[derive(Debug, Serialize, JsonSchema)]
struct Unset {
    language: String,
    /// Whether the company had its own wording in this language.
    changed: bool,
}

impl Decide for UnsetTemplate {
    const NEEDS: Option<Permission> = Some(Permission::Administer);

    fn decide(&self, company: &Company, _: &Context<'_>) -> Result<Decision, Refusal> {
        let Self { kind, language } = self;
        if !template::is_language_tag(language) {
            return Err(
                Refusal::new(Code::TemplateInvalid).saying("language is a tag such as pt-BR")
            );
        }
        // The same language in another spelling is the same wording.
        let own = company.own_template(*kind, language).map(|(tag, _)| tag.to_owned());
        let changed = own.is_some();
        let unset = own.map(|language| Event::TemplateUnset { kind: *kind, language });
        let result = json!(Unset { language: language.clone(), changed });
        Ok(Decision::append(unset.into_iter().collect()).with_result(result))
    }

    fn result_schema(generator: &mut SchemaGenerator) -> Schema {
        Unset::json_schema(generator)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::SetTemplate;
    use crate::decide::testing::given;
    use crate::template::MailTemplate;
    use crate::values::ImportId;

    fn set(subject: &str) -> SetTemplate {
        let kind = MailKind::RunCompleted;
        let MailTemplate { text, html, .. } = template::builtin(kind, "pt").unwrap();
        let (language, subject) = ("pt-BR".to_owned(), subject.to_owned());
        SetTemplate { kind, language, subject, text, html: Some(html) }
    }

    fn unset(language: &str) -> UnsetTemplate {
        UnsetTemplate { kind: MailKind::RunCompleted, language: language.to_owned() }
    }

    /// ML-03: the product's wording is in force again. A wording that is set later has a version of its own.
    #[test]
    fn product_wording_is_in_force_after_the_own_one() {
        let version = |company: &Company| {
            let wording = company.wording(MailKind::RunCompleted, Some("pt-BR")).unwrap();
            (wording.language, wording.version)
        };
        let company = given([]).after(set("one"));
        assert_eq!(version(&company.0), ("pt-BR".to_owned(), 1));
        let event =
            Event::TemplateUnset { kind: MailKind::RunCompleted, language: "pt-BR".to_owned() };
        company.when(unset("PT-br")).then([event]);
        let company = company.after(unset("PT-br"));
        assert_eq!(version(&company.0).1, 0);
        company.when(unset("pt-BR")).then([]);
        let company = company.after(set("one"));
        assert_eq!(version(&company.0), ("pt-BR".to_owned(), 2));
    }

    /// ML-03: a mail that was claimed with the removed wording keeps it.
    #[test]
    fn claimed_mail_keeps_the_removed_wording() {
        let company = given([]).after(set("one"));
        let claimed = company.0.wording(MailKind::RunCompleted, Some("pt-BR")).unwrap();
        let company = company.after(unset("pt-BR"));
        let mail = company.0.worded(MailKind::RunCompleted, &claimed).unwrap();
        assert_eq!(mail.subject, "one");
    }

    /// If an import has no person left to invite, its mail needs a link page only while an own wording is in force.
    #[test]
    fn removed_wording_shows_no_link() {
        let (kind, import) = (MailKind::ImportCompleted, ImportId(ulid::Ulid(1)));
        let MailTemplate { subject, text, html, .. } = template::builtin(kind, "en").unwrap();
        let (language, html) = ("en".to_owned(), Some(html));
        let own = SetTemplate { kind, language: language.clone(), subject, text, html };
        let company = given([]).after(own);
        assert!(company.0.import_mail_has_link(import));
        let company = company.after(UnsetTemplate { kind, language });
        assert!(!company.0.import_mail_has_link(import));
    }

    #[test]
    fn language_that_is_no_tag_is_refused() {
        given([]).when(unset("p t")).then_refused(Code::TemplateInvalid);
    }
}
