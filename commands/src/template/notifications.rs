//! Built-in mails in plain text: one file holds each kind of one language, and the HTML is made from it.

use super::mail_template::MailTemplate;
use crate::event::MailKind;

/// The mark before the wording of a kind, at the beginning of a line.
const HEAD: &str = "=== ";

/// The mark of a link that HTML also shows as a QR code. In text it is a comment.
const QR_CODE: &str = "{# qr_code #}";

/// The mail of this kind in a language's file.
pub(super) fn find(file: &str, language: &str, kind: MailKind) -> Option<MailTemplate> {
    let mut mails = file.split(HEAD).filter_map(|mail| mail.split_once('\n'));
    let (_, mail) = mails.find(|(name, _)| *name == kind.as_str())?;
    if kind.is_text_message() {
        return Some(MailTemplate {
            language: language.to_owned(),
            subject: String::new(),
            text: mail.trim_end().to_owned(),
            html: String::new(),
        });
    }
    let (subject, text) = mail.strip_prefix("Subject: ")?.split_once("\n\n")?;
    Some(MailTemplate {
        language: language.to_owned(),
        subject: subject.to_owned(),
        text: text.to_owned(),
        html: html(language, subject, text),
    })
}

/// The text as HTML: lines such as `Total: {{ total }}` as a table, the link with its button, the rest as paragraphs.
///
/// Nothing is escaped: the built-in wording has no character with a meaning in HTML.
fn html(language: &str, subject: &str, text: &str) -> String {
    let body: String = text.trim_end().split("\n\n").map(block).collect();
    format!(
        "<!doctype html>\n<html lang=\"{language}\">\n<head><meta charset=\"utf-8\"><title>{subject}</title></head>\n\
         <body style=\"margin:0;padding:24px;font-family:Arial,Helvetica,sans-serif;font-size:16px;\
         line-height:1.5;color:#222222\">\n{body}</body>\n</html>\n"
    )
}

fn block(block: &str) -> String {
    if let Some(rest) = block.strip_prefix("{{ link_url }}") {
        let copyable = "<p style=\"word-break:break-all\">{{ link_url }}</p>";
        let code = if rest == QR_CODE { "<p>{{ qr_code_img }}</p>\n" } else { "" };
        return format!("<p>{{{{ link_button }}}}</p>\n{copyable}\n{code}");
    }
    let cells: Option<Vec<_>> = block.lines().map(cells).collect();
    let Some(cells) = cells else {
        return format!("<p>{}</p>\n", block.replace('\n', "<br>\n"));
    };
    let row = |(label, value): (&str, &str)| {
        format!("<tr><td style=\"padding-right:24px\">{label}</td><td>{value}</td></tr>\n")
    };
    format!("<table>\n{}</table>\n", cells.into_iter().map(row).collect::<String>())
}

/// The text before the colon, and the one variable after it.
fn cells(line: &str) -> Option<(&str, &str)> {
    let at = line.find("{{").filter(|_| line.ends_with("}}"))?;
    let (label, value) = line.split_at_checked(at)?;
    let label = label.trim_end().strip_suffix(':')?.trim_end();
    let single = value.matches("{{").count() == 1 && !label.contains("{%");
    single.then_some((label, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "=== welcome\nSubject: a\n\nb\n=== batch_report\nSubject: Done: {{ file_name }}\n\n\
        It is\nover.\n\nTotal : {{ total }}\nGood: {{ success }}\n\n{{ link_url }}\n";

    #[test]
    fn mail_is_found_by_kind_and_rendered_as_html() {
        let mail = find(FILE, "xx", MailKind::BatchReport).unwrap();
        assert_eq!(mail.subject, "Done: {{ file_name }}");
        let text = "It is\nover.\n\nTotal : {{ total }}\nGood: {{ success }}\n\n{{ link_url }}\n";
        assert_eq!(mail.text, text);
        let body = "<p>It is<br>\nover.</p>\n<table>\n\
            <tr><td style=\"padding-right:24px\">Total</td><td>{{ total }}</td></tr>\n\
            <tr><td style=\"padding-right:24px\">Good</td><td>{{ success }}</td></tr>\n</table>\n\
            <p>{{ link_button }}</p>\n<p style=\"word-break:break-all\">{{ link_url }}</p>\n</body>";
        assert!(mail.html.contains(body), "{}", mail.html);
        assert!(find(FILE, "xx", MailKind::ImportCompleted).is_none());
    }
}
