//! Modules of one folder use each other one way only, as the crate's `layers.toml` says.
//!
//! A module uses another module if its product code names a path into the other one. For the folder around them,
//! `foo.rs` and all files of `foo/` are one module. Inside `foo/`, the file `foo.rs` is the module `self`. Its lines
//! `mod x;` and `pub use x::Y` are no uses. The path `super::Y` is a use of the module that defines `Y`.

mod graph;
mod layers;
mod reference;
mod rules;
mod source;
mod spec;
mod test_code;
mod tree;

use std::fs;
use std::thread;

use self::layers::Tables;
use self::tree::{SourceFile, Tree};
use super::{Breach, Crate, assert_tidy, members, root, sources};

/// Checks the modules of one crate against its tables.
fn check(folder: &str) -> Vec<Breach> {
    let files: Vec<_> = sources::read_folder(&root().join(folder).join("src"))
        .into_iter()
        .map(|source| SourceFile { path: source.path, text: source.text })
        .collect();
    let tables = root().join(folder).join("layers.toml");
    let tables = fs::read_to_string(tables).unwrap_or_default();
    let tables = toml::from_str::<Tables>(&tables).map_err(|error| error.to_string());
    let one_breach = |advice| vec![Breach { place: format!("{folder}/layers.toml"), advice }];
    match (Tree::read(folder, &files), tables) {
        (Ok(tree), Ok(tables)) => rules::breaches(&tree, &tables),
        (Err(advice), _) | (_, Err(advice)) => one_breach(advice),
    }
}

#[test]
fn modules_use_each_other_one_way_only() {
    let crates = members();
    let breaches: Vec<_> = thread::scope(|scope| {
        let threads: Vec<_> =
            crates.iter().map(|Crate { folder, .. }| scope.spawn(move || check(folder))).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    assert_tidy(&breaches);
}
