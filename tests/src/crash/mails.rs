//! Mails as they arrived, told apart by run and by person.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use super::place::Place;

/// How many mails each person got, run by run.
pub(super) type Mails = BTreeMap<String, BTreeMap<String, u64>>;

/// What lies in the data folder's outbox. Each file has a Message-ID of its own.
pub(super) fn outbox(place: &Place) -> Mails {
    let mut mails = Mails::new();
    let company = place.data().join("outbox/acme");
    let runs = if company.exists() { files(&company) } else { Vec::new() };
    for run in runs {
        for file in files(&run) {
            let text = fs::read_to_string(file).unwrap();
            let named = run.file_name().unwrap().to_str().unwrap();
            assert_eq!(count(&mut mails, &text), named);
        }
    }
    mails
}

/// What a mail server took.
pub(super) fn taken(letters: impl Iterator<Item = String>) -> Mails {
    let mut mails = Mails::new();
    for letter in letters {
        count(&mut mails, &letter);
    }
    mails
}

/// Counts one mail for its run and its person, and gives the run.
fn count(mails: &mut Mails, letter: &str) -> String {
    let message_id = header(letter, "Message-ID: <");
    let run = message_id.split('.').next().unwrap().to_owned();
    let to = header(letter, "To: ");
    let address = to.rsplit('<').next().unwrap().trim_end_matches('>').to_owned();
    *mails.entry(run.clone()).or_default().entry(address).or_default() += 1;
    run
}

fn header<'a>(letter: &'a str, start: &str) -> &'a str {
    letter.lines().find_map(|line| line.strip_prefix(start)).unwrap()
}

fn files(folder: &Path) -> Vec<std::path::PathBuf> {
    fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect()
}
