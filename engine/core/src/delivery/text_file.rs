//! Encodes a text message as a file: a head with the number and the link, an empty line, the text.

use crate::delivery::mail::Mail;

/// The field of the head with the length of the text, in bytes.
const LENGTH: &str = "Length: ";

impl Mail {
    /// The file of a text message; none for a mail.
    pub(super) fn text_file(&self) -> Option<Vec<u8>> {
        let text = self.text_message.as_ref()?;
        let (number, link) = (&*text.number, &*text.link);
        let head = format!(
            "To: {number}\nLink: {link}\nLanguage: {}\nDate: {}\nMessage-ID: <{}>\n{LENGTH}{}\n",
            text.language,
            self.date,
            self.message_id,
            self.content.text.len(),
        );
        Some(format!("{head}\n{}\n", self.content.text).into_bytes())
    }
}

/// Whether the file of a text message is whole. Files of older programs do not name the length of their text.
pub(super) fn is_whole(file: &[u8]) -> bool {
    let Ok(file) = std::str::from_utf8(file) else { return false };
    let Some((head, text)) = file.split_once("\n\n") else { return false };
    let Some(text) = text.strip_suffix('\n') else { return false };
    let length = head.lines().find_map(|line| line.strip_prefix(LENGTH));
    length.is_none_or(|length| length.parse() == Ok(text.len()))
}
