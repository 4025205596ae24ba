//! Reads the accounts back from the text of a configuration that [`super::nats_conf`] wrote.
//!
//! The text is in the format of nats-server: maps, lists, quoted strings, words and comments. What the text of this crate
//! does not use (escapes, blocks of text, includes) is not read.

use std::collections::BTreeMap;
use std::iter::Peekable;
use std::str::Chars;

use serde::Deserialize;
use serde_json::{Map, Value};

/// An account: its users, what others can import, and what it imports.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Account {
    /// Set for the account that has streams.
    #[serde(default)]
    pub(super) jetstream: Option<JetStream>,
    pub(super) users: Vec<User>,
    #[serde(default)]
    pub(super) exports: Vec<Export>,
    #[serde(default)]
    pub(super) imports: Vec<Import>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum JetStream {
    Enabled,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct User {
    pub(super) user: String,
    #[serde(rename = "password")]
    _password: String,
    #[serde(default)]
    pub(super) permissions: Permissions,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Permissions {
    #[serde(default)]
    pub(super) publish: Subjects,
    #[serde(default)]
    pub(super) subscribe: Subjects,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Subjects {
    #[serde(default)]
    pub(super) allow: Vec<String>,
    #[serde(default)]
    pub(super) deny: Vec<String>,
}

/// Exactly one of `service` and `stream` is there.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Export {
    pub(super) service: Option<String>,
    pub(super) stream: Option<String>,
    #[serde(default)]
    pub(super) response_type: Option<ResponseType>,
}

/// How many answers a request gets, if it may be more than one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum ResponseType {
    Stream,
}

/// Exactly one of `service` and `stream` is there.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Import {
    pub(super) service: Option<Exporter>,
    pub(super) stream: Option<Exporter>,
    /// The subject in the importing account, if it is another one.
    #[serde(default)]
    pub(super) to: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Exporter {
    pub(super) account: String,
    pub(super) subject: String,
}

/// The account of each user of a configuration that this program wrote, by the user's name; `None` if it is another one.
#[must_use]
pub fn accounts_of_users(config: &str) -> Option<BTreeMap<String, String>> {
    let of = |(name, account): (String, Account)| {
        account.users.into_iter().map(move |user| (user.user, name.clone()))
    };
    Some(read(config)?.into_iter().flat_map(of).collect())
}

/// The accounts by name; `None` if it is not a configuration of this crate.
pub(super) fn read(config: &str) -> Option<Vec<(String, Account)>> {
    let mut reader = Reader { chars: config.chars().peekable() };
    let mut settings = reader.map(None)?;
    let Value::Object(accounts) = settings.remove("accounts")? else { return None };
    let account = |(name, value)| Some((name, serde_json::from_value(value).ok()?));
    accounts.into_iter().map(account).collect()
}

struct Reader<'a> {
    chars: Peekable<Chars<'a>>,
}

impl Reader<'_> {
    /// The entries up to this end; `None` is the end of the text.
    fn map(&mut self, end: Option<char>) -> Option<Map<String, Value>> {
        let mut entries = Map::new();
        loop {
            let next = self.next_visible();
            if next == end {
                self.chars.next();
                return Some(entries);
            }
            let key = self.word()?;
            if self.next_visible() == Some(':') {
                self.chars.next();
            }
            let value = self.value()?;
            entries.insert(key, value);
        }
    }

    fn value(&mut self) -> Option<Value> {
        match self.next_visible()? {
            '{' => {
                self.chars.next();
                self.map(Some('}')).map(Value::Object)
            }
            '[' => {
                self.chars.next();
                let mut list = Vec::new();
                while self.next_visible()? != ']' {
                    list.push(self.value()?);
                }
                self.chars.next();
                Some(Value::Array(list))
            }
            _ => self.word().map(Value::String),
        }
    }

    /// A quoted string, or the characters up to a space or a sign of the format.
    fn word(&mut self) -> Option<String> {
        if self.chars.next_if_eq(&'"').is_some() {
            let mut text = String::new();
            loop {
                match self.chars.next()? {
                    '"' => return Some(text),
                    c => text.push(c),
                }
            }
        }
        let plain = |c: &char| !c.is_whitespace() && !"{}[]:,#\"".contains(*c);
        let text: String = std::iter::from_fn(|| self.chars.next_if(plain)).collect();
        Some(text).filter(|text| !text.is_empty())
    }

    /// The next character that is no space, no comma and not in a comment.
    fn next_visible(&mut self) -> Option<char> {
        loop {
            match *self.chars.peek()? {
                '#' => while self.chars.next_if(|c| *c != '\n').is_some() {},
                c if c.is_whitespace() || c == ',' => drop(self.chars.next()),
                c => return Some(c),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_of_the_written_configuration_are_read() {
        let accounts = read(&super::super::nats_conf(&["acme".parse().unwrap()])).unwrap();
        let names: Vec<_> = accounts.iter().map(|(name, _)| name.as_str()).collect();
        let company = ["acme-auditor", "acme-publisher", "acme-worker"];
        assert_eq!(names, [&["BOARDING"], &company[..], &["auditor", "operator"]].concat());
        let (_, engine) = &accounts[0];
        assert_eq!(engine.jetstream, Some(JetStream::Enabled));
        assert!(engine.exports.iter().any(|export| export.stream.is_some()));
        let (_, publisher) = &accounts[2];
        let rights = &publisher.users[0].permissions;
        assert!(rights.publish.allow.contains(&"boarding.v1.acme.command.>".to_owned()));
        assert!(!rights.publish.deny.is_empty());
    }

    #[test]
    fn text_that_is_cut_off_is_not_read() {
        let config = super::super::nats_conf(&["acme".parse().unwrap()]);
        let cut = config.rfind(']').unwrap();
        assert!(read(&config[..cut]).is_none());
        for bad in
            ["", "accounts: 5", "accounts {A {users: [", "accounts {A {users: [], other: 1}}"]
        {
            assert!(read(bad).is_none(), "{bad}");
        }
    }
}
