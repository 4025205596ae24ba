//! `boarding demo`: imports and invites sample people step by step, and verifies the read models.

use std::path::{Path, PathBuf};

use boarding_commands::values::{CompanyId, IdError};
use clap::Args;
use serde_json::{Value, json};

use super::common::Common;
use super::failure::{CliResult, Done, Failure};
use super::output::Out;
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

The demo sends nothing: it writes mails as files into its folder. If the folder has a demo already, the new demo
gets a new folder inside it.")]
pub(super) struct Demo {}

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
        let session = Session::open_new(&common, out).await?;
        let outbox = common.outbox.clone().unwrap_or_else(|| folder.join("outbox"));
        let result = session.run(run_steps(&session, &folder, &outbox)).await;
        session.close().await;
        result
    }
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

async fn run_steps(session: &Session<'_>, folder: &Path, outbox: &Path) -> CliResult {
    let out = session.out;
    let step = |title: &str| out.say(&format!("\n── {title}"));

    step("1. A company: org units, roles, settings");
    people::define_company(session).await?;
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
    link::follow_links(session, outbox, &runs[1]).await?;
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
    print_end(out, folder, outbox, &result);
    Ok(Done::Completely)
}

/// Prints where the data is, and commands to continue with.
fn print_end(out: &Out, folder: &Path, outbox: &Path, result: &Value) {
    if out.is_json() {
        out.document(result);
        return;
    }
    let data = folder.display();
    out.say(&format!(
        "\nThe data is in {data}, the mails are in {}.\n\
         Commands to continue with:\n\
         \x20 boarding runs --company {COMPANY} --data {data}\n\
         \x20 boarding log latest --status failed --company {COMPANY} --data {data}\n\
         \x20 boarding phones --search +48 --company {COMPANY} --data {data}\n\
         \x20 boarding imports failed-rows latest --company {COMPANY} --data {data}\n\
         \x20 boarding history --limit 20 --company {COMPANY} --data {data}",
        outbox.display()
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
