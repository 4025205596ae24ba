//! Damaged read models: the next start rebuilds them from the log, and says so in one line.

use std::fs;
use std::path::{Path, PathBuf};

use super::sample_folder::SampleFolder;
use crate::support::random::SeededRandom;

const PEOPLE: usize = 300;
const FLIPS: usize = 8;

/// Changes the folder of read models in one way.
type Damage = fn(&Path, &mut SeededRandom);

/// A kill while the folder is made leaves half a file.
fn torn_configuration(derived: &Path, _: &mut SeededRandom) {
    fs::remove_dir_all(derived).unwrap();
    fs::create_dir(derived).unwrap();
    fs::write(derived.join("conf"), "x").unwrap();
}

fn pages_cut_short(derived: &Path, _: &mut SeededRandom) {
    let pages = fs::File::options().write(true).open(derived.join("db")).unwrap();
    pages.set_len(pages.metadata().unwrap().len() / 2).unwrap();
}

fn flipped_bit(derived: &Path, rng: &mut SeededRandom) {
    let path = derived.join("db");
    let mut bytes = fs::read(&path).unwrap();
    let at = rng.below(bytes.len());
    bytes[at] ^= 1 << rng.below(8);
    fs::write(path, bytes).unwrap();
}

/// Not one page is left. A single bit can lie where no page is, so only this damage is found in every case.
fn overwritten_pages(derived: &Path, _: &mut SeededRandom) {
    let path = derived.join("db");
    let length = fs::metadata(&path).unwrap().len();
    fs::write(path, vec![b'x'; usize::try_from(length).unwrap()]).unwrap();
}

/// The folders of damaged read models.
fn set_aside(folder: &SampleFolder) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder.data()).unwrap().map(|entry| entry.unwrap().path());
    entries.filter(|path| path.to_str().unwrap().contains("set-aside")).collect()
}

/// P12: Each kind of damage is repaired at the next start. At most one damaged folder is kept, because it holds
/// personal data.
#[test]
fn damaged_read_models_are_rebuilt_in_one_line() {
    let mut rng = SeededRandom::from_environment();
    let folder = SampleFolder::with_people(PEOPLE);
    let users = folder.lines(&["users"], 0);
    let mut damages: Vec<Damage> = vec![torn_configuration, pages_cut_short, pages_cut_short];
    damages.extend([flipped_bit as Damage; FLIPS]);
    damages.push(overwritten_pages);
    for damage in damages {
        damage(&folder.data().join("derived"), &mut rng);
        let output = folder.run(&["users"]);
        assert!(output.stderr.lines().count() <= 1, "{}", output.stderr);
        for word in ["sled", "panick", "backtrace"] {
            assert!(!output.stderr.contains(word), "{}", output.stderr);
        }
        assert!(output.lines(0) == users, "other users");
        assert!(set_aside(&folder).len() <= 1, "{:?}", set_aside(&folder));
    }
    assert_eq!(set_aside(&folder).len(), 1);
}
