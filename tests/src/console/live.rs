//! Open pages in a real browser: they show what happens without being loaded again.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use boarding_core::clock::Clock;
use serde_json::{Value, json};

use crate::support::paths::tests_folder;
use crate::support::program::Cli;
use crate::support::running_engine::{Engine, issue};
use crate::support::wait::wait_until;

/// A page in headless Chromium, driven by `tests/browser.js`. Both end when the value is dropped.
struct OpenPage {
    process: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl OpenPage {
    fn at(address: &str) -> Self {
        let mut node = Command::new("node");
        node.arg(tests_folder().join("browser.js")).arg(address);
        let mut process = node.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (input, output) = (process.stdin.take(), process.stdout.take().unwrap());
        Self { process, input, output: BufReader::new(output) }
    }

    /// The value of an expression in the page.
    fn value(&mut self, expression: &str) -> Value {
        writeln!(self.input.as_mut().unwrap(), "{expression}").unwrap();
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {expression}: {line}"))
    }

    /// Waits until the expression is true.
    fn wait_until(&mut self, what: &str, expression: &str) {
        wait_until(what, || (self.value(expression) == true).then_some(()));
    }
}

impl Drop for OpenPage {
    fn drop(&mut self) {
        // The script ends with its input, and then ends the browser.
        drop(self.input.take());
        let _ = self.process.wait();
    }
}

/// Whether there is a browser that `tests/browser.js` finds.
fn has_chromium() -> bool {
    let names = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::var_os("BOARDING_TEST_CHROMIUM").is_some()
        || std::env::split_paths(&path)
            .any(|folder| names.iter().any(|name| folder.join(name).exists()))
}

/// An open run shows that it starts and ends. The focus stays, and the page is not loaded again.
#[test]
fn open_run_shows_new_numbers_without_reload() {
    if !has_chromium() {
        println!("skipped: there is no Chromium, and tests/run could not install it");
        return;
    }
    let cli = Cli::with_many_people(12);
    let token = issue(&cli, "olga@local");
    let engine = Engine::start(&cli, &[]);
    let mut page = OpenPage::at(&format!("{}/console/", engine.url));
    let shows =
        |text: &str| format!("!!document.querySelector('main')?.innerText.includes('{text}')");
    page.wait_until("the sign-in is shown", "!!document.getElementById('token')");
    page.value("document.getElementById('company').value = 'acme'");
    page.value(&format!("document.getElementById('token').value = '{token}'"));
    page.value("document.querySelector('main button').click()");
    page.wait_until("the first page is shown", &shows("No run is running"));
    let not_before = Clock::system().now().plus_seconds(10).to_string();
    let users: Vec<_> = (0..12).map(|n| format!("u{n}")).collect();
    let body = json!({
        "source": {"users": users}, "channel": "whatsapp", "mode": "confirmed",
        "expected_recipients": 12, "not_before": not_before,
    });
    let words = ["command", "StartBulkIntegration", &body.to_string(), "--json"];
    let run = engine.run(&token, &words).expect_status(0).json()["result"]["run"].clone();
    page.value(&format!("location.href = '/console/runs/' + {run}"));
    page.wait_until("the run is shown", &shows("Integration log"));
    assert_eq!(page.value("document.querySelectorAll('.badge.scheduled').length"), 1);
    page.value("window.isSamePage = true; document.getElementById('search').focus()");
    let sent = "document.querySelector('.counts li:nth-child(2) strong').textContent";
    assert_eq!(page.value(sent), "0");
    page.wait_until("its end is shown", "!!document.querySelector('#facts .badge.completed')");
    assert_eq!(page.value(sent), "12");
    assert_eq!(page.value("document.querySelectorAll('#log .badge.success').length"), 12);
    assert_eq!(page.value("document.activeElement.id"), "search");
    assert_eq!(page.value("window.isSamePage"), true);
    // Times are shown in the zone of the reader.
    assert_eq!(page.value("document.querySelector('time').textContent.includes('UTC')"), false);
}
