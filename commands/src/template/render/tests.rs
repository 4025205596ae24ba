//! What a filled-in mail shows, and what a hostile value cannot do to it.

use std::sync::LazyLock;

use ulid::Ulid;

use super::*;
use crate::event::{Channel, Counts, MailKind};
use crate::mail_kinds::{self, topics::import};
use crate::template::{AppAddresses, LANGUAGES, PersonNames, TopicVariables, builtin};
use crate::values::{ImportId, Time};

const INVITATION: MailKind = MailKind::ChannelInvitation;

static IMPORT: LazyLock<TopicVariables> = LazyLock::new(|| {
    let counts = Counts { total: 4_711, created: 815, ..Counts::default() };
    import::sample_of(ImportId(Ulid(1)), "people.csv", counts)
});

fn render(
    kind: MailKind,
    template: &MailTemplate,
    values: &MailValues<'_>,
) -> Result<Rendered, RenderError> {
    super::render(mail_kinds::of(kind).facts(), template, values)
}

fn values() -> MailValues<'static> {
    MailValues {
        first_name: "Jane",
        last_name: "Hudson",
        username: "janeuser115",
        company_name: "Acme",
        channel: Channel::Whatsapp,
        masked_phone: "********071",
        link_url: "https://link.example/l?a=1&t=abc",
        expires_hours: 24,
        expires_at: Time(1_763_800_000_000),
        app: AppAddresses { download_link: "https://app.example/get", ..AppAddresses::default() },
        about: &IMPORT,
    }
}

fn template(subject: &str, text: &str, html: &str) -> MailTemplate {
    MailTemplate {
        language: "en".to_owned(),
        subject: subject.to_owned(),
        text: text.to_owned(),
        html: html.to_owned(),
    }
}

/// A part without the marks that isolate values.
fn unmarked(part: &str) -> String {
    part.replace(['\u{2068}', '\u{2069}'], "").replace("<bdi>", "").replace("</bdi>", "")
}

/// LX-30: the button, the same link as text, the masked phone and how long the link lives.
#[test]
fn the_invitation_reads_as_the_vendors_does() {
    let mail = render(INVITATION, &builtin(INVITATION, "en").unwrap(), &values()).unwrap();
    let valid = "The link is only valid within 24 hour(s), please contact your administrator to get \
                 a new link when it expires.";
    assert_eq!(mail.subject, "Link your WhatsApp account");
    for part in [&mail.text, &mail.html] {
        assert!(unmarked(part).contains("Dear Jane Hudson,"), "{part}");
        assert!(part.contains("********071"), "{part}");
        assert!(part.contains(valid), "{part}");
    }
    assert!(mail.text.contains("\nhttps://link.example/l?a=1&t=abc\n"), "{}", mail.text);
    assert!(mail.html.contains(">Link Your WhatsApp Account</a>"), "{}", mail.html);
    assert_eq!(mail.html.matches("https://link.example/l?a=1&amp;t=abc").count(), 2);
}

/// LX-30: each channel has its own button.
#[test]
fn the_button_names_the_channel() {
    let values = MailValues { channel: Channel::Imessage, ..values() };
    let mail = render(INVITATION, &builtin(INVITATION, "en").unwrap(), &values).unwrap();
    assert!(mail.html.contains(">Link Your iMessage Account</a>"), "{}", mail.html);
    assert!(!mail.html.contains("WhatsApp"), "{}", mail.html);
}

/// LX-14: the log-in mail names the account, and works for a company without a name.
#[test]
fn the_welcome_mail_names_the_user_in_every_language() {
    for language in LANGUAGES {
        for company_name in ["Acme", ""] {
            let template = builtin(MailKind::Welcome, language).unwrap();
            let values = MailValues { company_name, ..values() };
            let mail = render(MailKind::Welcome, &template, &values).unwrap();
            assert!(mail.text.contains("janeuser115"), "{language}");
            assert!(mail.html.contains("janeuser115"), "{language}");
            assert_eq!(mail.subject.contains("Acme"), !company_name.is_empty(), "{language}");
        }
    }
}

#[test]
fn person_without_a_name_is_greeted_by_user_name() {
    let values = MailValues { first_name: "", last_name: " ", ..values() };
    let mail = render(INVITATION, &builtin(INVITATION, "en").unwrap(), &values).unwrap();
    assert!(mail.text.starts_with("Dear janeuser115,"), "{}", mail.text);
}

/// N66: markup and placeholders in a name are shown as text, not run.
#[test]
fn hostile_name_is_shown_as_text() {
    let hostile = "<script>x</script>{{ link_url }}{% for i in range(9) %}";
    let values = MailValues { first_name: hostile, last_name: "", ..values() };
    let mail = render(INVITATION, &builtin(INVITATION, "en").unwrap(), &values).unwrap();
    assert!(!mail.html.contains("<script>"), "{}", mail.html);
    assert!(mail.html.contains("&lt;script&gt;"), "{}", mail.html);
    assert!(mail.text.contains("{{ link_url }}{% for i in range(9) %}"), "{}", mail.text);
    assert_eq!(mail.text.matches("https://link.example").count(), 1, "{}", mail.text);
}

/// N66: a link cannot end its attribute.
#[test]
fn button_escapes_its_link() {
    let values = MailValues { link_url: "https://x.example/\"><script>", ..values() };
    let mail = render(INVITATION, &builtin(INVITATION, "en").unwrap(), &values).unwrap();
    assert!(!mail.html.contains("<script>"), "{}", mail.html);
}

/// N56: no value can add a line break to the subject or a line to the text.
#[test]
fn line_breaks_in_values_become_spaces() {
    let values = MailValues { first_name: "Jane\r\nBcc: all\u{2028}x", ..values() };
    let own =
        template("Hello {{ first_name }}", "{{ first_name }}{{ link_url }}", "{{ first_name }}");
    let mail = render(INVITATION, &own, &values).unwrap();
    assert_eq!(unmarked(&mail.subject), "Hello Jane  Bcc: all x");
    assert_eq!(mail.text.lines().count(), 1);
}

/// N96: a name that is or holds a link is in no part of any mail to a person.
#[test]
fn name_that_is_a_link_is_in_no_mail() {
    let evil = [
        ("https://evil.example/reset", "now"),
        ("Ann", "ｗｗｗ．ｅｖｉｌ．ｃｏｍ"),
        ("evil。com", ""),
    ];
    let greets =
        |kind: &MailKind| mail_kinds::of(*kind).facts().names_person && !kind.is_text_message();
    for kind in MailKind::ALL.into_iter().filter(greets) {
        let about = mail_kinds::of(kind).sample();
        for (first_name, last_name) in evil {
            let values = MailValues { first_name, last_name, about: &about, ..values() };
            let mail = render(kind, &builtin(kind, "en").unwrap(), &values).unwrap();
            let all = [mail.subject, mail.text, mail.html].concat();
            assert!(all.contains("janeuser115"), "{kind:?}: {all}");
            for part in ["evil", "ｅｖｉｌ", "now", "Ann"] {
                assert!(!all.contains(part), "{kind:?}: {all}");
            }
        }
    }
    let names = PersonNames::of("J.Li", "Lee");
    assert_eq!(names.full, "J.\u{2060}Li Lee", "a mail program may see a domain in it");
}

/// No value can change the writing direction of the mail around it, in any template.
#[test]
fn values_are_isolated_in_every_part() {
    let rtl = "\u{202e}ליאת\u{2069} \u{2066}(QA)";
    let values = MailValues { first_name: rtl, last_name: "", company_name: rtl, ..values() };
    let name = "ליאת (QA)";
    let subject = "{{ full_name }}: {{ channel_name }}";
    let text = "{% set who %}{{ first_name }}{% endset %}{{ who }}|{{ company_name|upper|safe }}\n{{ link_url }}";
    let html = "<title>{{ full_name }}</title><p title=\"{{ full_name }}\">{{ full_name|e }}</p>\
                {{ link_button }}{{ link_url }}";
    let mail = render(INVITATION, &template(subject, text, html), &values).unwrap();
    let isolated = format!("\u{2068}{name}\u{2069}");
    assert_eq!(mail.subject, format!("{isolated}: WhatsApp"));
    let expected = format!("{isolated}|{isolated}\nhttps://link.example/l?a=1&t=abc");
    assert_eq!(mail.text, expected);
    let expected =
        format!("<title>{isolated}</title><p title=\"{name}\"><bdi>{name}</bdi></p><a href=");
    assert!(mail.html.starts_with(&expected), "{}", mail.html);
    assert!(mail.html.ends_with("</a>https://link.example/l?a=1&amp;t=abc"), "{}", mail.html);
    let hebrew = template("s", "שלום {{ username }}", "{{ username }}");
    let mail = render(INVITATION, &hebrew, &values).unwrap();
    assert_eq!(mail.text, "שלום \u{2068}janeuser115\u{2069}");
    assert_eq!(mail.html, "<bdi>janeuser115</bdi>");
}

#[test]
fn a_template_that_never_ends_runs_out_of_fuel() {
    let greedy = "{% for a in range(1000) %}{% for b in range(1000) %}x{% endfor %}{% endfor %}";
    let error = render(INVITATION, &template("s", greedy, "h"), &values()).unwrap_err();
    assert_eq!(error.part, "text");
    assert!(error.message.contains("fuel"), "{error}");
}

#[test]
fn an_unknown_variable_fails_with_its_line() {
    let error = render(INVITATION, &template("s", "a\n{{ unknown }}", "h"), &values()).unwrap_err();
    assert_eq!((error.part, error.line), ("text", Some(2)));
}

/// OC-13: the invitation of a person without a corporate phone does not mention one; the rest is the same.
#[test]
fn invitation_without_a_phone_does_not_mention_one() {
    for language in LANGUAGES {
        let template = builtin(INVITATION, language).unwrap();
        let with = render(INVITATION, &template, &values()).unwrap();
        let mail =
            render(INVITATION, &template, &MailValues { masked_phone: "", ..values() }).unwrap();
        for (with, without) in [(&with.text, &mail.text), (&with.html, &mail.html)] {
            assert!(with.contains("********071"), "{language}");
            assert!(with.lines().count() == without.lines().count(), "{language}");
            assert!(!without.contains("  ") && !without.contains(" ."), "{language}: {without}");
        }
    }
}

/// OC-14: the administrator's mail shows the counts of the import, and the link twice.
#[test]
fn import_mail_shows_its_counts_and_its_link() {
    let kind = MailKind::ImportCompleted;
    for language in LANGUAGES {
        let mail = render(kind, &builtin(kind, language).unwrap(), &values()).unwrap();
        assert!(mail.subject.contains("people.csv"), "{language}");
        for part in [&mail.text, &mail.html] {
            for shown in ["people.csv", "4711", "815", "Acme", "2025-11-22"] {
                assert!(part.contains(shown), "{language}: {shown}: {part}");
            }
        }
        assert!(mail.text.contains("\nhttps://link.example/l?a=1&t=abc\n"), "{}", mail.text);
        assert_eq!(mail.html.matches("https://link.example/l?a=1&amp;t=abc").count(), 2);
    }
}

/// ML-14: the report shows the summary of the batch in every language, in both parts.
#[test]
fn batch_report_shows_its_summary() {
    let kind = MailKind::BatchReport;
    let counts = Counts { total: 4_711, created: 815, invalid: 96, ..Counts::default() };
    let import = ImportId(Ulid(1));
    let about = import::sample_of(import, "a\r\nBcc: b.csv", counts);
    for language in LANGUAGES {
        let values = MailValues { about: &about, ..values() };
        let mail = render(kind, &builtin(kind, language).unwrap(), &values).unwrap();
        assert!(mail.subject.contains("a  Bcc: b.csv"), "{language}: {}", mail.subject);
        for part in [&mail.text, &mail.html] {
            for shown in ["4711", "4615", "96", "815", "Acme", &import.to_string()] {
                assert!(part.contains(shown), "{language}: {shown}: {part}");
            }
        }
        assert!(mail.html.contains("<td>4615</td>"), "{language}: {}", mail.html);
        // Imports of every dialect have this notification, so each has a command that works for it.
        let whole = mail.text.lines().find(|line| line.contains(&import.to_string()));
        if *language == "en" {
            let expected = format!("row by row: boarding reports show {import}");
            assert!(whole.unwrap().ends_with(&expected), "{}", mail.text);
        }
    }
}
