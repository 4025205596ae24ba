//! Rules of the number pool.

use std::collections::{HashMap, HashSet};

use boarding_commands::event::{Event, Who};
use boarding_commands::values::Phone;

use super::rule::{Rule, RuleBreak, RuleResult, require};

#[derive(Debug, Default)]
pub(super) struct NumberRules {
    pool: HashMap<Phone, State>,
    /// The users with a number.
    holders: HashSet<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum State {
    Available,
    Reserved,
    Assigned(String),
    Registered(String),
    Cooling,
}

impl State {
    fn name(&self) -> &'static str {
        match self {
            Self::Available => "available",
            Self::Reserved => "reserved",
            Self::Assigned(_) => "assigned",
            Self::Registered(_) => "registered",
            Self::Cooling => "cooling",
        }
    }

    fn is_held_by(&self, user: &str) -> bool {
        matches!(self, Self::Assigned(holder) | Self::Registered(holder) if holder == user)
    }
}

impl NumberRules {
    pub(super) fn observe(&mut self, event: &Event) -> RuleResult {
        match event {
            Event::NumberAdded { number, .. } => {
                let before = self.pool.insert(**number, State::Available);
                require(before.is_none(), Rule::NumberState, || {
                    "a number is added to the pool twice".to_owned()
                })
            }
            Event::NumberReserved { number, .. } => {
                self.change(**number, &["available"], State::Reserved)
            }
            Event::NumberUnreserved { number } => {
                self.change(**number, &["reserved"], State::Available)
            }
            Event::NumberCooled { number } => self.change(**number, &["cooling"], State::Available),
            Event::NumberAssigned { number, user, .. } => {
                let user = user.folded();
                require(self.holders.insert(user.clone()), Rule::NumberState, || {
                    "a user gets a second number".to_owned()
                })?;
                self.change(**number, &["available", "reserved"], State::Assigned(user))
            }
            Event::NumberRegistered { number, user } => {
                self.check_holder(**number, user)?;
                self.change(**number, &["assigned"], State::Registered(user.folded()))
            }
            Event::NumberReleased { number, user, cooling_until } => {
                self.check_holder(**number, user)?;
                self.holders.remove(&user.folded());
                let is_cooling = cooling_until.is_some();
                let next = if is_cooling { State::Cooling } else { State::Available };
                self.change(**number, &["assigned", "registered"], next)
            }
            Event::NumberAllocated { number, .. } => self.state(**number).map(drop),
            Event::NumberWithdrawn { number, .. } => {
                let name = self.state(**number)?.name();
                require(!["assigned", "registered"].contains(&name), Rule::NumberState, || {
                    format!("a number is withdrawn while it is {name}")
                })
            }
            _ => Ok(()),
        }
    }

    fn change(&mut self, number: Phone, from: &[&str], to: State) -> RuleResult {
        let state = self.state(number)?;
        let (before, after) = (state.name(), to.name());
        *state = to;
        require(from.contains(&before), Rule::NumberState, || {
            format!("a number that is {before} becomes {after}")
        })
    }

    fn check_holder(&mut self, number: Phone, user: &Who) -> RuleResult {
        let state = self.state(number)?;
        require(state.is_held_by(&user.folded()), Rule::NumberState, || {
            format!("a number that is {} belongs to another user", state.name())
        })
    }

    fn state(&mut self, number: Phone) -> Result<&mut State, RuleBreak> {
        self.pool.get_mut(&number).ok_or_else(|| RuleBreak {
            rule: Rule::NumberState,
            what: "an event is about a number that is not in the pool".to_owned(),
        })
    }
}
