//! Decides which companies the missing positions of a damaged log may have belonged to.
//!
//! Damaged bytes prove nothing: they may hold the commits of several companies, or bytes of another place.

use boarding_commands::values::CompanyId;

use super::state::{Doubt, Salvage};
use crate::{Certainty, DamagePlace};

impl Salvage<'_> {
    /// The log continues with this position. Positions before it that no commit has are missing.
    pub(super) fn continues_at(&mut self, position: u64, place: &DamagePlace) {
        let bad = self.bad.take();
        let from = self.index.end + 1;
        if position <= from {
            // Nothing is missing, but the bytes may have stood in the place of others.
            if let Some(bad) = bad {
                self.doubt_before(position, bad);
            }
            return;
        }
        let place = DamagePlace { position: from, ..bad.unwrap_or_else(|| place.clone()) };
        self.doubts.push(Doubt { from, to: position, place, is_settled: false });
        self.index.end = position - 1;
        self.compare_heads();
    }

    /// Bytes before this position were replaced, although no position is missing.
    pub(super) fn doubt_before(&mut self, position: u64, place: DamagePlace) {
        self.doubts.push(Doubt { from: position, to: position, place, is_settled: false });
    }

    /// The first doubt after the last commit of a company.
    pub(super) fn doubt_after(&self, company: &CompanyId) -> Option<DamagePlace> {
        let last = self.last_positions.get(company).copied().unwrap_or(0);
        let doubt = self.doubts.iter().find(|doubt| doubt.from > last)?;
        Some(doubt.place.clone())
    }

    /// Compares all companies with the heads file, when the log is read exactly up to its position.
    pub(super) fn compare_heads(&mut self) {
        let Some(heads) = self.heads else { return };
        if heads.end != self.index.end || self.has_compared_heads || !heads.is_of(&self.log) {
            return;
        }
        self.has_compared_heads = true;
        for company in heads.differing(&self.index) {
            let place = self.doubt_after(&company).unwrap_or_else(|| DamagePlace {
                segment: super::super::heads::NAME.to_owned(),
                offset: 0,
                position: heads.end + 1,
                what: "the heads file names another commit".to_owned(),
            });
            self.stop(&company, place, Certainty::Lost);
        }
        for doubt in &mut self.doubts {
            doubt.is_settled = true;
        }
    }

    /// Stops the companies that may have owned missing positions. A later commit proves that a company did not.
    pub(super) fn stop_doubted(&mut self) {
        for doubt in std::mem::take(&mut self.doubts) {
            if doubt.is_settled {
                continue;
            }
            let is_proven = |company: &CompanyId| {
                self.last_positions.get(company).is_some_and(|&last| last >= doubt.to)
            };
            let all: Vec<_> = self.index.streams.keys().cloned().collect();
            let doubted: Vec<_> = all.into_iter().filter(|company| !is_proven(company)).collect();
            for company in doubted {
                self.stop(&company, doubt.place.clone(), Certainty::MayBeLost);
            }
            self.index.may_lack_companies.get_or_insert(doubt.place);
        }
    }
}
