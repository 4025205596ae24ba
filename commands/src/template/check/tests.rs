//! Tests of the check of a template.

use super::*;
use crate::event::MailKind;
use crate::mail_kinds;
use crate::template::{LANGUAGES, builtin};

const INVITATION: MailKind = MailKind::ChannelInvitation;
const TEXT: &str = "{{ link_url }}";
const HTML: &str = "{{ link_button }} {{ link_url }}";

fn check(kind: MailKind, subject: &str, text: &str, html: &str) -> Result<(), Refusal> {
    let kind = mail_kinds::of(kind);
    super::check(kind.facts(), &kind.sample(), subject, text, html)
}

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
    for kind in MailKind::ALL {
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

/// LX-30: the HTML part has the button and the link, the text part has the link.
#[test]
fn invitation_without_button_or_link_is_rejected() {
    assert_eq!(check(INVITATION, "s", TEXT, HTML), Ok(()));
    missing("hello", HTML, &["text: link_url"]);
    missing(TEXT, "{{ link_button }}", &["html: link_url"]);
    missing(TEXT, "{{ link_url }}", &["html: link_button"]);
    missing("", "", &["html: link_button", "html: link_url", "text: link_url"]);
}

/// LX-30: a link in a comment or in a condition does not count.
#[test]
fn link_that_is_never_shown_does_not_count() {
    missing("{# {{ link_url }} #}", HTML, &["text: link_url"]);
    missing("{% if false %}{{ link_url }}{% endif %}", HTML, &["text: link_url"]);
    missing("{% if company_name %}{{ link_url }}{% endif %}", HTML, &["text: link_url"]);
}

#[test]
fn welcome_mail_with_a_link_is_rejected() {
    assert_eq!(check(MailKind::Welcome, "s", "{{ username }}", "h"), Ok(()));
    let refusal = check(MailKind::Welcome, "s", "{{ link_url }}", "h").unwrap_err();
    assert_eq!(refusal.code, Code::TemplateInvalid);
}

/// ML-14: the company's own template of the report must show how many rows succeeded and how many failed.
#[test]
fn batch_report_without_its_summary_is_rejected() {
    let report = |text: &str| check(MailKind::BatchReport, "s", text, "{{ success }}{{ failed }}");
    assert_eq!(report("{{ failed }} of {{ total }} failed, {{ success }} did not"), Ok(()));
    let refusal = report("{{ total }} {{ success }}").unwrap_err();
    assert_eq!(refusal.code, Code::TemplateMissingRequiredVariable);
    assert_eq!(refusal.details, json!({"missing": ["text: failed"]}));
    let refusal = report("{{ success }} {{ failed }} {{ link_url }}").unwrap_err();
    assert_eq!(refusal.code, Code::TemplateInvalid);
}

/// A company's own template of a notification must show its purpose, and no variable of another kind of mail.
#[test]
fn each_notification_must_show_what_it_is_for() {
    use MailKind as K;
    let (link, counts) =
        ("{{ link_button }} {{ link_url }}", "{{ passed }} {{ skipped }} {{ failed }}");
    for (kind, good, poor, lacking) in [
        (K::RunStarted, "{{ total }}", "{{ run }}", "total"),
        (K::RunCompleted, counts, "{{ passed }} {{ skipped }}", "failed"),
        (K::NumberThreshold, "{{ percent }}", "{{ used }} {{ org_unit }}", "percent"),
        (K::InvitationsExceedNumbers, "{{ needed }} {{ available }}", "{{ needed }}", "available"),
        (K::Reminder, link, "{{ link_button }} {{ expires_at }}", "link_url"),
        (K::ExpiredDigest, "{{ count }}", "{{ people }} {{ since }}", "count"),
    ] {
        let text = good.replace("{{ link_button }}", "");
        assert_eq!(check(kind, "s", &text, good), Ok(()), "{kind:?}");
        let refusal = check(kind, "s", &text, poor).unwrap_err();
        assert_eq!(refusal.code, Code::TemplateMissingRequiredVariable, "{kind:?}");
        assert_eq!(refusal.details, json!({"missing": [format!("html: {lacking}")]}), "{kind:?}");
        let strange = format!("{text} {{{{ colour }}}}");
        let refusal = check(kind, "s", &strange, good).unwrap_err();
        assert_eq!(refusal.code, Code::TemplateInvalid, "{kind:?}");
    }
}

/// N56: for every kind, a subject with a line break is rejected.
#[test]
fn subject_of_two_lines_is_rejected_for_every_kind() {
    for kind in MailKind::ALL {
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

/// N56: a subject is one line, never empty and at most 255 characters.
#[test]
fn subject_must_be_one_line() {
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

/// The app is an option only in mails that show it.
#[test]
fn advice_on_the_missing_button_names_what_the_kind_knows() {
    let advice = |kind| check(kind, "s", TEXT, TEXT).unwrap_err().message;
    let sign_in = "{{ sign_in_btn }}";
    assert!(advice(MailKind::AccountInvitation).contains(sign_in));
    assert!(!advice(INVITATION).contains(sign_in));
}

#[test]
fn link_shown_only_to_some_people_does_not_count() {
    for (kind, condition) in [
        (INVITATION, "first_name"),
        (INVITATION, "last_name"),
        (INVITATION, "channel_name == 'WhatsApp'"),
        (INVITATION, "channel_name == 'iMessage'"),
        (MailKind::AccountInvitation, "app_download_link"),
        (MailKind::AccountInvitation, "not app_download_link"),
    ] {
        let text = format!("{{% if {condition} %}}{{{{ link_url }}}}{{% endif %}}");
        let refusal = check(kind, "s", &text, HTML).unwrap_err();
        assert_eq!(refusal.details, json!({"missing": ["text: link_url"]}), "{condition}");
    }
}

#[test]
fn subject_of_255_characters_is_accepted() {
    assert_eq!(check(INVITATION, &"s".repeat(255), TEXT, HTML), Ok(()));
}

#[test]
fn empty_subject_is_reported_before_defects_of_the_text() {
    assert_eq!(invalid(" ", "{{ pasword }}", HTML).details["part"], "subject");
}

#[test]
fn part_of_more_than_64_kib_is_rejected() {
    let padded = |bytes: usize| format!("{HTML}{{#{}#}}", " ".repeat(bytes - HTML.len() - 4));
    let (full, over) = (padded(65_536), padded(65_537));
    assert_eq!((full.len(), check(INVITATION, "s", TEXT, &full)), (65_536, Ok(())));
    assert_eq!(invalid("s", TEXT, &over).details["part"], "html");
}

#[test]
fn text_message_with_a_subject_line_is_rejected() {
    let text = "\nSubject: Your account\n{{ link_url }}";
    let refusal = check(MailKind::TextInvitation, "", text, "").unwrap_err();
    assert_eq!(refusal.details, json!({"part": "text", "line": 1}));
}

/// A text message has at most 670 characters. A name counts as 40 of them, a link as 120.
#[test]
fn text_message_must_have_room_for_the_longest_values() {
    for (name, most) in [
        ("first_name", 13),
        ("last_name", 13),
        ("username", 13),
        ("company_name", 13),
        ("app_download_link", 4),
        ("web_app_link", 4),
        ("link_url", 4),
    ] {
        let checked = |times| {
            let text = format!("{{{{ {name} }}}}").repeat(times);
            check(MailKind::TextInvitation, "", &format!("{TEXT}{text}"), "")
        };
        assert_eq!(checked(most), Ok(()), "{name}");
        let refusal = checked(most + 1).unwrap_err();
        assert_eq!(refusal.code, Code::TemplateInvalid, "{name}");
    }
}
