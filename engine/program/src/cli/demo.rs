//! `boarding demo`: imports and invites sample people step by step, and verifies the read models.

use std::path::{Path, PathBuf};

use boarding_commands::values::{CompanyId, IdError, TokenId};
use boarding_core::access_token::AccessToken;
use boarding_core::engine::OwnLinkPage;
use boarding_http::server::{HttpListener, Pages};
use clap::Args;
use serde_json::{Value, json};

use super::common::Common;
use super::failure::{CliResult, Done, Failure};
use super::output::Out;
use super::serve::{listen, serve_demo};
use super::session::Session;

mod invite;
mod link;
mod people;
mod verification;

/// Shows all steps with sample people: imports, invitations, links, verification
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  boarding demo
  boarding demo --data /tmp/demo
  boarding demo --serve

The demo sends nothing: it writes mails as files into its folder. If the folder has a demo already, the new demo
gets a new folder inside it. With --serve it then serves pages on this machine until Ctrl-C: a mailbox with all its mails,
the pages behind their links, a page that plays the phone of an invited person, and the console of operators.")]
pub(super) struct Demo {
    /// Serves the demo's company afterwards, with a mailbox page for its mails
    #[arg(long)]
    serve: bool,
    /// The address and port for --serve on this machine [default: 127.0.0.1:8080, or a free port if that is taken]
    #[arg(long, requires = "serve", value_name = "ADDR")]
    http: Option<String>,
}

/// The address of `--serve`, and the one that is used if it is taken.
const ADDRESS: &str = "127.0.0.1:8080";
const ANY_ADDRESS: &str = "127.0.0.1:0";
/// The actor of the token that `--serve` prints.
const OPERATOR: &str = "operator";

/// The folder of the demo if none is given.
const DEFAULT_FOLDER: &str = "./boarding-demo";
const COMPANY: &str = "acme";

/// The largest number of demos in one folder. More come from a script that does not stop.
const MAX_DEMOS: u32 = 1_000;

impl Demo {
    pub(super) async fn run(self, common: &Common, out: &Out) -> CliResult {
        let given = common.given_data().unwrap_or_else(|| DEFAULT_FOLDER.into());
        let folder = unused_folder(&given)?;
        if folder != given {
            out.say(&format!(
                "{} has a demo already; the new demo is in {}",
                given.display(),
                folder.display()
            ));
        }
        let company: CompanyId =
            COMPANY.parse().map_err(|error: IdError| Failure::Usage(error.to_string()))?;
        let common = Common {
            company: Some(company.into()),
            data: Some(folder.clone().into()),
            as_of: None,
            command_id: None,
            smtp: None,
            ..common.clone()
        };
        let outbox = common.outbox.clone().unwrap_or_else(|| folder.join("outbox"));
        let place = DemoPlace { folder, outbox };
        if !self.serve {
            return Box::pin(steps(&common, out, &place)).await;
        }
        let (listener, pages) = self.listen(&place).await?;
        let link_page = OwnLinkPage { address: pages.link_base(), is_public: false };
        let common = Common { link_page: Some(link_page), ..common };
        Box::pin(steps(&common, out, &place)).await?;
        let token = issue_token(&common, out).await?;
        serve_demo(&common, out, (listener, pages), |address| {
            print_served(out, address, &token);
        })
        .await
    }

    /// Listens on an address of this machine. The mails of the demo are open to all who reach it.
    async fn listen(&self, place: &DemoPlace) -> Result<(HttpListener, Pages), Failure> {
        let listener = match &self.http {
            Some(address) => listen(address).await?,
            None => match listen(ADDRESS).await {
                Ok(listener) => listener,
                Err(_) => listen(ANY_ADDRESS).await?,
            },
        };
        if !listener.address().ip().is_loopback() {
            let text = "--serve shows all mails of the demo to everybody, so it takes an address of this machine only, such as 127.0.0.1:8080";
            return Err(Failure::Usage(text.to_owned()));
        }
        let mut pages = Pages::new(&format!("http://{}", listener.address()), true);
        pages.mailbox = Some(place.outbox.clone());
        Ok((listener, pages))
    }
}

/// Where the demo is.
struct DemoPlace {
    folder: PathBuf,
    outbox: PathBuf,
}

/// Runs all steps of the demo.
async fn steps(common: &Common, out: &Out, place: &DemoPlace) -> CliResult {
    let session = Session::open_new(common, out).await?;
    let own_page = common.link_page.as_ref().map(|page| page.address.clone());
    let result = session.run(run_steps(&session, place, own_page.as_deref())).await;
    session.close().await;
    result
}

/// Issues an access token for the demo's company, and returns its secret.
async fn issue_token(common: &Common, out: &Out) -> Result<String, Failure> {
    let session = Session::open(common, out).await?;
    let token = AccessToken::new(TokenId(session.new_id().0)).map_err(|error| {
        Failure::Unavailable(format!("cannot make a secret for the token: {error}"))
    })?;
    let body = json!({"token": token.id(), "actor": OPERATOR, "secret_sha256": token.sha256_hex()});
    let issued = session.submit_new("IssueToken", body).await;
    session.close().await;
    issued.map(|_| token.text().to_owned())
}

/// Prints where the demo is served.
fn print_served(out: &Out, address: &str, token: &str) {
    if out.is_json() {
        out.document(&json!({
            "ready": true, "http": address, "mailbox": format!("{address}/mailbox"),
            "console": format!("{address}/console/"), "token": token,
        }));
        return;
    }
    out.line(&format!(
        "\nThe demo is served on this machine until Ctrl-C.\n\
         \x20 the mails, with their links:  {address}/mailbox\n\
         \x20 the console of operators:     {address}/console/\n\
         \x20 to sign in there:             company {COMPANY}, access token {token}\n\
         Commands to try in another terminal:\n\
         \x20 export BOARDING_URL={address} BOARDING_COMPANY={COMPANY} BOARDING_TOKEN={token}\n\
         \x20 boarding phones --search +48\n\
         \x20 boarding runs\n\
         ready: {address}"
    ));
}

/// The folder itself if it is empty, or the next unused folder inside it.
fn unused_folder(folder: &Path) -> Result<PathBuf, Failure> {
    let is_free = |path: &Path| match std::fs::read_dir(path) {
        Ok(mut entries) => entries.next().is_none(),
        Err(_) => !path.exists(),
    };
    let within = (2..=MAX_DEMOS).map(|n| folder.join(format!("demo-{n}")));
    std::iter::once(folder.to_owned()).chain(within).find(|path| is_free(path)).ok_or_else(|| {
        Failure::Unavailable(format!(
            "{} has {MAX_DEMOS} demos already; remove it, or give another folder with --data",
            folder.display()
        ))
    })
}

async fn run_steps(
    session: &Session<'_>,
    DemoPlace { folder, outbox }: &DemoPlace,
    own_page: Option<&str>,
) -> CliResult {
    let out = session.out;
    let step = |title: &str| out.say(&format!("\n── {title}"));

    step("1. A company: org units, roles, settings");
    people::define_company(session, own_page.is_some()).await?;
    step("2. A file of 400 people with some invalid rows");
    let first = people::import(session, &people::FIRST).await?;
    step("3. A second file: 50 existing people and 100 new ones");
    let second = people::import(session, &people::SECOND).await?;
    step("4. Phones that the import rejected are added by hand");
    people::add_phones(session, &first).await?;
    step("5. Some people are linked to WhatsApp already, and some are archived");
    people::link_and_archive(session, &second).await?;
    step("6. Previews: how many people would get a mail");
    let plans = [invite::preview(session, &first).await?, invite::preview(session, &second).await?];
    step("7. Two runs are started: the second waits for the first");
    let runs = invite::start_both(session, plans).await?;
    step("8. The result of the first run");
    let first_run = invite::watch_run(session, &runs[0]).await?;
    step("9. The result of the second run, which started after the first");
    let second_run = invite::watch_run(session, &runs[1]).await?;
    step("10. Some people open the links in their mails");
    link::follow_links(session, outbox, &runs[1], own_page).await?;
    step("11. The corporate phone list with its link states");
    link::show_phones(session).await?;
    step("12. Verification: the log is replayed and compared with the read models");
    let verified = verification::verify(session)?;
    let result = json!({
        "company": session.company,
        "data": folder,
        "outbox": outbox,
        "imports": [first, second],
        "runs": [first_run, second_run],
        "verified": verified,
    });
    print_end(out, folder, outbox, &result, own_page.is_none());
    Ok(Done::Completely)
}

/// Prints where the data is and, if the demo is over, commands to continue with.
fn print_end(out: &Out, folder: &Path, outbox: &Path, result: &Value, is_over: bool) {
    if out.is_json() {
        out.document(result);
        return;
    }
    let data = folder.display();
    out.say(&format!("\nThe data is in {data}, the mails are in {}.", outbox.display()));
    if !is_over {
        // The data folder is in use from now on.
        return;
    }
    out.say(&format!(
        "Commands to continue with:\n\
         \x20 boarding runs --company {COMPANY} --data {data}\n\
         \x20 boarding log latest --status failed --company {COMPANY} --data {data}\n\
         \x20 boarding phones --search +48 --company {COMPANY} --data {data}\n\
         \x20 boarding imports failed-rows latest --company {COMPANY} --data {data}\n\
         \x20 boarding history --limit 20 --company {COMPANY} --data {data}"
    ));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn second_demo_in_one_folder_gets_a_new_folder() {
        let folder = tempfile::tempdir().unwrap();
        let given = folder.path().join("demo");
        assert_eq!(unused_folder(&given).unwrap(), given);
        std::fs::create_dir_all(given.join("log")).unwrap();
        assert_eq!(unused_folder(&given).unwrap(), given.join("demo-2"));
        std::fs::create_dir_all(given.join("demo-2/log")).unwrap();
        assert_eq!(unused_folder(&given).unwrap(), given.join("demo-3"));
    }
}
