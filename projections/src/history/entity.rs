//! The things that have a history.

use std::fmt;
use std::str::FromStr;

use boarding_commands::event::Event;
use boarding_commands::values::{Code, ImportId, Phone, Refusal, RunId, UserKey};
use serde_json::json;

/// A thing with a history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entity {
    Run(RunId),
    Import(ImportId),
    User(UserKey),
    Phone(Phone),
}

impl fmt::Display for Entity {
    /// The form that the query `history` accepts.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Run(run) => write!(f, "run:{run}"),
            Self::Import(import) => write!(f, "import:{import}"),
            Self::User(user) => write!(f, "user:{}", user.as_str()),
            Self::Phone(phone) => write!(f, "phone:{phone}"),
        }
    }
}

impl FromStr for Entity {
    type Err = Refusal;

    /// Reads `run:<id>`, `import:<id>`, `user:<key>`, `phone:<e164>`.
    fn from_str(text: &str) -> Result<Self, Refusal> {
        let read = |kind: &str, name: &str| match kind {
            "run" => name.parse().ok().map(Self::Run),
            "import" => name.parse().ok().map(Self::Import),
            "user" if !name.trim().is_empty() => Some(Self::User(UserKey::new(name))),
            "phone" => Phone::parse(name).ok().map(Self::Phone),
            _ => None,
        };
        text.split_once(':').and_then(|(kind, name)| read(kind, name)).ok_or_else(|| {
            Refusal::new(Code::QueryMalformed)
                .saying("entity: expected run:<id>, import:<id>, user:<key> or phone:<E.164>; latest for an id is the newest")
                .with(json!({"parameter": "entity"}))
        })
    }
}

impl Entity {
    /// The run of an event, or else its import; none if the event belongs to neither.
    ///
    /// Never the user or phone: the event feed puts this into message headers, which must not
    /// contain personal data.
    pub fn of_process(event: &Event) -> Option<Self> {
        let subjects = event.subjects();
        subjects.run.map(Self::Run).or_else(|| subjects.import.map(Self::Import))
    }

    /// Whether an event is about this thing.
    pub fn concerns(&self, event: &Event) -> bool {
        let subjects = event.subjects();
        match self {
            Self::Run(run) => subjects.run == Some(*run),
            Self::Import(import) => subjects.import == Some(*import),
            Self::User(user) => subjects.user.is_some_and(|key| key.folded() == user.folded()),
            Self::Phone(phone) => subjects.phone.or(subjects.number) == Some(*phone),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::run;

    #[test]
    fn entity_is_read_from_kind_and_name() {
        assert_eq!(format!("run:{}", run(7)).parse(), Ok(Entity::Run(run(7))));
        assert_eq!("user:a:b".parse(), Ok(Entity::User(UserKey::new("a:b"))));
        let phone = Phone::parse("+84923448071").unwrap();
        assert_eq!("phone:+84 923 448 071".parse(), Ok(Entity::Phone(phone)));
        for text in
            [format!("run:{}", run(7)), "user:a:b".to_owned(), "phone:+84923448071".to_owned()]
        {
            assert_eq!(text.parse::<Entity>().unwrap().to_string(), text);
        }
        for bad in ["", "run", "run:7", "user: ", "phone:84", "robot:7"] {
            let refusal = bad.parse::<Entity>().unwrap_err();
            assert_eq!(refusal.details["parameter"], "entity", "{bad}");
        }
    }
}
