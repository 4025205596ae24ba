//! The names of actors: what a caller may say of who asks.

use boarding_csv::without_invisible;
use serde_json::json;

use super::code::{Code, Refusal};

/// The actor of the engine's own commands. No caller has this name.
pub const ENGINE: &str = "engine";

/// The longest name of an actor, in bytes, so that each event has room for it.
const MAX_BYTES: usize = 256;

/// Checks the name of an actor that a caller gives.
///
/// # Errors
/// `envelope.malformed` with the key, `auth.actor_reserved`.
pub fn check_actor(actor: &str) -> Result<(), Refusal> {
    let malformed = |words: String| {
        Err(Refusal::new(Code::EnvelopeMalformed).saying(&words).with(json!({"key": "actor"})))
    };
    if actor.trim().is_empty() {
        return malformed("actor: is empty".to_owned());
    }
    if actor.len() > MAX_BYTES {
        return malformed(format!("actor: has {} bytes, at most {MAX_BYTES}", actor.len()));
    }
    if actor.chars().any(|c| c.is_control() || is_bidirectional(c)) {
        return malformed("actor: has a control or bidirectional character".to_owned());
    }
    if without_invisible(actor).trim().eq_ignore_ascii_case(ENGINE) {
        return Err(Code::AuthActorReserved.into());
    }
    Ok(())
}

/// The longest name of a NATS user, in bytes: it is one token of a subject.
const NATS_USER_MAX_BYTES: usize = 256;

/// Checks the name of a NATS user: one token of a subject.
///
/// # Errors
/// `envelope.malformed` with the key.
pub fn check_nats_user(name: &str) -> Result<(), Refusal> {
    let is_plain = |c: char| {
        !c.is_whitespace()
            && !c.is_control()
            && !is_bidirectional(c)
            && !matches!(c, '.' | '*' | '>')
    };
    if (1..=NATS_USER_MAX_BYTES).contains(&name.len()) && name.chars().all(is_plain) {
        return Ok(());
    }
    let words = format!(
        "nats_user: expected 1 to {NATS_USER_MAX_BYTES} bytes without blanks, dots and wildcards"
    );
    Err(Refusal::new(Code::EnvelopeMalformed).saying(&words).with(json!({"key": "nats_user"})))
}

/// Whether a character changes the direction of the text around it.
fn is_bidirectional(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn actor_has_a_readable_name_of_its_own() {
        let code = |actor: &str| check_actor(actor).err().map(|refusal| refusal.code);
        let longest = "a".repeat(MAX_BYTES);
        for good in ["jane@acme.example", "Zoë", "root@local", "engine-room", &longest] {
            assert_eq!(code(good), None, "{good}");
        }
        let long = "a".repeat(MAX_BYTES + 1);
        for bad in ["", " ", "a\nb", "a\u{202e}b", &long] {
            assert_eq!(code(bad), Some(Code::EnvelopeMalformed), "{bad}");
        }
        for reserved in ["engine", "Engine", " engine ", "eng\u{200b}ine"] {
            assert_eq!(code(reserved), Some(Code::AuthActorReserved), "{reserved}");
        }
    }
}
