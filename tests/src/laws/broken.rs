//! A law that does not hold: its name, and what was seen instead.

/// What a checker says when its law is broken.
pub(super) type Law = Result<(), String>;

/// Holds, or names the law that does not.
macro_rules! holds {
    ($condition:expr, $($why:tt)+) => {
        if !$condition {
            return Err(format!($($why)+));
        }
    };
}
pub(super) use holds;

/// What must never be seen by those who read logs and refusals: numbers, addresses, tokens.
#[derive(Debug, Default)]
pub(super) struct Secrets(Vec<String>);

impl Secrets {
    /// Every run of seven digits of these numbers, and every address as it is.
    pub(super) fn of(phones: &[&str], addresses: &[&str]) -> Self {
        let mut all: Vec<String> = addresses.iter().map(|one| (*one).to_owned()).collect();
        for phone in phones {
            let digits: Vec<char> = phone.chars().filter(char::is_ascii_digit).collect();
            all.extend(digits.windows(7).map(|window| window.iter().collect::<String>()));
        }
        Self(all)
    }

    pub(super) fn keep(&mut self, secret: String) {
        self.0.push(secret);
    }

    /// P31.
    pub(super) fn check(&self, what: &str, text: &str) -> Law {
        let text = &without_ids(text);
        let found = self.0.iter().find_map(|secret| text.find(secret.as_str()));
        let near = found.map(|at| text[..at].chars().rev().take(120).collect::<Vec<_>>());
        let near: Option<String> = near.map(|near| near.into_iter().rev().collect());
        holds!(found.is_none(), "P31 {what} gives away what follows {near:?}");
        Ok(())
    }
}

/// The most digits of a phone number: a longer run is an id.
const PHONE_DIGITS: usize = 15;

/// Ids and times are numbers of their own, in which any number may be found.
fn without_ids(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut parts = text.split("Time(");
    let first = parts.next().unwrap_or_default();
    let rest = parts.map(|part| part.trim_start_matches(|c: char| c.is_ascii_digit()));
    let text = &std::iter::once(first).chain(rest).collect::<String>();
    for part in text.split_inclusive(|c: char| !c.is_ascii_digit()) {
        let digits = part.trim_end_matches(|c: char| !c.is_ascii_digit());
        kept.push_str(if digits.len() > PHONE_DIGITS { &part[digits.len()..] } else { part });
    }
    kept
}
