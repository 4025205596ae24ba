//! The `result` of a command that sets values: the old and the new ones.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value, json};

/// The `result` of a command that defines a thing.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Defined {
    /// Whether the thing is new.
    created: bool,
    /// The values that changed. Empty if nothing changed.
    changes: Vec<ValueChange>,
}

/// The `result` of a command that changes values.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Changed {
    /// The values that changed. Empty if nothing changed.
    changes: Vec<ValueChange>,
}

/// A value before and after a command.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub(crate) struct ValueChange {
    pub(crate) field: String,
    pub(crate) old: Value,
    pub(crate) new: Value,
}

impl ValueChange {
    /// Lists as the number of their items. The result of a command is stored in clear, so it may not hold names that
    /// its event holds as personal.
    fn counted(self) -> Self {
        let counted =
            |value: Value| value.as_array().map_or(value.clone(), |list| json!(list.len()));
        Self { field: self.field, old: counted(self.old), new: counted(self.new) }
    }
}

impl Defined {
    /// Like [`Defined::result`], with lists as numbers of items.
    pub(crate) fn counted(old: Option<&Value>, new: &Value) -> Value {
        let changes = differences(old.unwrap_or(&Value::Null), new).into_iter();
        json!(Self { created: old.is_none(), changes: changes.map(ValueChange::counted).collect() })
    }

    /// The result for a thing with these values, an object. `old` is none if the thing is new.
    pub(crate) fn result(old: Option<&Value>, new: &Value) -> Value {
        json!(Self {
            created: old.is_none(),
            changes: differences(old.unwrap_or(&Value::Null), new)
        })
    }
}

impl Changed {
    pub(crate) fn result(changes: Vec<ValueChange>) -> Value {
        json!(Self { changes })
    }

    /// Like [`Changed::between`], with lists as numbers of items.
    pub(crate) fn counted(old: &Value, new: &Value) -> Value {
        Self::result(differences(old, new).into_iter().map(ValueChange::counted).collect())
    }

    /// The result for values before and after, each an object.
    pub(crate) fn between(old: &Value, new: &Value) -> Value {
        Self::result(differences(old, new))
    }
}

/// The fields that differ between two objects with the same fields.
fn differences(old: &Value, new: &Value) -> Vec<ValueChange> {
    let empty = Map::new();
    let old = old.as_object().unwrap_or(&empty);
    let before = |field: &str| old.get(field).cloned().unwrap_or_default();
    let fields = new.as_object().into_iter().flatten();
    let is_nothing = |value: &Value| value.is_null() || value.as_array().is_some_and(Vec::is_empty);
    let differs = fields.filter(|(field, new)| {
        let old = before(field);
        old != **new && !(is_nothing(&old) && is_nothing(new))
    });
    differs
        .map(|(field, new)| ValueChange {
            field: field.clone(),
            old: before(field),
            new: new.clone(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn result_shows_old_and_new_values_of_what_changed() {
        let old = json!({"a": 1, "b": ["x"], "c": null, "d": 4});
        let new = json!({"a": 2, "b": ["x", "y"], "c": [], "d": 4});
        let a = json!({"field": "a", "old": 1, "new": 2});
        let b = json!({"field": "b", "old": ["x"], "new": ["x", "y"]});
        let changes = json!([a, b]);
        assert_eq!(Changed::between(&old, &new), json!({"changes": changes}));
        let defined = Defined::result(Some(&old), &new);
        assert_eq!(defined, json!({"created": false, "changes": changes}));
        assert_eq!(Changed::result(vec![]), json!({"changes": []}));
    }

    #[test]
    fn new_thing_has_no_old_values() {
        let result = Defined::result(None, &json!({"a": 1, "b": [], "c": null}));
        let a = json!({"field": "a", "old": null, "new": 1});
        assert_eq!(result, json!({"created": true, "changes": [a]}));
    }

    /// The result of a command is stored in clear.
    #[test]
    fn counted_result_has_the_length_of_lists() {
        let (old, new) = (json!({"b": ["x"]}), json!({"b": ["x", "y"]}));
        let b = json!({"field": "b", "old": 1, "new": 2});
        assert_eq!(Changed::counted(&old, &new), json!({"changes": [b]}));
        let defined = Defined::counted(Some(&old), &new);
        assert_eq!(defined, json!({"created": false, "changes": [b]}));
    }
}
