//! The headers of requests and responses.

use async_nats::HeaderMap;
use async_nats::service::{NATS_SERVICE_ERROR, NATS_SERVICE_ERROR_CODE};
use boarding_commands::values::Refusal;
use boarding_core::serving::wire::{Encoding, WireResponse};

const CONTENT_TYPE: &str = "Content-Type";

/// The value of a header; the case of its name is ignored.
pub(super) fn header<'a>(headers: Option<&'a HeaderMap>, name: &str) -> Option<&'a str> {
    let (_, values) = headers?.iter().find(|(key, _)| {
        let key: &str = key.as_ref();
        key.eq_ignore_ascii_case(name)
    })?;
    values.first().map(|value| value.as_str())
}

/// The encoding in the headers; JSON if there is none.
pub(super) fn encoding(headers: Option<&HeaderMap>) -> Result<Encoding, Refusal> {
    Encoding::of(header(headers, CONTENT_TYPE))
}

/// The headers of a response: the content type, and the code of a refusal or failure.
pub(super) fn headers_of(response: &WireResponse) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, response.content_type);
    if let Some(code) = response.code {
        headers.insert(NATS_SERVICE_ERROR, format!("{code}: {}", code.text()).as_str());
        headers.insert(NATS_SERVICE_ERROR_CODE, code.status().to_string().as_str());
    }
    headers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn header_is_found_in_any_spelling() {
        let mut headers = HeaderMap::new();
        headers.insert("content-type", "application/msgpack");
        assert_eq!(encoding(Some(&headers)), Ok(Encoding::MessagePack));
        assert_eq!(encoding(None), Ok(Encoding::Json));
    }
}
