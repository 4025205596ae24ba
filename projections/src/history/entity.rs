//! What a history can be of, and which facts are about it.

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
    /// As the query `history` takes it.
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
                .saying("entity: expected run:<id>, import:<id>, user:<key> or phone:<E.164>")
                .with(json!({"parameter": "entity"}))
        })
    }
}

impl Entity {
    /// The run, or else the import, that a fact belongs to. People and their phones are not named: what
    /// stands for a fact beside its data must not say whom it is about.
    pub fn of_process(event: &Event) -> Option<Self> {
        let subjects = event.subjects();
        subjects.run.map(Self::Run).or_else(|| subjects.import.map(Self::Import))
    }

    /// Whether a fact is about this thing.
    pub fn concerns(&self, event: &Event) -> bool {
        let subjects = event.subjects();
        match self {
            Self::Run(run) => subjects.run == Some(*run),
            Self::Import(import) => subjects.import == Some(*import),
            Self::User(user) => subjects.user.is_some_and(|who| who.folded() == user.folded()),
            Self::Phone(phone) => subjects.phone.or(subjects.number) == Some(*phone),
        }
    }
}

/// The number of the pool that a fact is about.
pub(crate) fn number_of(event: &Event) -> Option<Phone> {
    event.subjects().number
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::run;

    #[test]
    fn an_entity_is_read_from_its_kind_and_its_name() {
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
