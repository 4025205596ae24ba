//! Refusals of malformed input: they name the key and never repeat the value.

use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use serde_path_to_error::Path;

use crate::values::{Code, Refusal};

/// Reads the value of a request.
///
/// # Errors
/// `envelope.malformed`, naming the part that does not have its shape, as `field` in the details too.
pub(crate) fn read<T: DeserializeOwned>(value: Value) -> Result<T, Refusal> {
    if !value.is_object() {
        return Err(Refusal::new(Code::EnvelopeMalformed).saying("expected a JSON object"));
    }
    serde_path_to_error::deserialize(value).map_err(|error| {
        let message = without_values(&error.inner().to_string());
        let refusal = Refusal::new(Code::EnvelopeMalformed);
        match part(error.path(), &message) {
            None => refusal.saying(&message),
            Some(part) if message.contains(&format!("`{part}`")) => {
                refusal.saying(&message).with(json!({"field": part}))
            }
            Some(part) => {
                refusal.saying(&format!("{part}: {message}")).with(json!({"field": part}))
            }
        }
    })
}

/// The malformed part of the request: its keys and list indexes, separated by dots. `None` is the whole request.
fn part(path: &Path, message: &str) -> Option<String> {
    let missing = message.strip_prefix("missing field `").and_then(|rest| rest.split_once('`'));
    let steps =
        path.iter().map(ToString::to_string).chain(missing.map(|(name, _)| name.to_owned()));
    let shown = steps.map(|step| if is_personal(&step) { "***".to_owned() } else { step });
    let part = shown.collect::<Vec<_>>().join(".").replace(".[", "[");
    (!part.is_empty()).then_some(part)
}

/// The longest run of digits that a message may contain: a longer one may be a phone number.
const MAX_DIGITS_SHOWN: usize = 6;

/// The words before a value in the messages of serde, and the mark at the end of the value.
const VALUES: [(&str, char); 4] =
    [("string \"", '"'), ("integer `", '`'), ("floating point `", '`'), ("unknown variant `", '`')];

fn without_values(message: &str) -> String {
    let mut text = message.to_owned();
    for (before, end) in VALUES {
        let Some((head, rest)) = message.split_once(before) else { continue };
        // The value itself may contain the mark: the rest begins after the last mark before ", expected".
        let (value, expected) = rest.rsplit_once(", expected").unwrap_or((rest, ""));
        let tail = value.rsplit_once(end).map_or("", |(_, tail)| tail);
        let what = before.trim_end_matches(end).trim_end();
        text = format!("{head}{what}{tail}, expected{expected}");
        break;
    }
    let message: Vec<&str> =
        text.split(' ').map(|word| if is_personal(word) { "***" } else { word }).collect();
    message.join(" ")
}

pub(super) fn is_personal(word: &str) -> bool {
    let longest = word.split(|c: char| !c.is_numeric()).map(|run| run.chars().count()).max();
    word.contains('@') || longest.unwrap_or(0) > MAX_DIGITS_SHOWN
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::decide::Command;
    use crate::envelope::Envelope;

    /// Input has keys; a list is rejected.
    #[test]
    fn a_list_is_no_command_and_no_envelope() {
        let envelope = json!(["01JD0000000000000000000000", "a", null, null, null, null, null, {}]);
        for refusal in [
            Envelope::read(envelope).unwrap_err(),
            Command::read("DefineRole", json!(["Boss", []])).unwrap_err(),
            Command::read("DefineRole", json!("Boss")).unwrap_err(),
        ] {
            assert_eq!(refusal.code, crate::values::Code::EnvelopeMalformed);
            assert!(refusal.message.contains("expected a JSON object"), "{}", refusal.message);
        }
    }

    /// The message and the details name the malformed key.
    #[test]
    fn the_part_that_cannot_be_read_is_named() {
        let run = "01JD0000000000000000000000";
        let start = |key: &str, value: serde_json::Value| {
            let mut body =
                json!({"source": {"users": ["ann"]}, "channel": "whatsapp", "mode": "preview"});
            body[key] = value;
            ("StartBulkIntegration", body)
        };
        let cases = [
            (start("not_before", json!("tomorrow")), "not_before"),
            (start("mode", json!("foo")), "mode"),
            (start("expected_recipients", json!("7")), "expected_recipients"),
            (("UserSkipped", json!({"run": run, "user": "x", "code": "already_linked"})), "code"),
            (("CancelRun", json!({"run": "x"})), "run"),
            (("CancelRun", json!({})), "run"),
            (("AddUser", json!({"user": "ann", "colour": 1})), "colour"),
            (("AddUser", json!({"user": "ann", "roles": ["a", 7]})), "roles[1]"),
            (("AddUser", json!({"user": "ann", "attributes": {"title": 7}})), "attributes.title"),
            (
                ("AddUser", json!({"user": "ann", "attributes": {"+84923448071": 7}})),
                "attributes.***",
            ),
        ];
        for ((name, body), part) in cases {
            let refusal = Command::read(name, body.clone()).expect_err(name);
            assert_eq!(refusal.details, json!({"field": part}), "{name} {body}: {refusal}");
            assert!(refusal.message.contains(part), "{refusal}");
        }
        let refusal = Envelope::read(json!({"id": run, "issued_at": "now"})).unwrap_err();
        assert_eq!(refusal.details, json!({"field": "issued_at"}));
        assert!(refusal.message.contains("issued_at: expected a time such as"), "{refusal}");
    }

    /// P31: a rejection names the key or the expected shape, never the value.
    #[test]
    fn rejection_never_repeats_a_value() {
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
