//! The fields of a form that a page sends.

use std::collections::BTreeMap;

use axum::extract::Request;
use boarding_core::queries::QueryFailure;
use url::form_urlencoded;

use crate::body::{self, Parts};
use crate::limits::PAGE_FORM_BYTES_MAX;

/// The fields of a form, by their names. A name that is given twice has its last value.
pub(super) type Fields = BTreeMap<String, String>;

/// Reads the form in the body of a request.
///
/// # Errors
/// `http.too_large`, `http.timeout`, `envelope.malformed` when the connection breaks.
pub(super) async fn read(request: Request) -> Result<Fields, QueryFailure> {
    let (head, body) = request.into_parts();
    let mut parts = Parts::of(&head.headers, body);
    let read = body::whole(&mut parts, PAGE_FORM_BYTES_MAX).await;
    body::discard(parts).await;
    Ok(form_urlencoded::parse(&read?).into_owned().collect())
}
