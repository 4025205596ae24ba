//! The text of a code and its detail, as tables show it.

use boarding_commands::values::Code;

/// The code's text, with the detail in parentheses where there is one.
pub(crate) fn reason(code: Code, detail: Option<&str>) -> String {
    match detail {
        None => code.text().to_owned(),
        Some(detail) => format!("{} ({detail})", code.text()),
    }
}
