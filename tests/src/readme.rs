//! The README's tour, word for word: what it tells people to type works.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use crate::support::program::program;

/// The shell blocks of the tour, without the one that builds.
fn tour(readme: &str) -> String {
    let tour =
        readme.split("## Five minutes by hand").nth(1).unwrap().split("\n## ").next().unwrap();
    let blocks = tour.split("```sh\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    blocks.filter(|block| !block.contains("cargo build")).collect::<Vec<_>>().join("\n")
}

/// LX-08, LX-09, LX-12, LX-17, LX-22, LX-24: by hand, step by step, in a fresh data folder.
#[test]
fn the_tour_works_word_for_word() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let tour = tour(&fs::read_to_string(root.join("README.md")).unwrap());
    let folder = tempfile::tempdir().unwrap();
    let bin = folder.path().join("bin");
    fs::create_dir(&bin).unwrap();
    symlink(program(), bin.join("boarding")).unwrap();
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
    let data = folder.path().join("tour");
    let tour = tour.replace("/tmp/tour", data.to_str().unwrap());
    let done = Command::new("bash")
        .args(["-c", &tour])
        .current_dir(folder.path())
        .env("PATH", path)
        .env("BOARDING_DATA", &data)
        .env("BOARDING_COMPANY", "acme")
        .output()
        .unwrap();
    let shown = String::from_utf8_lossy(&done.stdout);
    let told = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{shown}\n{told}");
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
