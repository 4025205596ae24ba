//! What cannot be read is refused by the name of the key; the value that was sent is never told again (P31).

use crate::code::{Code, Refusal};

/// The refusal for a body that does not have its shape.
pub(crate) fn malformed(error: &serde_json::Error) -> Refusal {
    Refusal::new(Code::EnvelopeMalformed).saying(&without_values(&error.to_string()))
}

/// The longest run of digits that may be told: what is longer may be a phone number.
const MAX_DIGITS_TOLD: usize = 6;

/// The words before a value, as serde writes them, and the marks the value stands between.
const VALUES: [(&str, char); 4] =
    [("string \"", '"'), ("integer `", '`'), ("floating point `", '`'), ("unknown variant `", '`')];

fn without_values(told: &str) -> String {
    let mut text = told.to_owned();
    for (before, end) in VALUES {
        let Some((head, rest)) = told.split_once(before) else { continue };
        // The value itself may hold the mark: what follows begins after the last one before "expected".
        let (value, expected) = rest.rsplit_once(", expected").unwrap_or((rest, ""));
        let tail = value.rsplit_once(end).map_or("", |(_, tail)| tail);
        let what = before.trim_end_matches(end).trim_end();
        text = format!("{head}{what}{tail}, expected{expected}");
        break;
    }
    let told: Vec<&str> =
        text.split(' ').map(|word| if is_personal(word) { "***" } else { word }).collect();
    told.join(" ")
}

fn is_personal(word: &str) -> bool {
    let longest = word.split(|c: char| !c.is_numeric()).map(|run| run.chars().count()).max();
    word.contains('@') || longest.unwrap_or(0) > MAX_DIGITS_TOLD
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::decide::Command;

    /// P31: the key or the expected shape is named, the value is not.
    #[test]
    fn p31_a_refusal_never_repeats_a_value() {
        let bodies = [
            (
                "AddCorporatePhone",
                json!({"user": "ann", "phone": 84_923_448_071_u64}),
                "integer, expected",
            ),
            (
                "AddUser",
                json!({"user": "ann", "roles": "ann@acme.example, expected \"x\""}),
                "string, expected",
            ),
            (
                "StartBulkIntegration",
                json!({"source": {}, "channel": "x", "mode": "ann@acme.example"}),
                "unknown variant",
            ),
            ("AddUser", json!({"ann@acme.example": 1}), "unknown field ***"),
            ("AddUser", json!({"user": "ann", "colour": 1}), "unknown field `colour`"),
            (
                "UserSkipped",
                json!({"run": "01JD0000000000000000000000", "user": "x", "code": "+84923448071"}),
                "no such code",
            ),
        ];
        for (name, body, named) in bodies {
            let refusal = Command::read(name, body).expect_err(name);
            assert!(refusal.message.contains(named), "{refusal}");
            for value in ["84923448071", "ann@acme"] {
                assert!(!refusal.message.contains(value), "{refusal}");
            }
        }
    }
}
