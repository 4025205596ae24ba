//! Parses the URL of a mail server.

use std::fmt;
use std::net::IpAddr;

use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, TlsParameters};
use lettre::transport::smtp::{SMTP_PORT, SUBMISSION_PORT, SUBMISSIONS_PORT};
use thiserror::Error;
use tokio_rustls::TlsConnector;
use url::{Host, Url};

use super::stream;

/// The default number of connections: mail servers commonly allow 10 to 50 per client.
const DEFAULT_CONNECTIONS: usize = 8;
/// The most connections that a URL may set.
const MAX_CONNECTIONS: usize = 64;

/// Why the URL of a mail server is invalid.
#[derive(Debug, Error)]
pub enum SmtpUrlError {
    #[error(
        "the URL of the mail server is malformed; write it as smtp://host:25 or smtps://user:password@host"
    )]
    Unreadable,
    #[error("the URL of a mail server begins with smtp:// or smtps://")]
    Scheme,
    #[error(
        "the URL of the mail server has an unknown part {0}; the known parts are tls, ca and connections"
    )]
    UnknownPart(String),
    #[error("tls is required, opportunistic or none, and goes with smtp:// only")]
    Tls,
    #[error("connections is a number from 1 to {MAX_CONNECTIONS}")]
    Connections,
    #[error("a password is not sent in the clear to another machine; use smtps:// or tls=required")]
    PasswordInTheClear,
    #[error("the certificates of {file} cannot be read")]
    Certificates {
        file: String,
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    #[error("TLS cannot be set up")]
    TlsSetUp(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// How the connection to a mail server is encrypted.
pub(super) enum Encryption {
    None,
    /// By STARTTLS, if the server offers it.
    Opportunistic(TlsParameters),
    /// By STARTTLS.
    Required(TlsParameters),
    /// TLS before the first command: `smtps`.
    FromFirstByte(TlsConnector),
}

/// The address and the encryption of a mail server.
pub(super) struct SmtpServer {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) encryption: Encryption,
    pub(super) credentials: Option<Credentials>,
    pub(super) connections: usize,
}

impl SmtpServer {
    pub(super) fn parse(url: &str) -> Result<Self, SmtpUrlError> {
        let url = Url::parse(url).map_err(|_| SmtpUrlError::Unreadable)?;
        let (host, is_here) = host(&url)?;
        let mut params = UrlParams::default();
        for (name, value) in url.query_pairs() {
            match name.as_ref() {
                "tls" => params.tls = Some(value.into_owned()),
                "ca" => params.ca = Some(value.into_owned()),
                "connections" => params.connections = Some(value.into_owned()),
                other => return Err(SmtpUrlError::UnknownPart(other.to_owned())),
            }
        }
        let credentials = credentials(&url);
        let has_password = credentials.is_some();
        let encryption = params.encryption(&url, &host, has_password)?;
        let may_be_clear = matches!(encryption, Encryption::None | Encryption::Opportunistic(_));
        if has_password && !is_here && may_be_clear {
            return Err(SmtpUrlError::PasswordInTheClear);
        }
        let usual_port = match encryption {
            Encryption::FromFirstByte(_) => SUBMISSIONS_PORT,
            _ if has_password => SUBMISSION_PORT,
            _ => SMTP_PORT,
        };
        let port = url.port().unwrap_or(usual_port);
        Ok(Self { host, port, encryption, credentials, connections: params.connections()? })
    }
}

impl fmt::Debug for SmtpServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SmtpServer({}:{})", self.host, self.port)
    }
}

#[derive(Default)]
struct UrlParams {
    tls: Option<String>,
    ca: Option<String>,
    connections: Option<String>,
}

impl UrlParams {
    fn encryption(
        &self,
        url: &Url,
        host: &str,
        has_password: bool,
    ) -> Result<Encryption, SmtpUrlError> {
        let usual = if has_password { "required" } else { "opportunistic" };
        match (url.scheme(), self.tls.as_deref()) {
            ("smtps", None) => self.connector().map(Encryption::FromFirstByte),
            ("smtp", Some("none")) => Ok(Encryption::None),
            ("smtp", given) => match given.unwrap_or(usual) {
                "required" => self.parameters(host).map(Encryption::Required),
                "opportunistic" => self.parameters(host).map(Encryption::Opportunistic),
                _ => Err(SmtpUrlError::Tls),
            },
            ("smtps", Some(_)) => Err(SmtpUrlError::Tls),
            _ => Err(SmtpUrlError::Scheme),
        }
    }

    fn parameters(&self, host: &str) -> Result<TlsParameters, SmtpUrlError> {
        let mut builder = TlsParameters::builder(host.to_owned());
        if let Some(file) = &self.ca {
            let refuse = |source| SmtpUrlError::Certificates { file: file.clone(), source };
            let pem = std::fs::read(file).map_err(|error| refuse(error.into()))?;
            let authority = Certificate::from_pem(&pem).map_err(|error| refuse(error.into()))?;
            builder = builder.add_root_certificate(authority);
        }
        builder.build().map_err(|error| SmtpUrlError::TlsSetUp(error.into()))
    }

    fn connector(&self) -> Result<TlsConnector, SmtpUrlError> {
        let mut authorities = Vec::new();
        if let Some(file) = &self.ca {
            let refuse = |source| SmtpUrlError::Certificates { file: file.clone(), source };
            authorities = stream::authorities(file).map_err(refuse)?;
        }
        stream::connector(authorities).map_err(|error| SmtpUrlError::TlsSetUp(error.into()))
    }

    fn connections(&self) -> Result<usize, SmtpUrlError> {
        let Some(given) = &self.connections else { return Ok(DEFAULT_CONNECTIONS) };
        match given.parse() {
            Ok(number) if (1..=MAX_CONNECTIONS).contains(&number) => Ok(number),
            _ => Err(SmtpUrlError::Connections),
        }
    }
}

/// The host, and whether it is this machine.
fn host(url: &Url) -> Result<(String, bool), SmtpUrlError> {
    // The URL parser treats hosts of other schemes as opaque, so an IPv4 address is a name here.
    match url.host().ok_or(SmtpUrlError::Unreadable)? {
        Host::Domain(name) => {
            let is_here = name.eq_ignore_ascii_case("localhost")
                || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
            Ok((name.to_owned(), is_here))
        }
        Host::Ipv4(address) => Ok((address.to_string(), address.is_loopback())),
        Host::Ipv6(address) => Ok((address.to_string(), address.is_loopback())),
    }
}

fn credentials(url: &Url) -> Option<Credentials> {
    let user = unescaped(url.username());
    let password = unescaped(url.password()?);
    (!user.is_empty()).then(|| Credentials::new(user, password))
}

/// Decodes percent-encoding only. A form decoder would also change `+` and `&`.
fn unescaped(text: &str) -> String {
    let form = format!("v={}", text.replace('+', "%2B").replace('&', "%26"));
    let mut pairs = url::form_urlencoded::parse(form.as_bytes());
    pairs.next().map(|(_, value)| value.into_owned()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn server(url: &str) -> SmtpServer {
        SmtpServer::parse(url).unwrap_or_else(|error| panic!("{url}: {error}"))
    }

    #[test]
    fn the_port_and_the_encryption_follow_from_the_url() {
        let plain = server("smtp://mail.example");
        assert_eq!((plain.port, plain.connections), (25, DEFAULT_CONNECTIONS));
        assert!(matches!(plain.encryption, Encryption::Opportunistic(_)));
        let password = server("smtp://jane:secret@mail.example");
        assert_eq!(password.port, 587);
        assert!(matches!(password.encryption, Encryption::Required(_)));
        let wrapped = server("smtps://jane:secret@mail.example?connections=3");
        assert_eq!((wrapped.port, wrapped.connections), (465, 3));
        assert!(matches!(wrapped.encryption, Encryption::FromFirstByte(_)));
        assert!(matches!(server("smtp://127.0.0.1:2525?tls=none").encryption, Encryption::None));
        assert_eq!(server("smtp://[::1]:2525").host, "::1");
    }

    #[test]
    fn invalid_url_is_rejected_with_the_reason() {
        for (url, reason) in [
            ("mail.example", "write it as"),
            ("http://mail.example", "begins with"),
            ("smtp://mail.example?tls=maybe", "required, opportunistic or none"),
            ("smtps://mail.example?tls=none", "goes with smtp://"),
            ("smtp://mail.example?tsl=required", "unknown part tsl"),
            ("smtp://mail.example?connections=0", "1 to 64"),
            ("smtp://mail.example?connections=65", "1 to 64"),
            ("smtp://mail.example?ca=/no/such/file.pem", "/no/such/file.pem"),
            ("smtp://j:secret@mail.example?tls=none", "in the clear"),
            ("smtp://j:secret@mail.example?tls=opportunistic", "in the clear"),
        ] {
            let error = SmtpServer::parse(url).expect_err(url).to_string();
            assert!(error.contains(reason), "{url}: {error}");
            assert!(!error.contains("secret"), "{error}");
        }
    }

    #[test]
    fn a_password_may_hold_any_character_and_is_never_shown() {
        let server = server("smtps://jane%40acme.example:a%2Bb+c%26d&e=f%25@mail.example");
        let expected = Credentials::new("jane@acme.example".to_owned(), "a+b+c&d&e=f%".to_owned());
        assert_eq!(server.credentials, Some(expected));
        assert_eq!(format!("{server:?}"), "SmtpServer(mail.example:465)");
    }
}
