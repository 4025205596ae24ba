//! What a mail shows of its topic.

use crate::event::Channel;
use crate::template::TopicVariables;
use crate::values::{ImportId, InvitationId, Time};

/// What a mail shows of its topic.
#[derive(Debug, Default)]
pub struct TopicFacts {
    pub variables: TopicVariables,
    pub channel: Option<Channel>,
    /// The target of a link about the topic. The kind of mail says whether it shows the link.
    pub link: Option<LinkTarget>,
    /// When the link expires, if that does not depend on when the mail is sent.
    pub expires_at: Option<Time>,
}

/// The target of a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkTarget {
    /// A generation of an invitation.
    Invitation(InvitationId, u32),
    /// Which link of an import, from 1.
    Import(ImportId, u32),
}
