//! The labels of the buttons in mails, in each language.

use crate::event::Channel;

/// The label of the button that links an account, in the template's language, else in English.
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

/// The label of the button that activates an account.
pub(super) fn activation_label(language: &str) -> &'static str {
    match language.split('-').next().unwrap_or_default() {
        "de" => "MultiLine aktivieren",
        "fr" => "Activer MultiLine",
        "es" => "Activar MultiLine",
        "it" => "Attivare MultiLine",
        "pt" => "Ativar o MultiLine",
        "vi" => "Kích hoạt MultiLine",
        "ja" => "MultiLineを有効にする",
        _ => "Activate MultiLine",
    }
}

/// The label of the button that invites the users of an import.
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

/// The channel's name for people.
pub fn channel_name(channel: Channel) -> &'static str {
    match channel {
        Channel::Whatsapp => "WhatsApp",
        Channel::Imessage => "iMessage",
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::template::LANGUAGES;

    #[test]
    fn each_language_has_its_own_labels() {
        let all: [fn(&str) -> String; 3] = [
            |language| button_label(language, Channel::Imessage),
            |language| activation_label(language).to_owned(),
            |language| invite_label(language).to_owned(),
        ];
        for label in all {
            let labels: BTreeSet<String> = LANGUAGES.iter().map(|one| label(one)).collect();
            assert_eq!(labels.len(), LANGUAGES.len(), "{labels:?}");
            assert_eq!((label("de-AT"), label("xx")), (label("de"), label("en")));
        }
    }
}
