//! The options of the pages that links in mails lead to.

use std::net::SocketAddr;

use boarding_core::engine::OwnLinkPage;
use boarding_http::server::Pages;
use clap::Args;
use url::Url;

use super::settings::Settings;
use crate::cli::common::{Optional, optional};
use crate::cli::failure::Failure;

/// Where people reach the pages of links, and who completes a link.
#[derive(Debug, Args)]
pub(super) struct PageOptions {
    /// The address at which people reach --http, such as https://people.example: links in mails lead there, unless the
    /// company sets link_base_url [default: the address of --http, but not for mails by --smtp if it is a loopback address]
    #[arg(long, env = "BOARDING_PUBLIC_URL", value_name = "URL", value_parser = optional::<String>)]
    public_url: Option<Optional<String>>,
    /// Plays the provider of the channels, for demos and tests: the QR code opens a page that plays the phone
    #[arg(long, env = "BOARDING_SIMULATED_PROVIDER")]
    simulated_provider: bool,
}

impl PageOptions {
    /// Copies the options from the file if neither the command line nor the environment sets them.
    pub(super) fn fill(&mut self, settings: &mut Settings) {
        Optional::fill(&mut self.public_url, settings.public_url.take());
        self.simulated_provider |= settings.simulated_provider.unwrap_or(false);
    }

    /// How the pages are served by a server on this address, and the page that links lead to. There is none if people
    /// cannot reach the address, because it means all addresses of the machine.
    ///
    /// # Errors
    /// When the public address is no web address.
    pub(super) fn of_server(
        &self,
        address: SocketAddr,
    ) -> Result<(Pages, Option<OwnLinkPage>), Failure> {
        let given = self.public_url.as_ref().and_then(|given| given.0.as_deref());
        let public_url = match given {
            Some(given) => check(given)?,
            None => format!("http://{address}"),
        };
        let pages = Pages::new(&public_url, self.simulated_provider);
        // An IPv4 address may stand inside an IPv6 one.
        let ip = address.ip().to_canonical();
        let is_reachable = given.is_some() || !ip.is_unspecified();
        let own = OwnLinkPage {
            address: pages.link_base(),
            is_public: given.is_some() || !ip.is_loopback(),
        };
        Ok((pages, is_reachable.then_some(own)))
    }
}

fn check(given: &str) -> Result<String, Failure> {
    let wrong = || {
        let text = format!(
            "--public-url takes an address such as https://people.example, without a query; {given} is none"
        );
        Failure::Usage(text)
    };
    let url = Url::parse(given).map_err(|_| wrong())?;
    let is_plain = url.query().is_none() && url.fragment().is_none() && url.username().is_empty();
    let is_web = matches!(url.scheme(), "http" | "https") && url.has_host();
    // The parser repairs some texts, and mails would show what was given.
    let is_exact = !given.contains([' ', '\\', '\t', '\n', '\r']) && !url.path().starts_with("//");
    let is_right = is_web && is_plain && is_exact && url.password().is_none();
    if is_right { Ok(url.into()) } else { Err(wrong()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own(public_url: Option<&str>, address: &str) -> Option<(String, bool)> {
        let public_url = public_url.map(|url| Optional(Some(url.to_owned())));
        let options = PageOptions { public_url, simulated_provider: false };
        let (_, own) = options.of_server(address.parse().unwrap()).ok()?;
        own.map(|own| (own.address, own.is_public))
    }

    #[test]
    fn links_lead_to_the_public_address() {
        let page = |url: &str, is_public| Some((url.to_owned(), is_public));
        let given = own(Some("https://people.example/in/"), "127.0.0.1:80");
        assert_eq!(given, page("https://people.example/in/i/", true));
        assert_eq!(own(None, "192.0.2.1:80"), page("http://192.0.2.1:80/i/", true));
        assert_eq!(own(None, "127.0.0.1:80"), page("http://127.0.0.1:80/i/", false));
        assert_eq!(own(None, "[::ffff:127.0.0.1]:80").map(|(_, is_public)| is_public), Some(false));
        assert_eq!(own(None, "0.0.0.0:80"), None);
    }

    #[test]
    fn public_address_must_be_a_plain_web_address() {
        for wrong in [
            "people.example",
            "ftp://people.example",
            "https://people.example/?x",
            "https://people.example ",
            "https://people.example/a b",
            "https:\\\\people.example",
            "https://people.example//evil.example",
            "",
        ] {
            assert_eq!(own(Some(wrong), "192.0.2.1:80"), None, "{wrong}");
        }
    }
}
