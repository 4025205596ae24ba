//! The companies of a log that lost commits, and where.

use std::fmt;

use boarding_commands::values::CompanyId;

/// A company that lost commits by damage, or may have lost some. It can be read up to the damage, and gets no more commits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CompanyDamage {
    pub company: CompanyId,
    /// Its last version before the damage; 0 if none is left.
    pub version: u64,
    pub place: DamagePlace,
    pub certainty: Certainty,
}

/// Where a log is damaged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DamagePlace {
    /// The file name of the segment.
    pub segment: String,
    /// The byte of the segment.
    pub offset: u64,
    /// The first position that is missing.
    pub position: u64,
    /// What is wrong.
    pub what: String,
}

/// Whether commits of the company are certainly missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Certainty {
    Lost,
    /// The company has no commit after the damage, so nothing shows whether the damaged bytes were its commits.
    MayBeLost,
}

impl fmt::Display for DamagePlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { segment, offset, position, what } = self;
        write!(f, "segment {segment} at byte {offset}, position {position}: {what}")
    }
}

impl fmt::Display for CompanyDamage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { company, version, place, certainty } = self;
        let lost = match certainty {
            Certainty::Lost => "is damaged after version",
            Certainty::MayBeLost => "may lack commits after version",
        };
        write!(
            f,
            "the log of company {company} {lost} {version} (segment {} at byte {}: {})",
            place.segment, place.offset, place.what
        )
    }
}
