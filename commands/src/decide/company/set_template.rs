//! `SetTemplate`: the company's own wording of a mail, in one language.

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::company::{Company, TemplateText};
use crate::decide::rule::{Context, Decide, Decision, check_text};
use crate::event::{Event, MailKind, Permission};
use crate::mail_kinds;
use crate::template::{self, MailTemplate};
use crate::values::{Code, Refusal};

/// The company's own wording of a mail, in one language.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SetTemplate {
    pub kind: MailKind,
    /// A BCP 47 tag: `en`, `pt-BR`.
    pub language: String,
    /// Empty for a text message.
    #[serde(default)]
    pub subject: String,
    pub text: String,
    /// Empty for a text message.
    pub html: Option<String>,
}

/// The `result` of setting a template.
#[derive(Debug, Serialize, JsonSchema)]
struct Set {
    language: String,
    /// Whether a mail may be written in this language now: it is the company's, a person's, or English.
    is_used: bool,
    /// Whether the company had no wording of its own in this language.
    created: bool,
    /// Whether the wording differs from the company's own before.
    changed: bool,
}

/// The largest part of a template, in bytes: much more than an invitation needs, much less than a commit can hold.
pub const MAX_PART_BYTES: usize = 64 * 1024;

impl Decide for SetTemplate {
    const NEEDS: Option<Permission> = Some(Permission::Administer);

    fn decide(&self, company: &Company, _: &Context<'_>) -> Result<Decision, Refusal> {
        check_text("language", &self.language)?;
        if !self.kind.is_text_message() {
            check_text("subject", &self.subject)?;
            if self.html.is_none() {
                let details = json!({"field": "html"});
                return Err(Refusal::new(Code::FieldRequired).saying("html").with(details));
            }
        }
        let template = self.spelled();
        let TemplateText { subject, text, html } = &template;
        if !template::is_language_tag(&self.language) || text.len().max(html.len()) > MAX_PART_BYTES
        {
            return Err(Refusal::new(Code::TemplateInvalid).saying(
                "language is a tag such as pt-BR; text and html hold at most 64 KiB each",
            ));
        }
        let rules = mail_kinds::of(self.kind);
        template::check(rules.facts(), &rules.sample(), subject, text, html)?;
        let (kind, language) = (self.kind, self.language.clone());
        let is_used = company.uses_language(&language);
        // The same language in another spelling replaces the wording.
        let own = company.own_template(kind, &language);
        let changed = own.is_none_or(|(_, own)| own.current != template);
        let created = own.is_none();
        let result = json!(Set { language: language.clone(), is_used, created, changed });
        if !changed {
            return Ok(Decision::append(vec![]).with_result(result));
        }
        let language = own.map_or(language, |(tag, _)| tag.to_owned());
        let TemplateText { subject, text, html } = template;
        Ok(Decision::append(vec![match kind {
            MailKind::ChannelInvitation | MailKind::Welcome => {
                Event::TemplateSet { kind, language, subject, text, html }
            }
            _ => Event::NoticeTemplateSet { kind, language, subject, text, html },
        }])
        .with_result(result))
    }

    fn result_schema(generator: &mut SchemaGenerator) -> Schema {
        Set::json_schema(generator)
    }
}

impl SetTemplate {
    /// The wording with every variable in double braces. `{f_name}` is a variable too, as in the product's own templates.
    fn spelled(&self) -> TemplateText {
        let given = MailTemplate {
            language: self.language.clone(),
            subject: self.subject.clone(),
            text: self.text.clone(),
            html: self.html.clone().unwrap_or_default(),
        };
        let MailTemplate { subject, text, html, .. } = given.with_double_braces();
        TemplateText { subject, text, html }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::decide::Command;
    use crate::decide::testing::given;

    /// ML-14: the template of every mail can be set in any language. The same template again changes nothing.
    #[test]
    fn every_kind_of_mail_can_be_worded() {
        for kind in MailKind::ALL {
            let MailTemplate { subject, text, html, .. } = template::builtin(kind, "fr").unwrap();
            let body = json!({"kind": kind, "language": "de", "subject": subject, "text": text, "html": html});
            let company = given([]);
            let then = company.when_json("SetTemplate", body.clone());
            let first = matches!(kind, MailKind::ChannelInvitation | MailKind::Welcome);
            assert_eq!(then.names(), [if first { "TemplateSet" } else { "NoticeTemplateSet" }]);
            let Command::SetTemplate(set) = Command::read("SetTemplate", body.clone()).unwrap()
            else {
                panic!()
            };
            let company = company.after(set);
            company.when_json("SetTemplate", body).then([]);
            let wording = company.0.wording(kind, Some("de-AT")).unwrap();
            assert_eq!(
                (wording.version, company.0.worded(kind, &wording).unwrap().subject),
                (1, subject)
            );
        }
    }

    /// LX-30: a template without the link as button and as text is rejected.
    #[test]
    fn template_without_the_link_is_rejected() {
        let mut body = json!({
            "kind": "channel_invitation", "language": "en", "subject": "Link your account",
            "text": "Open {{ link_url }}", "html": "<p>{{ link_button }} or {{ link_url }}</p>",
        });
        assert_eq!(given([]).when_json("SetTemplate", body.clone()).names(), ["TemplateSet"]);
        body["html"] = json!("<p>{{ link_url }}</p>");
        given([])
            .when_json("SetTemplate", body)
            .then_refused(Code::TemplateMissingRequiredVariable);
    }

    /// ML-03, A43: each variable that the activation mail must show is named when it is missing. `{name}` is one.
    #[test]
    fn missing_variable_of_the_activation_mail_is_named() {
        let set = |text: &str, html: &str| {
            let body = json!({"kind": "account_invitation", "language": "en", "subject": "Activate", "text": text, "html": html});
            given([]).when_json("SetTemplate", body)
        };
        let html = "{sign_in_btn} {link_url} {qr_code_img}";
        let Event::NoticeTemplateSet { html: stored, .. } = &set("{link_url}", html).events()[0]
        else {
            panic!()
        };
        assert_eq!(stored, "{{ sign_in_btn }} {{ link_url }} {{ qr_code_img }}");
        for (text, html, missing) in [
            ("{f_name}", html, "text: link_url"),
            ("{link_url}", "{link_url} {qr_code_img}", "html: link_button"),
            ("{link_url}", "{sign_in_btn} {qr_code_img}", "html: link_url"),
        ] {
            let refusal = set(text, html).then_refused(Code::TemplateMissingRequiredVariable);
            assert_eq!(refusal.details, json!({"missing": [missing]}));
            let (part, variable) = missing.split_once(": ").unwrap();
            let to_add = format!("{part}: {{{{ {variable} }}}}");
            assert!(refusal.message.contains(&to_add), "{refusal}");
        }
        let refusal = set("{link_url} {pwd}", html).then_refused(Code::TemplateInvalid);
        assert!(refusal.message.contains("accounts have no password"), "{refusal}");
    }
}
