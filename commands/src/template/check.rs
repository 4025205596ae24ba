//! Whether a template may be used: it can be read, asks for nothing unknown, and shows its link (LX-30).

use serde_json::json;
use ulid::Ulid;

use super::render::{RenderError, Values, environment, known_values, render};
use super::{About, ExpiredValues, ImportValues, LAST_LANGUAGE, NumberValues, RunValues, Template};
use crate::event::{Channel, Counts, TemplateKind};
use crate::values::{Code, ImportId, Refusal, RunId, Time};

/// The longest subject, in characters: one header line of RFC 5322 with room for its name.
const MAX_SUBJECT_CHARS: usize = 255;
/// The longest text or HTML part of a template, in bytes: what an event may carry with ease.
const MAX_SOURCE_BYTES: usize = 64 * 1024;

/// The part of a mail that a template is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Subject,
    Text,
    Html,
}

impl Part {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Subject => "subject",
            Self::Text => "text",
            Self::Html => "html",
        }
    }

    /// What this part of a mail must show.
    fn required(self, kind: TemplateKind) -> &'static [&'static str] {
        use TemplateKind as K;
        if self == Self::Subject {
            return &[];
        }
        match kind {
            K::Welcome => &[],
            K::ChannelInvitation | K::ImportCompleted | K::Reminder => match self {
                Self::Html => &["link_button", "link_url"],
                Self::Subject | Self::Text => &["link_url"],
            },
            K::BatchReport => &["success", "failed"],
            K::RunStarted => &["total"],
            K::RunCompleted => &["passed", "skipped", "failed"],
            K::NumberThreshold => &["percent"],
            K::InvitationsExceedNumbers => &["needed", "available"],
            K::ExpiredDigest => &["count"],
        }
    }
}

/// Checks a template before a company may use it.
///
/// A required variable must not only be named: it must be seen in the finished mail, for people of whom
/// everything is known and for people of whom only the user name is.
///
/// # Errors
/// `template.invalid` with `part` and `line` for what cannot be read or asks for something unknown;
/// `template.missing_required_variable` with `missing: ["text: link_url", …]`.
pub fn check(kind: TemplateKind, subject: &str, text: &str, html: &str) -> Result<(), Refusal> {
    let parts = [(Part::Subject, subject), (Part::Text, text), (Part::Html, html)];
    for (part, source) in parts {
        check_size(part, source)?;
        check_names(kind, part, source)?;
    }
    let template = Template {
        language: LAST_LANGUAGE.to_owned(),
        subject: subject.to_owned(),
        text: text.to_owned(),
        html: html.to_owned(),
    };
    let mut missing = Vec::new();
    for sample in samples(kind) {
        let mail = render(kind, &template, &sample).map_err(|error| invalid(&error))?;
        if mail.subject.is_empty() {
            return Err(refuse(Part::Subject, None, "the subject is empty"));
        }
        for (part, shown) in [(Part::Text, &mail.text), (Part::Html, &mail.html)] {
            missing.extend(unseen(kind, part, shown, &sample));
        }
    }
    missing.sort();
    missing.dedup();
    if missing.is_empty() {
        return Ok(());
    }
    Err(Refusal::new(Code::TemplateMissingRequiredVariable)
        .saying(&missing.join(", "))
        .with(json!({"missing": missing})))
}

fn check_size(part: Part, source: &str) -> Result<(), Refusal> {
    match part {
        Part::Subject if source.trim().is_empty() => {
            Err(refuse(part, None, "the subject is empty"))
        }
        Part::Subject if source.chars().any(char::is_control) => {
            Err(refuse(part, None, "a subject is one line without control characters"))
        }
        Part::Subject if source.chars().count() > MAX_SUBJECT_CHARS => {
            Err(refuse(part, None, &format!("longer than {MAX_SUBJECT_CHARS} characters")))
        }
        Part::Text | Part::Html if source.len() > MAX_SOURCE_BYTES => {
            Err(refuse(part, None, &format!("longer than {MAX_SOURCE_BYTES} bytes")))
        }
        _ => Ok(()),
    }
}

/// Every name that is used must be known; one that stands only in a comment is not used.
fn check_names(kind: TemplateKind, part: Part, source: &str) -> Result<(), Refusal> {
    let environment = environment(part, source).map_err(|error| invalid(&error))?;
    let template = environment
        .get_template(part.name())
        .map_err(|error| invalid(&RenderError::of(part, &error)))?;
    let [sample, _] = samples(kind);
    let known = known_values(kind, part, LAST_LANGUAGE, &sample);
    let is_global = |name: &str| environment.globals().any(|(global, _)| global == name);
    let used = template.undeclared_variables(false);
    let mut unknown: Vec<_> =
        used.iter().filter(|name| !known.contains_key(name.as_str()) && !is_global(name)).collect();
    unknown.sort();
    let Some(first) = unknown.first() else { return Ok(()) };
    let takes: Vec<_> = known.keys().copied().collect();
    let text = format!("{first} is not known here; known are {}", takes.join(", "));
    Err(refuse(part, line_of(source, first), &text)
        .with(json!({"part": part.name(), "unknown": unknown, "known": takes})))
}

/// The first line that names a variable, from 1: a help for the eye, not a proof.
fn line_of(source: &str, name: &str) -> Option<usize> {
    source.lines().position(|line| line.contains(name)).map(|index| index + 1)
}

/// The required variables that cannot be seen in a finished part.
fn unseen(kind: TemplateKind, part: Part, shown: &str, sample: &Values<'_>) -> Vec<String> {
    let button = format!("href=\"{}\"", sample.link_url);
    let known = known_values(kind, part, LAST_LANGUAGE, sample);
    let is_seen = |name: &&str| match *name {
        "link_button" => shown.contains(&button),
        // The button holds the link too: the copyable text must be there beside it.
        "link_url" => shown.replace(&button, "").contains(sample.link_url),
        name => known.get(name).is_some_and(|value| shown.contains(&value.to_string())),
    };
    let required = part.required(kind).iter().filter(|name| !is_seen(name));
    required.map(|name| format!("{}: {name}", part.name())).collect()
}

/// What the check fills the template in for: people of whom all is known, and of whom little is.
fn samples(kind: TemplateKind) -> [Values<'static>; 2] {
    let full = Values {
        first_name: "Jane",
        last_name: "Hudson",
        username: "jane",
        company_name: "Acme",
        channel: Channel::Whatsapp,
        masked_phone: "********071",
        link_url: "https:sample-link",
        expires_hours: 24,
        expires_at: Time(0),
        about: sample_of(kind),
    };
    let bare = Values { first_name: "", last_name: "", company_name: "", ..full };
    [full, Values { channel: Channel::Imessage, ..bare }]
}

/// Numbers that stand in no mail by chance, and no one of them in another.
fn sample_of(kind: TemplateKind) -> About<'static> {
    use TemplateKind as K;
    match kind {
        K::ChannelInvitation | K::Welcome | K::Reminder => About::Nothing,
        K::ImportCompleted | K::BatchReport => {
            let (total, created, updated, skipped, invalid) =
                (70_911, 20_645, 10_132, 11_003, 29_131);
            let counts = Counts { total, created, updated, skipped, invalid, ..Counts::default() };
            About::Import(ImportValues {
                import: ImportId(Ulid(1)),
                file_name: "people.csv",
                counts,
            })
        }
        K::RunStarted | K::RunCompleted => {
            let (total, passed, skipped, failed) = (70_911, 30_777, 20_645, 19_489);
            About::Run(RunValues { run: RunId(Ulid(1)), total, passed, skipped, failed })
        }
        K::NumberThreshold | K::InvitationsExceedNumbers => {
            let (total, used, available, needed) = (30_000, 27_900, 40_134, 50_226);
            let (org_unit, threshold) = ("Sales", 85);
            About::Numbers(NumberValues { org_unit, total, used, available, needed, threshold })
        }
        K::ExpiredDigest => About::Expired(ExpiredValues {
            since: Time(0),
            until: Time(0),
            whatsapp: 40_134,
            imessage: 30_777,
            people: &[],
        }),
    }
}

fn invalid(error: &RenderError) -> Refusal {
    let part = error.part;
    Refusal::new(Code::TemplateInvalid)
        .saying(&error.to_string())
        .with(json!({"part": part, "line": error.line}))
}

fn refuse(part: Part, line: Option<usize>, message: &str) -> Refusal {
    invalid(&RenderError { part: part.name(), line, message: message.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::template::{LANGUAGES, builtin};

    const INVITATION: TemplateKind = TemplateKind::ChannelInvitation;
    const TEXT: &str = "{{ link_url }}";
    const HTML: &str = "{{ link_button }} {{ link_url }}";

    #[track_caller]
    fn missing(text: &str, html: &str, expected: &[&str]) {
        let refusal = check(INVITATION, "s", text, html).unwrap_err();
        assert_eq!(refusal.code, Code::TemplateMissingRequiredVariable);
        assert_eq!(refusal.details, json!({"missing": expected}));
    }

    #[track_caller]
    fn invalid(subject: &str, text: &str, html: &str) -> Refusal {
        let refusal = check(INVITATION, subject, text, html).unwrap_err();
        assert_eq!(refusal.code, Code::TemplateInvalid, "{refusal}");
        refusal
    }

    #[test]
    fn everything_we_ship_passes() {
        for kind in TemplateKind::ALL {
            for language in LANGUAGES {
                let ours = builtin(kind, language).unwrap();
                assert_eq!(
                    check(kind, &ours.subject, &ours.text, &ours.html),
                    Ok(()),
                    "{kind:?} {language}"
                );
            }
        }
    }

    #[test]
    fn lx_30_an_invitation_must_show_its_button_and_its_link() {
        assert_eq!(check(INVITATION, "s", TEXT, HTML), Ok(()));
        missing("hello", HTML, &["text: link_url"]);
        missing(TEXT, "{{ link_button }}", &["html: link_url"]);
        missing(TEXT, "{{ link_url }}", &["html: link_button"]);
        missing("", "", &["html: link_button", "html: link_url", "text: link_url"]);
    }

    #[test]
    fn lx_30_a_link_that_nobody_sees_does_not_count() {
        missing("{# {{ link_url }} #}", HTML, &["text: link_url"]);
        missing("{% if false %}{{ link_url }}{% endif %}", HTML, &["text: link_url"]);
        missing("{% if company_name %}{{ link_url }}{% endif %}", HTML, &["text: link_url"]);
    }

    #[test]
    fn a_welcome_mail_needs_no_link_and_may_not_ask_for_one() {
        assert_eq!(check(TemplateKind::Welcome, "s", "{{ username }}", "h"), Ok(()));
        let refusal = check(TemplateKind::Welcome, "s", "{{ link_url }}", "h").unwrap_err();
        assert_eq!(refusal.code, Code::TemplateInvalid);
    }

    /// ML-14: a company's own wording of the report must tell how many succeeded and how many failed.
    #[test]
    fn ml_14_a_batch_report_must_show_its_summary() {
        let report =
            |text: &str| check(TemplateKind::BatchReport, "s", text, "{{ success }}{{ failed }}");
        assert_eq!(report("{{ failed }} of {{ total }} failed, {{ success }} did not"), Ok(()));
        let refusal = report("{{ total }} {{ success }}").unwrap_err();
        assert_eq!(refusal.code, Code::TemplateMissingRequiredVariable);
        assert_eq!(refusal.details, json!({"missing": ["text: failed"]}));
        let refusal = report("{{ success }} {{ failed }} {{ link_url }}").unwrap_err();
        assert_eq!(refusal.code, Code::TemplateInvalid);
    }

    /// A company's own wording of a notice must show what it is for, and nothing that it does not know of.
    #[test]
    fn each_notice_must_show_what_it_is_for() {
        use TemplateKind as K;
        let (link, counts) =
            ("{{ link_button }} {{ link_url }}", "{{ passed }} {{ skipped }} {{ failed }}");
        for (kind, good, poor, lacking) in [
            (K::RunStarted, "{{ total }}", "{{ run }}", "total"),
            (K::RunCompleted, counts, "{{ passed }} {{ skipped }}", "failed"),
            (K::NumberThreshold, "{{ percent }}", "{{ used }} {{ org_unit }}", "percent"),
            (
                K::InvitationsExceedNumbers,
                "{{ needed }} {{ available }}",
                "{{ needed }}",
                "available",
            ),
            (K::Reminder, link, "{{ link_button }} {{ expires_at }}", "link_url"),
            (K::ExpiredDigest, "{{ count }}", "{{ people }} {{ since }}", "count"),
        ] {
            let text = good.replace("{{ link_button }}", "");
            assert_eq!(check(kind, "s", &text, good), Ok(()), "{kind:?}");
            let refusal = check(kind, "s", &text, poor).unwrap_err();
            assert_eq!(refusal.code, Code::TemplateMissingRequiredVariable, "{kind:?}");
            assert_eq!(
                refusal.details,
                json!({"missing": [format!("html: {lacking}")]}),
                "{kind:?}"
            );
            let strange = format!("{text} {{{{ colour }}}}");
            let refusal = check(kind, "s", &strange, good).unwrap_err();
            assert_eq!(refusal.code, Code::TemplateInvalid, "{kind:?}");
        }
    }

    /// N56: whatever the kind, a subject with a line break is refused.
    #[test]
    fn n56_no_kind_takes_a_subject_of_two_lines() {
        for kind in TemplateKind::ALL {
            let ours = builtin(kind, "en").unwrap();
            for bad in ["\r\nBcc: b@acme.example", "\n", "\r"] {
                let subject = format!("{}{bad}", ours.subject);
                let refusal = check(kind, &subject, &ours.text, &ours.html).unwrap_err();
                assert_eq!(refusal.code, Code::TemplateInvalid, "{kind:?} {bad:?}");
            }
        }
    }

    #[test]
    fn a_syntax_error_is_named_with_its_line() {
        let refusal = invalid("s", "a\nb {% if %}\n", HTML);
        assert_eq!(refusal.details, json!({"part": "text", "line": 2}));
    }

    #[test]
    fn an_unknown_variable_is_refused_by_name() {
        let refusal = invalid("s", "{{ link_url }}\n{{ pasword }}", HTML);
        assert!(refusal.message.contains("text, line 2: pasword is not known"), "{refusal}");
        assert_eq!(refusal.details["unknown"], json!(["pasword"]));
        // In a branch that the samples never take, too.
        invalid("s", "{{ link_url }}{% if false %}{{ pasword }}{% endif %}", HTML);
        // The button is HTML: the text part has no use for it.
        invalid("s", "{{ link_url }}{{ link_button }}", HTML);
    }

    #[test]
    fn what_would_fail_at_sending_is_refused_before() {
        invalid("s", "{{ link_url | nosuchfilter }}", HTML);
        invalid("s", "{{ link_url }}{% include 'other' %}", HTML);
        invalid("s", "{{ link_url }}{% for a in range(90000) %}x{% endfor %}", HTML);
    }

    #[test]
    fn n56_a_subject_is_one_line() {
        invalid("a\r\nBcc: b@acme.example", TEXT, HTML);
        invalid("a\nb", TEXT, HTML);
        invalid("", TEXT, HTML);
        invalid("{{ company_name }}", TEXT, HTML);
        invalid(&"s".repeat(256), TEXT, HTML);
    }

    #[test]
    fn a_variable_a_template_sets_itself_is_known() {
        let text = "{% set here = link_url %}{{ here }}";
        assert_eq!(check(INVITATION, "s", text, HTML), Ok(()));
    }
}
