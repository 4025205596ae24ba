//! What a template of one kind of mail must show, and what it may show beside the mail's topic.

use super::part::MailPart;

/// The link in a mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Link {
    None,
    /// Links the person's account on a channel.
    Account,
    /// Activates the person's account of the product.
    Activation,
    /// Activates the account if the topic names no channel, otherwise links it on that channel.
    AccountOrActivation,
    /// Invites the users of an import.
    Invite,
}

/// What a template of one kind of mail must show, and what it may show beside the mail's topic.
#[derive(Debug)]
pub struct MailFacts {
    /// Whether it is a text message: one plain text, without subject and HTML.
    pub is_text_message: bool,
    /// The variables that the text and the HTML must show, beside the link.
    pub required: &'static [&'static str],
    pub link: Link,
    /// Whether the mail goes to a user, whose names it may show. Of an administrator only the address is known.
    pub names_person: bool,
    pub names_channel: bool,
    pub shows_phone: bool,
    /// Whether the mail may show how many hours the link is valid.
    pub shows_lifetime: bool,
    /// Whether the mail may show the addresses of the product's app, and the link as a QR code.
    pub shows_app: bool,
}

impl MailFacts {
    /// A mail that shows only its topic.
    pub const PLAIN: Self = Self {
        is_text_message: false,
        required: &[],
        link: Link::None,
        names_person: false,
        names_channel: false,
        shows_phone: false,
        shows_lifetime: false,
        shows_app: false,
    };

    /// The variables that this part must show.
    pub(super) fn required_in(&self, part: MailPart) -> Vec<&'static str> {
        let link: &[&str] = match (self.link, part) {
            (_, MailPart::Subject) => return Vec::new(),
            (_, MailPart::Html) if self.is_text_message => return Vec::new(),
            (Link::None, _) => &[],
            (_, MailPart::Text) => &["link_url"],
            (_, MailPart::Html) => &["link_button", "link_url"],
        };
        self.required.iter().chain(link).copied().collect()
    }
}
