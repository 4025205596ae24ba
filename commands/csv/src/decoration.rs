//! Decorations of column names: marks of mandatory columns, technical names in brackets, numbers in front.

use crate::names::plain;

/// Words that describe a column and are no part of its name: mandatory or optional, yes or no.
const DUTY_WORDS: [&str; 35] = [
    "required",
    "requiredfield",
    "mandatory",
    "mandatoryfield",
    "optional",
    "ifany",
    "pflicht",
    "pflichtfeld",
    "pflichtangabe",
    "erforderlich",
    "freiwillig",
    "obligatoire",
    "requis",
    "facultatif",
    "facultative",
    "optionnel",
    "obligatorio",
    "obligatoria",
    "requerido",
    "requerida",
    "opcional",
    "obbligatorio",
    "obbligatoria",
    "richiesto",
    "facoltativo",
    "facoltativa",
    "opzionale",
    "obrigatório",
    "obrigatória",
    "必須",
    "必須項目",
    "任意",
    "任意項目",
    "yesno",
    "truefalse",
];

/// A column name without its decorations.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Undecorated {
    /// The name without brackets, marks and words of duty.
    pub(crate) name: String,
    /// The names within square brackets: tools write their technical name of the column there.
    pub(crate) technical: Vec<String>,
    /// Other words in round brackets. They may change the meaning, as in `Phone (private)`.
    pub(crate) qualifiers: Vec<String>,
}

/// Removes the decorations of a column name.
pub(crate) fn remove(name: &str) -> Undecorated {
    let (mut rest, mut technical, mut qualifiers) = (String::new(), Vec::new(), Vec::new());
    for (text, bracket) in pieces(name) {
        match bracket {
            None => {
                rest.push(' ');
                rest.push_str(text);
            }
            Some(_) if is_duty(text) || is_choice(text) || plain(text).is_empty() => {}
            Some('[') => technical.push(text.to_owned()),
            Some(_) => qualifiers.push(text.to_owned()),
        }
    }
    Undecorated { name: without_duty(without_number(rest.trim())), technical, qualifiers }
}

/// The pieces of a name outside and inside of brackets. Each piece in brackets has the kind of its bracket.
fn pieces(name: &str) -> Vec<(&str, Option<char>)> {
    let mut pieces = Vec::new();
    let mut rest = name;
    while let Some(open) = rest.find(['(', '[', '{', '<', '（', '［', '【']) {
        let (before, from) = rest.split_at(open);
        pieces.push((before, None));
        let mut inside = from.chars();
        let kind = match inside.next() {
            Some('[' | '［') => '[',
            _ => '(',
        };
        let inside = inside.as_str();
        let Some(end) = inside.find([')', ']', '}', '>', '）', '］', '】']) else {
            pieces.push((inside, None));
            return pieces;
        };
        let (within, after) = inside.split_at(end);
        pieces.push((within, Some(kind)));
        rest = after.get(after.chars().next().map_or(0, char::len_utf8)..).unwrap_or_default();
    }
    pieces.push((rest, None));
    pieces
}

/// Values of cells. A header may list those that a column takes, as in `(auto/off)`.
const VALUE_WORDS: [&str; 12] =
    ["yes", "no", "true", "false", "on", "off", "auto", "y", "n", "agent", "supervisor", "blank"];

/// Whether a text in brackets lists values of the column.
fn is_choice(text: &str) -> bool {
    let text = text.to_lowercase().replace(" or ", "/");
    let words: Vec<&str> = text.split(['/', '|', ',']).map(str::trim).collect();
    words.len() > 1 && words.iter().all(|word| VALUE_WORDS.contains(word))
}

fn is_duty(text: &str) -> bool {
    DUTY_WORDS.contains(&plain(text).as_str())
}

/// The name without a number in front, as in `1. Username`.
fn without_number(name: &str) -> &str {
    let rest = name.trim_start_matches(|c: char| c.is_ascii_digit());
    match rest.strip_prefix(['.', ')', ':']) {
        Some(after) if rest.len() < name.len() => after.trim(),
        _ => name,
    }
}

/// The name without words of duty at its start and end.
fn without_duty(name: &str) -> String {
    let is_break = |c: char| !c.is_alphanumeric();
    let mut words: Vec<&str> = name.split(is_break).filter(|word| !word.is_empty()).collect();
    while words.len() > 1 && words.last().is_some_and(|word| is_duty(word)) {
        words.pop();
    }
    while words.len() > 1 && words.first().is_some_and(|word| is_duty(word)) {
        words.remove(0);
    }
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// N95: marks of duty, technical names and numbers are decorations. Other words in round brackets are not.
    #[test]
    fn decorations_of_a_column_name_are_removed() {
        for (name, bare) in [
            ("User name [username] Required", "User name"),
            ("First Name [Required]", "First Name"),
            ("E-Mail *", "E Mail"),
            ("*Username", "Username"),
            ("Phone Number (optional)", "Phone Number"),
            ("email_required", "email"),
            ("Required: Username", "Username"),
            ("E-Mail (Pflichtfeld)", "E Mail"),
            ("氏名（必須）", "氏名"),
            ("2. Last Name", "Last Name"),
            ("Block sign in (Yes/No) [accountEnabled] Required", "Block sign in"),
            ("Required", "Required"),
            ("monitor_calls (auto/off)", "monitor calls"),
            ("Profile (Agent or Supervisor)", "Profile"),
            ("Enabled (TRUE, FALSE, blank)", "Enabled"),
        ] {
            let removed = remove(name);
            assert_eq!((removed.name.as_str(), removed.qualifiers.len()), (bare, 0));
        }
        assert_eq!(remove("Phone (private)").qualifiers, ["private"]);
        assert_eq!(remove("Phone (private/work)").qualifiers, ["private/work"]);
        assert_eq!(remove("Name [displayName]").technical, ["displayName"]);
    }
}
