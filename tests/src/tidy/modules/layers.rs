//! The tables of layers: which module of a folder may use which.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::graph::{Arrows, Folder, SELF};

/// Stands for every module that a table does not name.
const OTHERS: &str = "*";

/// The tables of a crate, by folder, as its `layers.toml` holds them.
pub(super) type Tables = BTreeMap<String, Table>;

/// The layers of one folder. A module may use the modules of later layers.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Table {
    /// One text a layer: names of modules, with blanks between them. `*` means every module that the table
    /// does not name. The folder's own file is `self`; where no layer names it, it is above all.
    #[serde(default)]
    layers: Vec<String>,
    /// Arrows inside a layer that are allowed: `"runs -> numbers"`.
    #[serde(default)]
    beside: Vec<String>,
    /// Modules that hold a part of what the folder's own file defines, such as an `impl` of its type. They
    /// and that file count as one module.
    #[serde(default)]
    parts: String,
}

impl Table {
    fn is_part(&self, module: &str) -> bool {
        self.parts.split(' ').any(|part| part == module)
    }

    /// The arrows of the folder, where the parts of the folder's own file count as that file.
    pub(super) fn merged(&self, arrows: &Arrows) -> Arrows {
        let name =
            |module: &String| if self.is_part(module) { SELF.to_owned() } else { module.clone() };
        let mut merged = Arrows::new();
        for ((from, to), places) in arrows {
            let ends = (name(from), name(to));
            if ends.0 != ends.1 {
                merged.entry(ends).or_default().extend(places.iter().cloned());
            }
        }
        merged
    }

    /// The number of a module's layer, counted from above.
    fn layer_of(&self, module: &str) -> Option<usize> {
        let layer_with = |name: &str| {
            self.layers.iter().position(|layer| layer.split(' ').any(|found| found == name))
        };
        match layer_with(module) {
            Some(layer) => Some(layer + 1),
            None if module == SELF => Some(0),
            None => layer_with(OTHERS).map(|layer| layer + 1),
        }
    }

    /// Whether a module may use another.
    pub(super) fn allows(&self, from: &str, to: &str) -> bool {
        match (self.layer_of(from), self.layer_of(to)) {
            (Some(above), Some(below)) if above < below => true,
            (Some(above), Some(below)) => {
                above == below && self.beside.contains(&format!("{from} -> {to}"))
            }
            _ => false,
        }
    }

    /// Sentences on what the table gets wrong: modules that are missing, unknown or named twice, and
    /// exceptions that nothing needs.
    pub(super) fn faults(&self, folder: &Folder) -> Vec<String> {
        let parts = self.parts.split(' ').filter(|part| !part.is_empty());
        let layers = self.layers.iter().flat_map(|layer| layer.split(' '));
        let named: Vec<_> = layers.chain(parts.clone()).collect();
        let mut faults = Vec::new();
        for module in &folder.modules {
            if self.layer_of(module).is_none() && !self.is_part(module) {
                faults.push(format!("{module} is in no layer: add it to one"));
            }
        }
        for (at, name) in named.iter().enumerate() {
            if named[..at].contains(name) {
                faults.push(format!("{name} is named twice"));
            } else if ![SELF, OTHERS].contains(name) && !folder.modules.contains(*name) {
                faults.push(format!("there is no module {name}: remove it"));
            }
        }
        let is_used =
            |from: &str, to: &str| folder.arrows.contains_key(&(from.to_owned(), to.to_owned()));
        for pair in &self.beside {
            if pair.split_once(" -> ").is_none_or(|(from, to)| !is_used(from, to)) {
                faults.push(format!("no module uses \"{pair}\": remove it"));
            }
        }
        for part in parts.filter(|part| !is_used(part, SELF) || !is_used(SELF, part)) {
            faults.push(format!(
                "{part} and the folder's own file do not use each other: give it a layer"
            ));
        }
        faults
    }
}

/// The layers that the arrows of a folder have today, ready to paste into `layers.toml`. None where the arrows
/// make a circle.
pub(super) fn suggest(name: &str, folder: &Folder) -> Option<String> {
    let mut left: Vec<_> =
        [SELF].into_iter().chain(folder.modules.iter().map(String::as_str)).collect();
    let mut layers = Vec::new();
    while !left.is_empty() {
        let is_used = |module: &&str| {
            let ends = |from: &&str| ((*from).to_owned(), (*module).to_owned());
            left.iter().any(|from| folder.arrows.contains_key(&ends(from)))
        };
        let (used, free): (Vec<_>, Vec<_>) = left.iter().copied().partition(is_used);
        if free.is_empty() {
            return None;
        }
        left = used;
        layers.push(free);
    }
    if layers.first().is_some_and(|first| first[..] == [SELF]) {
        layers.remove(0);
    }
    let lines = layers.iter().map(|layer| format!("    \"{}\",\n", layer.join(" ")));
    Some(format!("[\"{name}\"]\nlayers = [\n{}]\n", lines.collect::<String>()))
}
