//! Reads source files into modules: their items, their imports and the paths they use.

use std::collections::{BTreeMap, BTreeSet};

use syn::visit::{self, Visit};
use syn::{Item, UseTree, Visibility};

use super::reference::{self, Reference};
use super::test_code::{attributes, is_test_only};

/// The names from the root of the crate to a module. Empty for `lib.rs`.
pub(super) type ModulePath = Vec<String>;

/// One module: a file, or a `mod x { ... }` inside a file.
#[derive(Debug, Default)]
pub(super) struct Module {
    /// The path of the file from the root of the repository.
    pub(super) file: String,
    /// The names of the items that the module defines.
    pub(super) items: BTreeSet<String>,
    /// The names that `use` brings in.
    pub(super) imports: BTreeMap<String, Reference>,
    /// The modules and enums whose names `use x::*` brings in.
    pub(super) globs: Vec<Reference>,
    /// Every path of the module's product code.
    pub(super) references: Vec<Reference>,
    /// Macros that `#[macro_export]` moves to the root of the crate.
    pub(super) exported_macros: Vec<String>,
    /// The child modules that `mod x;` declares, and whether they are test code.
    pub(super) declared: BTreeMap<String, bool>,
}

/// Reads the product code of a file: its own module first, then the modules inside it.
///
/// # Errors
/// The text is not Rust.
pub(super) fn read(
    path: ModulePath,
    file: &str,
    text: &str,
) -> syn::Result<Vec<(ModulePath, Module)>> {
    let parsed = syn::parse_file(text)?;
    let mut reader = Reader { path, module: Module::of(file), inner: Vec::new(), blocks: 0 };
    reader.visit_file(&parsed);
    let Reader { path, module, mut inner, .. } = reader;
    inner.insert(0, (path, module));
    Ok(inner)
}

impl Module {
    fn of(file: &str) -> Self {
        Self { file: file.to_owned(), ..Self::default() }
    }
}

struct Reader {
    path: ModulePath,
    module: Module,
    inner: Vec<(ModulePath, Module)>,
    /// How many blocks of code enclose the current place. Names imported inside one are not the module's.
    blocks: usize,
}

impl Reader {
    fn define(&mut self, item: &Item) {
        let name = match item {
            Item::Const(item) => &item.ident,
            Item::Enum(item) => &item.ident,
            Item::Fn(item) => &item.sig.ident,
            Item::Static(item) => &item.ident,
            Item::Struct(item) => &item.ident,
            Item::Trait(item) => &item.ident,
            Item::Type(item) => &item.ident,
            Item::Macro(item) => {
                let Some(name) = &item.ident else { return };
                if item.attrs.iter().any(|attribute| attribute.path().is_ident("macro_export")) {
                    self.module.exported_macros.push(name.to_string());
                }
                name
            }
            _ => return,
        };
        self.module.items.insert(name.to_string());
    }

    fn note_path(&mut self, path: &syn::Path) {
        if path.leading_colon.is_none() {
            let idents: Vec<_> = path.segments.iter().map(|segment| &segment.ident).collect();
            self.module.references.extend(Reference::of_item(&idents));
        }
    }

    fn note_import(&mut self, name: Option<String>, import: Reference) {
        self.module.references.push(import.clone());
        if self.blocks == 0 {
            match name {
                Some(name) => drop(self.module.imports.insert(name, import)),
                None => self.module.globs.push(import),
            }
        }
    }

    /// Reads `mod name { ... }`.
    fn read_inner(&mut self, name: String, items: &[Item]) {
        let inner = Module::of(&self.module.file);
        let outer = std::mem::replace(&mut self.module, inner);
        let blocks = std::mem::take(&mut self.blocks);
        self.path.push(name);
        items.iter().for_each(|item| self.visit_item(item));
        let inner = std::mem::replace(&mut self.module, outer);
        self.inner.push((self.path.clone(), inner));
        self.path.pop();
        self.blocks = blocks;
    }
}

/// Lists the paths of a `use` tree, each with the name it is imported under: none for `*`.
fn flatten<'a>(
    tree: &'a UseTree,
    before: &mut Vec<&'a syn::Ident>,
    found: &mut Vec<(Option<String>, Vec<&'a syn::Ident>)>,
) {
    match tree {
        UseTree::Path(path) => {
            before.push(&path.ident);
            flatten(&path.tree, before, found);
            before.pop();
        }
        UseTree::Group(group) => {
            group.items.iter().for_each(|tree| flatten(tree, before, found));
        }
        UseTree::Glob(_) => found.push((None, before.clone())),
        UseTree::Name(name) if name.ident == "self" => {
            found.push((before.last().map(ToString::to_string), before.clone()));
        }
        UseTree::Name(name) => {
            found.push((Some(name.ident.to_string()), with(before, &name.ident)));
        }
        UseTree::Rename(name) if name.ident == "self" => {
            found.push((Some(name.rename.to_string()), before.clone()));
        }
        UseTree::Rename(name) => {
            found.push((Some(name.rename.to_string()), with(before, &name.ident)));
        }
    }
}

fn with<'a>(before: &[&'a syn::Ident], last: &'a syn::Ident) -> Vec<&'a syn::Ident> {
    before.iter().copied().chain([last]).collect()
}

/// The file of `#[path = "file.rs"]`, without its ending.
fn path_attribute(attributes: &[syn::Attribute]) -> Option<String> {
    let attribute = attributes.iter().find(|attribute| attribute.path().is_ident("path"))?;
    let syn::Meta::NameValue(pair) = &attribute.meta else { return None };
    let syn::Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(file), .. }) = &pair.value else {
        return None;
    };
    Some(file.value().trim_end_matches(".rs").to_owned())
}

impl<'ast> Visit<'ast> for Reader {
    fn visit_item(&mut self, item: &'ast Item) {
        let is_test = is_test_only(attributes(item));
        if let Item::Mod(syn::ItemMod { ident, content: None, attrs, .. }) = item {
            let name = path_attribute(attrs).unwrap_or_else(|| ident.to_string());
            self.module.declared.insert(name, is_test);
        }
        if is_test {
            return;
        }
        if self.blocks == 0 {
            self.define(item);
        }
        visit::visit_item(self, item);
    }

    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        if let Some((_, items)) = &item.content {
            self.read_inner(item.ident.to_string(), items);
        }
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        if item.leading_colon.is_some() {
            return;
        }
        let is_export = !matches!(item.vis, Visibility::Inherited);
        let mut found = Vec::new();
        flatten(&item.tree, &mut Vec::new(), &mut found);
        for (name, idents) in found {
            let Some(first) = idents.last() else { continue };
            let line = first.span().start().line;
            let segments = idents.iter().map(ToString::to_string).collect();
            self.note_import(name, Reference { line, segments, is_export });
        }
    }

    fn visit_block(&mut self, block: &'ast syn::Block) {
        self.blocks += 1;
        visit::visit_block(self, block);
        self.blocks -= 1;
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        self.note_path(path);
        visit::visit_path(self, path);
    }

    /// `pub(in crate::x)` limits who may see an item. It uses nothing.
    fn visit_vis_restricted(&mut self, _: &'ast syn::VisRestricted) {}

    /// A function that is called by its bare name may be one that the module re-exports.
    fn visit_expr_call(&mut self, call: &'ast syn::ExprCall) {
        if let syn::Expr::Path(function) = &*call.func
            && let Some(name) = function.path.get_ident()
        {
            self.module.references.extend(Reference::of(&[name]));
        }
        visit::visit_expr_call(self, call);
    }

    fn visit_macro(&mut self, call: &'ast syn::Macro) {
        if let Some(name) = call.path.get_ident() {
            self.module.references.extend(Reference::of(&[name]));
        }
        reference::collect(call.tokens.clone(), false, &mut self.module.references);
        visit::visit_macro(self, call);
    }

    /// Attributes name items too: `derive(...)`, and serde's functions as texts.
    fn visit_attribute(&mut self, attribute: &'ast syn::Attribute) {
        match &attribute.meta {
            syn::Meta::List(list) => {
                reference::collect(list.tokens.clone(), true, &mut self.module.references);
            }
            syn::Meta::Path(_) | syn::Meta::NameValue(_) => {}
        }
    }

    fn visit_impl_item(&mut self, item: &'ast syn::ImplItem) {
        let attributes = match item {
            syn::ImplItem::Const(item) => &item.attrs,
            syn::ImplItem::Fn(item) => &item.attrs,
            syn::ImplItem::Type(item) => &item.attrs,
            _ => return visit::visit_impl_item(self, item),
        };
        if !is_test_only(attributes) {
            visit::visit_impl_item(self, item);
        }
    }

    fn visit_field(&mut self, field: &'ast syn::Field) {
        if !is_test_only(&field.attrs) {
            visit::visit_field(self, field);
        }
    }

    fn visit_field_value(&mut self, field: &'ast syn::FieldValue) {
        if !is_test_only(&field.attrs) {
            visit::visit_field_value(self, field);
        }
    }

    fn visit_variant(&mut self, variant: &'ast syn::Variant) {
        if !is_test_only(&variant.attrs) {
            visit::visit_variant(self, variant);
        }
    }

    fn visit_arm(&mut self, arm: &'ast syn::Arm) {
        if !is_test_only(&arm.attrs) {
            visit::visit_arm(self, arm);
        }
    }

    fn visit_local(&mut self, local: &'ast syn::Local) {
        if !is_test_only(&local.attrs) {
            visit::visit_local(self, local);
        }
    }
}
