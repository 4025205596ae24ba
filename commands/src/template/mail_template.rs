//! A mail before its variables are filled in.

use super::braces::with_double_braces;

/// A mail before its variables are filled in: MiniJinja in each of the three parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MailTemplate {
    /// The BCP 47 tag of the mail's language.
    pub language: String,
    pub subject: String,
    pub text: String,
    pub html: String,
}

impl MailTemplate {
    /// The template with every variable in double braces.
    #[must_use]
    pub fn with_double_braces(self) -> Self {
        let spelled = |text: &str| with_double_braces(text).into_owned();
        let (subject, text) = (spelled(&self.subject), spelled(&self.text));
        Self { subject, text, html: spelled(&self.html), ..self }
    }
}
