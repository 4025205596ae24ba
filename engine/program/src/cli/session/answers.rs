//! What a company answers to commands and files.

use serde_json::Value;

/// A command that was accepted.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::cli) struct Accepted {
    /// The whole answer.
    pub document: Value,
    /// The field `result` of the answer.
    pub result: Value,
}

/// A file for a command.
#[derive(Debug)]
pub(in crate::cli) struct StoredFile {
    pub sha256: String,
    /// How a command names the file.
    pub body: Value,
}

impl Accepted {
    /// A text field of the result, or an empty text.
    pub(in crate::cli) fn id(&self, name: &str) -> String {
        self.result.get(name).and_then(Value::as_str).unwrap_or_default().to_owned()
    }

    /// Whether an earlier command with the same id had this answer.
    pub(in crate::cli) fn is_repeat(&self) -> bool {
        self.document.get("duplicate") == Some(&Value::Bool(true))
    }
}
