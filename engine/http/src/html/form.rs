//! The fields of a form that a page sends.

use axum::extract::Request;
use boarding_core::queries::QueryFailure;
use url::form_urlencoded;

use crate::body::{self, Parts};

/// The fields of a form, in their order.
#[derive(Debug, Default)]
pub(crate) struct Fields(Vec<(String, String)>);

impl Fields {
    /// The fields of a query string, or of a form in the same encoding.
    pub(crate) fn parse(text: &[u8]) -> Self {
        Self(form_urlencoded::parse(text).into_owned().collect())
    }

    /// The last value of a field; empty if the form has no such field.
    pub(crate) fn get(&self, name: &str) -> &str {
        let last = self.0.iter().rev().find(|(field, _)| field == name);
        last.map_or("", |(_, value)| value.as_str())
    }

    /// All values of a field.
    pub(crate) fn all<'f>(&'f self, name: &'f str) -> impl Iterator<Item = &'f str> {
        let named = self.0.iter().filter(move |(field, _)| field == name);
        named.map(|(_, value)| value.as_str())
    }

    /// All fields with their values.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    pub(crate) fn add(&mut self, name: &str, value: String) {
        self.0.push((name.to_owned(), value));
    }
}

/// Reads the form in the body of a request, of at most `limit` bytes.
///
/// # Errors
/// `http.too_large`, `http.timeout`, `envelope.malformed` when the connection breaks.
pub(crate) async fn read(request: Request, limit: usize) -> Result<Fields, QueryFailure> {
    let (head, body) = request.into_parts();
    let mut parts = Parts::of(&head.headers, body);
    let read = body::whole(&mut parts, limit).await;
    body::discard(parts).await;
    Ok(Fields::parse(&read?))
}
