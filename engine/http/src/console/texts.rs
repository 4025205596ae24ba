//! The texts of the console, one file per language.

use std::sync::LazyLock;

use axum::http::HeaderMap;

use crate::html::texts::{Languages, Texts};

/// English comes first, and is used where no other language fits.
const FILES: [(&str, &str); 2] =
    [("en", include_str!("texts/en.json")), ("de", include_str!("texts/de.json"))];

static ALL: LazyLock<Languages> = LazyLock::new(|| Languages::read(&FILES));

/// The texts of the first language that the browser names and that there is, in its order.
pub(super) fn accepted(headers: &HeaderMap) -> &'static Texts {
    ALL.accepted(headers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_languages_have_all_texts_with_their_placeholders() {
        crate::html::texts::assert_same_texts(&ALL, 100);
    }
}
