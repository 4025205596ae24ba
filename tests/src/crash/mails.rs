//! Counts received mails by run and by recipient.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use super::sample_folder::SampleFolder;

/// The number of mails by run and by email address.
pub(super) type Mails = BTreeMap<String, BTreeMap<String, u64>>;

/// The mails in the outbox of a data folder. Asserts that each mail lies in the folder of its run.
pub(super) fn in_outbox(folder: &SampleFolder) -> Mails {
    let mut mails = Mails::new();
    let company = folder.data().join("outbox/acme");
    let runs = if company.exists() { files(&company) } else { Vec::new() };
    for run in runs {
        for file in files(&run) {
            let text = fs::read_to_string(file).unwrap();
            let folder_name = run.file_name().unwrap().to_str().unwrap();
            assert_eq!(add(&mut mails, &text), folder_name);
        }
    }
    mails
}

/// The mails that a mail server received.
pub(super) fn on_server(texts: impl Iterator<Item = String>) -> Mails {
    let mut mails = Mails::new();
    for text in texts {
        add(&mut mails, &text);
    }
    mails
}

/// Adds one mail to the counts and returns its run.
pub(super) fn add(mails: &mut Mails, text: &str) -> String {
    let message_id = header(text, "Message-ID: <");
    let run = message_id.split('.').next().unwrap().to_owned();
    let to = header(text, "To: ");
    let address = to.rsplit('<').next().unwrap().trim_end_matches('>').to_owned();
    *mails.entry(run.clone()).or_default().entry(address).or_default() += 1;
    run
}

fn header<'a>(text: &'a str, start: &str) -> &'a str {
    text.lines().find_map(|line| line.strip_prefix(start)).unwrap()
}

fn files(folder: &Path) -> Vec<std::path::PathBuf> {
    fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect()
}
