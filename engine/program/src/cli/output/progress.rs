//! How something long gets on: a bar on a terminal, a line for each tenth elsewhere.

use std::io::{self, IsTerminal as _, Write as _};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Below this a line for each tenth says nothing that the end does not, in steps.
const WORTH_LINES: u64 = 100;

#[derive(Debug)]
pub(in crate::cli) struct Progress {
    label: String,
    shown: Shown,
}

#[derive(Debug)]
enum Shown {
    Bar(ProgressBar),
    /// The last tenth that was told.
    Lines(u64),
    Nothing,
}

impl Progress {
    pub(super) fn new(label: &str, wanted: bool) -> Self {
        let shown = match (wanted, io::stderr().is_terminal()) {
            (false, _) => Shown::Nothing,
            (true, false) => Shown::Lines(0),
            (true, true) => {
                let bar = ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::stderr());
                let style = "{prefix} [{bar:30}] {human_pos}/{human_len} {msg} ({eta})";
                if let Ok(style) = ProgressStyle::with_template(style) {
                    bar.set_style(style.progress_chars("=> "));
                }
                bar.set_prefix(label.to_owned());
                Shown::Bar(bar)
            }
        };
        Self { label: label.to_owned(), shown }
    }

    /// It stands at `done` of `total`; the message says more.
    pub(in crate::cli) fn at(&mut self, done: u64, total: u64, message: &str) {
        match &mut self.shown {
            Shown::Bar(bar) => {
                bar.set_length(total);
                bar.set_position(done);
                bar.set_message(message.to_owned());
            }
            Shown::Lines(told) => {
                let tenth = (done * 10).checked_div(total).unwrap_or(0);
                if total >= WORTH_LINES && tenth > *told {
                    *told = tenth;
                    let _ = writeln!(io::stderr(), "{} {done}/{total} {message}", self.label);
                }
            }
            Shown::Nothing => {}
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Shown::Bar(bar) = &self.shown {
            bar.finish_and_clear();
        }
    }
}
