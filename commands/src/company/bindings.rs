//! The actors that each NATS user may name.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::grants::Grants;
use crate::event::{Permission, SpeaksFor};
use crate::values::{Code, Refusal, fold};

/// The bindings of NATS users to actors. A user without a binding may name any actor, unless the company requires
/// bindings.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Bindings {
    by_user: BTreeMap<String, Binding>,
}

/// The actors that one NATS user may name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Binding {
    /// Folded names.
    actors: BTreeSet<String>,
    speaks_for: Option<SpeaksFor>,
}

impl Binding {
    pub fn new<'a>(
        actors: impl IntoIterator<Item = &'a str>,
        speaks_for: Option<SpeaksFor>,
    ) -> Self {
        Self { actors: actors.into_iter().map(fold).collect(), speaks_for }
    }

    /// Whether the user may name this actor.
    pub fn allows(&self, actor: &str) -> bool {
        self.speaks_for == Some(SpeaksFor::Anyone) || self.actors.contains(&fold(actor))
    }

    /// Whether the user can name an actor who may administer the company.
    fn reaches_administrator(&self, grants: &Grants) -> bool {
        self.speaks_for == Some(SpeaksFor::Anyone)
            || self.actors.iter().any(|actor| grants.allows(actor, Permission::Administer))
    }
}

impl Bindings {
    pub fn of(&self, nats_user: &str) -> Option<&Binding> {
        self.by_user.get(nats_user)
    }

    /// The number of bound users.
    pub fn count(&self) -> usize {
        self.by_user.len()
    }

    /// Refuses an actor that the NATS user may not name. `actor` is none for a query that names none.
    ///
    /// # Errors
    /// `auth.actor_not_bound` with the actors of the user; `auth.user_not_bound` if the company requires a binding.
    pub fn check(
        &self,
        nats_user: Option<&str>,
        actor: Option<&str>,
        is_required: bool,
    ) -> Result<(), Refusal> {
        let details = |actors: &BTreeSet<String>| json!({"nats_user": nats_user, "actors": actors});
        match nats_user.and_then(|user| self.of(user)) {
            Some(binding) if actor.is_none_or(|actor| binding.allows(actor)) => Ok(()),
            Some(binding) => {
                let names = binding.actors.iter().map(String::as_str).collect::<Vec<_>>();
                let refusal = Refusal::new(Code::AuthActorNotBound).saying(&names.join(", "));
                Err(refusal.with(details(&binding.actors)))
            }
            None if is_required => {
                let refusal = Refusal::new(Code::AuthUserNotBound);
                Err(refusal.with(json!({ "nats_user": nats_user })))
            }
            None => Ok(()),
        }
    }

    /// Whether a bound user can name an actor who may administer the company.
    pub fn reach_administrator(&self, grants: &Grants) -> bool {
        self.by_user.values().any(|binding| binding.reaches_administrator(grants))
    }

    pub(crate) fn bind(&mut self, nats_user: &str, binding: Binding) {
        self.by_user.insert(nats_user.to_owned(), binding);
    }

    pub(crate) fn unbind(&mut self, nats_user: &str) {
        self.by_user.remove(nats_user);
    }
}

#[cfg(test)]
mod tests {
    use crate::decide::testing::given;
    use crate::event::{Event, SpeaksFor};
    use crate::values::Personal;

    #[test]
    fn bound_users_are_counted() {
        let nats_user = |name: &str| Personal(name.to_owned());
        let bound = |name| Event::NatsUserBound {
            nats_user: nats_user(name),
            actors: vec![],
            speaks_for: Some(SpeaksFor::Anyone),
        };
        let company = given([bound("a"), bound("b"), bound("a"), bound("c")]);
        assert_eq!((company.0.bindings.count(), given([]).0.bindings.count()), (3, 0));
        let unbound = Event::NatsUserUnbound { nats_user: nats_user("b") };
        assert_eq!(given([bound("b"), unbound]).0.bindings.count(), 0);
    }
}
