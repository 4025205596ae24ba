//! Did-you-mean: the known name that a mistyped one is most like.

/// How alike two names must be, from 0 to 1: one or two typing errors, not another word.
const LIKENESS_MIN: f64 = 0.75;

/// The known name nearest to this one; none if all differ too much. Upper and lower case count as the same.
pub(super) fn nearest<'n>(name: &str, known: impl IntoIterator<Item = &'n str>) -> Option<&'n str> {
    let name = name.to_lowercase();
    let likeness = |known: &str| strsim::jaro_winkler(&name, &known.to_lowercase());
    known
        .into_iter()
        .map(|known| (likeness(known), known))
        .filter(|(likeness, _)| *likeness >= LIKENESS_MIN)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, known)| known)
}
