//! Shows on small made-up crates what the checker of modules refuses.

use super::super::Breach;
use super::layers::Tables;
use super::rules;
use super::tree::{SourceFile, Tree};

/// Checks a crate of these files, `("a.rs", text)`, with the tables of this text.
fn check(files: &[(&str, &str)], tables: &str) -> Vec<Breach> {
    let source = |(path, text): &(&str, &str)| SourceFile {
        path: format!("made/src/{path}"),
        text: (*text).to_owned(),
    };
    let files: Vec<_> = files.iter().map(source).collect();
    let tables = toml::from_str::<Tables>(tables).unwrap();
    rules::breaches(&Tree::read("made", &files).unwrap(), &tables)
}

#[track_caller]
fn assert_clean(files: &[(&str, &str)], tables: &str) {
    let breaches = check(files, tables);
    assert!(breaches.is_empty(), "{breaches:#?}");
}

/// Fails unless exactly one breach is found, at this place, with each of these words.
#[track_caller]
fn assert_breach(files: &[(&str, &str)], tables: &str, place: &str, words: &[&str]) {
    let breaches = check(files, tables);
    let [breach] = &breaches[..] else { panic!("one breach was expected: {breaches:#?}") };
    assert_eq!(breach.place, place, "{}", breach.advice);
    for word in words {
        assert!(breach.advice.contains(word), "{word:?} is missing in: {}", breach.advice);
    }
}

const ROOT: (&str, &str) = ("lib.rs", "mod a;\nmod b;");
const A_ABOVE_B: &str = "[src]\nlayers = [\"a\", \"b\"]";

#[test]
fn a_circle_names_each_arrow_of_it() {
    let files = [
        ("lib.rs", "mod a;\nmod b;\nmod c;"),
        ("a.rs", "//! A.\nuse crate::b::B;"),
        ("b.rs", "use super::c::C;"),
        ("c.rs", "\n\nfn f() -> crate::a::A {}"),
    ];
    let words = [
        "a -> b -> c -> a.",
        "a -> b: `crate::b::B` at made/src/a.rs:2",
        "b -> c: `super::c::C` at made/src/b.rs:1",
        "c -> a: `crate::a::A` at made/src/c.rs:3",
    ];
    assert_breach(&files, "", "made/src", &words);
}

#[test]
fn an_arrow_against_the_table_is_refused() {
    let files = [ROOT, ("a.rs", ""), ("b.rs", "\nuse crate::a::A;")];
    let words = ["b may not use a", "made/layers.toml", "`crate::a::A` at made/src/b.rs:2"];
    assert_breach(&files, A_ABOVE_B, "made/src/b.rs:2", &words);
    assert_clean(&[ROOT, ("a.rs", "use crate::b::B;"), ("b.rs", "")], A_ABOVE_B);
}

#[test]
fn modules_of_one_layer_are_independent_unless_named() {
    let files = [ROOT, ("a.rs", "use crate::b::B;"), ("b.rs", "")];
    let one_layer = "[src]\nlayers = [\"a b\"]";
    assert_breach(&files, one_layer, "made/src/a.rs:1", &["a may not use b"]);
    assert_clean(&files, &format!("{one_layer}\nbeside = [\"a -> b\"]"));
}

/// Every place of Rust in which a path may stand.
#[test]
fn a_path_is_found_wherever_it_stands() {
    let places = [
        "use crate::{b::Y, a::{self as other, B}};",
        "fn f() { let x = crate::a::make(1); }",
        "fn f() { if let super::a::A::B(x) = y {} }",
        "fn f(x: &Vec<Option<super::a::A>>) {}",
        "impl From<crate::a::A> for B {}",
        "fn f() { println!(\"{}\", crate::a::NAME); }",
        "fn f() { g!(x, [super::a::b(y..crate::a::Z)]); }",
        "macro_rules! m { () => { $crate::a::A }; }",
        "#[derive(crate::a::Derive)]\nstruct S;",
        "struct S { #[serde(with = \"crate::a::time\")] x: u8 }",
        "fn f() { use crate::a::*; }",
        "mod inner { use super::super::a::A; }",
        "mod inner { fn f() { super::super::a::A } }",
    ];
    for text in places {
        let files = [ROOT, ("a.rs", ""), ("b.rs", text)];
        let breaches = check(&files, A_ABOVE_B);
        assert_eq!(breaches.len(), 1, "{text}: {breaches:#?}");
    }
}

#[test]
fn a_path_into_itself_or_another_crate_is_no_arrow() {
    let text = "use std::a::b;\nuse ::a::B;\nfn f() { self::g(); crate::b::g(x.a, m!(y.a::b)) }\n\
                pub(in crate::a) fn g() {}\n/// [`crate::a::A`]\nstruct S;\nconst T: &str = \"crate::a::A\";";
    assert_clean(&[ROOT, ("a.rs", "use crate::b::S;"), ("b.rs", text)], A_ABOVE_B);
}

#[test]
fn test_code_is_ignored() {
    let text = "#[cfg(test)]\nuse crate::a::A;\n#[cfg(all(test, unix))]\nmod tests { use crate::a::A; }\n\
                struct S { #[cfg(test)] x: crate::a::A }\n\
                impl S { #[cfg(test)] fn f() { crate::a::make() } }\n\
                #[cfg(test)]\nmod spec;\n#[cfg(test)]\n#[path = \"more_tests.rs\"]\nmod more;";
    let spec = ("b/spec.rs", "use crate::a::A;\nmod deep;");
    let deep = ("b/spec/deep.rs", "use crate::a::A;");
    let more = ("b/more_tests.rs", "use crate::a::A;");
    assert_clean(&[ROOT, ("a.rs", ""), ("b.rs", text), spec, deep, more], A_ABOVE_B);
    for product in ["#[cfg(not(test))]", "#[cfg(any(test, unix))]", "#[cfg(unix)]"] {
        let text = format!("{product}\nuse crate::a::A;");
        let files = [ROOT, ("a.rs", ""), ("b.rs", &text)];
        assert_eq!(check(&files, A_ABOVE_B).len(), 1, "{product}");
    }
}

const FOLDER: (&str, &str) = ("lib.rs", "mod foo;");

#[test]
fn a_child_and_its_parent_may_not_use_each_other() {
    let files = [
        FOLDER,
        ("foo.rs", "mod child;\npub struct Foo(child::Part);"),
        ("foo/child.rs", "use super::Foo;\npub struct Part;"),
    ];
    let words =
        ["child -> self: `super::Foo`", "self -> child: `child::Part` at made/src/foo.rs:2"];
    assert_breach(&files, "", "made/src/foo", &words);
    assert_clean(&files, "[\"src/foo\"]\nparts = \"child\"");
}

#[test]
fn re_exported_name_counts_for_its_defining_module() {
    let parent = "mod base;\nmod user;\npub use base::{Base, *};\nfn f() { user::run() }";
    let files = [
        FOLDER,
        ("foo.rs", parent),
        ("foo/base.rs", "pub struct Base;\npub fn help() {}"),
        ("foo/user.rs", "use super::{Base, help};\npub fn run() { crate::foo::Base }"),
    ];
    assert_clean(&files, "[\"src/foo\"]\nlayers = [\"user\", \"base\"]\n");
    let upside_down = "[\"src/foo\"]\nlayers = [\"base\", \"user\"]\n";
    let words = ["user may not use base", "`super::Base` at made/src/foo/user.rs:1 and at 2 more"];
    assert_breach(&files, upside_down, "made/src/foo/user.rs:1", &words);
}

#[test]
fn use_of_a_re_exported_name_is_an_arrow() {
    let parent = "mod child;\npub use child::{Part, part};\nfn f(part: Part) {}\nfn g() { part() }";
    let child = ("foo/child.rs", "pub struct Part;\npub fn part() { super::f() }");
    let words = ["self -> child: `Part` at made/src/foo.rs:3 and at 1 more"];
    assert_breach(&[FOLDER, ("foo.rs", parent), child], "", "made/src/foo", &words);
}

#[test]
fn parts_of_a_parent_still_make_circles_with_others() {
    let files = [
        FOLDER,
        ("foo.rs", "mod part;\nmod other;\nuse part::P;"),
        ("foo/part.rs", "use super::Foo;\nuse super::other::O;"),
        ("foo/other.rs", "use super::Foo;"),
    ];
    let breaches = check(&files, "[\"src/foo\"]\nlayers = [\"self\", \"other\"]\nparts = \"part\"");
    assert!(breaches.iter().any(|breach| breach.advice.contains("other -> self")), "{breaches:#?}");
}

#[test]
fn a_table_names_each_module_once_and_no_other() {
    let files = [ROOT, ("a.rs", ""), ("b.rs", "")];
    let faults = [
        ("[src]\nlayers = [\"a\"]", "b is in no layer"),
        ("[src]\nlayers = [\"a b\", \"a\"]", "a is named twice"),
        ("[src]\nlayers = [\"a b c\"]", "there is no module c"),
        ("[src]\nlayers = [\"a b\"]\nbeside = [\"a -> b\"]", "no module uses \"a -> b\""),
        ("[src]\nlayers = [\"a\"]\nparts = \"b\"", "do not use each other"),
        ("[\"src/c\"]\nlayers = []", "there is no such folder"),
    ];
    for (table, words) in faults {
        assert_breach(&files, table, "made/layers.toml", &[words]);
    }
}

#[test]
fn star_stands_for_all_unnamed_modules() {
    let files = [ROOT, ("a.rs", "use crate::b::B;"), ("b.rs", "")];
    assert_clean(&files, "[src]\nlayers = [\"*\", \"b\"]");
    assert_breach(
        &files,
        "[src]\nlayers = [\"b\", \"*\"]",
        "made/src/a.rs:1",
        &["a may not use b"],
    );
}

#[test]
fn error_lists_the_layers_of_a_large_folder() {
    let root = ("lib.rs", "mod a; mod b; mod c; mod d; mod e;");
    let files = [
        root,
        ("a.rs", "use crate::b::X;"),
        ("b.rs", "use crate::c::X;"),
        ("c.rs", ""),
        ("d.rs", ""),
        ("e.rs", "use crate::b::X;"),
    ];
    let table = "[\"src\"]\nlayers = [\n    \"self a d e\",\n    \"b\",\n    \"c\",\n]\n";
    assert_breach(&files, "", "made/layers.toml", &["add its table", table]);
    assert_clean(&files, table);
}

#[test]
fn a_file_that_is_declared_by_a_macro_is_refused() {
    let files = [("lib.rs", "modules! { hidden }"), ("hidden.rs", "")];
    assert_breach(&files, "", "made/src/hidden.rs", &["no `mod` declares this file"]);
}
