//! Decides which companies the missing positions of a damaged log may have belonged to.

use boarding_commands::values::{CompanyId, Digest};

use super::super::frame::Record;
use super::state::{BadRecord, Doubt, Salvage};
use crate::{Certainty, DamagePlace, codec};

/// How MessagePack begins a binary value of 32 bytes: a hash in a commit.
const HASH_MARK: [u8; 2] = [0xc4, 0x20];
const HASH_BYTES: usize = 32;

impl Salvage<'_> {
    /// Finds the owner of damaged bytes. A commit names the hash of the last commit of its company, and no other company
    /// has that one. The first commit of a company names none, so its owner stays unknown.
    pub(super) fn bad_record(
        &self,
        bytes: &[u8],
        place: DamagePlace,
        is_single: bool,
    ) -> BadRecord {
        let envelope = Record::trust(bytes).and_then(|record| codec::peek(record.commit).ok());
        let span = envelope.map(|envelope| envelope.span());
        let hashes = bytes
            .windows(HASH_MARK.len() + HASH_BYTES)
            .filter_map(|window| window.strip_prefix(&HASH_MARK)?.try_into().ok().map(Digest));
        let owner = |hash: Digest| {
            let mut streams = self.index.streams.iter();
            streams.find(|(_, stream)| stream.head.hash == hash).map(|(company, _)| company.clone())
        };
        let named = envelope.and_then(|envelope| {
            let company = envelope.company_id().ok()?;
            let version = self.index.head(&company).version;
            (version > 0 && envelope.first_version == version + 1).then_some(company)
        });
        let company = hashes.filter_map(owner).next().or(named);
        BadRecord { place, company, span, is_single }
    }

    /// The log continues with this position. Positions before it that no commit has are missing.
    pub(super) fn continues_at(&mut self, position: u64, place: &DamagePlace) {
        let bad = std::mem::take(&mut self.bad);
        let from = self.index.end + 1;
        if position <= from {
            return;
        }
        self.explain(&bad, position, place);
        self.index.end = position - 1;
        self.compare_heads();
    }

    /// Stops the company that the missing positions before this one belonged to. If it is unknown, they are a doubt.
    fn explain(&mut self, bad: &[BadRecord], to: u64, place: &DamagePlace) {
        let from = self.index.end + 1;
        let owner = match bad {
            [only] if only.is_single || only.span == Some(to - from) => only.company.clone(),
            _ => None,
        };
        let place = bad.first().map_or_else(|| place.clone(), |first| first.place.clone());
        let place = DamagePlace { position: from, ..place };
        match owner {
            Some(company) => self.stop(&company, place, Certainty::Lost),
            None => self.doubts.push(Doubt { from, to, place, is_settled: false }),
        }
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
                position: heads.end,
                what: "the heads file names another commit".to_owned(),
            });
            self.stop(&company, place, Certainty::Lost);
        }
        for doubt in &mut self.doubts {
            doubt.is_settled = true;
        }
    }

    /// Decides on damaged bytes at the end of the log. None if it is unknown how many positions they had.
    pub(super) fn close_end(&mut self) -> Option<()> {
        let Some(first) = self.bad.first() else { return Some(()) };
        let place = first.place.clone();
        let end = self.index.end;
        let next = match self.heads {
            Some(heads) if heads.end >= end => heads.end + 1,
            _ if self.bad.len() == 1 && first.is_single => end + 1 + first.span?,
            _ => return None,
        };
        self.continues_at(next, &place);
        Some(())
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
