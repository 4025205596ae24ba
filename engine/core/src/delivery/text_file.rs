//! Encodes a text message as a file: a head with the number and the link, an empty line, the text.

use crate::delivery::mail::Mail;

impl Mail {
    /// The file of a text message; none for a mail.
    pub(super) fn text_file(&self) -> Option<Vec<u8>> {
        let text = self.text_message.as_ref()?;
        let (number, link) = (&*text.number, &*text.link);
        let head = format!(
            "To: {number}\nLink: {link}\nLanguage: {}\nDate: {}\nMessage-ID: <{}>\n",
            text.language, self.date, self.message_id
        );
        Some(format!("{head}\n{}\n", self.content.text).into_bytes())
    }
}
