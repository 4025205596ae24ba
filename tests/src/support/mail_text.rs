//! The text of a mail file, and the token of the link in it.

use std::io::Write as _;
use std::process::{Command, Stdio};

use serde::Deserialize;

use super::paths::tests_folder;

/// A mail as a mail program reads it.
#[derive(Debug, Deserialize)]
pub(crate) struct ReadMail {
    pub(crate) to: String,
    pub(crate) subject: String,
    pub(crate) text: String,
    pub(crate) html: String,
    /// The type and the file name of each part that is not the text.
    pub(crate) attachments: Vec<String>,
}

/// Decodes a mail with Python's email package.
#[track_caller]
pub(crate) fn read(mail: &str) -> ReadMail {
    let mut python = Command::new("python3");
    python.arg(tests_folder().join("read_mail.py")).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = python.spawn().unwrap();
    child.stdin.take().unwrap().write_all(mail.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {mail}"))
}

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
