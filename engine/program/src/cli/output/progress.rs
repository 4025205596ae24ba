//! Progress of long work: a bar on a terminal, otherwise a line for each tenth.

use std::io::{self, IsTerminal as _, Write as _};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// The smallest total for which lines are printed. Smaller work ends too soon.
const LINES_TOTAL_MIN: u64 = 100;

#[derive(Debug)]
pub(in crate::cli) struct Progress {
    label: String,
    style: Style,
}

#[derive(Debug)]
enum Style {
    Bar(ProgressBar),
    /// The last tenth that was printed.
    Lines(u64),
    Nothing,
}

impl Progress {
    pub(super) fn new(label: &str, wanted: bool) -> Self {
        let style = match (wanted, io::stderr().is_terminal()) {
            (false, _) => Style::Nothing,
            (true, false) => Style::Lines(0),
            (true, true) => {
                let bar = ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::stderr());
                let style = "{prefix} [{bar:30}] {human_pos}/{human_len} {msg} ({eta})";
                if let Ok(style) = ProgressStyle::with_template(style) {
                    bar.set_style(style.progress_chars("=> "));
                }
                bar.set_prefix(label.to_owned());
                Style::Bar(bar)
            }
        };
        Self { label: label.to_owned(), style }
    }

    /// Shows `done` of `total` and a message.
    pub(in crate::cli) fn at(&mut self, done: u64, total: u64, message: &str) {
        match &mut self.style {
            Style::Bar(bar) => {
                bar.set_length(total);
                bar.set_position(done);
                bar.set_message(message.to_owned());
            }
            Style::Lines(last) => {
                let tenth = (done * 10).checked_div(total).unwrap_or(0);
                if total >= LINES_TOTAL_MIN && tenth > *last {
                    *last = tenth;
                    let _ = writeln!(io::stderr(), "{} {done}/{total} {message}", self.label);
                }
            }
            Style::Nothing => {}
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Style::Bar(bar) = &self.style {
            bar.finish_and_clear();
        }
    }
}
