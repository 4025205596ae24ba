//! Did-you-mean: finds the known name that is most similar to a mistyped one.

/// The smallest similarity, from 0 to 1. It allows one or two typing errors but not another word.
const SIMILARITY_MIN: f64 = 0.75;

/// The most similar known name, or none if all differ too much. Ignores case.
pub(super) fn nearest<'n>(name: &str, known: impl IntoIterator<Item = &'n str>) -> Option<&'n str> {
    let name = name.to_lowercase();
    let similarity = |known: &str| strsim::jaro_winkler(&name, &known.to_lowercase());
    known
        .into_iter()
        .map(|known| (similarity(known), known))
        .filter(|(similarity, _)| *similarity >= SIMILARITY_MIN)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, known)| known)
}
