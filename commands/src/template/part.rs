//! The three parts of a mail.

/// One part of a mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum MailPart {
    Subject,
    Text,
    Html,
}

impl MailPart {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Subject => "subject",
            Self::Text => "text",
            Self::Html => "html",
        }
    }
}
