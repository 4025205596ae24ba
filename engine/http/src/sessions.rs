//! The sessions of the console, in the memory of this server.

use std::collections::HashMap;
use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};

use boarding_commands::values::{CompanyId, Digest, Time, TokenId};
use boarding_log::random_bytes;

use crate::limits::{
    SESSION_IDLE_SECONDS_MAX, SESSION_SECONDS_MAX, SESSIONS_MAX, SESSIONS_PER_TOKEN_MAX,
};
use crate::secret::Secret;

/// A session: whose access token has signed in.
#[derive(Debug, Clone)]
pub(super) struct Session {
    pub(super) company: CompanyId,
    pub(super) token: TokenId,
    /// The secret that each form of the session proves to know.
    pub(super) form_secret: Secret,
    began_at: Time,
    used_at: Time,
}

impl Session {
    fn is_live(&self, now: Time) -> bool {
        now.seconds_since(self.used_at) < SESSION_IDLE_SECONDS_MAX
            && now.seconds_since(self.began_at) < SESSION_SECONDS_MAX
    }

    fn is_of(&self, company: &CompanyId, token: TokenId) -> bool {
        self.token == token && self.company == *company
    }
}

/// The sessions by the digests of their ids. The ids themselves are kept by the browsers only.
#[derive(Debug, Default)]
pub(super) struct Sessions(Mutex<HashMap<Digest, Session>>);

impl Sessions {
    fn all(&self) -> MutexGuard<'_, HashMap<Digest, Session>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins a session with a new id, and returns the id. The longest unused session ends if there are too many.
    ///
    /// # Errors
    /// When the system has no random numbers.
    pub(super) fn begin(
        &self,
        company: &CompanyId,
        token: TokenId,
        now: Time,
    ) -> io::Result<String> {
        let id = Secret::new()?;
        let session = Session {
            company: company.clone(),
            token,
            form_secret: Secret(random_bytes()?),
            began_at: now,
            used_at: now,
        };
        let mut all = self.all();
        all.retain(|_, session| session.is_live(now));
        let of_token = all.values().filter(|session| session.is_of(company, token)).count();
        if of_token >= SESSIONS_PER_TOKEN_MAX {
            end_longest_unused(&mut all, |session| session.is_of(company, token));
        }
        if all.len() >= SESSIONS_MAX {
            end_longest_unused(&mut all, |_| true);
        }
        let id = id.text();
        all.insert(Digest::of(id.as_bytes()), session);
        Ok(id)
    }

    /// The live session with this id. `is_use` marks it as used now.
    pub(super) fn find(&self, id: &str, now: Time, is_use: bool) -> Option<Session> {
        let key = Digest::of(id.as_bytes());
        let mut all = self.all();
        let session = all.get_mut(&key)?;
        if !session.is_live(now) {
            all.remove(&key);
            return None;
        }
        if is_use {
            session.used_at = now;
        }
        Some(session.clone())
    }

    /// Ends the session with this id, if there is one.
    pub(super) fn end(&self, id: &str) {
        self.all().remove(&Digest::of(id.as_bytes()));
    }
}

/// Ends the longest unused of these sessions.
fn end_longest_unused(all: &mut HashMap<Digest, Session>, is_meant: impl Fn(&Session) -> bool) {
    let meant = all.iter().filter(|(_, session)| is_meant(session));
    let longest = meant.min_by_key(|(_, session)| session.used_at).map(|(key, _)| *key);
    if let Some(key) = longest {
        all.remove(&key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn company(name: &str) -> CompanyId {
        name.parse().unwrap()
    }

    fn token() -> TokenId {
        "01JD0000000000000000000001".parse().unwrap()
    }

    #[test]
    fn session_ends_when_it_is_not_used_or_too_old() {
        let (sessions, start) = (Sessions::default(), Time(1_800_000_000_000));
        let id = sessions.begin(&company("acme"), token(), start).unwrap();
        let idle = SESSION_IDLE_SECONDS_MAX;
        assert!(sessions.find(&id, start.plus_seconds(idle - 1), false).is_some());
        assert!(sessions.find(&id, start.plus_seconds(idle), true).is_none(), "idle");
        assert!(sessions.find(&id, start, true).is_none(), "an ended session stays ended");
        let id = sessions.begin(&company("acme"), token(), start).unwrap();
        let mut now = start;
        while now.seconds_since(start) + idle - 1 < SESSION_SECONDS_MAX {
            now = now.plus_seconds(idle - 1);
            assert!(sessions.find(&id, now, true).is_some());
        }
        assert!(sessions.find(&id, start.plus_seconds(SESSION_SECONDS_MAX), true).is_none());
    }

    #[test]
    fn each_session_has_another_id_and_ends_alone() {
        let (sessions, now) = (Sessions::default(), Time(1_800_000_000_000));
        let one = sessions.begin(&company("acme"), token(), now).unwrap();
        let other = sessions.begin(&company("acme"), token(), now).unwrap();
        assert_ne!(one, other);
        sessions.end(&one);
        assert!(sessions.find(&one, now, true).is_none());
        assert_eq!(sessions.find(&other, now, true).unwrap().company, company("acme"));
        assert!(sessions.find("", now, true).is_none());
    }

    #[test]
    fn number_of_sessions_is_limited() {
        let (sessions, mut now) = (Sessions::default(), Time(1_800_000_000_000));
        let first = sessions.begin(&company("acme"), token(), now).unwrap();
        let foreign = sessions.begin(&company("globex"), token(), now).unwrap();
        for _ in 0..SESSIONS_PER_TOKEN_MAX {
            now = now.plus_seconds(1);
            sessions.begin(&company("acme"), token(), now).unwrap();
        }
        assert!(sessions.find(&first, now, true).is_none(), "the longest unused one has ended");
        assert!(sessions.find(&foreign, now, true).is_some(), "a token of another company");
        for n in 0..=SESSIONS_MAX {
            sessions.begin(&company(&format!("c{n}")), token(), now.plus_seconds(1)).unwrap();
        }
        assert_eq!(sessions.all().len(), SESSIONS_MAX);
    }
}
