//! Words that several sentences need: counts, codes, lists, actors.

use boarding_commands::commit::RecordedEvent;
use boarding_commands::values::{Code, ENGINE, Problem};

/// `1 person`, `2 people`.
pub(super) fn counted(count: u64, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

/// The text of a code, and the code in brackets.
///
/// The detail of the event stays in its data, because other programs write details that may name an address.
pub(super) fn coded(code: Code) -> String {
    format!("{} ({code})", code.text())
}

/// The problem: its column, the text of its code, and its code. Its message stays in the data of the event, because it may
/// show a number of the cell.
pub(super) fn problem(problem: &Problem) -> String {
    match &problem.column {
        Some(column) => format!("{column}: {}", coded(problem.code)),
        None => coded(problem.code),
    }
}

/// All problems, one behind the other.
pub(super) fn problems(all: &[Problem]) -> String {
    all.iter().map(problem).collect::<Vec<_>>().join(" ")
}

/// The actor of the command, for the start of a sentence.
pub(super) fn actor<'a>(recorded: &RecordedEvent<'a>) -> &'a str {
    match recorded.commit.actor.as_str() {
        ENGINE => "The engine",
        actor => actor,
    }
}

/// The counts that are not zero, with their words: `2 created, 1 invalid`.
pub(super) fn counts(all: &[(u64, &str)]) -> String {
    let shown = all.iter().filter(|(count, _)| *count > 0);
    let shown: Vec<_> = shown.map(|(count, word)| format!("{count} {word}")).collect();
    if shown.is_empty() { "none".to_owned() } else { shown.join(", ") }
}
