//! The README's tours, word for word: what it tells people to type works.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::support::clients::{ChildProcess, python};
use crate::support::nats::free_ports;
use crate::support::program::program;

/// The repository.
fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// The blocks of a language in a section of the README.
fn blocks(section: &str, language: &str) -> Vec<String> {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let section = format!("\n## {section}\n");
    let section = readme.split(&section).nth(1).unwrap().split("\n## ").next().unwrap();
    let fence = format!("```{language}\n");
    let blocks = section.split(&fence).skip(1);
    blocks.map(|rest| rest.split("```").next().unwrap().to_owned()).collect()
}

/// The shell blocks of the tour, without the one that builds.
fn tour() -> String {
    let mut blocks = blocks("Five minutes by hand", "sh");
    blocks.retain(|block| !block.contains("cargo build"));
    blocks.join("\n")
}

/// What a terminal shows of these words, typed in a fresh folder: on stdout, and on stderr.
fn typed(words: &str) -> (String, String) {
    let folder = tempfile::tempdir().unwrap();
    let bin = folder.path().join("bin");
    fs::create_dir(&bin).unwrap();
    symlink(program(), bin.join("boarding")).unwrap();
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
    let data = folder.path().join("tour");
    let done = Command::new("bash")
        .args(["-c", &words.replace("/tmp/tour", data.to_str().unwrap())])
        .current_dir(folder.path())
        .env("PATH", path)
        .env("BOARDING_DATA", &data)
        .env("BOARDING_COMPANY", "acme")
        .output()
        .unwrap();
    let shown = String::from_utf8_lossy(&done.stdout).into_owned();
    let told = String::from_utf8_lossy(&done.stderr).into_owned();
    assert!([0, 5].contains(&done.status.code().unwrap()), "{shown}\n{told}");
    assert!(!told.contains("boarding: "), "{shown}\n{told}");
    (shown, told)
}

/// LX-08, LX-09, LX-12, LX-17, LX-22, LX-24: by hand, step by step, in a fresh data folder.
#[test]
fn the_tour_works_word_for_word() {
    let (shown, told) = typed(&tour());
    for expected in [
        "field.invalid_email",
        "phone.invalid",
        "4 invited, 0 skipped, 0 failed",
        ".eml",
        "InviteSent",
    ] {
        assert!(shown.contains(expected), "{expected} is not in:\n{shown}\n{told}");
    }
}

/// ML-06, ML-09, ML-12, ML-15, OCM-01, OCM-13, OCM-16, OCM-21: numbers and pictures, in two companies.
#[test]
fn the_tours_of_the_dialects_work_word_for_word() {
    let tours = blocks("Four dialects", "sh");
    assert_eq!(tours.len(), 2);
    for (tour, expected) in tours.iter().zip([
        &[
            "3 numbers added",
            "2 created",
            "number.not_in_pool",
            "2 invited, 0 skipped, 0 failed",
            "+12125550003",
            "+1 212 555 0002 is assigned to bob@meridian.example",
            "SPARE",
        ][..],
        &[
            "2 created",
            "field.special_characters",
            "1 inserted, 0 invalid",
            "1 assigned, 0 skipped, 0 failed",
            "1 rows reversed, 1 kept, 0 errored",
        ],
    ]) {
        let (shown, told) = typed(tour);
        for expected in expected {
            assert!(shown.contains(expected), "{expected} is not in:\n{shown}\n{told}");
        }
    }
}

/// Contract 2 to 4: a server of `nats.conf`, an engine and a stock client, typed at one terminal. Only the
/// ports and the folder of the data are others.
#[tokio::test]
async fn the_tour_over_nats_works_word_for_word() {
    let folder = tempfile::tempdir().unwrap();
    let [port, monitor] = free_ports();
    let ours = |text: &str| {
        let text = text.replace("4222", &port.to_string()).replace("8222", &monitor.to_string());
        text.replace("/tmp/tour-nats", folder.path().join("data").to_str().unwrap())
    };
    let file = |name: &str, text: &str| fs::write(folder.path().join(name), ours(text)).unwrap();
    file("nats.conf", &fs::read_to_string(root().join("nats.conf")).unwrap());
    file("tour.py", &blocks("Over NATS", "python").concat());
    symlink(program(), folder.path().join("boarding")).unwrap();
    let installed = python();
    let installed = installed.parent().unwrap().display();
    let path =
        format!("{}:{installed}:{}", folder.path().display(), std::env::var("PATH").unwrap());
    let mut bash = Command::new("bash");
    bash.env("PATH", path).env("BOARDING_DATA", "/nowhere").env("BOARDING_COMPANY", "acme");
    bash.current_dir(folder.path()).stdin(Stdio::piped());
    let mut terminal = ChildProcess::start(bash);
    let mut keys = terminal.stdin();
    // Whatever happens, servers end with the terminal.
    keys.write_all(b"set -e; trap 'kill $(jobs -p); wait' EXIT\n").unwrap();
    keys.write_all(ours(&blocks("Over NATS", "sh").concat()).as_bytes()).unwrap();
    let ready = |it: &ChildProcess| it.stdout().contains("ready: ").then_some(());
    terminal.wait_until("the engine is ready", ready).await;
    keys.write_all(b"python tour.py\n").unwrap();
    drop(keys);
    terminal.exits_with(0).await;
    let shown = terminal.stdout();
    for expected in [
        "no: config.unknown_setting: ",
        "'created': 1",
        " ImportCompleted\n",
        " InviteSent\n",
        " RunCompleted\n[('jane.hudson', 'success')]\naccepted\n",
    ] {
        assert!(shown.contains(expected), "{expected} is not in:\n{shown}\n{}", terminal.stderr());
    }
}
