//! The texts of the pages, one file per language.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use axum::http::HeaderMap;
use axum::http::header::ACCEPT_LANGUAGE;
use minijinja::Value;

/// The languages of the pages: those of the mails. English comes first, and is used where no other fits.
const FILES: [(&str, &str); 8] = [
    ("en", include_str!("texts/en.json")),
    ("de", include_str!("texts/de.json")),
    ("es", include_str!("texts/es.json")),
    ("fr", include_str!("texts/fr.json")),
    ("it", include_str!("texts/it.json")),
    ("ja", include_str!("texts/ja.json")),
    ("pt", include_str!("texts/pt.json")),
    ("vi", include_str!("texts/vi.json")),
];

static ALL: LazyLock<[Texts; FILES.len()]> = LazyLock::new(|| {
    FILES.map(|(language, file)| {
        // A test reads each file.
        let by_name: BTreeMap<String, String> = serde_json::from_str(file).unwrap_or_default();
        Texts {
            language,
            shown: Value::from_pairs(
                by_name.iter().map(|(name, text): (&String, &String)| (name.clone(), text.clone())),
            ),
            by_name,
        }
    })
});

/// The texts of one language, by their names.
#[derive(Debug)]
pub(super) struct Texts {
    pub(super) language: &'static str,
    by_name: BTreeMap<String, String>,
    /// The same texts for the templates.
    pub(super) shown: Value,
}

impl Texts {
    /// The texts for a language tag such as `de-AT`.
    pub(super) fn of_tag(tag: &str) -> Option<&'static Self> {
        let primary = tag.split('-').next().unwrap_or_default();
        ALL.iter().find(|texts| texts.language.eq_ignore_ascii_case(primary))
    }

    /// The texts of the first language that the reader's browser names and that there is, in its order.
    pub(super) fn accepted(headers: &HeaderMap) -> &'static Self {
        let named = headers.get(ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
        let tags = named.unwrap_or_default().split(',');
        let mut tags = tags.filter_map(|one| one.split(';').next().map(str::trim));
        let [english, ..] = &*ALL;
        tags.find_map(Self::of_tag).unwrap_or(english)
    }

    pub(super) fn get(&self, name: &str) -> &str {
        self.by_name.get(name).map_or("", String::as_str)
    }

    /// A text with the values of its placeholders.
    pub(super) fn filled(&self, name: &str, values: &[(&str, &str)]) -> String {
        let mut text = self.get(name).to_owned();
        for (placeholder, value) in values {
            text = text.replace(&format!("{{{placeholder}}}"), value);
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    fn placeholders(text: &str) -> Vec<&str> {
        let parts = text.split('{').skip(1).filter_map(|part| part.split('}').next());
        let mut found: Vec<_> = parts.collect();
        found.sort_unstable();
        found
    }

    #[test]
    fn every_language_has_all_texts_with_their_placeholders() {
        let english = &ALL[0].by_name;
        assert!(english.len() > 40, "{}", english.len());
        for texts in ALL.iter() {
            assert!(texts.by_name.keys().eq(english.keys()), "{}", texts.language);
            for (name, text) in &texts.by_name {
                let expected = placeholders(&english[name]);
                let actual = placeholders(text);
                let is_greeting = name == "hello_name";
                assert!(actual == expected && !text.is_empty(), "{} {name}", texts.language);
                assert!(!is_greeting || actual == ["name"], "{}", texts.language);
            }
        }
    }

    #[test]
    fn first_known_language_of_the_reader_is_used() {
        let language = |accepted: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT_LANGUAGE, HeaderValue::from_str(accepted).unwrap());
            Texts::accepted(&headers).language
        };
        assert_eq!(language("de-AT,de;q=0.9,en;q=0.8"), "de");
        assert_eq!(language("nl, FR;q=0.5"), "fr");
        assert_eq!(language("*"), "en");
    }
}
