//! The facts of each kind of mail: what it must show, what it may show, and a sample of its topic.

use ulid::Ulid;

use super::part::MailPart;
use super::topic::{ExpiredValues, ImportValues, NumberValues, RunValues, TopicValues};
use crate::event::{Counts, TemplateKind};
use crate::values::{ImportId, RunId, Time};

/// The link in a mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Link {
    None,
    /// Links the person's account on a channel.
    Account,
    /// Invites the users of an import.
    Invite,
}

/// What one kind of mail is.
#[derive(Debug)]
pub(super) struct MailFacts {
    /// The variables that the text and the HTML must show, beside the link.
    pub(super) required: &'static [&'static str],
    pub(super) link: Link,
    /// Whether the mail goes to a user, whose names it may show. Of an administrator only the address is known.
    pub(super) names_person: bool,
    pub(super) names_channel: bool,
    pub(super) shows_phone: bool,
    /// Whether the mail may show how many hours the link is valid.
    pub(super) shows_lifetime: bool,
    /// Values for the check of a template. No number of them is part of another one.
    pub(super) sample: TopicValues<'static>,
}

/// A mail without a link to a person, about nothing.
const PLAIN: MailFacts = MailFacts {
    required: &[],
    link: Link::None,
    names_person: false,
    names_channel: false,
    shows_phone: false,
    shows_lifetime: false,
    sample: TopicValues::Nothing,
};

impl MailFacts {
    /// The facts of a kind.
    pub(super) fn of(kind: TemplateKind) -> Self {
        match kind {
            TemplateKind::ChannelInvitation => Self {
                link: Link::Account,
                names_person: true,
                names_channel: true,
                shows_phone: true,
                shows_lifetime: true,
                ..PLAIN
            },
            TemplateKind::Reminder => Self {
                link: Link::Account,
                names_person: true,
                names_channel: true,
                shows_phone: true,
                ..PLAIN
            },
            TemplateKind::Welcome => Self { names_person: true, ..PLAIN },
            TemplateKind::ImportCompleted => {
                Self { link: Link::Invite, sample: sample_import(), ..PLAIN }
            }
            TemplateKind::BatchReport => {
                Self { required: &["success", "failed"], sample: sample_import(), ..PLAIN }
            }
            TemplateKind::RunStarted => {
                Self { required: &["total"], names_channel: true, sample: sample_run(), ..PLAIN }
            }
            TemplateKind::RunCompleted => Self {
                required: &["passed", "skipped", "failed"],
                names_channel: true,
                sample: sample_run(),
                ..PLAIN
            },
            TemplateKind::NumberThreshold => {
                Self { required: &["percent"], sample: sample_numbers(), ..PLAIN }
            }
            TemplateKind::InvitationsExceedNumbers => {
                Self { required: &["needed", "available"], sample: sample_numbers(), ..PLAIN }
            }
            TemplateKind::ExpiredDigest => {
                Self { required: &["count"], sample: sample_expired(), ..PLAIN }
            }
        }
    }

    /// The variables that this part must show.
    pub(super) fn required_in(&self, part: MailPart) -> Vec<&'static str> {
        let link: &[&str] = match (self.link, part) {
            (_, MailPart::Subject) => return Vec::new(),
            (Link::None, _) => &[],
            (Link::Account | Link::Invite, MailPart::Text) => &["link_url"],
            (Link::Account | Link::Invite, MailPart::Html) => &["link_button", "link_url"],
        };
        self.required.iter().chain(link).copied().collect()
    }
}

fn sample_import() -> TopicValues<'static> {
    let (total, created, updated, skipped, invalid) = (70_911, 20_645, 10_132, 11_003, 29_131);
    let counts = Counts { total, created, updated, skipped, invalid, ..Counts::default() };
    let import = ImportId(Ulid(1));
    TopicValues::Import(ImportValues { import, file_name: "people.csv", counts })
}

fn sample_run() -> TopicValues<'static> {
    let (total, passed, skipped, failed) = (70_911, 30_777, 20_645, 19_489);
    TopicValues::Run(RunValues { run: RunId(Ulid(1)), total, passed, skipped, failed })
}

fn sample_numbers() -> TopicValues<'static> {
    let (total, used, available, needed) = (30_000, 27_900, 40_134, 50_226);
    let (org_unit, threshold) = ("Sales", 85);
    TopicValues::Numbers(NumberValues { org_unit, total, used, available, needed, threshold })
}

fn sample_expired() -> TopicValues<'static> {
    let (since, until) = (Time(0), Time(0));
    let (whatsapp, imessage) = (40_134, 30_777);
    TopicValues::Expired(ExpiredValues { since, until, whatsapp, imessage, people: &[] })
}
