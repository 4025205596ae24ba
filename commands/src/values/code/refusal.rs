//! A code with its words: a problem of a row, and the refusal of a command or query.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Code;

/// A problem or a warning about one row or one file. The message never contains the value of the cell. It may name
/// another user by key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Problem {
    /// The dialect's name of the column; none if the problem concerns the whole row or file.
    pub column: Option<String>,
    pub code: Code,
    pub message: String,
}

impl Problem {
    /// A problem of the whole row or file, with the code's own text.
    pub fn new(code: Code) -> Self {
        Self { column: None, code, message: code.text().to_owned() }
    }

    /// A problem of one column, with the code's own text.
    pub fn in_column(column: &str, code: Code) -> Self {
        Self { column: Some(column.to_owned()), ..Self::new(code) }
    }

    /// Replaces the text of the code by words that fit the case.
    #[must_use]
    pub fn worded(mut self, words: String) -> Self {
        self.message = words;
        self
    }

    /// Adds to the text of the code in brackets: the limit, the expected values, a hint.
    #[must_use]
    pub fn saying(mut self, more: &str) -> Self {
        self.message = format!("{} ({more})", self.message);
        self
    }
}

/// The answer if a rule was broken. It has a stable code, and is not a fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    pub code: Code,
    pub message: String,
    /// The numbers and names for programs, as `details` of the answer: an object, or null.
    pub details: serde_json::Value,
}

impl Refusal {
    pub fn new(code: Code) -> Self {
        Self { code, message: code.text().to_owned(), details: serde_json::Value::Null }
    }

    /// Replaces the text of the code by words that fit the case.
    #[must_use]
    pub fn worded(mut self, words: String) -> Self {
        self.message = words;
        self
    }

    /// Sets the numbers and names for programs.
    #[must_use]
    pub fn with(mut self, details: serde_json::Value) -> Self {
        self.details = details;
        self
    }

    /// Adds to the text of the code in brackets.
    #[must_use]
    pub fn saying(mut self, more: &str) -> Self {
        self.message = format!("{} ({more})", self.message);
        self
    }

    /// Adds the known name that a mistyped one means, if there is one.
    #[must_use]
    pub fn hinting<'n>(self, name: &str, known: impl IntoIterator<Item = &'n str>) -> Self {
        match boarding_csv::nearest(name, known) {
            Some(near) => self.saying(&format!("did you mean {near}?")),
            None => self,
        }
    }
}

impl From<Code> for Refusal {
    fn from(code: Code) -> Self {
        Self::new(code)
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.message)
    }
}
