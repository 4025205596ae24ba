//! A running engine on the data folder of a command line, and verbs on it.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use super::program::{Cli, Output};

/// `boarding serve --http` on a data folder. It is killed when the value is dropped.
pub(crate) struct Engine<'a> {
    pub(crate) cli: &'a Cli,
    child: Child,
    pub(crate) url: String,
}

/// Issues a token for an actor, and returns its secret.
pub(crate) fn issue(cli: &Cli, actor: &str) -> String {
    let issued = cli.json(&["tokens", "issue", "--for", actor]);
    issued["secret"].as_str().unwrap().to_owned()
}

/// The words with the options of an engine.
pub(crate) fn on<'w>(words: &[&'w str], url: &'w str) -> Vec<&'w str> {
    [words, &["--url", url]].concat()
}

impl<'a> Engine<'a> {
    /// Starts an engine on the folder, with these options.
    pub(crate) fn start(cli: &'a Cli, options: &[&str]) -> Self {
        let words = [&["serve", "--http", "127.0.0.1:0", "--json"], options].concat();
        let mut child = cli.command(&words).stderr(Stdio::null()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let ready: Value = serde_json::from_str(&line).unwrap();
        let url = ready["http"].as_str().unwrap().to_owned();
        Self { cli, child, url }
    }

    /// Runs a verb on the engine with this token.
    pub(crate) fn run(&self, token: &str, words: &[&str]) -> Output {
        output(self.cli.command(&on(words, &self.url)).env("BOARDING_TOKEN", token))
    }

    pub(crate) fn process(&self) -> String {
        self.child.id().to_string()
    }

    /// Stops the engine, so that the folder can be opened.
    pub(crate) fn stop(mut self) {
        let stopped = Command::new("kill").args(["-TERM", &self.process()]).status();
        assert!(stopped.unwrap().success());
        assert!(self.child.wait().unwrap().success());
    }
}

impl Drop for Engine<'_> {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs a command line to its end.
pub(crate) fn output(command: &mut Command) -> Output {
    let ended = command.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Output {
        status: ended.status.code().unwrap(),
        stdout: text(ended.stdout),
        stderr: text(ended.stderr),
    }
}
