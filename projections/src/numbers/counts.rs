//! Counts the number pool: numbers by owner and state, and accounts without a number.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use boarding_commands::company::Stock;
use boarding_commands::values::CompanyId;

use super::pool::{NumberProjection, NumberStatus};
use crate::projection::scan;
use crate::query::QueryRequest;
use crate::rows::{Rows, RowsError};
use crate::tables::accounts::pending_without_number;
use crate::tables::org_units;

/// The numbers of one owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct OwnerCounts {
    /// Free numbers, and pending invitations without a number. `total` and `used` are always 0
    /// here.
    pub stock: Stock,
    pub assigned: u64,
    pub registered: u64,
    pub cooling: u64,
    /// The numbers of all organizations below this one.
    pub below: u64,
}

impl OwnerCounts {
    /// The owner's own numbers, without numbers of organizations below.
    pub(super) fn total(self) -> u64 {
        self.stock.free() + self.assigned + self.registered + self.cooling
    }

    pub(super) fn used(self) -> u64 {
        self.assigned + self.registered
    }
}

/// The numbers of each owner; `None` is the company's own stock.
#[derive(Debug, Default)]
pub(super) struct PoolCounts(BTreeMap<Option<String>, OwnerCounts>);

impl PoolCounts {
    pub(super) fn load(request: &QueryRequest<'_>, rows: &dyn Rows) -> Result<Self, RowsError> {
        let company = request.company;
        let mut counts = Self::default();
        scan::<NumberProjection>(rows, company, &[], &[], |_, number| {
            let number = number.at(request.now);
            let owner = counts.0.entry(number.org_unit).or_default();
            *match number.state {
                NumberStatus::Available => &mut owner.stock.available,
                NumberStatus::Reserved => &mut owner.stock.reserved,
                NumberStatus::Assigned => &mut owner.assigned,
                NumberStatus::Registered => &mut owner.registered,
                NumberStatus::Cooling => &mut owner.cooling,
            } += 1;
            Ok(ControlFlow::Continue(()))
        })?;
        for org_unit in pending_without_number(rows, company)? {
            counts.0.entry(org_unit).or_default().stock.waiting += 1;
        }
        counts.add_to_parents(rows, company)?;
        Ok(counts)
    }

    /// The counts of one owner. All counts are 0 for an unknown owner.
    pub(super) fn of(&self, org_unit: Option<&str>) -> OwnerCounts {
        self.0.get(&org_unit.map(str::to_owned)).copied().unwrap_or_default()
    }

    /// Adds the total of each owner to `below` of all its parents.
    fn add_to_parents(&mut self, rows: &dyn Rows, company: &CompanyId) -> Result<(), RowsError> {
        // The totals are collected first, because the loop adds parents to the map.
        let totals: Vec<_> =
            self.0.iter().map(|(owner, counts)| (owner.clone(), counts.total())).collect();
        for (mut owner, total) in totals {
            // The parent of the highest organization is `None`, the company's own stock.
            while let Some(name) = owner {
                owner = org_units::find(rows, company, &name)?.and_then(|unit| unit.parent);
                self.0.entry(owner.clone()).or_default().below += total;
            }
        }
        Ok(())
    }
}
