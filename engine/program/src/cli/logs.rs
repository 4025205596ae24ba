//! Logs to stderr: lines with time and place for `serve`, sentences for the other verbs.

use std::error::Error;
use std::fmt::{self, Write as _};

use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

use super::output::plain;

/// The environment variable of the log filter.
const FILTER: &str = "BOARDING_LOG";
/// What a verb other than `serve` logs. The lines about waiting mails (`WAITS` of the engine) are left out, because the
/// verb prints what they say.
const OF_A_VERB: &str = "warn,boarding_core::waits=error";

/// Logs to stderr, because stdout is for results. `serve` logs more by default, because it prints nothing else.
pub(super) fn to_stderr(serves: bool, quiet: bool, verbose: u8) {
    let level = match (quiet, verbose) {
        (true, _) => "error",
        (false, 0) if serves => "boarding=info,warn",
        (false, 0) => OF_A_VERB,
        (false, 1) => "info",
        (false, _) => "debug",
    };
    let given = EnvFilter::try_from_env(FILTER);
    let in_sentences = !serves && verbose == 0 && given.is_err();
    let filter = given.unwrap_or_else(|_| EnvFilter::new(level));
    let logger = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(false);
    // Fails if a logger is set already, for example by a test of the same process. That logger is good enough.
    let _ = match in_sentences {
        true => logger.event_format(Sentences).try_init(),
        false => logger.try_init(),
    };
}

/// A line such as `warning: append failed, retrying import rows (why: disk full)`.
struct Sentences;

impl<S, N> FormatEvent<S, N> for Sentences
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        _: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut words = Words::default();
        event.record(&mut words);
        writeln!(writer, "{}", words.sentence(*event.metadata().level()))
    }
}

/// The message of an event, and its fields.
#[derive(Default)]
struct Words {
    message: String,
    fields: String,
}

impl Words {
    fn sentence(&self, level: Level) -> String {
        let kind = if level == Level::ERROR { "error" } else { "warning" };
        let fields = match self.fields.is_empty() {
            true => String::new(),
            false => format!(" ({})", self.fields),
        };
        // A field may hold text of an imported file.
        plain(&format!("{kind}: {}{fields}", self.message))
    }
}

impl Visit for Words {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        // A failed write to a text cannot happen.
        let _ = match field.name() {
            "message" => write!(self.message, "{value:?}"),
            // A verb works for one company, which the operator has named.
            "company" => Ok(()),
            name => {
                let comma = if self.fields.is_empty() { "" } else { ", " };
                write!(self.fields, "{comma}{}: {value:?}", name.replace('_', " "))
            }
        };
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.record_debug(field, &format_args!("{value}"));
    }

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        let text = boarding_log::error_chain(value);
        self.record_debug(field, &format_args!("{text}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn event_of_the_engine_is_a_sentence() {
        let words = Words {
            message: "append failed, retrying reports".to_owned(),
            fields: "why: disk full".to_owned(),
        };
        let sentence = "append failed, retrying reports (why: disk full)";
        assert_eq!(words.sentence(Level::WARN), format!("warning: {sentence}"));
        let alone = Words { fields: String::new(), ..words };
        assert_eq!(alone.sentence(Level::ERROR), "error: append failed, retrying reports");
    }

    #[test]
    fn sentence_does_not_control_the_terminal() {
        let words = Words { message: "a\u{1b}[2Jb".to_owned(), fields: String::new() };
        assert_eq!(words.sentence(Level::WARN), "warning: a\u{fffd}[2Jb");
    }
}
