//! Numbers of the pool: row, projection, lookup, JSON form.

use boarding_commands::commit::RecordedEvent;
use boarding_commands::event::{Event, Who};
use boarding_commands::search::Needle;
use boarding_commands::values::{CompanyId, Personal, Phone, Time};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::projection::{Projection, load};
use crate::query::{AnswerRow, WireName, wire_enum};
use crate::rows::{Rows, RowsError, Table};

wire_enum! {
    /// The state of a number.
    NumberStatus {
        Available "available"
        Reserved "reserved"
        Assigned "assigned"
        Registered "registered"
        Cooling "cooling"
    }
}

/// A number of the pool.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct NumberRow {
    pub number: Personal<Phone>,
    /// The owner; none is the company's own stock.
    pub org_unit: Option<String>,
    pub state: NumberStatus,
    pub tag: Option<String>,
    pub user: Option<Who>,
    pub cooling_until: Option<Time>,
    pub updated_at: Time,
    /// The versions of the events about this number, for `history`.
    pub versions: Vec<u64>,
}

impl NumberRow {
    /// Sets a state. Clears the tag, the user and the cooling time of the previous state.
    fn set(&mut self, state: NumberStatus) {
        self.state = state;
        (self.tag, self.user, self.cooling_until) = (None, None, None);
    }

    /// The row as it is at the time `now`.
    ///
    /// A number is available when its cooling time is over, even before an event says so.
    pub(super) fn at(mut self, now: Option<Time>) -> Self {
        if self.cooling_until.is_some_and(|until| now.is_some_and(|now| until <= now)) {
            self.set(NumberStatus::Available);
        }
        self
    }

    pub(super) fn matches(&self, needle: &Needle) -> bool {
        needle.is_in_phone(*self.number)
            || self.user.as_ref().is_some_and(|user| needle.is_in(user.as_str()))
            || self.tag.as_ref().is_some_and(|tag| needle.is_in(tag))
    }

    pub(super) fn show(&self) -> AnswerRow {
        AnswerRow::of(&NumberShown {
            number: &self.number,
            org_unit: self.org_unit.as_deref(),
            state: WireName(self.state),
            tag: self.tag.as_deref(),
            user: self.user.as_ref(),
            cooling_until: self.cooling_until,
            updated_at: self.updated_at,
        })
    }

    fn apply(&mut self, event: &Event) {
        match event {
            Event::NumberReserved { tag, .. } => {
                self.set(NumberStatus::Reserved);
                self.tag = Some(tag.clone());
            }
            Event::NumberUnreserved { .. } | Event::NumberCooled { .. } => {
                self.set(NumberStatus::Available);
            }
            Event::NumberAllocated { org_unit, .. } => self.org_unit = Some(org_unit.clone()),
            Event::NumberWithdrawn { org_unit, .. } => self.org_unit.clone_from(org_unit),
            Event::NumberAssigned { user, .. } => {
                self.set(NumberStatus::Assigned);
                self.user = Some(user.clone());
            }
            Event::NumberRegistered { user, .. } => {
                self.set(NumberStatus::Registered);
                self.user = Some(user.clone());
            }
            Event::NumberReleased { cooling_until, .. } => {
                let cools = cooling_until.is_some();
                self.set(if cools { NumberStatus::Cooling } else { NumberStatus::Available });
                self.cooling_until = *cooling_until;
            }
            _ => {}
        }
    }
}

/// Numbers of the pool in numerical order.
#[derive(Debug)]
pub(super) struct NumberProjection;

impl Projection for NumberProjection {
    const TABLE: Table = Table::Numbers;
    const VERSION: u32 = 1;
    type Row = NumberRow;

    fn key(recorded: &RecordedEvent<'_>) -> Option<Vec<u8>> {
        recorded.event.subjects().number.map(key)
    }

    fn evolve(row: Option<NumberRow>, recorded: &RecordedEvent<'_>) -> Option<NumberRow> {
        let mut known = match (row, recorded.event) {
            (Some(known), _) => known,
            (None, Event::NumberAdded { number, org_unit }) => NumberRow {
                number: number.clone(),
                org_unit: org_unit.clone(),
                state: NumberStatus::Available,
                tag: None,
                user: None,
                cooling_until: None,
                updated_at: recorded.commit.at,
                versions: Vec::with_capacity(1),
            },
            (None, _) => return None,
        };
        known.apply(recorded.event);
        known.updated_at = recorded.commit.at;
        known.versions.push(recorded.version);
        Some(known)
    }
}

fn key(number: Phone) -> Vec<u8> {
    number.number().to_be_bytes().into()
}

/// The row of a number; none if the number is not in the pool.
pub(crate) fn find(
    rows: &dyn Rows,
    company: &CompanyId,
    number: Phone,
) -> Result<Option<NumberRow>, RowsError> {
    load::<NumberProjection>(rows, company, &key(number))
}

/// A number of the pool, its owner and its state.
#[derive(Serialize, JsonSchema)]
pub(super) struct NumberShown<'a> {
    number: &'a Personal<Phone>,
    /// The organization that owns the number; null for the company's own stock.
    org_unit: Option<&'a str>,
    state: WireName<NumberStatus>,
    /// The tag of the reservation.
    tag: Option<&'a str>,
    /// The user whose account has the number.
    user: Option<&'a Who>,
    cooling_until: Option<Time>,
    updated_at: Time,
}
