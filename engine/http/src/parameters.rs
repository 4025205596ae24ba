//! The parameters in the query string of a request.

use boarding_commands::values::{Code, Refusal};
use serde_json::{Map, Value, json};
use url::form_urlencoded;

/// The parameters of a query string, as texts.
///
/// # Errors
/// `query.malformed` for a parameter that is given twice, and for the actor, who is the owner of the token.
pub(super) fn read(query: &str) -> Result<Map<String, Value>, Refusal> {
    let mut params = Map::new();
    for (key, value) in form_urlencoded::parse(query.as_bytes()) {
        let malformed = |why: String| {
            let details = json!({"parameter": key});
            Err(Refusal::new(Code::QueryMalformed).saying(&why).with(details))
        };
        if key == "actor" {
            return malformed("actor: over HTTP it is the owner of the access token".to_owned());
        }
        if params.insert(key.clone().into_owned(), value.into_owned().into()).is_some() {
            return malformed(format!("{key}: it is given twice"));
        }
    }
    Ok(params)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_read_once_each() {
        let params = read("search=an+na%26b&limit=10").unwrap();
        assert_eq!(Value::Object(params), json!({"search": "an na&b", "limit": "10"}));
        for query in ["limit=1&limit=2", "actor=eve"] {
            assert_eq!(read(query).unwrap_err().code, Code::QueryMalformed, "{query}");
        }
    }
}
