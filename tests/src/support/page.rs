//! A page as a reader gets it.

use ureq::Body;
use ureq::http::{HeaderMap, Response};

/// A page with its status and headers.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Page {
    /// The page in a response.
    pub(crate) fn of(response: Response<Body>) -> Self {
        let (head, body) = response.into_parts();
        let text = body.into_with_config().lossy_utf8(true).read_to_string().unwrap();
        // As a browser reads it.
        let text = text.replace("&#x2f;", "/");
        Self { status: head.status.as_u16(), headers: head.headers, text }
    }

    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{self:?}");
        self
    }

    /// The text between two marks of the page.
    #[track_caller]
    pub(crate) fn between(&self, before: &str, after: &str) -> &str {
        let rest = self.text.split_once(before).unwrap_or_else(|| panic!("{before}: {self:?}")).1;
        rest.split_once(after).unwrap().0
    }

    /// Asserts that the page shows all of these texts.
    #[track_caller]
    pub(crate) fn shows(&self, texts: &[&str]) {
        for text in texts {
            assert!(self.text.contains(text), "{text}: {self:?}");
        }
    }

    /// Asserts that the page shows none of these texts.
    #[track_caller]
    pub(crate) fn hides(&self, texts: &[&str]) {
        // The random proof of a form may hold any short word.
        let mut parts = self.text.split("name=\"proof\" value=\"");
        let mut shown = parts.next().unwrap_or_default().to_owned();
        shown.extend(parts.map(|part| part.split_once('"').map_or(part, |(_, rest)| rest)));
        for text in texts {
            assert!(!shown.contains(text), "{text}: {self:?}");
        }
    }
}
