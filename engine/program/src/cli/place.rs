//! Suggested commands with the company and the data folder or engine of this call: they can be copied as they are.

/// Verbs that need neither a company nor a data folder.
const WITHOUT_PLACE: &[&str] = &["manual", "restore", "schema", "template"];

/// Verbs that need a data folder, and never the address of a running engine.
const OF_FOLDER: &[&str] = &["bench", "demo", "move", "serve"];

/// The text in which each command `boarding …` names the place. A command ends at a semicolon, a comma with a blank, a
/// bracket or the end of its line. Each option of the place is a pair: its name, and the words that give it.
pub(super) fn placed(text: &str, place: &[(&'static str, String)]) -> String {
    let mut whole = String::new();
    let mut rest = text;
    while let Some((before, command, after)) = next_command(rest) {
        whole.push_str(before);
        whole.push_str(command);
        let verb = command.split(' ').nth(1).unwrap_or_default();
        if !WITHOUT_PLACE.contains(&verb) {
            let has_no_engine = OF_FOLDER.contains(&verb);
            let is_missing =
                |name: &str| !command.contains(name) && (name != "--url" || !has_no_engine);
            let missing = place.iter().filter(|(name, _)| is_missing(name));
            missing.for_each(|(_, words)| whole.push_str(&format!(" {words}")));
        }
        rest = after;
    }
    whole + rest
}

/// What is before the next command, the command, and what follows.
fn next_command(text: &str) -> Option<(&str, &str, &str)> {
    let is_start = |at: &usize| {
        let before = text.get(..*at).unwrap_or_default();
        before.is_empty() || before.ends_with([' ', '\n', '('])
    };
    let start = text.match_indices("boarding ").map(|(at, _)| at).find(is_start)?;
    let (before, from) = text.split_at_checked(start)?;
    let mut in_quotes = false;
    let end = from.char_indices().find_map(|(at, c)| {
        in_quotes ^= c == '\'';
        let is_end = matches!(c, ';' | '\n' | '(' | ')') || from.get(at..)?.starts_with(", ");
        (!in_quotes && is_end).then_some(at)
    });
    let whole = from.get(..end.unwrap_or(from.len()))?.trim_end_matches([' ', '.']);
    let (command, after) = from.split_at_checked(whole.len())?;
    Some((before, command, after))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_command_of_a_text_gets_the_options_it_lacks() {
        let place = [("--company", "--company acme".to_owned()), ("--data", "--data d".to_owned())];
        let cases = [
            (
                "enable it: boarding config set a true",
                "enable it: boarding config set a true --company acme --data d",
            ),
            (
                "boarding runs; boarding manual nats",
                "boarding runs --company acme --data d; boarding manual nats",
            ),
            (
                "(boarding users list --search 'a;b)')",
                "(boarding users list --search 'a;b)' --company acme --data d)",
            ),
            ("x: boarding runs --company acme\ny", "x: boarding runs --company acme --data d\ny"),
            (
                "go on: boarding runs resume (no mail), or",
                "go on: boarding runs resume --company acme --data d (no mail), or",
            ),
            ("no command of boarding.", "no command of boarding."),
        ];
        for (text, expected) in cases {
            assert_eq!(placed(text, &place), expected);
        }
        assert_eq!(placed(cases[0].0, &[]), cases[0].0);
    }
}
