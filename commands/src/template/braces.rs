//! Reads the variables of a template in single braces, as MultiLine's own templates have them: `{f_name}`.

use std::borrow::Cow;

/// The marks that open and close an expression, a statement and a comment. What is between them stays as it is.
const MARKS: [(&str, &str); 3] = [("{{", "}}"), ("{%", "%}"), ("{#", "#}")];

/// The template with every `{name}` as `{{ name }}`. Braces around anything else stay.
pub(super) fn with_double_braces(source: &str) -> Cow<'_, str> {
    let mut spelled = String::new();
    let mut rest = source;
    while let Some((before, name, after)) = next_single(rest) {
        spelled.push_str(before);
        spelled.extend(["{{ ", name, " }}"]);
        rest = after;
    }
    if spelled.is_empty() {
        return Cow::Borrowed(source);
    }
    spelled.push_str(rest);
    Cow::Owned(spelled)
}

/// The next name in single braces, with the texts before and after it.
fn next_single(source: &str) -> Option<(&str, &str, &str)> {
    let mut from = 0;
    while let Some(found) = source.get(from..)?.find('{') {
        let start = from + found;
        let tail = source.get(start..)?;
        if let Some((open, close)) = MARKS.iter().find(|(open, _)| tail.starts_with(open)) {
            let inner = tail.get(open.len()..)?;
            let end = inner.find(close)?;
            from = start + open.len() + end + close.len();
            // What is raw stays as it is.
            if *open == "{%" && inner.get(..end)?.trim_matches(['-', '+']).trim() == "raw" {
                from += source.get(from..)?.find("endraw")?;
            }
            continue;
        }
        let inner = tail.get(1..)?;
        let end = inner.find(|c| !is_part(c)).unwrap_or(inner.len());
        let (name, after) = inner.split_at_checked(end)?;
        if is_name(name)
            && let Some(after) = after.strip_prefix('}')
            && !after.starts_with('}')
        {
            return Some((source.get(..start)?, name, after));
        }
        from = start + 1;
    }
    None
}

/// Whether a character may be in the name of a variable.
fn is_part(c: char) -> bool {
    c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_'
}

/// Whether such characters are the name of a variable.
fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A43: MultiLine's templates spell variables `{f_name}`. Styles and our own syntax stay as they are.
    #[test]
    fn only_names_in_single_braces_are_spelled_anew() {
        for (given, expected) in [
            ("Hi {f_name} {l_name}!", "Hi {{ f_name }} {{ l_name }}!"),
            ("{qr_code_img}", "{{ qr_code_img }}"),
            ("{% raw %}{a}{% endraw %}{b}", "{% raw %}{a}{% endraw %}{{ b }}"),
            ("{{ f_name }} {u_name}", "{{ f_name }} {{ u_name }}"),
            (
                "{{'{x}'}} {% if a %}{# {b} #}{c}{% endif %}",
                "{{'{x}'}} {% if a %}{# {b} #}{{ c }}{% endif %}",
            ),
            ("p{color:red} {} {A} { b } {c", "p{color:red} {} {A} { b } {c"),
            ("{{{a}}} {{ unclosed", "{{{a}}} {{ unclosed"),
            ("ü {a}}", "ü {a}}"),
        ] {
            assert_eq!(with_double_braces(given), expected);
        }
    }
}
