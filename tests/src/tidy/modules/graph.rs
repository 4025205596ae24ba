//! The arrows between the modules of each folder, and the circles they make.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::source::ModulePath;
use super::tree::Tree;

/// The folder's own file among the modules of the folder: `lib.rs`, or `foo.rs` for `foo/`.
pub(super) const SELF: &str = "self";

/// One place where a module uses another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) file: String,
    pub(super) line: usize,
    /// The path as the source writes it.
    pub(super) path: String,
}

/// Every place of every arrow, by its two ends: the module that uses, and the module that is used.
pub(super) type Arrows = BTreeMap<(String, String), Vec<Place>>;

/// The modules of one folder, and which uses which.
#[derive(Debug, Default)]
pub(super) struct Folder {
    pub(super) modules: BTreeSet<String>,
    pub(super) arrows: Arrows,
}

/// A circle of modules, each of which uses the next, and the last the first.
#[derive(Debug)]
pub(super) struct Circle {
    pub(super) modules: Vec<String>,
    /// How many modules reach each other by circles like this one.
    pub(super) knot: usize,
}

/// The folders of a crate, by their path inside the crate: `src`, `src/decide`.
pub(super) fn folders(tree: &Tree) -> BTreeMap<String, Folder> {
    let mut folders: BTreeMap<String, Folder> = BTreeMap::new();
    for path in tree.modules.keys() {
        if let Some((name, parent)) = path.split_last() {
            folders.entry(folder_name(parent)).or_default().modules.insert(name.clone());
        }
    }
    for (from, module) in &tree.modules {
        for reference in &module.references {
            let Some(to) = tree.resolve(from, &reference.segments) else { continue };
            // A re-export from below is no use of the module below: it only names it.
            let is_own_export = reference.is_export && to.starts_with(from);
            if to == *from || is_own_export {
                continue;
            }
            let common = from.iter().zip(&to).take_while(|(a, b)| a == b).count();
            let end = |path: &ModulePath| path.get(common).map_or(SELF, String::as_str).to_owned();
            let folder = folders.entry(folder_name(&from[..common])).or_default();
            folder.arrows.entry((end(from), end(&to))).or_default().push(Place {
                file: module.file.clone(),
                line: reference.line,
                path: reference.segments.join("::"),
            });
        }
    }
    folders
}

fn folder_name(path: &[String]) -> String {
    ["src"].into_iter().chain(path.iter().map(String::as_str)).collect::<Vec<_>>().join("/")
}

fn used_by<'a>(arrows: &'a Arrows, module: &'a str) -> impl Iterator<Item = &'a str> {
    arrows.keys().filter(move |(from, _)| from == module).map(|(_, to)| to.as_str())
}

/// Every module that a module uses, itself or through others.
fn reached_from<'a>(arrows: &'a Arrows, module: &'a str) -> BTreeSet<&'a str> {
    let mut reached = BTreeSet::new();
    let mut waiting = vec![module];
    while let Some(at) = waiting.pop() {
        waiting.extend(used_by(arrows, at).filter(|to| reached.insert(*to)));
    }
    reached
}

/// The shortest circle of each knot of modules.
pub(super) fn circles(arrows: &Arrows) -> Vec<Circle> {
    let modules: BTreeSet<&str> = arrows.keys().map(|(from, _)| from.as_str()).collect();
    let reached: BTreeMap<&str, BTreeSet<&str>> =
        modules.iter().map(|module| (*module, reached_from(arrows, module))).collect();
    let reaches = |from: &str, to: &str| reached.get(from).is_some_and(|all| all.contains(to));
    let mut known: BTreeSet<&str> = BTreeSet::new();
    let mut circles = Vec::new();
    for module in &modules {
        if known.contains(module) || !reaches(module, module) {
            continue;
        }
        let together = |other: &&&str| reaches(module, other) && reaches(other, module);
        let knot: Vec<&str> = modules.iter().filter(together).copied().collect();
        known.extend(&knot);
        let shortest = knot.iter().filter_map(|start| circle_through(arrows, start));
        if let Some(shortest) = shortest.min_by_key(Vec::len) {
            let modules = shortest.into_iter().map(str::to_owned).collect();
            circles.push(Circle { modules, knot: knot.len() });
        }
    }
    circles
}

/// The shortest way from a module back to itself.
fn circle_through<'a>(arrows: &'a Arrows, start: &'a str) -> Option<Vec<&'a str>> {
    let mut came_from: BTreeMap<&str, &str> = BTreeMap::new();
    let mut waiting = VecDeque::from([start]);
    while let Some(at) = waiting.pop_front() {
        for to in used_by(arrows, at) {
            if to == start {
                let back = std::iter::successors(Some(at), |at| came_from.get(at).copied());
                let mut circle: Vec<_> = back.collect();
                circle.reverse();
                return Some(circle);
            }
            if !came_from.contains_key(to) {
                came_from.insert(to, at);
                waiting.push_back(to);
            }
        }
    }
    None
}
