//! The modules of one crate, and the module that a path of its source means.

use std::collections::BTreeMap;

use super::reference::Reference;
use super::source::{self, Module, ModulePath};

/// A source file: its path from the root of the repository, and its text.
#[derive(Debug)]
pub(super) struct SourceFile {
    pub(super) path: String,
    pub(super) text: String,
}

/// The modules of a crate, without its test code.
#[derive(Debug)]
pub(super) struct Tree {
    /// The crate's folder from the root of the repository, `engine/log`.
    pub(super) folder: String,
    pub(super) modules: BTreeMap<ModulePath, Module>,
    /// Files that no `mod x;` declares.
    pub(super) undeclared: Vec<String>,
}

/// The most re-exports that are followed from one name to its item.
const MAX_EXPORTS: usize = 8;

impl Tree {
    /// Reads a crate from its source files.
    ///
    /// # Errors
    /// A file is not Rust; the text names it.
    pub(super) fn read(folder: &str, files: &[SourceFile]) -> Result<Self, String> {
        let mut modules = BTreeMap::new();
        let root = root_file(folder, files)?;
        for file in files {
            let Some(path) = module_path(folder, root, &file.path) else { continue };
            let read = source::read(path, &file.path, &file.text);
            modules.extend(read.map_err(|error| format!("{}: {error}", file.path))?);
        }
        let mut tree = Self { folder: folder.to_owned(), modules, undeclared: Vec::new() };
        tree.drop_test_modules();
        tree.collect_exported_macros();
        Ok(tree)
    }

    /// Removes the modules that are declared as test code, and notes those that are not declared.
    fn drop_test_modules(&mut self) {
        let mut undeclared = Vec::new();
        let mut tests: Vec<ModulePath> = Vec::new();
        for (path, module) in &self.modules {
            let Some((name, parent)) = path.split_last() else { continue };
            if tests.iter().any(|test| path.starts_with(test)) {
                continue;
            }
            match self.modules.get(parent).and_then(|parent| parent.declared.get(name)) {
                Some(true) => tests.push(path.clone()),
                Some(false) => {}
                None if self.is_file(path, module) => undeclared.push(module.file.clone()),
                None => {}
            }
        }
        self.modules.retain(|path, _| !tests.iter().any(|test| path.starts_with(test)));
        self.undeclared = undeclared;
    }

    /// Whether the module is a file, and not a `mod x { ... }` in its parent's file.
    fn is_file(&self, path: &[String], module: &Module) -> bool {
        let parent = path.split_last().and_then(|(_, parent)| self.modules.get(parent));
        parent.is_none_or(|parent| parent.file != module.file)
    }

    /// Lets the root of the crate know the macros that `#[macro_export]` moves to it.
    fn collect_exported_macros(&mut self) {
        let mut found = Vec::new();
        for (path, module) in &self.modules {
            for name in &module.exported_macros {
                let segments = ["crate"].into_iter().map(str::to_owned);
                let segments = segments.chain(path.clone()).chain([name.clone()]).collect();
                found.push((name.clone(), Reference { line: 0, segments, is_export: true }));
            }
        }
        if let Some(root) = self.modules.get_mut(&ModulePath::new()) {
            root.imports.extend(found);
        }
    }

    /// The module that a path means, as it stands in a module's source. None for what other crates define,
    /// and for the module's own items.
    pub(super) fn resolve(&self, from: &ModulePath, segments: &[String]) -> Option<ModulePath> {
        self.follow(from, segments, 0)
    }

    fn follow(&self, from: &ModulePath, segments: &[String], exports: usize) -> Option<ModulePath> {
        let (first, rest) = segments.split_first()?;
        match first.as_str() {
            "crate" => self.walk(ModulePath::new(), rest, exports),
            "self" => self.walk(from.clone(), rest, exports),
            "super" => {
                let (_, parent) = from.split_last()?;
                let parent = parent.to_vec();
                match rest.first().map(String::as_str) {
                    Some("super") => self.follow(&parent, rest, exports),
                    _ => self.walk(parent, rest, exports),
                }
            }
            _ if self.child(from, first).is_some()
                || self.own_export(from, first, exports).is_some() =>
            {
                self.walk(from.clone(), segments, exports)
            }
            _ => None,
        }
    }

    /// Follows names downwards from a module to the one that defines the last of them.
    fn walk(&self, mut at: ModulePath, names: &[String], exports: usize) -> Option<ModulePath> {
        let mut rest = names;
        while let Some((name, after)) = rest.split_first() {
            if let Some(child) = self.child(&at, name) {
                at = child;
                rest = after;
                continue;
            }
            let Some(segments) = self.own_export(&at, name, exports) else { break };
            let segments: Vec<_> = segments.into_iter().chain(after.iter().cloned()).collect();
            return self.follow(&at, &segments, exports + 1);
        }
        Some(at)
    }

    fn child(&self, of: &ModulePath, name: &str) -> Option<ModulePath> {
        let child: ModulePath = of.iter().cloned().chain([name.to_owned()]).collect();
        self.modules.contains_key(&child).then_some(child)
    }

    /// The path of an item that a module re-exports from below itself under this name.
    fn own_export(&self, of: &ModulePath, name: &str, exports: usize) -> Option<Vec<String>> {
        let module = self.modules.get(of)?;
        if exports > MAX_EXPORTS || module.items.contains(name) {
            return None;
        }
        let is_below = |import: &Reference| {
            let target = self.follow(of, &import.segments, exports + 1);
            target.is_some_and(|target| target.len() > of.len() && target.starts_with(of))
        };
        if let Some(import) = module.imports.get(name) {
            return (import.is_export && is_below(import)).then(|| import.segments.clone());
        }
        let exported = module.globs.iter().filter(|glob| glob.is_export);
        for glob in exported {
            let Some(target) = self.follow(of, &glob.segments, exports + 1) else { continue };
            if target.starts_with(of) && self.defines(&target, name, exports) {
                return Some(glob.segments.iter().cloned().chain([name.to_owned()]).collect());
            }
        }
        None
    }

    fn defines(&self, module: &ModulePath, name: &str, exports: usize) -> bool {
        let Some(found) = self.modules.get(module) else { return false };
        found.items.contains(name)
            || found.imports.get(name).is_some_and(|import| import.is_export)
            || self.own_export(module, name, exports + 1).is_some()
    }
}

/// The file that the crate begins with.
fn root_file<'a>(folder: &str, files: &'a [SourceFile]) -> Result<&'a str, String> {
    let named = |name: &str| {
        let path = format!("{folder}/src/{name}");
        files.iter().find(|file| file.path == path).map(|file| file.path.as_str())
    };
    named("lib.rs")
        .or_else(|| named("main.rs"))
        .ok_or_else(|| format!("{folder}: no src/lib.rs and no src/main.rs"))
}

/// The module path that a file's place gives it. None for files that are no part of the crate's root.
fn module_path(folder: &str, root: &str, file: &str) -> Option<ModulePath> {
    if file == root {
        return Some(ModulePath::new());
    }
    let inside = file.strip_prefix(folder)?.strip_prefix("/src/")?.strip_suffix(".rs")?;
    // A program beside the library is a separate crate.
    (inside != "main" && !inside.starts_with("bin/"))
        .then(|| inside.split('/').map(str::to_owned).collect())
}
