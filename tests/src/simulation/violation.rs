//! The result of a check: passed, or the violated invariant and what was seen.

/// `Err` starts with the id of the violated invariant, for example `P7 `.
pub(super) type CheckResult = Result<(), String>;

/// Returns `Err` with this message unless the condition is true.
macro_rules! ensure {
    ($condition:expr, $($why:tt)+) => {
        if !$condition {
            return Err(format!($($why)+));
        }
    };
}
pub(super) use ensure;

/// Texts that no log line and no refusal may contain: phone numbers, addresses, tokens.
#[derive(Debug, Default)]
pub(super) struct Secrets(Vec<String>);

impl Secrets {
    /// Every seven consecutive digits of a phone number are a secret, and every address as a whole.
    pub(super) fn of(phones: &[&str], addresses: &[&str]) -> Self {
        let mut all: Vec<String> = addresses.iter().map(|one| (*one).to_owned()).collect();
        for phone in phones {
            let digits: Vec<char> = phone.chars().filter(char::is_ascii_digit).collect();
            all.extend(digits.windows(7).map(|window| window.iter().collect::<String>()));
        }
        Self(all)
    }

    pub(super) fn add(&mut self, secret: String) {
        self.0.push(secret);
    }

    /// P31: the text contains no secret. The message shows the 120 characters before a secret.
    pub(super) fn check(&self, source: &str, text: &str) -> CheckResult {
        let text = &without_ids(text);
        let found = self.0.iter().find_map(|secret| text.find(secret.as_str()));
        let before = found.map(|at| text[..at].chars().rev().take(120).collect::<Vec<_>>());
        let before: Option<String> = before.map(|before| before.into_iter().rev().collect());
        ensure!(found.is_none(), "P31 {source} contains a secret after {before:?}");
        Ok(())
    }
}

/// The most digits of a phone number. A longer sequence of digits is an id.
const PHONE_DIGITS: usize = 15;

/// The fewest digits of a digest in hexadecimal. No phone number is as long.
const DIGEST_DIGITS: usize = 32;

/// The text without digests, ids and times, because their digits may contain a phone number by chance.
fn without_ids(text: &str) -> String {
    let text = without_runs(text, DIGEST_DIGITS - 1, |c| c.is_ascii_hexdigit());
    let mut parts = text.split("Time(");
    let first = parts.next().unwrap_or_default();
    let rest = parts.map(|part| part.trim_start_matches(|c: char| c.is_ascii_digit()));
    let text = std::iter::once(first).chain(rest).collect::<String>();
    without_runs(&text, PHONE_DIGITS, |c| c.is_ascii_digit())
}

/// The text without the runs of these characters that are longer than `longest`.
fn without_runs(text: &str, longest: usize, is_of_run: impl Fn(char) -> bool) -> String {
    let mut kept = String::with_capacity(text.len());
    for part in text.split_inclusive(|c: char| !is_of_run(c)) {
        let run = part.trim_end_matches(|c: char| !is_of_run(c));
        kept.push_str(if run.len() > longest { &part[run.len()..] } else { part });
    }
    kept
}
