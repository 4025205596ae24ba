//! Texts of pages, one file for each language.

use std::collections::BTreeMap;

use axum::http::HeaderMap;
use axum::http::header::ACCEPT_LANGUAGE;
use minijinja::Value;

/// The texts of one language, by their names.
#[derive(Debug)]
pub(crate) struct Texts {
    pub(crate) language: &'static str,
    by_name: BTreeMap<String, String>,
    /// The same texts for the templates.
    pub(crate) shown: Value,
}

/// The same texts in several languages.
#[derive(Debug)]
pub(crate) struct Languages {
    first: Texts,
    others: Vec<Texts>,
}

impl Languages {
    /// The texts in files of JSON. The first language is used where no other fits.
    pub(crate) fn read(files: &[(&'static str, &'static str)]) -> Self {
        let mut all = files.iter().map(|(language, file)| Texts::read(language, file));
        let first = all.next().unwrap_or_else(|| Texts::read("en", "{}"));
        Self { first, others: all.collect() }
    }

    fn all(&self) -> impl Iterator<Item = &Texts> {
        std::iter::once(&self.first).chain(&self.others)
    }

    /// The texts for a language tag such as `de-AT`.
    pub(crate) fn of_tag(&self, tag: &str) -> Option<&Texts> {
        let primary = tag.split('-').next().unwrap_or_default();
        self.all().find(|texts| texts.language.eq_ignore_ascii_case(primary))
    }

    /// The texts of the first language that the reader's browser names and that there is, in its order.
    pub(crate) fn accepted(&self, headers: &HeaderMap) -> &Texts {
        let named = headers.get(ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
        let tags = named.unwrap_or_default().split(',');
        let mut tags = tags.filter_map(|one| one.split(';').next().map(str::trim));
        tags.find_map(|tag| self.of_tag(tag)).unwrap_or(&self.first)
    }
}

impl Texts {
    fn read(language: &'static str, file: &str) -> Self {
        // A test reads each file.
        let by_name: BTreeMap<String, String> = serde_json::from_str(file).unwrap_or_default();
        let pairs = by_name.iter().map(|(name, text)| (name.clone(), text.clone()));
        Self { language, shown: Value::from_pairs(pairs), by_name }
    }

    pub(crate) fn get(&self, name: &str) -> &str {
        self.by_name.get(name).map_or("", String::as_str)
    }

    /// A text with the values of its placeholders.
    pub(crate) fn filled(&self, name: &str, values: &[(&str, &str)]) -> String {
        let mut text = self.get(name).to_owned();
        for (placeholder, value) in values {
            text = text.replace(&format!("{{{placeholder}}}"), value);
        }
        text
    }
}

/// Asserts that all languages have the same texts with the same placeholders, at least this many.
#[cfg(test)]
#[track_caller]
pub(crate) fn assert_same_texts(languages: &Languages, at_least: usize) {
    fn placeholders(text: &str) -> Vec<&str> {
        let parts = text.split('{').skip(1).filter_map(|part| part.split('}').next());
        let mut found: Vec<_> = parts.collect();
        found.sort_unstable();
        found
    }
    let first = &languages.first.by_name;
    assert!(first.len() >= at_least, "{}", first.len());
    for texts in languages.all() {
        let missing = first.keys().find(|name| !texts.by_name.contains_key(*name));
        assert!(missing.is_none(), "{}: no {missing:?}", texts.language);
        assert_eq!(texts.by_name.len(), first.len(), "{}", texts.language);
        for (name, text) in &texts.by_name {
            assert!(!text.is_empty(), "{} {name}", texts.language);
            let expected = placeholders(&first[name]);
            assert_eq!(placeholders(text), expected, "{} {name}", texts.language);
        }
    }
}
