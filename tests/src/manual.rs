//! The manual: every code block of its pages works, and `boarding manual` prints them.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::Stdio;

use boarding_commands::event::MailKind;
use boarding_commands::mail_kinds;
use boarding_commands::settings::Settings;
use boarding_commands::template;
use boarding_commands::values::Code;
use serde_json::json;

use crate::support::clients::{ChildProcess, python};
use crate::support::nats::{Cluster, free_ports};
use crate::support::program::Cli;
use crate::support::shell::{Printed, Shell, blocks, read, root};

/// Runs the shell blocks of a page, one after another in one folder.
#[track_caller]
fn run_page(page: &str, expected: &[&str]) -> Printed {
    let script = blocks(&read(&format!("engine/manual/{page}.md")), "sh").join("\n");
    let printed = Shell::new().run(&script);
    printed.contains_all(expected);
    printed
}

/// LX-30: the first page sets the link and the sender before its first mail.
#[test]
fn start_page_runs() {
    let link_and_sender =
        ["https://link.acme.example/", "Acme Onboarding <onboarding@acme.example>"];
    let others = ["1 invited, 0 skipped, 0 failed", ".eml", "has lost"];
    let printed = run_page("start", &[&link_and_sender[..], &others].concat());
    assert!(!printed.stderr.contains("placeholder"), "{printed}");
}

/// LX-08, LX-09, LX-12, LX-17, LX-22, LX-24: import, correct rows, add a phone, invite, log, undo.
#[test]
fn leapxpert_page_runs() {
    let printed = run_page(
        "leapxpert",
        &["phone.invalid", "field.invalid_email", "4 invited, 0 skipped, 0 failed", "kept:row."],
    );
    assert!(!printed.stderr.contains("boarding: "), "{printed}");
}

/// OC-03, OC-08, OC-10, OC-11, OC-13, OC-14: new users are invited, existing ones are updated.
#[test]
fn officechat_page_runs() {
    run_page(
        "officechat",
        &[
            "2 created, 1 skipped",
            "row.disabled_new_user",
            "import_completed",
            "2 invited, 0 skipped, 1 failed",
            "status 5",
            "1 invited, 0 skipped, 0 failed",
            "1 deactivated",
        ],
    );
}

#[test]
fn mangoapps_page_runs() {
    run_page("mangoapps", &["3 created", "1 updated, 1 archived", "1 invited"]);
}

/// ML-06, ML-09, ML-12, ML-14, ML-15, ML-17: accounts and their numbers.
#[test]
fn multiline_page_runs() {
    run_page(
        "multiline",
        &[
            "3 numbers added",
            "2 created",
            "number.not_in_pool",
            "2 invited, 0 skipped, 0 failed",
            "+12125550003",
            "+1 212 555 0002 is assigned to bob@meridian.example",
            "registered",
            "+1 212 555 0003 is reserved for Board",
            "number.in_use",
            "SPARE",
            "can be moved to APAC",
        ],
    );
}

/// OCM-01, OCM-13, OCM-16, OCM-21, OCM-22: three files, a picture, roles in bulk.
#[test]
fn ocm_page_runs() {
    run_page(
        "ocm",
        &[
            "2 created",
            "field.special_characters",
            "1 inserted, 0 invalid",
            "1 assigned, 0 skipped, 0 failed",
            "1 removed, 0 skipped, 0 failed",
            "1 row reversed, 1 kept, 0 errored",
        ],
    );
}

/// LX-31: the page of a mailed link, completed by a provider.
#[test]
fn links_page_runs() {
    let others = ["\"event\":\"InvitationClicked\"", "\"event\":\"UserLinked\""];
    let pages = ["Hello Ann,", "<h1>Activation completed</h1>"];
    run_page("links", &[&others[..], &pages].concat());
}

#[test]
fn mails_page_runs() {
    run_page(
        "mails",
        &[
            "run_completed",
            "olga@acme.example",
            "Your {{ channel_name }} account",
            "account_invitation has your own wording",
            "text_invitation has your own wording",
        ],
    );
}

#[test]
fn data_page_runs() {
    let expected =
        ["jane.hudson", "from the earlier backup", "nothing was written", "restored into"];
    let printed = run_page("data", &expected);
    let shown = printed.stdout.matches("Jane").count();
    assert!(shown >= 5, "the restored and the rebuilt folder show the user too: {printed}");
}

#[test]
fn trouble_page_runs() {
    run_page("trouble", &["channel.not_enabled", "boarding config set channels", "status 1"]);
}

#[test]
fn audit_page_runs() {
    run_page(
        "audit",
        &[
            "UserCreated",
            "CorporatePhoneAdded",
            "\"hash\":",
            "InviteSent",
            "The invitation of jane.hudson was sent: attempt 1.",
            "Row 2 (line 3 of the file) names zoe. It is invalid and changed nothing: email:",
        ],
    );
}

#[test]
fn http_page_runs() {
    let [port] = free_ports();
    let script = blocks(&read("engine/manual/http.md"), "sh").join("\n");
    let printed = Shell::new().run(&script.replace("8080", &port.to_string()));
    printed.contains_all(&[
        "\"outcome\":\"accepted\"",
        "\"first_name\":\"Bob\"",
        "Phone Number,Username",
        "\"created\":1",
        "event: ImportCompleted",
    ]);
}

#[test]
fn console_page_runs() {
    let [port] = free_ports();
    let script = blocks(&read("engine/manual/console.md"), "sh").join("\n");
    let printed = Shell::new().run(&script.replace("8083", &port.to_string()));
    printed.contains_all(&["<h1>Sign in</h1>"]);
}

/// A terminal with a server of `nats.conf` at free ports.
struct Terminal {
    shell: Shell,
    bash: ChildProcess,
    ports: [u16; 2],
}

impl Terminal {
    fn open() -> Self {
        let (shell, ports) = (Shell::new(), free_ports());
        let mut bash = shell.bash();
        let installed = python();
        let installed = installed.parent().unwrap().display();
        let path = shell.path().join("bin").display().to_string();
        bash.env("PATH", format!("{path}:{installed}:{}", std::env::var("PATH").unwrap()));
        bash.stdin(Stdio::piped());
        let bash = ChildProcess::start(bash);
        let terminal = Self { shell, bash, ports };
        terminal.file("nats.conf", &read("nats.conf"));
        terminal
    }

    /// The same text with this terminal's ports and folder.
    fn localised(&self, text: &str) -> String {
        let [port, monitor] = self.ports.map(|port| port.to_string());
        self.shell.localised(&text.replace("4222", &port).replace("8222", &monitor))
    }

    fn file(&self, name: &str, text: &str) {
        fs::write(self.shell.path().join(name), self.localised(text)).unwrap();
    }

    /// Types the shell blocks of a page. The servers they start end with the terminal.
    fn start(&mut self, page: &str) -> impl std::io::Write + use<> {
        let mut keys = self.bash.stdin();
        keys.write_all(b"set -e; trap 'kill $(jobs -p); wait' EXIT\n").unwrap();
        let script = blocks(page, "sh").join("\n");
        keys.write_all(self.localised(&script).as_bytes()).unwrap();
        keys
    }

    fn printed(&self) -> Printed {
        Printed { stdout: self.bash.stdout(), stderr: self.bash.stderr() }
    }
}

/// Contract 2 to 4: a server of `nats.conf`, an engine and a stock client.
#[tokio::test]
async fn nats_page_runs() {
    let page = read("engine/manual/nats.md");
    let mut terminal = Terminal::open();
    terminal.file("tour.py", &blocks(&page, "python").concat());
    let mut keys = terminal.start(&page);
    let ready = |it: &ChildProcess| it.stdout().contains("ready: ").then_some(());
    terminal.bash.wait_until("the engine is ready", ready).await;
    keys.write_all(b"python tour.py\n").unwrap();
    drop(keys);
    terminal.bash.exits_with(0).await;
    terminal.printed().contains_all(&[
        "no: config.unknown_setting: ",
        "'created': 1",
        " ImportCompleted\n",
        " InviteSent\n",
        " RunCompleted\n[('jane.hudson', 'success')]\naccepted\n",
    ]);
}

#[tokio::test]
async fn move_page_runs() {
    let mut terminal = Terminal::open();
    drop(terminal.start(&read("engine/manual/move.md")));
    terminal.bash.exits_with(0).await;
    terminal.printed().contains_all(&[
        "1 commit, 1 event of 1 company moved and verified",
        "the log is in stream BOARDING_LOG",
        "jane.hudson",
    ]);
}

/// Both ways to start an engine, on one cluster of three servers.
#[tokio::test]
async fn engines_page_runs() {
    let cluster = Cluster::start();
    let shell = Shell::new();
    let mut localised = read("engine/manual/engines.md");
    for (server, host) in cluster.servers.iter().zip(["a", "b", "c"]) {
        localised = localised
            .replace(&format!("nats://{host}:4222"), &server.url())
            .replace(&format!("http://{host}:8222"), &server.monitor_url());
    }
    localised = localised.replace("/var/lib/boarding", shell.data().to_str().unwrap());
    let blocks = blocks(&localised, "sh");
    assert_eq!(blocks.len(), 2);
    let mut bash = shell.bash();
    bash.stdin(Stdio::piped());
    let mut bash = ChildProcess::start(bash);
    let mut keys = bash.stdin();
    keys.write_all(b"set -e; trap 'kill $(jobs -p); wait' EXIT\n").unwrap();
    for block in blocks {
        // `serve` is the last command of each block and does not end by itself.
        keys.write_all(format!("{} &\n", block.trim_end()).as_bytes()).unwrap();
    }
    let ready = |it: &ChildProcess| (it.stdout().matches("ready: ").count() == 2).then_some(());
    bash.wait_until("both engines are ready", ready).await;
    drop(keys);
    bash.exits_with(0).await;
}

/// The name and the text of each page.
fn pages() -> Vec<(String, String)> {
    let files = fs::read_dir(root().join("engine/manual")).unwrap();
    let files = files.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    files
        .map(|file| {
            (file.trim_end_matches(".md").to_owned(), read(&format!("engine/manual/{file}")))
        })
        .collect()
}

/// A page without its code blocks.
fn prose(text: &str) -> String {
    text.split("```").step_by(2).collect()
}

#[test]
fn every_page_is_run_by_a_test() {
    let tests = include_str!("manual.rs");
    for (page, text) in pages() {
        assert!(tests.contains(&format!("fn {page}_page_runs()")), "no test runs {page}");
        let opened = text.lines().filter(|line| line.starts_with("```") && line.len() > 3).count();
        let run = blocks(&text, "sh").len() + blocks(&text, "python").len();
        assert_eq!(opened, run, "{page} has a block in a language that no test runs");
    }
}

#[test]
fn manual_verb_lists_and_prints_pages() {
    let cli = Cli::new();
    let list = cli.run(&["manual"]).expect_status(0);
    for (page, text) in pages() {
        let title = text.lines().next().unwrap().trim_start_matches("# ");
        assert!(list.stdout.contains(title), "{page} is not listed");
        assert_eq!(cli.run(&["manual", &page]).expect_status(0).stdout, text);
        let document = cli.json(&["manual", &page]);
        assert_eq!(document, json!({"page": page, "title": title, "text": text}));
    }
    let format = cli.run(&["manual", "format"]).expect_status(0);
    assert!(format.stdout.starts_with("# The log's files"));
    assert!(!cli.data().exists(), "the manual needs no data folder");
}

#[test]
fn unknown_page_is_refused_with_nearest_page() {
    let ended = Cli::new().run(&["manual", "enginess"]).expect_status(2);
    assert!(ended.stdout.is_empty(), "{}", ended.stdout);
    for expected in ["did you mean engines?", "start, leapxpert"] {
        assert!(ended.stderr.contains(expected), "{}", ended.stderr);
    }
}

/// The words between backticks.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// A code that the program never returns would send a reader to search in vain.
#[test]
fn codes_in_manual_exist() {
    let groups: BTreeSet<_> =
        Code::ALL.iter().filter_map(|code| code.as_str().split('.').next()).collect();
    let mut seen = 0;
    for (page, text) in pages() {
        for word in quoted(&prose(&text)) {
            let Some((group, rest)) = word.split_once('.') else { continue };
            let is_name = rest.chars().all(|c| c.is_ascii_lowercase() || c == '_');
            if is_name && groups.contains(group) {
                assert!(Code::find(word).is_some(), "{page}: there is no code {word}");
                seen += 1;
            }
        }
    }
    assert!(seen > 15, "{seen} codes found");
}

/// The first cell of a row that has a default names settings.
#[test]
fn settings_in_manual_exist() {
    let known: BTreeSet<_> = Settings::default().flat().into_iter().map(|(name, _)| name).collect();
    let page = read("engine/manual/start.md");
    let rows = page.lines().filter(|line| line.starts_with("| `"));
    let named: Vec<_> = rows.flat_map(|row| quoted(row.split('|').nth(1).unwrap())).collect();
    assert!(named.len() > 10, "{named:?}");
    for name in named.into_iter().filter(|name| !name.starts_with('.')) {
        assert!(known.contains(name), "there is no setting {name}");
    }
}

#[test]
fn every_kind_of_mail_is_in_manual() {
    let page = read("engine/manual/mails.md");
    for kind in MailKind::ALL.into_iter().filter(|kind| !kind.is_invitation()) {
        let row = format!("\n| `{}` | ", kind.as_str());
        assert!(page.contains(&row), "{} has no row", kind.as_str());
    }
}

/// LX-30, ML-03: the page says what each mail must show, and the check of a wording asks for nothing else.
#[test]
fn manual_says_what_each_mail_must_show() {
    let page = read("engine/manual/mails.md");
    let (_, table) = page.split_once("| mail | must show |\n|---|---|\n").unwrap();
    let rows = table.lines().take_while(|line| line.starts_with('|'));
    let rows: Vec<_> = rows.map(|row| row[1..].split_once('|').unwrap()).collect();
    for kind in MailKind::ALL {
        let (mails, must_show) =
            rows.iter().find(|(mails, _)| quoted(mails).any(|mail| mail == kind.as_str())).unwrap();
        let (rules, is_text) = (mail_kinds::of(kind), kind.is_text_message());
        let [subject, html] = if is_text { ["", ""] } else { ["s", "h"] };
        let refusal = template::check(rules.facts(), &rules.sample(), subject, "t", html).err();
        let missing = refusal.map(|refusal| refusal.details["missing"].clone());
        let missing = missing.iter().flat_map(|list| list.as_array().unwrap());
        let missing: BTreeSet<_> = missing.map(|one| one.as_str().unwrap().to_owned()).collect();
        let mut expected = BTreeSet::new();
        let (both, only_html) = must_show.split_once("; the HTML also ").unwrap_or((must_show, ""));
        for part in if is_text { vec!["text"] } else { vec!["text", "html"] } {
            expected.extend(quoted(both).map(|name| format!("{part}: {name}")));
        }
        let button = quoted(only_html).filter(|name| *name != "sign_in_btn");
        expected.extend(button.map(|name| format!("html: {name}")));
        assert_eq!(missing, expected, "{mails}");
    }
}

/// The page quotes messages, so that a reader finds the one that is shown.
#[test]
fn quoted_messages_are_messages_of_program() {
    let sources = sources(&root().join("engine"));
    let page = read("engine/manual/trouble.md");
    let section = page.split("\n## Messages\n").nth(1).unwrap().split("\n## ").next().unwrap();
    let rows = section.lines().filter(|line| line.starts_with("| `"));
    let messages: Vec<_> = rows.filter_map(|row| quoted(row).next()).collect();
    assert!(messages.len() > 5, "{messages:?}");
    for part in messages.iter().flat_map(|message| message.split('…')) {
        let part = part.trim();
        assert!(sources.contains(part), "no message of the program contains {part:?}");
    }
}

/// The text of all product sources below a folder; a string that goes over two lines is joined.
fn sources(folder: &Path) -> String {
    let mut text = String::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            text += &sources(&path);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let lines = fs::read_to_string(path).unwrap();
            let joined = lines.split("\\\n").map(str::trim_start);
            text.extend(joined);
        }
    }
    text
}
