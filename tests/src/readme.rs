//! The README: its tour works word for word, and its links lead to files.

use crate::support::shell::{Shell, blocks, read, root};

/// LX-08, LX-09, LX-12, LX-17, LX-22, LX-24: by hand, step by step, in a fresh data folder.
#[test]
fn tour_runs_in_fresh_folder() {
    let mut blocks = blocks(&read("README.md"), "sh");
    // The suite is one of the two commands, and builds the program for the tour.
    blocks.retain(|block| !block.contains("cargo run") && !block.contains("cargo build"));
    assert_eq!(blocks.len(), 4);
    let printed = Shell::new().run(&blocks.join("\n"));
    printed.contains_all(&[
        "field.invalid_email",
        "phone.invalid",
        "4 invited, 0 skipped, 0 failed",
        ".eml",
        "InviteSent",
    ]);
    assert!(!printed.stderr.contains("boarding: "), "{printed}");
}

#[test]
fn readme_fits_200_lines() {
    assert!(read("README.md").lines().count() <= 200);
}

#[test]
fn links_of_readme_lead_to_files() {
    let readme = read("README.md");
    let links: Vec<_> =
        readme.split("](").skip(1).filter_map(|rest| rest.split(')').next()).collect();
    assert!(links.len() > 10);
    for link in links {
        assert!(root().join(link).exists(), "{link}");
    }
}
