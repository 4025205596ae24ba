//! Changing settings: the names, the vendor's names for them, the checks, the new value.

use boarding_csv::same_name;
use serde_json::{Map, Value, json};

use super::Settings;
use super::allowed::{description, fits};
use crate::values::{Code, Refusal, nearest};

/// A vendor's key or words for one of our settings.
pub(super) const ALIASES: [(&str, &str); 6] = [
    ("com.leapxpert.user.bulkintegration.records", "bulk_integration_max_records"),
    (
        "Define maximum number of records (users) per Bulk Integration run",
        "bulk_integration_max_records",
    ),
    ("com.leapxpert.whatsapp.archived.channel.enabled", "channels.whatsapp"),
    ("com.leapxpert.whatsapp.archived.channel.enable", "channels.whatsapp"),
    ("com.leapxpert.imessage.archived.channel.enabled", "channels.imessage"),
    ("com.leapxpert.imessage.archived.channel.enable", "channels.imessage"),
];

impl Settings {
    /// Our name of a setting, for any name that a change may use: the vendor's key or our own.
    pub fn own_name(name: &str) -> &str {
        ALIASES.iter().find(|(alias, _)| *alias == name).map_or(name, |(_, ours)| ours)
    }

    /// The name of a setting that a person means: case, blanks and punctuation do not count. Any other text is returned
    /// as it is.
    pub fn meant(text: &str) -> String {
        let text = Self::own_name(text);
        let flat = Self::default().flat();
        let groups = flat.iter().filter_map(|(path, _)| Some(path.split_once('.')?.0));
        let ours = flat.iter().map(|(path, _)| path.as_str()).chain(groups);
        let vendors = ALIASES.iter().map(|(alias, _)| *alias);
        let mut names = ours.chain(vendors);
        let found = names.find(|name| same_name(name, text)).unwrap_or(text);
        Self::own_name(found).to_owned()
    }

    /// What a setting means, by its path. The settings of a group have the meaning of the group.
    pub fn meaning(path: &str) -> Option<String> {
        let schema = schemars::schema_for!(Self);
        let group = path.split('.').next().unwrap_or(path);
        let described = |schema: &Value, name: &str| {
            let text = schema.pointer(&format!("/properties/{name}/description"))?.as_str()?;
            Some(text.replace('\n', " "))
        };
        let own = path.split_once('.').and_then(|(group, name)| {
            let reference = schema.pointer(&format!("/properties/{group}/$ref"))?.as_str()?;
            described(schema.pointer(reference.strip_prefix('#')?)?, name)
        });
        own.or_else(|| described(schema.as_value(), group))
    }

    /// The settings as a flat list: objects are named by their paths, `channels.whatsapp`.
    pub fn flat(&self) -> Vec<(String, Value)> {
        let mut out = Vec::new();
        flatten("", &serde_json::to_value(self).unwrap_or_default(), &mut out);
        out
    }

    /// The checked settings of a request: the path and value of each.
    ///
    /// # Errors
    /// `config.unknown_setting` and `config.invalid_value`, with the setting and its allowed values.
    pub fn check(&self, requested: &Map<String, Value>) -> Result<Vec<(String, Value)>, Refusal> {
        let mut changes = Vec::new();
        for (name, value) in requested {
            flatten(Self::own_name(name), value, &mut changes);
        }
        let known = self.flat();
        let mut after = self.clone();
        for (name, value) in &changes {
            let refuse =
                |code: Code, words: &str| Refusal::new(code).saying(&format!("{name}: {words}"));
            let Some((_, current)) = known.iter().find(|(known, _)| known == name) else {
                let near = nearest(name, known.iter().map(|(path, _)| path.as_str()));
                let hint = near.map(|near| format!("did you mean {near}?"));
                let hint = hint.as_deref().unwrap_or("there is no such setting");
                let details = json!({"setting": name});
                return Err(refuse(Code::ConfigUnknownSetting, hint).with(details));
            };
            let expected = description(name, current);
            if !fits(name, current, value) || after.set(name, value).is_none() {
                let details = json!({"setting": name, "takes": expected});
                return Err(refuse(Code::ConfigInvalidValue, &expected).with(details));
            }
        }
        Ok(changes)
    }

    /// Sets one setting by its path. Returns `None` and changes nothing if the setting or the type of its value is
    /// unknown. The fold ignores that, because history is never refused.
    pub fn set(&mut self, path: &str, value: &Value) -> Option<()> {
        let mut all = serde_json::to_value(&*self).ok()?;
        let pointer = format!("/{}", path.replace('.', "/"));
        *all.pointer_mut(&pointer)? = value.clone();
        *self = serde_json::from_value(all).ok()?;
        Some(())
    }
}

fn flatten(path: &str, value: &Value, out: &mut Vec<(String, Value)>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                let inner = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                flatten(&inner, value, out);
            }
        }
        _ => out.push((path.to_owned(), value.clone())),
    }
}
