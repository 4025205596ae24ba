//! Checks the settings whose text must have a form: the sender, the address of links, the language.

use crate::template::is_language_tag;
use crate::values::email;

/// The description of the form, for refusals; `None` for a setting that accepts any text.
pub(super) fn expected(name: &str) -> Option<&'static str> {
    Some(match name {
        "mail_from" => "one address such as onboarding@acme.com, or Name <onboarding@acme.com>",
        "activation_url" => {
            "an address such as https://wa.me/4930123456?text=, without spaces and quotes, or null"
        }
        "app_download_link" | "web_app_link" | "logo_url" => {
            "an address such as https://www.acme.com/app, without spaces and quotes, or null"
        }
        "link_base_url" => "an address such as https://link.acme.com/, without spaces and quotes",
        "language" => "a language tag such as pt-BR",
        "link_secret" => {
            "a fingerprint of 16 characters 0-9 and a-f, or null for the next mail's secret"
        }
        _ => return None,
    })
}

/// Whether the text has the form of its setting. Other settings accept any text.
pub(super) fn fits(name: &str, text: &str) -> bool {
    match name {
        "mail_from" => email::is_mailbox(text),
        "link_base_url" | "activation_url" | "app_download_link" | "web_app_link" | "logo_url" => {
            is_web_address(text)
        }
        "language" => is_language_tag(text),
        "link_secret" => {
            text.len() == 16 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
        }
        _ => true,
    }
}

/// The address of a link with this token. A base with a query or a fragment gets the token at its end. Another base
/// gets the token as the next part of its path, with one slash between.
pub fn link_address(base: &str, token: &str) -> String {
    if token.is_empty() || base.contains(['?', '#']) {
        return format!("{base}{token}");
    }
    format!("{}/{token}", base.trim_end_matches('/'))
}

/// Whether a link can begin with the text: it has no character that ends an address or an HTML attribute.
fn is_web_address(text: &str) -> bool {
    const NEVER: &[char] = &['"', '\'', '`', '<', '>', '\\', '{', '}', '|', '^'];
    let scheme =
        |scheme: &str| text.get(..scheme.len()).filter(|it| it.eq_ignore_ascii_case(scheme));
    let Some(scheme) = scheme("https://").or_else(|| scheme("http://")) else { return false };
    let rest = text.get(scheme.len()..).unwrap_or_default();
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let in_host = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | ':' | '[' | ']');
    host.starts_with(|c: char| c.is_alphanumeric() || c == '[')
        && host.chars().all(in_host)
        && !rest.chars().any(|c| c.is_whitespace() || NEVER.contains(&c))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::link_address;
    use crate::settings::Settings;
    use crate::values::Code;

    /// LX-30: base and token are joined by one slash, whether the base ends with a slash or not.
    #[test]
    fn base_and_token_are_joined_with_one_slash() {
        for (base, expected) in [
            ("https://acme.example", "https://acme.example/tok"),
            ("https://acme.example/", "https://acme.example/tok"),
            ("https://acme.example/link", "https://acme.example/link/tok"),
            ("https://acme.example/link//", "https://acme.example/link/tok"),
            ("https://acme.example/l?token=", "https://acme.example/l?token=tok"),
            ("https://[::1]/#/", "https://[::1]/#/tok"),
        ] {
            assert_eq!(link_address(base, "tok"), expected);
        }
        assert_eq!(link_address("https://acme.example/link", ""), "https://acme.example/link");
    }

    /// LX-30: an invalid sender, link address or language is rejected when it is set, not with every mail of
    /// a later run.
    #[test]
    fn invalid_sender_link_or_language_is_rejected_when_set() {
        let good = json!({
            "mail_from": ["onboarding@acme.example", "Acme <on@acme.example>", "<on@acme.example>",
                "\"Acme, Inc.\" <on@acme.example>", "Acme Ünboarding Inc. <on@acme.example>"],
            "link_base_url": ["https://link.acme.example/", "http://localhost:8080/l?token=", "HTTPS://[::1]/#/"],
            "language": ["en", "pt-BR", "zh-Hant-TW"],
        });
        let bad = json!({
            "mail_from": ["x", "a@b", "Acme <x>", "Acme", "a@acme.example, b@acme.example", "Acme, Inc. <on@acme.example>",
                "A \"B\" <on@acme.example>", "Acme <on@acme.example> x", "Acme <on@acme.example", "", null,
                "Acme\u{2028}Bcc: <on@acme.example>", "\"Acme <on@acme.example>", ".Acme <on@acme.example>"],
            "link_base_url": ["acme.example", "ftp://acme.example/", "https://", "https:///x", "javascript:alert(1)",
                "https://acme.example/ x", "https://acme.example/\"x", "https://a@acme.example/", "https://acme.example/<", ""],
            "language": ["", "English!", "en_US", "e n", "en\n", null],
        });
        for (all, taken) in [(good, true), (bad, false)] {
            for (name, values) in all.as_object().unwrap() {
                for value in values.as_array().unwrap() {
                    let checked =
                        Settings::default().check(json!({name: value}).as_object().unwrap());
                    let code = checked.map_err(|refusal| refusal.code);
                    let expected = if taken { None } else { Some(Code::ConfigInvalidValue) };
                    assert_eq!(code.err(), expected, "{name}: {value}");
                }
            }
        }
    }

    #[test]
    fn fingerprint_of_the_link_secret_has_16_digits() {
        for (value, fits) in [
            ("0123456789abcdef", true),
            ("0123456789abcde", false),
            ("0123456789abcdeF", false),
            ("0123456789abcdefg", false),
        ] {
            let asked = json!({"link_secret": value});
            let checked = Settings::default().check(asked.as_object().unwrap());
            assert_eq!(checked.is_ok(), fits, "{value}");
        }
    }
}
