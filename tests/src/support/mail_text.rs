//! The text of a mail file, and the token of the link in it.

/// The mail without quoted-printable line breaks and `=3D`, so that tests can search for links.
pub(crate) fn decoded(mail: &str) -> String {
    mail.replace("=\r\n", "").replace("=3D", "=")
}

/// The token of the first link in a text. Panics if there is none.
#[track_caller]
pub(crate) fn link_token(text: &str) -> String {
    let link = text.split("/link/").nth(1).unwrap_or_else(|| panic!("no link: {text}"));
    token_at_start(link)
}

/// The token of each link in a text.
pub(crate) fn link_tokens(text: &str) -> Vec<String> {
    text.split("/link/").skip(1).map(token_at_start).collect()
}

fn token_at_start(link: &str) -> String {
    link.chars().take_while(|c| c.is_ascii_alphanumeric() || "-_".contains(*c)).collect()
}
