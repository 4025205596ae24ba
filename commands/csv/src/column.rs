//! A column of a format: its names, and whether a file needs it.

/// A column of a format's files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Column {
    /// The name that templates, problems and events use.
    pub name: &'static str,
    /// Other names of the column. Matching ignores case, blanks and punctuation, so list only other words.
    pub aliases: &'static [&'static str],
    /// Whether a file without the column is refused.
    pub required: bool,
    /// The cell in the template's example row.
    pub example: &'static str,
}

/// Words that headers of other languages or products use for a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeaderWords {
    /// Names of columns of several formats. The words mean the first of them that the format has.
    pub columns: &'static [&'static str],
    /// The words, with semicolons between them. Case, blanks, punctuation and accents do not matter.
    pub words: &'static str,
    /// Another column that the file must also have, by its name or a word. Without it, the words mean something else.
    pub beside: Option<&'static str>,
}
