//! The script of the pages.

use std::process::Command;

use crate::support::paths::tests_folder;

/// The code is renewed each minute, also for a reader whose clock is wrong.
#[test]
fn wrong_clock_of_the_reader_changes_no_renewal() {
    let script = tests_folder().join("../engine/http/src/html/assets/page.js");
    for wrong_seconds in ["0", "-300", "300"] {
        let mut node = Command::new("node");
        node.arg(tests_folder().join("page_clock.js")).arg(&script).arg(wrong_seconds);
        let output = node.output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert_eq!(text.trim(), "4 10", "{wrong_seconds}: {output:?}");
    }
}
