//! Paths as the source writes them, and those inside the arguments of macros and attributes.

use proc_macro2::{Ident, Literal, TokenStream, TokenTree};

/// A path as the source writes it, with its line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reference {
    pub(super) line: usize,
    pub(super) segments: Vec<String>,
    /// Whether other modules may use the name from here: `pub use`, `pub(crate) use`.
    pub(super) is_export: bool,
}

impl Reference {
    /// The path of these names. None for no name at all.
    pub(super) fn of(idents: &[&Ident]) -> Option<Self> {
        let line = idents.first()?.span().start().line;
        let segments = idents.iter().map(ToString::to_string).collect();
        Some(Self { line, segments, is_export: false })
    }

    /// Like [`of`](Self::of), but none for a single name in lower case: it is mostly a variable.
    pub(super) fn of_item(idents: &[&Ident]) -> Option<Self> {
        let is_variable =
            idents.len() == 1 && idents[0].to_string().starts_with(char::is_lowercase);
        if is_variable { None } else { Self::of(idents) }
    }
}

/// Adds every path of the tokens. With `texts`, also the texts that begin as a path does:
/// `#[serde(with = "crate::time")]`.
pub(super) fn collect(tokens: TokenStream, texts: bool, found: &mut Vec<Reference>) {
    let tokens: Vec<_> = tokens.into_iter().collect();
    let mut at = 0;
    while at < tokens.len() {
        match &tokens[at] {
            TokenTree::Group(group) => collect(group.stream(), texts, found),
            TokenTree::Literal(literal) if texts => found.extend(path_in_text(literal)),
            TokenTree::Ident(_) => {
                let idents = path_at(&tokens[at..]);
                if !continues_a_name(&tokens[..at]) {
                    found.extend(Reference::of_item(&idents));
                }
                // Two colons stand between two names.
                at += 3 * (idents.len() - 1);
            }
            TokenTree::Literal(_) | TokenTree::Punct(_) => {}
        }
        at += 1;
    }
}

/// The names of the path that the tokens begin with.
fn path_at(tokens: &[TokenTree]) -> Vec<&Ident> {
    let mut idents = Vec::new();
    let mut rest = tokens;
    while let [TokenTree::Ident(ident), after @ ..] = rest {
        idents.push(ident);
        match after {
            [colon, second, next @ ..] if is(colon, ':') && is(second, ':') => rest = next,
            _ => break,
        }
    }
    idents
}

/// Whether the name after these tokens is a field, a method or the rest of a path: `a.b`, `::b`.
fn continues_a_name(before: &[TokenTree]) -> bool {
    match before {
        // A range: `0..LIMIT`.
        [.., dot, second] if is(dot, '.') && is(second, '.') => false,
        [.., colon, second] if is(colon, ':') && is(second, ':') => true,
        [.., last] => is(last, '.'),
        [] => false,
    }
}

fn is(token: &TokenTree, mark: char) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.as_char() == mark)
}

fn path_in_text(literal: &Literal) -> Option<Reference> {
    let text = literal.to_string();
    let text = text.trim_matches('"');
    let begins = ["crate::", "self::", "super::"].iter().any(|start| text.starts_with(start));
    let path = text.split('<').next().unwrap_or(text);
    begins.then(|| Reference {
        line: literal.span().start().line,
        segments: path.split("::").map(str::to_owned).collect(),
        is_export: false,
    })
}
