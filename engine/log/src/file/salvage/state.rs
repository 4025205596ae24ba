//! What is known of a damaged log while it is read.

use std::collections::HashMap;

use boarding_commands::values::CompanyId;

use super::super::frame::LogId;
use super::super::heads::Heads;
use super::super::index::Index;
use super::super::recover::LastSegment;
use crate::{Certainty, CompanyDamage, DamagePlace};

/// Positions whose commits are missing, and nothing in the log says whose they were.
#[derive(Debug)]
pub(super) struct Doubt {
    pub(super) from: u64,
    pub(super) to: u64,
    pub(super) place: DamagePlace,
    /// Whether the heads file has said for each company what it lost.
    pub(super) is_settled: bool,
}

/// A damaged log that is being read.
pub(super) struct Salvage<'h> {
    pub(super) heads: Option<&'h Heads>,
    pub(super) log: LogId,
    pub(super) index: Index,
    /// The checksum of the last frame; none if its header is damaged.
    pub(super) previous: Option<u32>,
    pub(super) last: LastSegment,
    /// Whether appending can continue in the last segment.
    pub(super) last_is_usable: bool,
    /// The first damaged bytes after the last position that is certain.
    pub(super) bad: Option<DamagePlace>,
    /// The first damaged bytes of the log.
    pub(super) first_bad: Option<DamagePlace>,
    pub(super) doubts: Vec<Doubt>,
    /// The last position of each company.
    pub(super) last_positions: HashMap<CompanyId, u64>,
    pub(super) has_compared_heads: bool,
}

impl Salvage<'_> {
    /// Remembers bytes that are no commit any more.
    pub(super) fn found_bad(&mut self, place: DamagePlace) {
        self.first_bad.get_or_insert_with(|| place.clone());
        self.bad.get_or_insert(place);
    }

    /// Stops a company at its last certain version. The first damage counts.
    pub(super) fn stop(&mut self, company: &CompanyId, place: DamagePlace, certainty: Certainty) {
        let version = self.index.head(company).version;
        // Its commits up to its last one are read.
        let last = self.last_positions.get(company).copied().unwrap_or(0);
        let place = DamagePlace { position: place.position.max(last + 1), ..place };
        self.index.stopped.entry(company.clone()).or_insert_with(|| CompanyDamage {
            company: company.clone(),
            version,
            place,
            certainty,
        });
    }
}
