//! Reads a request of any encoding and finds keys that are given twice and numbers that are not finite.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value, json};

use super::malformed::is_personal;
use crate::values::{Code, Refusal};

/// A request as it was sent. A plain JSON value would keep the last of two equal keys in silence.
#[derive(Debug)]
pub struct RequestValue {
    value: Value,
    fault: Option<Fault>,
}

/// The first part of a request that no command may have.
#[derive(Debug)]
struct Fault {
    /// The keys and list indexes down to the part, from the inside out.
    steps: Vec<String>,
    what: &'static str,
}

impl RequestValue {
    /// The value.
    ///
    /// # Errors
    /// A refusal with this code, which names the key that is given twice or has a number that is not finite.
    pub fn checked(self, code: Code) -> Result<Value, Refusal> {
        let Some(Fault { mut steps, what }) = self.fault else { return Ok(self.value) };
        steps.reverse();
        let shown = steps.iter().map(|step| if is_personal(step) { "***" } else { step });
        let field = shown.collect::<Vec<_>>().join(".").replace(".[", "[");
        let refusal = Refusal::new(code).saying(&format!("{field}: {what}"));
        Err(refusal.with(json!({"field": field})))
    }

    fn plain(value: impl Into<Value>) -> Self {
        Self { value: value.into(), fault: None }
    }

    /// The fault as seen from the map or list around it.
    fn fault_at(fault: Option<Fault>, step: impl FnOnce() -> String) -> Option<Fault> {
        let mut fault = fault?;
        fault.steps.push(step());
        Some(fault)
    }
}

impl<'de> Deserialize<'de> for RequestValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reader)
    }
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = RequestValue;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map with text keys, a list, a text, a number, a truth value or null")
    }

    fn visit_bool<E>(self, value: bool) -> Result<RequestValue, E> {
        Ok(RequestValue::plain(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<RequestValue, E> {
        Ok(RequestValue::plain(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<RequestValue, E> {
        Ok(RequestValue::plain(value))
    }

    fn visit_f64<E>(self, value: f64) -> Result<RequestValue, E> {
        let fault = (!value.is_finite())
            .then(|| Fault { steps: Vec::new(), what: "the number is not finite" });
        let value = Number::from_f64(value).map_or(Value::Null, Value::Number);
        Ok(RequestValue { value, fault })
    }

    fn visit_str<E>(self, value: &str) -> Result<RequestValue, E> {
        Ok(RequestValue::plain(value))
    }

    fn visit_string<E>(self, value: String) -> Result<RequestValue, E> {
        Ok(RequestValue::plain(value))
    }

    fn visit_unit<E>(self) -> Result<RequestValue, E> {
        Ok(RequestValue::plain(Value::Null))
    }

    fn visit_none<E>(self) -> Result<RequestValue, E> {
        Ok(RequestValue::plain(Value::Null))
    }

    fn visit_some<D: Deserializer<'de>>(self, value: D) -> Result<RequestValue, D::Error> {
        RequestValue::deserialize(value)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<RequestValue, A::Error> {
        let (mut list, mut found) = (Vec::new(), None);
        while let Some(RequestValue { value, fault }) = access.next_element()? {
            let at = list.len();
            found = found.or_else(|| RequestValue::fault_at(fault, || format!("[{at}]")));
            list.push(value);
        }
        Ok(RequestValue { value: Value::Array(list), fault: found })
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<RequestValue, A::Error> {
        let (mut map, mut found) = (Map::new(), None);
        while let Some(key) = access.next_key::<String>()? {
            let RequestValue { value, fault } = access.next_value()?;
            let is_second = map.contains_key(&key);
            let twice = || Fault { steps: Vec::new(), what: "the key is given twice" };
            let fault = fault.or_else(|| is_second.then(twice));
            found = found.or_else(|| RequestValue::fault_at(fault, || key.clone()));
            map.insert(key, value);
        }
        Ok(RequestValue { value: Value::Object(map), fault: found })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Value, Refusal> {
        serde_json::from_str::<RequestValue>(text).unwrap().checked(Code::EnvelopeMalformed)
    }

    #[test]
    fn key_that_is_given_twice_is_named() {
        for (text, field) in [
            (r#"{"id": 1, "id": 1}"#, "id"),
            (r#"{"body": {"user": "a", "user": "b"}}"#, "body.user"),
            (r#"{"body": {"people": [{}, {"a": 1, "a": 2}]}}"#, "body.people[1].a"),
            (r#"{"a@acme.example": 1, "a@acme.example": 2}"#, "***"),
        ] {
            let refusal = read(text).unwrap_err();
            assert_eq!(
                (refusal.code, &refusal.details["field"]),
                (Code::EnvelopeMalformed, &field.into())
            );
        }
        let plain = r#"{"a":[1,-2,3.5,null,true,"x"],"b":{"a":{}}}"#;
        assert_eq!(read(plain).unwrap(), serde_json::from_str::<Value>(plain).unwrap());
    }
}
