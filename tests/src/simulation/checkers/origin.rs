//! What caused a commit, as far as a checker needs to know.

use boarding_commands::values::InvitationId;

/// Why a commit was appended, as far as an invariant depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::simulation) enum Origin {
    /// The worker claimed recipients and will mail them.
    Claim,
    /// A user followed the link with this invitation and generation.
    Token(InvitationId, u32),
    Other,
}
