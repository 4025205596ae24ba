//! A form of a page, with the values that a browser sends.

use crate::support::page::Page;

/// A form that can be filled in and sent.
#[derive(Debug, Clone)]
pub(super) struct Form {
    pub(super) is_post: bool,
    pub(super) action: String,
    pub(super) fields: Vec<(String, String)>,
    /// Each file with its name and content.
    pub(super) files: Vec<(String, String)>,
    is_multipart: bool,
}

/// The separator between the parts of a form with files.
const BOUNDARY: &str = "----form-of-a-test";

impl Form {
    /// The form of the page whose address ends with this path, with the values that the page gives its fields.
    #[track_caller]
    pub(super) fn of(page: &Page, path: &str) -> Self {
        let forms = page.text.split("<form ").skip(1);
        let mut forms = forms.map(|rest| rest.split("</form>").next().unwrap());
        let form = forms.find(|form| {
            attribute(form.split('>').next().unwrap(), "action")
                .is_some_and(|to| to.ends_with(path))
        });
        let (head, body) =
            form.unwrap_or_else(|| panic!("{path}: {page:?}")).split_once('>').unwrap();
        Self {
            is_post: attribute(head, "method").as_deref() == Some("post"),
            action: attribute(head, "action").unwrap(),
            fields: fields(body),
            files: Vec::new(),
            is_multipart: attribute(head, "enctype").is_some(),
        }
    }

    /// Another value for the fields of this name.
    pub(super) fn set(mut self, name: &str, value: &str) -> Self {
        self.fields.retain(|(field, _)| field != name);
        self.fields.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Without the fields of this name.
    pub(super) fn without(mut self, name: &str) -> Self {
        self.fields.retain(|(field, _)| field != name);
        self
    }

    #[track_caller]
    pub(super) fn value(&self, name: &str) -> &str {
        let field = self.fields.iter().find(|(field, _)| field == name);
        &field.unwrap_or_else(|| panic!("{name}: {self:?}")).1
    }

    pub(super) fn file(mut self, name: &str, content: &str) -> Self {
        self.files.push((name.to_owned(), content.to_owned()));
        self
    }

    /// The content type and the body.
    pub(super) fn body(&self) -> (String, String) {
        if !self.is_multipart {
            return ("application/x-www-form-urlencoded".to_owned(), self.query());
        }
        let mut body = String::new();
        for (name, value) in &self.fields {
            body += &format!(
                "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n"
            );
        }
        for (name, content) in &self.files {
            let name = name.replace('"', "%22");
            body += &format!(
                "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"files\"; filename=\"{name}\"\r\n\
                 Content-Type: text/csv\r\n\r\n{content}\r\n"
            );
        }
        (format!("multipart/form-data; boundary={BOUNDARY}"), body + &format!("--{BOUNDARY}--\r\n"))
    }

    /// The fields as a query string.
    pub(super) fn query(&self) -> String {
        let pairs =
            self.fields.iter().map(|(name, value)| format!("{}={}", coded(name), coded(value)));
        pairs.collect::<Vec<_>>().join("&")
    }
}

/// The text in percent coding.
pub(super) fn coded(text: &str) -> String {
    let byte = |byte: u8| match byte.is_ascii_alphanumeric() {
        true => char::from(byte).to_string(),
        false => format!("%{byte:02X}"),
    };
    text.bytes().map(byte).collect()
}

/// The text that a browser shows for the text of a page.
fn shown(text: &str) -> String {
    let entities =
        [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#x27;", "'"), ("&#x2f;", "/")];
    let text = entities.iter().fold(text.to_owned(), |text, (from, to)| text.replace(from, to));
    text.replace("&amp;", "&")
}

/// The value of an attribute of a tag; empty if it has none.
fn attribute(tag: &str, name: &str) -> Option<String> {
    let mut rest = tag;
    while let Some((before, after)) = rest.split_once('"') {
        let (value, after) = after.split_once('"')?;
        if before.trim_end_matches('=').split_whitespace().last() == Some(name) {
            return Some(shown(value));
        }
        if before.split_whitespace().any(|word| word == name) {
            return Some(String::new());
        }
        rest = after;
    }
    rest.trim_end_matches('/').split_whitespace().any(|word| word == name).then(String::new)
}

/// The fields of a form with the values that they have without any input.
fn fields(form: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut select: Option<(String, Option<String>, bool)> = None;
    for part in form.split('<').skip(1) {
        let (tag, text) = part.split_once('>').unwrap_or((part, ""));
        let (element, rest) = tag.split_once(' ').unwrap_or((tag, ""));
        let name = attribute(rest, "name");
        match element {
            "input" => {
                let kind = attribute(rest, "type").unwrap_or_default();
                let value = attribute(rest, "value").unwrap_or_default();
                let is_set = attribute(rest, "checked").is_some();
                let is_sent = match kind.as_str() {
                    "radio" | "checkbox" => is_set,
                    other => other != "file",
                };
                found.extend(name.filter(|_| is_sent).map(|name| (name, value)));
            }
            "textarea" => found.extend(name.map(|name| (name, shown(text)))),
            "select" => select = name.map(|name| (name, None, false)),
            "option" => {
                let value = attribute(rest, "value").unwrap_or_else(|| shown(text));
                let is_chosen = attribute(rest, "selected").is_some();
                if let Some((_, chosen, is_final)) = &mut select
                    && (chosen.is_none() || is_chosen && !*is_final)
                {
                    (*chosen, *is_final) = (Some(value), is_chosen);
                }
            }
            "/select" => {
                let chosen = select.take().and_then(|(name, chosen, _)| Some((name, chosen?)));
                found.extend(chosen);
            }
            _ => {}
        }
    }
    found
}
