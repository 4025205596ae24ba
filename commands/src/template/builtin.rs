//! The wording we ship, by language; a company may replace any of it.

use super::Template;
use crate::event::{Channel, TemplateKind};

/// The language every mail exists in: the last one that is tried.
pub const LAST_LANGUAGE: &str = "en";

macro_rules! wording {
    ($($language:literal)*) => {
        /// The languages every mail exists in, as BCP 47 tags.
        pub const LANGUAGES: &[&str] = &[$($language),*];

        fn files(kind: TemplateKind, language: &str) -> Option<(&'static str, &'static str)> {
            Some(match (kind, language) {
                $((TemplateKind::ChannelInvitation, $language) => (
                    include_str!(concat!("channel_invitation.", $language, ".txt")),
                    include_str!(concat!("channel_invitation.", $language, ".html")),
                ),
                (TemplateKind::Welcome, $language) => (
                    include_str!(concat!("welcome.", $language, ".txt")),
                    include_str!(concat!("welcome.", $language, ".html")),
                ),
                (TemplateKind::ImportCompleted, $language) => (
                    include_str!(concat!("import_completed.", $language, ".txt")),
                    include_str!(concat!("import_completed.", $language, ".html")),
                ),)*
                _ => return None,
            })
        }

        /// The file of the kinds that have none of their own.
        fn notices(language: &str) -> Option<&'static str> {
            Some(match language {
                $($language => include_str!(concat!("notices.", $language, ".txt")),)*
                _ => return None,
            })
        }
    };
}

wording! { "en" "de" "fr" "es" "it" "pt" "vi" "ja" }

/// The mail of this kind as we word it in exactly this language, if we do.
pub fn builtin(kind: TemplateKind, language: &str) -> Option<Template> {
    let Some((text, html)) = files(kind, language) else {
        return super::notices::find(notices(language)?, language, kind);
    };
    let (subject, text) = text.strip_prefix("Subject: ")?.split_once("\n\n")?;
    Some(Template {
        language: language.to_owned(),
        subject: subject.to_owned(),
        text: text.to_owned(),
        html: html.to_owned(),
    })
}

/// What stands on the button (LX-30), in the template's language or, failing that, in English.
pub(super) fn button_label(language: &str, channel: Channel) -> String {
    let name = channel_name(channel);
    match language.split('-').next().unwrap_or_default() {
        "de" => format!("{name}-Konto verknüpfen"),
        "fr" => format!("Associer votre compte {name}"),
        "es" => format!("Vincular su cuenta de {name}"),
        "it" => format!("Colleghi il Suo account {name}"),
        "pt" => format!("Associar a sua conta {name}"),
        "vi" => format!("Liên kết tài khoản {name} của bạn"),
        "ja" => format!("{name}アカウントを連携する"),
        _ => format!("Link Your {name} Account"),
    }
}

/// What stands on the button that invites the people of an import (OC-14).
pub(super) fn invite_label(language: &str) -> &'static str {
    match language.split('-').next().unwrap_or_default() {
        "de" => "Importierte Benutzer einladen",
        "fr" => "Inviter les utilisateurs importés",
        "es" => "Invitar a los usuarios importados",
        "it" => "Invitare gli utenti importati",
        "pt" => "Convidar os usuários importados",
        "vi" => "Mời những người dùng đã nhập",
        "ja" => "インポートしたユーザーを招待する",
        _ => "Invite the Imported Users",
    }
}

/// The channel as people know it.
pub(super) fn channel_name(channel: Channel) -> &'static str {
    match channel {
        Channel::Whatsapp => "WhatsApp",
        Channel::Imessage => "iMessage",
    }
}
