//! Says what a run would send: the number of mails, and why other people get none.

use boarding_commands::values::Code;
use serde_json::Value;

use super::fields::number;
use super::words::counted;

/// The announcement of a run: what it would send, why other people get nothing, and earlier mails.
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
    let duplicates = match number(preview, "duplicates_removed") {
        0 => String::new(),
        1 => " (1 duplicate is not counted)".to_owned(),
        times => format!(" ({times} duplicates are not counted)"),
    };
    let to_send = ToSend::of(preview);
    let (what, purpose) = (to_send.what(), to_send.purpose());
    match to_send.emails + to_send.texts {
        0 if people == 1 => format!("No invitation would be sent to the user{duplicates}."),
        0 => format!("No invitation would be sent to any of the {users}{duplicates}."),
        all if all == people => {
            format!("You're about to send {what} to {users} for them {purpose}{duplicates}.")
        }
        invited => {
            // The vendor's dialog shows the number of all selected people. Only a part of them gets a mail.
            format!(
                "You're about to send {what} to {users} for them {purpose}{duplicates}. Of them, {invited} will be invited."
            )
        }
    }
}

/// The invitations that a run would send, by kind.
#[derive(Debug, Clone, Copy)]
struct ToSend {
    emails: u64,
    texts: u64,
    /// How many of both activate an account. The others link a messaging account.
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

/// One sentence for each reason why people get nothing, with their number.
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

/// One sentence for each fact about earlier mails and waiting runs, with the number of people.
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
