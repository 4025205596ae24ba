//! The built-in wording of mails, by language. A company may replace each of them.

use super::mail_template::MailTemplate;
use super::notifications;
use crate::event::MailKind;

macro_rules! wording {
    ($($language:literal)*) => {
        /// The languages that every mail exists in, as BCP 47 tags.
        pub const LANGUAGES: &[&str] = &[$($language),*];

        fn files(kind: MailKind, language: &str) -> Option<(&'static str, &'static str)> {
            Some(match (kind, language) {
                $((MailKind::ChannelInvitation, $language) => (
                    include_str!(concat!("channel_invitation.", $language, ".txt")),
                    include_str!(concat!("channel_invitation.", $language, ".html")),
                ),
                (MailKind::Welcome, $language) => (
                    include_str!(concat!("welcome.", $language, ".txt")),
                    include_str!(concat!("welcome.", $language, ".html")),
                ),
                (MailKind::ImportCompleted, $language) => (
                    include_str!(concat!("import_completed.", $language, ".txt")),
                    include_str!(concat!("import_completed.", $language, ".html")),
                ),)*
                _ => return None,
            })
        }

        /// The file of the kinds that have no files of their own.
        fn notifications_file(language: &str) -> Option<&'static str> {
            Some(match language {
                $($language => include_str!(concat!("notifications.", $language, ".txt")),)*
                _ => return None,
            })
        }
    };
}

wording! { "en" "de" "fr" "es" "it" "pt" "vi" "ja" }

/// The built-in mail of this kind in exactly this language.
pub fn builtin(kind: MailKind, language: &str) -> Option<MailTemplate> {
    let Some((text, html)) = files(kind, language) else {
        return notifications::find(notifications_file(language)?, language, kind);
    };
    let (subject, text) = text.strip_prefix("Subject: ")?.split_once("\n\n")?;
    Some(MailTemplate {
        language: language.to_owned(),
        subject: subject.to_owned(),
        text: text.to_owned(),
        html: html.to_owned(),
    })
}
