//! A mail before its variables are filled in.

/// A mail before its variables are filled in: MiniJinja in each of the three parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MailTemplate {
    /// The BCP 47 tag of the mail's language.
    pub language: String,
    pub subject: String,
    pub text: String,
    pub html: String,
}
