//! The address of a running engine and the access token for it, as options of all verbs.

use std::fmt;
use std::str::FromStr;

use boarding_core::access_token::AccessToken;
use url::Url;

use super::failure::Failure;

/// The address of a running engine: `http://host:port`, also with a path in front of `/v1`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct EngineUrl(Url);

impl FromStr for EngineUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let example = "write an address such as http://127.0.0.1:8080";
        let url: Url = text.trim().parse().map_err(|_| example.to_owned())?;
        if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
            return Err(example.to_owned());
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(format!("{example}; an access token is given by --token"));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(format!("{example}, without ? and #"));
        }
        Ok(Self(url))
    }
}

impl EngineUrl {
    /// The address without a slash at its end.
    pub(super) fn text(&self) -> &str {
        self.0.as_str().trim_end_matches('/')
    }

    pub(super) fn is_encrypted(&self) -> bool {
        self.0.scheme() == "https"
    }

    /// Whether the engine runs on this machine. Then requests must not take a proxy.
    pub(super) fn is_local(&self) -> bool {
        match self.0.host() {
            Some(url::Host::Domain(name)) => name == "localhost",
            Some(url::Host::Ipv4(address)) => address.is_loopback(),
            Some(url::Host::Ipv6(address)) => address.is_loopback(),
            None => false,
        }
    }
}

/// An access token, or `@FILE` with one. It is never shown.
#[derive(Clone)]
pub(super) struct Token(String);

impl FromStr for Token {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(***)")
    }
}

impl Token {
    /// The secret, from its file if the option names one.
    ///
    /// # Errors
    /// A usage failure if the file cannot be read, or if it is no access token.
    pub(super) fn secret(&self) -> Result<String, Failure> {
        let text = match self.0.strip_prefix('@') {
            None => self.0.clone(),
            Some(file) => std::fs::read_to_string(file).map_err(|error| {
                Failure::Usage(format!("cannot read the access token in {file}: {error}"))
            })?,
        };
        match AccessToken::parse(text.trim()) {
            Some(token) => Ok(token.text().to_owned()),
            None => Err(Failure::Usage(
                "--token is no access token; give the secret that boarding tokens issue has printed, or @FILE with it"
                    .to_owned(),
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn address_is_http_and_holds_no_secret() {
        for good in ["http://127.0.0.1:8080", "https://boarding.example/", "http://[::1]:80/api"] {
            assert!(good.parse::<EngineUrl>().is_ok(), "{good}");
        }
        for bad in ["", "localhost:8080", "nats://a", "http://", "http://u:p@a", "http://a?b=1"] {
            assert!(bad.parse::<EngineUrl>().is_err(), "{bad}");
        }
        let url: EngineUrl = "http://LOCALHOST:8080/api/".parse().unwrap();
        assert_eq!((url.text(), url.is_local()), ("http://localhost:8080/api", true));
    }

    #[test]
    fn token_is_never_shown() {
        let token: Token = "boarding_secret".parse().unwrap();
        assert!(!format!("{token:?}").contains("secret"));
        let failure = token.secret().unwrap_err();
        assert!(!failure.text().contains("boarding_secret"), "{failure:?}");
    }
}
