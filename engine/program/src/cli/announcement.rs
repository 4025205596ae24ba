//! Says what a run would send: the number of mails, and why other people get none.

use boarding_commands::values::Code;
use serde_json::Value;

use super::fields::number;
use super::words::counted;

/// What a run would send by a preview, why other people get nothing, and what is known of their earlier mails.
pub(super) fn text(preview: &Value) -> String {
    let mut lines = vec![opening(preview)];
    lines.extend(others(preview).into_iter().map(|line| format!("  {line}")));
    let known = earlier(preview);
    lines.extend((!known.is_empty()).then(|| format!("  {}", known.join(" "))));
    lines.join("\n")
}

/// Whether a run would send nothing.
pub(super) fn is_empty(preview: &Value) -> bool {
    let to_send = ToSend::of(preview);
    to_send.emails + to_send.texts == 0
}

/// The first sentence, in the words of the product's dialog.
pub(super) fn opening(preview: &Value) -> String {
    let people = number(preview, "recipient_count");
    let users = counted(people, "user", "users");
    let again = match number(preview, "duplicates_removed") {
        0 => String::new(),
        1 => " (1 duplicate is not counted)".to_owned(),
        times => format!(" ({times} duplicates are not counted)"),
    };
    let to_send = ToSend::of(preview);
    let (what, purpose) = (to_send.what(), to_send.purpose());
    match to_send.emails + to_send.texts {
        0 if people == 1 => format!("No invitation would be sent to the user{again}."),
        0 => format!("No invitation would be sent to any of the {users}{again}."),
        all if all == people => {
            format!("You're about to send {what} to {users} for them {purpose}{again}.")
        }
        some => {
            // The number of the vendor's screen is that of the people; how many get a mail is a part of it.
            format!(
                "You're about to send {what} to {users} for them {purpose}{again}. Of them, {some} will be invited."
            )
        }
    }
}

/// The invitations that would leave, and of which kind they are.
#[derive(Debug, Clone, Copy)]
struct ToSend {
    emails: u64,
    texts: u64,
    to_activate: u64,
}

impl ToSend {
    fn of(preview: &Value) -> Self {
        let part = |name: &str| preview.get("to_send").map_or(0, |parts| number(parts, name));
        Self { emails: part("emails"), texts: part("texts"), to_activate: part("to_activate") }
    }

    fn what(self) -> &'static str {
        match (self.emails, self.texts) {
            (_, 0) => "invitation emails",
            (0, _) => "invitation texts",
            _ => "invitation emails and texts",
        }
    }

    fn purpose(self) -> String {
        let link = "to link their messaging account";
        let all = self.emails + self.texts;
        match self.to_activate {
            0 => link.to_owned(),
            activate if activate == all => "to activate MultiLine".to_owned(),
            activate => {
                let rest = all.saturating_sub(activate);
                format!("to activate MultiLine ({activate}) or {link} ({rest})")
            }
        }
    }
}

/// How many people get nothing, in a sentence for each reason.
pub(super) fn others(preview: &Value) -> Vec<String> {
    let mut lines = Vec::new();
    for (field, what) in [("/skip_codes", "would be skipped"), ("/expected/fail", "would fail")] {
        let by_code = preview.pointer(field).and_then(Value::as_object).into_iter().flatten();
        lines.extend(by_code.map(|(code, count)| {
            let people = counted(count.as_u64().unwrap_or_default(), "person", "people");
            format!("{people} {what}: {}", sentence(code))
        }));
    }
    lines
}

/// The sentence of a code, with the code in brackets.
fn sentence(code: &str) -> String {
    match Code::find(code) {
        Some(known) => format!("{} [{code}]", known.text()),
        None => code.to_owned(),
    }
}

/// What is known of earlier mails to the people, and of other runs.
pub(super) fn earlier(preview: &Value) -> Vec<String> {
    let known = [
        ("live_links", "Have a link that works"),
        ("invited_within_24h", "Invited within the last 24 hours"),
        ("uncertain_before", "May have got an earlier mail"),
        ("in_waiting_runs", "In a run that waits"),
    ];
    let counts = known.map(|(field, what)| (number(preview, field), what));
    let shown = counts.into_iter().filter(|(people, _)| *people > 0);
    shown.map(|(people, what)| format!("{what}: {people}.")).collect()
}
