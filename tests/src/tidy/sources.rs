//! Reads the source files and tells test code from product code, line by line.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use super::{Breach, root};

/// A source file: its path from the root, and its text.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) path: String,
    pub(super) text: String,
}

/// A line of a file with its number, from 1.
#[derive(Debug, Clone, Copy)]
pub(super) struct Line<'a> {
    pub(super) number: usize,
    pub(super) text: &'a str,
    pub(super) is_test: bool,
}

impl Line<'_> {
    /// The line without its comment.
    pub(super) fn code(&self) -> &str {
        match self.comment_start() {
            Some(start) => &self.text[..start],
            None => self.text,
        }
    }

    fn comment_start(&self) -> Option<usize> {
        let indent = indent(self.text);
        if self.text[indent..].starts_with("//") {
            return Some(indent);
        }
        self.text.find(" // ")
    }
}

impl Source {
    /// Every line, each marked as test code or product code.
    pub(super) fn lines(&self, tests: &TestFiles) -> Vec<Line<'_>> {
        let texts: Vec<_> = self.text.lines().collect();
        let whole = tests.contain(&self.path);
        let mut lines: Vec<_> =
            (1..).zip(&texts).map(|(number, text)| Line { number, text, is_test: whole }).collect();
        for (at, text) in texts.iter().enumerate() {
            if starts_test_code(text) {
                let end = end_of_item(&texts, at);
                lines[at..=end].iter_mut().for_each(|line| line.is_test = true);
            }
        }
        lines
    }

    /// The files that this file declares as modules of test code, without `.rs`.
    fn test_modules(&self) -> impl Iterator<Item = String> {
        let lines: Vec<_> = self.text.lines().collect();
        let folder = match self.path.strip_suffix("/lib.rs") {
            Some(folder) => folder.to_owned(),
            None => self.path.trim_end_matches(".rs").to_owned(),
        };
        let starts = (0..lines.len()).filter(|at| starts_test_code(lines[*at])).collect::<Vec<_>>();
        starts.into_iter().filter_map(move |at| {
            let last = lines[end_of_item(&lines, at)].trim().strip_suffix(';')?;
            let (before, name) = last.rsplit_once("mod ")?;
            (before.is_empty() || before.starts_with("pub")).then(|| format!("{folder}/{name}"))
        })
    }
}

/// The files that hold nothing but test code.
#[derive(Debug)]
pub(super) struct TestFiles(BTreeSet<String>);

impl TestFiles {
    pub(super) fn of(sources: &[Source]) -> Self {
        Self(sources.iter().flat_map(Source::test_modules).collect())
    }

    /// Whether a file is one of them: declared as test code, or below a module that is.
    pub(super) fn contain(&self, path: &str) -> bool {
        let stem = path.trim_end_matches(".rs");
        let above = stem.match_indices('/').map(|(end, _)| &stem[..end]);
        path.starts_with("tests/") || above.chain([stem]).any(|module| self.0.contains(module))
    }
}

fn starts_test_code(line: &str) -> bool {
    let code = line.trim_start();
    ["#[cfg(test)]", "#[cfg(all(test,"].iter().any(|start| code.starts_with(start))
}

fn indent(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

/// The last line of the item whose attribute is at a line. It relies on the form that rustfmt gives: what
/// closes an item is indented as its first line is.
fn end_of_item(lines: &[&str], attribute: usize) -> usize {
    let outside = indent(lines[attribute]);
    let mut is_open = false;
    for (at, line) in lines.iter().enumerate().skip(attribute) {
        let code = line.trim();
        let is_attribute = code.starts_with("#[") && code.ends_with(']');
        if is_attribute || code.starts_with("//") || (is_open && indent(line) != outside) {
            continue;
        }
        if is_open && !code.starts_with(['}', ')', ']']) {
            continue;
        }
        is_open = code.ends_with(['{', '(', '[']);
        if code.ends_with([';', '}']) || (code.ends_with(',') && indent(line) == outside) {
            return at;
        }
    }
    lines.len() - 1
}

/// Every source file of the repository, by path.
pub(super) fn sources() -> Vec<Source> {
    let mut found: Vec<_> = ["commands", "projections", "engine", "tests"]
        .iter()
        .flat_map(|folder| read_folder(&root().join(folder)))
        .collect();
    assert!(found.len() > 100, "only {} source files were found", found.len());
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found
}

/// Every source file below a folder.
pub(super) fn read_folder(folder: &Path) -> Vec<Source> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() && !path.ends_with("target") {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let short = path.strip_prefix(root()).unwrap().to_string_lossy().into_owned();
                found.push(Source { path: short, text: fs::read_to_string(&path).unwrap() });
            }
        }
    }
    found
}

/// Checks each line of each file: the advice for the line, or none.
pub(super) fn check_lines<'a>(
    files: &'a [Source],
    mut advise: impl FnMut(&'a Source, &Line<'a>) -> Option<String>,
) -> Vec<Breach> {
    let tests = TestFiles::of(files);
    let mut breaches = Vec::new();
    for file in files {
        for line in file.lines(&tests) {
            if let Some(advice) = advise(file, &line) {
                breaches.push(Breach { place: format!("{}:{}", file.path, line.number), advice });
            }
        }
    }
    breaches
}

#[cfg(test)]
mod tests {
    use super::{Source, TestFiles};

    /// The lines of a text that are product code, without their numbers.
    fn product(text: &str) -> Vec<&str> {
        let source = Source { path: "engine/src/a.rs".to_owned(), text: text.to_owned() };
        let tests = TestFiles::of(&[]);
        let product = source.lines(&tests);
        let numbers = product.iter().filter(|line| !line.is_test).map(|line| line.number);
        let lines: Vec<_> = text.lines().collect();
        numbers.map(|number| lines[number - 1]).collect()
    }

    #[test]
    fn product_code_after_test_code_is_read() {
        let text =
            "fn a() {}\n#[cfg(test)]\nmod tests {\n    #[test]\n    fn b() {\n    }\n}\nfn c() {}";
        assert_eq!(product(text), ["fn a() {}", "fn c() {}"]);
    }

    /// Each kind of item, as rustfmt writes it.
    #[test]
    fn test_code_ends_where_its_item_ends() {
        let items = [
            "mod tests;",
            "#[allow(dead_code)]\nmod tests;",
            "/// Words;\nuse a::{\n    b,\n};",
            "use a::b;",
            "fn f(\n    a: A,\n) -> B {\n    a;\n}",
            "fn f() -> B\nwhere\n    A: B,\n{\n    a;\n}",
            "const A: [u8; 2] = [\n    1,\n];",
            "const A: u8 =\n    1;",
            "fn f() {}",
            "impl A for B {\n    fn f() {\n    }\n\n    fn g() {}\n}",
        ];
        for item in items {
            let text = format!("fn a() {{}}\n#[cfg(test)]\n{item}\nfn c() {{}}");
            assert_eq!(product(&text), ["fn a() {}", "fn c() {}"], "{item}");
        }
        let method =
            "impl A {\n    #[cfg(test)]\n    fn f() {\n        a;\n    }\n\n    fn g() {}\n}";
        assert_eq!(product(method), ["impl A {", "", "    fn g() {}", "}"]);
        assert_eq!(product("struct A {\n    #[cfg(test)]\n    a: B,\n    c: D,\n}").len(), 3);
    }

    #[test]
    fn a_file_declared_as_test_code_is_test_code() {
        let source =
            |path: &str, text: &str| Source { path: path.to_owned(), text: text.to_owned() };
        let sources = [
            source("engine/src/lib.rs", "mod a;\n#[cfg(test)]\npub(crate) mod testing;"),
            source("engine/src/a.rs", "#[cfg(test)]\nmod spec;\n#[cfg(test)]\nmod inner {\n}"),
        ];
        let tests = TestFiles::of(&sources);
        for path in ["testing.rs", "testing/b.rs", "a/spec.rs", "a/spec/c.rs"] {
            assert!(tests.contain(&format!("engine/src/{path}")), "{path}");
        }
        for path in ["a.rs", "a/inner.rs", "b.rs"] {
            assert!(!tests.contain(&format!("engine/src/{path}")), "{path}");
        }
    }
}
