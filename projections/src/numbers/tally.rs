//! The pool counted: how many numbers each owner has in each state, and how many accounts wait for one.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use boarding_commands::company::Stock;
use boarding_commands::values::CompanyId;

use super::accounts::waiting;
use super::{NumberState, Numbers};
use crate::org_units::OrgUnits;
use crate::projection::{Projection, decode, load};
use crate::query::Asked;
use crate::rows::{Rows, RowsError};

/// What one owner has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Count {
    pub stock: Stock,
    pub assigned: u64,
    pub registered: u64,
    pub cooling: u64,
    /// Numbers of the organizations below.
    pub below: u64,
}

impl Count {
    pub(super) fn total(self) -> u64 {
        self.stock.free() + self.assigned + self.registered + self.cooling
    }

    pub(super) fn used(self) -> u64 {
        self.assigned + self.registered
    }
}

/// What every owner has; none is the company's own stock.
#[derive(Debug, Default)]
pub(super) struct Tally(BTreeMap<Option<String>, Count>);

impl Tally {
    pub(super) fn of(asked: &Asked<'_>, rows: &dyn Rows) -> Result<Self, RowsError> {
        let company = asked.company;
        let mut tally = Self::default();
        let mut fault = None;
        rows.scan(
            Numbers::TABLE,
            company,
            &[],
            &[],
            &mut |_, bytes| match decode::<Numbers>(bytes) {
                Ok(number) => {
                    let number = number.by(asked.now);
                    let count = tally.0.entry(number.org_unit).or_default();
                    *match number.state {
                        NumberState::Available => &mut count.stock.available,
                        NumberState::Reserved => &mut count.stock.reserved,
                        NumberState::Assigned => &mut count.assigned,
                        NumberState::Registered => &mut count.registered,
                        NumberState::Cooling => &mut count.cooling,
                    } += 1;
                    ControlFlow::Continue(())
                }
                Err(error) => {
                    fault = Some(error);
                    ControlFlow::Break(())
                }
            },
        )?;
        if let Some(error) = fault {
            return Err(error);
        }
        for org_unit in waiting(rows, company)? {
            tally.0.entry(org_unit).or_default().stock.waiting += 1;
        }
        tally.add_up(rows, company)?;
        Ok(tally)
    }

    pub(super) fn count(&self, org_unit: Option<&str>) -> Count {
        self.0.get(&org_unit.map(str::to_owned)).copied().unwrap_or_default()
    }

    /// Counts each owner's numbers for all those above it too.
    fn add_up(&mut self, rows: &dyn Rows, company: &CompanyId) -> Result<(), RowsError> {
        let owned: Vec<_> =
            self.0.iter().map(|(owner, count)| (owner.clone(), count.total())).collect();
        for (owner, total) in owned {
            let mut owner = owner;
            while let Some(name) = owner {
                let unit = load::<OrgUnits>(rows, company, name.as_bytes())?;
                owner = unit.and_then(|unit| unit.parent);
                self.0.entry(owner.clone()).or_default().below += total;
            }
        }
        Ok(())
    }
}
